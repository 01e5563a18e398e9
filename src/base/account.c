/*
 * getpwnam_r(3) and their kin: one loop for the buffer that they want, one row per database.
 */
#include "base/account.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdint.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/parse.h"

/* Groups with very many members need much. */
#define MAX_BUFFER_BYTES ((size_t)4 * 1024 * 1024)

struct account {
	const char *name; /* borrowed from the buffer */
	uint32_t id;
};

/* The highest number means "none" to the kernel. */
static bool is_id(const char *text, uint32_t *ret_id)
{
	uint64_t number;

	if (!parse_u64(slice_of(text), &number) || number >= UINT32_MAX) {
		return false;
	}
	*ret_id = (uint32_t)number;
	return true;
}

/* Looks up one entry; 0 or an errno, and whether there is such an entry. */
typedef int (*look_up_fn)(const char *wanted, char *buffer, size_t n_bytes, bool *ret_exists,
	struct account *ret_account);

static int look_up_user(const char *wanted, char *buffer, size_t n_bytes, bool *ret_exists,
	struct account *ret_account)
{
	struct passwd entry;
	struct passwd *found = NULL;
	uint32_t number;
	int error = is_id(wanted, &number) ? getpwuid_r(number, &entry, buffer, n_bytes, &found)
					   : getpwnam_r(wanted, &entry, buffer, n_bytes, &found);

	*ret_exists = found != NULL;
	if (found != NULL) {
		*ret_account = (struct account){entry.pw_name, entry.pw_uid};
	}
	return error;
}

static int look_up_group(const char *wanted, char *buffer, size_t n_bytes, bool *ret_exists,
	struct account *ret_account)
{
	struct group entry;
	struct group *found = NULL;
	uint32_t number;
	int error = is_id(wanted, &number) ? getgrgid_r(number, &entry, buffer, n_bytes, &found)
					   : getgrnam_r(wanted, &entry, buffer, n_bytes, &found);

	*ret_exists = found != NULL;
	if (found != NULL) {
		*ret_account = (struct account){entry.gr_name, entry.gr_gid};
	}
	return error;
}

/* `*ret_buffer` holds the account's name and is to be freed, whatever the result. */
static int find(look_up_fn look_up, const char *wanted, char **ret_buffer, struct account *ret)
{
	int error = ERANGE;
	bool exists = false;

	*ret_buffer = NULL;
	for (size_t n = 1024; error == ERANGE && n <= MAX_BUFFER_BYTES; n *= 2) {
		*ret_buffer = mem_resize_array(*ret_buffer, n, 1);
		error = look_up(wanted, *ret_buffer, n, &exists, ret);
	}
	if (exists) {
		return 0;
	}
	/* Databases say "no such entry" in any of these ways, getpwnam_r(3). */
	if (error == 0 || error == ENOENT || error == ESRCH || error == EBADF || error == EPERM) {
		return ACCOUNT_E_UNKNOWN;
	}
	return -error;
}

static int find_id(look_up_fn look_up, const char *name, uint32_t *ret_id)
{
	CLEANUP(mem_free_p) char *buffer = NULL;
	struct account account = {NULL, 0};
	int result;

	if (is_id(name, ret_id)) {
		return 0;
	}
	result = find(look_up, name, &buffer, &account);
	if (result == 0) {
		*ret_id = account.id;
	}
	return result;
}

int account_find_user(const char *name, uid_t *ret_uid)
{
	return find_id(look_up_user, name, ret_uid);
}

int account_find_group(const char *name, gid_t *ret_gid)
{
	return find_id(look_up_group, name, ret_gid);
}

static int find_name(look_up_fn look_up, const char *name_or_number, char **ret_name)
{
	CLEANUP(mem_free_p) char *buffer = NULL;
	struct account account = {NULL, 0};
	int result = find(look_up, name_or_number, &buffer, &account);

	if (result == 0) {
		*ret_name = slice_copy(slice_of(account.name));
	}
	return result;
}

int account_find_group_name(const char *name_or_number, char **ret_name)
{
	return find_name(look_up_group, name_or_number, ret_name);
}

char *account_user_name(uid_t uid)
{
	CLEANUP(mem_free_p) char *number = mem_printf("%u", (unsigned)uid);
	char *name = NULL;

	return find_name(look_up_user, number, &name) == 0 ? name : NULL;
}

int account_become(const char *name)
{
	const struct passwd *entry;
	uid_t uid;

	errno = 0;
	entry = getpwnam(name);
	if (entry == NULL && account_find_user(name, &uid) == 0) {
		entry = getpwuid(uid);
	}
	if (entry == NULL) {
		return errno != 0 && errno != ENOENT && errno != ESRCH ? -errno : ACCOUNT_E_UNKNOWN;
	}
	if (geteuid() == entry->pw_uid) {
		return 0;
	}
	return initgroups(entry->pw_name, entry->pw_gid) != 0 || setgid(entry->pw_gid) != 0 ||
			       setuid(entry->pw_uid) != 0
		       ? -errno
		       : 0;
}
