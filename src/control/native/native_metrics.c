/*
 * GET /metrics: what was counted, and what is true at the moment, of the instances that the caller
 * may see, and no others.
 */
#include <stdio.h>

#include "base/check.h"
#include "base/mem.h"
#include "control/native/native.h"
#include "control/permission.h"
#include "record/exposition.h"

struct page {
	const struct exchange *exchange;
	const struct instance **instances;
	size_t n_instances;
	FILE *out;
};

/* ---- nodes ---- */

/* Would a kill get in right now? A link that lacks a permission for it is never READY. */
static int64_t is_ready(const struct instance *instance, const struct link *link)
{
	char ignored[8];

	return instance_is_node_ready(instance, link, ignored, sizeof(ignored));
}

static int64_t count_reconnects(const struct instance *instance UNUSED, const struct link *link)
{
	return (int64_t)link_n_reconnects(link);
}

/* What was true before the link was lost says nothing about now. */
static int64_t count_clients(const struct instance *instance UNUSED, const struct link *link)
{
	return link_state(link) == LINK_READY ? link_server(link)->n_clients : -1;
}

static int64_t count_max_clients(const struct instance *instance UNUSED, const struct link *link)
{
	return link_state(link) == LINK_READY ? link_server(link)->max_clients : -1;
}

/* The node's own counters: they begin anew when it does, as counters may. */
static int64_t count_connections(const struct instance *instance UNUSED, const struct link *link)
{
	return link_state(link) == LINK_READY ? link_newest_server(link)->n_connections : -1;
}

static int64_t count_refused(const struct instance *instance UNUSED, const struct link *link)
{
	return link_state(link) == LINK_READY ? link_newest_server(link)->n_rejected : -1;
}

static const struct node_row {
	enum exposition_type type;
	const char *name;
	const char *help;
	int64_t (*value_fn)(const struct instance *instance,
		const struct link *link); /* negative: unknown, no sample */
} node_rows[] = {
	{EXPOSITION_GAUGE, "sesskill_link_ready",
		"Whether a kill would get in right now: connected, logged in, permitted, "
		"and proven to belong to the instance.",
		is_ready},
	{EXPOSITION_COUNTER, "sesskill_link_reconnects_total",
		"How often the connection to the node was opened again after a loss.",
		count_reconnects},
	{EXPOSITION_GAUGE, "sesskill_node_clients",
		"Clients connected to the node, as it last said.", count_clients},
	{EXPOSITION_GAUGE, "sesskill_node_maxclients",
		"Clients that the node takes at most, as it last said.", count_max_clients},
	{EXPOSITION_COUNTER, "sesskill_node_connections_total",
		"Connections that the node took since its start, as it last said.",
		count_connections},
	{EXPOSITION_COUNTER, "sesskill_node_refused_connections_total",
		"Connections for which the node had no place since its start, as it last said.",
		count_refused},
};

static void print_node_row(const struct page *page, const struct node_row *row)
{
	exposition_begin(page->out, row->type, row->name, row->help);
	for (size_t i = 0; i < page->n_instances; i++) {
		const struct instance *instance = page->instances[i];

		for (size_t k = 0; k < topology_n_nodes(instance->topology); k++) {
			const struct link *link = topology_node(instance->topology, k);
			int64_t value = row->value_fn(instance, link);

			if (value >= 0) {
				exposition_number(page->out, row->name,
					EXPOSITION_LABELS({"instance", instance->opts->id},
						{"node", link_address(link)}),
					value);
			}
		}
	}
}

/* ---- instances ---- */

/* Without nodes there is no sample above to be alarmed by. */
static int64_t is_known(const struct jobs *jobs UNUSED, const struct instance *instance)
{
	return topology_is_known(instance->topology);
}

static int64_t count_running(const struct jobs *jobs, const struct instance *instance)
{
	return (int64_t)jobs_load(jobs, instance).n_running;
}

static int64_t count_waiting(const struct jobs *jobs, const struct instance *instance)
{
	return (int64_t)jobs_load(jobs, instance).n_waiting;
}

