/*
 * Timelines.
 */
#include "cli/print/timeline.h"

#include "base/mem.h"
#include "cli/field.h"
#include "cli/when.h"

bool timeline_begin(struct timeline *timeline, const json_t *answer, size_t max_columns)
{
	int64_t step_ms = (int64_t)MIN(field_count(answer, "step_ms"), (uint64_t)HISTORY_LONG_MS);
	int64_t end_ms, n_steps;
	int64_t most = (int64_t)MIN(MAX(max_columns, (size_t)1), (size_t)TIMELINE_MAX_COLUMNS);

	*timeline = (struct timeline){0};
	if (step_ms == 0 || !when_read_utc(field_text(answer, "since"), &timeline->begin_ms) ||
		!when_read_utc(field_text(answer, "until"), &end_ms) ||
		end_ms <= timeline->begin_ms) {
		return false;
	}
	n_steps = (end_ms - timeline->begin_ms + step_ms / 2) / step_ms;
	timeline->column_ms = step_ms * ((n_steps + most - 1) / most);
	timeline->n = (size_t)((n_steps * step_ms + timeline->column_ms - 1) / timeline->column_ms);
	return timeline->n > 0;
}

size_t timeline_column(const struct timeline *timeline, int64_t wall_ms)
{
	/* The clocks of samples may lie a little beside those of steps. */
	int64_t column = (wall_ms - timeline->begin_ms + 1) / timeline->column_ms;

	return wall_ms + 1 >= timeline->begin_ms && column < (int64_t)timeline->n ? (size_t)column
										  : timeline->n;
}

static void fold(struct plot_point *point, enum history_figure figure, uint64_t value)
{
	bool is_sum = figure == HISTORY_NEW || figure == HISTORY_REFUSED;

	point->value = is_sum ? point->value + value : MAX(point->value, value);
	point->is_known = true;
}

static void read_sample(struct timeline *timeline, const json_t *sample)
{
	size_t column = timeline->n;
	int64_t wall_ms;

	if (when_read_utc(field_text(sample, "time"), &wall_ms)) {
		column = timeline_column(timeline, wall_ms);
	}
	for (unsigned i = 0; column < timeline->n && i < HISTORY_N_FIGURES; i++) {
		const char *key = history_figure_name((enum history_figure)i);

		if (field_has(sample, key)) {
			fold(&timeline->figures[i][column], (enum history_figure)i,
				field_count(sample, key));
		}
	}
}

void timeline_add(struct timeline *timeline, const json_t *answer, const json_t *node)
{
	CLEANUP(mem_free_p) struct timeline *own = mem_new(struct timeline);
	const json_t *sample;
	size_t i;

	if (!timeline_begin(own, answer, timeline->n) || own->n != timeline->n) {
		return;
	}
	json_array_foreach(json_object_get(node, "samples"), i, sample)
	{
		read_sample(own, sample);
	}
	for (unsigned figure = 0; figure < HISTORY_N_FIGURES; figure++) {
		for (i = 0; i < own->n; i++) {
			const struct plot_point *point = &own->figures[figure][i];

			timeline->figures[figure][i].value += point->value;
			timeline->figures[figure][i].is_known |= point->is_known;
		}
	}
}
