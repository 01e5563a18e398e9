/*
 * The head of an HTTP/1.0 or 1.1 request (RFC 9112), read strictly: what two readers could take for
 * two things is refused. Pure: no connection.
 */
#ifndef CONTROL_HTTP_HEAD_H
#define CONTROL_HTTP_HEAD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/macros.h"
#include "base/slice.h"

#define HTTP_MAX_HEADER_BYTES ((size_t)16 * 1024)

enum http_method {
	HTTP_GET,
	HTTP_POST,
	HTTP_DELETE,
	HTTP_HEAD,
	HTTP_PATCH,
	HTTP_OTHER,
};

const char *http_method_name(enum http_method method); /* "other" for those that no route has */

struct http_head {
	enum http_method method;
	/* Before '?', as sent, not decoded; of an absolute URI what is behind the host. */
	struct slice path;
	struct slice query;  /* behind '?'; may be absent */
	struct slice fields; /* the header lines */
	bool is_old;         /* HTTP/1.0 */
	bool is_last;        /* the connection is to be closed behind the answer */
	bool is_chunked;
	uint64_t n_body_bytes; /* when it is not chunked */
	bool expects_continue;
};

/* Reads `text`, which ends with the empty line; the head borrows from it. False: it is none. */
NODISCARD bool http_head_read(struct slice text, struct http_head *ret_head);

/* By name, any case; absent when not sent. Sent twice: the first. */
struct slice http_head_find(const struct http_head *head, const char *name);

/* The size before a chunk of a body, without its extensions. False: it is none. */
NODISCARD bool http_chunk_read(struct slice line, uint64_t *ret_n_bytes);

#endif
