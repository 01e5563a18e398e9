/*
 * Listings on their way.
 */
#include "control/session_answer.h"

#include <event2/event.h>

#include "base/check.h"
#include "base/mem.h"
#include "base/priority.h"
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
		event_free(answer->overdue);
	}
	free(answer);
}

/* ---- who may have one more ---- */

/* What is held at present. */
struct holding {
	size_t n; /* listings of the caller's user */
	size_t n_bytes;
	size_t n_bytes_of_all;
	size_t n_users; /* others */
};

static bool is_first_of_user(const struct session_answer *answer)
{
	const struct session_answer *other = answer;

	while ((other = LIST_NEXT(other, link)) != NULL) {
		if (other->exchange->http->caller.uid == answer->exchange->http->caller.uid) {
			return false;
		}
	}
	return true;
}

static struct holding sum_up(const struct exchange *exchange)
{
	const struct session_answer *answer;
	struct holding holding = {0};

	LIST_FOREACH(answer, &exchange->control->listings, link)
	{
		holding.n_bytes_of_all += answer->n_bytes;
		if (answer->exchange->http->caller.uid == exchange->http->caller.uid) {
			holding.n++;
			holding.n_bytes += answer->n_bytes;
		} else {
			holding.n_users += is_first_of_user(answer);
		}
	}
	return holding;
}

/* False: the caller's user has too much already, and the exchange is answered. */
static bool is_admitted(struct exchange *exchange, size_t n_bytes)
{
	struct holding held = sum_up(exchange);
	/* Root's come on top, one of everybody's size; and nobody locks the others out. */
	bool is_free = held.n == 0 &&
		       (exchange->http->caller.is_own || held.n_users < SESSION_ANSWERS_MANY_USERS);

	if (held.n == SESSION_ANSWERS_MAX ||
		(held.n > 0 && held.n_bytes + n_bytes > SESSION_ANSWERS_MAX_BYTES)) {
		exchange_fail(exchange, EXCHANGE_UNAVAILABLE,
			"%zu listings of this user are not yet read; read or close them first",
			held.n);
		return false;
	}
	if (!is_free && held.n_bytes_of_all > 0 &&
		held.n_bytes_of_all + n_bytes > SESSION_ANSWERS_MAX_ALL_BYTES) {
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

/* As soon as there is nothing else to do; sooner or later in any case. */
static void wait_for_turn(struct session_answer *answer)
{
	static const struct timeval patience = {.tv_usec = SESSION_ANSWER_PATIENCE_MS * 1000};

	event_active(answer->turn, 0, 0);
	evtimer_add(answer->overdue, &patience);
}

static void on_taken(void *context)
{
	wait_for_turn(context);
}

static void on_turn(evutil_socket_t fd UNUSED, short what UNUSED, void *context)
{
	struct session_answer *answer = context;
	CLEANUP(mem_free_p) char *piece = NULL;
	size_t size = 0;
	FILE *out;

	event_del(answer->turn);
	event_del(answer->overdue);
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
	answer->overdue = evtimer_new(loop, on_turn, answer);
	CHECK(answer->turn != NULL && answer->overdue != NULL);
	event_priority_set(answer->turn, PRIORITY_PATIENT);
	exchange_stream_begin(answer->exchange, NAMES_TYPE_JSON);
	wait_for_turn(answer);
}

/* ---- taking ---- */

static void on_listed(void *context, struct session_list *list)
{
	struct session_answer *answer = context;
	struct err err;

	answer->list = list;
	answer->n_bytes = session_list_bytes(list);
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
