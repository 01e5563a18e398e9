/*
 * Moments.
 */
#include "cli/when.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "base/parse.h"

#define MS_PER_S 1000
#define S_PER_DAY 86400
/* Twelve of them make a year in which a month tells which one. */
#define S_PER_MONTH (30 * S_PER_DAY)

static time_t seconds_of(int64_t ms)
{
	return (time_t)(ms / MS_PER_S);
}

static struct tm local_parts(int64_t ms)
{
	time_t seconds = seconds_of(ms);
	struct tm parts = {0};

	localtime_r(&seconds, &parts);
	return parts;
}

struct when when_show(int64_t ms)
{
	struct tm parts = local_parts(ms);
	struct when when = {""};

	strftime(when.text, sizeof(when.text), "%Y-%m-%d %H:%M:%S", &parts);
	return when;
}

struct when when_zone(int64_t ms)
{
	struct tm parts = local_parts(ms);
	struct when when = {""};

	strftime(when.text, sizeof(when.text), "%Z", &parts);
	return when;
}

struct when when_show_short(int64_t ms, int64_t now_ms)
{
	struct tm parts = local_parts(ms), now = local_parts(now_ms);
	int64_t ago_s = (now_ms - ms) / MS_PER_S;
	struct when when = {""};

	if (parts.tm_year == now.tm_year && parts.tm_yday == now.tm_yday) {
		strftime(when.text, sizeof(when.text), "%H:%M:%S", &parts);
	} else if (ago_s >= 0 && ago_s < 12 * (int64_t)S_PER_MONTH) {
		strftime(when.text, sizeof(when.text), "%b %d %H:%M", &parts);
	} else {
		strftime(when.text, sizeof(when.text), "%Y-%m-%d", &parts);
	}
	return when;
}

/* Midnight, `days` days from that of `ms`. */
static int64_t midnight(int64_t ms, int days)
{
	struct tm parts = local_parts(ms);

	parts.tm_sec = parts.tm_min = parts.tm_hour = 0;
	parts.tm_mday += days;
	parts.tm_isdst = -1;
	return (int64_t)mktime(&parts) * MS_PER_S;
}

/* ---- reading ---- */

/* "2h", or a number and the next word: its first letter is the unit. */
static bool read_amount(struct slice word, struct slice *rest, int64_t *ret_ms)
{
	static const char *const units[] = {"second", "minute", "hour", "day", "week"};
	char amount[32];
	struct slice unit;

	for (size_t i = 0; i < ARRAY_SIZE(units) && rest->data != NULL; i++) {
		if (slice_has_prefix(*rest, units[i]) && word.len + 1 < sizeof(amount)) {
			memcpy(amount, word.data, word.len);
			amount[word.len] = units[i][0];
			word = (struct slice){amount, word.len + 1};
			if (units[i][0] == 'w') {
				amount[word.len - 1] = 'd';
			}
			if (!slice_next(rest, ' ', &unit) || !parse_duration_ms(word, 0, ret_ms) ||
				*ret_ms > INT64_MAX / 7) {
				return false;
			}
			*ret_ms *= units[i][0] == 'w' ? 7 : 1;
			return true;
		}
	}
	return parse_duration_ms(word, 0, ret_ms);
}

/* "2h", "90m" and, as they are spoken, "2 hours ago", "1 day 2 hours". */
static bool read_ago(const char *text, int64_t *ret_ms)
{
	struct slice rest = slice_trim(slice_of(text));
	int64_t all_ms = 0, ms;
	struct slice word;

	if (slice_has_suffix(rest, " ago")) {
		rest.len -= strlen(" ago");
	}
	while (slice_next(&rest, ' ', &word)) {
		if (!read_amount(word, &rest, &ms) || all_ms > INT64_MAX - ms) {
			return false;
		}
		all_ms += ms;
	}
	*ret_ms = all_ms;
	return true;
}

