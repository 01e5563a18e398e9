/*
 * This daemon's own connections, as the server behind a link may list them: whom no kill may hit.
 */
#ifndef KILL_OWN_SESSIONS_H
#define KILL_OWN_SESSIONS_H

#include "kill/instance.h"

struct own_sessions {
	struct protection_own *items; /* the first is the one that calls go over */
	size_t n_of_link;             /* so many are of the link */
	/* So many lead to that server, by what is said there: it may stand in several instances. */
	size_t n_known;
	size_t n_told; /* with those that are here if they are listed here */
	/* Of the others it is not known yet: their handshakes are under way, or were refused, or
	 * their address is that of the link. */
	size_t n;
	size_t n_hidden; /* of these: a listing does not tell them from others yet */
	size_t capacity;
};

struct own_sessions instances_own_sessions(
	const struct instances *instances, const struct link *link);
/* Those of `others` that are not among them, as ones of which it is not known where they lead. */
void own_sessions_add(struct own_sessions *own, const struct own_sessions *others);
/* They are borrowed by it, until they are added to or finished. */
void own_sessions_protect(const struct own_sessions *own, struct protection *protection);
void own_sessions_finish(struct own_sessions *own); /* zeroed is fine */

#endif
