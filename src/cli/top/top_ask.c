/*
 * The requests of sesskill top.
 */
#include <stdio.h>

#include "base/clock.h"
#include "base/mem.h"
#include "cli/field.h"
#include "cli/top/top.h"
#include "control/names.h"

/* A server may be slow; whoever looks can quit meanwhile. */
#define TOP_TIMEOUT_MS 120000

static char *make_listing_path(const struct top *top, const char *instance_path)
{
	CLEANUP(mem_free_p) char *query = NULL;
	CLEANUP(mem_free_p) char *limit = mem_printf("%d", TALLY_MAX_GROUPS);

	top_add_selectors(top, &query, NULL);
	form_add(&query, "group_by", top->fields[top->field]);
	form_add(&query, "limit", limit);
	return mem_printf("%s/sessions?%s", instance_path, query);
}

static bool on_tick(void *context)
{
	return top_attend(context);
}

/* False with the problem in words. */
static bool get(
	struct top *top, const char *path, struct api_answer *answer, enum api_result *ret_result)
{
	struct api_request request = {
		.socket = top->cli->socket,
		.ssh = top->cli->ssh,
		.method = "GET",
		.path = path,
		.timeout_ms = TOP_TIMEOUT_MS,
		.on_tick = top->live.is_on ? on_tick : NULL,
		.context = top,
	};
	const json_t *error;
	struct err err;

	api_answer_finish(answer);
	*ret_result = api_call(&request, answer, &err);
	if (*ret_result == API_STOPPED) {
		return false;
	}
	if (*ret_result != API_OK) {
		top_replace(&top->problem, mem_printf("%s", err.text));
		return false;
	}
	if (answer->status / 100 == 2 && answer->json != NULL) {
		return true;
	}
	error = json_object_get(answer->json, "error");
	if (field_has(error, "message")) {
		top_replace(&top->problem, slice_copy(field_text(error, "message")));
	} else {
		top_replace(&top->problem,
			mem_printf("the daemon's answer (HTTP %ld) was not understood",
				answer->status));
	}
	return false;
}

/* What was typed is wrong: it is shown again, to be put right. The one before still holds. */
static void refuse_trial(struct top *top)
{
	top_replace(&top->notice, top->problem);
	top->problem = NULL;
	if (!top->is_editing) {
		top->n_edit = (size_t)snprintf(top->edit, sizeof(top->edit), "%s", top->trial);
		top->is_editing = true;
	}
	top_replace(&top->trial, NULL);
	top->is_stale = true;
}

static void accept_trial(struct top *top)
{
	if (top->trial == NULL) {
		return;
	}
	top_replace(&top->filter, top->trial);
	top->trial = NULL;
	if (top->filter[0] == '\0') {
		top_replace(&top->filter, NULL);
	}
}

static bool ask_listing(struct top *top, const char *instance_path, struct api_answer *answer,
	enum api_result *ret_result)
{
	CLEANUP(mem_free_p) char *path = make_listing_path(top, instance_path);
	bool is_trial = top->trial != NULL;

	top->began_ms = clock_monotonic_ms();
	top->is_stale = false;
	if (!get(top, path, answer, ret_result)) {
		if (is_trial && !top->is_stale && *ret_result == API_OK && answer->status == 400) {
			refuse_trial(top);
		}
		return false;
	}
	if (top->is_stale) {
		return true; /* something else was asked for meanwhile */
	}
	accept_trial(top);
	top->ended_ms = clock_monotonic_ms();
	/* A node that does not answer costs nothing but patience. */
	top->took_ms = field_has_failed_node(answer->json) ? 0 : top->ended_ms - top->began_ms;
	tally_take_listing(&top->tally, answer->json, top->ended_ms);
	top_replace(&top->problem, NULL);
	return true;
}

/* Without it all the rest is worth a look, and no problem is told: an older daemon has none. */
static void ask_history(struct top *top, const char *instance_path)
{
	CLEANUP(mem_free_p)
	char *path = mem_printf("%s/" NAMES_HISTORY "?since=" RECENT_SINCE, instance_path);
	CLEANUP(api_answer_finish) struct api_answer answer = {0};
	char *problem = top->problem;
	int64_t now_ms = clock_monotonic_ms();
	enum api_result result;

	if (top->recent.asked_ms > 0 && now_ms - top->recent.asked_ms < RECENT_PERIOD_MS) {
		return;
	}
	top->problem = NULL;
	recent_take(&top->recent, get(top, path, &answer, &result) ? answer.json : NULL);
	top->recent.asked_ms = now_ms;
	top_replace(&top->problem, problem);
}

bool top_ask(struct top *top, struct api_answer *ret_answer, enum api_result *ret_result)
{
	CLEANUP(mem_free_p) char *path = form_path(NAMES_PATH_INSTANCES, top->instance);
	bool has_news;

	top->is_stale = false; /* also without an answer: else it would be asked without a rest */
	has_news = get(top, path, ret_answer, ret_result);
	if (has_news) {
		tally_take_instance(&top->tally, ret_answer->json);
		ask_history(top, path);
		has_news = ask_listing(top, path, ret_answer, ret_result);
	}
	top->ended_ms = clock_monotonic_ms();
	return has_news;
}
