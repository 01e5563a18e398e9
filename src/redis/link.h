/*
 * The way to one server: one or two warm connections, opened at start, logged in, proven, kept
 * alive, and given up only for others that are as good. Sends calls over one of them.
 *
 * Owner: the topology of an instance. Knows nothing of kills. Runs on the event loop; no call
 * blocks, no callback fires before the function that asked for it returned.
 *
 * A connection (connection.h) is closed when it is proven broken: end of stream, reset, no RESP.
 * One that does not answer in time is *late*: it stays open, and is good again with the late
 * answer; meanwhile another one is tried, and only when that one is proven does the late one go.
 * The same holds for those that a reload has made old.
 *
 * What the link is follows from its connections:
 *
 *      READY       one is proven and not late: link_send() takes calls
 *      LATE        those that there are do not answer
 *      HANDSHAKE   a new one is being logged in and proven
 *      CONNECTING  a new one is being opened
 *      BACKOFF     waits to try again; link_error() says why
 */
#ifndef REDIS_LINK_H
#define REDIS_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/macros.h"
#include "base/slice.h"
#include "redis/calls.h"
#include "redis/dial.h"
#include "redis/endpoint.h"
#include "redis/link_opts.h"
#include "redis/server_info.h"

struct event_base;
struct resolver;

#define LINK_MAX_ADDRESS_BYTES 64

/* The order is that of what is best for a kill. */
enum link_state {
	LINK_READY,
	LINK_LATE,       /* ends with the late answer, or with a new connection */
	LINK_HANDSHAKE,  /* its commands are answered; each has command_timeout */
	LINK_CONNECTING, /* connect, TLS; ends within connect_timeout, a name look-up within its own
			  */
	LINK_BACKOFF,    /* waits for its timer; link_error() says why */
};

/*
 * Told of every change of state, of another main connection, and of each attempt that failed, from
 * the event loop; before those whose answer is late, or lost with the connection. Of several the
 * last that came is told first. May unwatch itself.
 */
struct link_watcher {
	void (*changed_fn)(struct link_watcher *watcher, enum link_state state);
	struct link_watcher *next; /* the link's */
};

/* What may be of interest to people; the same words again are told once a minute at most. */
enum link_news {
	LINK_NEWS_READY, /* for the first time */
	LINK_NEWS_BACK,  /* READY again; `words`: what has brought it back, or "" */
	LINK_NEWS_LOST, /* a proven connection is lost; whether the link still is READY see there */
	LINK_NEWS_LATE, /* a proven connection does not answer in time */
	LINK_NEWS_REFUSED, /* an attempt to open one failed, or it may not do what it must */
	LINK_N_NEWS
};

struct link;

typedef void (*link_news_fn)(
	void *context, const struct link *link, enum link_news news, const char *words);

/* What links need of the world around them; borrowed for their life. */
struct link_world {
	struct event_base *loop;
	struct resolver *resolver;
	link_news_fn news_fn; /* NULL: nobody wants to know */
	void *news_context;
	int64_t keepalive_ms; /* at first; 0: two seconds */
	/*
	 * How filters combine is asked of each server process before two are sent in one command.
	 * Off (tests): they are ANDed.
	 */
	bool asks_for_filters;
};

/* `endpoint` and `opts` are copied. Does nothing until link_start(). */
struct link *link_new(const struct link_world *world, const struct endpoint *endpoint,
	const struct link_opts *opts);
/* One that leads nowhere, ever, and says why; called by `label`. */
struct link *link_new_nowhere(const struct link_world *world, const char *label, const char *words);
/* Made with one reference. The last one to go retires it. */
struct link *link_ref(struct link *link);
void link_unref(struct link *link);           /* NULL is fine */
bool link_is_shared(const struct link *link); /* others than the caller hold it */
void link_start(struct link *link);
/*
 * Nobody wants a connection to that server any more: calls are completed with `words`, connections
 * closed and not opened again. Waits for those who want the link (link_want()) to be through.
 */
void link_retire(struct link *link, const char *words);
/* Other options, or another address, from now on. What is open stays until the new is proven. */
void link_change(struct link *link, const struct endpoint *endpoint, const struct link_opts *opts);

/* No new connection is opened from now on, or again: those that are open stay. */
void link_freeze(struct link *link, bool is_frozen);
/* Takes an answer to INFO that somebody else has asked for over it. */
void link_hear_info(struct link *link, struct slice info);

enum link_state link_state(const struct link *link);
enum link_trouble link_trouble(const struct link *link); /* NONE when READY */
/* Of the connection that calls go over now, or went over last. */
const struct link_server *link_server(const struct link *link);
/* Of the one of its connections that said last how many clients there are. */
const struct link_server *link_newest_server(const struct link *link);
const struct endpoint *link_endpoint(const struct link *link);
const char *link_address(const struct link *link); /* "host:port", "[v6]:port" or the path */
const char *link_error(const struct link *link);   /* why it is not ready; "" otherwise */
/* Why it is not as it should be, ready or not: a connection is missing, or is from before a reload.
 * "" otherwise. */
const char *link_last_error(const struct link *link);
int64_t link_ready_since_ms(const struct link *link); /* monotonic; 0 when not ready */
uint64_t link_n_reconnects(const struct link *link);  /* how often it was READY again, anew */
const struct link_opts *link_options(const struct link *link);
/* Are all its connections of the account that its options name now? */
bool link_is_of_one_account(const struct link *link);
/* Do calls go to the address from before a reload, because the present one is not reached yet? */
bool link_is_at_former_address(const struct link *link);

