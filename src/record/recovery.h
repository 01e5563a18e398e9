/*
 * What earlier processes have left open in a record, found in FILE.open and in the record itself,
 * and closed: each intent gets a line that says that it was interrupted.
 */
#ifndef RECORD_RECOVERY_H
#define RECORD_RECOVERY_H

#include <jansson.h>
#include <stdbool.h>

#include "base/err.h"
#include "base/macros.h"
#include "record/unfinished.h"

struct recovery {
	/* All borrowed. */
	const char *path; /* of the record, for words */
	int record_fd;
	struct unfinished *unfinished; /* which is held */
	bool is_first; /* of this process: else kills of its own may have begun in that record */
	int (*append_fn)(void *context, const json_t *line, struct err *err);
	void *context;

	json_t *before;    /* what FILE.open has: offsets there */
	json_t *places;    /* the same, all of them */
	json_t *open;      /* what the record has besides: offsets there */
	json_t *elsewhere; /* of the record's those that ended in another one */
};

/* 0, or a negative errno with words: what was closed stays closed. */
NODISCARD int recovery_run(struct recovery *recovery, struct err *err);
/* All of it is on the disk. */
void recovery_end(struct recovery *recovery);
void recovery_finish(struct recovery *recovery);

#endif
