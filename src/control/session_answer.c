/*
 * Listings on their way.
 */
#include "control/session_answer.h"

#include <event2/event.h>

#include "base/check.h"
#include "base/mem.h"
#include "control/names.h"
#include "record/json.h"

void session_answer_free(struct session_answer *answer)
{
	LIST_REMOVE(answer, link);
	session_list_free(answer->list);
	if (answer->form != NULL && answer->form->free_fn != NULL) {
		answer->form->free_fn(answer->state);
	}
	if (answer->turn != NULL) {
		event_free(answer->turn);
	}
	free(answer);
}

/* ---- who may have one more ---- */

/* False: the caller's user has too much already, and the exchange is answered. */
static bool is_admitted(struct exchange *exchange, size_t n_bytes)
{
	const struct caller *caller = &exchange->http->caller;
	const struct session_answer *other;
	size_t n = 0, n_held = 0, n_held_by_all = 0;

	LIST_FOREACH(other, &exchange->control->listings, link)
	{
		n_held_by_all += other->n_bytes;
		if (other->exchange->http->caller.uid == caller->uid) {
			n++;
			n_held += other->n_bytes;
		}
	}
	if (n == SESSION_ANSWERS_MAX || (n > 0 && n_held + n_bytes > SESSION_ANSWERS_MAX_BYTES)) {
		exchange_fail(exchange, EXCHANGE_UNAVAILABLE,
			"%zu listings of this user are not yet read; read or close them first", n);
		return false;
	}
	/* Root's come on top, one of everybody's size. */
	if (n_held_by_all > 0 && n_held_by_all + n_bytes > SESSION_ANSWERS_MAX_ALL_BYTES &&
		!(n == 0 && caller->is_own)) {
		exchange_fail(exchange, EXCHANGE_UNAVAILABLE,
			"the listings of all users that are not yet read are too large");
		return false;
	}
	return true;
}

/* ---- printing ---- */

static void print_rows(struct session_answer *answer, FILE *out)
{
	const struct session_list *list = answer->list;

	for (size_t i = 0; i < SESSION_ANSWER_ROWS && answer->n_printed < list->n_rows; i++) {
		json_auto_t *row = answer->form->row_fn(answer, &list->rows[answer->n_printed]);
		CLEANUP(mem_free_p) char *text = json_print(row);

		fprintf(out, "%s\n%s", answer->n_printed > 0 ? "," : "", text);
		answer->n_printed++;
	}
}

/* False: it was the last piece. */
static bool print_piece(struct session_answer *answer, FILE *out)
{
	if (!answer->has_begun) {
		answer->form->open_fn(answer, out);
		answer->has_begun = true;
	}
	print_rows(answer, out);
	return answer->n_printed < answer->list->n_rows || answer->form->close_fn(answer, out);
}

static void finish(struct session_answer *answer)
{
	struct exchange *exchange = answer->exchange;

	session_answer_free(answer);
	exchange_stream_end(exchange);
}

static void on_taken(void *context)
{
	struct session_answer *answer = context;

	event_active(answer->turn, 0, 0);
}

static void on_turn(evutil_socket_t fd UNUSED, short what UNUSED, void *context)
{
	struct session_answer *answer = context;
	CLEANUP(mem_free_p) char *piece = NULL;
	size_t size = 0;
	FILE *out;

	if (answer->is_complete) {
		finish(answer);
		return;
	}
	out = open_memstream(&piece, &size);
	CHECK(out != NULL);
	answer->is_complete = !print_piece(answer, out);
	CHECK(fclose(out) == 0);
	/* False: the caller has left, and there is no call. */
	if (!http_stream_send(
		    answer->exchange->http, (struct slice){piece, size}, on_taken, answer)) {
		finish(answer);
	}
}

void session_answer_print(struct session_answer *answer, const struct session_answer_form *form)
{
	struct event_base *loop = answer->exchange->control->in.loop;

	answer->form = form;
	answer->turn = event_new(loop, -1, 0, on_turn, answer);
	CHECK(answer->turn != NULL);
	event_priority_set(answer->turn, event_base_get_npriorities(loop) - 1);
	exchange_stream_begin(answer->exchange, NAMES_TYPE_JSON);
	event_active(answer->turn, 0, 0);
}

/* ---- taking ---- */

static void on_listed(void *context, struct session_list *list)
{
	struct session_answer *answer = context;
	struct err err;

	answer->list = list;
	if (session_list_was_any_node_listed(list)) {
		answer->listed_fn(answer);
		return;
	}
	session_list_explain(list, &err);
	exchange_fail(answer->exchange, EXCHANGE_UNAVAILABLE, "%s", err.text);
	session_answer_free(answer);
}

void session_answer_take(struct exchange *exchange, const struct instance *instance,
	struct session_list_opts *opts, void (*listed_fn)(struct session_answer *answer))
{
	size_t n_bytes = session_list_estimate_bytes(instance, opts);
	struct session_answer *answer;

	if (!is_admitted(exchange, n_bytes)) {
		session_list_opts_finish(opts);
		return;
	}
	answer = mem_new(struct session_answer);
	answer->exchange = exchange;
	answer->n_bytes = n_bytes;
	answer->listed_fn = listed_fn;
	LIST_INSERT_HEAD(&exchange->control->listings, answer, link);
	session_list_take(exchange->control->in.loop, instance, opts, on_listed, answer);
}
