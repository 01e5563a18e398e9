/*
 * Instances and their nodes: is each ready for a kill, and if not, why.
 */
#include "cli/print/print.h"

#include "cli/field.h"
#include "cli/terminal/human.h"
#include "cli/terminal/table.h"
#include "cli/terminal/text.h"

/* Shares of the server's connection limit at which it deserves a look, and a kill. */
#define CLIENTS_WARN_PERCENT 80
#define CLIENTS_BAD_PERCENT 95

static const struct table_column COLUMNS[] = {
	{.title = "INSTANCE", .min_columns = 8},
	{.title = "KIND", .min_columns = 7, .is_optional = true},
	{.title = "NODE", .min_columns = 14},
	{.title = "ROLE", .min_columns = 4},
	{.title = "SERVER", .min_columns = 6, .is_optional = true},
	{.title = "STATE"},
	{.title = "CLIENTS", .is_right = true},
	{.title = "MAX", .is_right = true},
	{.title = "CONNECTED", .is_right = true, .is_optional = true},
};

static enum term_style style_of_node(struct slice state)
{
	if (slice_is(state, "ready")) {
		return TERM_GOOD;
	}
	return slice_is(state, "failed") ? TERM_BAD : TERM_WARN;
}

static enum term_style style_of_share(uint64_t clients, uint64_t most)
{
	double percent = most > 0 ? (double)clients * 100 / (double)most : 0;

	if (percent < CLIENTS_WARN_PERCENT) {
		return TERM_PLAIN;
	}
	return percent < CLIENTS_BAD_PERCENT ? TERM_WARN : TERM_BAD;
}

/* What is not known, because the node was never reached, stays empty: 0 would be a statement. */
static void add_known_count(struct table *table, const json_t *node, const char *key)
{
	if (field_has(node, key)) {
		table_count(table, field_count(node, key));
	} else {
		table_word(table, "");
	}
}

static void add_node(struct table *table, const json_t *instance, const json_t *node)
{
	struct slice state = field_text(node, "state");

	table_text(table, field_text(instance, "id"));
	table_text(table, field_text(instance, "kind"));
	table_text(table, field_text(node, "address"));
	table_text(table, field_text(node, "role"));
	table_text(table, field_text(node, "server"));
	table_text(table, state);
	table_style(table, style_of_node(state));
	add_known_count(table, node, "clients");
	table_style(table,
		style_of_share(field_count(node, "clients"), field_count(node, "maxclients")));
	add_known_count(table, node, "maxclients");
	if (slice_is(state, "ready")) {
		table_duration(table, field_number(node, "link_age_ms"));
	} else {
		table_word(table, "");
	}
}

/* An instance whose nodes are still unknown has a line too. */
static void add_nodeless(struct table *table, const json_t *instance)
{
	table_text(table, field_text(instance, "id"));
	table_text(table, field_text(instance, "kind"));
	for (size_t i = 2; i < ARRAY_SIZE(COLUMNS); i++) {
		table_word(table, "");
	}
}

static void add_instance(struct table *table, const json_t *instance)
{
	const json_t *nodes = json_object_get(instance, "nodes");
	const json_t *node;
	size_t i;

	json_array_foreach(nodes, i, node)
	{
		add_node(table, instance, node);
	}
	if (json_array_size(nodes) == 0) {
		add_nodeless(table, instance);
	}
}

static void print_list(const json_t *texts, const char *before, const char *between, FILE *out)
{
	const json_t *text;
	size_t i;

	json_array_foreach(texts, i, text)
	{
		struct slice piece = {json_string_value(text), json_string_length(text)};

		text_format(out, "%s%.*s", i > 0 ? between : before, SLICE_ARG(piece));
	}
}

