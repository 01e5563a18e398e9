/*
 * What the files of the daemon share: the daemon itself.
 */
#ifndef DAEMON_DAEMON_INTERNAL_H
#define DAEMON_DAEMON_INTERNAL_H

#include <stdbool.h>

#include "config/config.h"
#include "control/control.h"
#include "daemon/daemon.h"
#include "guard/guards.h"
#include "kill/instance.h"
#include "kill/jobs.h"
#include "lease/leases.h"
#include "record/audit.h"
#include "record/metrics.h"

struct event;

struct daemon {
	struct config *config; /* in force; what it has of instances has gone to `instances` */
	const char *config_path;
	struct event_base *loop;
	struct resolver *resolver;
	struct metrics *metrics;
	struct instances *instances;
	struct audit *audit;
	struct jobs *jobs;
	struct leases *leases;
	struct guards *guards;
	struct control *control;
	struct event *on_term, *on_int, *on_hup;
	struct event *alive;    /* tells the watchdog of the service manager; NULL: there is none */
	struct event *patience; /* ends what still keeps the daemon from stopping */
	struct event *upkeep;
	bool is_socket_lost; /* and that has been said */
	bool is_record_lost; /* likewise */
	bool is_stopping;
};

/*
 * Reads the configuration again and goes over to it: all or nothing, and what is said about it is
 * logged. Kills that run are not touched.
 */
void reload(struct daemon *daemon);

/*
 * Upkeep: what the daemon looks after once a second: that callers find its socket, and that what
 * was only counted comes into the record. From now on, until daemon->upkeep is freed.
 */
void upkeep_start(struct daemon *daemon);
/* At once. */
void upkeep_run(struct daemon *daemon);
/* The last directory of the socket's path, which /run does not keep over a restart. */
void upkeep_make_directory(const char *socket);

#endif
