/*
 * Instances and their nodes: is each ready for a kill, and if not, why.
 */
#include "cli/print/print.h"

#include "base/clock.h"
#include "base/mem.h"
#include "cli/field.h"
#include "cli/terminal/human.h"
#include "cli/print/table.h"
#include "cli/terminal/text.h"
#include "cli/when.h"

/* Shares of the server's connection limit at which it deserves a look, and a kill. */
#define CLIENTS_WARN_PERCENT 80
#define CLIENTS_BAD_PERCENT 95

static const struct table_column COLUMNS[] = {
	{"HOST", "host", TABLE_TEXT, 8, TABLE_NEEDED},
	{"INSTANCE", "id", TABLE_TEXT, 8, TABLE_NEEDED},
	{"KIND", "kind", TABLE_TEXT, 7, TABLE_OPTIONAL},
	{"NODE", "address", TABLE_TEXT, 18, TABLE_NEEDED},
	{"ROLE", "role", TABLE_TEXT, 4, TABLE_NEEDED},
	{"SERVER", "server", TABLE_TEXT, 6, TABLE_OPTIONAL},
	{"STATE", "state", TABLE_TEXT, 0, TABLE_NEEDED},
	{"CLIENTS", "clients", TABLE_COUNT, 0, TABLE_NEEDED},
	{"MAX", "maxclients", TABLE_COUNT, 0, TABLE_NEEDED},
	{"CONNECTED", "link_age_ms", TABLE_DURATION, 0, TABLE_OPTIONAL},
};

bool print_find_instance_column(struct slice word, struct table_column *ret_column, struct err *err)
{
	return table_read_column(COLUMNS, ARRAY_SIZE(COLUMNS), word, ret_column, err);
}

