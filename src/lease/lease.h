/*
 * What the files of leases share. They call each other in one direction: leases -> lease_gate,
 * lease_kill, lease_follow -> lease_check, lease_doors -> lease_journal -> lease_state
 * -> lease -> door, ban -> door_log, ban_look.
 */
#ifndef LEASE_LEASE_H
#define LEASE_LEASE_H

#include <jansson.h>
#include <sys/queue.h>

#include "base/claim.h"
#include "base/uuid.h"
#include "host/firewall.h"
#include "lease/leases.h"
#include "redis/calls.h"

/* The kernel lets them in so much later than we do: should the kill take that long, and for the
 * width of its ticks. */
#define BAN_SLACK_MS 2000

/* What is wrong and stays so is told so often. */
#define LEASE_TELL_MS (60 * 1000)

struct lease;
struct lease_check;
struct lease_look;

/* One user on one node. */
struct door {
	struct lease *lease;
	char *address;
	char *user;
	enum door_state state;
	bool is_ours;    /* we have closed it, or may have: it is ours to open */
	uint64_t digest; /* of what the server said of the user when it was closed; 0: not known */
	char run_id[64]; /* of the process that it was closed on; "": not known */
	uint64_t serial; /* of the server process that it was closed on: its link's connection */
	bool is_busy;    /* a command is on its way */
	bool is_opening; /* that is to open it */
	/* Closed after the kill: who came in before is to be ended, from then on; 0: nobody. */
	int64_t late_ms;
	char kill_id[UUID_TEXT_BYTES]; /* of the kill that ends them; "": none is on its way */
	char error[256];               /* "" none */
	struct calls calls;            /* its commands */
	struct link *link;             /* held while it is busy */
	struct calls log_calls;        /* questions for who has knocked */
	int64_t ask_log_ms;            /* monotonic: not before */
	int64_t n_refused;             /* -1: not known */
};

/* What a look has found; borrowed for the call. */
struct lease_look_result {
	const char *failure;                /* NULL: none */
	bool is_inexact;                    /* that is the reason */
	const char *warning;                /* NULL: none */
	const struct ends_address *sources; /* whom the kill ends comes from there; no ports */
	size_t n_sources;
	const struct ends_address *servers; /* where they may come to */
	size_t n_servers;
};

typedef void (*lease_look_fn)(void *context, const struct lease_look_result *result);

/* A ban has two places at the kernel, so that it can be made anew beside itself. */
enum ban_place { BAN_HERE, BAN_THERE, BAN_NOWHERE };

/* The door of addresses, at the kernel: all sources to all servers. */
struct ban {
	struct lease *lease;
	struct ends_address *sources; /* ordered, as by ends_address_compare(); owned */
	size_t n_sources;
	struct ends_address *servers; /* likewise */
	size_t n_servers;
	bool holds;
	uint64_t readmit; /* per second; 0: all at once */
	enum ban_state state;
	enum ban_place whole; /* where all of it is; NOWHERE: it never was */
	size_t n_added;       /* sources, while it is RAISING */
	uint64_t n_refused;   /* of the whole one */
	uint64_t n_put_off;
	uint64_t n_before;         /* of those before it, both */
	bool is_gentle;            /* raised to readmit only */
	int64_t readmitting_ms;    /* monotonic: since then; 0: not yet */
	int64_t quiet_ms;          /* monotonic: since then nobody was put off */
	bool is_seen;              /* in the kernel, just now */
	bool is_emptied;           /* it is there, but refuses nobody */
	bool is_out_of_sight;      /* that cannot be asked: `error` says so */
	int64_t kernel_out_ms;     /* boottime: by itself it refuses all until then, */
	int64_t kernel_until_ms;   /* and some until then */
	bool is_doubled;           /* there is, or may be, something in the other place as well */
	char error[ERR_MAX_BYTES]; /* what is wrong now; "" nothing */
	char gap[ERR_MAX_BYTES];   /* who is not kept out, for good; "" nobody that is known */
	struct event *next;        /* RAISING goes on */
};

