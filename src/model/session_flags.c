/*
 * What the flags and fields of a session make of it: dying, replication, internal.
 */
#include "base/parse.h"
#include "model/session.h"

bool session_number(const struct session *session, enum session_field field, int64_t *ret_number)
{
	return session->values[field].data != NULL && parse_i64(session->values[field], ret_number);
}

struct slice session_group_value(const struct session *session, enum session_field field)
{
	struct slice value = session->values[field];

	if (value.data == NULL) {
		return SLICE_LITERAL("");
	}
	return field == SESSION_ADDR ? address_source_name(&session->addr) : value;
}

uint64_t session_given_fields(const struct session *session)
{
	uint64_t fields = 0;

	for (unsigned field = 0; field < SESSION_N_FIELDS; field++) {
		fields |= (uint64_t)(session->values[field].data != NULL) << field;
	}
	return fields;
}

bool session_has_flag(const struct session *session, char flag)
{
	return slice_has_char(session->values[SESSION_FLAGS], flag);
}

bool session_is_dying(const struct session *session, enum server_family family)
{
	return session_has_flag(session, 'c') ||
	       (family != SERVER_KVROCKS && session_has_flag(session, 'A')) ||
	       slice_is(session->values[SESSION_PHASE], "shutting_down");
}

/* Longer than this no handshake takes: Redis gives up after repl-timeout, 60 s by default. */
#define HANDSHAKE_MAX_AGE_S 60

bool session_is_replica_handshake(const struct session *session)
{
	struct slice cmd = session->values[SESSION_CMD];
	int64_t age_s;

	if (!slice_is(cmd, "replconf") && !slice_is(cmd, "psync") && !slice_is(cmd, "sync")) {
		return false;
	}
	return session_number(session, SESSION_AGE, &age_s) && age_s <= HANDSHAKE_MAX_AGE_S;
}

/*
 * Letters of links that carry the server's own work. Redis: C rdb channel of a replica, I internal
 * connection, g and o slot migration. Valkey: i and E slot import and export; its I is a client
 * that called itself an import source, an ordinary session. What calls itself Redis may be a
 * renamed Valkey: that shows in its listing, which has `capa` (since 8.1; I came with it). A letter
 * that could be either shields.
 */
static const char *internal_flags(const struct session *session, enum server_family family)
{
	switch (family) {
	case SERVER_REDIS:
	case SERVER_KEYDB:
		return session->values[SESSION_CAPA].data != NULL ? "iE" : "CIgoiE";
	case SERVER_VALKEY:
		return "iE";
	case SERVER_KVROCKS:
	case SERVER_DRAGONFLY:
	case SERVER_GARNET:
	case SERVER_N_FAMILIES:
		break;
	}
	return "";
}

/* Letters that no server of that family has, but one that calls itself so. */
static const char *foreign_flags(enum server_family family)
{
	return family == SERVER_REDIS || family == SERVER_KEYDB ? "iE" : "";
}

static bool has_any_flag(const struct session *session, const char *flags)
{
	for (; *flags != '\0'; flags++) {
		if (session_has_flag(session, *flags)) {
			return true;
		}
	}
	return false;
}

bool session_may_be_internal(const struct session *session, enum server_family family)
{
	return has_any_flag(session, foreign_flags(family));
}

bool session_is_monitor(const struct session *session, enum server_family family)
{
	return session_has_flag(session, family == SERVER_KVROCKS ? 'M' : 'O');
}

bool session_is_replication_or_internal(const struct session *session, enum server_family family)
{
	return session->type == SESSION_TYPE_REPLICA || session->type == SESSION_TYPE_MASTER ||
	       has_any_flag(session, internal_flags(session, family));
}
