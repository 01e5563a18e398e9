/*
 * What several hosts have answered, as one answer. All of it is text of others.
 */
#ifndef CLI_REMOTE_MERGE_H
#define CLI_REMOTE_MERGE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/slice.h"
#include "cli/cli.h"

struct merge_answer {
	const char *host;
	enum status status;
	struct slice body;  /* the daemon's JSON: none, one, or more documents */
	struct slice words; /* what was said beside it */
};

/* As tables to stdout, errors to stderr; or as one JSON object. Returns the worst status. */
enum status merge_show(const struct cli *cli, const struct merge_answer *answers, size_t n);

#endif