/* Made so, or retired. */
bool link_leads_nowhere(const struct link *link);
/* Was it READY once, since it was made? */
bool link_was_ever_ready(const struct link *link);
/* It was tried, and nobody there has ever taken a connection. */
bool link_was_never_reached(const struct link *link);
bool link_is_failing(const struct link *link); /* the last attempt was in vain */
/* Tries at once, in BACKOFF only. */
void link_try_now(struct link *link);
bool link_has_open_connection(const struct link *link);
/*
 * Does its address lead to several servers by turns (a balancer)? Seen when another process
 * answered there while the one that calls go to was alive.
 */
bool link_is_by_turns(const struct link *link);
#define LINK_BY_TURNS                                                                          \
	"the address leads to several servers by turns (a balancer), and one of them answers " \
	"here; configure the servers themselves"

/* Has the server shown how it takes several filters of CLIENT KILL, or does nobody ask? */
bool link_are_filters_known(const struct link *link);

/* A connection of a link as others may see it. */
struct link_connection {
	const struct link_server *server; /* what is known of it so far */
	const char *name;                 /* its own, random one */
	bool is_nameless;                 /* the server does not let it bear that */
	bool is_proven;
	bool is_late;
	uint64_t serial;
	bool is_expendable; /* it ends by itself when it has asked a question */
	int64_t ready_since_ms;
	int descriptor; /* to be looked at only; -1: there is none */
	/* Of its socket, as a listing has it where nothing stands between; "": there is none. */
	char address[LINK_MAX_ADDRESS_BYTES];
	/* Who listens at the other end of a Unix socket, by the kernel's word; 0: not known. */
	int server_pid;
};

/* Those that are open, proven or not; the main one first. */
size_t link_n_connections(const struct link *link);
struct link_connection link_connection(const struct link *link, size_t index);
/* The number of the main one, counted up since the start; 0: there is none. A greater one is newer.
 */
uint64_t link_main_serial(const struct link *link);
/* The highest number so far: one that is opened from now on has a greater one. */
uint64_t link_newest_serial(const struct link *link);
/* The socket of the main one, to be looked at only; -1: there is none. */
int link_descriptor(const struct link *link);

/* A READY link only, else -ENOTCONN. 0: accepted. */
NODISCARD int link_send(struct link *link, const struct link_command *command);

/*
 * Somebody waits for it, or no longer does: while anybody waits, a full server is asked for a place
 * at the shortest interval. Calls come in pairs.
 */
void link_want(struct link *link);
void link_unwant(struct link *link);
/* What its server says is read before anything that callers ask for. Calls come in pairs. */
void link_hurry(struct link *link);
void link_unhurry(struct link *link);
bool link_is_hurried(const struct link *link);
/* Is a set command in flight, or late? A connection that is opened to its server now may be hit. */
bool link_is_blocked(const struct link *link);
/*
 * Asked before a connection is opened: may it be hit by a set command that is in flight on another
 * link? Then it is opened half a second later at most. NULL: never.
 */
typedef bool link_is_in_range_fn(void *context, const struct link *link);
void link_ask_before_opening(struct link *link, link_is_in_range_fn *fn, void *context);
/*
 * No new connection is opened between these two, and one that is not proven yet is given up: who
 * makes a plan knows all connections of the link until it is carried out. Calls come in pairs.
 */
void link_hold(struct link *link);
void link_release(struct link *link);
/*
 * CLIENT KILL TYPE normal would hit all other connections of the link as well. One that may
 * SUBSCRIBE can step aside: it then is of type pubsub. Can all others do so, or are there none?
 */
bool link_can_step_aside(const struct link *link);
/* Those that are aside stay there between these two, and until no set command is in flight. Calls
 * come in pairs. */
void link_keep_aside(struct link *link);
void link_end_aside(struct link *link);

/* Who waits for the others to be aside, or to be back. Embedded. */
struct link_way {
	/* `failure`: NULL, or why they could not. */
	void (*done_fn)(void *context, const char *failure);
	void *context;
	size_t n_unanswered; /* the link's, as all that follows */
	char failure[128];
};

/* Are all others aside, or all of type normal, and do they stay so? */
bool link_is_way_clear(const struct link *link, bool is_aside);
/*
 * Where they are not: makes them. done_fn is called when they are, unless the calls of `owner` are
 * dropped. False: they cannot, or must not now; it is not called.
 */
NODISCARD bool link_clear_way(
	struct link *link, bool is_aside, struct calls *owner, struct link_way *way);
/*
 * A script keeps the server from answering the handshake: asks the server to end it. Only in
 * BACKOFF for that reason; else nothing happens.
 */
void link_break_busy(struct link *link);
/* What another module keeps with a link, freed with it by `free_fn`. One at most. */
void link_attach(struct link *link, void *object, void (*free_fn)(void *object));
void *link_attachment(const struct link *link); /* NULL: nothing */
/* For tests and fault points: the main connection is lost with these words, soon. */
void link_reset(struct link *link, const char *words);

void link_watch(struct link *link, struct link_watcher *watcher);
void link_unwatch(struct link *link, struct link_watcher *watcher);

#endif
