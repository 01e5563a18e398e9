/*
 * Answers in pieces.
 */
#include "control/pieces.h"

#include "base/check.h"
#include "base/mem.h"
#include "control/names.h"

struct pieces {
	struct exchange *exchange;
	pieces_print_fn *print_fn;
	void (*free_fn)(void *context);
	void *context;
	bool is_complete; /* the last piece is on its way */
};

static void finish(struct pieces *pieces)
{
	exchange_stream_end(pieces->exchange);
	pieces->free_fn(pieces->context);
	free(pieces);
}

static void write_piece(void *context)
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
		    pieces->exchange, (struct slice){piece, size}, write_piece, pieces)) {
		finish(pieces);
	}
}

void pieces_answer(struct exchange *exchange, pieces_print_fn *print_fn,
	void (*free_fn)(void *context), void *context)
{
	struct pieces *pieces = mem_new(struct pieces);

	*pieces = (struct pieces){exchange, print_fn, free_fn, context, false};
	exchange_stream_begin(exchange, NAMES_TYPE_JSON);
	write_piece(pieces);
}
