/*
 * The life of a census, its slices, and the sockets.
 */
#include <errno.h>
#include <event2/event.h>
#include <event2/util.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/mem.h"
#include "host/census_internal.h"

/* Between two looks at the clock. */
#define STEPS_PER_LOOK 8

void census_note_error(struct census *census, const char *words)
{
	if (census->error[0] == '\0') {
		snprintf(census->error, sizeof(census->error), "%s", words);
	}
}

/* ---- sockets ---- */

static uint64_t hash_address(uint64_t hash, const struct ends_address *address)
{
	uint64_t words[2];

	memcpy(words, address->bytes, sizeof(words));
	hash = (hash ^ words[0]) * UINT64_C(0x9e3779b97f4a7c15);
	hash = (hash ^ (hash >> 29) ^ words[1]) * UINT64_C(0xbf58476d1ce4e5b9);
	return (hash ^ (hash >> 32) ^ address->port) * UINT64_C(0x94d049bb133111eb);
}

uint64_t census_hash_tcp(const struct ends_address *local, const struct ends_address *remote)
{
	return hash_address(hash_address(0, local), remote);
}

static void add_tcp(struct census *census, const struct diag_tcp *socket)
{
	size_t n = census->tcp_index.n;

	census->tcp =
		mem_grow_array(census->tcp, n, &census->tcp_capacity, sizeof(struct diag_tcp));
	census->tcp[n] = *socket;
	index_add(&census->tcp_index, census_hash_tcp(&socket->local, &socket->remote));
}

static void add_unix(struct census *census, const struct diag_unix *socket)
{
	size_t n = census->local_index.n;

	census->local =
		mem_grow_array(census->local, n, &census->local_capacity, sizeof(struct diag_unix));
	census->local[n] = *socket;
	index_add(&census->local_index, socket->inode);
}

static void add_socket(struct census *census, struct slice payload)
{
	struct diag_unix local;
	struct diag_tcp tcp;

	if (census->tcp_index.n >= CENSUS_MAX_SOCKETS ||
		census->local_index.n >= CENSUS_MAX_SOCKETS) {
		census_note_error(census, "there are more sockets than sesskilld looks at");
	} else if (census->list == DIAG_UNIX && diag_read_unix(payload, &local)) {
		add_unix(census, &local);
	} else if (census->list != DIAG_UNIX && diag_read_tcp(payload, &tcp)) {
		add_tcp(census, &tcp);
	}
}

/* What one list refuses (a host without IPv6, say) is no reason to do without the others. */
static void end_list(struct census *census, int error)
{
	if (error != 0 && error != ENOENT) {
		struct err err;

		err_set_errno(&err, error, "ask the kernel for its sockets");
		census_note_error(census, err.text);
	}
	census->list++;
	census->is_asked = false;
}

static void read_datagram(struct census *census, struct slice rest)
{
	struct slice payload;
	int error;

	for (;;) {
		switch (diag_next(&rest, &payload, &error)) {
		case DIAG_SOCKET:
			add_socket(census, payload);
			break;
		case DIAG_NEXT:
			return;
		case DIAG_DONE:
			end_list(census, 0);
			return;
		case DIAG_FAILED:
			end_list(census, error);
			return;
		}
	}
}

/* A question, or one datagram of the answer. False: all lists are there. */
static bool step_sockets(struct census *census)
{
	ssize_t n_bytes;

	if (census->list == DIAG_N_LISTS) {
		return false;
	}
	if (!census->is_asked) {
		int r = diag_ask(census->diag_fd, census->list);

		if (r < 0) {
			end_list(census, -r);
		}
		census->is_asked = r == 0;
		return true;
	}
	n_bytes = diag_receive(census->diag_fd, census->buffer);
	if (n_bytes >= 0) {
		read_datagram(census, (struct slice){census->buffer, (size_t)n_bytes});
	} else if (n_bytes != -EAGAIN && n_bytes != -EINTR) {
		end_list(census, (int)-n_bytes);
	}
	return true;
}

/* ---- slices ---- */

static void finish(struct census *census)
{
	census->state = CENSUS_DONE;
	event_del(census->turn);
	event_del(census->limit);
	census_walk_close(census);
	if (census->diag_fd >= 0) {
		close(census->diag_fd);
		census->diag_fd = -1;
	}
	free(census->buffer);
	census->buffer = NULL;
	census->done_fn(census->context);
}

/* False: it is over. */
static bool step(struct census *census)
{
	switch (census->state) {
	case CENSUS_SOCKETS:
		if (!step_sockets(census)) {
			census->state = CENSUS_PROCESSES;
			return census_walk_open(census);
		}
		return true;
	case CENSUS_PROCESSES:
		return census_walk_step(census);
	case CENSUS_DONE:
		break;
	}
	return false;
}

static void on_turn(evutil_socket_t fd, short what, void *context)
{
	static const struct timeval at_once = {0};
	struct census *census = context;
	int64_t until_us = clock_monotonic_us() + CENSUS_SLICE_US;

	(void)fd;
	(void)what;
	do {
		for (unsigned i = 0; i < STEPS_PER_LOOK; i++) {
			if (!step(census)) {
				finish(census);
				return;
			}
		}
	} while (clock_monotonic_us() < until_us);
	/* Not event_active(): the loop would not look for anything else in between. */
	event_add(census->turn, &at_once);
}

static void on_limit(evutil_socket_t fd, short what, void *context)
{
	struct census *census = context;

	(void)fd;
	(void)what;
	census_note_error(census, "looking at all processes took too long");
	finish(census);
}

/* ---- life ---- */

struct census *census_new(struct event_base *loop, void (*done_fn)(void *context), void *context)
{
	static const struct timeval at_once = {0};
	static const struct timeval limit = {
		.tv_sec = CENSUS_LIMIT_MS / 1000, .tv_usec = CENSUS_LIMIT_MS % 1000 * 1000};
	struct census *census = mem_new(struct census);
	struct err err;

	census->done_fn = done_fn;
	census->context = context;
	census->begun_ms = clock_monotonic_ms();
	census->process_fd = -1;
	census->diag_fd = -1;
	evutil_secure_rng_get_bytes(&census->texts.seed, sizeof(census->texts.seed));
	census->turn = evtimer_new(loop, on_turn, census);
	census->limit = evtimer_new(loop, on_limit, census);
	CHECK(census->turn != NULL && census->limit != NULL);
	event_priority_set(census->turn, event_base_get_npriorities(loop) - 1);
	if (diag_open(&census->diag_fd, &err) < 0) {
		census_note_error(census, err.text);
		census->list = DIAG_N_LISTS;
		census->state = CENSUS_DONE; /* without sockets nobody is looked for */
	} else {
		census->buffer = mem_alloc(DIAG_MAX_BYTES);
	}
	event_add(census->turn, &at_once);
	event_add(census->limit, &limit);
	return census;
}

void census_free(struct census *census)
{
	if (census == NULL) {
		return;
	}
	census_walk_close(census);
	if (census->diag_fd >= 0) {
		close(census->diag_fd);
	}
	event_free(census->turn);
	event_free(census->limit);
	index_finish(&census->tcp_index);
	index_finish(&census->local_index);
	index_finish(&census->holdings_index);
	intern_finish(&census->texts);
	free(census->buffer);
	free(census->tcp);
	free(census->local);
	free(census->holdings);
	free(census->all);
	free(census->users);
	free(census);
}

bool census_is_done(const struct census *census)
{
	return census->state == CENSUS_DONE && !event_pending(census->turn, EV_TIMEOUT, NULL);
}

const char *census_error(const struct census *census)
{
	return census->error;
}
