/*
 * The kill itself, once it is sure to be wanted: sends the request, shows how far it is, lets a
 * person cancel or leave it, shows the outcome.
 */
#ifndef CLI_KILL_RUN_H
#define CLI_KILL_RUN_H

#include <stdint.h>

#include "base/macros.h"
#include "cli/cli.h"

struct kill_order {
	const char *path;   /* of the instance's kill */
	const char *form;   /* the parameters */
	int64_t timeout_ms; /* for the whole answer */
};

NODISCARD enum status kill_run(const struct cli *cli, const struct kill_order *order);

#endif
