/*
 * What the daemon counts while it runs, and how a monitoring system reads it. Counts only: what is
 * true at the moment (links, running kills) whoever prints the page asks of its owner.
 *
 * One object, owned by the daemon and handed down; its counters start at zero with the process.
 */
#ifndef RECORD_METRICS_H
#define RECORD_METRICS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "model/report.h"

struct metrics;

/* What is counted of one instance. */
struct metrics_instance;

struct metrics *metrics_new(void);
void metrics_free(struct metrics *metrics);

/*
 * The counters of that instance, made when they are not there yet. Owned by `metrics`: an instance
 * that leaves and comes back goes on counting, since a counter may only grow.
 */
struct metrics_instance *metrics_instance(struct metrics *metrics, const char *id);

/* A run has ended, however many requests it served. */
void metrics_count_kill(struct metrics_instance *instance, const struct report *report);

/* The texts are static, and few. `route` is one of the table's, not what the caller wrote. */
void metrics_count_answer(
	struct metrics *metrics, const char *method, const char *route, int status);
void metrics_count_denied(struct metrics *metrics, const char *action);
/* That action may come to be denied: it is shown from now on, since a rate needs a start. */
void metrics_expect_action(struct metrics *metrics, const char *action);

/* A reload of the configuration has ended; its start counts as one that succeeded. */
void metrics_note_reload(struct metrics *metrics, bool is_successful);

/* All counters, of `instances` only, and what is known of the process. */
void metrics_print(const struct metrics *metrics, const struct metrics_instance *const *instances,
	size_t n_instances, FILE *out);

#endif
