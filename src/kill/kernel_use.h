/*
 * Whether the kernel may end the sessions of a node, and what is to be known for that beforehand.
 */
#ifndef KILL_KERNEL_USE_H
#define KILL_KERNEL_USE_H

#include <stdbool.h>

#include "host/sockets.h"
#include "kill/instance.h"

/* Should it be asked at all? Where the server is, is another question. */
bool kernel_use_is_allowed(const struct instance *instance);

/* "yes", or why not; "" while there is no connection to the server. A literal. */
const char *kernel_use_words(const struct instance *instance, struct link *link);

/*
 * Before it is listed: where the kernel may be asked, it may have to go by this listing.
 * `with_sockets`: and by the connections that the server has now.
 */
void kernel_use_keep_listing(const struct instance *instance, struct link *link, bool with_sockets);
/* Those of the listing that is kept, its listeners at least; NULL: they are not known. */
const struct sockets *kernel_use_kept_sockets(struct link *link);

/*
 * Does who takes connections to that address now (listeners of `now`) do so since before the
 * listing that is kept, or since the server has said that it is here?
 */
bool kernel_use_is_listener(
	struct link *link, const struct sockets *now, const struct ends_address *server);

/* What the server says of the connection that lists: is it here? */
void kernel_use_hear(const struct instance *instance, struct link *link, const struct session *own);
/* A connection of which it has said so, and which is still open; -1: there is none. */
int kernel_use_proved_descriptor(struct link *link);

/* Once a second: every node is asked once for each connection, one line; old listings go. */
void kernel_use_upkeep(const struct instances *instances);

#endif
