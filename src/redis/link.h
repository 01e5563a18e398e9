/*
 * One connection to one server, kept warm: opened at start, authenticated, named, asked what it
 * is and can do, kept alive by a periodic command, reopened when it is lost. Pipelines commands;
 * each has a deadline, and the first one missed resets the connection.
 *
 * Owner: the topology of an instance. Knows nothing of kills. Runs on the event loop; no call
 * blocks, no callback fires before the call that asked for it returned.
 *
 *      link_start
 *          |          socket        replies            all steps
 *          v          is open       arrive             answered
 *     CONNECTING -------------> HANDSHAKE ----------------------> READY
 *          ^   ^                    |  |                           |
 *          |   |  refused, lost,    |  | a step is refused (WRONGPASS, LOADING, NOPERM):
 *          |   |  deadline missed   |  | the connection is kept, the steps are tried again
 *          |   +---- BACKOFF <------+--+---------------------------+
 *          +------------+                      lost, or a deadline missed
 */
#ifndef REDIS_LINK_H
#define REDIS_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/macros.h"
#include "base/slice.h"
#include "model/caps.h"
#include "redis/listing.h"

struct event_base;
struct evdns_base;
struct reply;

#define LINK_MAX_HOST_BYTES 256

/* Where a server is. */
struct endpoint {
	char *path;    /* Unix socket; NULL: TCP */
	char *host;    /* name or IP address, without brackets; NULL with a path */
	uint16_t port; /* TCP */
	bool has_tls;  /* rediss:// */
};

struct link_tls_opts {
	bool is_on;      /* for every address, not only for rediss:// */
	char *ca_file;   /* NULL: the system's */
	char *cert_file; /* NULL: no client certificate */
	char *key_file;
	char *server_name; /* NULL: the endpoint's host */
};

/*
 * How to get in. Borrowed by the link for its whole life. A new field belongs into all of
 * link_opts.c.
 */
struct link_opts {
	int64_t connect_timeout_ms; /* over name, connect and TLS together */
	int64_t command_timeout_ms; /* of each command, those of the handshake too */
	char *username;             /* NULL: the default user */
	char *password_file;        /* NULL: none. Read at every handshake, wiped after it */
	char *client_command;       /* the server's name for CLIENT */
	struct link_tls_opts tls;
	/*
	 * Only questions will be asked (a Sentinel, the first address of a cluster): nothing about
	 * kills is probed or needed.
	 */
	bool is_for_questions;
};

void link_opts_copy(struct link_opts *ret_copy, const struct link_opts *opts);
void link_opts_finish(struct link_opts *opts); /* zeroed is fine */
/* Does it make no difference to a link which of them it has? Files count by their names. */
bool link_opts_is_equal(const struct link_opts *a, const struct link_opts *b);

enum link_state {
	LINK_CONNECTING, /* name look-up, connect, TLS; ends within connect_timeout */
	LINK_HANDSHAKE,  /* its commands are answered; each has command_timeout */
	LINK_READY,
	LINK_BACKOFF, /* waits for its timer; link_error() says why */
};

/* What the handshake learned. Valid while READY, and kept until the next handshake. */
struct link_server {
	char name[24];    /* "redis", "valkey", ... */
	char version[32]; /* "7.0.15" */
	char run_id[48];  /* changes when the server restarts; "" where it has none */
	char role[16];    /* "master", "replica", "" */
	uint64_t own_id;  /* of this connection */
	struct caps caps;
	int64_t n_clients;     /* at the last keep-alive; -1 unknown */
	int64_t max_clients;   /* -1 unknown */
	int64_t n_connections; /* ever accepted, at that time; -1 unknown */
	bool has_child;        /* a child that saves or rewrites the data set, at that time */
	uint32_t missing;      /* permissions: bits 1 << enum link_permission */
};

/* What the least user must be allowed; found missing when the link comes up. */
#define LINK_PERMISSIONS(PERMISSION)                          \
	PERMISSION(CLIENT_LIST, "client|list", true)          \
	PERMISSION(CLIENT_KILL, "client|kill", true)          \
	PERMISSION(CLIENT_ID, "client|id", false)             \
	PERMISSION(CLIENT_SETNAME, "client|setname", false)   \
	PERMISSION(CLIENT_NO_EVICT, "client|no-evict", false) \
	PERMISSION(INFO, "info", false)

