/*
 * Types that name a file that matters. What is in a secret is never read here: that the file is
 * there, fit for its purpose and hidden from others is all that a configuration can promise.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "config/keys.h"
#include "config/trust.h"

#define MAX_SECRET_BYTES 4096

/* NULL, or what is wrong with a file of that status. On the heap. */
static char *find_fault(const struct stat *status)
{
	char *fault;

	if (!S_ISREG(status->st_mode)) {
		return mem_printf("is no regular file; expected a file that holds the password");
	}
	fault = trust_find_fault(status, true);
	if (fault != NULL) {
		return fault;
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

/* As any path; false: it is none. */
static bool read_path(const struct key *key, const struct tree_node *node, void *target,
	struct mistakes *mistakes)
{
	size_t n_before = mistakes->n;

	value_path.read_fn(key, node, target, mistakes);
	return node->kind == TREE_SCALAR && mistakes->n == n_before;
}

/* A file that is not there yet is told when it is needed. */
static void read_key_file(const struct key *key, const struct tree_node *node, void *target,
	struct mistakes *mistakes)
{
	CLEANUP(mem_free_p) char *fault = NULL;
	struct stat status;

	if (read_path(key, node, target, mistakes) && stat(node->text.data, &status) == 0) {
		fault = trust_find_fault(&status, true);
	}
	if (fault != NULL) {
		mistakes_add(mistakes, node->at, "\"%s\" %s", node->text.data, fault);
	}
}

/* Else whoever may make links there chooses the file that the daemon writes to. */
static void read_record_file(const struct key *key, const struct tree_node *node, void *target,
	struct mistakes *mistakes)
{
	struct stat status;

	if (read_path(key, node, target, mistakes) && lstat(node->text.data, &status) == 0 &&
		!S_ISREG(status.st_mode)) {
		mistakes_add(mistakes, node->at,
			"\"%s\" is %s; expected a regular file, or none yet", node->text.data,
			S_ISLNK(status.st_mode) ? "a symbolic link" : "no regular file");
	}
}

const struct value_type value_key_file = {
	"path of a key file", "an absolute path, such as /etc/sesskill/key.pem", read_key_file};
const struct value_type value_record_file = {"path of a file",
	"an absolute path, such as /var/log/sesskill/audit.jsonl", read_record_file};
const struct value_type value_secret_file = {"path of a password file",
	"an absolute path, such as /etc/sesskill/password", read_secret_file};
const struct value_type value_credential = {
	"name of a credential", "a name without slashes", read_credential};
