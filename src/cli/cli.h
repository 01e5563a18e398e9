/*
 * What the commands share: the daemon they talk to, the form of their output, their exit statuses,
 * and the descriptor that each of them is.
 */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include <stddef.h>

#include "base/macros.h"
#include "cli/api.h"
#include "cli/args.h"
#include "cli/print/writer.h"

/* Exit statuses; scripts rely on the numbers. */
enum status {
	STATUS_DONE = 0,
	STATUS_FAILED = 1, /* also: cancelled, or not known to be done */
	STATUS_USAGE = 2,
	STATUS_DENIED = 3,
	STATUS_UNREACHABLE = 4,
	STATUS_PARTIAL = 5, /* sessions survived, or a node failed */
};

struct cli {
	const char *socket;
	const struct writer *writer;
};

struct command {
	const char *name;
	const char *usage; /* behind the name */
	const char *summary;
	const struct option_spec *options;
	size_t n_options;
	size_t min_words; /* behind the name, checked before run() */
	size_t max_words;
	const char *details; /* lines for the command's help; NULL: none */
	enum status (*run)(const struct cli *cli, const struct args *args);
};

extern const struct command cmd_instances;
extern const struct command cmd_list;
extern const struct command cmd_kill;
extern const struct command cmd_kills;
extern const struct command cmd_cancel;
extern const struct command cmd_audit;
extern const struct command cmd_top;

/* "sesskill: MESSAGE" on stderr. */
void cli_error(const char *format, ...) PRINTF_LIKE(1, 2);

/* What the program ends with for an answer; a kill's report counts by its state. */
enum status cli_status_of_answer(const struct api_answer *answer);
enum status cli_status_of_state(struct slice state);

/*
 * Asks, and shows the answer by `show` (a function of cli->writer), or the error by the writer's
 * own. For requests that the daemon answers at once.
 */
enum status cli_ask(const struct cli *cli, const char *method, const char *path,
	void (*show)(const struct api_answer *answer));

#endif
