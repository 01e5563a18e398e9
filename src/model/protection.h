/*
 * Who is never killed on a node, whatever the request says: this daemon's own connections,
 * replication, internal links, and what the configuration protects. A pure value.
 */
#ifndef MODEL_PROTECTION_H
#define MODEL_PROTECTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/caps.h"
#include "model/selector.h"
#include "model/session.h"

struct protection {
	enum server_family family;
	const uint64_t *own_ids; /* borrowed: ids of this daemon's connections to that server */
	size_t n_own_ids;
	/*
	 * The first so many behind own_ids[0], which lists and kills, step aside from commands for
	 * a whole type before these are sent: sets are planned as if they were not there.
	 */
	size_t n_aside;
	/*
	 * Everybody is to go, and commands can leave out whoever has become a replica since: then
	 * REPLCONF alone shields nobody.
	 */
	bool is_all;
	bool has_type;
	const char *own_user; /* all of own_ids are of this user; NULL: it is not known */
	const struct selectors *configured; /* borrowed; `protect` of the instance */
	/*
	 * Borrowed: ids of this daemon's connections to servers that are not known yet, 0 where the
	 * id is not known either. One that bears the daemon's name here as well is its own.
	 */
	const uint64_t *maybe_own_ids;
	size_t n_maybe_own_ids;
};

/* What the daemon's connections call themselves. */
#define PROTECTION_OWN_NAME "sesskilld"

bool protection_is_own(const struct protection *protection, uint64_t id);
/* Does no set command hit it, though it is in the set? */
bool protection_is_out_of_reach(const struct protection *protection, uint64_t id);

/* NO, YES, or OPEN for a set of sessions of which some may be protected. */
enum selector_verdict protection_test(
	const struct protection *protection, const struct session *session);

#endif
