/*
 * What the caller of an exchange may do, and what happens when he may not: it is counted, recorded
 * and, mostly, answered. The policy itself is access.c's. Asked for by routes.c before parameters
 * are read, and behind that for what only they tell.
 */
#ifndef CONTROL_PERMISSION_H
#define CONTROL_PERMISSION_H

#include <stdbool.h>

#include "control/exchange.h"
#include "kill/jobs.h"
#include "model/request.h"

/* On that instance; absent: on some. */
bool permission_has(const struct exchange *exchange, const char *action, struct slice instance);
/* On the one that the exchange is about, if any. */
bool permission_has_here(const struct exchange *exchange, const char *action);

/* Records, and answers 403. */
void permission_refuse(struct exchange *exchange, const char *action);

/*
 * Of a kill that is about to be ordered, by what it would do: who means everybody needs the action
 * for that as well, whatever words he puts it in. False when it was refused.
 */
NODISCARD bool permission_covers_order(struct exchange *exchange, const struct request *request);

/*
 * May the caller do `action` about somebody's kill? It takes what the order took where `action` is
 * NULL. Denied is recorded and left to be answered: he need not learn that there is such a kill.
 */
NODISCARD bool permission_covers_kill(
	struct exchange *exchange, const char *action, const struct jobs_view *kill);

#endif
