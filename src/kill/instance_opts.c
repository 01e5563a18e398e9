/*
 * Options of instances.
 */
#include <stdlib.h>

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
	reach_finish(&opts->reach);
	selectors_finish(&opts->protect);
	*opts = (struct instance_opts){0};
}
