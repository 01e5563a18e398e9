/*
 * Options of instances.
 */
#include <stdlib.h>
#include <string.h>

#include "kill/instance.h"

void instance_opts_finish(struct instance_opts *opts)
{
	free(opts->id);
	for (size_t i = 0; i < opts->n_endpoints; i++) {
		endpoint_finish(&opts->endpoints[i]);
	}
	free(opts->endpoints);
	free(opts->master);
	link_opts_finish(&opts->link);
	link_opts_finish(&opts->questions);
	selectors_finish(&opts->protect);
	*opts = (struct instance_opts){0};
}

static bool is_same_master(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

bool instance_opts_is_same_way(const struct instance_opts *a, const struct instance_opts *b)
{
	if (a->kind != b->kind || a->n_endpoints != b->n_endpoints ||
		!is_same_master(a->master, b->master) || !link_opts_is_equal(&a->link, &b->link) ||
		!link_opts_is_equal(&a->questions, &b->questions)) {
		return false;
	}
	for (size_t i = 0; i < a->n_endpoints; i++) {
		if (!endpoint_is_equal(&a->endpoints[i], &b->endpoints[i])) {
			return false;
		}
	}
	return true;
}
