/*
 * What daemon.c and reload.c share: the daemon itself.
 */
#ifndef DAEMON_DAEMON_INTERNAL_H
#define DAEMON_DAEMON_INTERNAL_H

#include <stdbool.h>

#include "config/config.h"
#include "control/control.h"
#include "daemon/daemon.h"
#include "kill/instance.h"
#include "kill/jobs.h"
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

#endif
