/*
 * Ids as arguments of CLIENT LIST ID.
 */
#ifndef KILL_ID_LIST_H
#define KILL_ID_LIST_H

#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

/*
 * Ids in one command: they take a server less than a millisecond, and fit into what it may have
 * unread (CONNECTION_MAX_UNREAD_BYTES) as long as they have no more than 15 digits.
 */
#define ID_LIST_MAX 1500

struct id_list {
	struct slice *argv; /* of the command: the ids behind three words */
	char *bytes;
	size_t n;
};

/* Room for `n_most` ids; `client_command` is the server's name for CLIENT. */
struct id_list id_list_new(size_t n_most, struct slice client_command);
void id_list_add(struct id_list *ids, uint64_t id);
size_t id_list_argc(const struct id_list *ids);
void id_list_finish(struct id_list *ids);

#endif
