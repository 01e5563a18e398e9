/*
 * A snapshot out of a few lines, for tests of what is made of it: what is asked and protected and
 * what the server can do stand in one struct. To be used in cmocka tests.
 */
#ifndef TESTS_UNIT_LISTED_H
#define TESTS_UNIT_LISTED_H

#include <stdio.h>

#include "base/macros.h"
#include "model/snapshot.h"
#include "snapshot_lines.h"

#define LISTED_NODE "10.0.0.9:6379"
#define LISTED_MAX_TEXTS 4
/* The session that lists; a line of every listing of its own. */
#define LISTED_LINK_ID 1
#define LISTED_LINK                                                                              \
	"id=1 addr=127.0.0.1:1 laddr=127.0.0.1:6379 fd=8 name=sesskilld:1 age=9 idle=0 flags=N " \
	"db=0 sub=0 cmd=client|list user=sesskill lib-name= lib-ver="
#define LISTED_LINK_DRAGONFLY                                                                  \
	"id=1 addr=127.0.0.1:1 laddr=127.0.0.1:6379 fd=8 name=sesskilld:1 tid=0 age=9 idle=0 " \
	"db=0 phase=process lib-name= lib-ver="

struct listed_opts {
	enum server_family family;
	uint32_t caps;                       /* bits 1 << enum cap */
	const char *match[LISTED_MAX_TEXTS]; /* none: all */
	const char *except[LISTED_MAX_TEXTS];
	const char *protect[LISTED_MAX_TEXTS];
	uint64_t other_own_id; /* of another link of ours; 0: none */
	bool has_max;
};

#define LISTED_CAP(cap) (UINT32_C(1) << CAP_##cap)

struct listed {
	struct caps caps;
	struct request request;
	struct selectors protect;
	struct protection_own own[2];
	struct protection protection;
	struct sources sources;
	struct snapshot snapshot;
};

static void listed_add_texts(struct selectors *list, const char *const *texts)
{
	for (size_t i = 0; i < LISTED_MAX_TEXTS && texts[i] != NULL; i++) {
		struct err err;

		if (!selectors_add(list, slice_of(texts[i]), &err)) {
			fail_msg("%s: %s", texts[i], err.text);
		}
	}
}

static void listed_line(struct listed *listed, const char *line)
{
	snapshot_add_line(&listed->snapshot, slice_of(line));
}

/* The link of our own is listed; more lines may follow before snapshot_seal(). */
static void listed_begin(struct listed *listed, const struct listed_opts *opts)
{
	*listed = (struct listed){
		.caps = {opts->family, opts->caps},
		.own = {{.id = LISTED_LINK_ID}, {.id = opts->other_own_id}},
		.protection = {.family = opts->family, .n_own = opts->other_own_id != 0 ? 2 : 1},
	};
	request_init(&listed->request);
	listed->request.is_all = opts->match[0] == NULL;
	listed->request.has_max = opts->has_max;
	listed->request.max = UINT64_MAX;
	listed->protection.is_all = listed->request.is_all;
	listed->protection.has_type = caps_has(&listed->caps, CAP_KILL_TYPE);
	listed_add_texts(&listed->request.match, opts->match);
	listed_add_texts(&listed->request.except, opts->except);
	listed_add_texts(&listed->protect, opts->protect);
	listed->protection.own = listed->own;
	listed->protection.n_known = listed->protection.n_own;
	listed->protection.configured = &listed->protect;
	snapshot_init(&listed->snapshot, &listed->request, &listed->protection, &listed->caps,
		SLICE_LITERAL(LISTED_NODE), &listed->sources, LISTED_LINK_ID);
	listed_line(listed, opts->family == SERVER_DRAGONFLY ? LISTED_LINK_DRAGONFLY : LISTED_LINK);
}

/* All lines at once, sealed; NULL ends them. */
static UNUSED void listed_make(
	struct listed *listed, const struct listed_opts *opts, const char *const *lines)
{
	listed_begin(listed, opts);
	for (; *lines != NULL; lines++) {
		listed_line(listed, *lines);
	}
	snapshot_seal(&listed->snapshot);
}

/* Lines "id=N TEXT" for `n` ids from `first_id` on. */
static UNUSED void listed_many(struct listed *listed, uint64_t first_id, size_t n, const char *text)
{
	char line[512];

	for (size_t i = 0; i < n; i++) {
		snprintf(
			line, sizeof(line), "id=%llu %s", (unsigned long long)(first_id + i), text);
		listed_line(listed, line);
	}
}

static void listed_finish(struct listed *listed)
{
	snapshot_finish(&listed->snapshot);
	sources_finish(&listed->sources);
	request_finish(&listed->request);
	selectors_finish(&listed->protect);
}

#endif