static const struct instance_row {
	const char *name;
	const char *help;
	int64_t (*value_fn)(const struct jobs *jobs, const struct instance *instance);
} instance_rows[] = {
	{"sesskill_topology_known", "Whether it is known which nodes the instance has.", is_known},
	{"sesskill_kills_running", "Kills that run.", count_running},
	{"sesskill_kills_waiting", "Kills that wait for the one that runs on their instance.",
		count_waiting},
};

static void print_instance_row(const struct page *page, const struct instance_row *row)
{
	const struct jobs *jobs = page->exchange->control->in.jobs;

	exposition_begin(page->out, EXPOSITION_GAUGE, row->name, row->help);
	for (size_t i = 0; i < page->n_instances; i++) {
		exposition_number(page->out, row->name,
			EXPOSITION_LABELS({"instance", page->instances[i]->opts->id}),
			row->value_fn(jobs, page->instances[i]));
	}
}

/* ---- guards ---- */

static int64_t is_holding(const struct guard_view *view)
{
	return view->holds;
}

static int64_t count_episodes(const struct guard_view *view)
{
	return (int64_t)view->n_episodes;
}

static int64_t count_acts(const struct guard_view *view)
{
	return (int64_t)view->n_acts;
}

static int64_t count_reports(const struct guard_view *view)
{
	return (int64_t)view->n_reports;
}

static int64_t count_killed(const struct guard_view *view)
{
	return (int64_t)view->n_killed;
}

static int64_t count_matched(const struct guard_view *view)
{
	return (int64_t)view->n_matched;
}

static const struct guard_row {
	enum exposition_type type;
	const char *name;
	const char *help;
	int64_t (*value_fn)(const struct guard_view *view);
} guard_rows[] = {
	{EXPOSITION_GAUGE, "sesskill_guard_holding", "Whether the condition of the guard holds.",
		is_holding},
	{EXPOSITION_COUNTER, "sesskill_guard_episodes_total",
		"Times that the guard acted or reported until its condition did not hold any more.",
		count_episodes},
	{EXPOSITION_COUNTER, "sesskill_guard_kills_total", "Kills that the guard ordered.",
		count_acts},
	{EXPOSITION_COUNTER, "sesskill_guard_reports_total",
		"Times that the guard said whom it would hit.", count_reports},
	{EXPOSITION_COUNTER, "sesskill_guard_sessions_killed_total",
		"Sessions that ended by kills of the guard.", count_killed},
	{EXPOSITION_GAUGE, "sesskill_guard_sessions_matched",
		"Sessions that the guard hit, or would have, the last time.", count_matched},
};

struct guard_page {
	const struct page *page;
	const struct guard_row *row;
};

static void print_guard(void *context, const struct guard_view *view)
{
	const struct guard_page *guard_page = context;
	const struct page *page = guard_page->page;

	if (permission_has(page->exchange, page->exchange->action, slice_of(view->instance))) {
		exposition_number(page->out, guard_page->row->name,
			EXPOSITION_LABELS(
				{"guard", view->opts->name}, {"instance", view->instance}),
			guard_page->row->value_fn(view));
	}
}

static void print_guards(const struct page *page)
{
	const struct guards *guards = page->exchange->control->in.guards;
	static const char held[] = "sesskill_guards_held";

	exposition_begin(page->out, EXPOSITION_GAUGE, held,
		"Whether all guards are held: none of them acts.");
	exposition_number(page->out, held, NULL, guards_is_held(guards));
	for (size_t i = 0; i < ARRAY_SIZE(guard_rows); i++) {
		struct guard_page guard_page = {page, &guard_rows[i]};

		exposition_begin(
			page->out, guard_rows[i].type, guard_rows[i].name, guard_rows[i].help);
		guards_each(guards, print_guard, &guard_page);
	}
}

/* ---- leases ---- */

static int64_t is_any_lease(const struct lease_view *view UNUSED)
{
	return 1;
}

static int64_t is_overdue(const struct lease_view *view)
{
	return view->is_overdue;
}

static int64_t is_incomplete(const struct lease_view *view)
{
	return view->is_incomplete;
}

