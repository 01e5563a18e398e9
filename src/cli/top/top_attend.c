/*
 * The person before the screen: signals, keys, and what they make of it.
 */
#include "base/clock.h"
#include "cli/terminal/keys.h"
#include "cli/top/top.h"

static void read_keys(struct top *top)
{
	char bytes[256];
	ssize_t n = live_read(&top->live, bytes, sizeof(bytes));
	struct slice rest = {bytes, n > 0 ? (size_t)n : 0};
	int key;

	top->is_over |= n < 0;
	/* What was typed ahead of a kill was not meant for its question. */
	while (!top->is_over && !top->wants_kill && keys_next(&rest, &key)) {
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
