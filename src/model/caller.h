/*
 * Who asks: the credentials that the kernel attests for the other end of the control socket. A
 * pure value, filled by control/, recorded by record/.
 */
#ifndef MODEL_CALLER_H
#define MODEL_CALLER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define CALLER_MAX_GROUPS 64
#define CALLER_MAX_USER_BYTES 64
#define CALLER_MAX_EXE_BYTES 256

struct caller {
	uid_t uid;
	gid_t gid;
	pid_t pid;
	bool is_own;                     /* root, or the daemon's own user */
	gid_t groups[CALLER_MAX_GROUPS]; /* supplementary */
	size_t n_groups;
	char user[CALLER_MAX_USER_BYTES]; /* "" when the uid has no name */
	char exe[CALLER_MAX_EXE_BYTES];   /* "" when it cannot be read; a hint, never a proof */
};

#endif
