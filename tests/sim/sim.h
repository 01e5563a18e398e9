/*
 * A simulated world around the real daemon: time, network, servers, callers, disk. One thread, one
 * process, all of it follows from a seed.
 *
 * edges.c stands where the operating system is, names.c where libc's resolver is, world.c has time,
 * chance and the log of events. wire.c has the connections, server.c what is at their other end
 * (shapes.c: which servers there are; server_clients.c, server_answers.c: what they say).
 * orders.c and orders_judge.c are what can be asked of the daemon, callers.c, callers_look.c and
 * callers_tasks.c who does. scenario.c builds a world and ends it, settings.c is the daemon's
 * configuration, trouble.c what goes wrong. The oracles say what has to hold whatever happens:
 * oracles.c who may be ended, oracles_answers.c, oracles_metrics.c and oracles_record.c what is
 * said, oracles_time.c when, and at what expense. sim.c runs seeds.
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
/* Do callers ask for goals? So it is from this seed on: what those before it do stays as it was. */
#define SIM_GOALS_FROM_SEED UINT64_C(1000000000)
bool sim_has_goals(void);
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

/* Of this process; its number, eight digits, follows. */
#define SIM_DIRECTORY "/dev/shm/sesskill-sim-"

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
enum disk { DISK_GOOD, DISK_CANNOT_SYNC, DISK_FULL, DISK_READ_ONLY };
void edges_set_disk(enum disk disk);
bool edges_had_bad_disk(void); /* at any time */
bool edges_is_disk_good(void);
/* How much of the record is on the disk for good, in bytes. */
int64_t edges_n_synced(void);
/* The daemon dies at its next turn: nothing of its own runs any more, its descriptors close. */
void edges_crash(void);
/* Runs `fn`; true: it came to its end, false: the daemon died in it. */
bool edges_run(void (*fn)(void));

/* ---- names.c ---- */

/* A name, and where it leads to from now on (again). */
void names_begin(void);
void names_lose(void); /* the daemon that has asked is gone */
void names_set(const char *name, const char *const *ips, size_t n_ips);

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
void wire_cut(struct wire *wire);                        /* at once, what is under way is lost */
void wire_cut_within(struct wire *wire, size_t n_bytes); /* after so many bytes of what is sent */
void wire_half_open(struct wire *wire); /* nothing passes any more, and nobody is told */
/* Does the daemon still have it, and can it be heard? */
bool wire_is_ours(int fd); /* a descriptor of the simulator */
bool wire_is_cut(const struct wire *wire);
int64_t wire_left_at(const struct wire *wire); /* when the daemon closed it; 0: it has not */
bool wire_is_held(const struct wire *wire);
const char *wire_ip(const struct wire *wire); /* the server's, as the daemon sees it */
uint16_t wire_port(const struct wire *wire);  /* the daemon's */
size_t wire_n_open(void);
void wire_cut_some(const char *ip, uint16_t port, bool is_silent);

/* ---- shapes.c ---- */

enum shape_has {
	SHAPE_CLIENT_ID = 1 << 0, /* CLIENT ID */
	SHAPE_LIST_ID = 1 << 1,   /* CLIENT LIST ID */
	SHAPE_MULTI_ID = 1 << 2,  /* CLIENT KILL takes several ids */
	SHAPE_NO_EVICT = 1 << 3,
	SHAPE_ACL = 1 << 4,
	SHAPE_SHARDS = 1 << 5, /* CLUSTER SHARDS */
	SHAPE_ORED = 1 << 6,   /* filters are alternatives */
	SHAPE_HIDES_MONITORS = 1 << 7,
};

struct shape {
	const char *name;          /* for people */
	const char *redis_version; /* of INFO */
	const char *own_key;       /* "valkey_version"; NULL: none */
	const char *own_version;
	const char *hello;   /* server; NULL: no HELLO */
	const char *run_key; /* "run_id"; NULL: none */
	const char *filters; /* of CLIENT KILL, each with blanks around it */
	const char *fields;  /* of CLIENT LIST: l lib-name, u user, r resp, a laddr, t tot-mem */
	unsigned has;
	char slot_flag; /* of a slot migration's link; '\0': none */
};

extern const struct shape shapes[];
extern const size_t n_shapes;
const struct shape *shape_pick(void);
bool shape_has(const struct shape *shape, unsigned what);

/* ---- server.c ---- */

