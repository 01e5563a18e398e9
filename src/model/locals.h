/*
 * The victims of one node whose other end may be on the server's own host, for whoever can find out
 * which process that is. A pure value, filled by the snapshot line by line. Embedded; zeroed is
 * empty.
 */
#ifndef MODEL_LOCALS_H
#define MODEL_LOCALS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/ends.h"

/* Of more sessions than this nobody asks whose they are: some 4 MB. */
#define LOCALS_MAX 65536

struct locals_session {
	uint64_t id;
	struct ends ends;
};

struct locals {
	struct locals_session *items;
	size_t n;
	size_t capacity;
	uint64_t n_all;  /* those beyond the limit as well */
	struct ends own; /* of the connection that lists */
	bool has_own;
};

/* `session` is a victim, or that connection itself; who is not on the host is passed over. */
void locals_add(struct locals *locals, const struct session *session);
void locals_note_own(struct locals *locals, const struct session *session);
void locals_finish(struct locals *locals);

#endif
