/*
 * Listings that somebody has saved (redis-cli CLIENT LIST > FILE): whom a selection with goals
 * would be, without any daemon or server.
 */
#ifndef CLI_COMMAND_SAVED_H
#define CLI_COMMAND_SAVED_H

#include "cli/cli.h"
#include "model/goals.h"
#include "model/selector.h"

/* Owns its selectors. */
struct saved_request {
	struct selectors match;
	struct selectors except;
	struct goals goals;  /* `free` goes by `max_clients` */
	int64_t max_clients; /* -1: not known */
};

void saved_request_init(struct saved_request *request);

/*
 * Answers the request, which is given up; or says why it could not be read (`err` NULL: it could).
 * `path` "-": stdin. Sessions that carry replication or a server's own work are no part of it.
 */
enum status saved_show(const struct cli *cli, const char *path, struct saved_request *request,
	const struct err *err);

#endif