struct lease {
	TAILQ_ENTRY(lease) entry;
	struct leases *leases;
	char *id;
	char *instance;
	char *caller;
	char *reason;
	int64_t since_wall_ms;
	int64_t keep_out_ms; /* as it was asked for */
	int64_t since_boot_ms;
	int64_t until_wall_ms; /* for after a reboot only */
	int64_t until_boot_ms; /* on the clock that no one sets, and that goes on in sleep */
	char **users;
	size_t n_users;
	struct door **doors;
	size_t n_doors;
	size_t doors_capacity;
	bool is_closing;           /* the kill waits for the first nodes */
	bool is_over;              /* released */
	bool is_void;              /* it never stood, or nobody was ended: nothing is readmitted */
	int64_t told_ms;           /* when what is wrong was told last; 0: never */
	struct lease_check *check; /* NULL: it has passed */
	struct lease_look *look;   /* likewise */
	struct ban *ban;           /* NULL: by users */
	unsigned n_looks;
	bool is_kill_over;      /* it counts from there */
	bool is_extended;       /* a person has said until when */
	bool is_looked_through; /* nobody new came from anywhere, or not for the first time */
	bool is_inexact;        /* that is why it failed */
	const struct request *request; /* borrowed, while the gate is not passed */
	char *warning;                 /* for the report; NULL: none */
	gate_done_fn done_fn;          /* NULL: nobody waits */
	void *done_context;
};

struct leases {
	struct leases_inputs in;
	char *state_path;
	struct claim claim; /* of the journal: nobody else writes it */
	bool is_unsaved;    /* the journal says something else than what is here */
	int64_t told_ms;    /* when that was told last; 0: never */
	struct firewall *firewall;
	int64_t counted_ms; /* when bans were counted last, and looked for; 0: never */
	int64_t looked_ms;
	bool may_have_bans; /* there is, or was, one: else the kernel is not asked for its firewall
			     */
	int64_t count_every_ms; /* so often they are counted now */
	struct caller own;      /* who ends those that came in before a door was closed again */
	struct gate gate;
	TAILQ_HEAD(, lease) list;
	struct event *settling; /* tells those who wait that all doors have answered */
	/* For doors: a door has got its answer; it is about to be closed. */
	void (*answered_fn)(struct leases *leases);
	int (*journal_fn)(struct leases *leases, struct err *err);
};

/* ---- door.c ---- */

struct door *door_new(struct lease *lease, const char *address, const char *user);
void door_free(struct door *door);
/* Asks what is, and closes or opens it; done when it is not busy any more. Both journal first. */
void door_close(struct door *door, struct link *link);
void door_open(struct door *door, struct link *link);

/* ---- door_log.c ---- */

void door_log_init(struct door *door);
void door_log_finish(struct door *door);
/* How often somebody has knocked: asks now and then. */
void door_log_ask(struct door *door, struct link *link);

/* ---- ban.c ---- */

struct ban *ban_new(struct lease *lease);
void ban_free(struct ban *ban); /* the kernel's part stays; NULL is fine */
/* Taken over are copies. More of them are no mistake. */
void ban_take(struct ban *ban, const struct ends_address *sources, size_t n_sources,
	const struct ends_address *servers, size_t n_servers);
/* Are all of them in it? */
bool ban_has(const struct ban *ban, const struct ends_address *sources, size_t n_sources,
	const struct ends_address *servers, size_t n_servers);
/* Somebody is not kept out, and that will not change: once, in the log and in the lease. */
void ban_tell(struct ban *ban, const char *words);
/* What is wrong with it; "" nothing. */
const char *ban_words(const struct ban *ban);
/* Where two places are not needed any more, removes the other one. */
void ban_settle(struct ban *ban);
/* Closes it until the lease is over; answered_fn is called when it is CLOSED or FAILED. */
void ban_raise(struct ban *ban);
bool ban_is_busy(const struct ban *ban);
/* False: there is nothing of it to open any more. */
bool ban_open(struct ban *ban, bool is_at_once);
uint64_t ban_n_refused(const struct ban *ban);
/* As many as there are sources; to be released with ban_free_sources_p(). */
char **ban_print_sources(const struct ban *ban);
void ban_free_sources_p(char ***sources);

/* ---- ban_look.c ---- */

