/*
 * GetRedisAllSession. The answer may be long: it is written in pieces. First come the sessions, by
 * id; while they are printed their sources are noted, so that each line is read once; then the
 * sources with the ids of their sessions.
 */
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/mem.h"
#include "control/das/das.h"
#include "control/das/das_internal.h"
#include "control/pieces.h"
#include "kill/session_list.h"
#include "model/intern.h"
#include "record/json.h"

/* An id takes far less room than a session. */
#define IDS_PER_PIECE (20 * PIECES_ROWS)

/* How a field of a session is written. */
enum form {
	FORM_NUMBER, /* 0 where the server does not give it */
	FORM_DIGITS, /* likewise, as a string */
	FORM_TEXT,
	FORM_UPPER,
};

static const struct field_row {
	const char *name;
	enum session_field field;
	enum form form;
} field_rows[] = {
	{"Addr", SESSION_ADDR, FORM_TEXT},
	{"Name", SESSION_NAME, FORM_TEXT},
	{"Fd", SESSION_FD, FORM_NUMBER},
	{"Age", SESSION_AGE, FORM_DIGITS},
	{"Idle", SESSION_IDLE, FORM_NUMBER},
	{"Flags", SESSION_FLAGS, FORM_TEXT},
	{"Db", SESSION_DB, FORM_NUMBER},
	{"Sub", SESSION_SUB, FORM_NUMBER},
	{"Psub", SESSION_PSUB, FORM_NUMBER},
	{"Multi", SESSION_MULTI, FORM_NUMBER},
	{"Qbuf", SESSION_QBUF, FORM_NUMBER},
	{"QbufFree", SESSION_QBUF_FREE, FORM_NUMBER},
	{"Obl", SESSION_OBL, FORM_NUMBER},
	{"Oll", SESSION_OLL, FORM_NUMBER},
	{"Omem", SESSION_OMEM, FORM_NUMBER},
	{"Events", SESSION_EVENTS, FORM_TEXT},
	{"Cmd", SESSION_CMD, FORM_UPPER},
	/* Beyond what the API has. */
	{"User", SESSION_USER, FORM_TEXT},
	{"Laddr", SESSION_LADDR, FORM_TEXT},
	{"LibName", SESSION_LIB_NAME, FORM_TEXT},
	{"LibVer", SESSION_LIB_VER, FORM_TEXT},
};

/* A session as far as its source needs to know it. */
struct origin {
	uint64_t id;
	uint32_t source; /* number in `sources` */
};

/* An answer on its way. */
struct das_listing {
	struct exchange *exchange;
	struct session_list *list;
	size_t n_sessions; /* printed so far */
	struct origin *origins;
	struct intern sources;
	uint32_t *order; /* origins, source by source, once all sessions are printed */
	size_t *counts;  /* of each source */
	size_t n_ids;    /* printed so far, in that order */
};

static void free_listing(void *context)
{
	struct das_listing *listing = context;

	session_list_free(listing->list);
	intern_finish(&listing->sources);
	free(listing->origins);
	free(listing->order);
	free(listing->counts);
	free(listing);
}

/* ---- sessions ---- */

static json_t *field_json(const struct session *session, const struct field_row *row)
{
	struct slice value = session->values[row->field];
	int64_t number = 0;

	switch (row->form) {
	case FORM_NUMBER:
		(void)!session_number(session, row->field, &number);
		return json_integer(number);
	case FORM_DIGITS:
		return json_text(value.data != NULL ? value : SLICE_LITERAL("0"));
	case FORM_UPPER:
		return das_upper(value);
	case FORM_TEXT:
		break;
	}
	return json_text(value);
}

static json_t *session_json(const struct session_list_node *node, const struct session *session)
{
	json_t *object = json_object();

	json_set(object, "Id", json_integer((json_int_t)session->id));
	json_set(object, "NodeId", json_text_of(node->address));
	json_set(object, "Client", json_text(address_source_name(&session->addr)));
	json_set(object, "ClientDesc", json_text_of(""));
	for (size_t i = 0; i < ARRAY_SIZE(field_rows); i++) {
		json_set(object, field_rows[i].name, field_json(session, &field_rows[i]));
	}
	return object;
}

static void print_session(struct das_listing *listing, FILE *out)
{
	const struct session_list_row *row = &listing->list->rows[listing->n_sessions];
	const struct session_list_node *node = &listing->list->nodes[row->node];
	CLEANUP(mem_free_p) char *text = NULL;
	json_auto_t *object = NULL;
	struct session session;
	int r = session_parse(
		slice_of(row->line), node->family, slice_of(node->address), &session, NULL);

	CHECK(r == 0); /* the list keeps no others */
	listing->origins[listing->n_sessions].id = session.id;
	listing->origins[listing->n_sessions].source =
		intern_add(&listing->sources, address_source_name(&session.addr));
	object = session_json(node, &session);
	text = json_print(object);
	fprintf(out, "%s\n%s", listing->n_sessions > 0 ? "," : "", text);
	listing->n_sessions++;
}

/* ---- sources ---- */

