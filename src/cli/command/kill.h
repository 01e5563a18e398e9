/*
 * A kill: the question before it, then sending it, showing how far it is, letting a person cancel
 * or leave it, and showing the outcome.
 */
#ifndef CLI_COMMAND_KILL_H
#define CLI_COMMAND_KILL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/macros.h"
#include "cli/cli.h"

/* What the daemon takes when it is not told. */
#define KILL_DEFAULT_TIMEOUT_MS 30000

struct kill_order {
	const char *instance;
	const char *form;        /* the parameters */
	const struct args *args; /* what they are made of; NULL: no options */
	int64_t timeout_ms;      /* for the whole answer */
	bool wants_cut;          /* where a server does not answer, the kernel is to do it */
};

/* How long to wait for the answer to a kill that has these times itself. */
int64_t kill_answer_ms(int64_t timeout_ms, int64_t watch_ms);

/*
 * Shows a person what a dry run finds, and wants the instance's id typed. True only after a yes;
 * else it has been said why not, and *ret_status is what the program ends with. The terminal is in
 * its ordinary state.
 */
NODISCARD bool kill_is_wanted(
	const struct cli *cli, const struct kill_order *order, enum status *ret_status);
NODISCARD enum status kill_run(const struct cli *cli, const struct kill_order *order);

#endif
