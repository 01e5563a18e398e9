/*
 * What happened on an instance: the last so many events, each of fixed size. A pure value. Longer
 * texts are cut: the record and the journal have all of them.
 */
#ifndef MODEL_HISTORY_EVENTS_H
#define MODEL_HISTORY_EVENTS_H

#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"
#include "base/uuid.h"
#include "model/history.h"
#include "model/report.h"

enum history_event_kind {
	HISTORY_KILL,      /* `who` ordered it, `words` is his reason, `state` how it stands */
	HISTORY_LINK_LOST, /* no kill would get in at the `node` any more; `words`: why */
	HISTORY_LINK_BACK, /* one would again */
	HISTORY_GUARD,     /* `who` is the guard, `words` what it did */
	HISTORY_LEASE,     /* somebody is kept out, or let in again; `words`: which of it */
	HISTORY_N_KINDS
};

const char *history_event_name(enum history_event_kind kind); /* as the API has it */

#define HISTORY_MAX_EVENTS 88
#define HISTORY_MAX_WHO_BYTES 32
#define HISTORY_MAX_NODE_BYTES 48
#define HISTORY_MAX_WORDS_BYTES 100

struct history_event {
	int64_t at_ms;       /* monotonic */
	uint32_t elapsed_ms; /* of a kill that has ended */
	uint32_t n;          /* sessions: killed, or selected by the guard */
	uint8_t kind;        /* enum history_event_kind */
	uint8_t state;       /* enum report_state */
	char request_id[UUID_TEXT_BYTES];
	char who[HISTORY_MAX_WHO_BYTES];
	char node[HISTORY_MAX_NODE_BYTES]; /* "": of the instance */
	char words[HISTORY_MAX_WORDS_BYTES];
};

/* Zeroed is none. */
struct history_events {
	size_t n;
	struct history_event items[HISTORY_MAX_EVENTS]; /* oldest first */
};

/*
 * One more, without texts, for the caller to fill in until the next. Where there is no room the
 * oldest goes; of links rather than another, where more than half are of links, so that one that
 * comes and goes drives nothing else out.
 */
struct history_event *history_events_add(
	struct history_events *events, enum history_event_kind kind, int64_t at_ms);
/* The kill of that request id; NULL: it is not among them. */
struct history_event *history_events_find_kill(
	struct history_events *events, const char *request_id);
/* As much as fits, by whole characters; NULL is "". */
void history_event_set(char *to, size_t to_bytes, const char *text);

_Static_assert(sizeof(struct history) + sizeof(struct history_events) <= HISTORY_MAX_BYTES,
	"what is kept of a node");

#endif
