/*
 * CLIENT LIST over a link, for everybody who wants it: a kill, its verification, the watch, whoever
 * lists sessions. At most one is on its way; who asks meanwhile shares the next one, which begins
 * after he asked. Each line is read once.
 */
#ifndef REDIS_CLIENT_LIST_H
#define REDIS_CLIENT_LIST_H

#include <sys/queue.h>

#include "base/macros.h"
#include "model/session.h"
#include "redis/link.h"
#include "redis/reply.h"

enum listing_end {
	LISTING_WHOLE,
	LISTING_REFUSED, /* `reply` says what the server has against it */
	LISTING_LATE,    /* it is not answered in time; `words` */
	LISTING_LOST,    /* the connection is lost, or the link retired; `words` */
};

struct listing_result {
	enum listing_end end;
	const struct reply *reply; /* REFUSED; borrowed */
	const char *words;         /* LATE, LOST; borrowed */
};

struct client_list;
TAILQ_HEAD(listing_readers, listing_reader);

/* Who waits for a listing. Embedded; zeroed and with these set it may join. */
struct listing_reader {
	void (*started_fn)(void *context); /* just before the command is sent; NULL: not wanted */
	void (*session_fn)(void *context, const struct session_line *line);
	void (*done_fn)(void *context, const struct listing_result *result); /* once */
	void *context;

	TAILQ_ENTRY(listing_reader) entry;
	struct link *link;             /* NULL: it has not joined */
	struct listing_readers *queue; /* that it is in */
};

/* 0, or -ENOTCONN: the link is not READY. `started_fn` may be called before it returns. */
NODISCARD int client_list_join(struct link *link, struct listing_reader *reader);
/*
 * From now on the last whole listing is kept, for a minute, unless it is larger than that: for when
 * the server does not answer any more.
 */
#define CLIENT_LIST_KEPT_MS (60 * 1000)
#define CLIENT_LIST_MAX_KEPT_BYTES ((size_t)8 * 1024 * 1024)
/*
 * What is to be known besides, as things stand before the listing is asked for, which waits until
 * all is read. `begin_fn` may return NULL: there is none. `read_fn` reads for a moment; false: that
 * was all. The note is kept with the listing.
 */
struct client_list_note {
	void *(*begin_fn)(struct link *link);
	bool (*read_fn)(void *note);
	void (*free_fn)(void *note);
	unsigned rank; /* of several that are wanted of one listing the highest is made */
};
/* The note's functions are borrowed; NULL: the next listing has none. */
void client_list_keep(struct link *link, const struct client_list_note *note);
/* Frees the one that is kept when its minute is over. */
void client_list_forget_old(struct link *link);
/* Of the listing that is kept; NULL: none, or it is of a process before this one. */
void *client_list_kept_note(struct link *link);

/* A number of the caller's, which stays with the link. 0 at first. */
void client_list_set_mark(struct link *link, unsigned place, uint64_t mark);
uint64_t client_list_mark(struct link *link, unsigned place);
#define CLIENT_LIST_MARKS 4
/* Tells the sessions of the one that is kept. False: there is none. */
NODISCARD bool client_list_tell_kept(struct link *link,
	void (*session_fn)(void *context, const struct session_line *line), void *context);

/* Nothing is told any more; what is on its way is thrown away. Not joined is fine. */
void client_list_leave(struct listing_reader *reader);

#endif
