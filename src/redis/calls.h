/*
 * Commands to a server, whom their replies go to, and who may drop them.
 */
#ifndef REDIS_CALLS_H
#define REDIS_CALLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/slice.h"
#include "redis/listing.h"

struct reply;

/*
 * A reply, or the reason why there will be none (`reply` NULL, words in `lost`: the connection is
 * lost, the link retired, or, for calls without an owner who knows better, the time is up). The
 * reply is borrowed and dies when the callback returns.
 */
typedef void (*link_reply_fn)(void *context, const struct reply *reply, const char *lost);

struct call;
TAILQ_HEAD(call_list, call);

/*
 * The calls of one owner that are not completed yet: commands that a link has accepted. Embedded;
 * calls_init() first. Each completes exactly once, by its reply_fn, or is dropped: then its reply
 * is read and thrown away, and the connection stays.
 */
struct calls {
	struct call_list list; /* oldest first */
	/*
	 * The oldest one on its connection is not answered in time. They remain, and their answers
	 * may come all the same: the owner drops them, or does not. NULL: each is dropped, and its
	 * reply_fn told that there was no answer.
	 */
	void (*late_fn)(struct calls *calls, const char *words);
	bool is_told; /* the link's */
};

void calls_init(struct calls *calls, void (*late_fn)(struct calls *calls, const char *words));
bool calls_is_empty(const struct calls *calls);
/* All. Those that wait in the daemon are not sent any more. */
void calls_drop(struct calls *calls);
/* Only those that were not sent, which are the newest; returns how many. */
size_t calls_drop_unsent(struct calls *calls);

struct link_command {
	const struct slice *argv; /* copied */
	size_t argc;
	const char *called; /* on the way of which it is asked, for people; NULL: it stands alone */
	int64_t timeout_ms; /* 0: command_timeout of the link. Starts when it is the oldest
			       unanswered */
	/*
	 * Set: a bulk reply is a listing and goes to `line_fn` line by line, never held as a whole;
	 * `reply_fn` then gets a reply of type REPLY_LISTING.
	 */
	listing_line_fn line_fn;
	/*
	 * It kills whoever fits, not ids. Until it is answered the others of the link stay as they
	 * are: none is opened, and none that is aside comes back.
	 */
	bool is_set;
	link_reply_fn reply_fn; /* NULL: nobody wants to know */
	void *context;
	struct calls *owner; /* NULL: it cannot be dropped */
};

#endif
