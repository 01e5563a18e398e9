/*
 * Time, chance, and the log.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "base/mem.h"
#include "sim.h"

#define N_LINES 4096
#define LINE_BYTES 200
/* Some day in 2025. */
#define WALL_START_US INT64_C(1764050000000000)

struct planned {
	int64_t at;
	uint64_t order;
	sim_fn *fn;
	void *context;
	uint64_t value;
};

static struct {
	int64_t now;
	int64_t wall_ahead;
	uint64_t random;
	uint64_t seed;
	struct sim_size size;
	struct planned *heap;
	size_t n, capacity;
	uint64_t order;
	char lines[N_LINES][LINE_BYTES];
	uint64_t n_lines, n_run, hash;
	bool is_echoed;
} world;

void sim_begin(uint64_t seed, const struct sim_size *size)
{
	bool is_echoed = world.is_echoed;

	free(world.heap);
	memset(&world, 0, offsetof(__typeof__(world), lines));
	world.n_lines = 0;
	world.n_run = 0;
	world.hash = UINT64_C(14695981039346656037);
	world.random = seed * UINT64_C(0x2545f4914f6cdd1d) + 1;
	world.seed = seed;
	world.size = *size;
	world.is_echoed = is_echoed;
}

bool sim_has_goals(void)
{
	return world.seed >= SIM_GOALS_FROM_SEED;
}

void sim_end(void)
{
	free(world.heap);
	world.heap = NULL;
	world.n = world.capacity = 0;
}

int64_t sim_now(void)
{
	return world.now;
}

int64_t sim_wall_us(void)
{
	return WALL_START_US + world.now + world.wall_ahead;
}

void sim_jump_wall(int64_t us)
{
	world.wall_ahead += us;
}

void sim_advance(int64_t us)
{
	world.now += us;
}

const struct sim_size *sim_size(void)
{
	return &world.size;
}

/* ---- events ---- */

static bool is_before(const struct planned *a, const struct planned *b)
{
	return a->at != b->at ? a->at < b->at : a->order < b->order;
}

void sim_at(int64_t at, sim_fn *fn, void *context, uint64_t value)
{
	size_t i = world.n;
	struct planned new = {MAX(at, world.now), world.order++, fn, context, value};

	world.heap = mem_grow_array(world.heap, world.n, &world.capacity, sizeof(struct planned));
	world.n++;
	while (i > 0 && is_before(&new, &world.heap[(i - 1) / 2])) {
		world.heap[i] = world.heap[(i - 1) / 2];
		i = (i - 1) / 2;
	}
	world.heap[i] = new;
}

int64_t sim_next(void)
{
	return world.n > 0 ? world.heap[0].at : INT64_MAX;
}

static struct planned pop(void)
{
	struct planned first = world.heap[0];
	struct planned last = world.heap[--world.n];
	size_t i = 0;

	for (size_t child = 1; child < world.n; child = 2 * i + 1) {
		if (child + 1 < world.n && is_before(&world.heap[child + 1], &world.heap[child])) {
			child++;
		}
		if (!is_before(&world.heap[child], &last)) {
			break;
		}
		world.heap[i] = world.heap[child];
		i = child;
	}
	world.heap[i] = last;
	return first;
}

void sim_run_next(void)
{
	struct planned event = pop();

	world.now = MAX(world.now, event.at);
	world.n_run++;
	event.fn(event.context, event.value);
}

uint64_t sim_n_events(void)
{
	return world.n_run;
}

/* ---- chance ---- */

uint64_t sim_random(void)
{
	uint64_t z = world.random += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

size_t sim_roll(size_t n)
{
	return (size_t)(sim_random() % n);
}

bool sim_happens(unsigned percent)
{
	return sim_roll(100) < percent;
}

bool sim_fault(unsigned percent)
{
	return sim_roll(10000) < percent * world.size.faults;
}

/* ---- the log ---- */

void sim_echo_log(bool is_on)
{
	world.is_echoed = is_on;
}

/* Which process runs it is no part of what happens. */
static void hide_process(char *line)
{
	char *at = strstr(line, SIM_DIRECTORY);

	if (at != NULL) {
		at += strlen(SIM_DIRECTORY);
		memset(at, '0', strspn(at, "0123456789"));
	}
}

void sim_log(const char *format, ...)
{
	char *line = world.lines[world.n_lines++ % N_LINES];
	int used = snprintf(line, LINE_BYTES, "%9.3f ", (double)world.now / 1000);
	va_list args;

	va_start(args, format);
	vsnprintf(line + used, LINE_BYTES - (size_t)used, format, args);
	va_end(args);
	hide_process(line);
	for (const char *at = line; *at != '\0'; at++) {
		world.hash = (world.hash ^ (unsigned char)*at) * UINT64_C(1099511628211);
	}
	if (world.is_echoed) {
		puts(line);
	}
}

uint64_t sim_log_hash(void)
{
	return world.hash;
}

void sim_print_log(size_t n_last)
{
	uint64_t first = world.n_lines > n_last ? world.n_lines - n_last : 0;

	for (uint64_t i = first; i < world.n_lines; i++) {
		printf("  %s\n", world.lines[i % N_LINES]);
	}
}

void sim_fail(const char *oracle, const char *format, ...)
{
	va_list args;

	printf("FAILED %s: ", oracle);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\n");
	sim_print_log(40);
	fflush(stdout);
	_exit(10);
}
