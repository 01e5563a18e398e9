/*
 * Sessions as rows: who, since when, doing what. Columns that the server has no field for are empty
 * and so not shown.
 */
#include <inttypes.h>

#include "base/mem.h"
#include "cli/field.h"
#include "cli/terminal/human.h"
#include "cli/print/print.h"
#include "cli/terminal/table.h"
#include "cli/terminal/text.h"

/* Rows of one table: as many as are listed when no limit is given. Beyond it the titles return. */
#define SESSIONS_PER_TABLE 10000
#define SESSIONS_MAX_WORDS_BYTES 96

/* From the most to the least important, but for the node, which an id means nothing without. */
static const struct table_column COLUMNS[] = {
	{.title = "NODE", .min_columns = 14},
	{.title = "ID", .is_right = true},
	{.title = "ADDRESS", .min_columns = 21}, /* an IPv4 address and its port */
	{.title = "USER", .min_columns = 8},
	{.title = "NAME", .min_columns = 10},
	{.title = "PROCESS", .min_columns = 8, .is_optional = true},
	{.title = "PID", .is_right = true, .is_optional = true},
	{.title = "UNIT", .min_columns = 8, .is_optional = true},
	{.title = "OS USER", .min_columns = 7, .is_optional = true},
	{.title = "AGE", .is_right = true},
	{.title = "IDLE", .is_right = true, .is_optional = true},
	{.title = "STATE", .min_columns = 7, .is_optional = true},
	{.title = "COMMAND", .min_columns = 8, .is_optional = true},
	{.title = "DB", .is_right = true, .is_optional = true},
	{.title = "MEMORY", .is_right = true, .is_optional = true},
	{.title = "LIBRARY", .min_columns = 8, .is_optional = true},
};

/* The letters that mean the same on every server. */
static const struct flag_word {
	char flag;
	const char *word;
} FLAG_WORDS[] = {
	{'O', "monitor"},
	{'x', "in MULTI"},
	{'b', "blocked"},
	{'t', "tracking"},
	{'c', "closing"},
};

static void add_word(char *words, const char *word)
{
	size_t used = strlen(words);

	snprintf(words + used, SESSIONS_MAX_WORDS_BYTES - used, "%s%s", used > 0 ? ", " : "", word);
}

/* What the type and the flags say, where they say more than "a client". */
static void add_state(struct table *table, const json_t *session)
{
	char words[SESSIONS_MAX_WORDS_BYTES] = "";
	struct slice flags = field_text(session, "flags");
	struct slice type = field_text(session, "type");

	if (slice_is(type, "pubsub") || slice_is(type, "replica") || slice_is(type, "master")) {
		add_word(words, type.data);
	}
	for (size_t i = 0; i < ARRAY_SIZE(FLAG_WORDS); i++) {
		if (slice_has_char(flags, FLAG_WORDS[i].flag)) {
			add_word(words, FLAG_WORDS[i].word);
		}
	}
	/* Kvrocks, the one with namespaces, means other things by these two. */
	if (field_has(session, "namespace")) {
		if (slice_has_char(flags, 'M')) {
			add_word(words, "monitor");
		}
	} else if (slice_has_char(flags, 'A')) {
		add_word(words, "closing");
	}
	table_word(table, words);
}

/* A path says nothing about the other end, and is the same for all. */
static void add_address(struct table *table, const json_t *session)
{
	struct slice address = field_text(session, "addr");

	if (slice_has_char(field_text(session, "flags"), 'U') || slice_has_prefix(address, "/") ||
		slice_has_prefix(address, "[/")) {
		address = SLICE_LITERAL("unix");
	}
	table_text(table, address);
}

/* As it is: an id is typed again, not read aloud. */
static void add_number(struct table *table, const json_t *session, const char *key)
{
	char buffer[HUMAN_BYTES] = "";

	if (field_has(session, key)) {
		snprintf(buffer, sizeof(buffer), "%" PRIu64, field_count(session, key));
	}
	table_word(table, buffer);
}

/* What the server does not tell stays empty: 0 would be a statement. */
static void add_figure(struct table *table, const json_t *session, const char *key,
	const char *(*print_fn)(uint64_t value, char *buffer))
{
	char buffer[HUMAN_BYTES] = "";

	if (field_has(session, key)) {
		print_fn(field_count(session, key), buffer);
	}
	table_word(table, buffer);
}

static void add_library(struct table *table, const json_t *session)
{
	struct slice name = field_text(session, "lib_name");
	struct slice version = field_text(session, "lib_ver");
	CLEANUP(mem_free_p) char *both = NULL;

	if (name.len > 0 && version.len > 0) {
		both = mem_printf("%.*s %.*s", SLICE_ARG(name), SLICE_ARG(version));
		name = slice_of(both);
	}
	table_text(table, name);
}

