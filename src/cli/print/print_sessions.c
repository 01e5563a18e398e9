/*
 * Sessions as rows: who, since when, doing what. Columns that the server has no field for are empty
 * and so not shown.
 */
#include "base/mem.h"
#include "cli/field.h"
#include "cli/terminal/human.h"
#include "cli/print/print.h"
#include "cli/print/table.h"
#include "cli/terminal/text.h"
#include "model/session.h"

/* Rows of one table: as many as are listed when no limit is given. Beyond it the titles return. */
#define SESSIONS_PER_TABLE 10000
#define SESSIONS_MAX_WORDS_BYTES 96

/* From the most to the least important, but for the node, which an id means nothing without. */
static const struct table_column COLUMNS[] = {
	{"HOST", "host", TABLE_TEXT, 8, TABLE_NEEDED},
	{"NODE", "node", TABLE_TEXT, 18, TABLE_NEEDED},
	{"ID", "id", TABLE_NUMBER, 0, TABLE_NEEDED},
	{"ADDRESS", "addr", TABLE_TEXT, 21, TABLE_NEEDED}, /* an IPv4 address and its port */
	{"USER", "user", TABLE_TEXT, 8, TABLE_NEEDED},
	{"NAME", "name", TABLE_TEXT, 10, TABLE_NEEDED},
	{"PROCESS", "process", TABLE_TEXT, 8, TABLE_OPTIONAL},
	{"PID", "pid", TABLE_NUMBER, 0, TABLE_OPTIONAL},
	{"UNIT", "unit", TABLE_TEXT, 8, TABLE_OPTIONAL},
	{"OS USER", "process_user", TABLE_TEXT, 7, TABLE_OPTIONAL},
	{"AGE", "age", TABLE_SECONDS, 0, TABLE_NEEDED},
	{"IDLE", "idle", TABLE_SECONDS, 0, TABLE_OPTIONAL},
	{"STATE", "state", TABLE_TEXT, 7, TABLE_OPTIONAL},
	{"COMMAND", "cmd", TABLE_TEXT, 8, TABLE_OPTIONAL},
	{"DB", "db", TABLE_NUMBER, 0, TABLE_OPTIONAL},
	{"MEMORY", "tot_mem", TABLE_SIZE, 0, TABLE_OPTIONAL},
	{"LIBRARY", "lib_name", TABLE_TEXT, 8, TABLE_OPTIONAL},
	{"LOCAL ADDRESS", "laddr", TABLE_TEXT, 0, TABLE_WIDE},
	{"TYPE", "type", TABLE_TEXT, 0, TABLE_WIDE},
	{"FLAGS", "flags", TABLE_TEXT, 0, TABLE_WIDE},
	{"QBUF", "qbuf", TABLE_SIZE, 0, TABLE_WIDE},
	{"OMEM", "omem", TABLE_SIZE, 0, TABLE_WIDE},
	{"RESP", "resp", TABLE_NUMBER, 0, TABLE_WIDE},
};

static enum table_kind kind_of(enum session_field_kind kind)
{
	switch (kind) {
	case SESSION_KIND_NUMBER:
		return TABLE_NUMBER;
	case SESSION_KIND_SECONDS:
		return TABLE_SECONDS;
	case SESSION_KIND_BYTES:
		return TABLE_SIZE;
	case SESSION_KIND_TEXT:
	case SESSION_KIND_FLAGS:
	case SESSION_KIND_ADDRESS:
		break;
	}
	return TABLE_TEXT;
}

/* One of the table, or any field that a listing has. */
bool print_find_session_column(struct slice word, struct table_column *ret_column, struct err *err)
{
	enum session_field field;

	if (table_find_column(COLUMNS, ARRAY_SIZE(COLUMNS), word, ret_column)) {
		return true;
	}
	if (!session_field_read(word, &field, err)) {
		return false;
	}
	*ret_column = (struct table_column){
		session_field_key(field),
		session_field_key(field),
		kind_of(session_field_kind(field)),
		0,
		TABLE_NEEDED,
	};
	return true;
}

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
static void set_state(struct table *table, const json_t *session)
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
	table_set(table, "state", slice_of(words));
}

/* A path says nothing about the other end, and is the same for all. */
static void set_address(struct table *table, const json_t *session)
{
	struct slice address = field_text(session, "addr");

	if (slice_has_char(field_text(session, "flags"), 'U') || slice_has_prefix(address, "/") ||
		slice_has_prefix(address, "[/")) {
		table_set(table, "addr", SLICE_LITERAL("unix"));
	}
}

