/*
 * Rosters.
 */
#include "kill/roster.h"

#include <event2/event.h>
#include <event2/util.h>
#include <malloc.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "kill/refusal.h"
#include "model/protection.h"

/* A row and its line, mostly. */
#define ROW_BYTES (sizeof(struct roster_row) + 320)
/* With so many rows, what is freed is given back to the system, which the allocator does not do by
 * itself: it would stay for a listing as large. */
#define MANY_ROWS 4096

void roster_opts_finish(struct roster_opts *opts)
{
	selectors_finish(&opts->match);
	selectors_finish(&opts->except);
}

void roster_free(struct roster *roster)
{
	bool is_large;

	if (roster == NULL) {
		return;
	}
	is_large = roster->n_rows >= MANY_ROWS;
	CHECK(roster->n_running == 0);
	for (size_t i = 0; i < roster->n_rows; i++) {
		free(roster->rows[i].line);
	}
	for (size_t i = 0; i < roster->n_nodes; i++) {
		client_list_leave(&roster->nodes[i].reader);
		processes_server_end(&roster->nodes[i].processes);
		link_unref(roster->nodes[i].link);
		free(roster->nodes[i].address);
	}
	free(roster->rows);
	free(roster->nodes);
	free(roster->groups);
	intern_finish(&roster->group_texts);
	programs_finish(&roster->programs);
	processes_free(roster->processes);
	roster_opts_finish(&roster->opts);
	event_free(roster->finished);
	free(roster);
	if (is_large) {
		malloc_trim(0);
	}
}

size_t roster_estimate_bytes(const struct instance *instance, const struct roster_opts *opts)
{
	const struct topology *topology = instance->topology;
	size_t n = 0;

	for (size_t i = 0; i < topology_n_nodes(topology); i++) {
		n += (size_t)MAX(link_server(topology_node(topology, i))->n_clients, (int64_t)0);
	}
	return opts->has_group ? 0 : MIN(n, opts->limit) * ROW_BYTES;
}

bool roster_was_any_node_listed(const struct roster *roster)
{
	for (size_t i = 0; i < roster->n_nodes; i++) {
		if (roster->nodes[i].error[0] == '\0') {
			return true;
		}
	}
	return false;
}

void roster_explain(const struct roster *roster, struct err *err)
{
	if (roster->n_nodes > 0) {
		err_set(err, "%s: %s", roster->nodes[0].address, roster->nodes[0].error);
	} else {
		err_set(err, "the nodes of the instance are not known: %s",
			topology_error(roster->instance->topology));
	}
}

/* ---- order ---- */

static int compare_values(const struct roster_row *left, const struct roster_row *right)
{
	int order = (left->number > right->number) - (left->number < right->number);

	return order != 0 ? order : slice_compare(left->text, right->text);
}

/* Equals by node and id, so that the same sessions are listed in the same order, and cut alike. */
static int compare_rows(const void *a, const void *b, void *context)
{
	const struct roster_row *left = a;
	const struct roster_row *right = b;
	const struct roster *roster = context;
	int order = compare_values(left, right);

	if (order != 0) {
		return roster->opts.is_descending ? -order : order;
	}
	order = (left->node > right->node) - (left->node < right->node);
	return order != 0 ? order : (left->id > right->id) - (left->id < right->id);
}

/* Sorting many takes a while. Sessions of one server come in the order that is mostly asked for. */
static bool is_in_order(const struct roster *roster)
{
	for (size_t i = 1; i < roster->n_rows; i++) {
		if (compare_rows(&roster->rows[i - 1], &roster->rows[i], (void *)roster) > 0) {
			return false;
		}
	}
	return true;
}

/* Puts the rows in order and drops those beyond the limit. */
static void prune(struct roster *roster)
{
	if (!is_in_order(roster)) {
		qsort_r(roster->rows, roster->n_rows, sizeof(struct roster_row), compare_rows,
			roster);
	}
	while (roster->n_rows > roster->opts.limit) {
		free(roster->rows[--roster->n_rows].line);
	}
}

static int compare_groups(const void *a, const void *b)
{
	const struct roster_group *left = a;
	const struct roster_group *right = b;

	if (left->n != right->n) {
		return left->n < right->n ? 1 : -1;
	}
	return slice_compare(left->value, right->value);
}

static void sort_groups(struct roster *roster)
{
	for (uint32_t i = 0; i < roster->n_groups; i++) {
		roster->groups[i].value = intern_get(&roster->group_texts, i);
	}
	if (roster->n_groups > 0) {
		qsort(roster->groups, roster->n_groups, sizeof(struct roster_group),
			compare_groups);
	}
	roster->n_groups = MIN(roster->n_groups, roster->opts.limit);
}

