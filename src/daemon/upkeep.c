/*
 * Upkeep. The socket's file is looked at instead of being watched: its directory may go with it,
 * and come back as another one.
 */
#include <errno.h>
#include <event2/event.h>
#include <string.h>
#include <sys/stat.h>

#include "base/check.h"
#include "base/log.h"
#include "base/mem.h"
#include "daemon/daemon_internal.h"
#include "kill/kernel_use.h"

#define PERIOD_S 1

void upkeep_make_directory(const char *socket)
{
	const char *slash = strrchr(socket, '/');
	CLEANUP(mem_free_p) char *directory = NULL;

	if (slash == NULL || slash == socket) {
		return;
	}
	directory = mem_copy_text(socket, (size_t)(slash - socket));
	if (mkdir(directory, 0755) == 0) {
		log_info("made the directory %s", directory);
	}
}

/* Said once for as long as it lasts. */
static void complain(struct daemon *daemon, const char *words)
{
	if (!daemon->is_socket_lost) {
		log_error("%s", words);
	}
	daemon->is_socket_lost = true;
}

static void look_after_socket(struct daemon *daemon)
{
	const char *problem = http_server_socket_problem(daemon->control->server);
	struct err err = {""};
	int r = 0;

	if (problem != NULL) {
		upkeep_make_directory(daemon->config->control.socket);
		r = http_server_renew_socket(daemon->control->server, &err);
	}
	if (r < 0) {
		complain(daemon, r == -ENOTSUP ? problem : err.text);
		return;
	}
	if (problem != NULL) {
		log_warning("%s: it is made anew", problem);
	}
	daemon->is_socket_lost = false;
}

static void look_after_record(struct daemon *daemon)
{
	struct err err;
	bool is_lost = audit_hold(daemon->audit, &err) != 0;

	if (is_lost && !daemon->is_record_lost) {
		log_error("the record is not ours alone any more: %s", err.text);
	}
	daemon->is_record_lost = is_lost;
}

void upkeep_run(struct daemon *daemon)
{
	struct err err;

	if (audit_flush(daemon->audit, &err) != 0) {
		log_error("denied requests are not recorded: %s", err.text);
	}
	look_after_record(daemon);
	if (!daemon->is_stopping) {
		kernel_use_upkeep(daemon->instances);
		instances_look(daemon->instances);
		guards_upkeep(daemon->guards);
		leases_upkeep(daemon->leases);
	}
	if (!daemon->is_stopping) {
		look_after_socket(daemon);
	}
}

static void on_period(evutil_socket_t fd, short what, void *context)
{
	upkeep_run(context);
}

void upkeep_start(struct daemon *daemon)
{
	static const struct timeval period = {.tv_sec = PERIOD_S};

	daemon->upkeep = event_new(daemon->loop, -1, EV_PERSIST, on_period, daemon);
	CHECK(daemon->upkeep != NULL);
	evtimer_add(daemon->upkeep, &period);
}
