/*
 * One line of CLIENT LIST. Read by key, because fields and their order differ between servers and
 * versions: id, addr and flags are all that is expected; unknown keys are passed over.
 */
#include "model/session.h"

#include "base/parse.h"

struct field_row {
	const char *key;
	uint8_t key_len;
	enum session_field_kind kind;
};

static const struct field_row rows[SESSION_N_FIELDS] = {
#define FIELD(suffix, key, kind) {(key), sizeof(key) - 1, SESSION_KIND_##kind},
	SESSION_FIELDS(FIELD)
#undef FIELD
};

/* Fields behind this one are derived, never read from a line. */
#define N_LISTED_FIELDS SESSION_TYPE

_Static_assert(SESSION_N_FIELDS <= 64, "open_fields has a bit per field");

const char *session_field_key(enum session_field field)
{
	return rows[field].key;
}

enum session_field_kind session_field_kind(enum session_field field)
{
	return rows[field].kind;
}

static bool row_has_key(unsigned field, struct slice key)
{
	return rows[field].key_len == key.len && memcmp(rows[field].key, key.data, key.len) == 0;
}

/*
 * Looks for `key` from `hint` on, and around: servers send their fields in the order of the table,
 * so that the next one is nearly always the first looked at. SESSION_N_FIELDS when unknown.
 */
static unsigned find_listed(struct slice key, unsigned hint)
{
	for (unsigned i = 0; i < N_LISTED_FIELDS; i++) {
		unsigned field = hint + i < N_LISTED_FIELDS ? hint + i : hint + i - N_LISTED_FIELDS;

		if (row_has_key(field, key)) {
			return field;
		}
	}
	return SESSION_N_FIELDS;
}

bool session_field_find(struct slice key, enum session_field *ret_field)
{
	if (slice_is(key, "lib")) {
		key = SLICE_LITERAL("lib-name");
	}
	for (unsigned field = 0; field < SESSION_N_FIELDS; field++) {
		if (row_has_key(field, key)) {
			*ret_field = (enum session_field)field;
			return true;
		}
	}
	return false;
}

const char *session_type_name(enum session_type type)
{
	static const char *const names[SESSION_N_TYPES] = {
		[SESSION_TYPE_NORMAL] = "normal",
		[SESSION_TYPE_PUBSUB] = "pubsub",
		[SESSION_TYPE_REPLICA] = "replica",
		[SESSION_TYPE_MASTER] = "master",
	};

	return names[type];
}

/* Whether `text` looks like a whole number; its range is checked by whoever needs the number. */
static bool is_number(struct slice text)
{
	size_t i = text.len > 0 && text.data[0] == '-' ? 1 : 0;

	if (i == text.len) {
		return false;
	}
	for (; i < text.len; i++) {
		if (text.data[i] < '0' || text.data[i] > '9') {
			return false;
		}
	}
	return true;
}

/* The key at the front of `token`, if it starts like "key="; keys are lower case and dashes. */
static bool read_key(struct slice token, struct slice *ret_key)
{
	size_t i = 0;

	while (i < token.len &&
		((token.data[i] >= 'a' && token.data[i] <= 'z') || token.data[i] == '-')) {
		i++;
	}
	if (i == 0 || i == token.len || token.data[i] != '=') {
		return false;
	}
	*ret_key = (struct slice){token.data, i};
	return true;
}

/*
 * Dragonfly prints names and libraries of clients without looking at them, so that "x flags=S" is
 * a possible name. Between the name and the age it prints no field that this table knows, behind
 * the library only its version: one that is there was written by the client.
 */
static bool is_smuggled(const struct session *session, enum server_family family, unsigned field)
{
	if (family != SERVER_DRAGONFLY) {
		return false;
	}
	if (session->values[SESSION_LIB_NAME].data != NULL) {
		return field != SESSION_LIB_VER;
	}
	return session->values[SESSION_NAME].data != NULL &&
	       session->values[SESSION_AGE].data == NULL && field != SESSION_AGE;
}

/* A line feed in one of these texts ends the line before what stands behind them. */
static bool is_cut_off(const struct session *session, enum server_family family)
{
	return family == SERVER_DRAGONFLY &&
	       (session->values[SESSION_AGE].data == NULL ||
		       (session->values[SESSION_LIB_NAME].data != NULL &&
			       session->values[SESSION_LIB_VER].data == NULL));
}

/* Servers of this family never print the field: it can only come out of an unchecked name. */
static bool is_foreign(enum server_family family, unsigned field)
{
	return family == SERVER_DRAGONFLY &&
	       (field == SESSION_USER || field == SESSION_CMD || field == SESSION_NAMESPACE);
}

/*
 * The path of a Unix socket may hold blanks, nothing else may: what follows an address without a
 * key belongs to it.
 */
