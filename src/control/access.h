/*
 * Who may do what: the policy of the configuration, tested in one place before any parameter is
 * read. Deny wins; nothing matches: denied.
 */
#ifndef CONTROL_ACCESS_H
#define CONTROL_ACCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/slice.h"
#include "model/caller.h"

/*
 * A statement that names no caller (neither users nor groups) or no action is read on the safe
 * side: a deny is then meant for all of them, an allow for none.
 */
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
 * May `caller` do `action` ("hdm:...") on `instance`? In this order:
 *  1. no statements: root, the daemon's own user and the members of `control_gid` may, nobody else;
 *  2. a deny that names caller, action and instance: no;
 *  3. an allow that does: yes;
 *  4. otherwise: no.
 * `instance` absent: on any instance at all (the question before parameters are read: true if some
 * instance could be allowed, so a deny for certain instances only does not count). A caller's own
 * group and the supplementary ones are all his groups.
 */
bool access_is_allowed(const struct access_opts *opts, const struct caller *caller,
	const char *action, struct slice instance);

/* Is there anything that `caller` may do? Not what a deny leaves of it: that is asked when he asks.
 */
bool access_has_any(const struct access_opts *opts, const struct caller *caller);

#endif
