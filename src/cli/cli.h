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
#include "cli/print/table.h"
#include "cli/terminal/term.h"

/* Exit statuses; scripts rely on the numbers. */
enum status {
	STATUS_DONE = 0,
	STATUS_FAILED = 1, /* also: cancelled, or not known to be done */
	STATUS_USAGE = 2,
	STATUS_DENIED = 3,
	STATUS_UNREACHABLE = 4,
	STATUS_PARTIAL = 5, /* sessions survived, or a node failed */
	STATUS_BACK = 6,    /* done, but killed sessions came back */
};

struct ssh;

struct cli {
	const char *socket; /* of the daemon of this host */
	struct ssh *ssh;    /* to that of another one instead; NULL: this one */
	bool is_quiet;      /* nothing but errors */
	struct table_form form;
	bool is_json; /* the daemon's bytes, all on stdout; else tables and sentences for people */
};

/* Whose daemons a command may ask. */
enum command_hosts {
	COMMAND_ALL_HOSTS, /* of any number of hosts at once */
	COMMAND_ONE_HOST,
	COMMAND_THIS_HOST, /* of none: it is about this host */
	COMMAND_NO_HOST,   /* of none, and it is the same on all hosts */
};

struct command {
	const char *name;
	const char *alias; /* NULL: none */
	const char *usage; /* behind the name */
	const char *summary;
	unsigned options_of; /* of enum options_of: its own bit; 0: none of its own */
	size_t min_words;    /* behind the name, checked before run() */
	size_t max_words;
	enum command_hosts hosts;
	const char *no_daemon; /* an option by which it asks none; NULL: there is none */
	const char *details;   /* lines for the command's help; NULL: none */
	enum status (*run)(const struct cli *cli, const struct args *args);
	/* The column of its table that --output names by a word; NULL: it has no such table. */
	bool (*find_column)(struct slice word, struct table_column *ret_column, struct err *err);
};

extern const struct command cmd_instances;
extern const struct command cmd_list;
extern const struct command cmd_kill;
extern const struct command cmd_kills;
extern const struct command cmd_cancel;
extern const struct command cmd_audit;
extern const struct command cmd_guards;
extern const struct command cmd_report;
extern const struct command cmd_history;
extern const struct command cmd_leases;
extern const struct command cmd_release;
extern const struct command cmd_extend;
extern const struct command cmd_top;
extern const struct command cmd_bridge;

/* "sesskill: MESSAGE" on stderr. */
void cli_error(const char *format, ...) PRINTF_LIKE(1, 2);

/* The stream, with tables as they are wanted. */
struct screen cli_screen(const struct cli *cli, FILE *file);

/* To the daemon that is meant, on whatever host: the one place that says which. `path` is borrowed.
 */
struct api_request cli_request(const struct cli *cli, const char *method, const char *path);

/* What the program ends with for an answer; a kill's report counts by its state. */
enum status cli_status_of_answer(const struct api_answer *answer);

/* Shows a part of the daemon's JSON to people. */
typedef void (*cli_print_fn)(const json_t *json, const struct screen *screen);

/* JSON to stdout, such that it harms no terminal; byte by byte where there is none. */
void cli_put_json(struct slice json);
/* An answer: as JSON, or to `out` by `print`. */
void cli_show(
	const struct cli *cli, const struct api_answer *answer, FILE *out, cli_print_fn print);
/* An answer that is an error: as JSON, or in words with the next thing to do, on stderr. */
void cli_show_error(const struct cli *cli, const struct api_answer *answer);

/*
 * Asks for `path`, or for what the first word names below it, and shows the answer or the error.
 * For requests that the daemon answers at once.
 */
enum status cli_ask(const struct cli *cli, const char *method, const char *path,
	const struct args *args, FILE *out, cli_print_fn print);

#endif
