/*
 * Gathering.
 */
#include "cli/report/evidence.h"

#include <inttypes.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/mem.h"
#include "cli/api.h"
#include "cli/field.h"
#include "cli/form.h"
#include "cli/record_lines.h"
#include "cli/when.h"
#include "control/names.h"
#include "record/json.h"

/* What is shown before the first kill and behind the last one. */
#define AROUND_MS (10 * 60 * 1000)
/* What the daemon keeps. */
#define HISTORY_MS (INT64_C(24) * 60 * 60 * 1000)

/* ---- the daemon ---- */

/* The answer to GET; NULL: none, and why is in `words`. */
static json_t *ask(const char *socket, const char *path, struct err *words)
{
	struct api_answer answer = {0};
	struct api_request request = {
		.socket = socket,
		.method = "GET",
		.path = path,
		.timeout_ms = API_TIMEOUT_MS,
	};
	json_t *json = NULL;

	if (api_call(&request, &answer, words) == API_OK) {
		const json_t *error = json_object_get(answer.json, "error");

		if (answer.status == 200) {
			json = json_incref(answer.json);
		} else {
			err_set(words, "%.*s", SLICE_ARG(field_text(error, "message")));
		}
	}
	api_answer_finish(&answer);
	return json;
}

static void note_missing(struct evidence_list *list, const char *what, const struct err *why)
{
	CLEANUP(mem_free_p) char *words = mem_printf("%s: %s", what, why->text);

	json_add(list->missing, json_text_of(words));
}

/* The report as the daemon has it. An object has what the record has under "request" as well. */
static void ask_for_kill(
	const struct evidence_source *source, struct evidence_list *list, struct evidence *kill)
{
	CLEANUP(mem_free_p) char *path = form_path(NAMES_PATH_KILLS, kill->request_id);
	struct err err;
	json_auto_t *report = ask(source->socket, path, &err);
	struct slice id = field_text(report, "request_id");

	if (report == NULL) {
		note_missing(list, "the daemon's report", &err);
		return;
	}
	free(kill->request_id);
	kill->request_id = slice_copy(id);
	json_object_update(kill->kill, report);
	json_object_update_missing(kill->kill, json_object_get(report, "request"));
}

static void ask_for_history(
	const struct evidence_source *source, struct evidence_list *list, struct slice instance)
{
	CLEANUP(mem_free_p) char *id = slice_copy(instance);
	CLEANUP(mem_free_p) char *below = form_path(NAMES_PATH_INSTANCES, id);
	int64_t since_ms = clock_wall_ms() - list->begin_ms;
	CLEANUP(mem_free_p)
	char *path = mem_printf("%s/history?since=%" PRId64 "s", below,
		MIN(MAX(since_ms, (int64_t)AROUND_MS), (int64_t)HISTORY_MS) / 1000);
	struct err err;
	json_t *history;

	if (json_object_get(list->histories, id) != NULL) {
		return;
	}
	history = ask(source->socket, path, &err);
	if (history == NULL) {
		note_missing(list, "the history of the instance", &err);
	} else {
		json_set(list->histories, id, history);
	}
}

/* ---- the record ---- */

static bool begins_with(struct slice id, const char *asked)
{
	return id.len >= strlen(asked) && strncasecmp(id.data, asked, strlen(asked)) == 0;
}

struct reading {
	struct evidence_list *list;
	const char *const *asked; /* what each kill was asked for by */
	struct err *err;
	bool is_ambiguous;
};

/* The whole id, which must be the same in all lines. */
static void settle_id(struct reading *reading, struct evidence *kill, struct slice id)
{
	if (json_array_size(kill->lines) == 0) {
		free(kill->request_id);
		kill->request_id = slice_copy(id);
	} else if (!slice_is(id, kill->request_id) && !reading->is_ambiguous) {
		err_set(reading->err, "several requests begin so: %s and %.*s", kill->request_id,
			SLICE_ARG(id));
		reading->is_ambiguous = true;
	}
}

static void on_record(void *context, const json_t *record, struct slice line, int64_t ms UNUSED)
{
	struct reading *reading = context;
	struct slice id = field_text(record, "request_id");
	struct slice event = field_text(record, "event");

	for (size_t i = 0; i < reading->list->n && id.len > 0; i++) {
		struct evidence *kill = &reading->list->items[i];

		if (!begins_with(id, reading->asked[i])) {
			continue;
		}
		settle_id(reading, kill, id);
		json_add(kill->lines, json_text(line));
		/* The outcome comes after the intent and says all that it says. */
		if (slice_is(event, "intent") || slice_is(event, "outcome") ||
			slice_is(event, "denied") || slice_is(event, "interrupted")) {
			json_object_update(kill->kill, (json_t *)record);
		}
	}
}

