/*
 * The kill of the marked group: by the question and the report of sesskill kill, on the ordinary
 * screen.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "cli/top/group_selector.h"
#include "cli/command/kill.h"
#include "cli/terminal/text.h"
#include "cli/top/top.h"

/* How IPv4 inside IPv6 is written. */
#define MAPPED_PREFIX "::ffff:"
/* Longer than a day: nobody comes back to it. */
#define KEY_WAIT_MS INT64_C(100000000)

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
	return group_selector_new(slice_of(tally->field), tally_value(tally->marked), err);
}

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

		if (spec->use != OPTION_OWN) {
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
