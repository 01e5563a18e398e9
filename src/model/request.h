/*
 * What somebody asks for: which sessions of an instance are to end, and how. And the judgement of
 * one session by it. A pure value; owns its texts.
 */
#ifndef MODEL_REQUEST_H
#define MODEL_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/goals.h"
#include "model/protection.h"
#include "model/selector.h"
#include "model/session.h"

#define REQUEST_DEFAULT_TIMEOUT_MS (30 * 1000)
#define REQUEST_MAX_TIMEOUT_MS (60 * 60 * 1000)
#define REQUEST_MAX_WATCH_MS (10 * 60 * 1000)
#define REQUEST_MAX_KEEP_OUT_MS (INT64_C(24) * 60 * 60 * 1000)
#define REQUEST_MAX_REASON_BYTES 200
#define REQUEST_MAX_NODES 1000
#define REQUEST_MAX_RUN_ID_BYTES 47
#define REQUEST_MAX_IDS 10000

enum pace {
	PACE_INSTANCE, /* what the instance is configured for */
	PACE_FAST,     /* least total time */
	PACE_GENTLE,   /* no command or burst stalls the server longer than the budget */
};

/* How sessions are ended. */
enum request_via {
	VIA_ANY, /* as is cheapest for the server */
	VIA_PROTOCOL,
	VIA_KERNEL,
};

/* Which door is closed on those who are to be kept out. */
enum keep_out_by {
	KEEP_OUT_ANY,     /* by what the selection says */
	KEEP_OUT_USER,    /* their users may not log in */
	KEEP_OUT_ADDRESS, /* their hosts may not connect */
};

struct request {
	bool is_all;            /* or `match`, or `ids` */
	struct selectors match; /* all must hold */
	uint64_t *ids;          /* only these, ascending, each once; none: no matter */
	size_t n_ids;
	struct selectors except; /* any protects */
	char **nodes;            /* only these nodes, by address; none: all */
	size_t n_nodes;
	char *run_id; /* only the node that is this server process; NULL: all */
	bool is_dry_run;
	bool has_max;
	uint64_t max; /* refuse if more sessions would be killed */
	struct goals goals;
	enum pace pace;
	int64_t stall_budget_ms; /* 0: what the instance is configured for */
	int64_t timeout_ms;
	bool has_timeout; /* it was asked for: else it grows by the time that goals take */
	bool break_busy;
	enum request_via via;
	bool wants_cut; /* where the server does not answer, its sessions are ended at the kernel */
	int64_t watch_ms;
	int64_t keep_out_ms; /* whom it ends is kept out for so long; 0: not at all */
	enum keep_out_by keep_out_by;
	bool is_whole_source; /* by address: whoever else comes from there may be kept out as well
			       */
	bool holds;           /* likewise: they are not refused, but wait */
	uint64_t readmit;     /* likewise: so many a second are let in afterwards; 0: all at once */
	char *reason;         /* NULL: none */
	bool wants_results;   /* what becomes of each session is to be in the report */
	bool wants_processes; /* of a dry run: whose the sessions from this host are, likewise */
};

/* An embedded request with defaults: nothing selected, 30 s. */
void request_init(struct request *request);
void request_finish(struct request *request);                /* zeroed is fine */
void request_move(struct request *to, struct request *from); /* `from` is empty afterwards */

/*
 * Would it end every session that is not protected or excepted, however that is put? Where some
 * may stay, if only one, by the words of `match`, it would not.
 */
bool request_is_for_everybody(const struct request *request);

/*
 * Is the selection exactly one or more users, whole? Then their names are the values of the one
 * selector; NULL: it is anything else.
 */
const struct selector *request_users(const struct request *request);
/* Are these users who are to be kept out, or the addresses they come from? */
bool request_is_kept_out_by_user(const struct request *request);

/* Only sessions with one of these ids; `ids` is taken over, in any order. */
void request_set_ids(struct request *request, uint64_t *ids, size_t n);
/* Its place among the ids; false when it is none of them. */
NODISCARD bool request_find_id(const struct request *request, uint64_t id, size_t *ret_place);

/* Would both do exactly the same? Then one run can serve both. The reason may differ. */
bool request_is_same(const struct request *a, const struct request *b);

/* The class that a session falls into; the counts of a report add these up. */
enum request_class {
	REQUEST_UNMATCHED, /* not selected */
	REQUEST_PROTECTED, /* selected, but kept */
	REQUEST_MATCHED,   /* to be killed */
	REQUEST_SPARED,    /* selected, but beyond a goal; judged by goals_choose() */
	REQUEST_OPEN, /* of a set some would be killed, some not; or a value was too long to read */
};

enum request_class request_judge(const struct request *request, const struct protection *protection,
	const struct session *session);

#endif
