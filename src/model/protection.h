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

#define PROTECTION_MAX_MARK_BYTES 64

/* As a mark: a connection by a Unix socket has no address of its own; its id has to do. */
#define PROTECTION_BY_UNIX_SOCKET "unix"

/*
 * How one of this daemon's connections is known in a listing. An id says enough where the server
 * that lists has told it. What was told elsewhere may be a lie, or of another server: then the
 * session must bear a mark, which is the connection's random name or, where it may not give itself
 * one, the address of its socket.
 */
struct protection_own {
	uint64_t id;                          /* 0: not known */
	enum session_field field;             /* ID: no mark is needed; else NAME or ADDR */
	char mark[PROTECTION_MAX_MARK_BYTES]; /* "": there is none; with ID it is not looked at */
	char address[PROTECTION_MAX_MARK_BYTES]; /* of its socket: it may have been listed before it
						  * had its name; "": none */
};

struct protection {
	enum server_family family;
	/*
	 * Borrowed. own[0] lists and kills. The first n_known lead to that server, as far as is
	 * known; of the others behind them it is not known yet where they lead.
	 */
	const struct protection_own *own;
	size_t n_own;
	size_t n_known;
	size_t n_told; /* with those behind them that are there if they are listed */
	/*
	 * The first so many behind own[0] step aside from commands for a whole type before these
	 * are sent: sets are planned as if they were not there.
	 */
	size_t n_aside;
	/*
	 * Everybody is to go, and commands can leave out whoever has become a replica since: then
	 * REPLCONF alone shields nobody.
	 */
	bool is_all;
	bool has_type;
	const char *own_user; /* all of them are of this user; NULL: it is not known */
	const struct selectors *configured; /* borrowed; `protect` of the instance */
};

/* What the names of the daemon's connections begin with; what follows is random, each its own. */
#define PROTECTION_OWN_PREFIX "sesskilld:"

/* Of a line that cannot be judged what was read of it counts. */
bool protection_is_own(const struct protection *protection, const struct session *session);
/* Does no set command hit it, though it is in the set? */
bool protection_is_out_of_reach(const struct protection *protection, uint64_t id);

/* NO, YES, or OPEN for a set of sessions of which some may be protected. */
enum selector_verdict protection_test(
	const struct protection *protection, const struct session *session);

#endif
