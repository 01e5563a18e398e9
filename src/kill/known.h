/*
 * Whom sessions of this host belong to, as far as that was found out: the other end of a session
 * stays where it is, and a server gives no id twice. So a kill that follows a listing or a dry run
 * can say whom it hit, however fast it is. Bounded: forgets all when it is full.
 */
#ifndef KILL_KNOWN_H
#define KILL_KNOWN_H

#include <stdbool.h>
#include <stdint.h>

#include "host/census.h"

/* Sessions, of all servers together: some 4 MB. */
#define KNOWN_MAX 65536

struct known;

struct known *known_new(void);
void known_free(struct known *known); /* NULL is fine */

/*
 * What is said last counts. `run_id` is that of the server's process. One that has none of its own
 * (40 digits, new with every start) is passed over, and so is a client whose process is not known.
 */
void known_add(
	struct known *known, const char *run_id, uint64_t id, const struct census_client *client);
/* Texts are borrowed until the next one is added. */
NODISCARD bool known_find(const struct known *known, const char *run_id, uint64_t id,
	struct census_client *ret_client);

#endif
