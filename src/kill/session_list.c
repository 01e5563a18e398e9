/*
 * Listing all nodes of an instance at once.
 */
#include "kill/session_list.h"

#include <event2/event.h>
#include <event2/util.h>
#include <malloc.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "kill/kernel_use.h"
#include "kill/refusal.h"
#include "model/protection.h"

/* A row and its line, mostly. */
#define ROW_BYTES (sizeof(struct session_list_row) + 320)
/* With so many rows, what is freed is given back to the system, which the allocator does not do by
 * itself: it would stay for a listing as large. */
#define MANY_ROWS 4096

void session_list_opts_finish(struct session_list_opts *opts)
{
	selectors_finish(&opts->match);
	selectors_finish(&opts->except);
}

void session_list_free(struct session_list *list)
{
	bool is_large;

	if (list == NULL) {
		return;
	}
	is_large = list->rows_capacity >= MANY_ROWS;
	CHECK(list->n_running == 0);
	for (size_t i = 0; i < list->n_rows; i++) {
		free(list->rows[i].line);
	}
	for (size_t i = 0; i < list->n_nodes; i++) {
		client_list_leave(&list->nodes[i].reader);
		processes_server_end(&list->nodes[i].processes);
		own_sessions_finish(&list->nodes[i].own);
		link_unref(list->nodes[i].link);
		free(list->nodes[i].address);
	}
	free(list->rows);
	free(list->nodes);
	free(list->groups);
	intern_finish(&list->group_texts);
	goals_book_finish(&list->book);
	programs_finish(&list->programs);
	processes_free(list->processes);
	session_list_opts_finish(&list->opts);
	event_free(list->finished);
	free(list);
	if (is_large) {
		malloc_trim(0);
	}
}

size_t session_list_estimate_bytes(
	const struct instance *instance, const struct session_list_opts *opts)
{
	const struct topology *topology = instance->topology;
	size_t n = 0;

	for (size_t i = 0; i < topology_n_nodes(topology); i++) {
		n += (size_t)MAX(link_server(topology_node(topology, i))->n_clients, (int64_t)0);
	}
	/* Goals choose among all. */
	n = goals_is_bounded(&opts->goals) ? n : MIN(n, opts->limit);
	return opts->has_group ? 0 : n * ROW_BYTES;
}

size_t session_list_bytes(const struct session_list *list)
{
	return list->n_rows * ROW_BYTES;
}

bool session_list_was_any_node_listed(const struct session_list *list)
{
	for (size_t i = 0; i < list->n_nodes; i++) {
		if (list->nodes[i].error[0] == '\0') {
			return true;
		}
	}
	return false;
}

void session_list_explain(const struct session_list *list, struct err *err)
{
	if (list->n_nodes > 0) {
		err_set(err, "%s: %s", list->nodes[0].address, list->nodes[0].error);
	} else {
		err_set(err, "the nodes of the instance are not known: %s",
			topology_error(list->instance->topology));
	}
}

/* ---- order ---- */

static int compare_values(const struct session_list_row *left, const struct session_list_row *right)
{
	int order = (left->number > right->number) - (left->number < right->number);

	return order != 0 ? order : slice_compare(left->text, right->text);
}

/* Equals by node and id, so that the same sessions are listed in the same order, and cut alike. */
static int compare_rows(const void *a, const void *b, void *context)
{
	const struct session_list_row *left = a;
	const struct session_list_row *right = b;
	const struct session_list *list = context;
	int order = compare_values(left, right);

	if (order != 0) {
		return list->opts.is_descending ? -order : order;
	}
	order = (left->node > right->node) - (left->node < right->node);
	return order != 0 ? order : (left->id > right->id) - (left->id < right->id);
}

/* Sorting many takes a while. Sessions of one server come in the order that is mostly asked for. */
static bool is_in_order(const struct session_list *list)
{
	for (size_t i = 1; i < list->n_rows; i++) {
		if (compare_rows(&list->rows[i - 1], &list->rows[i], (void *)list) > 0) {
			return false;
		}
	}
	return true;
}

/* Puts the rows in order and drops those beyond the limit. */
static void prune(struct session_list *list)
{
	if (!is_in_order(list)) {
		qsort_r(list->rows, list->n_rows, sizeof(struct session_list_row), compare_rows,
			list);
	}
	while (list->n_rows > list->opts.limit) {
		free(list->rows[--list->n_rows].line);
	}
}

