/*
 * Fields as people write them: by the key of the listing, by what the screens of this project and
 * of others call it, with "_" for "-", in capitals as in a table's title.
 */
#include "base/nearest.h"
#include "model/session.h"

#define MAX_WORD_BYTES 32

static const struct word_row {
	const char *word;
	const char *key;
} word_rows[] = {
	{"lib", "lib-name"},
	{"library", "lib-name"},
	{"memory", "tot-mem"},
	{"mem", "tot-mem"},
	{"command", "cmd"},
	{"source", "addr"},
	{"address", "addr"},
	{"username", "user"},
	{"connected", "age"},
};

/* What is shown, but made of several fields. */
static const struct word_row explanations[] = {
	{"state", "STATE is made of flags and type: type = pubsub, flags = b (blocked), x (MULTI), "
		  "O (monitor)"},
	{"port", "a port stands behind an address: addr = 10.0.0.1:40000"},
	{"ip", "an address is selected by addr: addr = 10.0.0.0/8"},
	{"process", "processes are only told by the list of this host, no selector takes them"},
	{"pid", "processes are only told by the list of this host, no selector takes them"},
	{"unit", "processes are only told by the list of this host, no selector takes them"},
};

static const char *find_row(const struct word_row *rows, size_t n, struct slice word)
{
	for (size_t i = 0; i < n; i++) {
		if (slice_is(word, rows[i].word)) {
			return rows[i].key;
		}
	}
	return NULL;
}

static struct slice nearest_field(struct slice word)
{
	struct nearest nearest = nearest_to(word);

	for (unsigned field = 0; field < SESSION_N_FIELDS; field++) {
		nearest_try(&nearest, slice_of(session_field_key((enum session_field)field)));
	}
	for (size_t i = 0; i < ARRAY_SIZE(word_rows); i++) {
		nearest_try(&nearest, slice_of(word_rows[i].word));
	}
	return nearest.found;
}

static void explain(struct slice written, struct slice word, struct err *err)
{
	const char *words = find_row(explanations, ARRAY_SIZE(explanations), word);
	struct slice near = nearest_field(word);

	if (words != NULL) {
		err_set(err, "unknown field \"%.*s\"; %s", SLICE_ARG(written), words);
	} else if (near.data != NULL) {
		err_set(err, "unknown field \"%.*s\"; did you mean \"%.*s\"?", SLICE_ARG(written),
			SLICE_ARG(near));
	} else {
		err_set(err, "unknown field \"%.*s\"", SLICE_ARG(written));
	}
}

bool session_field_read(struct slice written, enum session_field *ret_field, struct err *err)
{
	char small[MAX_WORD_BYTES];
	struct slice word = {small, MIN(written.len, sizeof(small))};
	const char *key;

	for (size_t i = 0; i < word.len; i++) {
		small[i] = written.data[i] == '_' ? '-' : slice_lower(written.data[i]);
	}
	key = find_row(word_rows, ARRAY_SIZE(word_rows), word);
	if (written.len <= sizeof(small) &&
		session_field_find(key != NULL ? slice_of(key) : word, ret_field)) {
		return true;
	}
	explain(written, word, err);
	return false;
}
