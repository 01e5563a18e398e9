/*
 * The kill itself, once it is sure to be wanted: sends the request, shows how far it is, lets a
 * person cancel or leave it, shows the outcome.
 */
#ifndef CLI_COMMAND_KILL_RUN_H
#define CLI_COMMAND_KILL_RUN_H

#include <stdint.h>

#include "base/macros.h"
#include "cli/cli.h"

/* What the daemon takes when it is not told. */
#define KILL_DEFAULT_TIMEOUT_MS 30000

struct kill_order {
	const char *path;   /* of the instance's kill */
	const char *form;   /* the parameters */
	int64_t timeout_ms; /* for the whole answer */
};

/* How long to wait for the answer to a kill that has these times itself. */
int64_t kill_answer_ms(int64_t timeout_ms, int64_t watch_ms);

NODISCARD enum status kill_run(const struct cli *cli, const struct kill_order *order);

#endif
