/*
 * From a path to a configuration, or to all that is wrong with it.
 */
#include "config/config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/account.h"
#include "config/document.h"
#include "config/section.h"
#include "config/trust.h"
#include "control/names.h"

/* More than 10,000 instances; beyond it a wrong file was named. */
#define MAX_FILE_BYTES ((size_t)1024 * 1024)

static const struct position whole_file = {0, 0};

/* In place of a file. */
static const char built_in[] = "instances: [{id: local, address: \"127.0.0.1:6379\"}]";

/* Where the socket is unless the file says so: below the user's own directory where there is one.
 */
static char *make_default_socket(void)
{
	const char *directory = getenv("XDG_RUNTIME_DIR");

	if (geteuid() == 0 || directory == NULL || directory[0] != '/') {
		return slice_copy(SLICE_LITERAL(NAMES_SYSTEM_SOCKET));
	}
	return mem_printf("%s/" NAMES_RUNTIME_DIRECTORY "/" NAMES_SOCKET_FILE, directory);
}

static struct config *new_preset(void)
{
	struct config *config = mem_new(struct config);

	section_preset(KEYS_CONTROL, &config->control);
	section_preset(KEYS_AUDIT, &config->audit);
	free(config->control.socket);
	config->control.socket = make_default_socket();
	return config;
}

/* Reads until the end or one byte beyond the limit; a negative errno. */
static ssize_t read_up_to_limit(int fd, char *buffer)
{
	size_t n = 0;
	ssize_t got;

	do {
		got = read(fd, buffer + n, MAX_FILE_BYTES + 1 - n);
		n += got > 0 ? (size_t)got : 0;
	} while ((got > 0 && n <= MAX_FILE_BYTES) || (got < 0 && errno == EINTR));
	return got < 0 ? -errno : (ssize_t)n;
}

static bool read_file(const char *path, char *buffer, size_t *ret_n, struct mistakes *mistakes)
{
	CLEANUP(file_close_p) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	ssize_t n = fd < 0 ? -errno : read_up_to_limit(fd, buffer);
	CLEANUP(mem_free_p) char *fault = fd < 0 ? NULL : trust_config_fault(fd);

	if (fault != NULL) {
		mistakes_add(mistakes, whole_file, "%s", fault);
		return false;
	}
	if (n < 0) {
		mistakes_add(mistakes, whole_file, "cannot be read: %s; expected a YAML file",
			strerror((int)-n));
		return false;
	}
	if ((size_t)n > MAX_FILE_BYTES) {
		mistakes_add(mistakes, whole_file,
			"more than %zu bytes; expected a configuration, which is smaller",
			MAX_FILE_BYTES);
		return false;
	}
	*ret_n = (size_t)n;
	return true;
}

/* The members of the socket's group are let in while there is no `access`. */
static void find_control_group(struct config *config)
{
	const char *group = config->control.group;

	if (group != NULL) {
		config->access.has_control_gid =
			account_find_group(group, &config->access.control_gid) == 0;
	}
}

static void read_text(struct slice text, struct config *config, struct mistakes *mistakes)
{
	struct tree_node root;

	if (tree_parse(text, &root, mistakes)) {
		document_read(&root, config, mistakes);
	}
	tree_finish(&root);
	find_control_group(config);
}

struct config *config_load(const char *path, struct config_errors *errors)
{
	CLEANUP(mem_free_p) char *buffer = NULL;
	struct slice text = SLICE_LITERAL(built_in);
	struct mistakes mistakes = {0};
	struct config *config = new_preset();

	if (path != NULL) {
		buffer = mem_alloc(MAX_FILE_BYTES + 1);
		text.data = buffer;
	}
	if (path == NULL || read_file(path, buffer, &text.len, &mistakes)) {
		read_text(text, config, &mistakes);
	}
	if (mistakes.n > 0) {
		mistakes_move(&mistakes, path, errors);
		config_free(config);
		return NULL;
	}
	return config;
}

static void free_texts(char **texts, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(texts[i]);
	}
	free(texts);
}

static void finish_statement(struct access_statement *statement)
{
	free_texts(statement->actions, statement->n_actions);
	free_texts(statement->instances, statement->n_instances);
	free(statement->users);
	free(statement->groups);
}

void config_free(struct config *config)
{
	if (config == NULL) {
		return;
	}
	for (size_t i = 0; i < config->n_instances; i++) {
		instance_opts_finish(&config->instances[i]);
	}
	for (size_t i = 0; i < config->access.n_statements; i++) {
		finish_statement(&config->access.statements[i]);
	}
	guards_opts_finish(&config->guards);
	free(config->instances);
	free(config->access.statements);
	free(config->audit.file);
	free(config->control.socket);
	free(config->control.group);
	free(config);
}

void config_errors_finish(struct config_errors *errors)
{
	free_texts(errors->lines, errors->n);
	*errors = (struct config_errors){0};
}

/* ---- reloads ---- */

/* To make a key of another type take a restart, say here how its values are compared. */
static bool is_equal(
	const struct key *key, const struct control_opts *a, const struct control_opts *b)
{
	const void *left = (const char *)a + key->offset;
	const void *right = (const char *)b + key->offset;

	if (key->type == &value_socket || key->type == &value_group) {
		return slice_is_same_text(*(char *const *)left, *(char *const *)right);
	}
	CHECK(key->type == &value_mode || key->type == &value_count);
	return *(const unsigned *)left == *(const unsigned *)right;
}

void config_compare_fixed(const struct config *current, const struct config *next,
	void (*differs_fn)(void *context, const char *path), void *context)
{
	const struct key *key = NULL;

	while ((key = keys_next(KEYS_CONTROL, key)) != NULL) {
		if (!is_equal(key, &current->control, &next->control)) {
			CLEANUP(mem_free_p) char *path = keys_path(key);

			differs_fn(context, path);
		}
	}
}

/* The group goes with the socket: whom its file lets in and who may do all by default are one. */
void config_keep_fixed(struct config *current, struct config *next)
{
	struct control_opts control = current->control;

	current->control = next->control;
	next->control = control;
	next->access.has_control_gid = current->access.has_control_gid;
	next->access.control_gid = current->access.control_gid;
}