/* ---- lines ---- */

static bool is_numeric(enum session_field field)
{
	switch (session_field_kind(field)) {
	case SESSION_KIND_NUMBER:
	case SESSION_KIND_SECONDS:
	case SESSION_KIND_BYTES:
		return true;
	case SESSION_KIND_TEXT:
	case SESSION_KIND_FLAGS:
	case SESSION_KIND_ADDRESS:
		break;
	}
	return false;
}

/* Sorting needs the limit's worth of rows only: twice as many are kept before they are pruned. */
static void keep(
	struct roster *roster, uint32_t node, const struct session_line *listed, uint32_t program)
{
	const struct session *session = &listed->session;
	struct slice line = listed->text;
	struct slice value = session->values[roster->opts.sort];
	struct roster_row row = {
		.node = node,
		.id = session->id,
		.line = slice_copy(line),
		.program = program,
	};

	if (roster->opts.sort == SESSION_NODE) {
		row.number = node;
	} else if (is_numeric(roster->opts.sort)) {
		(void)!session_number(session, roster->opts.sort, &row.number);
	} else if (value.data >= line.data && value.data < line.data + line.len) {
		row.text = (struct slice){row.line + (value.data - line.data), value.len};
	} else {
		row.text = roster->opts.sort == SESSION_TYPE ? value : (struct slice){NULL, 0};
	}
	roster->rows = mem_grow_array(
		roster->rows, roster->n_rows, &roster->rows_capacity, sizeof(struct roster_row));
	roster->rows[roster->n_rows++] = row;
	if (roster->n_rows >= 2 * roster->opts.limit + 1024) {
		prune(roster);
	}
}

/*
 * Addresses are grouped without their ports: what people ask for is the host. The daemon's own
 * names are each another one, and are grouped by the expression that selects them.
 */
static struct slice group_value(const struct roster *roster, const struct session *session)
{
	struct slice value = session->values[roster->opts.group];

	if (value.data == NULL) {
		return SLICE_LITERAL("");
	}
	if (roster->opts.group == SESSION_NAME && slice_has_prefix(value, PROTECTION_OWN_PREFIX)) {
		return SLICE_LITERAL(PROTECTION_OWN_PREFIX "*");
	}
	if (roster->opts.group == SESSION_ADDR) {
		return address_source_name(&session->addr);
	}
	return value;
}

static void count(struct roster *roster, struct slice value, uint64_t n)
{
	uint32_t number;

	if (roster->n_groups >= ROSTER_MAX_GROUPS &&
		intern_find(&roster->group_texts, value) == INTERN_NONE) {
		value = SLICE_LITERAL(ROSTER_OTHERS);
	}
	number = intern_add(&roster->group_texts, value);
	if (number == roster->n_groups) {
		roster->groups = mem_grow_array(roster->groups, roster->n_groups,
			&roster->groups_capacity, sizeof(struct roster_group));
		roster->groups[roster->n_groups++] = (struct roster_group){.n = 0};
	}
	roster->groups[number].n += n;
}

static void note_given_fields(struct roster *roster, const struct session *session)
{
	for (unsigned field = 0; field < SESSION_N_FIELDS; field++) {
		if (session->values[field].data != NULL) {
			roster->given_fields |= UINT64_C(1) << field;
		}
	}
}

static void on_started(void *context)
{
	struct roster_node *node = context;

	node->family = link_server(node->link)->caps.family;
	memcpy(node->run_id, link_server(node->link)->run_id, sizeof(node->run_id));
	if (node->roster->processes != NULL) {
		processes_server_begin(
			&node->processes, node->roster->processes, link_descriptor(node->link));
	}
}

/* One that is selected. */
static void take(struct roster_node *node, const struct session_line *line)
{
	struct roster *roster = node->roster;
	uint32_t program = processes_server_find(&node->processes, &line->session);

	node->n_selected++;
	processes_server_count(&node->processes, program);
	if (!roster->opts.has_group) {
		keep(roster, (uint32_t)(node - roster->nodes), line, program);
	} else if (!roster->opts.is_by_program) {
		count(roster, group_value(roster, &line->session), 1);
	}
}