enum link_permission {
#define PERMISSION(suffix, name, is_needed) LINK_PERMISSION_##suffix,
	LINK_PERMISSIONS(PERMISSION)
#undef PERMISSION
		LINK_N_PERMISSIONS
};

const char *link_permission_name(enum link_permission permission);
bool link_permission_is_needed(enum link_permission permission); /* for a kill */

/*
 * A reply, or the reason why there will be none (`reply` NULL, words in `lost`: link lost, or a
 * deadline missed). The reply is borrowed and dies when the callback returns. Exactly one call for
 * every command that link_send() accepted.
 */
typedef void (*link_reply_fn)(void *context, const struct reply *reply, const char *lost);

struct link_command {
	const struct slice *argv; /* copied */
	size_t argc;
	int64_t timeout_ms; /* 0: command_timeout of the link. Starts when it is the oldest
			       unanswered */
	/*
	 * Set: a bulk reply is a listing and goes to `line_fn` line by line, never held as a whole;
	 * `reply_fn` then gets a reply of type REPLY_LISTING.
	 */
	listing_line_fn line_fn;
	link_reply_fn reply_fn;
	void *context;
};

/* Told of every change of state, from the event loop. */
struct link_watcher {
	void (*changed_fn)(struct link_watcher *watcher, enum link_state state);
	struct link_watcher *next; /* the link's */
};

struct link;

/* `endpoint` is copied, `opts` is borrowed. Does nothing until link_start(). */
struct link *link_new(struct event_base *loop, struct evdns_base *dns,
	const struct endpoint *endpoint, const struct link_opts *opts);
/*
 * Made with one reference. The last one to go closes the connection; callbacks of unanswered
 * commands do not fire then. Not to be called from a callback of this link.
 */
struct link *link_ref(struct link *link);
void link_unref(struct link *link); /* NULL is fine */
void link_start(struct link *link);

enum link_state link_state(const struct link *link);
const struct link_server *link_server(const struct link *link);
const struct endpoint *link_endpoint(const struct link *link);
const char *link_address(const struct link *link); /* "host:port", "[v6]:port" or the path */
const char *link_user(const struct link *link);    /* whose permissions it has on the server */
/* Words for a permission that this user lacks, e.g. "client|kill", with the command that grants it.
 */
void link_print_missing(
	const struct link *link, const char *permission, char *buffer, size_t n_bytes);
/* The last connection was given up because the server did not answer a command in time. */
bool link_is_unresponsive(const struct link *link);
const char *link_error(const struct link *link);      /* why it is not ready; "" otherwise */
int64_t link_ready_since_ms(const struct link *link); /* monotonic; 0 when not ready */
uint64_t link_n_reconnects(const struct link *link);  /* how often it came back after a loss */
/* Is the connection open, whatever the handshake has come to? */
bool link_is_connected(const struct link *link);
/* The socket of the connection, to be looked at only; -1: there is none. */
int link_descriptor(const struct link *link);
/* What the handshake under way, or the last one, has learned so far. */
const struct link_server *link_learned(const struct link *link);
const struct link_opts *link_options(const struct link *link);

/* A READY link only, else -ENOTCONN. 0: accepted. */
NODISCARD int link_send(struct link *link, const struct link_command *command);

/*
 * Somebody waits for it, or no longer does: while anybody waits, a link in BACKOFF tries again at
 * the shortest interval. Calls come in pairs.
 */
void link_want(struct link *link);
void link_unwant(struct link *link);
/*
 * A script keeps the server from answering the handshake: asks the server to end it. Only in
 * BACKOFF for that reason; else nothing happens.
 */
void link_break_busy(struct link *link);
/* Gives up the connection: unanswered commands get `words`, and it is opened anew. */
void link_reset(struct link *link, const char *words);

void link_watch(struct link *link, struct link_watcher *watcher);
void link_unwatch(struct link *link, struct link_watcher *watcher);

/* "unix:///path", "redis://host:port", "rediss://host:port", "host:port", "[v6]:port". */
NODISCARD bool endpoint_parse(struct slice text, struct endpoint *ret, struct err *err);
void endpoint_copy(struct endpoint *to, const struct endpoint *from);
void endpoint_finish(struct endpoint *endpoint);
bool endpoint_is_equal(const struct endpoint *a, const struct endpoint *b);
char *endpoint_print(const struct endpoint *endpoint); /* on the heap */

#endif
