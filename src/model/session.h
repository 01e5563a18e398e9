/*
 * A session: one client connection of a server, as one line of CLIENT LIST shows it. A value over
 * borrowed text: it lives as long as the line does.
 *
 * SESSION_FIELDS is the one table of the fields that listings have. To teach sesskill a new field,
 * add a row here: it can then be parsed, selected, sorted and shown.
 */
#ifndef MODEL_SESSION_H
#define MODEL_SESSION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/macros.h"
#include "base/slice.h"
#include "model/address.h"
#include "model/caps.h"

/*
 * A key and its value that are longer together are not read to the end. Who reads a listing may cut
 * them, behind one byte more.
 */
#define SESSION_MAX_VALUE_BYTES 4096

/* FIELD(enum suffix, key in the listing, kind). The order is that of the newest servers. */
#define SESSION_FIELDS(FIELD)                                                                 \
	FIELD(ID, "id", NUMBER)                                                               \
	FIELD(ADDR, "addr", ADDRESS)                                                          \
	FIELD(LADDR, "laddr", ADDRESS)                                                        \
	FIELD(FD, "fd", NUMBER)                                                               \
	FIELD(NAME, "name", TEXT)                                                             \
	FIELD(AGE, "age", SECONDS)                                                            \
	FIELD(IDLE, "idle", SECONDS)                                                          \
	FIELD(FLAGS, "flags", FLAGS)                                                          \
	FIELD(CAPA, "capa", TEXT)                                                             \
	FIELD(DB, "db", NUMBER)                                                               \
	FIELD(SUB, "sub", NUMBER)                                                             \
	FIELD(PSUB, "psub", NUMBER)                                                           \
	FIELD(SSUB, "ssub", NUMBER)                                                           \
	FIELD(MULTI, "multi", NUMBER)                                                         \
	FIELD(WATCH, "watch", NUMBER)                                                         \
	FIELD(QBUF, "qbuf", BYTES)                                                            \
	FIELD(QBUF_FREE, "qbuf-free", BYTES)                                                  \
	FIELD(ARGV_MEM, "argv-mem", BYTES)                                                    \
	FIELD(MULTI_MEM, "multi-mem", BYTES)                                                  \
	FIELD(RBS, "rbs", BYTES)                                                              \
	FIELD(RBP, "rbp", BYTES)                                                              \
	FIELD(OBL, "obl", BYTES)                                                              \
	FIELD(OLL, "oll", NUMBER)                                                             \
	FIELD(OMEM, "omem", BYTES)                                                            \
	FIELD(OMEM_SHARED, "omem-shared", BYTES)                                              \
	FIELD(OMEM_UNSHARED, "omem-unshared", BYTES)                                          \
	FIELD(TOT_MEM, "tot-mem", BYTES)                                                      \
	FIELD(EVENTS, "events", TEXT)                                                         \
	FIELD(READ_EVENTS, "read-events", NUMBER)                                             \
	FIELD(AVG_PIPELINE_LEN_SUM, "avg-pipeline-len-sum", NUMBER)                           \
	FIELD(AVG_PIPELINE_LEN_CNT, "avg-pipeline-len-cnt", NUMBER)                           \
	FIELD(CMD, "cmd", TEXT)                                                               \
	FIELD(USER, "user", TEXT)                                                             \
	FIELD(REDIR, "redir", NUMBER)                                                         \
	FIELD(RESP, "resp", NUMBER)                                                           \
	FIELD(LIB_NAME, "lib-name", TEXT)                                                     \
	FIELD(LIB_VER, "lib-ver", TEXT)                                                       \
	FIELD(IO_THREAD, "io-thread", NUMBER)                                                 \
	FIELD(TOT_NET_IN, "tot-net-in", BYTES)                                                \
	FIELD(TOT_NET_OUT, "tot-net-out", BYTES)                                              \
	FIELD(TOT_CMDS, "tot-cmds", NUMBER)                                                   \
	FIELD(PHASE, "phase", TEXT)                                                           \
	FIELD(NAMESPACE, "namespace", TEXT)                                                   \
	/* Not in the line: derived from the flags, and told by whoever reads the listing. */ \
	FIELD(TYPE, "type", TEXT)                                                             \
	FIELD(NODE, "node", TEXT)

enum session_field {
#define FIELD(suffix, key, kind) SESSION_##suffix,
	SESSION_FIELDS(FIELD)
#undef FIELD
		SESSION_N_FIELDS
};

