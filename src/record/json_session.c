/*
 * A session in JSON, out of its line. Declared in json.h.
 */
#include "base/macros.h"
#include "base/parse.h"
#include "model/session.h"
#include "record/json.h"

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

void json_set_session(
	json_t *object, struct slice line, enum server_family family, struct slice node)
{
	struct slice rest = line;
	struct slice key, value;
	struct session session;

	while (session_next_value(&rest, &key, &value)) {
		set_field(object, key, field_value(key, value));
	}
	if (session_parse(line, family, node, &session, NULL) == 0) {
		json_set(object, "type", json_text_of(session_type_name(session.type)));
	}
}
