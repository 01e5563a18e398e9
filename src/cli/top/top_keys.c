/*
 * What the keys of sesskill top do. A selector that is being typed takes all keys until Enter or
 * Escape.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "cli/terminal/keys.h"
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

static void press_digit(struct top *top, int key)
{
	choose_field(top, (size_t)(key - '1'));
}

static void press_by(struct top *top, int key UNUSED)
{
	choose_field(top, (top->field + 1) % top->n_fields);
}

static void press_sort(struct top *top, int key UNUSED)
{
	tally_set_sort(&top->tally, (enum tally_sort)((top->tally.sort + 1) % TALLY_N_SORTS));
}

static void press_filter(struct top *top, int key UNUSED)
{
	const char *now = top->filter != NULL ? top->filter : "";

	top->n_edit = MIN(strlen(now), (size_t)TOP_MAX_FILTER_BYTES);
	memcpy(top->edit, now, top->n_edit);
	top->is_editing = true;
}

static void press_kill(struct top *top, int key UNUSED)
{
	top->wants_kill = top->tally.marked != NULL;
}

static void press_pause(struct top *top, int key UNUSED)
{
	top->is_paused = !top->is_paused;
}

static void press_refresh(struct top *top, int key UNUSED)
{
	top->is_stale = true;
}

static void press_help(struct top *top, int key UNUSED)
{
	top->has_help = !top->has_help;
}

static void press_quit(struct top *top, int key UNUSED)
{
	top->is_over = true;
}

static void press_move(struct top *top, int key)
{
	int64_t n = 0;

	switch (key) {
	case KEY_UP:
	case 'k':
		n = -1;
		break;
	case KEY_DOWN:
	case 'j':
		n = 1;
		break;
	case KEY_PAGE_UP:
		n = -TOP_PAGE;
		break;
	case KEY_PAGE_DOWN:
		n = TOP_PAGE;
		break;
	case KEY_HOME:
	case 'g':
		n = -TALLY_MAX_GROUPS;
		break;
	case KEY_END:
	case 'G':
		n = TALLY_MAX_GROUPS;
		break;
	}
	tally_move_mark(&top->tally, n);
}

static const struct action_row {
	int key;
	void (*press_fn)(struct top *top, int key);
} ACTIONS[] = {
	{KEY_UP, press_move},
	{KEY_DOWN, press_move},
	{'k', press_move},
	{'j', press_move},
	{KEY_PAGE_UP, press_move},
	{KEY_PAGE_DOWN, press_move},
	{KEY_HOME, press_move},
	{KEY_END, press_move},
	{'g', press_move},
	{'G', press_move},
	{'1', press_digit},
	{'2', press_digit},
	{'3', press_digit},
	{'4', press_digit},
	{'5', press_digit},
	{'6', press_digit},
	{'b', press_by},
	{'s', press_sort},
	{'/', press_filter},
	{'K', press_kill},
	{'p', press_pause},
	{'r', press_refresh},
	{' ', press_refresh},
	{'?', press_help},
	{'h', press_help},
	{'q', press_quit},
};

const struct top_key_help TOP_KEYS[] = {
	{"up down", "move the mark; also j k, Page, Home, End"},
	{"1-5, b", "by source, user, name, library, command; the next"},
	{"s", "sort by sessions, growth, value"},
	{"/", "a selector, as in: idle > 5m; empty: none"},
	{"K", "kill the marked group: shown first, and asked"},
	{"p", "pause, and go on"},
	{"space", "ask again now; also r"},
	{"q", "quit; also Ctrl-C"},
};
const size_t TOP_N_KEYS = ARRAY_SIZE(TOP_KEYS);

/* ---- the selector ---- */

static void end_editing(struct top *top)
{
	free(top->trial);
	top->trial = mem_copy_text(top->edit, top->n_edit);
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

void top_press(struct top *top, int key)
{
	free(top->notice);
	top->notice = NULL;
	if (top->is_editing) {
		press_in_editor(top, key);
		return;
	}
	if (top->has_help && key != 'q') {
		top->has_help = false; /* any key, and it does nothing else */
		return;
	}
	for (size_t i = 0; i < ARRAY_SIZE(ACTIONS); i++) {
		if (ACTIONS[i].key == key) {
			ACTIONS[i].press_fn(top, key);
			return;
		}
	}
}
