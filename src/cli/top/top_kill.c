/*
 * The kill of the marked group: by the question and the report of sesskill kill, on the ordinary
 * screen.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "cli/command/kill.h"
#include "cli/terminal/text.h"
#include "cli/top/top.h"

/* The daemon's name for groups that are too many to be told apart. */
#define GROUP_OTHERS "(others)"
/* How IPv4 inside IPv6 is written. */
#define MAPPED_PREFIX "::ffff:"
/* Longer than a day: nobody comes back to it. */
#define KEY_WAIT_MS INT64_C(100000000)

/* ---- the selector that says exactly the sessions of one group ---- */

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

char *top_group_selector(struct slice field, struct slice value, struct err *err)
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

/* `addr = 10.0.0.1` selects ::ffff:10.0.0.1 as well: is that another group here? */
static bool has_mapped_twin(const struct tally *tally, const struct tally_group *group)
{
	CLEANUP(mem_free_p) char *twin = mem_printf(MAPPED_PREFIX "%s", group->value);

	for (size_t i = 0; i < tally->n_shown; i++) {
		if (slice_is(tally_value(tally->groups[i]), twin)) {
			return true;
		}
	}
	return false;
}

static char *select_group(const struct tally *tally, struct err *err)
{
	if (slice_is(slice_of(tally->field), "addr") && has_mapped_twin(tally, tally->marked)) {
		err_set(err,
			"no selector means exactly this addr: " MAPPED_PREFIX
			"%s is selected with it",
			tally->marked->value);
		return NULL;
	}
	return top_group_selector(slice_of(tally->field), tally_value(tally->marked), err);
}

/* ---- the kill ---- */

static void print_selectors(const struct top *top, const char *group)
{
	const struct args *args = top->args;

	text_line(stderr, "Sessions of %s with", top->instance);
	text_line(stderr, "  %s", group);
	if (top->filter != NULL) {
		text_line(stderr, "  %s", top->filter);
	}
	for (size_t i = 0; i < args->n_items; i++) {
		const struct option_spec *spec = args->items[i].spec;

		if (option_is_sent(spec)) {
			text_line(
				stderr, "  %s%s", top_selector_prefix(spec), args->items[i].value);
		}
	}
}

static void ask_and_kill(struct top *top, const char *group)
{
	CLEANUP(mem_free_p) char *form = NULL;
	struct kill_order order = {
		.instance = top->instance,
		.timeout_ms = kill_answer_ms(KILL_DEFAULT_TIMEOUT_MS, 0),
	};
	enum status status;

	top_add_selectors(top, &form, group);
	order.form = form;
	print_selectors(top, group);
	if (kill_is_wanted(top->cli, &order, &status)) {
		/* The report says how it went, and top goes on. */
		(void)!kill_run(top->cli, &order);
		tally_forget(&top->tally);
	}
}

/* On the ordinary screen, so that the report can be read. False: not to come back. */
static bool wait_for_key(struct top *top)
{
	char bytes[64];
	ssize_t n = 0;

	if (!live_enter(&top->live, false)) {
		return false;
	}
	term_drop_input();
	fputs("Press a key to go back. ", stderr);
	while (n == 0 && top->live.is_on && live_take_signals(&top->live) != LIVE_INTERRUPT) {
		live_wait(&top->live, KEY_WAIT_MS);
		n = live_read(&top->live, bytes, sizeof(bytes));
	}
	live_leave(&top->live);
	fputc('\n', stderr);
	return n > 0 && bytes[0] != 'q';
}

void top_kill(struct top *top)
{
	CLEANUP(mem_free_p) char *group = NULL;
	struct err err;

	top->wants_kill = false;
	if (top->tally.marked == NULL) {
		return; /* it has ended by itself */
	}
	group = select_group(&top->tally, &err);
	if (group == NULL) {
		top_replace(&top->notice, mem_printf("Not killed: %s", err.text));
		return;
	}
	live_leave(&top->live);
	ask_and_kill(top, group);
	top->is_over = !wait_for_key(top) || !live_enter(&top->live, true);
	top->is_stale = true;
}