struct ban_name {
	char text[FIREWALL_NAME_BYTES];
};

/* At the kernel. */
struct ban_name ban_name(const struct ban *ban, enum ban_place place);

/* Asks what all of them have counted. */
void ban_count(struct leases *leases);
/*
 * Are all of them still there? What is not has FAILED; what is of no lease goes. Once a second.
 * True: they were counted.
 */
bool ban_look(struct leases *leases);

/* ---- lease_check.c ---- */

/*
 * May these users be shut out exactly? `done_fn` is called once, from the event loop: `failure`
 * NULL, or whom else the door would hit.
 */
struct lease_check *lease_check_new(struct event_base *loop, const struct instance *instance,
	const struct selector *users, gate_done_fn done_fn, void *context);
void lease_check_free(struct lease_check *check); /* NULL is fine; it is forgotten */

/* ---- lease_look.c ---- */

/*
 * Who comes from where on all nodes, and would a door of addresses be exact? `done_fn` is called
 * once, from the event loop; the look may be freed there. `request` is borrowed until then.
 */
struct lease_look *lease_look_new(const struct leases_inputs *in, const struct instance *instance,
	const struct request *request, lease_look_fn done_fn, void *context);
void lease_look_free(struct lease_look *look); /* NULL is fine; it is forgotten */

/* ---- lease_follow.c ---- */

/* A ban that is to stand: raised again where it is not what it should be. `is_looked_at`: also
 * where servers listen is asked of the kernel. */
void lease_follow(struct lease *lease, bool is_looked_at);

/* ---- lease_state.c ---- */

json_t *lease_state_json(const struct leases *leases);
/* Adds all of them; false: that is no journal. */
NODISCARD bool lease_state_take(struct leases *leases, const json_t *root);

/* ---- lease_journal.c ---- */

/*
 * Takes up what the journal has, if it is not another daemon's. What cannot be understood is put
 * aside, under another name.
 */
void lease_journal_load(struct leases *leases);
/*
 * All of them; on the disk on return. Else a negative errno with words, and the upkeep tries again.
 */
NODISCARD int lease_journal_save(struct leases *leases, struct err *err);
/* The same for who cannot wait for it: a failure is in the log. */
void lease_save(struct leases *leases);

/* ---- lease.c ---- */

struct lease *lease_new(struct leases *leases, const char *id);
void lease_free(struct lease *lease);
struct door *lease_add_door(struct lease *lease, const char *address, const char *user);
/* It has been let stand: nothing is to be found out any more before it is closed. */
bool lease_stands(const struct lease *lease);
/* By the whole id, or the beginning of no other; NULL: there is none. */
struct lease *lease_find(const struct leases *leases, struct slice id);

/* ---- lease_doors.c ---- */

/* NULL: the configuration has it no more. */
const struct instance *lease_instance(const struct lease *lease);
/* NULL: that node is not connected. */
struct link *lease_find_link(const struct instance *instance, const char *address);
bool lease_is_busy(const struct lease *lease);
int64_t lease_left_ms(const struct lease *lease); /* 0: it is over */
/* On all nodes that are there and have not been seen closed. */
void lease_close_all(struct lease *lease);
/* Asks how often somebody has knocked at those that are closed. */
void lease_count_all(struct lease *lease);
int64_t lease_n_refused(const struct lease *lease); /* -1: not known */
/* False: there is nothing of it to open any more. */
bool lease_open_all(struct lease *lease, bool is_at_once);
void lease_record(const struct lease *lease, const char *event, const struct caller *caller,
	const char *what);

/* ---- lease_kill.c ---- */

/* Ends who came in where a door was closed after the kill. */
void lease_kill_late(struct lease *lease);

/* ---- lease_gate.c ---- */

/* See struct gate; `context` is struct leases. */
void lease_gate_close(void *context, const char *request_id, const struct instance *instance,
	const struct request *request, gate_done_fn done_fn, void *done_context);
void lease_gate_forget(void *context, const char *request_id);
bool lease_gate_ended(void *context, const char *request_id, const struct sources *sources);
/* Callback of the event `settling`. */
void lease_on_settling(int fd, short what, void *context);

#endif
