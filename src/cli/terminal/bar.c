/*
 * Bars.
 */
#include "cli/terminal/bar.h"

#include <stdio.h>

#include "base/macros.h"
#include "cli/terminal/text.h"

const char *bar_print(double share, size_t columns, char *buffer)
{
	static const char *const EIGHTHS[] = {
		"", "\u258f", "\u258e", "\u258d", "\u258c", "\u258b", "\u258a", "\u2589"};
	size_t room = MIN(columns, (size_t)BAR_MAX_COLUMNS);
	bool is_utf8 = text_is_utf8();
	size_t n_eighths = (size_t)(MIN(MAX(share, 0.0), 1.0) * (double)room * 8 + 0.5);
	size_t used = 0;

	if (room > 0) {
		n_eighths = MAX(n_eighths, is_utf8 ? (size_t)1 : (size_t)8);
	}
	buffer[0] = '\0';
	for (size_t i = 0; i < n_eighths / 8; i++) {
		used += (size_t)snprintf(
			buffer + used, BAR_BYTES - used, "%s", is_utf8 ? "\u2588" : "#");
	}
	if (is_utf8) {
		snprintf(buffer + used, BAR_BYTES - used, "%s", EIGHTHS[n_eighths % 8]);
	}
	return buffer;
}
