/*
 * The answer to a kill as a stream of events, one JSON object a line: accepted, listed (a node's
 * plan is made), progress (at most ten a second, when something changed), verified (a node is
 * done), respawn (somebody came back), and last the report.
 */
#ifndef CONTROL_KILL_STREAM_H
#define CONTROL_KILL_STREAM_H

#include "control/exchange.h"
#include "kill/jobs.h"

struct kill_stream;

/* For `exchange`, which it answers in the end. */
struct kill_stream *kill_stream_new(struct exchange *exchange);
void kill_stream_free(struct kill_stream *stream); /* not begun */

/* Its caller has left: nothing is to be answered. Frees it, with its exchange. */
void kill_stream_drop(void *context);

/* The order is accepted: from now on the answer is a stream. */
void kill_stream_begin(struct kill_stream *stream);

/* For struct jobs_order; `context` is the stream. The last one frees it. */
void kill_stream_on_event(
	void *context, const char *request_id, enum job_event event, const struct report *report);
void kill_stream_on_done(void *context, const char *request_id, const struct report *report);

#endif
