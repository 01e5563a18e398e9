/*
 * The program's log: one line a message on stderr, with the priority prefix of sd-daemon(3) when
 * stderr is the journal and the level in words otherwise. Control characters are escaped, so that
 * text from a peer can neither break a line nor reach a terminal.
 *
 * Logging never waits for who reads the log. A line that stderr does not take at once (a full pipe
 * or socket, a stopped terminal, a full disk) is lost; the next one that gets through has a line
 * before it, a warning, that says how many were. A line of which only a part went out counts as
 * lost, and what follows begins on a line of its own.
 *
 * base, model and redis do not log, debug excepted: whoever decides what happens next logs once.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "base/macros.h"

/* The numbers are those of syslog(3). */
enum log_level {
	LOG_LEVEL_ERROR = 3,
	LOG_LEVEL_WARNING = 4,
	LOG_LEVEL_NOTICE = 5,
	LOG_LEVEL_INFO = 6,
	LOG_LEVEL_DEBUG = 7,
};

/* Messages above `level` are dropped; the default is LOG_LEVEL_INFO. */
void log_set_level(enum log_level level);

void log_message(enum log_level level, const char *format, ...) PRINTF_LIKE(2, 3);

/*
 * Copies `text` with every control character, of ASCII and of C1, as \xHH, as far as it fits; adds
 * no NUL. Returns the bytes written.
 */
size_t log_escape(const char *text, char *out, size_t out_bytes);
/* Where a text of so many bytes fits with a NUL, whatever it is. */
#define LOG_ESCAPED_BYTES(n_bytes) (4 * (n_bytes) + 2)

#define log_error(...) log_message(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_message(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_notice(...) log_message(LOG_LEVEL_NOTICE, __VA_ARGS__)
#define log_info(...) log_message(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) log_message(LOG_LEVEL_DEBUG, __VA_ARGS__)

#endif