/* The parts that `format` does not have are those of `base_ms`, at midnight. */
static bool read_as(const char *text, const char *format, int64_t base_ms, int64_t *ret_ms)
{
	struct tm parts = local_parts(base_ms);
	const char *end;
	int day;

	parts.tm_sec = parts.tm_min = parts.tm_hour = 0;
	end = strptime(text, format, &parts);
	if (end == NULL || (end[0] != '\0' && strcmp(end, "Z") != 0)) {
		return false;
	}
	day = parts.tm_mday;
	parts.tm_isdst = -1;
	*ret_ms = (int64_t)(end[0] == 'Z' ? timegm(&parts) : mktime(&parts)) * MS_PER_S;
	return parts.tm_mday == day; /* else it is a 30th of February */
}

static bool read_date(const char *text, int64_t now_ms, int64_t *ret_ms)
{
	static const char *const formats[] = {"%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S",
		"%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M", "%Y-%m-%d"};

	for (size_t i = 0; i < ARRAY_SIZE(formats); i++) {
		if (read_as(text, formats[i], now_ms, ret_ms)) {
			return true;
		}
	}
	return false;
}

/* Who says 23:00 at one in the morning means the evening before. */
static bool read_time(const char *text, int64_t now_ms, int64_t *ret_ms)
{
	if (!read_as(text, "%H:%M:%S", now_ms, ret_ms) && !read_as(text, "%H:%M", now_ms, ret_ms)) {
		return false;
	}
	if (*ret_ms > now_ms) {
		return read_as(text, strlen(text) > strlen("00:00") ? "%H:%M:%S" : "%H:%M",
			midnight(now_ms, -1), ret_ms);
	}
	return true;
}

/* "yesterday", "yesterday 03:00". */
static bool read_day(const char *text, const char *word, int64_t midnight_ms, int64_t *ret_ms)
{
	const char *rest = text + strlen(word);

	if (strncmp(text, word, strlen(word)) != 0) {
		return false;
	}
	*ret_ms = midnight_ms;
	return rest[0] == '\0' ||
	       (rest[0] == ' ' && (read_as(rest + 1, "%H:%M:%S", midnight_ms, ret_ms) ||
					  read_as(rest + 1, "%H:%M", midnight_ms, ret_ms)));
}

bool when_read(const char *text, int64_t now_ms, int64_t *ret_ms)
{
	int64_t ago_ms;

	if (when_read_utc(slice_of(text), ret_ms)) {
		return true; /* as the daemon writes them */
	}
	if (strcmp(text, "now") == 0) {
		*ret_ms = now_ms;
	} else if (read_day(text, "today", midnight(now_ms, 0), ret_ms) ||
		   read_day(text, "yesterday", midnight(now_ms, -1), ret_ms)) {
		return true;
	} else if (read_ago(text[0] == '-' ? text + 1 : text, &ago_ms)) {
		*ret_ms = now_ms - MIN(ago_ms, now_ms);
	} else {
		return read_date(text, now_ms, ret_ms) || read_time(text, now_ms, ret_ms);
	}
	return true;
}

bool when_read_utc(struct slice text, int64_t *ret_ms)
{
	CLEANUP(mem_free_p) char *copy = slice_copy(text);
	struct tm parts = {0};
	const char *end = strptime(copy, "%Y-%m-%dT%H:%M:%S", &parts);
	struct slice rest = slice_of(end);
	uint64_t ms = 0;

	if (end == NULL || !slice_has_suffix(rest, "Z")) {
		return false;
	}
	rest.len--;
	if (rest.len > 0 &&
		(rest.data[0] != '.' || !parse_u64(slice_skip(rest, 1), &ms) || ms >= MS_PER_S)) {
		return false;
	}
	*ret_ms = (int64_t)timegm(&parts) * MS_PER_S + (int64_t)ms;
	return true;
}

char *when_local(struct slice text)
{
	int64_t ms;

	if (!when_read_utc(text, &ms)) {
		return slice_copy(text);
	}
	return mem_printf("%s %s", when_show(ms).text, when_zone(ms).text);
}
