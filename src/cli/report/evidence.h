/*
 * What is known about kills afterwards: the record, the daemon's reports and the history of the
 * instances. Each may be missing; what is missing is said.
 */
#ifndef CLI_REPORT_EVIDENCE_H
#define CLI_REPORT_EVIDENCE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/macros.h"

/* One kill. */
struct evidence {
	char *request_id; /* whole */
	json_t *kill;     /* the report with what was asked for, one object; never NULL */
	json_t *lines;    /* its lines of the record, as texts */
	int64_t started_ms;
	int64_t ended_ms; /* as far as it has */
};

struct evidence_list {
	struct evidence *items; /* in the order asked for */
	size_t n;
	json_t *histories; /* by instance, as the daemon tells them */
	json_t *around;    /* lines of the record of that time that are of none of them: texts */
	json_t *missing;   /* what could not be read, and why: texts */
	int64_t begin_ms;  /* of the time that is looked at */
	int64_t end_ms;
};

struct evidence_source {
	const char *socket; /* of the daemon */
	const char *record; /* the path of the record */
};

/*
 * `ids` may be cut short where that names one only. False with words: something is not known, or
 * means several.
 */
NODISCARD bool evidence_collect(const struct evidence_source *source, const char *const *ids,
	size_t n_ids, struct evidence_list *ret_list, struct err *err);
void evidence_finish(struct evidence_list *list); /* zeroed is fine */

#endif