static void take_in_blanks(struct slice *rest, struct slice key, struct slice *value)
{
	struct slice ignored;

	if (!slice_is(key, "addr") && !slice_is(key, "laddr")) {
		return;
	}
	while (rest->data != NULL && !read_key(*rest, &ignored)) {
		struct slice token;

		slice_next(rest, ' ', &token);
		value->len = (size_t)(token.data + token.len - value->data);
	}
}

bool session_next_value(struct slice *rest, struct slice *ret_key, struct slice *ret_value)
{
	struct slice token;

	if (!slice_next(rest, ' ', &token) || (token.len == 0 && rest->data == NULL)) {
		return false; /* the end, or a blank before it */
	}
	if (!read_key(token, ret_key)) {
		*ret_key = (struct slice){token.data, 0};
		*ret_value = token;
		return true;
	}
	*ret_value = slice_skip(token, ret_key->len + 1);
	take_in_blanks(rest, *ret_key, ret_value);
	return true;
}

/* What stands in it is not known to the end: of a text, which a client may have chosen. */
static void note_if_cut(struct session *session, unsigned field)
{
	size_t n_bytes = rows[field].key_len + 1 + session->values[field].len;

	if (rows[field].kind == SESSION_KIND_TEXT && n_bytes > SESSION_MAX_VALUE_BYTES) {
		session->open_fields |= UINT64_C(1) << field;
	}
}

/* Splits the line into values. 0 or SESSION_E_MALFORMED. */
static int split_line(
	struct slice line, enum server_family family, struct session *session, struct err *err)
{
	unsigned hint = 0;
	struct slice rest = line;
	struct slice key, value;

	if (slice_has_char(line, '\0')) {
		err_set(err, "a NUL byte");
		return SESSION_E_MALFORMED;
	}
	while (session_next_value(&rest, &key, &value)) {
		unsigned field = find_listed(key, hint);

		if (key.len == 0) {
			err_set(err, "text without a key");
			return SESSION_E_MALFORMED;
		}
		if (field == SESSION_N_FIELDS) {
			continue;
		}
		hint = field + 1 < N_LISTED_FIELDS ? field + 1 : 0;
		if (session->values[field].data != NULL) {
			err_set(err, "\"%s\" stands twice", rows[field].key);
			return SESSION_E_MALFORMED;
		}
		if (is_foreign(family, field) || is_smuggled(session, family, field)) {
			err_set(err, "\"%s\" stands where the server never puts it",
				rows[field].key);
			return SESSION_E_MALFORMED;
		}
		session->values[field] = value;
		note_if_cut(session, field);
		if (session_kind_is_numeric(rows[field].kind) && !is_number(value)) {
			err_set(err, "\"%s\" is no number", rows[field].key);
			return SESSION_E_MALFORMED;
		}
	}
	if (is_cut_off(session, family)) {
		err_set(err, "the line is cut off");
		return SESSION_E_MALFORMED;
	}
	return 0;
}

/* What getClientType() of the servers says: the master link, then replicas that are no monitors
 * (a monitor is a replica inside), then subscribers. Kvrocks uses M for monitors. */
static enum session_type type_of(const struct session *session, enum server_family family)
{
	if (family != SERVER_KVROCKS && session_has_flag(session, 'M')) {
		return SESSION_TYPE_MASTER;
	}
	if (session_has_flag(session, 'S') && !session_has_flag(session, 'O')) {
		return SESSION_TYPE_REPLICA;
	}
	return session_has_flag(session, 'P') ? SESSION_TYPE_PUBSUB : SESSION_TYPE_NORMAL;
}

int session_parse(struct slice line, enum server_family family, struct slice node,
	struct session *ret_session, struct err *err)
{
	struct session *session = ret_session;
	int r;

	memset(session, 0, sizeof(*session));
	session->least_age_s = -1;
	session->least_idle_s = -1;
	r = split_line(line, family, session, err);
	/* The id stands first in every listing and is made by the server: good even if the rest is
	 * not. */
	if (!slice_has_prefix(line, "id=") ||
		!parse_u64(session->values[SESSION_ID], &session->id) || session->id == 0) {
		session->id = 0;
		if (r == 0) {
			err_set(err, "no id at the front");
		}
		return SESSION_E_MALFORMED;
	}
	if (r != 0) {
		return r;
	}
	session->addr = address_parse_listed(session->values[SESSION_ADDR]);
	session->laddr = address_parse_listed(session->values[SESSION_LADDR]);
	session->type = type_of(session, family);
	session->values[SESSION_TYPE] = slice_of(session_type_name(session->type));
	session->values[SESSION_NODE] = node;
	return 0;
}

void session_read_line(struct session_line *ret_line, struct slice text, enum server_family family,
	struct slice node)
{
	ret_line->text = text;
	ret_line->is_readable =
		session_parse(text, family, node, &ret_line->session, &ret_line->err) == 0;
}
