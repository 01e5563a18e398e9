/*
 * One instance of a few scripted servers, each with its sessions, and the loop that all share.
 */
#ifndef TESTS_UNIT_KILL_FIXTURE_H
#define TESTS_UNIT_KILL_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <event2/event.h>

#include "base/clock.h"
#include "kill/instance.h"
#include "model/report.h"
#include "model/request.h"
#include "peer_server.h"
#include "record/metrics.h"
#include "scratch.h"

#define FIXTURE_MAX_SERVERS 3

struct kill_fixture {
	struct scratch *scratch;
	struct event_base *loop;
	struct peer_server servers[FIXTURE_MAX_SERVERS];
	size_t n_servers;
	struct metrics *metrics;
	struct instances *instances;
	const struct instance *instance;
	char client_command[8];
};

/* What the configuration would say. Owned by whom it is given to. */
static struct instance_opts fixture_opts(struct kill_fixture *fixture)
{
	struct instance_opts opts = {
		.id = mem_copy_text("one", 3),
		.endpoints = mem_alloc_array(fixture->n_servers, sizeof(struct endpoint)),
		.n_endpoints = fixture->n_servers,
		.pace = PACE_FAST,
		.stall_budget_ms = 20,
		.link = {.connect_timeout_ms = 1000,
			.command_timeout_ms = 5000,
			.client_command = mem_copy_text("CLIENT", 6)},
	};

	for (size_t i = 0; i < fixture->n_servers; i++) {
		opts.endpoints[i].path = mem_printf("%s/%zu", fixture->scratch->directory, i);
	}
	return opts;
}

static void fixture_init(struct kill_fixture *fixture, size_t n_servers)
{
	void *scratch = NULL;

	*fixture = (struct kill_fixture){.n_servers = n_servers};
	assert_int_equal(scratch_setup(&scratch), 0);
	fixture->scratch = scratch;
	fixture->loop = event_base_new();
	for (size_t i = 0; i < n_servers; i++) {
		CLEANUP(mem_free_p)
		char *path = mem_printf("%s/%zu", fixture->scratch->directory, i);

		peer_server_init(&fixture->servers[i], fixture->loop, path);
	}
	fixture->metrics = metrics_new();
	fixture->instances =
		instances_new(&(struct link_world){.loop = fixture->loop}, fixture->metrics);
}

/* The links start. `command_timeout_ms` 0: long enough never to matter. */
static void fixture_connect(struct kill_fixture *fixture, int64_t command_timeout_ms)
{
	struct instance_opts opts = fixture_opts(fixture);

	if (command_timeout_ms > 0) {
		opts.link.command_timeout_ms = command_timeout_ms;
	}
	instances_apply(fixture->instances, &opts, 1);
	fixture->instance = instances_get(fixture->instances, 0);
}

static UNUSED struct link *fixture_link(const struct kill_fixture *fixture, size_t i)
{
	return topology_node(fixture->instance->topology, i);
}

#define fixture_wait(fixture, condition) peer_wait((fixture)->loop, condition)

/* All servers listen, all links are READY. */
static UNUSED void fixture_start(struct kill_fixture *fixture)
{
	for (size_t i = 0; i < fixture->n_servers; i++) {
		peer_listen(fixture->servers[i].peer);
	}
	fixture_connect(fixture, 0);
	for (size_t i = 0; i < fixture->n_servers; i++) {
		fixture_wait(fixture, link_state(fixture_link(fixture, i)) == LINK_READY);
	}
}

static void fixture_finish(struct kill_fixture *fixture)
{
	void *scratch = fixture->scratch;

	instances_free(fixture->instances);
	metrics_free(fixture->metrics);
	for (size_t i = 0; i < fixture->n_servers; i++) {
		peer_server_finish(&fixture->servers[i]);
	}
	event_base_free(fixture->loop);
	assert_int_equal(scratch_teardown(&scratch), 0);
}

/* Everybody, or those of one name. */
static UNUSED struct request fixture_request(const char *name)
{
	struct request request;

	request_init(&request);
	if (name == NULL) {
		request.is_all = true;
	} else {
		CLEANUP(mem_free_p) char *text = mem_printf("name = %s", name);
		struct err err;

		assert_true(selectors_add(&request.match, slice_of(text), &err));
	}
	return request;
}

static UNUSED bool fixture_has_warning(const struct report *report, const char *part)
{
	for (size_t i = 0; i < report->n_warnings; i++) {
		if (strstr(report->warnings[i], part) != NULL) {
			return true;
		}
	}
	return false;
}

#endif
