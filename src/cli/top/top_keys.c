/*
 * The person before the screen: signals, keys, and what they make of it. A selector that is being
 * typed takes all keys until Enter or Escape.
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "cli/top/top.h"

/* Groups that a page key goes over: about as many as a small screen shows. */
#define TOP_PAGE 10

static void ask_anew(struct top *top)
{
	tally_forget_groups(&top->tally);
	top->is_stale = true;
}

static void choose_field(struct top *top, size_t field)
{
	if (field < top->n_fields && field != top->field) {
		top->field = field;
		ask_anew(top);
	}
}

/* ---- the selector ---- */

static void begin_editing(struct top *top)
{
	const char *now = top->filter != NULL ? top->filter : "";

	top->n_edit = MIN(strlen(now), (size_t)TOP_MAX_FILTER_BYTES);
	memcpy(top->edit, now, top->n_edit);
	top->is_editing = true;
}

static void end_editing(struct top *top)
{
	top_replace(&top->trial, mem_copy_text(top->edit, top->n_edit));
	top->is_editing = false;
	ask_anew(top);
}

/* With all bytes of the last character. */
static void erase(struct top *top)
{
	while (top->n_edit > 0 && ((unsigned char)top->edit[top->n_edit - 1] & 0xc0) == 0x80) {
		top->n_edit--;
	}
	top->n_edit -= top->n_edit > 0;
}

static void press_in_editor(struct top *top, int key)
{
	switch (key) {
	case KEY_ENTER:
		end_editing(top);
		break;
	case KEY_ESCAPE:
		top->is_editing = false;
		break;
	case KEY_ERASE:
		erase(top);
		break;
	default:
		if (key >= ' ' && key <= KEY_MAX_BYTE && top->n_edit < TOP_MAX_FILTER_BYTES) {
			top->edit[top->n_edit++] = (char)key;
		}
		break;
	}
}

/* ---- everything else ---- */

/* False: it is no key for the mark. */
static bool press_move(struct top *top, int key)
{
	static const struct {
		int key;
		int64_t n;
	} MOVES[] = {
		{KEY_UP, -1},
		{'k', -1},
		{KEY_DOWN, 1},
		{'j', 1},
		{KEY_PAGE_UP, -TOP_PAGE},
		{KEY_PAGE_DOWN, TOP_PAGE},
		{KEY_HOME, -TALLY_MAX_GROUPS},
		{'g', -TALLY_MAX_GROUPS},
		{KEY_END, TALLY_MAX_GROUPS},
		{'G', TALLY_MAX_GROUPS},
	};

	for (size_t i = 0; i < ARRAY_SIZE(MOVES); i++) {
		if (MOVES[i].key == key) {
			tally_move_mark(&top->tally, MOVES[i].n);
			return true;
		}
	}
	return false;
}

static void press_letter(struct top *top, int key)
{
	switch (key) {
	case 'b':
		choose_field(top, (top->field + 1) % top->n_fields);
		break;
	case 's':
		tally_set_sort(
			&top->tally, (enum tally_sort)((top->tally.sort + 1) % TALLY_N_SORTS));
		break;
	case '/':
		begin_editing(top);
		break;
	case 'K':
		top->wants_kill = top->tally.marked != NULL;
		break;
	case 'p':
		top->is_paused = !top->is_paused;
		break;
	case 'r':
	case ' ':
		top->is_stale = true;
		break;
	case '?':
	case 'h':
		top->has_help = true;
		break;
	case 'q':
		top->is_over = true;
		break;
	}
}

void top_press(struct top *top, int key)
{
	top_replace(&top->notice, NULL);
	if (top->is_editing) {
		press_in_editor(top, key);
		return;
	}
	if (top->has_help && key != 'q') {
		top->has_help = false; /* any key, and it does nothing else */
		return;
	}
	if (key >= '1' && key <= '0' + TOP_MAX_FIELDS) {
		choose_field(top, (size_t)(key - '1'));
	} else if (!press_move(top, key)) {
		press_letter(top, key);
	}
}

static void read_keys(struct top *top)
{
	char bytes[256];
	ssize_t n = live_read(&top->live, bytes, sizeof(bytes));
	struct slice rest = {bytes, n > 0 ? (size_t)n : 0};
	int key;

	top->is_over |= n < 0;
	/* What was typed ahead of a kill was not meant for its question. */
	while (!top->is_over && !top->wants_kill && live_next_key(&rest, &key)) {
		top_press(top, key);
	}
}

bool top_attend(struct top *top)
{
	switch (live_take_signals(&top->live)) {
	case LIVE_INTERRUPT:
		top->is_over = true;
		break;
	case LIVE_CONTINUED:
		top->began_ms = clock_monotonic_ms(); /* that was not the server's time */
		break;
	case LIVE_NOTHING:
		break;
	}
	top->is_over |= !top->live.is_on;
	if (!top->is_over) {
		read_keys(top);
		top_draw(top);
	}
	return !top->is_over && !top->wants_kill;
}
