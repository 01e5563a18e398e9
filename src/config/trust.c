/*
 * Trust in files.
 */
#include "config/trust.h"

#include <unistd.h>

#include "base/mem.h"
#include "config/account.h"

/* Whom the unit and the package run the daemon as. */
#define SERVICE_USER "sesskill"

static bool is_owner_right(uid_t owner)
{
	uid_t service;

	return owner == 0 || owner == geteuid() ||
	       (geteuid() == 0 && account_find_user(SERVICE_USER, &service) == 0 &&
		       owner == service);
}

char *trust_find_fault(const struct stat *status, bool is_secret)
{
	unsigned mode = status->st_mode & 07777;
	unsigned wrong = S_IWGRP | (is_secret ? S_IRWXO : S_IWOTH);

	if (!is_owner_right(status->st_uid)) {
		return mem_printf("belongs to user %u; expected root or user %u, which runs this",
			(unsigned)status->st_uid, (unsigned)geteuid());
	}
	if ((mode & wrong) == 0) {
		return NULL;
	}
	return is_secret
		       ? mem_printf(
				 "has mode %04o; expected nothing for others and no writing by the "
				 "group, such as 0640 or 0600",
				 mode)
		       : mem_printf(
				 "has mode %04o; expected no writing by the group or others, such "
				 "as 0640",
				 mode);
}