enum role { ROLE_NORMAL, ROLE_PUBSUB, ROLE_REPLICA, ROLE_MASTER, ROLE_SLOT, ROLE_MONITOR };
#define DB_UNTOLD UINT32_MAX

/* What a server tells of a session, at one time. */
struct facts {
	uint64_t id;
	const char *user, *name;
	bool has_user; /* the server tells users */
	bool is_odd;   /* its line cannot be read: by the name that the client chose */
	char addr[32];
	enum role role;
	unsigned db;
	int64_t since, active; /* times */
	int64_t at;            /* when it was told; -1: never */
};

/* So often a kill is tried anew with one that is another each time. */
#define CLIENT_ROUNDS 3

struct client {
	struct facts now;
	char own_name[40];              /* of one that is a connection of the daemon */
	int64_t changed;                /* time */
	int64_t changes[CLIENT_ROUNDS]; /* the last ones, in a ring */
	unsigned n_changes;
	struct end *end; /* of the daemon's; NULL: of others */
	struct facts listed;
	uint64_t first_matched; /* kills whose first listing had it selected: bits */
	uint64_t ever_matched;  /* kills of which any listing had */
};

enum server_kind { SERVER_DATA, SERVER_SENTINEL };

struct server {
	const char *ip;
	const char *second_ip; /* NULL: it has one */
	uint16_t port;
	enum server_kind kind;
	const struct shape *shape;
	bool is_up;
	char run_id[48];
	char replid[48], replid2[48];
	char node_id[48];
	struct server *master; /* of a replica; NULL: it is one */
	struct fleet *group;   /* NULL: a stranger */
	int64_t joined_at;     /* its group, in the middle; 0: it was there from the beginning */
	int64_t left_at;       /* its group; 0: never */
	struct client *sessions;
	size_t n_sessions, capacity;
	uint64_t next_id;
	uint64_t n_accepted;
	size_t max_clients;
	int64_t started;
	int64_t stalled_since, stalled_until; /* the last time that it stood still */
	int64_t busy_until;                   /* with commands */
	int64_t script_until;
	int64_t loading_until;
	int64_t healthy_since;
	int64_t shown_at;   /* when it showed how its filters combine; 0: not yet */
	int64_t down_since; /* INT64_MAX: it is up */
	bool was_reached;   /* by the daemon */
	bool was_disturbed; /* something of it was lost, ever */
	bool has_child, may_not_kill;
	bool is_stormy; /* who is ended comes back at once, and others knock all the time */
	size_t most_reply_bytes; /* output limit; 0: none */
	int64_t idle_timeout;    /* 0: none */
	bool has_password, is_password_changed;
	uint64_t n_commands, n_refused, n_connects; /* in this second */
	int64_t last_cut_at;                        /* a connection of the daemon, by the network */
	uint64_t listed_kills;                      /* that have had their first listing: bits */
	bool is_hostile;                            /* a Sentinel that lies */
	int64_t news_delay;    /* of a Sentinel: it knows what was so long ago */
	bool has_lost_address; /* the others of its cluster do not know where it is */
	struct end *ends;
};

#define PROTECT_ADMIN 1U /* user = admin */
#define PROTECT_OPS 2U   /* name = ops-* */

enum group_kind { GROUP_STANDALONE, GROUP_SENTINEL, GROUP_CLUSTER };

struct fleet {
	const char *id; /* of the instance */
	enum group_kind kind;
	struct server *nodes[8];
	size_t n_nodes;
	struct server *sentinels[3];
	size_t n_sentinels;
	struct server *former_master; /* before the newest fail-over; NULL: there was none */
	unsigned epoch;               /* of Sentinel */
	const char *name;             /* of a standalone group that is called by one name */
	bool announces_names;         /* of a cluster */
	bool is_stranger_listed;      /* the topology names somebody who is none of it */
	unsigned protects;            /* PROTECT_*, by the configuration */
	bool has_password;
	int64_t settled;  /* when its topology last changed */
	int64_t looked;   /* when somebody asked for its sessions */
	uint64_t n_ended; /* sessions, by commands of the daemon */
};

#define SIM_PASSWORD "correct horse"