static int compare_groups(const void *a, const void *b)
{
	const struct session_list_group *left = a;
	const struct session_list_group *right = b;

	if (left->n != right->n) {
		return left->n < right->n ? 1 : -1;
	}
	return slice_compare(left->value, right->value);
}

static void sort_groups(struct session_list *list)
{
	for (uint32_t i = 0; i < list->n_groups; i++) {
		list->groups[i].value = intern_get(&list->group_texts, i);
	}
	if (list->n_groups > 0) {
		qsort(list->groups, list->n_groups, sizeof(struct session_list_group),
			compare_groups);
	}
	list->n_groups = MIN(list->n_groups, list->opts.limit);
}

/* ---- lines ---- */

/* Sorting needs the limit's worth of rows only: twice as many are kept before they are pruned. */
static void keep(struct session_list *list, uint32_t node, const struct session_line *listed,
	uint32_t program)
{
	const struct session *session = &listed->session;
	struct slice line = listed->text;
	struct slice value = session->values[list->opts.sort];
	struct session_list_row row = {
		.node = node,
		.id = session->id,
		.line = slice_copy(line),
		.program = program,
	};

	if (list->opts.sort == SESSION_NODE) {
		row.number = node;
	} else if (session_kind_is_numeric(session_field_kind(list->opts.sort))) {
		(void)!session_number(session, list->opts.sort, &row.number);
	} else if (value.data >= line.data && value.data < line.data + line.len) {
		row.text = (struct slice){row.line + (value.data - line.data), value.len};
	} else {
		row.text = list->opts.sort == SESSION_TYPE ? value : (struct slice){NULL, 0};
	}
	list->rows = mem_grow_array(
		list->rows, list->n_rows, &list->rows_capacity, sizeof(struct session_list_row));
	if (list->book.goals != NULL) {
		row.mark = goals_mark(&list->book, session);
	}
	list->rows[list->n_rows++] = row;
	if (list->book.goals == NULL && list->n_rows >= 2 * list->opts.limit + 1024) {
		prune(list);
	}
}

/*
 * Addresses are grouped without their ports: what people ask for is the host. The daemon's own
 * names are each another one, and are grouped by the expression that selects them.
 */
static struct slice group_value(const struct session_list *list, const struct session *session)
{
	struct slice value = session_group_value(session, list->opts.group);

	if (list->opts.group == SESSION_NAME && slice_has_prefix(value, PROTECTION_OWN_PREFIX)) {
		return SLICE_LITERAL(PROTECTION_OWN_PREFIX "*");
	}
	return value;
}

static void count(struct session_list *list, struct slice value, uint64_t n)
{
	uint32_t number;

	if (list->n_groups >= SESSION_LIST_MAX_GROUPS &&
		intern_find(&list->group_texts, value) == INTERN_NONE) {
		value = SLICE_LITERAL(SESSION_LIST_OTHERS);
	}
	number = intern_add(&list->group_texts, value);
	if (number == list->n_groups) {
		list->groups = mem_grow_array(list->groups, list->n_groups, &list->groups_capacity,
			sizeof(struct session_list_group));
		list->groups[list->n_groups++] = (struct session_list_group){.n = 0};
	}
	list->groups[number].n += n;
}

static void on_started(void *context)
{
	struct session_list_node *node = context;

	session_list_begin_goals(node);
	node->family = link_server(node->link)->caps.family;
	memcpy(node->run_id, link_server(node->link)->run_id, sizeof(node->run_id));
	if (node->list->processes != NULL) {
		processes_server_begin(
			&node->processes, node->list->processes, link_descriptor(node->link));
	}
}

/* One that is selected. */
static void take(struct session_list_node *node, const struct session_line *line)
{
	struct session_list *list = node->list;
	uint32_t program;

	if (!session_list_may_choose(node, &line->session)) {
		return;
	}
	if (list->book.goals != NULL && list->n_rows >= SESSION_LIST_MAX_LIMIT) {
		list->is_too_large = true;
		return;
	}
	program = processes_server_find(&node->processes, &line->session);

	node->n_selected++;
	processes_server_count(&node->processes, program);
	if (!list->opts.has_group) {
		keep(list, (uint32_t)(node - list->nodes), line, program);
	} else if (!list->opts.is_by_program) {
		count(list, group_value(list, &line->session), 1);
	}
}

