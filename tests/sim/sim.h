/*
 * A simulated world around the real daemon: time, network, servers, callers, disk. One thread, one
 * process, all of it follows from a seed.
 *
 * edges.c stands where the operating system is, world.c has time, chance and the log of events,
 * wire.c the connections, server.c what is at their other end (shapes.c: which servers there are),
 * callers.c who asks the daemon for something, oracles.c what has to hold whatever happens,
 * scenario.c what happens, sim.c the seeds.
 */
#ifndef SIM_H
#define SIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/types.h>

#include "base/macros.h"
#include "base/slice.h"

#define SIM_MS INT64_C(1000) /* time is in microseconds */
#define SIM_S (1000 * SIM_MS)

/* ---- world.c ---- */

/* How large a world a seed makes; smaller ones for shrinking. */
struct sim_size {
	unsigned servers; /* percent of what the seed says */
	unsigned sessions;
	unsigned faults;
	unsigned length;
};

typedef void sim_fn(void *context, uint64_t value);

void sim_begin(uint64_t seed, const struct sim_size *size);
void sim_end(void);
int64_t sim_now(void);     /* since the beginning */
int64_t sim_wall_us(void); /* may jump */
void sim_jump_wall(int64_t us);
void sim_advance(int64_t us); /* a turn of the daemon takes time as well */
const struct sim_size *sim_size(void);

/* Calls `fn` at that time, in the order of these calls where times are equal. */
void sim_at(int64_t at, sim_fn *fn, void *context, uint64_t value);
static inline void sim_in(int64_t us, sim_fn *fn, void *context, uint64_t value)
{
	sim_at(sim_now() + us, fn, context, value);
}
/* The time of the next event; INT64_MAX: there is none. */
int64_t sim_next(void);
void sim_run_next(void);

uint64_t sim_random(void);
size_t sim_roll(size_t n); /* 0 to n - 1 */
bool sim_happens(unsigned percent);
bool sim_fault(unsigned percent); /* likewise, less often in a smaller world */
#define SIM_PICK(array) ((array)[sim_roll(ARRAY_SIZE(array))])

/* One line of the log of events: its hash tells two runs apart. */
void sim_log(const char *format, ...) PRINTF_LIKE(1, 2);
uint64_t sim_log_hash(void);
uint64_t sim_n_events(void);
void sim_print_log(size_t n_last);
void sim_echo_log(bool is_on);

/* An oracle is not satisfied: the case ends. */
void sim_fail(const char *oracle, const char *format, ...) PRINTF_LIKE(2, 3)
	__attribute__((noreturn));

/* ---- edges.c ---- */

/* Descriptors of the simulator that may become readable. */
typedef void sim_readable_fn(void *context);
void edges_begin(void);
void edges_end(void);
void edges_watch(int fd, sim_readable_fn *fn, void *context);
void edges_unwatch(int fd);
/* How often the daemon has waited for events, and at most at one moment. */
uint64_t edges_n_turns(void);
/* The next syncs of the disk fail. */
void edges_set_bad_disk(bool is_bad);

/* ---- wire.c ---- */

struct wire;

/* One end is the daemon's, the other one belongs to whoever is at `address`. */
struct wire_end {
	void (*bytes_fn)(void *context, struct slice bytes);
	void (*closed_fn)(void *context); /* by the daemon, or the network */
	void *context;
};

void wire_begin(void);
void wire_end_all(void);
/* What connect() to that address does. 0, or an errno; `fd` is the daemon's. */
int wire_connect(int fd, const char *ip, uint16_t port);
/* Where the daemon's descriptor leads; false: it is none of these. */
bool wire_address(int fd, const char **ret_ip, uint16_t *ret_port, uint16_t *ret_own_port);
void wire_set_end(struct wire *wire, const struct wire_end *end);
/* Arrives after the delay of the network, in pieces perhaps. */
void wire_send(struct wire *wire, struct slice bytes);
/* What was sent before arrives first. */
void wire_close(struct wire *wire);
#define WIRE_UNACKNOWLEDGED (25 * SIM_S)
void wire_cut(struct wire *wire);       /* at once, what is under way is lost */
void wire_half_open(struct wire *wire); /* nothing passes any more, and nobody is told */
/* Does the daemon still have it, and can it be heard? */
bool wire_is_cut(const struct wire *wire);
bool wire_is_held(const struct wire *wire);
uint16_t wire_port(const struct wire *wire); /* the daemon's */
size_t wire_n_open(void);
void wire_cut_some(const char *ip, uint16_t port, bool is_silent);

/* ---- shapes.c ---- */

struct shape {
	const char *name;          /* for people */
	const char *redis_version; /* of INFO */
	const char *own_key;       /* "valkey_version"; NULL: none */
	const char *own_version;
	const char *hello;   /* server; NULL: no HELLO */
	const char *run_key; /* "run_id"; NULL: none */
	const char *filters; /* of CLIENT KILL, each with blanks around it */
	const char *fields;  /* of CLIENT LIST: l lib-name, u user, r resp, a laddr, t tot-mem */
	bool has_client_id;
	bool has_list_id;
	bool has_multi_id;
	bool has_no_evict;
	bool is_ored;
	bool has_acl;
	bool hides_monitors;
	char slot_flag; /* of a slot migration's link; '\0': none */
};

extern const struct shape shapes[];
extern const size_t n_shapes;
const struct shape *shape_pick(void);