void server_follow(struct server *replica, struct server *master);
struct server *server_new(enum server_kind kind, const struct shape *shape);
bool server_is_called(const struct server *server, const char *ip);
/* Who answers there; one that is up before one that is not. NULL: nobody. */
struct server *server_at(const char *ip, uint16_t port);
/* A connection arrives; 0 or an errno. */
int server_accept(struct server *server, struct wire *wire);
void server_start(struct server *server);
void server_stop(struct server *server); /* its sessions end */
void server_stall(struct server *server, int64_t us);
/* From now on it is held to what one that is well has to do. */
void server_settle(struct server *server);
bool server_is_healthy(const struct server *server);
/* Is it a connection that the daemon knows? */
bool server_is_own(const struct client *session);
/* What it tells of that session now. */
struct facts server_facts(const struct server *server, const struct client *session);
bool server_hides(const struct server *server, const struct client *session);
struct client *server_connect(struct server *server); /* somebody else; NULL: full */
void server_disconnect(struct server *server, size_t index);
void server_change(struct server *server, size_t index); /* as sessions do */
void server_close_idle(struct server *server);
void servers_begin(void);
void servers_end(void);
size_t servers_n(void);
struct server *servers_get(size_t index);

/* ---- orders.c ---- */

enum field {
	FIELD_USER,
	FIELD_NAME,
	FIELD_TYPE,
	FIELD_ADDR,
	FIELD_ID,
	FIELD_AGE,
	FIELD_IDLE,
	FIELD_DB
};

/* One expression of a selection. */
struct test {
	enum field field;
	char op;          /* '=', '!', '<', '>', and 'l', 'g' for <= and >= */
	const char *text; /* NULL: a number */
	uint64_t number;  /* of age and idle in ms */
};

#define MAX_NAMED 3

/* A kill that was asked for, as the simulator knows it. */
struct order {
	unsigned number;
	struct fleet *group;
	struct test tests[2], excepts[2];
	size_t n_tests, n_excepts; /* no tests: all */
	uint64_t ids[MAX_NAMED];   /* of a task */
	size_t n_ids;
	const struct server *nodes[2];
	char node_names[2][24];
	size_t n_nodes;    /* none: all */
	char run_id[48];   /* "": any */
	unsigned protects; /* that hold for it */
	bool is_dry_run, has_max, is_denied, is_watched, is_gentle, is_das, is_stream, is_task;
	bool breaks_busy;
	bool is_changing; /* asked for at a reload: by the settings of before or after */
	uint64_t max;
	uint64_t limit, keep; /* goals; 0: not asked for */
	unsigned rate;        /* likewise, sessions a second */
	bool is_too_slow;     /* refused when it was known how many */
	unsigned uid;
	int64_t asked, timeout;
	int64_t answered; /* 0: not yet */
	bool hung_up;
	bool has_late;         /* commands were in flight when it was answered */
	bool is_crowded;       /* others of its instance ran or waited with it */
	unsigned n_ahead;      /* it waits for so many of them */
	bool is_shared;        /* one of them asked for the very same */
	bool was_group_well;   /* when it was asked for */
	bool was_group_usable; /* likewise: nodes were well, or down for good */
	bool has_intent;       /* seen in the record */
	int status;
	char state[16];       /* of its report; "": none */
	char task_id[40];     /* "": none, or lost with its daemon */
	int64_t seen_running; /* a task: when it was last said to be */
	uint64_t n_task_killed;
	bool has_report; /* what follows is as it says */
	uint64_t n_killed, n_gone, n_survivors, n_extra;
	uint64_t n_ended;  /* by commands of the daemon, in the book */
	bool is_ambiguous; /* sessions were ended that another kill may have meant */
	bool is_disturbed; /* something was lost or restarted: counts cannot be exact */
	struct seen {
		const struct server *server;
		uint64_t n, n_matched;
		uint64_t n_doubtful; /* lines that cannot be read, connections that were left */
	} seen[16];                  /* its nodes' listings, the newest ones */
	size_t n_seen;
};

/* May it still end sessions? */
bool order_is_active(const struct order *order);
/* `others`: what was asked for before, of which it may ask again, with or without a change. */
void order_choose(struct order *order, const struct order *others, size_t n_others);
/* The body of its request; to be freed. */
char *order_form(const struct order *order);
bool order_is_same(const struct order *order, const struct order *other);
/* May its caller ask for that? */
bool order_is_allowed(const struct order *order, uid_t uid, unsigned policy);

/* ---- orders_judge.c ---- */

