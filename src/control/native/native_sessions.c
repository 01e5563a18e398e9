/*
 * The native API: the sessions of an instance, or how many there are by a field.
 */
#include <stdio.h>

#include "base/mem.h"
#include "base/parse.h"
#include "control/session_answer.h"
#include "control/native/native.h"
#include "record/json.h"

/* ---- parameters ---- */

static bool read_group(
	const struct param_row *row UNUSED, struct slice value, void *field, struct err *err)
{
	struct session_list_opts *opts = field;

	opts->is_by_program = program_key_find(value, &opts->program_group);
	opts->has_group = opts->is_by_program || session_field_read(value, &opts->group, err);
	return opts->has_group;
}

static bool read_limit(
	const struct param_row *row UNUSED, struct slice value, void *field, struct err *err)
{
	uint64_t limit;

	if (!parse_u64(value, &limit) || limit == 0 || limit > SESSION_LIST_MAX_LIMIT) {
		err_set(err, "\"%.*s\" is no number from 1 to %d", SLICE_ARG(value),
			SESSION_LIST_MAX_LIMIT);
		return false;
	}
	*(size_t *)field = (size_t)limit;
	return true;
}

#define FIELD(name) offsetof(struct session_list_opts, name)

static const struct param_row rows[] = {
	{"match", true, params_read_selector, FIELD(match), 0, 0},
	{"except", true, params_read_selector, FIELD(except), 0, 0},
	{"sort", false, params_read_goal, FIELD(goals), 0, 0},
	{"free", false, params_read_goal, FIELD(goals), 0, 0},
	{"keep", false, params_read_goal, FIELD(goals), 0, 0},
	{"per", false, params_read_goal, FIELD(goals), 0, 0},
	{"limit", false, read_limit, FIELD(limit), 0, 0},
	{"group_by", false, read_group, 0, 0, 0},
	{"processes", false, params_read_switch, FIELD(wants_processes), 0, 0},
};

#undef FIELD

const char *native_sessions_param_name(size_t index)
{
	return index < ARRAY_SIZE(rows) ? rows[index].name : NULL;
}

/* ---- the answer ---- */

/* Whose a session of this host is. No server has fields of these names. */
static void set_process(json_t *object, const struct session_list_node *node, uint32_t number)
{
	const struct program *program;
	bool is_known = node->processes.is_proved;

	if (number == PROCESSES_NOBODY) {
		return;
	}
	program = processes_program(node->processes.processes, number);
	for (unsigned i = 0; i < PROGRAM_N_TEXTS; i++) {
		json_set(object, program_key((enum program_text)i),
			native_text_or_null(is_known ? program->texts[i] : ""));
	}
	json_set(object, "pid",
		is_known && program->pid != 0 ? json_integer(program->pid) : json_null());
}

/* An id is worth nothing without the process that gave it; null where the server does not tell. */
static json_t *session_json(struct session_answer *answer, const struct session_list_row *row)
{
	const struct session_list_node *node = &answer->list->nodes[row->node];
	json_t *object = json_object();

	json_set(object, "node", json_text_of(node->address));
	json_set(object, "run_id", native_text_or_null(node->run_id));
	json_set_session(object, slice_of(row->line), node->family, slice_of(node->address));
	set_process(object, node, row->program);
	return object;
}

static json_t *node_json(const struct session_list_node *node)
{
	json_t *object = json_object();

	json_set(object, "address", json_text_of(node->address));
	json_set(object, "run_id", native_text_or_null(node->run_id));
	json_set(object, "found", json_integer((json_int_t)node->n_found));
	json_set(object, "matched", json_integer((json_int_t)node->n_selected));
	json_set(object, "unreadable", json_integer((json_int_t)node->n_unreadable));
	json_set(object, "error", native_text_or_null(node->error));
	return object;
}

static const char *group_name(const struct session_list_opts *opts)
{
	return opts->is_by_program ? program_key(opts->program_group)
				   : session_field_key(opts->group);
}

static json_t *groups_json(const struct session_list *list)
{
	json_t *groups = json_array();

	for (size_t i = 0; i < list->n_groups; i++) {
		json_t *group = json_object();

		json_set(group, "value", json_text(list->groups[i].value));
		json_set(group, "count", json_integer((json_int_t)list->groups[i].n));
		json_add(groups, group);
	}
	return groups;
}

