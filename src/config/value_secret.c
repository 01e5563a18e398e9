/*
 * Types that name a secret. What is in it is never read here: that the file is there, fit for its
 * purpose and hidden from others is all that a configuration can promise.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "config/keys.h"

#define MAX_SECRET_BYTES 4096

/* NULL, or what is wrong with a file of that status. On the heap. */
static char *find_fault(const struct stat *status)
{
	unsigned mode = status->st_mode & 07777;

	if (!S_ISREG(status->st_mode)) {
		return mem_printf("is no regular file; expected a file that holds the password");
	}
	if ((mode & S_IROTH) != 0) {
		return mem_printf("has mode %04o; expected one that others cannot read, such as "
				  "0640 or 0600",
			mode);
	}
	if (status->st_size == 0 || status->st_size > MAX_SECRET_BYTES) {
		return mem_printf("has %lld bytes; expected 1 to %d", (long long)status->st_size,
			MAX_SECRET_BYTES);
	}
	return NULL;
}

/* A path that the daemon can open, of a file as it should be; else false with the mistake. */
static bool is_secret(const char *path, const struct tree_node *node, struct mistakes *mistakes)
{
	CLEANUP(mem_free_p) char *fault = NULL;
	struct stat status;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0 || fstat(fd, &status) < 0) {
		mistakes_add(mistakes, node->at,
			"\"%s\" cannot be read: %s; expected a file that holds the password", path,
			strerror(errno));
	} else {
		fault = find_fault(&status);
		if (fault != NULL) {
			mistakes_add(mistakes, node->at, "\"%s\" %s", path, fault);
		}
	}
	if (fd >= 0) {
		close(fd);
		return fault == NULL;
	}
	return false;
}

static void read_secret_file(const struct key *key, const struct tree_node *node, void *target,
	struct mistakes *mistakes)
{
	struct slice path;

	if (!value_scalar(node, key->type, mistakes, &path)) {
		return;
	}
	if (!slice_has_prefix(path, "/")) {
		value_refuse(node, key->type, mistakes);
		return;
	}
	if (is_secret(path.data, node, mistakes)) {
		value_set_text(key, target, slice_copy(path));
	}
}

/* systemd.exec(5), CREDENTIALS: a directory with one file per credential. */
static void read_credential(const struct key *key, const struct tree_node *node, void *target,
	struct mistakes *mistakes)
{
	const char *directory = getenv("CREDENTIALS_DIRECTORY");
	CLEANUP(mem_free_p) char *path = NULL;
	struct slice name;

	if (!value_scalar(node, key->type, mistakes, &name)) {
		return;
	}
	if (slice_has_char(name, '/') || slice_is(name, ".") || slice_is(name, "..")) {
		value_refuse(node, key->type, mistakes);
		return;
	}
	if (directory == NULL || directory[0] != '/') {
		mistakes_add(mistakes, node->at,
			"credential \"%s\", but CREDENTIALS_DIRECTORY is not set; expected a start "
			"by the service manager with LoadCredential=%s",
			name.data, name.data);
		return;
	}
	path = mem_printf("%s/%s", directory, name.data);
	if (is_secret(path, node, mistakes)) {
		value_set_text(key, target, path);
		path = NULL;
	}
}

const struct value_type value_secret_file = {"path of a password file",
	"an absolute path, such as /etc/sesskill/password", read_secret_file};
const struct value_type value_credential = {
	"name of a credential", "a name without slashes", read_credential};