/* Does the request cover such a session, by what was told of it? */
bool order_covers(const struct order *order, const struct facts *facts);
/* Is that server one that it is for? */
bool order_is_for(const struct order *order, const struct server *server);

/* ---- callers.c ---- */

void callers_begin(const char *socket_path);
void callers_end(void);
void caller_kill(struct fleet *group);
void caller_look(struct fleet *group); /* at the instances, health, metrics, sessions */
void caller_look_at_tasks(void);
void caller_cancel(void);
void caller_burst(void); /* of requests that are denied */
void callers_note_reload(void);
size_t callers_n_kills(void);
struct order *callers_kill(size_t index);

/* What was asked to be cancelled. */
struct cancel {
	char id[40]; /* of the kill */
	uid_t uid;
	int status;   /* 0: not answered */
	bool is_lost; /* with the daemon that was to answer */
};

size_t callers_n_cancels(void);
const struct cancel *callers_cancel(size_t index);

/* What a user was refused. */
struct denied {
	uid_t uid;
	uint64_t n, n_unsure; /* not all answers were waited for */
};

struct denied callers_denied(uid_t uid);
bool callers_uid(const char *name, size_t length, uid_t *ret_uid);
/* The daemon is gone, and with it what it was to answer. */
void callers_lose(void);

/* ---- oracles.c ---- */

void oracle_listed(struct server *server);
/* A command of the daemon ends that session; it came over the same address of the server, or not.
 */
void oracle_ended(struct server *server, struct client *session, bool is_by_another_address);
/* The daemon has closed its last connection to a server, by itself. */
void oracle_left(const struct server *server);
void oracle_disturbed(struct server *server);

/* ---- oracles_answers.c ---- */

void oracle_answered(struct order *kill, struct slice body);
/* The report of a kill that was ordered as a task; it may have been over for a while. */
void oracle_task(struct order *kill, struct slice body);

/* ---- oracles_metrics.c ---- */

void oracle_metrics(struct slice body, int64_t asked);

/* ---- oracles_time.c ---- */

void oracles_begin(void); /* also for a daemon that is started again */
void oracle_tick(void *context, uint64_t value);
/* One turn of the daemon is over, in which it worked off so much. */
void oracle_turn(uint64_t n_lines, uint64_t n_judged);
void oracle_instances(struct slice body);
void oracles_end(void);
bool oracle_is_group_well(const struct fleet *group);
/* Is each of its nodes well, or down for so long that everybody knows? */
bool oracle_is_group_usable(const struct fleet *group);

/* ---- oracles_record.c ---- */

/* Sessions are being ended for that kill: is its intent on the disk? */
void oracle_intended(struct order *kill, const char *path);
/* The record, whole, at the end. */
void oracle_record(const char *path);

/* ---- trouble.c ---- */

void trouble_make(void);
/* For a long time. */
void trouble_keep_down(struct server *server);

/* ---- settings.c ---- */

/* To end all sessions of an instance, or some. */
enum right { RIGHT_ALL, RIGHT_SOME };

struct settings {
	char config[96], socket[96], audit[96], password[96]; /* paths */
	const struct fleet *groups;
	size_t n_groups;
	unsigned n_links, command_timeout_ms;
	unsigned policy; /* one of two: who may do what */
	bool needs_record;
};

bool settings_may(unsigned policy, uid_t uid, const char *instance, enum right right);
void settings_write(const struct settings *settings);
void settings_write_password(const struct settings *settings);

/* ---- scenario.c ---- */

/* Is it to end, or was it told something new a moment ago? */
bool scenario_is_changing(void);
const char *scenario_record(void); /* its path */
bool scenario_needs_record(void);
int64_t scenario_command_timeout(void);
void scenario_kill_again(struct fleet *group); /* unless it is to end */
void scenario_reload(void);
void scenario_crash(void);
bool scenario_had_crash(void);
size_t scenario_n_groups(void);
const struct fleet *scenario_group(size_t index);
unsigned scenario_policy(void);
bool scenario_had_policies(void); /* another one than at first */
bool scenario_had_reload(void);
bool scenario_is_reloading(void); /* a moment ago */
struct server *scenario_stranger(void);

/* Removes what a process has left behind that failed or was stopped. */
void scenario_clear(pid_t process);
/* One case, from building the world to its end. */
void scenario_run(uint64_t seed, const struct sim_size *size);

#endif