/* ---- server.c ---- */

enum role { ROLE_NORMAL, ROLE_PUBSUB, ROLE_REPLICA, ROLE_MASTER, ROLE_SLOT, ROLE_MONITOR };

struct client {
	uint64_t id;
	const char *user, *name;
	char addr[32];
	char own_name[40]; /* of one that is a connection of the daemon */
	enum role role;
	unsigned db;
	int64_t since, active, changed; /* times */
	struct end *end;                /* of the daemon's; NULL: of others */
	bool is_listed;                 /* in the newest whole listing, and as what: */
	const char *listed_user, *listed_name;
	enum role listed_role;
	uint64_t first_matched; /* kills whose first listing had it selected: bits */
};

enum server_kind { SERVER_DATA, SERVER_SENTINEL };

struct server {
	const char *ip;
	uint16_t port;
	enum server_kind kind;
	const struct shape *shape;
	bool is_up;
	char run_id[48];
	char replid[48], replid2[48];
	char node_id[48];
	struct server *master; /* of a replica; NULL: it is one */
	struct fleet *group;   /* NULL: a stranger */
	struct client *sessions;
	size_t n_sessions, capacity;
	uint64_t next_id;
	uint64_t n_accepted;
	size_t max_clients;
	int64_t started;
	int64_t stalled_until;
	int64_t busy_until; /* with commands */
	int64_t script_until;
	int64_t healthy_since;
	int64_t shown_at;   /* when it showed how its filters combine; 0: not yet */
	int64_t down_since; /* INT64_MAX: it is up */
	bool has_child, is_loading, may_not_kill;
	const char *password; /* NULL: none */
	uint64_t n_commands, n_refused;
	uint64_t listed_kills; /* that have had their first listing: bits */
	bool is_hostile;       /* a Sentinel that lies */
	struct end *ends;
};

enum group_kind { GROUP_STANDALONE, GROUP_SENTINEL, GROUP_CLUSTER };

struct fleet {
	const char *id; /* of the instance */
	enum group_kind kind;
	struct server *nodes[8];
	size_t n_nodes;
	struct server *sentinels[3];
	size_t n_sentinels;
	bool is_stranger_listed; /* the topology names somebody who is none of it */
	bool has_protect;
	int64_t settled; /* when its topology last changed */
};

struct server *server_new(enum server_kind kind, const struct shape *shape);
struct server *server_at(const char *ip, uint16_t port);
/* A connection arrives; 0 or an errno. */
int server_accept(struct server *server, struct wire *wire);
void server_start(struct server *server);
void server_stop(struct server *server); /* its sessions end */
void server_stall(struct server *server, int64_t us);
void server_settle(struct server *server);
/* "" where the server tells no users. */
const char *server_user(const struct server *server, const struct client *session);
/* Is it a connection that the daemon knows? */
bool server_is_own(const struct client *session);
struct client *server_connect(struct server *server); /* somebody else; NULL: full */
void server_disconnect(struct server *server, size_t index);
void server_change(struct server *server, size_t index); /* as sessions do */
bool server_is_healthy(const struct server *server);
void servers_begin(void);
void servers_end(void);
size_t servers_n(void);
struct server *servers_get(size_t index);

/* ---- callers.c ---- */

enum ask { ASK_ALL, ASK_USER, ASK_NAME, ASK_TYPE };

/* A kill that was asked for, as the simulator knows it. */
struct order {
	unsigned number;
	struct fleet *group;
	enum ask what;
	const char *value;
	const char *except_user; /* NULL: none */
	bool is_dry_run, has_max, is_denied, is_watched;
	uint64_t max;
	int64_t asked, timeout;
	int64_t answered; /* 0: not yet */
	int64_t accepted; /* by the daemon; 0: not known */
	bool hung_up;
	bool has_late;           /* commands were in flight when it was answered */
	bool is_waiting_allowed; /* others of its instance run before it */
	int status;
	uint64_t n_ended;  /* by commands of the daemon, in the book */
	bool is_disturbed; /* something was lost or restarted: counts cannot be exact */
};

void callers_begin(const char *socket_path);
void callers_end(void);
void caller_kill(struct fleet *group);
void caller_look(void); /* at the instances, health, metrics, sessions */
size_t callers_n_kills(void);
struct order *callers_kill(size_t index);
bool callers_is_idle(void);
/* Does the request cover such a session? */
bool kill_covers(const struct order *kill, const struct fleet *group, const char *user,
	const char *name, enum role role);
bool callers_uid(const char *name, size_t length, uid_t *ret_uid);

/* ---- oracles.c ---- */

void oracles_begin(void);
void oracle_listed(struct server *server);
/* A command of the daemon ends that session. `is_set`: by a set, not by its id. */
void oracle_ended(struct server *server, struct client *session, bool is_set);
/* The daemon has closed its last connection to a server, by itself. */
void oracle_left(const struct server *server);
void oracle_answered(struct order *kill, struct slice body);
void oracle_tick(void *context, uint64_t value);
void oracle_disturbed(const struct server *server);
void oracles_end(const char *audit_path);
const char *oracle_instances(struct slice body);

/* ---- scenario.c ---- */

/* Is it to end, or was it told something new a moment ago? */
bool scenario_is_changing(void);

/* One case, from building the world to its end. */
void scenario_run(uint64_t seed, const struct sim_size *size);

#endif
