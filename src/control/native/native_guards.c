/*
 * The native API: guards, what they see and whether they are held.
 */
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "control/native/native.h"
#include "control/permission.h"
#include "record/json.h"

struct page {
	const struct exchange *exchange;
	json_t *list;
};

static json_t *time_json(int64_t wall_ms)
{
	char text[CLOCK_RFC3339_BYTES];

	if (wall_ms == 0) {
		return json_null();
	}
	clock_format_rfc3339(wall_ms, text);
	return json_text_of(text);
}

static void add_guard(void *context, const struct guard_view *view)
{
	struct page *page = context;
	CLEANUP(mem_free_p) char *when = condition_print(&view->opts->when);
	json_t *object;

	if (!permission_has(page->exchange, page->exchange->action, slice_of(view->instance))) {
		return;
	}
	object = json_object();
	json_set(object, "name", json_text_of(view->opts->name));
	json_set(object, "instance", json_text_of(view->instance));
	json_set(object, "action", json_text_of(view->opts->is_kill ? "kill" : "report"));
	json_set(object, "when", json_text_of(when));
	json_set(object, "for_ms", json_integer(view->opts->for_ms));
	json_set(object, "every_ms", json_integer(view->interval_ms));
	json_set(object, "state", json_text_of(guard_view_state(view)));
	json_set(object, "why", json_text_of(guard_rest_words(view->rest)));
	json_set(object, "holding_ms", json_integer(view->held_ms));
	json_set(object, "in_episode", json_boolean(view->is_in_episode));
	json_set(object, "last_episode", time_json(view->episode_ms));
	json_set_number(object, "looks", view->n_looks);
	json_set_number(object, "episodes", view->n_episodes);
	json_set_number(object, "acts", view->n_acts);
	json_set_number(object, "recent_acts", view->n_recent);
	json_set_number(object, "at_most", view->opts->at_most.n);
	json_set_number(object, "reports", view->n_reports);
	json_set_number(object, "killed", view->n_killed);
	json_set_number(object, "matched", view->n_matched);
	json_set(object, "request_id", native_text_or_null(view->last_id));
	json_set(object, "request", guard_opts_json(view->opts));
	json_add(page->list, object);
}

static json_t *guards_json(const struct exchange *exchange)
{
	const struct guards *guards = exchange->control->in.guards;
	struct page page = {exchange, json_array()};
	json_t *body = json_object();

	guards_each(guards, add_guard, &page);
	json_set(body, "held", json_boolean(guards_is_held(guards)));
	json_set(body, "why", json_text_of(guards_held_words(guards)));
	json_set(body, "guards", page.list);
	return body;
}

void native_guards(struct exchange *exchange)
{
	exchange_answer(exchange, 200, guards_json(exchange));
}

static void answer(struct exchange *exchange, int r, const char *what, const struct err *err)
{
	if (r < 0) {
		log_error("guards: %s", err->text);
		exchange_fail(exchange, EXCHANGE_INTERNAL,
			"%s, but not beyond the daemon's end: %s", what, err->text);
	} else {
		exchange_answer(exchange, 200, guards_json(exchange));
	}
}

void native_guards_hold(struct exchange *exchange)
{
	const struct caller *caller = &exchange->http->caller;
	struct err err;
	int r = guards_hold(exchange->control->in.guards, caller, &err);

	log_notice("guards are held by uid %u", (unsigned)caller->uid);
	answer(exchange, r, "they are held", &err);
}

void native_guards_resume(struct exchange *exchange)
{
	const struct caller *caller = &exchange->http->caller;
	struct err err;
	int r = guards_resume(exchange->control->in.guards, caller, &err);

	log_notice("guards go on, by uid %u", (unsigned)caller->uid);
	answer(exchange, r, "they go on", &err);
}
