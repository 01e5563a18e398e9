/*
 * Error texts.
 */
#include "base/err.h"

#include <stdio.h>
#include <string.h>

void err_set(struct err *err, const char *format, ...)
{
	va_list args;

	if (err == NULL) {
		return;
	}
	va_start(args, format);
	vsnprintf(err->text, sizeof(err->text), format, args);
	va_end(args);
}

void err_prefix(struct err *err, const char *format, ...)
{
	char rest[ERR_MAX_BYTES];
	va_list args;
	int used;
	int room;

	if (err == NULL) {
		return;
	}
	memcpy(rest, err->text, sizeof(rest));
	va_start(args, format);
	used = vsnprintf(err->text, sizeof(err->text), format, args);
	va_end(args);
	room = (int)sizeof(err->text) - used - (int)sizeof(": ");
	if (used >= 0 && room > 0) {
		snprintf(err->text + used, sizeof(err->text) - (size_t)used, ": %.*s", room, rest);
	}
}

void err_set_errno(struct err *err, int error_number, const char *format, ...)
{
	va_list args;
	int used;

	if (err == NULL) {
		return;
	}
	va_start(args, format);
	used = vsnprintf(err->text, sizeof(err->text), format, args);
	va_end(args);
	if (used >= 0 && (size_t)used < sizeof(err->text)) {
		snprintf(err->text + used, sizeof(err->text) - (size_t)used, ": %s",
			strerror(error_number));
	}
}
