/*
 * Histories of nodes.
 */
#include "model/history.h"

#include "base/macros.h"

/* A counter's difference over a longer silence says nothing about the step that ends it. */
#define MAX_SILENCE_MS (60 * 1000)

/* One of the two rings. */
struct ring {
	const struct history_sample *samples;
	int64_t n;
	int64_t step_ms;
};

/* What is kept is one more, so that what was never written is unknown: memory of a day that is
 * still to come is not touched. */
_Static_assert((uint32_t)(HISTORY_UNKNOWN + 1) == 0, "unknown is kept as 0");

const char *history_figure_name(enum history_figure figure)
{
	static const char *const names[] = {
		[HISTORY_CLIENTS] = "clients",
		[HISTORY_MAX_CLIENTS] = "maxclients",
		[HISTORY_NEW] = "new",
		[HISTORY_REFUSED] = "refused",
		[HISTORY_BLOCKED] = "blocked",
	};

	return names[figure];
}

static bool is_sum(unsigned figure)
{
	return figure == HISTORY_NEW || figure == HISTORY_REFUSED;
}

/* As it is kept: what does not fit is the largest. */
static uint32_t pack(int64_t value)
{
	return value < 0 ? HISTORY_UNKNOWN : (uint32_t)MIN(value, (int64_t)HISTORY_UNKNOWN - 1);
}

static void fold(struct history_sample *into, const struct history_sample *sample)
{
	for (unsigned i = 0; i < HISTORY_N_FIGURES; i++) {
		uint32_t one = into->figures[i], other = sample->figures[i];

		if (one == HISTORY_UNKNOWN || other == HISTORY_UNKNOWN) {
			into->figures[i] = one == HISTORY_UNKNOWN ? other : one;
		} else {
			into->figures[i] = is_sum(i) ? pack((int64_t)one + other) : MAX(one, other);
		}
	}
}

/* By 1: as it is kept; by -1: back. */
static struct history_sample shift(const struct history_sample *sample, int by)
{
	struct history_sample shifted;

	for (unsigned i = 0; i < HISTORY_N_FIGURES; i++) {
		shifted.figures[i] = sample->figures[i] + (uint32_t)by;
	}
	return shifted;
}

static struct ring shorts_of(const struct history *history)
{
	return (struct ring){history->shorts, HISTORY_N_SHORT, HISTORY_SHORT_STEP_MS};
}

static struct ring longs_of(const struct history *history)
{
	return (struct ring){history->longs, HISTORY_N_LONG, HISTORY_LONG_STEP_MS};
}

/* ---- adding ---- */

static size_t place_of(const struct ring *ring, int64_t step)
{
	return (size_t)((step % ring->n + ring->n) % ring->n);
}

static struct history_sample get(const struct ring *ring, int64_t step)
{
	return shift(&ring->samples[place_of(ring, step)], -1);
}

/* The steps since the last one are holes. */
static void add_to(struct history_sample *samples, const struct ring *ring, int64_t last_ms,
	int64_t at_ms, const struct history_sample *sample)
{
	int64_t now = at_ms / ring->step_ms;
	int64_t first = MAX(last_ms / ring->step_ms + 1, now - ring->n + 1);
	struct history_sample all;

	for (int64_t i = first; i <= now && last_ms > 0; i++) {
		samples[place_of(ring, i)] = (struct history_sample){{0}};
	}
	all = get(ring, now);
	fold(&all, sample);
	samples[place_of(ring, now)] = shift(&all, 1);
}

/* How much a counter has grown; unknown where it did not, but began anew. */
static uint32_t growth(int64_t before, int64_t now, bool is_near)
{
	return is_near && before >= 0 && now >= before ? pack(now - before) : HISTORY_UNKNOWN;
}

void history_add(struct history *history, int64_t at_ms, const struct history_figures *figures)
{
	int64_t last_ms = history->last_ms;
	bool is_near = last_ms > 0 && at_ms - last_ms <= MAX_SILENCE_MS;
	struct ring shorts = shorts_of(history), longs = longs_of(history);
	struct history_sample sample = {{
		[HISTORY_CLIENTS] = pack(figures->n_clients),
		[HISTORY_MAX_CLIENTS] = pack(figures->max_clients),
		[HISTORY_NEW] = growth(history->n_connections, figures->n_connections, is_near),
		[HISTORY_REFUSED] = growth(history->n_rejected, figures->n_rejected, is_near),
		[HISTORY_BLOCKED] = pack(figures->n_blocked),
	}};

	add_to(history->shorts, &shorts, last_ms, at_ms, &sample);
	add_to(history->longs, &longs, last_ms, at_ms, &sample);
	history->last_ms = at_ms;
	history->n_connections = figures->n_connections;
	history->n_rejected = figures->n_rejected;
}

void history_restart(struct history *history)
{
	history->n_connections = -1;
	history->n_rejected = -1;
}

/* ---- reading ---- */

bool history_read(const struct history *history, int64_t from_ms, int64_t step_ms,
	struct history_sample *ret_sample)
{
	struct ring ring =
		step_ms % HISTORY_LONG_STEP_MS == 0 ? longs_of(history) : shorts_of(history);
	int64_t last = history->last_ms / ring.step_ms;
	int64_t first = from_ms / ring.step_ms;
	bool is_known = false;

	*ret_sample = shift(&(struct history_sample){{0}}, -1);
	if (history->last_ms == 0) {
		return false;
	}
	for (int64_t i = MAX(first, last - ring.n + 1);
		i < first + step_ms / ring.step_ms && i <= last; i++) {
		struct history_sample sample = get(&ring, i);

		fold(ret_sample, &sample);
	}
	for (unsigned i = 0; i < HISTORY_N_FIGURES; i++) {
		is_known |= ret_sample->figures[i] != HISTORY_UNKNOWN;
	}
	return is_known;
}

int64_t history_step_ms(int64_t since_ms, size_t n_nodes, size_t max_samples)
{
	int64_t step_ms =
		since_ms <= HISTORY_SHORT_MS ? HISTORY_SHORT_STEP_MS : HISTORY_LONG_STEP_MS;
	int64_t n_samples = since_ms / step_ms * (int64_t)n_nodes;
	int64_t n_steps = MAX((n_samples - 1) / (int64_t)max_samples + 1, (int64_t)1);

	return step_ms * n_steps;
}
