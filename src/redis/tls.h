/*
 * TLS towards servers: TLS 1.2 and up, the server's certificate always verified, its name too.
 */
#ifndef REDIS_TLS_H
#define REDIS_TLS_H

#include <openssl/ssl.h>
#include <stdbool.h>

#include "base/err.h"
#include "base/macros.h"

struct bufferevent;
struct endpoint;
struct link_tls_opts;

/* What connections share: the certificates, read once and again when a file has changed. */
struct tls_context;

/* `opts` is borrowed while it lives. Reads nothing yet. */
struct tls_context *tls_context_new(const struct link_tls_opts *opts);
void tls_context_free(struct tls_context *context); /* NULL is fine; sessions live on */
/*
 * By the files that `opts` name (none: the system's certificate authorities) as they are now.
 * Borrowed until the next call. NULL with words that name the file; the files are not read again
 * until one has changed or a second has passed.
 */
NODISCARD SSL_CTX *tls_context_get(struct tls_context *context, struct err *err);

/*
 * For one connection to `endpoint`, with the name to verify (and to send, SNI) being that of the
 * options or the endpoint's host. NULL with words.
 */
NODISCARD SSL *tls_session_new(
	struct tls_context *context, const struct endpoint *endpoint, struct err *err);

/* Why a connection failed, in words; false when it was not TLS. */
bool tls_explain(struct bufferevent *connection, struct err *err);

#endif
