/*
 * Listing sessions. The answer may be long: it is written in pieces.
 */
#include "control/native/sessions.h"

#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "base/parse.h"
#include "control/exchange.h"
#include "control/pieces.h"
#include "kill/session_list.h"
#include "record/json.h"

/* An answer on its way. */
struct sessions {
	struct exchange *exchange;
	struct session_list *list;
	size_t n_written;
	bool has_begun;
};

/* ---- parameters ---- */

/* `FIELD` or, from the largest to the smallest, `-FIELD`. */
static bool read_sort(struct slice value, struct session_list_opts *opts, struct err *err)
{
	opts->is_descending = slice_has_prefix(value, "-");
	if (opts->is_descending) {
		value = slice_skip(value, 1);
	}
	if (!session_field_find(value, &opts->sort)) {
		err_set(err, "unknown field \"%.*s\"", SLICE_ARG(value));
		return false;
	}
	return true;
}

static bool read_group(struct slice value, struct session_list_opts *opts, struct err *err)
{
	opts->is_by_program = program_key_find(value, &opts->program_group);
	opts->wants_processes |= opts->is_by_program;
	opts->has_group = opts->is_by_program || session_field_find(value, &opts->group);
	if (!opts->has_group) {
		err_set(err, "unknown field \"%.*s\"", SLICE_ARG(value));
	}
	return opts->has_group;
}

static bool read_limit(struct slice value, struct session_list_opts *opts, struct err *err)
{
	uint64_t limit;

	if (!parse_u64(value, &limit) || limit == 0 || limit > SESSION_LIST_MAX_LIMIT) {
		err_set(err, "\"%.*s\" is no number from 1 to %d", SLICE_ARG(value),
			SESSION_LIST_MAX_LIMIT);
		return false;
	}
	opts->limit = (size_t)limit;
	return true;
}

static bool read_processes(struct slice value, struct session_list_opts *opts, struct err *err)
{
	bool is_wanted;

	if (!parse_bool(value, &is_wanted)) {
		err_set(err, "\"%.*s\" is neither true nor false", SLICE_ARG(value));
		return false;
	}
	opts->wants_processes |= is_wanted;
	return true;
}

static bool read_match(struct slice value, struct session_list_opts *opts, struct err *err)
{
	return selectors_add_asked(&opts->match, value, err);
}

static bool read_except(struct slice value, struct session_list_opts *opts, struct err *err)
{
	return selectors_add_asked(&opts->except, value, err);
}

static const struct param_row {
	const char *name;
	bool is_repeatable;
	bool (*read_fn)(struct slice value, struct session_list_opts *opts, struct err *err);
} rows[] = {
	{"match", true, read_match},
	{"except", true, read_except},
	{"sort", false, read_sort},
	{"limit", false, read_limit},
	{"group_by", false, read_group},
	{"processes", false, read_processes},
};

const char *sessions_param_name(size_t index)
{
	return index < ARRAY_SIZE(rows) ? rows[index].name : NULL;
}

static bool read_param(const struct params *params, const struct param *param,
	struct session_list_opts *opts, struct err *err)
{
	struct slice single;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		if (strcmp(rows[i].name, param->name) != 0) {
			continue;
		}
		if (!rows[i].is_repeatable &&
			!params_get_single(params, param->name, &single, err)) {
			return false;
		}
		if (!rows[i].read_fn(param->value, opts, err)) {
			err_prefix(err, "%s", param->name);
			return false;
		}
		return true;
	}
	err_set(err, "unknown parameter \"%.64s\"", param->name);
	return false;
}

/* ---- the answer ---- */

/* "tot-mem" is "tot_mem" in JSON. */
static void set_field(json_t *object, struct slice key, json_t *value)
{
	char name[64];
	size_t n = MIN(key.len, sizeof(name) - 1);

	for (size_t i = 0; i < n; i++) {
		name[i] = key.data[i] == '-' ? '_' : key.data[i];
	}
	name[n] = '\0';
	json_set(object, name, value);
}

/* Numbers as numbers: those known to be, and what looks like one in a field that is not known. */
static json_t *field_value(struct slice key, struct slice value)
{
	enum session_field field;
	bool is_text = false;
	int64_t number;

	if (session_field_find(key, &field)) {
		enum session_field_kind kind = session_field_kind(field);

		is_text = kind == SESSION_KIND_TEXT || kind == SESSION_KIND_FLAGS ||
			  kind == SESSION_KIND_ADDRESS;
	}
	return !is_text && parse_i64(value, &number) ? json_integer(number) : json_text(value);
}

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
		const char *text = program->texts[i];

		json_set(object, program_key((enum program_text)i),
			is_known && text[0] != '\0' ? json_text_of(text) : json_null());
	}
	json_set(object, "pid",
		is_known && program->pid != 0 ? json_integer(program->pid) : json_null());
}