/* `node` NULL: of the instance as a whole. */
static void print_problem_head(
	const json_t *instance, const json_t *node, const struct screen *screen)
{
	struct slice id = field_text(instance, "id");
	struct slice address = field_text(node, "address");

	term_begin(screen, TERM_BAD);
	text_format(screen->file, "%.*s%s%.*s: ", SLICE_ARG(id), node != NULL ? " " : "",
		SLICE_ARG(address));
	term_end(screen, TERM_BAD);
}

/* With the command that grants it, to be pasted on the server. */
static void print_missing(const json_t *node, FILE *out)
{
	const json_t *missing = json_object_get(node, "missing_permissions");
	struct slice user = field_text(node, "user");

	print_list(missing, "its user lacks the permission for ", ", ", out);
	if (user.len > 0) {
		text_format(out, "; grant it with: ACL SETUSER %.*s", SLICE_ARG(user));
		print_list(missing, " +", " +", out);
	}
	fputc('\n', out);
}

static void print_problems(const json_t *instance, const struct screen *screen)
{
	const json_t *nodes = json_object_get(instance, "nodes");
	struct slice unknown = field_text(instance, "error");
	const json_t *node;
	size_t i;

	if (unknown.len > 0) {
		print_problem_head(instance, NULL, screen);
		text_line(screen->file, "%.*s", SLICE_ARG(unknown));
	}
	json_array_foreach(nodes, i, node)
	{
		const json_t *missing = json_object_get(node, "missing_permissions");
		struct slice error = field_text(node, "last_error");

		if (error.len > 0 && !slice_is(field_text(node, "state"), "ready")) {
			print_problem_head(instance, node, screen);
			text_line(screen->file, "%.*s", SLICE_ARG(error));
		}
		if (json_array_size(missing) > 0) {
			print_problem_head(instance, node, screen);
			print_missing(node, screen->file);
		}
	}
}

/* What only matters when one looks at a single instance. */
static void print_details(const json_t *instance, const struct screen *screen)
{
	const json_t *nodes = json_object_get(instance, "nodes");
	const json_t *node;
	size_t i;

	json_array_foreach(nodes, i, node)
	{
		struct slice address = field_text(node, "address");
		struct slice run_id = field_text(node, "run_id");
		char id[HUMAN_BYTES];

		text_line(screen->file, "%.*s", SLICE_ARG(address));
		if (run_id.len > 0) {
			text_line(screen->file, "  run id        %.*s", SLICE_ARG(run_id));
		}
		if (field_has(node, "own_id")) {
			text_line(screen->file, "  own session   %s",
				human_count(field_count(node, "own_id"), id));
		}
		if (json_array_size(json_object_get(node, "capabilities")) > 0) {
			print_list(json_object_get(node, "capabilities"), "  capabilities  ", ", ",
				screen->file);
			fputc('\n', screen->file);
		}
	}
}

/* About the daemon itself. */
static void print_warnings(const json_t *answer, const struct screen *screen)
{
	const json_t *warning;
	size_t i;

	json_array_foreach(json_object_get(answer, "warnings"), i, warning)
	{
		term_begin(screen, TERM_BAD);
		text_format(screen->file, "sesskilld: ");
		term_end(screen, TERM_BAD);
		text_line(screen->file, "%s", json_string_value(warning));
	}
}

void print_instances(const json_t *answer, const struct screen *screen)
{
	CLEANUP(table_free_p) struct table *table = table_new(COLUMNS, ARRAY_SIZE(COLUMNS));
	const json_t *instances = json_object_get(answer, "instances");
	const json_t *instance;
	size_t i;

	if (instances == NULL) {
		add_instance(table, answer);
		table_print(table, screen, 0);
		print_details(answer, screen);
		print_problems(answer, screen);
		return;
	}
	if (json_array_size(instances) == 0) {
		text_line(screen->file, "no instances");
		print_warnings(answer, screen);
		return;
	}
	json_array_foreach(instances, i, instance)
	{
		add_instance(table, instance);
	}
	table_print(table, screen, 0);
	json_array_foreach(instances, i, instance)
	{
		print_problems(instance, screen);
	}
	print_warnings(answer, screen);
}
