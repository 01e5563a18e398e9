/*
 * Users and groups of this host, by name or number.
 */
#ifndef BASE_ACCOUNT_H
#define BASE_ACCOUNT_H

#include <sys/types.h>

#include "base/macros.h"

enum {
	ACCOUNT_E_UNKNOWN = 1,
};

/*
 * A number stands for itself, whether or not somebody has it. 0, ACCOUNT_E_UNKNOWN, or a negative
 * errno when the host's own look-up fails.
 */
NODISCARD int account_find_user(const char *name, uid_t *ret_uid);
NODISCARD int account_find_group(const char *name, gid_t *ret_gid);

/* The name of a group that exists, on the heap; results as above. */
NODISCARD int account_find_group_name(const char *name_or_number, char **ret_name);

/*
 * From now on this process is that user, with all of his groups, for good; root only. 0,
 * ACCOUNT_E_UNKNOWN, or a negative errno.
 */
NODISCARD int account_become(const char *name);

/*
 * On the heap; NULL: there is none. Asks the system's name service, whose own caches answer for
 * directory users.
 */
char *account_user_name(uid_t uid);

#endif
