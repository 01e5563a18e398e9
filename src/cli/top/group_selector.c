/*
 * Selectors of groups.
 */
#include "cli/top/group_selector.h"

#include <arpa/inet.h>

#include "base/mem.h"
#include "base/utf8.h"

/* The daemon's name for groups that are too many to be told apart. */
#define GROUP_OTHERS "(others)"

/* What the values of a field are, and so what = means. */
enum kind {
	KIND_TEXT,   /* literal but for commas and wildcards */
	KIND_SOURCE, /* an IP without its port, or "unix" */
	KIND_NUMBER,
};

/*
 * Fields that stay as they are while a kill runs. Not: what changes by itself (idle, qbuf, ...),
 * flags (= asks for one letter), and what only the daemon's own host knows.
 */
static const struct field_row {
	const char *field;
	enum kind kind;
} FIELDS[] = {
	{"addr", KIND_SOURCE},
	{"user", KIND_TEXT},
	{"name", KIND_TEXT},
	{"lib-name", KIND_TEXT},
	{"lib-ver", KIND_TEXT},
	{"cmd", KIND_TEXT},
	{"type", KIND_TEXT},
	{"node", KIND_TEXT},
	{"namespace", KIND_TEXT},
	{"db", KIND_NUMBER},
	{"id", KIND_NUMBER},
	{"resp", KIND_NUMBER},
};

static const struct field_row *find_field(struct slice field)
{
	for (size_t i = 0; i < ARRAY_SIZE(FIELDS); i++) {
		if (slice_is(field, FIELDS[i].field)) {
			return &FIELDS[i];
		}
	}
	return NULL;
}

/* Why the value cannot be written into an expression; NULL: it can. */
static const char *find_obstacle(struct slice value)
{
	for (size_t i = 0; i < value.len; i++) {
		if ((unsigned char)value.data[i] < ' ') {
			return "it holds a control character";
		}
	}
	if (slice_has_char(value, '*') || slice_has_char(value, '?')) {
		return "* and ? in a selector stand for other characters";
	}
	if (slice_has_char(value, ',')) {
		return "a comma in a selector separates values";
	}
	if (!slice_is_equal(value, slice_trim(value))) {
		return "blanks at the ends of a selector's value do not count";
	}
	if (memmem(value.data, value.len, UTF8_REPLACEMENT, strlen(UTF8_REPLACEMENT)) != NULL) {
		return "it holds bytes that are no text";
	}
	return slice_is(value, GROUP_OTHERS) ? "it stands for many groups" : NULL;
}

/*
 * An address that selects what it says and nothing else. One that is IPv4 inside IPv6 is selected
 * together with the plain one, which is another group.
 */
static const char *find_source_obstacle(struct slice value)
{
	CLEANUP(mem_free_p) char *text = slice_copy(value);
	struct in6_addr v6;
	struct in_addr v4;

	if (slice_is(value, "unix") || inet_pton(AF_INET, text, &v4) == 1) {
		return NULL;
	}
	if (inet_pton(AF_INET6, text, &v6) != 1) {
		return "it is no address";
	}
	return IN6_IS_ADDR_V4MAPPED(&v6) ? "the plain IPv4 address is selected with it" : NULL;
}

static char *select_empty(const struct field_row *row, struct err *err)
{
	if (row->kind == KIND_TEXT) {
		/* Not one character or more: a value is there, and it is empty. */
		return mem_printf("%s != ?*", row->field);
	}
	err_set(err, "sessions without %s cannot be selected", row->field);
	return NULL;
}

char *group_selector_new(struct slice field, struct slice value, struct err *err)
{
	const struct field_row *row = find_field(field);
	const char *obstacle;

	if (row == NULL) {
		err_set(err,
			"groups by %.*s cannot be killed from here: no selector means exactly "
			"one of them",
			SLICE_ARG(field));
		return NULL;
	}
	if (value.len == 0) {
		return select_empty(row, err);
	}
	obstacle = find_obstacle(value);
	if (obstacle == NULL && row->kind == KIND_SOURCE) {
		obstacle = find_source_obstacle(value);
	}
	if (obstacle != NULL) {
		err_set(err, "no selector means exactly this %s: %s", row->field, obstacle);
		return NULL;
	}
	return mem_printf("%s = %.*s", row->field, SLICE_ARG(value));
}
