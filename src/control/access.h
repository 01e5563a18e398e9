/*
 * Who may do what: the policy of the configuration, tested in one place before any parameter is
 * read. Deny wins; nothing matches: denied.
 */
#ifndef CONTROL_ACCESS_H
#define CONTROL_ACCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "model/caller.h"

struct access_statement {
	bool is_deny;
	char **actions; /* wildcards: "hdm:Get*" */
	size_t n_actions;
	uid_t *users;
	size_t n_users;
	gid_t *groups;
	size_t n_groups;
	char **instances; /* wildcards; none: all */
	size_t n_instances;
};

struct access_opts {
	/* None: root, the daemon's own user and the members of `control_gid` may do all. */
	struct access_statement *statements;
	size_t n_statements;
	bool has_control_gid;
	gid_t control_gid;
};

/*
 * May `caller` do `action` ("hdm:...") on `instance`? `instance` NULL: on any instance at all (the
 * question before parameters are read: true if some instance could be allowed).
 */
bool access_is_allowed(const struct access_opts *opts, const struct caller *caller,
	const char *action, const char *instance);

#endif
