/*
 * The daemon as a caller: of kills that nobody has asked for at the socket.
 */
#ifndef KILL_OWN_CALLER_H
#define KILL_OWN_CALLER_H

#include "model/caller.h"

/* With all that the access policy and the record go by. Looks the name up: may ask the network. */
struct caller own_caller_make(void);

#endif
