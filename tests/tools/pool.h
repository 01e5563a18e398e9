/*
 * Many sessions on one server: opens them as fast as the server answers, notices who is closed,
 * and brings them back when asked to. One epoll descriptor, driven by the owner.
 */
#ifndef TOOLS_POOL_H
#define TOOLS_POOL_H

#include <stdio.h>

#include "options.h"

struct pool;

/* `options` is borrowed for the pool's life. Negative errno with words on failure. */
NODISCARD int pool_new(const struct options *options, struct pool **ret_pool, struct err *err);
void pool_free(struct pool *pool); /* closes all sessions; NULL is fine */

/* To be waited for, at most pool_wait_ms() long (-1: for ever); then pool_advance(). */
int pool_fd(const struct pool *pool);
int pool_wait_ms(const struct pool *pool);
void pool_advance(struct pool *pool);

/* Whether each session was set up or refused at least once. */
bool pool_is_ready(const struct pool *pool);
size_t pool_n_open(const struct pool *pool);
size_t pool_n_closed(const struct pool *pool); /* by the server, since the start */

/* One line of JSON. */
void pool_print_status(const struct pool *pool, FILE *out);

#endif
