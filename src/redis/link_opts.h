/*
 * How to get into a server. Values.
 */
#ifndef REDIS_LINK_OPTS_H
#define REDIS_LINK_OPTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/macros.h"

/* Of what a connection calls itself, with the NUL. */
#define LINK_MAX_NAME_BYTES 32
#define LINK_MAX_PASSWORD_BYTES 4096

struct link_tls_opts {
	bool is_on;      /* for every address, not only for rediss:// */
	char *ca_file;   /* NULL: the system's */
	char *cert_file; /* NULL: no client certificate */
	char *key_file;
	char *server_name; /* NULL: the endpoint's host */
};

/* A new text belongs into the table of link_opts.c. */
struct link_opts {
	int64_t connect_timeout_ms; /* over connect and TLS together */
	int64_t command_timeout_ms; /* of each command, those of the handshake too */
	unsigned n_links;           /* connections to keep; 0: one */
	char *username;             /* NULL: the default user */
	char *password_file;        /* NULL: none. Read at every handshake, wiped after it */
	char *client_command;       /* the server's name for CLIENT */
	struct link_tls_opts tls;
	/*
	 * Only questions will be asked (a Sentinel, the first address of a cluster): nothing about
	 * kills is probed or needed.
	 */
	bool is_for_questions;
};

void link_opts_copy(struct link_opts *ret_copy, const struct link_opts *opts);
void link_opts_finish(struct link_opts *opts); /* zeroed is fine */
/* Do they log in in the same way, so that a connection of the one is as good for the other? Files
 * count by their names. */
bool link_opts_is_same_login(const struct link_opts *a, const struct link_opts *b);
/* Whose permissions it has on the server. */
const char *link_opts_user(const struct link_opts *opts);
/*
 * Words for a permission that this user lacks, e.g. "client|kill", with the command that grants it,
 * and those that have it outlive the server: ACL SAVE where there is an aclfile, else CONFIG
 * REWRITE; a Sentinel has its own way.
 */
void link_opts_print_missing(
	const struct link_opts *opts, const char *permission, char *buffer, size_t n_bytes);

/*
 * The password without its last line feed into `buffer` of LINK_MAX_PASSWORD_BYTES; returns the
 * bytes. -1 with words when the file cannot be read. The caller wipes the buffer.
 */
NODISCARD ssize_t link_opts_read_password(
	const struct link_opts *opts, char *buffer, struct err *err);

#endif