static void add_session(struct listing *listing, const json_t *session)
{
	struct table *table = listing->table;
	bool has_nodes = json_array_size(json_object_get(listing->head, "nodes")) > 1;

	table_text(table, has_nodes ? field_text(session, "node") : (struct slice){NULL, 0});
	add_number(table, session, "id");
	add_address(table, session);
	table_text(table, field_text(session, "user"));
	table_text(table, field_text(session, "name"));
	table_text(table, field_text(session, "process"));
	add_number(table, session, "pid");
	table_text(table, field_text(session, "unit"));
	table_text(table, field_text(session, "process_user"));
	add_figure(table, session, "age", human_seconds);
	add_figure(table, session, "idle", human_seconds);
	add_state(table, session);
	table_text(table, field_text(session, "cmd"));
	add_number(table, session, "db");
	add_figure(table, session, "tot_mem", human_size);
	add_library(table, session);
}

static void print_waiting(struct listing *listing, const struct screen *screen)
{
	if (listing->table != NULL) {
		table_print(listing->table, screen, 0);
	}
	table_free(listing->table);
	listing->table = NULL;
	listing->n_waiting = 0;
}

void print_sessions(struct listing *listing, struct slice line, const struct screen *screen)
{
	json_auto_t *session = listing_read(listing, line);

	if (session == NULL) {
		return;
	}
	if (listing->table == NULL) {
		listing->table = table_new(COLUMNS, ARRAY_SIZE(COLUMNS));
	}
	add_session(listing, session);
	listing->n_shown++;
	if (++listing->n_waiting == SESSIONS_PER_TABLE) {
		print_waiting(listing, screen);
	}
}

static void print_problem(
	const char *head, struct slice where, struct slice words, const struct screen *screen)
{
	enum term_style style = where.len > 0 ? TERM_BAD : TERM_WARN;

	term_begin(screen, style);
	text_format(screen->file, "%s%.*s: ", head, SLICE_ARG(where));
	term_end(screen, style);
	text_line(screen->file, "%.*s", SLICE_ARG(words));
}

static void print_node_problems(const json_t *node, const struct screen *screen)
{
	struct slice address = field_text(node, "address");
	uint64_t n_unreadable = field_count(node, "unreadable");
	char count[HUMAN_BYTES];

	if (field_has(node, "error")) {
		print_problem("not listed: ", address, field_text(node, "error"), screen);
	}
	if (n_unreadable > 0) {
		CLEANUP(mem_free_p)
		char *words =
			mem_printf("%s lines could not be read", human_count(n_unreadable, count));

		print_problem("", address, slice_of(words), screen);
	}
}

static void print_problems(const json_t *head, const struct screen *screen)
{
	const json_t *item;
	size_t i;

	json_array_foreach(json_object_get(head, "nodes"), i, item)
	{
		print_node_problems(item, screen);
	}
	json_array_foreach(json_object_get(head, "warnings"), i, item)
	{
		const struct slice nowhere = {NULL, 0};
		struct slice words = {json_string_value(item), json_string_length(item)};

		print_problem("warning", nowhere, words, screen);
	}
}

/* An id is one of this process: what `kill --run-id` takes. A line a node, not a column. */
static void print_run_ids(const json_t *head, const struct screen *screen)
{
	const json_t *node;
	size_t i;

	json_array_foreach(json_object_get(head, "nodes"), i, node)
	{
		struct slice address = field_text(node, "address");
		struct slice run_id = field_text(node, "run_id");

		if (run_id.len > 0 && field_count(node, "matched") > 0) {
			text_line(screen->file, "%.*s: run id %.*s", SLICE_ARG(address),
				SLICE_ARG(run_id));
		}
	}
}

/* "3,001 sessions, 1,000 selected, 25 shown": each sum that the one before does not tell. */
static void print_sums(const struct listing *listing, const struct screen *screen)
{
	const json_t *groups = json_object_get(listing->head, "groups");
	uint64_t found = field_count(listing->head, "found");
	uint64_t matched = field_count(listing->head, "matched");
	char count[HUMAN_BYTES];

	text_format(screen->file, "%s session%s", human_count(found, count), found == 1 ? "" : "s");
	if (matched != found) {
		text_format(screen->file, ", %s selected", human_count(matched, count));
	}
	if (groups != NULL) {
		text_format(screen->file, ", %s group%s shown",
			human_count(json_array_size(groups), count),
			json_array_size(groups) == 1 ? "" : "s");
	} else if (listing->n_shown != matched) {
		text_format(screen->file, ", %s shown", human_count(listing->n_shown, count));
	}
	fputc('\n', screen->file);
}

void print_sessions_end(
	struct listing *listing, const struct screen *screen, const struct screen *remarks)
{
	print_waiting(listing, screen);
	if (json_object_get(listing->head, "groups") != NULL) {
		print_groups(listing->head, screen);
	}
	fflush(screen->file); /* before what stands below it */
	print_problems(listing->head, remarks);
	print_unnamed(listing->head, remarks);
	print_sums(listing, remarks);
	if (listing->n_shown > 0) {
		print_run_ids(listing->head, remarks);
	}
}
