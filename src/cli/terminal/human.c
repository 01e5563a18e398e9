/*
 * Numbers as people read them, and bars.
 */
#include "cli/terminal/human.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/macros.h"
#include "cli/terminal/text.h"

static struct human print(const char *format, ...) PRINTF_LIKE(1, 2);

static struct human print(const char *format, ...)
{
	struct human words;
	va_list args;

	va_start(args, format);
	vsnprintf(words.text, sizeof(words.text), format, args);
	va_end(args);
	return words;
}

struct human human_count(uint64_t value)
{
	struct human digits = print("%" PRIu64, value);
	struct human words;
	size_t n = strlen(digits.text);
	char *end = words.text;

	for (size_t i = 0; i < n; i++) {
		if (i > 0 && (n - i) % 3 == 0) {
			*end++ = ',';
		}
		*end++ = digits.text[i];
	}
	*end = '\0';
	return words;
}

struct human human_growth(double difference)
{
	const double largest = 1e15; /* beyond it is nonsense, and its conversion undefined */
	uint64_t size = (uint64_t)(MIN(difference < 0 ? -difference : difference, largest) + 0.5);

	return print("%s%s", size == 0 ? "" : difference < 0 ? "-" : "+", human_count(size).text);
}

/* Two units, the smaller one with two digits so that a column of them lines up. */
static struct human print_two(
	uint64_t value, uint64_t per_large, const char *large, const char *small)
{
	return print("%" PRIu64 "%s %02" PRIu64 "%s", value / per_large, large, value % per_large,
		small);
}

struct human human_duration(double ms)
{
	/* Beyond this a duration is nonsense, and its conversion would be undefined. */
	const double longest_ms = 1e15;
	uint64_t seconds;

	if (!(ms > 0)) {
		return print("0 ms");
	}
	ms = MIN(ms, longest_ms);
	seconds = (uint64_t)(ms / 1000);
	if (ms < 9.95) {
		return print("%.1f ms", ms);
	}
	if (ms < 999.5) {
		return print("%.0f ms", ms);
	}
	if (ms < 59950) {
		return print("%.1f s", ms / 1000);
	}
	if (seconds < 3600) {
		return print_two((uint64_t)(ms / 1000 + 0.5), 60, "m", "s");
	}
	return seconds < 86400 ? print_two(seconds / 60, 60, "h", "m")
			       : print_two(seconds / 3600, 24, "d", "h");
}

struct human human_seconds(uint64_t seconds)
{
	return seconds >= 60 ? human_duration((double)seconds * 1000)
			     : print("%" PRIu64 " s", seconds);
}

struct human human_size(uint64_t n_bytes)
{
	static const char UNITS[] = "KMGTPE";
	double value = (double)n_bytes / 1024;
	size_t unit = 0;

	if (n_bytes < 1024) {
		return print("%" PRIu64 " B", n_bytes);
	}
	/* What would be rounded to 1024.0 is 1.0 of the next unit. */
	while (value >= 1023.95) {
		value /= 1024;
		unit++;
	}
	return print("%.1f %cB", value, UNITS[unit]);
}

struct human human_bar(double share, size_t columns)
{
	static const char *const EIGHTHS[] = {
		"", "\u258f", "\u258e", "\u258d", "\u258c", "\u258b", "\u258a", "\u2589"};
	size_t room = MIN(columns, (size_t)BAR_MAX_COLUMNS);
	bool is_utf8 = text_is_utf8();
	size_t n_eighths = (size_t)(MIN(MAX(share, 0.0), 1.0) * (double)room * 8 + 0.5);
	struct human bar = {""};
	char *end = bar.text;

	if (room > 0) {
		n_eighths = MAX(n_eighths, is_utf8 ? (size_t)1 : (size_t)8);
	}
	for (size_t i = 0; i < n_eighths / 8; i++) {
		end = stpcpy(end, is_utf8 ? "\u2588" : "#");
	}
	if (is_utf8) {
		stpcpy(end, EIGHTHS[n_eighths % 8]);
	}
	return bar;
}
