/*
 * Which programs of the host the sessions of one run belong to: counts by (process, unit, user),
 * over all nodes. Embedded; zeroed is empty.
 */
#ifndef MODEL_LOCAL_CLIENTS_H
#define MODEL_LOCAL_CLIENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"
#include "model/intern.h"
#include "model/report.h"

/* Beyond this many the rest is counted as one, without a name. */
#define LOCAL_CLIENTS_MAX 4096

struct local_clients {
	struct intern keys; /* process NUL unit NUL user */
	struct local_client_counts {
		uint64_t found;
		uint64_t killed;
	} * counts;
	size_t capacity;
};

/* One session more; empty texts are not known. */
void local_clients_count(struct local_clients *clients, struct slice process, struct slice unit,
	struct slice user, bool is_killed);
void local_clients_finish(struct local_clients *clients);

/* Adds all of them to the report, which keeps the largest. */
void local_clients_report(const struct local_clients *clients, struct report *report);

#endif
