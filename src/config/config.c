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
#include "base/mem.h"
#include "config/account.h"
#include "config/document.h"
#include "config/options.h"
#include "config/section.h"
#include "config/trust.h"
#include "control/names.h"

/* More than 10,000 instances; beyond it a wrong file was named. */
#define MAX_FILE_BYTES ((size_t)1024 * 1024)

static const struct position whole_file = {0, 0};

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

static struct config *make_built_in(void)
{
	struct config *config = new_preset();
	struct instance_opts *instance = mem_new(struct instance_opts);

	section_preset(KEYS_INSTANCE, instance);
	instance->id = slice_copy(SLICE_LITERAL("local"));
	instance->endpoints = mem_new(struct endpoint);
	instance->n_endpoints = 1;
	options_complete_questions(instance);
	CHECK(endpoint_parse(SLICE_LITERAL("127.0.0.1:6379"), instance->endpoints, NULL));
	config->instances = instance;
	config->n_instances = 1;
	return config;
}

/* Reads until the end or one byte beyond the limit; a negative errno. */
static int read_up_to_limit(int fd, char *buffer, size_t *ret_n)
{
	size_t n = 0;

	while (n <= MAX_FILE_BYTES) {
		ssize_t got = read(fd, buffer + n, MAX_FILE_BYTES + 1 - n);

		if (got < 0 && errno == EINTR) {
			continue;
		}
		if (got < 0) {
			return -errno;
		}
		if (got == 0) {
			break;
		}
		n += (size_t)got;
	}
	*ret_n = n;
	return 0;
}

/* Of the configuration itself; what is read from a pipe or a terminal is its caller's. */
static char *find_fault(int fd)
{
	struct stat status;

	if (fd < 0 || fstat(fd, &status) < 0 || !S_ISREG(status.st_mode)) {
		return NULL;
	}
	return trust_find_fault(&status, false);
}

static bool read_file(const char *path, char *buffer, size_t *ret_n, struct mistakes *mistakes)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	CLEANUP(mem_free_p) char *fault = find_fault(fd);
	int result = fd < 0 ? -errno : read_up_to_limit(fd, buffer, ret_n);

	if (fd >= 0) {
		close(fd);
	}
	if (fault != NULL) {
		mistakes_add(mistakes, whole_file, "%s", fault);
		return false;
	}
	if (result < 0) {
		mistakes_add(mistakes, whole_file, "cannot be read: %s; expected a YAML file",
			strerror(-result));
		return false;
	}
	if (*ret_n > MAX_FILE_BYTES) {
		mistakes_add(mistakes, whole_file,
			"more than %zu bytes; expected a configuration, which is smaller",
			MAX_FILE_BYTES);
		return false;
	}
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

static void read_config(const char *path, struct config *config, struct mistakes *mistakes)
{
	CLEANUP(mem_free_p) char *buffer = mem_alloc(MAX_FILE_BYTES + 1);
	struct tree_node root;
	size_t n = 0;

	if (!read_file(path, buffer, &n, mistakes)) {
		return;
	}
	if (tree_parse((struct slice){buffer, n}, &root, mistakes)) {
		document_read(&root, config, mistakes);
	}
	tree_finish(&root);
	find_control_group(config);
}

struct config *config_load(const char *path, struct config_errors *errors)
{
	struct mistakes mistakes = {0};
	struct config *config;

	if (path == NULL) {
		return make_built_in();
	}
	config = new_preset();
	read_config(path, config, &mistakes);
	if (mistakes.n > 0) {
		mistakes_move(&mistakes, path, errors);
		config_free(config);
		return NULL;
	}
	return config;
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
		options_finish_statement(&config->access.statements[i]);
	}
	free(config->instances);
	free(config->access.statements);
	free(config->audit.file);
	free(config->control.socket);
	free(config->control.group);
	free(config);
}

void config_errors_finish(struct config_errors *errors)
{
	for (size_t i = 0; i < errors->n; i++) {
		free(errors->lines[i]);
	}
	free(errors->lines);
	*errors = (struct config_errors){0};
}
