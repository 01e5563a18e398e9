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
/* Nothing is told any more; what is on its way is thrown away. Not joined is fine. */
void client_list_leave(struct listing_reader *reader);

#endif
