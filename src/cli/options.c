/*
 * Options and usage texts.
 */
#include "cli/options.h"

#include <string.h>

#include "base/mem.h"
#include "cli/terminal/text.h"
#include "control/names.h"

/* Where the explanations start. */
#define HELP_COLUMN 28

const struct option_spec OPTIONS[] = {
	{"file", 0, OF_AUDIT | OF_REPORT, OPTION_OWN, "PATH",
		"the audit log (" NAMES_AUDIT_FILE ")"},
	{"html", 0, OF_REPORT, OPTION_OWN, "FILE", "a page of it (-: stdout), instead of text"},
	{"since", 0, OF_AUDIT, OPTION_OWN, "WHEN",
		"only what was recorded since: 2h, yesterday, 03:00, 2026-11-24T05:50"},
	{"until", 0, OF_AUDIT, OPTION_OWN, "WHEN", "likewise, until then"},
	{"user", 0, OF_AUDIT, OPTION_OWN, "USER", "only of this caller, by name or number"},
	{"since", 0, OF_HISTORY, OPTION_SENT, "TIME", "so far back, from 5s to 24h (1h)"},
	{"from", 0, OF_LIST, OPTION_OWN, "FILE", "of a saved CLIENT LIST (-: stdin); no daemon"},
	{"max-clients", 0, OF_LIST | OF_GUARDS, OPTION_OWN, "N",
		"with that and --free: the server's maxclients"},
	{"listing", 0, OF_GUARDS, OPTION_OWN, "FILE",
		"test: on a saved CLIENT LIST (-: stdin); no daemon"},
	{"config", 'c', OF_GUARDS, OPTION_OWN, "FILE", "with --listing: the configuration"},
	{"by", 0, OF_TOP, OPTION_OWN, "FIELD", "count the sessions by this (addr)"},
	{"all", 0, OF_KILL, OPTION_SENT, NULL, "every session of the instance"},
	{"match", 0, OF_KILL | OF_LIST | OF_TOP, OPTION_SENT_EACH, "EXPR",
		"only sessions that match (repeated: all must)"},
	{"except", 0, OF_KILL, OPTION_SENT_EACH, "EXPR",
		"keep sessions that match (repeated: any)"},
	{"except", 0, OF_LIST | OF_TOP, OPTION_SENT_EACH, "EXPR",
		"no sessions that match (repeated: any)"},
	{"node", 0, OF_KILL, OPTION_SENT_EACH, "ADDRESS",
		"only on this node (repeated: these nodes)"},
	{"run-id", 0, OF_KILL, OPTION_SENT, "ID", "only this server process, as list tells it"},
	{"group-by", 0, OF_LIST, OPTION_SENT, "FIELD", "count the sessions by this instead"},
	{"dry-run", 'n', OF_KILL, OPTION_SENT, NULL,
		"kill nothing, show what would be killed and how"},
	{"processes", 0, OF_KILL, OPTION_SENT, NULL, "with --dry-run: whose they are on this host"},
	{"processes", 0, OF_LIST, OPTION_SENT, NULL,
		"name the processes of this host that have them"},
	{"sort", 0, OF_LIST, OPTION_SENT, "FIELD",
		"in this order, -FIELD from the largest on (node)"},
	{"limit", 0, OF_KILL, OPTION_SENT, "N", "kill at most N of those, in the order of --sort"},
	{"sort", 0, OF_KILL, OPTION_SENT, "FIELD",
		"who goes first; -FIELD: the largest first (-idle)"},
	{"free", 0, OF_KILL, OPTION_SENT, "N",
		"as many as needed until each node has N free places"},
	{"free", 0, OF_LIST, OPTION_SENT, "N", "whom kill --free N would kill"},
	{"keep", 0, OF_KILL | OF_LIST, OPTION_SENT, "N", "leave N, the last in that order"},
	{"per", 0, OF_KILL | OF_LIST, OPTION_SENT, "FIELD", "with --keep: leave N of each"},
	{"rate", 0, OF_KILL, OPTION_SENT, "N", "N sessions a second, not all at once"},
	{"over", 0, OF_KILL, OPTION_SENT, "TIME", "spread evenly over this time"},
	{"limit", 0, OF_LIST, OPTION_SENT, "N", "at most so many, to 200000 (10000)"},
	{"yes", 'y', OF_KILL, OPTION_OWN, NULL, "do not ask; needed where nobody can be asked"},
	{"quiet", 'q', OF_KILL, OPTION_OWN, NULL, "nothing but errors: the exit status says it"},
	{"max", 0, OF_KILL, OPTION_SENT, "N", "refuse if more than this would be killed"},
	{"pace", 0, OF_KILL, OPTION_SENT, "PACE", "fast, or gentle: no stall beyond the budget"},
	{"stall-budget", 0, OF_KILL, OPTION_SENT, "TIME",
		"the longest stall of the server, as in 25ms"},
	{"timeout", 0, OF_KILL, OPTION_SENT, "TIME", "give up after this long (30s)"},
	{"watch", 0, OF_KILL, OPTION_SENT, "TIME", "afterwards look for this long who comes back"},
	{"keep-out", 0, OF_KILL, OPTION_SENT, "TIME",
		"whom it ends may not come back so long, as in 10m"},
	{"keep-out-by", 0, OF_KILL, OPTION_SENT, "DOOR",
		"user: they cannot log in; address: nor connect"},
	{"whole-source", 0, OF_KILL, OPTION_SENT, NULL,
		"nor whoever else comes from their addresses"},
	{"hold", 0, OF_KILL, OPTION_SENT, NULL, "they are not refused, but wait"},
	{"readmit", 0, OF_KILL, OPTION_SENT, "N", "afterwards let in N a second, not all at once"},
	{"via", 0, OF_KILL, OPTION_SENT, "WAY", "protocol, or kernel: only that way"},
	{"cut", 0, OF_KILL, OPTION_SENT, NULL,
		"with --all: by the kernel, if the server is silent"},
	{"break-busy", 0, OF_KILL, OPTION_SENT, NULL, "first end a script that blocks the server"},
	{"reason", 0, OF_KILL, OPTION_SENT, "TEXT", "why, for the audit log"},
	{"interval", 0, OF_TOP, OPTION_OWN, "TIME", "ask this often (2s)"},
	{"once", 0, OF_TOP, OPTION_OWN, NULL, "print it once; so it is where there is no terminal"},
	{"host", 'H', 0, OPTION_OWN_EACH, "HOST",
		"[USER@]HOST, through ssh (repeated: all at once)"},
	{"socket", 's', 0, OPTION_OWN, "PATH", "the daemon's socket (also SESSKILL_SOCKET)"},
	{"output", 'o', 0, OPTION_OWN, "FORM", "json, wide, or the columns: id,addr,user"},
	{"no-headings", 0, 0, OPTION_OWN, NULL, "tables without their titles"},
	{"utc", 0, 0, OPTION_OWN, NULL, "times in UTC, not in local time"},
	{"json", 0, 0, OPTION_OWN, NULL, "the daemon's JSON as it is, on stdout"},
	{"help", 'h', 0, OPTION_OWN, NULL, "this text"},
	{"version", 'V', 0, OPTION_OWN, NULL, "the version"},
};
const size_t N_OPTIONS = ARRAY_SIZE(OPTIONS);

