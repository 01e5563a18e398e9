/*
 * The policy, read as the cases of access_is_allowed() say.
 */
#include "control/access.h"

#include <unistd.h>

#include "base/slice.h"

static bool is_member(const struct caller *caller, gid_t gid)
{
	if (caller->gid == gid) {
		return true;
	}
	for (size_t i = 0; i < caller->n_groups; i++) {
		if (caller->groups[i] == gid) {
			return true;
		}
	}
	return false;
}

static bool matches_any(char *const *patterns, size_t n_patterns, struct slice text)
{
	for (size_t i = 0; i < n_patterns; i++) {
		if (slice_matches_wildcard(text, slice_of(patterns[i]))) {
			return true;
		}
	}
	return false;
}

/* Whether one of the patterns consists of stars, so that no instance is outside of it. */
static bool has_catch_all(char *const *patterns, size_t n_patterns)
{
	for (size_t i = 0; i < n_patterns; i++) {
		size_t len = strlen(patterns[i]);

		if (len > 0 && strspn(patterns[i], "*") == len) {
			return true;
		}
	}
	return false;
}

static bool names_caller(const struct access_statement *statement, const struct caller *caller)
{
	if (statement->n_users == 0 && statement->n_groups == 0) {
		return statement->is_deny;
	}
	for (size_t i = 0; i < statement->n_users; i++) {
		if (statement->users[i] == caller->uid) {
			return true;
		}
	}
	for (size_t i = 0; i < statement->n_groups; i++) {
		if (is_member(caller, statement->groups[i])) {
			return true;
		}
	}
	return false;
}

static bool names_action(const struct access_statement *statement, const char *action)
{
	if (statement->n_actions == 0) {
		return statement->is_deny;
	}
	return matches_any(statement->actions, statement->n_actions, slice_of(action));
}

/*
 * Without an instance the question is whether there could be one: an allow answers for any of its
 * instances, a deny only when it leaves none over.
 */
static bool names_instance(const struct access_statement *statement, struct slice instance)
{
	if (statement->n_instances == 0) {
		return true;
	}
	if (instance.data == NULL) {
		return !statement->is_deny ||
		       has_catch_all(statement->instances, statement->n_instances);
	}
	return matches_any(statement->instances, statement->n_instances, instance);
}

static bool is_allowed_by_default(const struct access_opts *opts, const struct caller *caller)
{
	return caller->uid == 0 || caller->uid == geteuid() ||
	       (opts->has_control_gid && is_member(caller, opts->control_gid));
}

bool access_is_allowed(const struct access_opts *opts, const struct caller *caller,
	const char *action, struct slice instance)
{
	bool is_allowed = false;

	if (opts->n_statements == 0) {
		return is_allowed_by_default(opts, caller);
	}
	for (size_t i = 0; i < opts->n_statements; i++) {
		const struct access_statement *statement = &opts->statements[i];

		if (!names_caller(statement, caller) || !names_action(statement, action) ||
			!names_instance(statement, instance)) {
			continue;
		}
		if (statement->is_deny) {
			return false;
		}
		is_allowed = true;
	}
	return is_allowed;
}

bool access_has_any(const struct access_opts *opts, const struct caller *caller)
{
	if (opts->n_statements == 0) {
		return is_allowed_by_default(opts, caller);
	}
	for (size_t i = 0; i < opts->n_statements; i++) {
		if (!opts->statements[i].is_deny && names_caller(&opts->statements[i], caller)) {
			return true;
		}
	}
	return false;
}