/* Brings the sessions of each source together, in the order in which they were listed. */
static void order_by_source(struct das_listing *listing)
{
	size_t n_sources = listing->sources.n;
	CLEANUP(mem_free_p) size_t *next = mem_alloc_array(n_sources + 1, sizeof(size_t));

	listing->order = mem_alloc_array(listing->n_sessions, sizeof(uint32_t));
	listing->counts = mem_alloc_array(n_sources, sizeof(size_t));
	for (size_t i = 0; i < listing->n_sessions; i++) {
		listing->counts[listing->origins[i].source]++;
	}
	for (size_t i = 0; i < n_sources; i++) {
		next[i + 1] = next[i] + listing->counts[i];
	}
	for (size_t i = 0; i < listing->n_sessions; i++) {
		listing->order[next[listing->origins[i].source]++] = (uint32_t)i;
	}
}

static void open_source(const struct das_listing *listing, uint32_t source, FILE *out)
{
	json_t *head = json_object();
	char count[24];

	snprintf(count, sizeof(count), "%zu", listing->counts[source]);
	json_set(head, "Key", json_text(intern_get(&listing->sources, source)));
	json_set(head, "Count", json_text_of(count));
	json_print_open(head, "Ids", out);
	fputc('[', out);
}

/* The next id, and what stands around it where a source begins. */
static void print_id(struct das_listing *listing, FILE *out)
{
	const struct origin *origin = &listing->origins[listing->order[listing->n_ids]];
	bool is_first = listing->n_ids == 0;

	if (is_first ||
		listing->origins[listing->order[listing->n_ids - 1]].source != origin->source) {
		fputs(is_first ? "\n" : "]},\n", out);
		open_source(listing, origin->source, out);
	} else {
		fputc(',', out);
	}
	fprintf(out, "%llu", (unsigned long long)origin->id);
	listing->n_ids++;
}

/* ---- the answer ---- */

/* A node that is not there keeps nobody from seeing the others, but it is told. */
static json_t *head_json(const struct das_listing *listing)
{
	const struct session_list *list = listing->list;
	const struct session_list_node *failed = NULL;
	CLEANUP(mem_free_p) char *message = NULL;
	size_t n_failed = 0;

	for (size_t i = list->n_nodes; i-- > 0;) {
		if (list->nodes[i].error[0] != '\0') {
			failed = &list->nodes[i];
			n_failed++;
		}
	}
	if (failed != NULL) {
		message = mem_printf("%zu of %zu nodes could not be listed (%s: %s)", n_failed,
			list->n_nodes, failed->address, failed->error);
	}
	return das_success(listing->exchange, failed != NULL ? message : DAS_SUCCESSFUL);
}

static void print_opening(const struct das_listing *listing, FILE *out)
{
	json_t *data = json_object();
	uint64_t n_found = 0;

	for (size_t i = 0; i < listing->list->n_nodes; i++) {
		n_found += listing->list->nodes[i].n_found;
	}
	json_set(data, "Timestamp", json_integer(clock_wall_ms()));
	json_set(data, "Total", json_integer((json_int_t)n_found));
	json_print_open(head_json(listing), "Data", out);
	json_print_open(data, "Sessions", out);
	fputc('[', out);
}

static void begin(struct das_listing *listing, FILE *out)
{
	listing->origins = mem_alloc_array(listing->list->n_rows, sizeof(struct origin));
	print_opening(listing, out);
}

static void print_sessions(struct das_listing *listing, FILE *out)
{
	size_t n_left = listing->list->n_rows - listing->n_sessions;

	for (size_t n = MIN(n_left, (size_t)PIECES_ROWS); n > 0; n--) {
		print_session(listing, out);
	}
	if (listing->n_sessions == listing->list->n_rows) {
		order_by_source(listing);
		fputs("\n],\"SourceStats\":[", out);
	}
}

static void print_sources(struct das_listing *listing, FILE *out)
{
	size_t n_left = listing->n_sessions - listing->n_ids;

	for (size_t n = MIN(n_left, (size_t)IDS_PER_PIECE); n > 0; n--) {
		print_id(listing, out);
	}
	if (listing->n_ids == listing->n_sessions) {
		fputs(listing->n_ids > 0 ? "]}\n]}}\n" : "]}}\n", out);
	}
}

static bool print_piece(void *context, FILE *out)
{
	struct das_listing *listing = context;

	if (listing->origins == NULL) {
		begin(listing, out);
	}
	if (listing->order == NULL) {
		print_sessions(listing, out);
		return true;
	}
	print_sources(listing, out);
	return listing->n_ids < listing->n_sessions;
}

static void on_listed(void *context, struct session_list *list)
{
	struct das_listing *listing = context;
	struct err err;

	listing->list = list;
	if (!session_list_was_any_node_listed(list)) {
		session_list_explain(list, &err);
		exchange_fail(listing->exchange, EXCHANGE_UNAVAILABLE, "%s", err.text);
		free_listing(listing);
	} else {
		pieces_answer(listing->exchange, print_piece, free_listing, listing);
	}
}

void das_sessions(struct exchange *exchange)
{
	const struct instance *instance = das_find_instance(exchange);
	struct session_list_opts opts = {.sort = SESSION_NODE, .limit = SESSION_LIST_MAX_LIMIT};
	struct das_listing *listing;

	if (instance == NULL ||
		!exchange_begin_listing(exchange, session_list_estimate_bytes(instance, &opts))) {
		return;
	}
	listing = mem_new(struct das_listing);
	listing->exchange = exchange;
	session_list_take(exchange->control->in.loop, instance, &opts, on_listed, listing);
}