static void on_session(void *context, const struct session_line *line)
{
	struct session_list_node *node = context;
	struct session_list *list = node->list;
	const struct session *session = &line->session;
	enum selector_verdict is_matched, is_excepted;

	node->n_found++;
	if (!line->is_readable) {
		node->n_unreadable++;
		return;
	}
	list->given_fields |= session_given_fields(session);
	if (session->id == link_server(node->link)->own_id) {
		processes_server_note_own(&node->processes, session);
		kernel_use_hear(list->instance, node->link, session);
	}
	is_matched = selectors_test_all(&list->opts.match, session);
	is_excepted = selectors_test_any(&list->opts.except, session);
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
static void count_programs(struct session_list *list)
{
	uint64_t n_others = 0;

	for (size_t i = 0; i < list->n_nodes; i++) {
		processes_server_sum(&list->nodes[i].processes, &list->programs);
		n_others += list->nodes[i].n_selected;
	}
	for (size_t i = 0; i < list->programs.n && list->opts.is_by_program; i++) {
		const struct program *program = &list->programs.items[i];
		struct slice text = slice_of(program->texts[list->opts.program_group]);

		count(list, text, program->found);
		n_others -= program->found;
	}
	if (list->opts.is_by_program && n_others > 0) {
		count(list, SLICE_LITERAL(""), n_others);
	}
}

static void on_finished(evutil_socket_t fd, short what, void *context)
{
	struct session_list *list = context;
	const struct instance *instance = list->instance;

	if (list->book.goals != NULL) {
		session_list_choose(list);
	} else {
		prune(list);
	}
	count_programs(list);
	sort_groups(list);
	list->done_fn(list->context, list);
	instance_release(instance);
}

static void end_part(struct session_list *list)
{
	if (--list->n_running == 0) {
		event_active(list->finished, 0, 0);
	}
}

static void on_listed(void *context, const struct listing_result *result)
{
	struct session_list_node *node = context;

	if (result->end != LISTING_WHOLE) {
		refusal_print_listing(result, node->error, sizeof(node->error));
	}
	end_part(node->list);
}

static void ask_node(struct session_list_node *node)
{
	node->reader = (struct listing_reader){
		.started_fn = on_started,
		.session_fn = on_session,
		.done_fn = on_listed,
		.context = node,
	};
	kernel_use_keep_listing(node->list->instance, node->link, true);
	if (!instance_is_node_ready(
		    node->list->instance, node->link, node->error, sizeof(node->error)) ||
		client_list_join(node->link, &node->reader) != 0) {
		end_part(node->list);
	} else {
		node->error[0] = '\0';
	}
}

/* Each server once. */
static void add_nodes(struct session_list *list)
{
	const struct topology *topology = list->instance->topology;
	size_t n = topology_n_nodes(topology);

	list->nodes = mem_alloc_array(n, sizeof(struct session_list_node));
	for (size_t i = 0; i < n; i++) {
		struct link *link = topology_node(topology, i);
		struct session_list_node *node = &list->nodes[list->n_nodes];

		if (topology_is_distinct(topology, link)) {
			node->list = list;
			node->link = link_ref(link);
			node->address = mem_printf("%s", link_address(link));
			list->n_nodes++;
		}
	}
}

static void ask_nodes(void *context)
{
	struct session_list *list = context;

	/* One more than nodes, so that it cannot be finished before all are asked. */
	list->n_running = list->n_nodes + 1;
	for (uint32_t i = 0; i < list->n_nodes; i++) {
		ask_node(&list->nodes[i]);
	}
	end_part(list);
}

void session_list_take(struct event_base *loop, const struct instance *instance,
	struct session_list_opts *opts, void (*done_fn)(void *context, struct session_list *list),
	void *context)
{
	struct session_list *list = mem_new(struct session_list);

	list->opts = *opts;
	memset(opts, 0, sizeof(*opts));
	if (goals_is_bounded(&list->opts.goals)) {
		list->book.goals = &list->opts.goals;
	}
	list->instance = instance;
	instance_hold(instance);
	list->done_fn = done_fn;
	list->context = context;
	evutil_secure_rng_get_bytes(&list->group_texts.seed, sizeof(list->group_texts.seed));
	list->book.texts.seed = list->group_texts.seed;
	list->finished = event_new(loop, -1, 0, on_finished, list);
	CHECK(list->finished != NULL);
	add_nodes(list);
	list->programs.is_wanted = list->opts.wants_processes;
	if (list->opts.wants_processes) {
		list->processes = processes_new(loop, ask_nodes, list);
	} else {
		ask_nodes(list);
	}
}
