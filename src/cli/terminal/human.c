/*
 * Numbers as people read them, and bars.
 */
#include "cli/terminal/human.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/macros.h"
#include "cli/terminal/text.h"

const char *human_count(uint64_t value, char *buffer)
{
	char digits[HUMAN_BYTES];
	size_t n = (size_t)snprintf(digits, sizeof(digits), "%" PRIu64, value);
	char *end = buffer;

	for (size_t i = 0; i < n; i++) {
		if (i > 0 && (n - i) % 3 == 0) {
			*end++ = ',';
		}
		*end++ = digits[i];
	}
	*end = '\0';
	return buffer;
}

const char *human_growth(double difference, char *buffer)
{
	const double largest = 1e15; /* beyond it is nonsense, and its conversion undefined */
	char digits[HUMAN_BYTES];
	uint64_t size = (uint64_t)(MIN(difference < 0 ? -difference : difference, largest) + 0.5);

	snprintf(buffer, HUMAN_BYTES, "%s%s",
		size == 0        ? ""
		: difference < 0 ? "-"
				 : "+",
		human_count(size, digits));
	return buffer;
}

/* Two units, the smaller one with two digits so that a column of them lines up. */
static void print_two(
	char *buffer, uint64_t value, uint64_t per_large, const char *large, const char *small)
{
	snprintf(buffer, HUMAN_BYTES, "%" PRIu64 "%s %02" PRIu64 "%s", value / per_large, large,
		value % per_large, small);
}

const char *human_duration(double ms, char *buffer)
{
	/* Beyond this a duration is nonsense, and its conversion would be undefined. */
	const double longest_ms = 1e15;
	uint64_t seconds;

	if (!(ms > 0)) {
		ms = 0;
	} else if (ms > longest_ms) {
		ms = longest_ms;
	}
	seconds = (uint64_t)(ms / 1000);
	if (ms > 0 && ms < 9.95) {
		snprintf(buffer, HUMAN_BYTES, "%.1f ms", ms);
	} else if (ms < 999.5) {
		snprintf(buffer, HUMAN_BYTES, "%.0f ms", ms);
	} else if (ms < 59950) {
		snprintf(buffer, HUMAN_BYTES, "%.1f s", ms / 1000);
	} else if (seconds < 3600) {
		seconds = (uint64_t)(ms / 1000 + 0.5);
		print_two(buffer, seconds, 60, "m", "s");
	} else if (seconds < 86400) {
		print_two(buffer, seconds / 60, 60, "h", "m");
	} else {
		print_two(buffer, seconds / 3600, 24, "d", "h");
	}
	return buffer;
}

const char *human_seconds(uint64_t seconds, char *buffer)
{
	if (seconds >= 60) {
		return human_duration((double)seconds * 1000, buffer);
	}
	snprintf(buffer, HUMAN_BYTES, "%" PRIu64 " s", seconds);
	return buffer;
}

const char *human_size(uint64_t n_bytes, char *buffer)
{
	static const char UNITS[] = "KMGTPE";
	double value = (double)n_bytes;
	size_t unit = 0;

	if (n_bytes < 1024) {
		snprintf(buffer, HUMAN_BYTES, "%" PRIu64 " B", n_bytes);
		return buffer;
	}
	/* What would be rounded to 1024.0 is 1.0 of the next unit. */
	value /= 1024;
	while (value >= 1023.95) {
		value /= 1024;
		unit++;
	}
	snprintf(buffer, HUMAN_BYTES, "%.1f %cB", value, UNITS[unit]);
	return buffer;
}

const char *human_bar(double share, size_t columns, char *buffer)
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
