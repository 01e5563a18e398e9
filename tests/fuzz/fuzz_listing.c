/*
 * CLIENT LIST, from its lines to the plan: whatever a server or a client writes into a listing,
 * the counts add up, and no command is planned for a session that is protected.
 */
#include <stdlib.h>

#include "base/check.h"
#include "base/mem.h"
#include "model/plan.h"
#include "model/snapshot.h"
#include "../unit/snapshot_lines.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

#define LINK_ID 7

/* The kinds of requests and servers that lead down different paths. */
struct setting {
	enum server_family family;
	uint32_t caps;
	const char *match, *except, *protect; /* NULL: none; no match: all */
	enum pace pace;
};

#define ALL_CAPS ((UINT32_C(1) << CAPS_N) - 1)

static const struct setting settings[] = {
	{SERVER_REDIS, 1 << CAP_KILL_TYPE | 1 << CAP_KILL_USER, NULL, NULL, NULL, PACE_FAST},
	{SERVER_VALKEY, ALL_CAPS, "name = leak*", "user = admin", NULL, PACE_FAST},
	{SERVER_VALKEY, ALL_CAPS, "age >= 5s", NULL, "laddr = 127.0.0.1:6379", PACE_GENTLE},
	{SERVER_DRAGONFLY, 0, NULL, NULL, "addr = 10.0.0.0/8", PACE_FAST},
	{SERVER_KVROCKS, 0, "idle > 10s", NULL, NULL, PACE_GENTLE},
	{SERVER_GARNET, 1 << CAP_KILL_TYPE, "type = pubsub", NULL, NULL, PACE_FAST},
};

static void add_selector(struct selectors *list, const char *text)
{
	if (text != NULL) {
		CHECK(selectors_add(list, slice_of(text), NULL));
	}
}

static void check_plan(const struct snapshot *snapshot, enum pace pace)
{
	struct plan_opts opts = {.pace = pace, .stall_budget_ms = 10};
	struct plan_command command = {0};
	struct plan plan;
	size_t n_planned = 0;

	plan_init(&plan, snapshot, &opts);
	for (size_t i = 0; i < plan.n_steps; i++) {
		const struct plan_step *step = &plan.steps[i];
		char *words = plan_step_print(&plan, step, SLICE_LITERAL("CLIENT"));

		free(words);
		for (size_t k = 0; k < step->n; k++) {
			CHECK(plan_step_victim(&plan, step, k)->class == REQUEST_MATCHED);
			CHECK(plan_step_victim(&plan, step, k)->id != LINK_ID);
		}
		plan_step_command(&plan, step, 0, SIZE_MAX, SLICE_LITERAL("CLIENT"), &command);
		n_planned += step->n;
	}
	CHECK(n_planned == snapshot_n_pending(snapshot));
	plan_command_finish(&command);
	plan_finish(&plan);
}

static void try_setting(const struct setting *setting, struct slice text)
{
	static const struct protection_own own[] = {{.id = LINK_ID}};
	struct selectors protect = {0};
	struct sources sources = {0};
	struct request request;
	struct snapshot snapshot;
	struct protection protection = {.family = setting->family,
		.own = own,
		.n_own = 1,
		.n_known = 1,
		.configured = &protect};
	struct caps caps = {setting->family, setting->caps};
	struct slice rest = text;
	struct slice line;

	request_init(&request);
	request.is_all = setting->match == NULL;
	add_selector(&request.match, setting->match);
	add_selector(&request.except, setting->except);
	add_selector(&protect, setting->protect);
	snapshot_init(&snapshot, &request, &protection, &caps, SLICE_LITERAL("node:1"), &sources,
		LINK_ID);
	while (slice_next(&rest, '\n', &line)) {
		snapshot_add_line(&snapshot, line);
	}
	snapshot_seal(&snapshot);
	CHECK(counts_is_consistent(&snapshot.counts, true));
	check_plan(&snapshot, setting->pace);
	snapshot_verify_begin(&snapshot);
	rest = text;
	while (slice_next(&rest, '\n', &line)) {
		snapshot_verify_line(&snapshot, line);
	}
	snapshot_verify_end(&snapshot);
	CHECK(counts_is_consistent(&snapshot.counts, true));
	snapshot_count_sources(&snapshot);
	snapshot_finish(&snapshot);
	sources_finish(&sources);
	selectors_finish(&protect);
	request_finish(&request);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
	for (size_t i = 0; i < ARRAY_SIZE(settings); i++) {
		try_setting(&settings[i], (struct slice){(const char *)data, n_bytes});
	}
	return 0;
}
