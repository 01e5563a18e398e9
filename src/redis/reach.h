/*
 * Where discovery may go: which of the addresses that Sentinels or a cluster name are taken, and
 * where those are that this host reaches elsewhere (NAT, containers). A value.
 */
#ifndef REDIS_REACH_H
#define REDIS_REACH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/macros.h"
#include "base/slice.h"
#include "redis/endpoint.h"

struct reach_pattern;
struct reach_mapping;

/* Zeroed: everywhere, as it is announced. */
struct reach {
	struct reach_pattern *patterns;
	size_t n_patterns;
	size_t patterns_capacity;
	struct reach_mapping *mappings;
	size_t n_mappings;
	size_t mappings_capacity;
};

void reach_finish(struct reach *reach);
void reach_clear_patterns(struct reach *reach);
void reach_clear_mappings(struct reach *reach);
void reach_copy(struct reach *to, const struct reach *from);

/* A CIDR, an IP address, or a host with * and ? as wildcards. */
NODISCARD bool reach_add_pattern(struct reach *reach, struct slice text, struct err *err);
/* Each a host, or host:port; both of the same form. */
NODISCARD bool reach_add_mapping(
	struct reach *reach, struct slice from, struct slice to, struct err *err);

/* May an endpoint be where one of the announced ones is? */
bool reach_is_place(const struct reach *reach, const struct endpoint *endpoint);

/*
 * Where `host` and `port` are for this host: an endpoint on the heap. False: `nodes` does not allow
 * to go there. What is mapped is allowed, since the configuration names it.
 */
NODISCARD bool reach_find(
	const struct reach *reach, struct slice host, uint16_t port, struct endpoint *ret);

#endif
