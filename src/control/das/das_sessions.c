/*
 * GetRedisAllSession. First come the sessions, by id; while they are printed their sources are
 * noted, so that each line is read once; then the sources with the ids of their sessions.
 */
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/mem.h"
#include "control/das/das.h"
#include "control/session_answer.h"
#include "model/intern.h"
#include "record/json.h"

/* An id takes far less room than a session. */
#define IDS_PER_PIECE (20 * SESSION_ANSWER_ROWS)

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
	uint32_t source; /* number in `names` */
};

struct das_sources {
	struct intern names;
	struct origin *origins; /* of the sessions that are printed */
	uint32_t *order;        /* origins, source by source, once all sessions are printed */
	size_t *counts;         /* of each source */
	size_t n_ids;           /* printed so far, in that order */
};

static void free_sources(void *state)
{
	struct das_sources *sources = state;

	intern_finish(&sources->names);
	free(sources->origins);
	free(sources->order);
	free(sources->counts);
	free(sources);
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

static json_t *note_session(struct session_answer *answer, const struct session_list_row *row)
{
	const struct session_list_node *node = &answer->list->nodes[row->node];
	struct das_sources *sources = answer->state;
	struct session session;
	int r = session_parse(
		slice_of(row->line), node->family, slice_of(node->address), &session, NULL);

	CHECK(r == 0); /* the list keeps no others */
	sources->origins[answer->n_printed] = (struct origin){
		session.id, intern_add(&sources->names, address_source_name(&session.addr))};
	return session_json(node, &session);
}

/* ---- sources ---- */

/* Brings the sessions of each source together, in the order in which they were listed. */
static void order_by_source(struct das_sources *sources, size_t n_sessions)
{
	size_t n_sources = sources->names.n;
	CLEANUP(mem_free_p) size_t *next = mem_alloc_array(n_sources + 1, sizeof(size_t));

	sources->order = mem_alloc_array(n_sessions, sizeof(uint32_t));
	sources->counts = mem_alloc_array(n_sources, sizeof(size_t));
	for (size_t i = 0; i < n_sessions; i++) {
		sources->counts[sources->origins[i].source]++;
	}
	for (size_t i = 0; i < n_sources; i++) {
		next[i + 1] = next[i] + sources->counts[i];
	}
	for (size_t i = 0; i < n_sessions; i++) {
		sources->order[next[sources->origins[i].source]++] = (uint32_t)i;
	}
}

static void open_source(const struct das_sources *sources, uint32_t source, FILE *out)
{
	json_t *head = json_object();
	char count[24];

	snprintf(count, sizeof(count), "%zu", sources->counts[source]);
	json_set(head, "Key", json_text(intern_get(&sources->names, source)));
	json_set(head, "Count", json_text_of(count));
	json_print_open(head, "Ids", out);
	fputc('[', out);
}

/* The next id, and what stands around it where a source begins. */
static void print_id(struct das_sources *sources, FILE *out)
{
	const struct origin *origin = &sources->origins[sources->order[sources->n_ids]];
	bool is_first = sources->n_ids == 0;

	if (is_first ||
		sources->origins[sources->order[sources->n_ids - 1]].source != origin->source) {
		fputs(is_first ? "\n" : "]},\n", out);
		open_source(sources, origin->source, out);
	} else {
		fputc(',', out);
	}
	fprintf(out, "%llu", (unsigned long long)origin->id);
	sources->n_ids++;
}

static bool print_sources(struct session_answer *answer, FILE *out)
{
	struct das_sources *sources = answer->state;

	if (sources->order == NULL) {
		order_by_source(sources, answer->n_printed);
		fputs("\n],\"SourceStats\":[", out);
	}
	for (size_t i = 0; i < IDS_PER_PIECE && sources->n_ids < answer->n_printed; i++) {
		print_id(sources, out);
	}
	if (sources->n_ids < answer->n_printed) {
		return true;
	}
	fputs(sources->n_ids > 0 ? "]}\n]}}\n" : "]}}\n", out);
	return false;
}

/* ---- the answer ---- */

/* A node that is not there keeps nobody from seeing the others, but it is told. */
static json_t *head_json(const struct session_answer *answer)
{
	const struct session_list *list = answer->list;
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
	return das_success(answer->exchange, failed != NULL ? message : DAS_SUCCESSFUL);
}

static void print_opening(struct session_answer *answer, FILE *out)
{
	json_t *data = json_object();
	uint64_t n_found = 0;

	for (size_t i = 0; i < answer->list->n_nodes; i++) {
		n_found += answer->list->nodes[i].n_found;
	}
	json_set(data, "Timestamp", json_integer(clock_wall_ms()));
	json_set(data, "Total", json_integer((json_int_t)n_found));
	json_print_open(head_json(answer), "Data", out);
	json_print_open(data, "Sessions", out);
	fputc('[', out);
}

static const struct session_answer_form form = {
	.open_fn = print_opening,
	.row_fn = note_session,
	.close_fn = print_sources,
	.free_fn = free_sources,
};

static void on_listed(struct session_answer *answer)
{
	struct das_sources *sources = mem_new(struct das_sources);

	sources->origins = mem_alloc_array(answer->list->n_rows, sizeof(struct origin));
	answer->state = sources;
	session_answer_print(answer, &form);
}

void das_sessions(struct exchange *exchange)
{
	const struct instance *instance = das_find_instance(exchange);
	struct session_list_opts opts = {.sort = SESSION_NODE, .limit = SESSION_LIST_MAX_LIMIT};

	if (instance != NULL) {
		session_answer_take(exchange, instance, &opts, on_listed);
	}
}