static void set_library(struct table *table, const json_t *session)
{
	struct slice name = field_text(session, "lib_name");
	struct slice version = field_text(session, "lib_ver");

	if (name.len > 0 && version.len > 0) {
		CLEANUP(mem_free_p)
		char *both = mem_printf("%.*s %.*s", SLICE_ARG(name), SLICE_ARG(version));

		table_set(table, "lib_name", slice_of(both));
	}
}

static void add_session(struct listing *listing, const json_t *session)
{
	struct table *table = listing->table;

	table_add(table, session);
	if (json_array_size(json_object_get(listing->head, "nodes")) <= 1) {
		table_set(table, "node", (struct slice){NULL, 0});
	}
	set_address(table, session);
	set_state(table, session);
	set_library(table, session);
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

static void take_session(
	struct listing *listing, const json_t *session, const struct screen *screen)
{
	if (listing->table == NULL) {
		listing->table = table_new_form(COLUMNS, ARRAY_SIZE(COLUMNS), screen);
	}
	add_session(listing, session);
	listing->n_shown++;
	if (++listing->n_waiting == SESSIONS_PER_TABLE) {
		print_waiting(listing, screen);
	}
}

void print_sessions(struct listing *listing, struct slice line, const struct screen *screen)
{
	json_auto_t *session = listing_read(listing, line);

	if (session != NULL) {
		take_session(listing, session, screen);
	}
}

/* With its host, if there are several. */
static char *name_node(const json_t *node)
{
	struct slice host = field_text(node, "host");

	return mem_printf("%.*s%s%.*s", SLICE_ARG(host), host.len > 0 ? " " : "",
		SLICE_ARG(field_text(node, "address")));
}

static void print_problems(const json_t *head, const struct screen *screen)
{
	const json_t *node;
	size_t i;

	json_array_foreach(json_object_get(head, "nodes"), i, node)
	{
		CLEANUP(mem_free_p) char *name = name_node(node);
		uint64_t n_unreadable = field_count(node, "unreadable");

		print_remark(screen, TERM_BAD, "not listed: ", slice_of(name),
			field_text(node, "error"));
		if (n_unreadable > 0) {
			term_format(screen, TERM_BAD, "%s: ", name);
			text_line(screen->file, "%s lines could not be read",
				human_count(n_unreadable).text);
		}
	}
	print_warnings(head, TERM_WARN, "warning", screen);
}

/* An id is one of this process: what `kill --run-id` takes. A line a node, not a column. */
static void print_run_ids(const json_t *head, const struct screen *screen)
{
	const json_t *node;
	size_t i;

	json_array_foreach(json_object_get(head, "nodes"), i, node)
	{
		CLEANUP(mem_free_p) char *name = name_node(node);
		struct slice run_id = field_text(node, "run_id");

		if (run_id.len > 0 && field_count(node, "matched") > 0) {
			text_line(screen->file, "%s: run id %.*s", name, SLICE_ARG(run_id));
		}
	}
}

/* "3,001 sessions, 1,000 selected, 25 shown": each sum that the one before does not tell. */
static void print_sums(const struct listing *listing, const struct screen *screen)
{
	const json_t *groups = json_object_get(listing->head, "groups");
	uint64_t found = field_count(listing->head, "found");
	uint64_t matched = field_count(listing->head, "matched");

	text_format(screen->file, "%s session%s", human_count(found).text, found == 1 ? "" : "s");
	if (matched != found) {
		text_format(screen->file, ", %s selected", human_count(matched).text);
	}
	if (groups != NULL) {
		text_format(screen->file, ", %s group%s shown",
			human_count(json_array_size(groups)).text,
			json_array_size(groups) == 1 ? "" : "s");
	} else if (listing->n_shown != matched) {
		text_format(screen->file, ", %s shown", human_count(listing->n_shown).text);
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

void print_listing(const json_t *answer, const struct screen *screen)
{
	struct listing listing = {.head = json_incref((json_t *)answer)};
	struct screen remarks = term_screen(stderr);
	const json_t *session;
	size_t i;

	json_array_foreach(json_object_get(answer, "sessions"), i, session)
	{
		take_session(&listing, session, screen);
	}
	print_sessions_end(&listing, screen, &remarks);
	listing_finish(&listing);
}