static int64_t n_refused(const struct lease_view *view)
{
	return MAX(view->n_refused, INT64_C(0));
}

static const struct lease_gauge {
	const char *name;
	const char *help;
	int64_t (*count_fn)(const struct lease_view *view);
} lease_gauges[] = {
	{"sesskill_leases", "Leases that stand: somebody is kept out.", is_any_lease},
	{"sesskill_leases_overdue", "Leases that are over, and somebody could not be let in again.",
		is_overdue},
	{"sesskill_leases_incomplete", "Leases that stand, and somebody could not be kept out.",
		is_incomplete},
	{"sesskill_leases_refused",
		"How often those who are kept out now have knocked, as far as "
		"is known.",
		n_refused},
};

struct lease_count {
	const struct lease_gauge *gauge;
	struct slice instance;
	int64_t n;
};

static void count_lease(void *context, const struct lease_view *view)
{
	struct lease_count *count = context;

	if (slice_is(count->instance, view->instance)) {
		count->n += count->gauge->count_fn(view);
	}
}

static void print_leases(const struct page *page)
{
	for (size_t k = 0; k < ARRAY_SIZE(lease_gauges); k++) {
		const struct lease_gauge *gauge = &lease_gauges[k];

		exposition_begin(page->out, EXPOSITION_GAUGE, gauge->name, gauge->help);
		for (size_t i = 0; i < page->n_instances; i++) {
			struct lease_count count = {
				.gauge = gauge,
				.instance = slice_of(page->instances[i]->opts->id),
			};

			leases_each(page->exchange->control->in.leases, count_lease, &count);
			exposition_number(page->out, gauge->name,
				EXPOSITION_LABELS({"instance", page->instances[i]->opts->id}),
				count.n);
		}
	}
}

/* ---- the page ---- */

static void choose_instances(struct page *page)
{
	const struct exchange *exchange = page->exchange;
	const struct instances *instances = exchange->control->in.instances;

	page->instances = mem_alloc_array(instances_n(instances), sizeof(struct instance *));
	for (size_t i = 0; i < instances_n(instances); i++) {
		const struct instance *instance = instances_get(instances, i);

		if (permission_has(exchange, exchange->action, slice_of(instance->opts->id))) {
			page->instances[page->n_instances++] = instance;
		}
	}
}

static void print_counters(const struct page *page)
{
	CLEANUP(mem_free_p)
	const struct metrics_instance **counters =
		mem_alloc_array(page->n_instances, sizeof(struct metrics_instance *));

	for (size_t i = 0; i < page->n_instances; i++) {
		counters[i] = page->instances[i]->metrics;
	}
	metrics_print(page->exchange->control->in.metrics, counters, page->n_instances, page->out);
}

static void print_audit(const struct page *page)
{
	static const char name[] = "sesskill_audit_failures_total";

	exposition_begin(page->out, EXPOSITION_COUNTER, name,
		"Lines of the audit log that could not be written.");
	exposition_number(page->out, name, NULL,
		(int64_t)audit_n_failures(page->exchange->control->in.audit));
}

static void print_page(const struct page *page)
{
	for (size_t i = 0; i < ARRAY_SIZE(node_rows); i++) {
		print_node_row(page, &node_rows[i]);
	}
	for (size_t i = 0; i < ARRAY_SIZE(instance_rows); i++) {
		print_instance_row(page, &instance_rows[i]);
	}
	native_print_session_metrics(page->out, page->instances, page->n_instances);
	print_guards(page);
	print_leases(page);
	print_audit(page);
	print_counters(page);
}

void native_metrics(struct exchange *exchange)
{
	CLEANUP(mem_free_p) char *text = NULL;
	struct page page = {.exchange = exchange};
	size_t size = 0;

	page.out = open_memstream(&text, &size);
	CHECK(page.out != NULL);
	choose_instances(&page);
	print_page(&page);
	fclose(page.out);
	free(page.instances);
	exchange_answer_text(exchange, 200, EXPOSITION_CONTENT_TYPE, (struct slice){text, size});
}