/* An id is worth nothing without the process that gave it; null where the server does not tell. */
static json_t *run_id_json(const struct session_list_node *node)
{
	return node->run_id[0] != '\0' ? json_text_of(node->run_id) : json_null();
}

/* Every field that the server gave, known here or not. */
static json_t *session_json(const struct session_list *list, const struct session_list_row *row)
{
	const struct session_list_node *node = &list->nodes[row->node];
	struct slice rest = slice_of(row->line);
	struct slice key, value;
	struct session session;
	json_t *object = json_object();

	json_set(object, "node", json_text_of(node->address));
	json_set(object, "run_id", run_id_json(node));
	while (session_next_value(&rest, &key, &value)) {
		set_field(object, key, field_value(key, value));
	}
	if (session_parse(slice_of(row->line), node->family, slice_of(node->address), &session,
		    NULL) == 0) {
		json_set(object, "type", json_text_of(session_type_name(session.type)));
	}
	set_process(object, node, row->program);
	return object;
}

static json_t *node_json(const struct session_list_node *node)
{
	json_t *object = json_object();

	json_set(object, "address", json_text_of(node->address));
	json_set(object, "run_id", run_id_json(node));
	json_set(object, "found", json_integer((json_int_t)node->n_found));
	json_set(object, "matched", json_integer((json_int_t)node->n_selected));
	json_set(object, "unreadable", json_integer((json_int_t)node->n_unreadable));
	json_set(object, "error", node->error[0] != '\0' ? json_text_of(node->error) : json_null());
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
	if (list->opts.has_group && !list->opts.is_by_program) {
		warn_missing(warnings, list, list->opts.group);
	}
	return warnings;
}

/* All but the sessions themselves. */
static json_t *head_json(const struct sessions *sessions)
{
	const struct session_list *list = sessions->list;
	json_t *head = json_object();
	json_t *nodes = json_array();
	uint64_t n_found = 0;
	uint64_t n_selected = 0;

	for (size_t i = 0; i < list->n_nodes; i++) {
		n_found += list->nodes[i].n_found;
		n_selected += list->nodes[i].n_selected;
		json_add(nodes, node_json(&list->nodes[i]));
	}
	json_set(head, "instance", json_text(sessions->exchange->instance));
	json_set(head, "request_id", json_text_of(sessions->exchange->request_id));
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

static void free_sessions(void *context)
{
	struct sessions *sessions = context;

	session_list_free(sessions->list);
	free(sessions);
}

/* The head is an object; the sessions go into it as its last member, one a line. */
static bool print_piece(void *context, FILE *out)
{
	struct sessions *sessions = context;
	const struct session_list *list = sessions->list;

	if (!sessions->has_begun) {
		json_print_open(head_json(sessions), "sessions", out);
		fputc('[', out);
		sessions->has_begun = true;
	}
	for (size_t i = 0; i < PIECES_ROWS && sessions->n_written < list->n_rows; i++) {
		json_auto_t *session = session_json(list, &list->rows[sessions->n_written]);
		CLEANUP(mem_free_p) char *text = json_print(session);

		fprintf(out, "%s\n%s", sessions->n_written > 0 ? "," : "", text);
		sessions->n_written++;
	}
	if (sessions->n_written < list->n_rows) {
		return true;
	}
	fputs("\n]}\n", out);
	return false;
}

static void on_listed(void *context, struct session_list *list)
{
	struct sessions *sessions = context;
	struct err err;

	sessions->list = list;
	if (!session_list_was_any_node_listed(list)) {
		session_list_explain(list, &err);
		exchange_fail(sessions->exchange, EXCHANGE_UNAVAILABLE, "%s", err.text);
		free_sessions(sessions);
	} else if (list->opts.has_group) {
		exchange_answer(sessions->exchange, 200, head_json(sessions));
		free_sessions(sessions);
	} else {
		pieces_answer(sessions->exchange, print_piece, free_sessions, sessions);
	}
}

void sessions_answer(struct exchange *exchange, const struct instance *instance)
{
	struct session_list_opts opts = {.sort = SESSION_NODE, .limit = SESSION_LIST_DEFAULT_LIMIT};
	struct sessions *sessions;
	struct err err;

	for (size_t i = 0; i < exchange->params.n; i++) {
		if (!read_param(&exchange->params, &exchange->params.items[i], &opts, &err)) {
			exchange_fail(exchange, EXCHANGE_INVALID_PARAMS, "%s", err.text);
			session_list_opts_finish(&opts);
			return;
		}
	}
	if (!exchange_begin_listing(exchange, session_list_estimate_bytes(instance, &opts))) {
		session_list_opts_finish(&opts);
		return;
	}
	sessions = mem_new(struct sessions);
	sessions->exchange = exchange;
	session_list_take(exchange->control->in.loop, instance, &opts, on_listed, sessions);
}