static void print_help(FILE *out, const char *left, const char *help)
{
	fprintf(out, "%-*s ", HELP_COLUMN, left);
	text_flow(out, MAX((size_t)HELP_COLUMN, strlen(left)) + 1, HELP_COLUMN + 1, slice_of(help));
}

static void print_options(FILE *out, unsigned of)
{
	for (size_t i = 0; i < N_OPTIONS; i++) {
		const struct option_spec *spec = &OPTIONS[i];
		char letter[] = {'-', spec->letter, ',', ' ', '\0'};
		CLEANUP(mem_free_p)
		char *left = mem_printf("  %s--%s %s", spec->letter != 0 ? letter : "    ",
			spec->name, spec->argument != NULL ? spec->argument : "");

		if (option_is_of(spec, of)) {
			print_help(out, left, spec->help);
		}
	}
}

void options_help_program(FILE *out, const struct command *const *commands)
{
	fputs("Usage: sesskill [OPTION]... COMMAND [ARGUMENT]...\n"
	      "Ends client sessions on Redis-compatible servers, by way of sesskilld.\n"
	      "\nCommands:\n",
		out);
	for (; *commands != NULL; commands++) {
		CLEANUP(mem_free_p) char *left = mem_printf("  %s", (*commands)->name);

		print_help(out, left, (*commands)->summary);
	}
	fputs("\nOptions:\n", out);
	print_options(out, 0);
	fputs("\nEnvironment: SESSKILL_SOCKET is the socket, SESSKILL_HOST the hosts as by -H,\n"
	      "NO_COLOR turns colour off.\n"
	      "Exit status: 0 done, 1 failed, 2 usage, 3 denied, 4 daemon not reachable,\n"
	      "5 partial (sessions survived, or a node failed), 6 done, but with --watch\n"
	      "killed sessions came back.\n"
	      "More about a command: sesskill COMMAND --help\n"
	      "In an incident: man sesskill-runbook\n",
		out);
}

void options_help_command(FILE *out, const struct command *command)
{
	text_line(out, "Usage: sesskill %s%s%s", command->name,
		command->usage[0] != '\0' ? " " : "", command->usage);
	text_line(out, "%c%s.", command->summary[0] - 'a' + 'A', command->summary + 1);
	if (command->details != NULL) {
		fputc('\n', out);
		fputs(command->details, out);
	}
	fputs("\nOptions:\n", out);
	print_options(out, command->options_of);
}
