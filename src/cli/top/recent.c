/*
 * The last minutes.
 */
#include "cli/top/recent.h"

#include "base/mem.h"
#include "cli/field.h"

#define MINUTE_MS 60000
/* The step in which we are may not have been told of yet. */
#define PRESENT_COLUMNS 2

void recent_finish(struct recent *recent)
{
	free(recent->full);
	*recent = (struct recent){0};
}

/* Of the last so many columns. */
static struct plot_point *last(struct timeline *timeline, enum history_figure figure, size_t n)
{
	return &timeline->figures[figure][timeline->n - MIN(n, timeline->n)];
}

/* It takes as many as it may, or has just refused somebody. */
static bool is_full(struct timeline *node)
{
	size_t n = MIN((size_t)PRESENT_COLUMNS, node->n);
	uint64_t max_clients = plot_most(last(node, HISTORY_MAX_CLIENTS, n), n);
	const struct plot_point *clients = last(node, HISTORY_CLIENTS, n);
	size_t newest = n;

	while (newest > 0 && !clients[newest - 1].is_known) {
		newest--;
	}
	return (newest > 0 && max_clients > 0 && clients[newest - 1].value >= max_clients) ||
	       plot_sum(last(node, HISTORY_REFUSED, n), n) > 0;
}

void recent_take(struct recent *recent, const json_t *answer)
{
	CLEANUP(mem_free_p) struct timeline *own = mem_new(struct timeline);
	const json_t *nodes = json_object_get(answer, "nodes");
	const json_t *node;
	size_t i, n;

	recent_finish(recent);
	if (!timeline_begin(&recent->timeline, answer, TIMELINE_MAX_COLUMNS)) {
		return;
	}
	recent->n_nodes = json_array_size(nodes);
	json_array_foreach(nodes, i, node)
	{
		timeline_add(&recent->timeline, answer, node);
		if (recent->full == NULL && timeline_begin(own, answer, TIMELINE_MAX_COLUMNS)) {
			timeline_add(own, answer, node);
			recent->full =
				is_full(own) ? slice_copy(field_text(node, "address")) : NULL;
		}
	}
	n = MIN((size_t)(MINUTE_MS / recent->timeline.column_ms), recent->timeline.n);
	recent->n_refused = plot_sum(last(&recent->timeline, HISTORY_REFUSED, n), n);
}