static void on_session(void *context, const struct session_line *line)
{
	struct roster_node *node = context;
	struct roster *roster = node->roster;
	const struct session *session = &line->session;
	enum selector_verdict is_matched, is_excepted;

	node->n_found++;
	if (!line->is_readable) {
		node->n_unreadable++;
		return;
	}
	note_given_fields(roster, session);
	if (session->id == link_server(node->link)->own_id) {
		processes_server_note_own(&node->processes, session);
	}
	is_matched = selectors_test_all(&roster->opts.match, session);
	is_excepted = selectors_test_any(&roster->opts.except, session);
	if (is_matched == SELECTOR_NO || is_excepted == SELECTOR_YES) {
		return;
	}
	if (is_matched == SELECTOR_OPEN || is_excepted == SELECTOR_OPEN) {
		node->n_unreadable++; /* a value is too long to be compared */
		return;
	}
	take(node, line);
}

/* ---- nodes ---- */

/* Those of which no program is known have an empty one. */
static void count_programs(struct roster *roster)
{
	uint64_t n_others = 0;

	for (size_t i = 0; i < roster->n_nodes; i++) {
		processes_server_sum(&roster->nodes[i].processes, &roster->programs);
		n_others += roster->nodes[i].n_selected;
	}
	for (size_t i = 0; i < roster->programs.n && roster->opts.is_by_program; i++) {
		const struct program *program = &roster->programs.items[i];
		struct slice text = slice_of(program->texts[roster->opts.program_group]);

		count(roster, text, program->found);
		n_others -= program->found;
	}
	if (roster->opts.is_by_program && n_others > 0) {
		count(roster, SLICE_LITERAL(""), n_others);
	}
}

static void on_finished(evutil_socket_t fd, short what, void *context)
{
	struct roster *roster = context;
	const struct instance *instance = roster->instance;

	(void)fd;
	(void)what;
	prune(roster);
	count_programs(roster);
	sort_groups(roster);
	roster->done_fn(roster->context, roster);
	instance_release(instance);
}

static void end_part(struct roster *roster)
{
	if (--roster->n_running == 0) {
		event_active(roster->finished, 0, 0);
	}
}

static void on_listed(void *context, const struct listing_result *result)
{
	struct roster_node *node = context;

	if (result->end == LISTING_REFUSED) {
		refusal_print(result->reply, node->error, sizeof(node->error));
	} else if (result->end != LISTING_WHOLE) {
		snprintf(node->error, sizeof(node->error), "%s", result->words);
	}
	end_part(node->roster);
}

static void ask_node(struct roster_node *node)
{
	node->reader = (struct listing_reader){
		.started_fn = on_started,
		.session_fn = on_session,
		.done_fn = on_listed,
		.context = node,
	};
	if (!instance_is_node_ready(
		    node->roster->instance, node->link, node->error, sizeof(node->error)) ||
		client_list_join(node->link, &node->reader) != 0) {
		end_part(node->roster);
	} else {
		node->error[0] = '\0';
	}
}

/* Each server once. */
static void add_nodes(struct roster *roster)
{
	const struct topology *topology = roster->instance->topology;
	size_t n = topology_n_nodes(topology);

	roster->nodes = mem_alloc_array(n, sizeof(struct roster_node));
	for (size_t i = 0; i < n; i++) {
		struct link *link = topology_node(topology, i);
		struct roster_node *node = &roster->nodes[roster->n_nodes];

		if (!topology_is_unused(topology, link) && topology_twin(topology, link) == NULL) {
			node->roster = roster;
			node->link = link_ref(link);
			node->address = mem_printf("%s", link_address(link));
			roster->n_nodes++;
		}
	}
}

static void ask_nodes(void *context)
{
	struct roster *roster = context;

	/* One more than nodes, so that it cannot be finished before all are asked. */
	roster->n_running = roster->n_nodes + 1;
	for (uint32_t i = 0; i < roster->n_nodes; i++) {
		ask_node(&roster->nodes[i]);
	}
	end_part(roster);
}

void roster_take(struct event_base *loop, const struct instance *instance, struct roster_opts *opts,
	void (*done_fn)(void *context, struct roster *roster), void *context)
{
	struct roster *roster = mem_new(struct roster);

	roster->opts = *opts;
	memset(opts, 0, sizeof(*opts));
	roster->instance = instance;
	instance_hold(instance);
	roster->done_fn = done_fn;
	roster->context = context;
	evutil_secure_rng_get_bytes(&roster->group_texts.seed, sizeof(roster->group_texts.seed));
	roster->finished = event_new(loop, -1, 0, on_finished, roster);
	CHECK(roster->finished != NULL);
	add_nodes(roster);
	roster->programs.is_wanted = roster->opts.wants_processes;
	if (roster->opts.wants_processes) {
		roster->processes = processes_new(loop, ask_nodes, roster);
	} else {
		ask_nodes(roster);
	}
}
