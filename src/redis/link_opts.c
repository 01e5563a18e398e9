/*
 * Options of links: copies, comparisons.
 */
#include "redis/link_opts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/macros.h"
#include "base/slice.h"
#include "redis/text.h"

static const size_t texts[] = {
	offsetof(struct link_opts, username),
	offsetof(struct link_opts, password_file),
	offsetof(struct link_opts, client_command),
	offsetof(struct link_opts, tls.ca_file),
	offsetof(struct link_opts, tls.cert_file),
	offsetof(struct link_opts, tls.key_file),
	offsetof(struct link_opts, tls.server_name),
};

static char **text_at(const struct link_opts *opts, size_t index)
{
	return (char **)(void *)((char *)opts + texts[index]);
}

void link_opts_copy(struct link_opts *ret_copy, const struct link_opts *opts)
{
	*ret_copy = *opts;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		*text_at(ret_copy, i) = text_copy(*text_at(opts, i));
	}
}

void link_opts_finish(struct link_opts *opts)
{
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		free(*text_at(opts, i));
	}
	*opts = (struct link_opts){0};
}

bool link_opts_is_same_login(const struct link_opts *a, const struct link_opts *b)
{
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		if (!slice_is_same_text(*text_at(a, i), *text_at(b, i))) {
			return false;
		}
	}
	return a->tls.is_on == b->tls.is_on && a->is_for_questions == b->is_for_questions;
}

const char *link_opts_user(const struct link_opts *opts)
{
	return opts->username != NULL ? opts->username : "default";
}

void link_opts_print_missing(
	const struct link_opts *opts, const char *permission, char *buffer, size_t n_bytes)
{
	const char *user = link_opts_user(opts);
	bool is_of_sentinel = slice_has_prefix(slice_of(permission), "sentinel|");

	snprintf(buffer, n_bytes,
		"user \"%s\" may not run %s; grant it with: ACL SETUSER %s +%s; to keep it: %s",
		user, permission, user, permission,
		is_of_sentinel ? "SENTINEL FLUSHCONFIG" : "ACL SAVE or CONFIG REWRITE");
}

ssize_t link_opts_read_password(const struct link_opts *opts, char *buffer, struct err *err)
{
	int fd = open(opts->password_file, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd >= 0 ? read(fd, buffer, LINK_MAX_PASSWORD_BYTES) : -1;

	if (n < 0) {
		err_set_errno(err, errno, "cannot read the password file %s", opts->password_file);
	}
	if (fd >= 0) {
		close(fd);
	}
	while (n > 0 && (buffer[n - 1] == '\n' || buffer[n - 1] == '\r')) {
		n--;
	}
	return n;
}
