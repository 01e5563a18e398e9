/*
 * The native API: what happened on an instance. Samples are printed as they are read, so that a
 * long answer is never held as values; there is a limit to how many there are.
 */
#include <stdio.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/mem.h"
#include "control/names.h"
#include "control/native/native.h"
#include "control/permission.h"
#include "record/json.h"

#define DEFAULT_SINCE_MS HISTORY_SHORT_MS

/* 1 MB, and 6 ms of the loop. Of many nodes, or long, a history has longer steps. */
#define MAX_SAMPLES 10000

/* Takes what reports of kills take: reasons, and who gave them. */
#define READ_KILLS "hdm:GetKillInstanceSessionTaskResult"

struct history_params {
	int64_t since_ms;
};

static const struct param_row rows[] = {
	{"since", false, params_read_duration, offsetof(struct history_params, since_ms),
		HISTORY_SHORT_STEP_MS, HISTORY_LONG_MS},
};

const char *native_history_param_name(size_t index)
{
	return index < ARRAY_SIZE(rows) ? rows[index].name : NULL;
}

/* What is asked for, in times. */
struct page {
	const struct exchange *exchange;
	const struct instance *instance;
	int64_t begin_ms; /* monotonic: of the first step */
	int64_t end_ms;   /* behind the last one, in which we are */
	int64_t step_ms;
	int64_t wall_ms; /* how far the wall clock is ahead of the monotonic one */
	FILE *out;
};

static struct page make_page(
	const struct exchange *exchange, const struct instance *instance, int64_t since_ms)
{
	size_t n_nodes = instance_history_n_nodes(instance->history);
	int64_t step_ms = history_step_ms(since_ms, n_nodes, MAX_SAMPLES);
	int64_t now_ms = clock_monotonic_ms();
	int64_t end_ms = (now_ms / step_ms + 1) * step_ms;

	return (struct page){
		.exchange = exchange,
		.instance = instance,
		.begin_ms = end_ms - MAX(since_ms / step_ms, (int64_t)1) * step_ms,
		.end_ms = end_ms,
		.step_ms = step_ms,
		.wall_ms = clock_wall_ms() - now_ms,
	};
}

static json_t *time_json(const struct page *page, int64_t at_ms)
{
	char text[CLOCK_RFC3339_BYTES];

	clock_format_rfc3339(page->wall_ms + at_ms, text);
	return json_text_of(text);
}

/* ---- events ---- */

static void set_kill(const struct page *page, json_t *object, const struct history_event *event)
{
	json_set(object, "request_id", json_text_of(event->request_id));
	json_set(object, "state", json_text_of(report_state_name((enum report_state)event->state)));
	json_set_number(object, "killed", event->n);
	json_set_number(object, "elapsed_ms", event->elapsed_ms);
	if (permission_has_here(page->exchange, READ_KILLS)) {
		json_set(object, "user", json_text_of(event->who));
		json_set(object, "reason", native_text_or_null(event->words));
	}
}

static json_t *event_json(const struct page *page, const struct history_event *event)
{
	json_t *object = json_object();
	enum history_event_kind kind = (enum history_event_kind)event->kind;

	json_set(object, "time", time_json(page, event->at_ms));
	json_set(object, "event", json_text_of(history_event_name(kind)));
	switch (kind) {
	case HISTORY_KILL:
		set_kill(page, object, event);
		break;
	case HISTORY_LINK_LOST:
		json_set(object, "node", json_text_of(event->node));
		json_set(object, "why", native_text_or_null(event->words));
		break;
	case HISTORY_LINK_BACK:
		json_set(object, "node", json_text_of(event->node));
		break;
	case HISTORY_GUARD:
		json_set(object, "guard", json_text_of(event->who));
		json_set(object, "what", json_text_of(event->words));
		json_set(object, "request_id", json_text_of(event->request_id));
		json_set_number(object, "matched", event->n);
		break;
	case HISTORY_LEASE:
		json_set(object, "what", json_text_of(event->words));
		json_set(object, "request_id", json_text_of(event->request_id));
		break;
	case HISTORY_N_KINDS:
		break;
	}
	return object;
}

