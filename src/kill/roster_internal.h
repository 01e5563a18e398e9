/*
 * What the files of the roster share.
 */
#ifndef KILL_ROSTER_INTERNAL_H
#define KILL_ROSTER_INTERNAL_H

#include "kill/roster.h"

/* A node is listed, or the census done; when nothing is left the roster is finished. */
void roster_end_part(struct roster *roster);

/* `n` sessions more in the group of that value. */
void roster_count(struct roster *roster, struct slice value, uint64_t n);

/* ---- roster_locals.c ---- */

/* Before the nodes are asked: begins the census if it is wanted and a node may be on this host. */
void roster_begin_locals(struct roster *roster);
/* When all is listed and the census is done: names the next few rows. False: all are named. */
bool roster_name_locals(struct roster *roster);
/* When all are named: counts them instead of keeping them, if that is asked for. */
void roster_count_locals(struct roster *roster);
void roster_finish_locals(struct roster *roster);

#endif
