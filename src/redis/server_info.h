/*
 * INFO of a server, as far as it matters: what it is, which process, its role, how full it is.
 */
#ifndef REDIS_SERVER_INFO_H
#define REDIS_SERVER_INFO_H

#include "base/slice.h"
#include "redis/link.h"

/*
 * Reads "key:value" lines into name, version, run_id, role, family, n_clients, max_clients,
 * n_connections, n_monitors, uptime_s, child; what is not there stays as it was. Servers with forks
 * of the protocol still report a redis_version (Valkey: 7.2.4 for ever), so their own keys win.
 * Where there is no run_id (Kvrocks, Dragonfly) process and start make one.
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
