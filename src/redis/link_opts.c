/*
 * Options of links: copies, comparisons.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "redis/link.h"

static char *copy_text(const char *text)
{
	return text != NULL ? slice_copy(slice_of(text)) : NULL;
}

static bool is_equal_text(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

void link_opts_copy(struct link_opts *ret_copy, const struct link_opts *opts)
{
	*ret_copy = (struct link_opts){
		.connect_timeout_ms = opts->connect_timeout_ms,
		.command_timeout_ms = opts->command_timeout_ms,
		.n_links = opts->n_links,
		.username = copy_text(opts->username),
		.password_file = copy_text(opts->password_file),
		.client_command = copy_text(opts->client_command),
		.tls =
			{
				.is_on = opts->tls.is_on,
				.ca_file = copy_text(opts->tls.ca_file),
				.cert_file = copy_text(opts->tls.cert_file),
				.key_file = copy_text(opts->tls.key_file),
				.server_name = copy_text(opts->tls.server_name),
			},
		.is_for_questions = opts->is_for_questions,
	};
}

void link_opts_finish(struct link_opts *opts)
{
	free(opts->username);
	free(opts->password_file);
	free(opts->client_command);
	free(opts->tls.ca_file);
	free(opts->tls.cert_file);
	free(opts->tls.key_file);
	free(opts->tls.server_name);
	*opts = (struct link_opts){0};
}

static bool is_equal_tls(const struct link_tls_opts *a, const struct link_tls_opts *b)
{
	return a->is_on == b->is_on && is_equal_text(a->ca_file, b->ca_file) &&
	       is_equal_text(a->cert_file, b->cert_file) &&
	       is_equal_text(a->key_file, b->key_file) &&
	       is_equal_text(a->server_name, b->server_name);
}

bool link_opts_is_same_login(const struct link_opts *a, const struct link_opts *b)
{
	return is_equal_text(a->username, b->username) &&
	       is_equal_text(a->password_file, b->password_file) &&
	       is_equal_text(a->client_command, b->client_command) &&
	       is_equal_tls(&a->tls, &b->tls) && a->is_for_questions == b->is_for_questions;
}

const char *link_opts_user(const struct link_opts *opts)
{
	return opts->username != NULL ? opts->username : "default";
}

void link_opts_print_missing(
	const struct link_opts *opts, const char *permission, char *buffer, size_t n_bytes)
{
	const char *user = link_opts_user(opts);

	snprintf(buffer, n_bytes, "user \"%s\" may not run %s; grant it with: ACL SETUSER %s +%s",
		user, permission, user, permission);
}

bool endpoint_is_equal(const struct endpoint *a, const struct endpoint *b)
{
	return is_equal_text(a->path, b->path) && is_equal_text(a->host, b->host) &&
	       is_equal_text(a->ip, b->ip) && a->port == b->port && a->has_tls == b->has_tls;
}