static bool is_one_of(const struct evidence_list *list, struct slice id)
{
	for (size_t i = 0; i < list->n; i++) {
		if (slice_is(id, list->items[i].request_id)) {
			return true;
		}
	}
	return false;
}

/* Of that time, and of none of those kills: starts, reloads, guards, what became of others. */
static void on_record_around(void *context, const json_t *record, struct slice line, int64_t ms)
{
	struct evidence_list *list = context;
	struct slice instance = field_text(record, "instance");
	struct slice event = field_text(record, "event");
	bool is_ours = instance.len == 0;

	for (size_t i = 0; i < list->n; i++) {
		is_ours |= slice_is_equal(instance, field_text(list->items[i].kill, "instance"));
	}
	if (ms >= list->begin_ms && ms <= list->end_ms && is_ours &&
		!is_one_of(list, field_text(record, "request_id")) && !slice_is(event, "intent")) {
		json_add(list->around, json_text(line));
	}
}

/* ---- all of it ---- */

/* When it began and ended, by the one of both that tells it. */
static void find_times(struct evidence *kill)
{
	int64_t ms;

	if (when_read_utc(field_text(kill->kill, "started_at"), &ms) ||
		when_read_utc(field_text(kill->kill, "time"), &ms)) {
		kill->started_ms = ms;
		kill->ended_ms = ms + (int64_t)MIN(field_count(kill->kill, "elapsed_ms"),
					      (uint64_t)HISTORY_MS);
	}
}

static void find_window(struct evidence_list *list)
{
	list->begin_ms = INT64_MAX;
	for (size_t i = 0; i < list->n; i++) {
		find_times(&list->items[i]);
		list->begin_ms = MIN(list->begin_ms, list->items[i].started_ms - AROUND_MS);
		list->end_ms = MAX(list->end_ms, list->items[i].ended_ms + AROUND_MS);
	}
	list->end_ms = MIN(list->end_ms, clock_wall_ms());
}

static bool are_known(const struct evidence_list *list, const char *record, struct err *err)
{
	for (size_t i = 0; i < list->n; i++) {
		const struct evidence *kill = &list->items[i];

		if (json_object_size(kill->kill) == 0) {
			err_set(err, "of a kill %s nothing is known by the daemon, nor from %s%s",
				kill->request_id, record,
				json_array_size(list->missing) > 1
					? ", as far as they could be asked"
					: "");
			return false;
		}
	}
	return true;
}

static void begin(struct evidence_list *list, const char *const *ids, size_t n_ids)
{
	*list = (struct evidence_list){
		.items = mem_alloc_array(n_ids, sizeof(struct evidence)),
		.n = n_ids,
		.histories = json_object(),
		.around = json_array(),
		.missing = json_array(),
	};
	for (size_t i = 0; i < n_ids; i++) {
		list->items[i].request_id = mem_printf("%s", ids[i]);
		list->items[i].kill = json_object();
		list->items[i].lines = json_array();
	}
}

bool evidence_collect(const struct evidence_source *source, const char *const *ids, size_t n_ids,
	struct evidence_list *ret_list, struct err *err)
{
	struct evidence_list *list = ret_list;
	struct reading reading = {list, ids, err, false};
	struct err why;

	begin(list, ids, n_ids);
	if (record_lines_each(source->record, on_record, &reading, &why) != 0) {
		note_missing(list, "the record", &why);
	}
	for (size_t i = 0; i < n_ids; i++) {
		ask_for_kill(source, list, &list->items[i]);
	}
	if (reading.is_ambiguous || !are_known(list, source->record, err)) {
		return false;
	}
	find_window(list);
	(void)!record_lines_each(source->record, on_record_around, list, &why);
	for (size_t i = 0; i < n_ids; i++) {
		ask_for_history(source, list, field_text(list->items[i].kill, "instance"));
	}
	return true;
}

void evidence_finish(struct evidence_list *list)
{
	for (size_t i = 0; i < list->n; i++) {
		free(list->items[i].request_id);
		json_decref(list->items[i].kill);
		json_decref(list->items[i].lines);
	}
	free(list->items);
	json_decref(list->histories);
	json_decref(list->around);
	json_decref(list->missing);
	*list = (struct evidence_list){0};
}
