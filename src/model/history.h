/*
 * What a node said of its connections: of the last hour every five seconds, of the last day every
 * minute. A pure value of fixed size: the time of a sample follows from where it stands. Of a time
 * in which nothing was heard there is a hole, not a zero; a figure that the server does not give is
 * not known in any sample.
 *
 * Times are monotonic milliseconds, steps begin at their multiples.
 */
#ifndef MODEL_HISTORY_H
#define MODEL_HISTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HISTORY_SHORT_STEP_MS (5 * INT64_C(1000))
#define HISTORY_N_SHORT 720
#define HISTORY_LONG_STEP_MS (60 * INT64_C(1000))
#define HISTORY_N_LONG 1440
#define HISTORY_SHORT_MS (HISTORY_N_SHORT * HISTORY_SHORT_STEP_MS)
#define HISTORY_LONG_MS (HISTORY_N_LONG * HISTORY_LONG_STEP_MS)

/* With the events of its instance (history_events.h) a node takes no more than this. */
#define HISTORY_MAX_BYTES ((size_t)64 * 1024)

/* What is counted when a sample is asked after; of a step the largest, or all that came in it. */
enum history_figure {
	HISTORY_CLIENTS,
	HISTORY_MAX_CLIENTS,
	HISTORY_NEW,     /* connections taken, in all of the step */
	HISTORY_REFUSED, /* connections for which there was no place, likewise */
	HISTORY_BLOCKED,
	HISTORY_N_FIGURES
};

const char *history_figure_name(enum history_figure figure); /* as the API has it */

/* A figure that is not known. Larger ones than fit count as one less. */
#define HISTORY_UNKNOWN UINT32_MAX

struct history_sample {
	uint32_t figures[HISTORY_N_FIGURES];
};

/* What a server says of itself; negative: it does not. */
struct history_figures {
	int64_t n_clients;
	int64_t max_clients;
	int64_t n_blocked;
	int64_t n_connections; /* taken since its start */
	int64_t n_rejected;    /* likewise */
};

struct history {
	int64_t last_ms;                   /* when something was heard last; 0: never */
	int64_t n_connections, n_rejected; /* then; negative: not known */
	struct history_sample shorts[HISTORY_N_SHORT];
	struct history_sample longs[HISTORY_N_LONG];
};

/* Zeroed is empty. `at_ms` is not before the last one, and not 0. */
void history_add(struct history *history, int64_t at_ms, const struct history_figures *figures);
/*
 * Another process answers there: its counters began anew. Those that fall are taken for that as
 * well; and what was counted over more than a minute of silence belongs to no step.
 */
void history_restart(struct history *history);

/*
 * All that is known of the step that begins at `from_ms`: a multiple of `step_ms`, which is one of
 * HISTORY_SHORT_STEP_MS. Of whole minutes those are put together, else the short ones. False: a
 * hole.
 */
bool history_read(const struct history *history, int64_t from_ms, int64_t step_ms,
	struct history_sample *ret_sample);

/*
 * The step by which `since_ms` are best told of so many nodes: the shortest that goes back so far,
 * and of which all of them have no more than `max_samples`.
 */
int64_t history_step_ms(int64_t since_ms, size_t n_nodes, size_t max_samples);

#endif