static void warn_missing(
	json_t *warnings, const struct session_list *list, enum session_field field)
{
	CLEANUP(mem_free_p) char *text = NULL;

	if ((list->given_fields & (UINT64_C(1) << field)) == 0) {
		text = mem_printf("no session has a field \"%s\"", session_field_key(field));
		json_add(warnings, json_text_of(text));
	}
}

static json_t *warnings_json(const struct session_list *list)
{
	const struct selectors *lists[] = {&list->opts.match, &list->opts.except};
	json_t *warnings = json_array();

	for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
		for (size_t k = 0; k < lists[i]->n; k++) {
			warn_missing(warnings, list, selector_field(lists[i]->items[k]));
		}
	}
	if (list->is_too_large) {
		json_add(warnings, json_text_of("more sessions are selected than goals choose "
						"from here: the first were taken"));
	}
	if (list->opts.has_group && !list->opts.is_by_program) {
		warn_missing(warnings, list, list->opts.group);
	}
	return warnings;
}

/* All but the sessions themselves. */
static json_t *head_json(const struct session_answer *answer)
{
	const struct session_list *list = answer->list;
	json_t *head = json_object();
	json_t *nodes = json_array();
	uint64_t n_found = 0;
	uint64_t n_selected = 0;

	for (size_t i = 0; i < list->n_nodes; i++) {
		n_found += list->nodes[i].n_found;
		n_selected += list->nodes[i].n_selected;
		json_add(nodes, node_json(&list->nodes[i]));
	}
	json_set(head, "instance", json_text(answer->exchange->instance));
	json_set(head, "request_id", json_text_of(answer->exchange->request_id));
	json_set(head, "found", json_integer((json_int_t)n_found));
	json_set(head, "matched", json_integer((json_int_t)n_selected));
	json_set(head, "listed", json_integer((json_int_t)list->n_rows));
	json_set(head, "nodes", nodes);
	json_set(head, "warnings", warnings_json(list));
	if (list->programs.is_wanted) {
		json_set(head, "local", json_local(&list->programs));
	}
	if (list->opts.has_group) {
		json_set(head, "group_by", json_text_of(group_name(&list->opts)));
		json_set(head, "groups", groups_json(list));
	}
	return head;
}

static void print_opening(struct session_answer *answer, FILE *out)
{
	json_print_open(head_json(answer), "sessions", out);
	fputc('[', out);
}

static bool print_end(struct session_answer *answer UNUSED, FILE *out)
{
	fputs("\n]}\n", out);
	return false;
}

static const struct session_answer_form form = {
	.open_fn = print_opening,
	.row_fn = session_json,
	.close_fn = print_end,
};

static void on_listed(struct session_answer *answer)
{
	if (answer->list->opts.has_group) {
		exchange_answer(answer->exchange, 200, head_json(answer));
		session_answer_free(answer);
	} else {
		session_answer_print(answer, &form);
	}
}

/* Without goals `sort` is the listing's own, and nodes come as the instance has them. */
static bool read_opts(struct exchange *exchange, struct session_list_opts *opts, struct err *err)
{
	goals_init(&opts->goals);
	if (!params_read(&exchange->params, rows, ARRAY_SIZE(rows), opts, err) ||
		!goals_check(&opts->goals, err)) {
		return false;
	}
	if (opts->goals.has_sort) {
		opts->sort = opts->goals.sort;
		opts->is_descending = opts->goals.is_descending;
	}
	if (goals_is_bounded(&opts->goals) && opts->has_group) {
		err_set(err, "group_by takes neither free nor keep");
		return false;
	}
	opts->instances = exchange->control->in.instances;
	opts->wants_processes |= opts->is_by_program;
	return true;
}

void native_sessions(struct exchange *exchange)
{
	struct session_list_opts opts = {.sort = SESSION_NODE, .limit = SESSION_LIST_DEFAULT_LIMIT};
	const struct instance *instance = native_find_instance(exchange);
	struct err err;

	if (instance == NULL) {
		return;
	}
	if (read_opts(exchange, &opts, &err)) {
		session_answer_take(exchange, instance, &opts, on_listed);
	} else {
		exchange_fail(exchange, EXCHANGE_INVALID_PARAMS, "%s", err.text);
		session_list_opts_finish(&opts);
	}
}
