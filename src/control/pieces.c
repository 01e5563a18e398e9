/*
 * Answers in pieces.
 */
#include "control/pieces.h"

#include <event2/event.h>

#include "base/check.h"
#include "base/mem.h"
#include "control/names.h"

struct pieces {
	struct exchange *exchange;
	pieces_print_fn *print_fn;
	void (*free_fn)(void *context);
	void *context;
	struct event *turn; /* to write the next piece */
	bool is_complete;   /* the last piece is on its way */
};

static void finish(struct pieces *pieces)
{
	exchange_stream_end(pieces->exchange);
	pieces->free_fn(pieces->context);
	event_free(pieces->turn);
	free(pieces);
}

static void on_taken(void *context)
{
	struct pieces *pieces = context;

	event_active(pieces->turn, 0, 0);
}

static void on_turn(evutil_socket_t fd UNUSED, short what UNUSED, void *context)
{
	struct pieces *pieces = context;
	CLEANUP(mem_free_p) char *piece = NULL;
	size_t size = 0;
	FILE *out;

	if (pieces->is_complete) {
		finish(pieces);
		return;
	}
	out = open_memstream(&piece, &size);
	CHECK(out != NULL);
	pieces->is_complete = !pieces->print_fn(pieces->context, out);
	CHECK(fclose(out) == 0);
	if (!exchange_stream_text(
		    pieces->exchange, (struct slice){piece, size}, on_taken, pieces)) {
		finish(pieces);
	}
}

void pieces_answer(struct exchange *exchange, pieces_print_fn *print_fn,
	void (*free_fn)(void *context), void *context)
{
	struct event_base *loop = exchange->control->in.loop;
	struct pieces *pieces = mem_new(struct pieces);

	*pieces = (struct pieces){exchange, print_fn, free_fn, context, NULL, false};
	pieces->turn = event_new(loop, -1, 0, on_turn, pieces);
	CHECK(pieces->turn != NULL);
	event_priority_set(pieces->turn, event_base_get_npriorities(loop) - 1);
	exchange_stream_begin(exchange, NAMES_TYPE_JSON);
	event_active(pieces->turn, 0, 0);
}
