/*
 * What the files of a link share. None calls one that stands further right:
 *
 *     link_state < link_aside, link_choice < link_filters < link_events < link, link_view
 *
 * link.c has its life and its calls, link_events.c what happens to its connections, link_choice.c
 * which of them there are to be, link_state.c what follows from them.
 */
#ifndef REDIS_LINK_INTERNAL_H
#define REDIS_LINK_INTERNAL_H

#include "redis/connection.h"
#include "redis/link.h"

struct event;

/* Longer than any attempt is under way before it ends, or is late: only in case. */
#define LINK_ATTEMPT_MAX_MS 30000

TAILQ_HEAD(connections, connection);

/* Several causes may take turns. */
#define LINK_N_TOLD 4

/* What was told last of a kind of news. */
struct told {
	int64_t ms; /* monotonic; 0: never */
	uint64_t hash;
};

struct link {
	unsigned n_refs;
	struct link_world world;
	struct guard guard;
	struct endpoint endpoint;
	struct link_opts opts;
	char *address;
	struct tls_context *tls; /* NULL: none is needed so far */

	struct connections open; /* those that are not CLOSED, oldest first */
	struct connections dead; /* freed when the guard is idle */
	struct connection *main; /* NULL: not READY */
	struct link_server last; /* of the main one before */
	uint64_t n_connections;  /* ever */
	int64_t keepalive_ms;
	unsigned n_cut_listings; /* in a row */

	enum link_state state;
	enum link_trouble trouble;
	char error[CONNECTION_MAX_WORDS];
	enum link_trouble attempt_trouble; /* of the last attempt, which may be beside a good one */
	struct link_watcher *watchers;
	int64_t freed_ms;  /* monotonic: when a place became free on the server; 0: long ago */
	int64_t failed_ms; /* likewise, an attempt */
	uint64_t n_proven;
	uint64_t n_times_ready;
	uint64_t ready_serial; /* of the main one when it became READY the last time */
	uint64_t told_serial;  /* of the main connection that watchers were told of last; 0: none */
	unsigned n_failures;   /* attempts in vain, in a row */
	struct event *retry;
	struct event *resetting;
	char reset_words[CONNECTION_MAX_WORDS];
	unsigned n_wanting;
	unsigned n_hurrying;
	unsigned n_holding;
	unsigned n_keeping_aside;
	bool is_started;
	bool is_retired;
	bool is_retiring; /* as soon as nobody wants it any more */
	char retire_words[128];
	bool was_connected; /* somebody was there once */
	bool is_frozen;     /* opens no new connections */
	bool is_balancing;
	uint64_t turns_serial; /* of the main one when another process answered; 0: none has */
	int64_t turns_ms;      /* monotonic */
	bool was_blocked;
	link_is_in_range_fn *is_in_range_fn; /* NULL: nobody else's set command hits it */
	void *is_in_range_context;
	unsigned n_waits; /* since it was out of range */
	struct told told[LINK_N_NEWS][LINK_N_TOLD];
	struct connection *asker;  /* expendable: asks how filters combine; NULL: none at present */
	enum link_filters filters; /* of the process that has */
	char filters_run_id[sizeof(((struct link_server *)NULL)->run_id)];
	unsigned n_askers;      /* that asked that process */
	int64_t ask_again_ms;   /* monotonic: no asker before */
	struct event *settling; /* READY waits for the answer, once, and not for long */
	bool is_settling;
	void *attachment;
	void (*free_attachment_fn)(void *object);
};

/* ---- link_state.c ---- */

size_t link_n_wanted(const struct link *link);
bool link_is_good(const struct connection *connection);    /* proven, and not late */
bool link_is_current(const struct connection *connection); /* made by the options in force */
size_t link_count(const struct link *link, bool (*is_counted)(const struct connection *connection));
/* As many as are wanted are proven, not late, and made by the options in force. */
bool link_is_complete(const struct link *link);
/* Another process answers there than behind those that are proven, as far as it says. */
bool link_note_other_server(struct link *link, const struct connection *connection);
/* The only place that changes the state. Tells the watchers of a change; `is_told_anyway`: of a
 * failure that changes nothing. */
void link_update_state(struct link *link, bool is_told_anyway);
void link_set_trouble(struct link *link, enum link_trouble trouble, const char *words);
void link_tell_news(struct link *link, enum link_news news, const char *words);

/* ---- link_aside.c ---- */

/* Those that nobody needs aside any more. */
void link_bring_back(struct link *link);

/* ---- link_choice.c ---- */

void link_update_main(struct link *link);
/* Closes one that is not wanted any more: no event of the link. */
void link_give_up(struct connection *connection, const char *words);
/* Those that were never proven; or `is_all`, those too that may not do any more what they must. */
void link_close_attempts(struct link *link, bool is_all);
/* What is too much, now that others are proven. */
void link_close_needless(struct link *link);
void link_schedule(struct link *link);
/* Those that are not answered wait in the server's queue; two are enough. */
void link_give_up_oldest_late(struct link *link);
/* Is an attempt under way? Those that were refused are tried again. */
bool link_try_again(struct link *link);

/* ---- link_filters.c ---- */

/* How filters combine is not known, and to ask costs nobody a place. */
bool link_should_ask_for_filters(struct link *link);
bool link_are_filters_anded(const struct link *link, const char *run_id);
/* No connection is left: of a server without a run_id it is not known whether it is the same. */
void link_forget_filters(struct link *link);
/* The first connection is proven: READY waits for the answer, at the start only. */
void link_begin_settling(struct link *link);
void link_end_settling(struct link *link);
/* An asker ends, and does not count: somebody else needs it gone. */
void link_stop_asking(struct link *link, const char *words);
/* What a READY connection could not be asked for before it was known how filters combine. */
void link_probe(struct link *link, struct connection *connection);
/* The one that asked has ended. */
void link_note_filters(struct link *link, const struct connection *asker);

/* ---- link_events.c ---- */

/* The one place that follows from every change of a connection: which one calls go over, which are
 * too many, when the next attempt is due, whether to ask how filters combine. */
void link_balance(struct link *link);
/* Likewise, and the state that follows from that. */
void link_follow(struct link *link);
/* Callbacks of timers; `context` is the link. */
void link_on_retry(int fd, short what, void *context);
void link_on_settled(int fd, short what, void *context);

#endif
