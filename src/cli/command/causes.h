/*
 * Why a kill keeps waiting: known by the daemon long before the kill gives up.
 */
#ifndef CLI_COMMAND_CAUSES_H
#define CLI_COMMAND_CAUSES_H

#include <stdbool.h>
#include <stdint.h>

#include "cli/cli.h"

struct causes {
	const struct cli *cli;
	const char *instance;
	int64_t from_ms;
	bool is_told; /* or there is no need any more */
};

/* `instance` is borrowed. */
struct causes causes_of(const struct cli *cli, const char *instance);
/* Once, when it takes longer than a kill that nothing keeps waiting. */
void causes_tell(struct causes *causes, const struct screen *screen);

#endif
