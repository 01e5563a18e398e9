/*
 * Which hosts a command may be run for.
 */
#include "cli/remote/remote.h"

#include "cli/remote/fan.h"
#include "cli/remote/hosts.h"
#include "cli/remote/ssh.h"

/* False with words. */
static bool is_possible(const struct command *command, const struct args *args,
	const struct hosts *hosts, bool asks_no_daemon)
{
	if (asks_no_daemon) {
		cli_error("--%s asks no daemon, and so goes with no --host", command->no_daemon);
		return false;
	}
	if (command->hosts == COMMAND_NO_HOST) {
		cli_error("%s is the same on all hosts: it goes with no --host", command->name);
		return false;
	}
	if (command->hosts == COMMAND_THIS_HOST) {
		cli_error("%s reads a file of this host: for that of another one there is "
			  "ssh %s sesskill %s",
			command->name, hosts->names[0], command->name);
		return false;
	}
	if (hosts->n > 1 && command->hosts == COMMAND_ONE_HOST) {
		cli_error("%s is of one host at a time", command->name);
		return false;
	}
	if (hosts->n > 1 && command == &cmd_kill && !args_has(args, "yes") &&
		!args_has(args, "dry-run")) {
		cli_error("nothing was killed: a kill on several hosts asks no questions. Say "
			  "--yes if you are sure, or look first with --dry-run");
		return false;
	}
	return true;
}

static enum status run_there(
	const struct command *command, struct cli *cli, const struct args *args, const char *host)
{
	enum status status;
	struct ssh ssh;

	ssh_init(&ssh, host, args_value(args, "socket"), false);
	cli->ssh = &ssh;
	status = command->run(cli, args);
	cli->ssh = NULL;
	api_close(&ssh);
	return status;
}

enum status remote_run(const struct command *command, struct cli *cli, const struct args *args)
{
	CLEANUP(hosts_finish) struct hosts hosts;
	bool asks_no_daemon = command->no_daemon != NULL && args_has(args, command->no_daemon);
	bool is_read;
	struct err err;

	is_read = hosts_read(&hosts, args, &err);
	/* The environment is for whatever asks a daemon; who says --host means it. */
	if (hosts.is_from_environment && (asks_no_daemon || command->hosts == COMMAND_NO_HOST)) {
		return command->run(cli, args);
	}
	if (!is_read) {
		cli_error("%s", err.text);
		return STATUS_USAGE;
	}
	if (hosts.n == 0) {
		return command->run(cli, args);
	}
	if (!is_possible(command, args, &hosts, asks_no_daemon)) {
		return STATUS_USAGE;
	}
	if (hosts.n == 1) {
		return run_there(command, cli, args, hosts.names[0]);
	}
	return fan_run(command, cli, args, &hosts);
}
