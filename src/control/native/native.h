/*
 * Handlers of the native API (/v1/..., /healthz).
 */
#ifndef CONTROL_NATIVE_H
#define CONTROL_NATIVE_H

struct exchange;

void native_instances(struct exchange *exchange);   /* GET /v1/instances */
void native_instance(struct exchange *exchange);    /* GET /v1/instances/{id} */
void native_sessions(struct exchange *exchange);    /* GET /v1/instances/{id}/sessions */
void native_kill(struct exchange *exchange);        /* POST /v1/instances/{id}/kill */
void native_kills(struct exchange *exchange);       /* GET /v1/kills */
void native_kill_report(struct exchange *exchange); /* GET /v1/kills/{request_id} */
void native_cancel(struct exchange *exchange);      /* DELETE /v1/kills/{request_id} */
void native_health(struct exchange *exchange);      /* GET /healthz */

#endif
