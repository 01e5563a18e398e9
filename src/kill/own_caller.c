#include "kill/own_caller.h"

#include <stdio.h>
#include <unistd.h>

#include "base/account.h"
#include "base/mem.h"

struct caller own_caller_make(void)
{
	struct caller caller = {
		.uid = geteuid(),
		.gid = getegid(),
		.pid = getpid(),
		.is_own = true,
		.exe = "sesskilld",
	};
	CLEANUP(mem_free_p) char *name = account_user_name(caller.uid);
	int n = getgroups(CALLER_MAX_GROUPS, caller.groups);

	caller.n_groups = n > 0 ? (size_t)n : 0;
	snprintf(caller.user, sizeof(caller.user), "%s", name != NULL ? name : "");
	return caller;
}
