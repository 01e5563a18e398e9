/*
 * GET /metrics: what was counted, and what is true at the moment, for Prometheus.
 */
#ifndef CONTROL_METRICS_PAGE_H
#define CONTROL_METRICS_PAGE_H

struct exchange;

void metrics_page_answer(struct exchange *exchange);

#endif
