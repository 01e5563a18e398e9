/*
 * A server made of a script: it listens on a Unix socket in the event loop of the test and answers
 * commands by rules. What it was told is counted.
 */
#ifndef TESTS_UNIT_PEER_SCRIPT_H
#define TESTS_UNIT_PEER_SCRIPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

struct event_base;
struct peer;

/* After which what a test waits for will never happen. */
#define PEER_PATIENCE_MS 30000

struct peer_command {
	uint64_t connection; /* counted from 1 */
	const char *text;    /* its words with blanks between them */
	const struct slice *argv;
	size_t argc;
};

/* RESP on the heap; NULL: no reply. */
typedef char *peer_reply_fn(void *context, const struct peer_command *command);

struct peer_rule {
	const char *prefix;      /* of the text of the command */
	const char *reply;       /* RESP; NULL: none */
	peer_reply_fn *reply_fn; /* instead of `reply` */
	void *context;           /* its */
	bool closes;             /* the connection, once the reply is out */
	/* Goes silent instead of an answer, on all connections; after peer_go_on() the command is
	 * looked up again. */
	bool stops;
	int times; /* 0: always. Then older rules hold again */
};

/* Not listening yet. */
struct peer *peer_new(struct event_base *loop, const char *path);
void peer_free(struct peer *peer);

void peer_listen(struct peer *peer);
/* Nobody can connect any more; the socket file is gone. */
void peer_close(struct peer *peer);

/* The newest rule whose prefix fits holds. A command without a rule fails the test. */
void peer_add(struct peer *peer, struct peer_rule rule);
static inline void peer_on(struct peer *peer, const char *prefix, const char *reply)
{
	peer_add(peer, (struct peer_rule){.prefix = prefix, .reply = reply});
}
static inline void peer_once(struct peer *peer, const char *prefix, const char *reply)
{
	peer_add(peer, (struct peer_rule){.prefix = prefix, .reply = reply, .times = 1});
}
/* Stops before it answers a command that fits, once. */
static inline void peer_stop_at(struct peer *peer, const char *prefix)
{
	peer_add(peer, (struct peer_rule){.prefix = prefix, .stops = true, .times = 1});
}
/* Drops the connection instead of an answer, once. */
static inline void peer_drop_at(struct peer *peer, const char *prefix)
{
	peer_add(peer, (struct peer_rule){.prefix = prefix, .closes = true, .times = 1});
}

/* Whoever connects gets these bytes and is closed; NULL: no longer. Not copied. */
void peer_turn_away(struct peer *peer, const char *bytes);

void peer_stop(struct peer *peer);
void peer_go_on(struct peer *peer);
bool peer_is_stopped(const struct peer *peer);

void peer_say(struct peer *peer, const char *bytes); /* on all connections */
void peer_hang_up(struct peer *peer);                /* on all connections */
/* Both at once, before anybody else has a turn. */
void peer_say_and_hang_up(struct peer *peer, const char *bytes);

uint64_t peer_n_accepted(const struct peer *peer); /* the turned away ones too */
size_t peer_n_connections(const struct peer *peer);
bool peer_has_connection(const struct peer *peer, uint64_t connection);
/* How many commands with this prefix it took. */
size_t peer_n_commands(const struct peer *peer, const char *prefix);

/* Turns the loop until the condition holds; fails the test when it never does. */
#define peer_wait(loop, condition)                                              \
	do {                                                                    \
		int64_t give_up_ms = clock_monotonic_ms() + PEER_PATIENCE_MS;   \
		while (!(condition)) {                                          \
			if (clock_monotonic_ms() > give_up_ms) {                \
				fail_msg("in vain waited for: %s", #condition); \
			}                                                       \
			peer_turn(loop);                                        \
		}                                                               \
	} while (false)

/* One turn of the loop, at most a millisecond. */
void peer_turn(struct event_base *loop);

#endif