static json_t *events_json(const struct page *page)
{
	const struct history_events *events = instance_history_events(page->instance->history);
	json_t *list = json_array();

	for (size_t i = 0; i < events->n; i++) {
		if (events->items[i].at_ms >= page->begin_ms) {
			json_add(list, event_json(page, &events->items[i]));
		}
	}
	return list;
}

/* ---- samples ---- */

static void print_sample(
	const struct page *page, int64_t at_ms, const struct history_sample *sample)
{
	char time[CLOCK_RFC3339_BYTES];

	clock_format_rfc3339(page->wall_ms + at_ms, time);
	fprintf(page->out, "{\"time\":\"%s\"", time);
	for (unsigned i = 0; i < HISTORY_N_FIGURES; i++) {
		if (sample->figures[i] != HISTORY_UNKNOWN) {
			fprintf(page->out, ",\"%s\":%u",
				history_figure_name((enum history_figure)i),
				(unsigned)sample->figures[i]);
		}
	}
	fputc('}', page->out);
}

static void print_samples(const struct page *page, const struct history *history)
{
	struct history_sample sample;
	const char *between = "";

	fputc('[', page->out);
	for (int64_t at_ms = page->begin_ms; at_ms < page->end_ms; at_ms += page->step_ms) {
		if (history_read(history, at_ms, page->step_ms, &sample)) {
			fputs(between, page->out);
			print_sample(page, at_ms, &sample);
			between = ",";
		}
	}
	fputc(']', page->out);
}

static json_t *role_json(const struct topology *topology, const char *address)
{
	for (size_t i = 0; i < topology_n_nodes(topology); i++) {
		const struct link *link = topology_node(topology, i);

		if (slice_is(slice_of(address), link_address(link))) {
			return json_text_of(link_server(link)->role);
		}
	}
	return json_null();
}

static void print_node(const struct page *page, size_t index)
{
	struct instance_history_node node = instance_history_node(page->instance->history, index);
	json_t *object = json_object();

	json_set(object, "address", json_text_of(node.address));
	json_set(object, "role", role_json(page->instance->topology, node.address));
	json_set(object, "former", json_boolean(node.is_former));
	json_print_open(object, "samples", page->out);
	print_samples(page, node.history);
	fputc('}', page->out);
}

static void print_page(const struct page *page)
{
	json_t *object = json_object();

	json_set(object, "request_id", json_text_of(page->exchange->request_id));
	json_set(object, "instance", json_text_of(page->instance->opts->id));
	json_set(object, "since", time_json(page, page->begin_ms));
	json_set(object, "until", time_json(page, page->end_ms));
	json_set(object, "step_ms", json_integer(page->step_ms));
	json_set(object, "events", events_json(page));
	json_print_open(object, "nodes", page->out);
	fputc('[', page->out);
	for (size_t i = 0; i < instance_history_n_nodes(page->instance->history); i++) {
		fputs(i > 0 ? "," : "", page->out);
		print_node(page, i);
	}
	fputs("]}", page->out);
}

void native_history(struct exchange *exchange)
{
	const struct instance *instance = native_find_instance(exchange);
	struct history_params params = {.since_ms = DEFAULT_SINCE_MS};
	CLEANUP(mem_free_p) char *text = NULL;
	size_t size = 0;
	struct page page;
	struct err err;

	if (instance == NULL) {
		return;
	}
	if (!params_read(&exchange->params, rows, ARRAY_SIZE(rows), &params, &err)) {
		exchange_fail(exchange, EXCHANGE_INVALID_PARAMS, "%s", err.text);
		return;
	}
	page = make_page(exchange, instance, params.since_ms);
	page.out = open_memstream(&text, &size);
	CHECK(page.out != NULL);
	print_page(&page);
	CHECK(fclose(page.out) == 0);
	exchange_answer_text(exchange, 200, NAMES_TYPE_JSON, (struct slice){text, size});
}
