/*
 * The native API (/v1/..., /healthz, /metrics).
 */
#ifndef CONTROL_NATIVE_H
#define CONTROL_NATIVE_H

#include <stdio.h>

#include "control/exchange.h"
#include "kill/instance.h"
#include "model/request.h"

/* ---- handlers of routes ---- */

void native_instances(struct exchange *exchange);     /* GET /v1/instances */
void native_instance(struct exchange *exchange);      /* GET /v1/instances/{id} */
void native_sessions(struct exchange *exchange);      /* GET /v1/instances/{id}/sessions */
void native_history(struct exchange *exchange);       /* GET /v1/instances/{id}/history */
void native_kill(struct exchange *exchange);          /* POST /v1/instances/{id}/kill */
void native_kills(struct exchange *exchange);         /* GET /v1/kills */
void native_kill_report(struct exchange *exchange);   /* GET /v1/kills/{request_id} */
void native_cancel(struct exchange *exchange);        /* DELETE /v1/kills/{request_id} */
void native_guards(struct exchange *exchange);        /* GET /v1/guards */
void native_guards_hold(struct exchange *exchange);   /* POST /v1/guards/hold */
void native_guards_resume(struct exchange *exchange); /* POST /v1/guards/resume */
void native_leases(struct exchange *exchange);        /* GET /v1/leases */
void native_lease(struct exchange *exchange);         /* GET /v1/leases/{id} */
void native_lease_release(struct exchange *exchange); /* DELETE /v1/leases/{id} */
void native_lease_extend(struct exchange *exchange);  /* PATCH /v1/leases/{id} */
void native_health(struct exchange *exchange);        /* GET /healthz */
void native_metrics(struct exchange *exchange);       /* GET /metrics, for Prometheus */

/* For tests and documentation: the names of the parameters of sessions; NULL behind the last one.
 */
const char *native_sessions_param_name(size_t index);
const char *native_history_param_name(size_t index); /* likewise */
const char *native_lease_param_name(size_t index);   /* likewise */

/* ---- what they share ---- */

/* The instance in the path; NULL when the exchange was answered. */
const struct instance *native_find_instance(struct exchange *exchange);

/*
 * Orders the kill, with a stream of events as the answer: accepted, listed (a node's plan is made),
 * progress (at most ten a second, when something changed), verified (a node is done), respawn
 * (somebody came back), and last the report. `request` is taken over.
 */
void native_stream_kill(
	struct exchange *exchange, const struct instance *instance, struct request *request);

/* Of those that count them: the most frequent names, users and sources of sessions. */
void native_print_session_metrics(
	FILE *out, const struct instance *const *instances, size_t n_instances);

json_t *native_text_or_null(const char *text); /* null: it is "" */

#endif
