/*
 * Where sessions come from: counts by (address, user, name, library), over all nodes of one run.
 * Answers "who were the victims". Embedded; zeroed is empty.
 */
#ifndef MODEL_SOURCES_H
#define MODEL_SOURCES_H

#include <stddef.h>
#include <stdint.h>

#include "model/intern.h"
#include "model/report.h"
#include "model/session.h"

/* Beyond this many different sources the rest is counted as one, without a name. */
#define SOURCES_MAX 65536

struct source_counts {
	uint32_t found;
	uint32_t killed;
	uint32_t reconnected;
};

struct sources {
	struct intern keys; /* address NUL user NUL name NUL library */
	struct source_counts *counts;
	size_t capacity;
};

/* The number of a session's source; counts nothing. */
uint32_t sources_number(struct sources *sources, const struct session *session);
/* A session that is new: counts it as a return if its source is known. The number of returns. */
unsigned sources_count_return(struct sources *sources, const struct session *session);
void sources_finish(struct sources *sources);

/* Adds all of them to the report, which keeps the largest. */
void sources_report(const struct sources *sources, struct report *report);

#endif
