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

/*
 * The files that `opts` name (none: the system's certificate authorities), read now: who wants to
 * pick up a renewed certificate makes a new one. NULL with words that name the file.
 */
NODISCARD SSL_CTX *tls_context_new(const struct link_tls_opts *opts, struct err *err);

/*
 * For one connection to `endpoint`, with the name to verify (and to send, SNI) being that of `opts`
 * or the endpoint's host. NULL with words.
 */
NODISCARD SSL *tls_session_new(SSL_CTX *context, const struct link_tls_opts *opts,
	const struct endpoint *endpoint, struct err *err);

/* Why a connection failed, in words; false when it was not TLS. */
bool tls_explain(struct bufferevent *connection, struct err *err);

#endif
