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

static const struct history_sample unknown = {{
	HISTORY_UNKNOWN,
	HISTORY_UNKNOWN,
	HISTORY_UNKNOWN,
	HISTORY_UNKNOWN,
	HISTORY_UNKNOWN,
}};

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

static struct ring shorts_of(const struct history *history)
{
	return (struct ring){history->shorts, HISTORY_N_SHORT, HISTORY_SHORT_STEP_MS};
}

static struct ring longs_of(const struct history *history)
{
	return (struct ring){history->longs, HISTORY_N_LONG, HISTORY_LONG_STEP_MS};
}

/* ---- adding ---- */

/* The steps since the last one are holes. */
static void advance(
	struct history_sample *samples, const struct ring *ring, int64_t last_ms, int64_t at_ms)
{
	int64_t now = at_ms / ring->step_ms;
	int64_t first = MAX(last_ms / ring->step_ms + 1, now - ring->n + 1);

	if (last_ms == 0) {
		first = now - ring->n + 1;
	}
	for (int64_t i = first; i <= now; i++) {
		samples[(i % ring->n + ring->n) % ring->n] = unknown;
	}
}

static void add_to(struct history_sample *samples, const struct ring *ring, int64_t last_ms,
	int64_t at_ms, const struct history_sample *sample)
{
	advance(samples, ring, last_ms, at_ms);
	fold(&samples[at_ms / ring->step_ms % ring->n], sample);
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

	*ret_sample = unknown;
	if (history->last_ms == 0) {
		return false;
	}
	for (int64_t i = MAX(first, last - ring.n + 1);
		i < first + step_ms / ring.step_ms && i <= last; i++) {
		fold(ret_sample, &ring.samples[(i % ring.n + ring.n) % ring.n]);
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
