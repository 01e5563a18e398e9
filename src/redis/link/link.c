/*
 * The life of a link, and the calls that go over it.
 */
#include <errno.h>
#include <event2/event.h>
#include <netdb.h>
#include <stdio.h>
#include <sys/socket.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/priority.h"
#include "redis/link/link_internal.h"
#include "redis/timer.h"
#include "redis/tls.h"

/* Shorter than any sensible `timeout` of a server; connections shorten it where that is not so. */
#define KEEPALIVE_MS 2000

/* Between two attempts that only somebody's hand can make succeed, when somebody waits. */
#define FINAL_WANTED_MS 500

static void on_resetting(evutil_socket_t fd, short what, void *context)
{
	struct link *link = context;

	guard_enter(&link->guard);
	if (link->main != NULL) {
		connection_close(link->main, LINK_TROUBLE_LOST, link->reset_words);
	}
	guard_leave(&link->guard);
}

void link_reset(struct link *link, const char *words)
{
	snprintf(link->reset_words, sizeof(link->reset_words), "%s", words);
	event_active(link->resetting, 0, 0);
}

/* ---- life ---- */

static void destroy(struct link *link)
{
	if (link->attachment != NULL) {
		link->free_attachment_fn(link->attachment);
	}
	event_free(link->retry);
	event_free(link->resetting);
	event_free(link->settling);
	tls_context_free(link->tls);
	endpoint_finish(&link->endpoint);
	link_opts_finish(&link->opts);
	free(link->address);
	free(link);
}

static void retire(struct link *link)
{
	struct connection *connection;

	link->is_retired = true;
	event_del(link->retry);
	event_del(link->resetting);
	link_end_settling(link);
	link->main = NULL;
	link_set_trouble(link, LINK_TROUBLE_FINAL, link->retire_words);
	while ((connection = TAILQ_FIRST(&link->open)) != NULL) {
		link_give_up(connection, link->retire_words);
	}
	if (link->asker != NULL) {
		link_give_up(link->asker, link->retire_words);
	}
	link_update_state(link, true);
}

static void on_idle(struct guard *guard)
{
	struct link *link = (struct link *)((char *)guard - offsetof(struct link, guard));
	struct connection *connection;

	while ((connection = TAILQ_FIRST(&link->dead)) != NULL) {
		TAILQ_REMOVE(&link->dead, connection, entry);
		connection_free(connection);
	}
	if (link->n_refs == 0) {
		CHECK(link->watchers == NULL);
		destroy(link);
	}
}

struct link *link_new(const struct link_world *world, const struct endpoint *endpoint,
	const struct link_opts *opts)
{
	struct link *link = mem_new(struct link);

	link->n_refs = 1;
	link->world = *world;
	link->guard.idle_fn = on_idle;
	endpoint_copy(&link->endpoint, endpoint);
	link_opts_copy(&link->opts, opts);
	link->address = endpoint_print(endpoint);
	TAILQ_INIT(&link->open);
	TAILQ_INIT(&link->dead);
	link->last = (struct link_server){LINK_SERVER_UNKNOWN};
	link->state = LINK_BACKOFF;
	link->keepalive_ms = world->keepalive_ms > 0 ? world->keepalive_ms : KEEPALIVE_MS;
	link->retry = evtimer_new(world->loop, link_on_retry, link);
	link->settling = evtimer_new(world->loop, link_on_settled, link);
	link->resetting = event_new(world->loop, -1, 0, on_resetting, link);
	CHECK(link->retry != NULL && link->resetting != NULL && link->settling != NULL);
	link_set_trouble(link, LINK_TROUBLE_PASSING, "not connected yet");
	return link;
}

struct link *link_new_nowhere(const struct link_world *world, const char *label, const char *words)
{
	struct endpoint endpoint = {
		.host = (char *)label, .ip = (char *)label, .is_one_of_many = true};
	struct link_opts opts = {0};
	struct link *link = link_new(world, &endpoint, &opts);

	free(link->address);
	link->address = slice_copy(slice_of(label));
	link->is_retired = true;
	link_set_trouble(link, LINK_TROUBLE_FINAL, words);
	return link;
}

struct link *link_ref(struct link *link)
{
	link->n_refs++;
	return link;
}

bool link_is_shared(const struct link *link)
{
	return link->n_refs > 1;
}

void link_unref(struct link *link)
{
	if (link == NULL || link->n_refs > 1) {
		if (link != NULL) {
			link->n_refs--;
		}
		return;
	}
	CHECK(link->n_wanting == 0);
	guard_enter(&link->guard);
	link_retire(link, "nobody needs the connection any more");
	link->n_refs--;
	guard_leave(&link->guard);
}

void link_start(struct link *link)
{
	link->is_started = true;
	link_balance(link);
}

void link_retire(struct link *link, const char *words)
{
	if (link->is_retired) {
		return;
	}
	if (!link->is_retiring) {
		snprintf(link->retire_words, sizeof(link->retire_words), "%s", words);
		link->is_retiring = true;
	}
	if (link->n_wanting == 0) {
		guard_enter(&link->guard);
		retire(link);
		guard_leave(&link->guard);
	}
}

/* One that was dialled by the name has chosen one of its addresses. */
static bool leads_to(const struct connection *connection, const struct endpoint *endpoint)
{
	struct endpoint dialled = connection->endpoint;
	struct sockaddr_storage peer;
	socklen_t length = sizeof(peer);
	char ip[NI_MAXHOST];

	if (dialled.host != NULL && dialled.ip == NULL && endpoint->ip != NULL &&
		getpeername(connection_descriptor(connection), (struct sockaddr *)&peer, &length) ==
			0 &&
		getnameinfo((struct sockaddr *)&peer, length, ip, sizeof(ip), NULL, 0,
			NI_NUMERICHOST) == 0) {
		dialled.ip = ip;
	}
	return endpoint_is_equal(&dialled, endpoint);
}