/* The first three are numbers. */
enum session_field_kind {
	SESSION_KIND_NUMBER,  /* a count, or an id */
	SESSION_KIND_SECONDS, /* selectors may name it as a duration */
	SESSION_KIND_BYTES,   /* selectors may name it as a size */
	SESSION_KIND_TEXT,
	SESSION_KIND_FLAGS, /* a set of letters */
	SESSION_KIND_ADDRESS,
};

static inline bool session_kind_is_numeric(enum session_field_kind kind)
{
	return kind <= SESSION_KIND_BYTES;
}

/* The server's own division, the one that CLIENT KILL TYPE filters on. */
enum session_type {
	SESSION_TYPE_NORMAL, /* monitors, blocked ones and those in MULTI as well */
	SESSION_TYPE_PUBSUB,
	SESSION_TYPE_REPLICA,
	SESSION_TYPE_MASTER,
	SESSION_N_TYPES
};

struct session {
	uint64_t id;
	enum session_type type;
	struct address addr;
	struct address laddr;
	/* By field; data is NULL where the server did not give it. */
	struct slice values[SESSION_N_FIELDS];
	/*
	 * Bits (1 << field) of fields that may have any value: in a listed session those whose
	 * value was too long to be read; used also for the question whether a whole set of
	 * sessions, newcomers included, would be selected.
	 */
	uint64_t open_fields;
	/* For a set of sessions: all of them have at least this age and idle time. -1: unknown. */
	int64_t least_age_s;
	int64_t least_idle_s;
};

const char *session_field_key(enum session_field field);
enum session_field_kind session_field_kind(enum session_field field);

/* By the key of the listing; "lib" is accepted for "lib-name". False: no such field. */
NODISCARD bool session_field_find(struct slice key, enum session_field *ret_field);
/* As people write it: also by the words of the screens. False with words, and with what was meant.
 */
NODISCARD bool session_field_read(
	struct slice written, enum session_field *ret_field, struct err *err);

/* The word that CLIENT KILL TYPE takes on every server. */
const char *session_type_name(enum session_type type);

enum {
	SESSION_E_MALFORMED = 1, /* the line cannot be judged; its id may still be known */
};

/*
 * Reads one line (without its line feed) of a listing by a server of family `family`, which decides
 * what the flag letters mean (SESSION flags differ between servers). `node` is borrowed as well.
 *
 * A line is malformed when it has no id, a key twice, a number that is none, or text between two
 * fields that cannot belong to the value before it: servers that do not validate client names let
 * a client write such lines. 0, or SESSION_E_MALFORMED with words; ret_session->id is then the id,
 * or 0 if not even that could be read.
 */
NODISCARD int session_parse(struct slice line, enum server_family family, struct slice node,
	struct session *ret_session, struct err *err);

/* A line of a listing with what it says: read once, for everybody who looks at it. */
struct session_line {
	struct slice text;
	struct session session;
	bool is_readable;
	struct err err; /* why it is not */
};

/* Everything is borrowed, as by session_parse(). */
void session_read_line(struct session_line *ret_line, struct slice text, enum server_family family,
	struct slice node);

/*
 * Takes the next "key=value" off the front of `*rest`, which is a line to begin with. Text without
 * a key has an empty one. False at the end of the line.
 */
bool session_next_value(struct slice *rest, struct slice *ret_key, struct slice *ret_value);

/* The number in a field; false where the server did not give it. Negative ones are real (fd=-1). */
NODISCARD bool session_number(
	const struct session *session, enum session_field field, int64_t *ret_number);

/* What sessions are counted together by: a value; of an address the host. */
struct slice session_group_value(const struct session *session, enum session_field field);

/* Bits (1 << field): the fields that the server gave. */
uint64_t session_given_fields(const struct session *session);

bool session_has_flag(const struct session *session, char flag);

/* Killed, but not freed yet by the server: flag A (close as soon as possible) or c (after reply).
 * Kvrocks uses A for something else ("asking"). */
bool session_is_dying(const struct session *session, enum server_family family);

/* Does it run MONITOR? */
bool session_is_monitor(const struct session *session, enum server_family family);

/*
 * Links that carry the server's own work: replicas, the master, the internal connections of a Redis
 * 8 cluster and slot migrations. Never killed.
 */
bool session_is_replication_or_internal(const struct session *session, enum server_family family);
/* Is it taken for one only because another server than this calls itself might mean that? */
bool session_may_be_internal(const struct session *session, enum server_family family);

/*
 * A replica is an ordinary client until its PSYNC is accepted, and any client may say what it says
 * (REPLCONF). Only a young one is taken for one.
 */
bool session_is_replica_handshake(const struct session *session);

#endif
