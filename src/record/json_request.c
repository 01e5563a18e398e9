/*
 * What a request asks for, as members of a JSON object.
 */
#include "base/mem.h"
#include "record/json.h"

static json_t *selector_texts(const struct selectors *selectors)
{
	json_t *texts = json_array();

	for (size_t i = 0; i < selectors->n; i++) {
		json_add(texts, json_text_of(selector_text(selectors->items[i])));
	}
	return texts;
}

/* Session ids that were asked for one by one. */
static void set_ids(json_t *line, const struct request *request)
{
	json_t *ids;

	if (request->n_ids == 0) {
		return;
	}
	ids = json_array();
	for (size_t i = 0; i < request->n_ids; i++) {
		json_add(ids, json_integer((json_int_t)request->ids[i]));
	}
	json_set(line, "ids", ids);
}

static void set_goals(json_t *line, const struct goals *goals)
{
	if (goals->has_limit) {
		json_set_number(line, "limit", goals->limit);
	}
	if (goals->has_free) {
		json_set_number(line, "free", goals->free);
	}
	if (goals->has_keep) {
		json_set_number(line, "keep", goals->keep);
	}
	if (goals->has_per) {
		json_set(line, "per", json_text_of(session_field_key(goals->per)));
	}
	if (goals->rate > 0) {
		json_set_number(line, "rate", goals->rate);
	}
	if (goals->over_ms > 0) {
		json_set(line, "over_ms", json_integer(goals->over_ms));
	}
	if (goals_is_bounded(goals) || goals_is_spread(goals)) {
		CLEANUP(mem_free_p)
		char *sort = mem_printf(
			"%s%s", goals->is_descending ? "-" : "", session_field_key(goals->sort));

		json_set(line, "sort", json_text_of(sort));
	}
}

void json_set_caller(json_t *object, const struct caller *caller)
{
	json_set(object, "uid", json_integer(caller->uid));
	json_set(object, "gid", json_integer(caller->gid));
	json_set(object, "pid", json_integer(caller->pid));
	json_set(object, "user", json_text_of(caller->user));
	json_set(object, "exe", json_text_of(caller->exe));
}

static void set_keep_out(json_t *line, const struct request *request)
{
	if (request->keep_out_ms > 0) {
		json_set(line, "keep_out_ms", json_integer(request->keep_out_ms));
	}
	if (request->is_whole_source) {
		json_set(line, "whole_source", json_true());
	}
	if (request->holds) {
		json_set(line, "hold", json_true());
	}
	if (request->readmit > 0) {
		json_set(line, "readmit", json_integer((json_int_t)request->readmit));
	}
	if (request->keep_out_by != KEEP_OUT_ANY) {
		json_set(line, "keep_out_by",
			json_text_of(request->keep_out_by == KEEP_OUT_USER ? "user" : "address"));
	}
}

void json_set_request(json_t *line, const struct request *request)
{
	json_set(line, "all", json_boolean(request->is_all));
	json_set(line, "match", selector_texts(&request->match));
	set_ids(line, request);
	json_set(line, "except", selector_texts(&request->except));
	/* `nodes` is what an outcome says of each; what the caller chose is `node`, as in the API.
	 */
	if (request->n_nodes > 0) {
		json_set(line, "node", json_texts(request->nodes, request->n_nodes));
	}
	if (request->run_id != NULL) {
		json_set(line, "run_id", json_text_of(request->run_id));
	}
	json_set(line, "dry_run", json_boolean(request->is_dry_run));
	if (request->has_max) {
		json_set_number(line, "max", request->max);
	}
	set_goals(line, &request->goals);
	if (request->pace != PACE_INSTANCE) {
		json_set(line, "pace",
			json_text_of(request->pace == PACE_GENTLE ? "gentle" : "fast"));
	}
	if (request->stall_budget_ms > 0) {
		json_set(line, "stall_budget_ms", json_integer(request->stall_budget_ms));
	}
	json_set(line, "timeout_ms", json_integer(request->timeout_ms));
	if (request->break_busy) {
		json_set(line, "break_busy", json_true());
	}
	if (request->via != VIA_ANY) {
		json_set(line, "via",
			json_text_of(request->via == VIA_KERNEL ? "kernel" : "protocol"));
	}
	if (request->wants_cut) {
		json_set(line, "cut", json_true());
	}
	if (request->watch_ms > 0) {
		json_set(line, "watch_ms", json_integer(request->watch_ms));
	}
	set_keep_out(line, request);
	json_set(line, "reason", json_text_of(request->reason));
}