/* One that leads to the address that is configured again is as good as it was. */
static void make_old(struct link *link, bool is_old_login)
{
	struct connection *connection;

	TAILQ_FOREACH(connection, &link->open, entry)
	{
		connection->is_old_login |= is_old_login;
		connection->is_old_address = !leads_to(connection, &link->endpoint);
	}
}

void link_change(struct link *link, const struct endpoint *endpoint, const struct link_opts *opts)
{
	bool is_other_login = !link_opts_is_same_login(&link->opts, opts);
	bool is_other_address = !endpoint_is_equal(&link->endpoint, endpoint);
	struct endpoint copy;

	if (link->is_retired) {
		return;
	}
	guard_enter(&link->guard);
	if (is_other_login || is_other_address) {
		link_close_attempts(link, false);
		if (link->asker != NULL) {
			link_stop_asking(link, "the options have changed");
		}
		link->n_failures = 0;
		link->attempt_trouble = LINK_TROUBLE_NONE;
		event_del(link->retry);
		tls_context_free(link->tls);
		link->tls = NULL;
	}
	endpoint_copy(&copy, endpoint);
	endpoint_finish(&link->endpoint);
	link->endpoint = copy;
	free(link->address);
	link->address = endpoint_print(&copy);
	if (is_other_address) {
		link_set_trouble(link, LINK_TROUBLE_PASSING,
			"the configured address has changed, and is not reached yet");
	}
	make_old(link, is_other_login);
	link_opts_finish(&link->opts);
	link_opts_copy(&link->opts, opts);
	link_follow(link);
	guard_leave(&link->guard);
}

void link_freeze(struct link *link, bool is_frozen)
{
	if (link->is_frozen != is_frozen) {
		link->is_frozen = is_frozen;
		guard_enter(&link->guard);
		if (is_frozen) {
			link_close_attempts(link, true);
		}
		link_follow(link);
		guard_leave(&link->guard);
	}
}

void link_try_now(struct link *link)
{
	if (link_state(link) == LINK_BACKOFF && evtimer_pending(link->retry, NULL)) {
		timer_start(link->retry, 0);
	}
}

void link_want(struct link *link)
{
	link->n_wanting++;
	if (link->attempt_trouble == LINK_TROUBLE_FULL && link->n_failures > 0) {
		event_del(link->retry);
		link_schedule(link);
	} else if (link_trouble(link) == LINK_TROUBLE_FINAL && !link->is_retired &&
		   evtimer_pending(link->retry, NULL)) {
		/* Somebody's hand may have mended it just now: he wants to see it. */
		timer_start(link->retry,
			MAX(link->failed_ms + FINAL_WANTED_MS - clock_monotonic_ms(), 0));
	}
}

void link_unwant(struct link *link)
{
	CHECK(link->n_wanting > 0);
	link->n_wanting--;
	if (link->is_retiring && link->n_wanting == 0) {
		link_retire(link, link->retire_words);
	}
	link_follow(link);
}

static void set_priorities(struct link *link)
{
	struct connection *connection;

	event_priority_set(link->resetting, link->n_hurrying > 0 ? PRIORITY_KILL : PRIORITY_USUAL);
	TAILQ_FOREACH(connection, &link->open, entry)
	{
		connection_set_priority(connection);
	}
}

void link_hurry(struct link *link)
{
	link->n_hurrying++;
	set_priorities(link);
}

void link_unhurry(struct link *link)
{
	CHECK(link->n_hurrying > 0);
	link->n_hurrying--;
	set_priorities(link);
}

bool link_is_hurried(const struct link *link)
{
	return link->n_hurrying > 0;
}

void link_hold(struct link *link)
{
	link->n_holding++;
	guard_enter(&link->guard);
	if (link->asker != NULL) {
		link_stop_asking(link, "somebody makes a plan");
	}
	link_balance(link);
	guard_leave(&link->guard);
}

void link_release(struct link *link)
{
	CHECK(link->n_holding > 0);
	link->n_holding--;
	/* Whoever held it has most likely made room. */
	link->freed_ms = clock_monotonic_ms();
	guard_enter(&link->guard);
	link_balance(link);
	guard_leave(&link->guard);
}

void link_ask_before_opening(struct link *link, link_is_in_range_fn *fn, void *context)
{
	link->is_in_range_fn = fn;
	link->is_in_range_context = context;
}

void link_keep_aside(struct link *link)
{
	link->n_keeping_aside++;
}

void link_end_aside(struct link *link)
{
	CHECK(link->n_keeping_aside > 0);
	link->n_keeping_aside--;
	guard_enter(&link->guard);
	link_balance(link);
	guard_leave(&link->guard);
}

/* ---- calls ---- */

int link_send(struct link *link, const struct link_command *command)
{
	if (link->main == NULL) {
		return -ENOTCONN;
	}
	connection_call(link->main, command);
	return 0;
}

void link_break_busy(struct link *link)
{
	static const char *const kinds[] = {"SCRIPT", "FUNCTION"};
	struct connection *connection;

	TAILQ_FOREACH(connection, &link->open, entry)
	{
		if (connection->state == CONNECTION_REFUSED &&
			slice_has_prefix(slice_of(connection->words), "BUSY")) {
			break;
		}
	}
	/* Which of the two runs is not known; the other one is refused. */
	for (size_t i = 0; connection != NULL && i < ARRAY_SIZE(kinds); i++) {
		struct slice argv[] = {slice_of(kinds[i]), SLICE_LITERAL("KILL")};
		struct link_command command = {
			.argv = argv,
			.argc = ARRAY_SIZE(argv),
		};

		connection_call(connection, &command);
	}
}
