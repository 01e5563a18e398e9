/*
 * Lines that the record is owed: outcomes of recorded intents that a full disk did not take, kept
 * until it does, as far as they are few. A pure value.
 */
#ifndef RECORD_OWED_H
#define RECORD_OWED_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/queue.h>

#define OWED_MAX_BYTES ((size_t)1024 * 1024)

struct owed_line {
	TAILQ_ENTRY(owed_line) entry;
	char *request_id;
	char *text;
};

struct owed {
	TAILQ_HEAD(, owed_line) lines; /* oldest first */
	size_t n_bytes;                /* of their texts */
};

void owed_init(struct owed *owed);
void owed_finish(struct owed *owed);
/* Copies both. False: there are too many already, and nothing is kept. */
bool owed_add(struct owed *owed, const char *request_id, const char *text);
/* The oldest one; NULL: there is none. */
const struct owed_line *owed_first(const struct owed *owed);
void owed_drop_first(struct owed *owed);

#endif
