/*
 * Log lines on stderr.
 */
#include "base/log.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define LOG_MAX_BYTES 2048
#define LOG_MAX_LINE_BYTES (LOG_MAX_BYTES + 32)
#define LOG_MAX_NOTE_BYTES 128
/* Linux gives out the buffer of a terminal by 256 bytes; a line feed takes two. */
#define LOG_TERMINAL_BYTES 128

/* A pipe that is ready takes this much, at once and in one piece. */
_Static_assert(LOG_MAX_NOTE_BYTES + LOG_MAX_LINE_BYTES <= PIPE_BUF, "a line fits a pipe");

/* The only mutable statics: stderr, the level and what was lost belong to the process. */
static enum log_level max_level = LOG_LEVEL_INFO;
static uint64_t n_lost; /* lines since one got through */
static bool is_torn;    /* what was written last is a part of a line; it counts as lost */

void log_set_level(enum log_level level)
{
	max_level = level;
}

/* U+0080 to U+009F in UTF-8: to a terminal they are control characters like those of ASCII. */
static bool is_high_control(const unsigned char *at)
{
	return at[0] == 0xc2 && at[1] >= 0x80 && at[1] <= 0x9f;
}

size_t log_escape(const char *text, char *out, size_t out_bytes)
{
	size_t used = 0;
	size_t n_escaped = 0; /* bytes of a control character still to come */

	for (; *text != '\0' && used + 5 < out_bytes; text++) {
		unsigned char c = (unsigned char)*text;

		if (c < 0x20 || c == 0x7f) {
			n_escaped = 1;
		} else if (is_high_control((const unsigned char *)text)) {
			n_escaped = 2;
		}
		if (n_escaped > 0) {
			used += (size_t)snprintf(out + used, out_bytes - used, "\\x%02x", c);
			n_escaped--;
		} else {
			out[used++] = (char)c;
		}
	}
	return used;
}

static size_t print_prefix(enum log_level level, char *out, size_t out_bytes)
{
	static const char *const names[] = {
		[LOG_LEVEL_ERROR] = "error",
		[LOG_LEVEL_WARNING] = "warning",
		[LOG_LEVEL_NOTICE] = "notice",
		[LOG_LEVEL_INFO] = "info",
		[LOG_LEVEL_DEBUG] = "debug",
	};

	if (getenv("JOURNAL_STREAM") != NULL) {
		return (size_t)snprintf(out, out_bytes, "<%d>", (int)level);
	}
	return (size_t)snprintf(out, out_bytes, "%s: ", names[level]);
}

/* What the reader has to know before the next line; nothing when none was lost. */
static size_t print_note(char *out, size_t out_bytes)
{
	size_t used = 0;

	if (n_lost == 0) {
		return 0;
	}
	if (is_torn) {
		out[used++] = '\n';
	}
	used += print_prefix(LOG_LEVEL_WARNING, out + used, out_bytes - used);
	used += (size_t)snprintf(out + used, out_bytes - used,
		"%" PRIu64 " lines of the log were lost: nobody read them\n", n_lost);
	return used;
}

/*
 * Ready, or broken: in both cases write() returns at once. Another process that writes to the same
 * pipe can still be faster than we are. O_NONBLOCK would help against that, but it is a flag of the
 * open file description, which the shell that started us has as well.
 */
static bool is_ready(void)
{
	struct pollfd log = {STDERR_FILENO, POLLOUT, 0};

	return poll(&log, 1, 0) > 0;
}

/*
 * In one piece, so that lines of several processes do not mix; but a terminal that is ready may
 * have room for a part of a line only, and would wait with the rest.
 */
static size_t write_ready(const char *bytes, size_t n_bytes)
{
	size_t max_bytes = isatty(STDERR_FILENO) ? LOG_TERMINAL_BYTES : n_bytes;
	size_t used = 0;

	while (used < n_bytes && is_ready()) {
		ssize_t n = write(STDERR_FILENO, bytes + used, MIN(n_bytes - used, max_bytes));

		if (n <= 0) {
			break;
		}
		used += (size_t)n;
	}
	return used;
}

/* Never waits. Returns how many bytes went out. */
static size_t put(const char *bytes, size_t n_bytes)
{
	ssize_t n = send(STDERR_FILENO, bytes, n_bytes, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (n < 0 && errno == ENOTSOCK) {
		return write_ready(bytes, n_bytes);
	}
	return n > 0 ? (size_t)n : 0;
}

/* A line with `note_bytes` of a note before it. */
static void deliver(const char *bytes, size_t n_bytes, size_t note_bytes)
{
	size_t n = put(bytes, n_bytes);

	if (n > 0) {
		is_torn = bytes[n - 1] != '\n';
	}
	if (n == n_bytes) {
		n_lost = 0;
	} else if (n >= note_bytes) {
		n_lost = 1; /* this one: the note tells of those before it */
	} else {
		n_lost++;
	}
}

void log_message(enum log_level level, const char *format, ...)
{
	char text[LOG_MAX_BYTES];
	char bytes[LOG_MAX_NOTE_BYTES + LOG_MAX_LINE_BYTES];
	size_t note_bytes, used;
	va_list args;

	if (level > max_level) {
		return;
	}
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	note_bytes = print_note(bytes, LOG_MAX_NOTE_BYTES);
	used = note_bytes;
	used += print_prefix(level, bytes + used, sizeof(bytes) - used);
	used += log_escape(text, bytes + used, note_bytes + LOG_MAX_LINE_BYTES - used - 1);
	bytes[used++] = '\n';
	deliver(bytes, used, note_bytes);
}