static enum term_style style_of_node(struct slice state)
{
	if (state.len == 0) {
		return TERM_PLAIN;
	}
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

/* What a server that is not heard any more said last. */
static void mark_old(struct table *table, const json_t *node)
{
	CLEANUP(mem_free_p)
	char *words = mem_printf("%s (old)", human_count(field_count(node, "clients")).text);

	if (field_has(node, "clients")) {
		table_set(table, "clients", slice_of(words));
		table_style(table, "clients", TERM_WARN);
	}
}

/* `node` NULL: an instance whose nodes are still unknown has a line too. */
static void add_node(struct table *table, const json_t *instance, const json_t *node)
{
	struct slice state = field_text(node, "state");

	table_add(table, node);
	table_set(table, "host", field_text(instance, "host"));
	table_set(table, "id", field_text(instance, "id"));
	table_set(table, "kind", field_text(instance, "kind"));
	table_style(table, "state", style_of_node(state));
	table_style(table, "clients",
		style_of_share(field_count(node, "clients"), field_count(node, "maxclients")));
	if (!slice_is(state, "ready")) {
		table_set(table, "link_age_ms", (struct slice){NULL, 0});
		mark_old(table, node);
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
		add_node(table, instance, NULL);
	}
}

/* With the command that grants it, to be pasted on the server, and what makes it last. */
static void print_missing(const json_t *node, struct slice where, const struct screen *screen)
{
	const json_t *missing = json_object_get(node, "missing_permissions");
	struct slice user = field_text(node, "user");
	CLEANUP(mem_free_p) char *names = field_join(missing, ", ");
	CLEANUP(mem_free_p) char *grants = field_join(missing, " +");
	CLEANUP(mem_free_p) char *words = NULL;

	if (json_array_size(missing) == 0) {
		return;
	}
	if (user.len > 0) {
		words = mem_printf(
			"its user lacks the permission for %s; grant it with: ACL SETUSER "
			"%.*s +%s; to keep it: ACL SAVE or CONFIG REWRITE",
			names, SLICE_ARG(user), grants);
	} else {
		words = mem_printf("its user lacks the permission for %s", names);
	}
	print_remark(screen, TERM_BAD, "", where, slice_of(words));
}

/* Somebody is missing because he is kept out. */
static void print_out(const json_t *instance, const char *where, const struct screen *screen)
{
	int64_t ms;

	if (when_read_utc(field_text(instance, "out_until"), &ms)) {
		CLEANUP(mem_free_p)
		char *words = mem_printf("OUT until %s: who is kept out, sesskill leases says",
			when_show_short(ms, clock_wall_ms()).text);

		print_remark(screen, TERM_WARN, "", slice_of(where), slice_of(words));
	}
	if (field_has(instance, "bad_lease")) {
		CLEANUP(mem_free_p)
		char *words = mem_printf("something is wrong with a lease; what, and what to do: "
					 "sesskill leases %.8s",
			field_text(instance, "bad_lease").data);

		print_remark(screen, TERM_BAD, "", slice_of(where), slice_of(words));
	}
}

void print_instance_problems(const json_t *instance, const struct screen *screen)
{
	struct slice host = field_text(instance, "host");
	CLEANUP(mem_free_p)
	char *id = mem_printf("%.*s%s%.*s", SLICE_ARG(host), host.len > 0 ? " " : "",
		SLICE_ARG(field_text(instance, "id")));
	const json_t *node;
	size_t i;

	print_remark(screen, TERM_BAD, "", slice_of(id), field_text(instance, "error"));
	print_out(instance, id, screen);
	json_array_foreach(json_object_get(instance, "nodes"), i, node)
	{
		struct slice address = field_text(node, "address");
		CLEANUP(mem_free_p)
		char *where = mem_printf("%s %.*s", id, SLICE_ARG(address));

		if (!slice_is(field_text(node, "state"), "ready")) {
			print_remark(screen, TERM_BAD, "", slice_of(where),
				field_text(node, "last_error"));
		}
		print_missing(node, slice_of(where), screen);
	}
}

/* Whether the kernel may end its sessions; where it may not, how to change that. */
static void print_kernel(const json_t *node, const struct screen *screen)
{
	static const struct {
		const char *words;
		const char *remedy;
	} remedies[] = {
		{"no permission", "; it takes CAP_NET_ADMIN: see kernel.conf among the examples"},
		{"never", "; it is configured so"},
	};
	struct slice words = field_text(node, "kernel");
	const char *remedy = "";

	for (size_t i = 0; i < ARRAY_SIZE(remedies); i++) {
		remedy = slice_is(words, remedies[i].words) ? remedies[i].remedy : remedy;
	}
	if (words.len > 0) {
		CLEANUP(mem_free_p) char *all = mem_printf("%.*s%s", SLICE_ARG(words), remedy);

		print_fact(screen, "kernel", slice_of(all));
	}
}

/* What only matters when one looks at a single instance. */
static void print_details(const json_t *instance, const struct screen *screen)
{
	const json_t *node;
	size_t i;

	json_array_foreach(json_object_get(instance, "nodes"), i, node)
	{
		struct slice address = field_text(node, "address");
		CLEANUP(mem_free_p)
		char *capabilities = field_join(json_object_get(node, "capabilities"), ", ");

		text_line(screen->file, "%.*s", SLICE_ARG(address));
		print_fact(screen, "run id", field_text(node, "run_id"));
		if (field_has(node, "own_id")) {
			print_fact(screen, "own session",
				slice_of(human_count(field_count(node, "own_id")).text));
		}
		print_fact(screen, "capabilities", slice_of(capabilities));
		print_kernel(node, screen);
	}
}

void print_instances(const json_t *answer, const struct screen *screen)
{
	CLEANUP(table_free_p)
	struct table *table = table_new_form(COLUMNS, ARRAY_SIZE(COLUMNS), screen);
	const json_t *instances = json_object_get(answer, "instances");
	const json_t *instance;
	size_t i;

	if (instances == NULL) {
		add_instance(table, answer);
		table_print(table, screen, 0);
		print_details(answer, screen);
		print_instance_problems(answer, screen);
		return;
	}
	if (json_array_size(instances) == 0) {
		text_line(screen->file, "no instances");
		print_warnings(answer, TERM_BAD, "sesskilld", screen);
		return;
	}
	json_array_foreach(instances, i, instance)
	{
		add_instance(table, instance);
	}
	table_print(table, screen, 0);
	json_array_foreach(instances, i, instance)
	{
		print_instance_problems(instance, screen);
	}
	print_warnings(answer, TERM_BAD, "sesskilld", screen);
}
