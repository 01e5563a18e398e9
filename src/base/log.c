/*
 * Log lines on stderr.
 */
#include "base/log.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LOG_MAX_BYTES 2048

/* The only mutable static: a log level belongs to the process. */
static enum log_level max_level = LOG_LEVEL_INFO;

void log_set_level(enum log_level level)
{
	max_level = level;
}

static const char *level_name(enum log_level level)
{
	switch (level) {
	case LOG_LEVEL_ERROR:
		return "error";
	case LOG_LEVEL_WARNING:
		return "warning";
	case LOG_LEVEL_NOTICE:
		return "notice";
	case LOG_LEVEL_INFO:
		return "info";
	case LOG_LEVEL_DEBUG:
		return "debug";
	}
	return "?";
}

/* U+0080 to U+009F in UTF-8: to a terminal they are control characters like those of ASCII. */
static bool is_high_control(const unsigned char *at)
{
	return at[0] == 0xc2 && at[1] >= 0x80 && at[1] <= 0x9f;
}

/* Copies `text` with every control character as \xHH; returns the bytes written. */
static size_t escape(const char *text, char *out, size_t out_bytes)
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

void log_message(enum log_level level, const char *format, ...)
{
	char text[LOG_MAX_BYTES];
	char line[LOG_MAX_BYTES + 32];
	va_list args;
	size_t used;

	if (level > max_level) {
		return;
	}
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (getenv("JOURNAL_STREAM") != NULL) {
		used = (size_t)snprintf(line, sizeof(line), "<%d>", (int)level);
	} else {
		used = (size_t)snprintf(line, sizeof(line), "%s: ", level_name(level));
	}
	used += escape(text, line + used, sizeof(line) - used - 1);
	line[used++] = '\n';
	/* One write, so that lines of parent and child do not mix; a full pipe loses the line. */
	if (write(STDERR_FILENO, line, used) < 0) {
		return;
	}
}
