/*
 * Priorities of the loop's events, highest first. While there is something of a higher one to be
 * done, the others wait.
 */
#ifndef BASE_PRIORITY_H
#define BASE_PRIORITY_H

enum priority {
	PRIORITY_KILL,    /* servers on which a kill runs, and our own users */
	PRIORITY_USUAL,   /* everything else: what libevent gives where nothing is said */
	PRIORITY_PATIENT, /* what is large, and worked off in slices */
	N_PRIORITIES,
};

#endif
