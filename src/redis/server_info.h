/*
 * What is known of a server: what it is, which process, its role, how full it is; and INFO, which
 * tells most of it.
 */
#ifndef REDIS_SERVER_INFO_H
#define REDIS_SERVER_INFO_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"
#include "model/caps.h"
#include "redis/endpoint.h"

#define LINK_MAX_REPLID_BYTES 48

/* Which data set it has, and from whom. "" where the server does not tell. */
struct link_replication {
	char replid[LINK_MAX_REPLID_BYTES];    /* since Redis 4.0 */
	char replid2[LINK_MAX_REPLID_BYTES];   /* of the master before, after a fail-over */
	char master_host[LINK_MAX_HOST_BYTES]; /* of a replica, as it was told */
	uint16_t master_port;
};

/* What the handshake of a connection learned, and its keep-alives since. */
struct link_server {
	char name[24];    /* "redis", "valkey", ... */
	char version[32]; /* "7.0.15" */
	char run_id[48];  /* changes when the server restarts; "" where it has none */
	char role[16];    /* "master", "replica", "" */
	uint64_t own_id;  /* of this connection */
	struct caps caps;
	int64_t n_clients;     /* at the last keep-alive; -1 unknown */
	int64_t max_clients;   /* -1 unknown */
	int64_t n_bus_links;   /* connections of the cluster bus, which take places as well; 0 */
	int64_t process_id;    /* as it sees itself; -1 unknown */
	int64_t uptime_s;      /* since its start, at that time; -1 unknown */
	int64_t n_connections; /* ever accepted, at that time; -1 unknown */
	int64_t n_rejected;    /* connections, for want of places, since its start; -1 unknown */
	int64_t n_monitors;    /* sessions of MONITOR, at that time; -1 it does not tell */
	int64_t n_blocked;     /* sessions that wait in a command; -1 unknown */
	int64_t counted_ms;    /* monotonic: when n_clients was told last; 0: never */
	bool has_child;        /* a child that saves or rewrites the data set, at that time */
	int64_t child_s;       /* for how long it did so, whole seconds; 0: it does not say */
	uint32_t missing;      /* permissions: bits 1 << enum link_permission */
	struct link_replication replication;
	char listeners[512]; /* where it says that it listens: ports and paths, each with a blank
				before and behind it; "" unknown */
};

/* For the initialiser of one of which nothing is known. */
#define LINK_SERVER_UNKNOWN                                                        \
	.n_clients = -1, .max_clients = -1, .process_id = -1, .n_connections = -1, \
	.n_monitors = -1, .uptime_s = -1, .n_rejected = -1, .n_blocked = -1

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
 * Reads "key:value" lines into name, version, run_id, role, family, n_clients, max_clients,
 * n_connections, n_rejected, n_monitors, n_blocked, uptime_s, child; what is not there stays as it
 * was. Servers with forks of the protocol still report a redis_version (Valkey: 7.2.4 for ever), so
 * their own keys win. Where there is no run_id (Kvrocks, Dragonfly) process and start make one.
 */
void server_info_read(struct slice info, struct link_server *server);

/*
 * Do they stand for one process? Where there is no run_id, the number of the process and its start
 * have to agree, but for a second or two. "" is no process.
 */
bool server_info_is_same_process(const char *run_id, const char *other);
/* Known as `before` already: it stays that. */
void server_info_keep_run_id(struct link_server *server, const char *before);

/* Does it say that it listens at the port or path of `endpoint`? False where it does not tell. */
bool server_info_listens_at(const struct link_server *server, const struct endpoint *endpoint);

/* Is it a Redis before 2.8.12, with which sessions got ids? False where it does not tell. */
bool server_info_is_too_old(const struct link_server *server);

/* The family by its name ("redis", "valkey", ...); true when it is one of those. */
bool server_info_set_family(struct link_server *server, struct slice name);

#endif
