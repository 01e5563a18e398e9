/*
 * A door: one user on one node.
 *
 * Facts, as seen with Redis 6.0 to 8.0 and Valkey 7.2 to 9.1: ACL GETUSER answers nil for a user
 * that does not exist, else pairs of which the first is "flags" with an array that holds "on" or
 * "off". ACL SETUSER U off ends no session. Neither is replicated.
 */
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "lease/lease.h"
#include "redis/link.h"
#include "redis/reply.h"
#include "redis/server_info.h"

const char *door_state_name(enum door_state state)
{
	static const char *const names[DOOR_N_STATES] = {
		[DOOR_WAITING] = "waiting",
		[DOOR_CLOSED] = "closed",
		[DOOR_NOT_OURS] = "not_ours",
		[DOOR_OPEN] = "open",
		[DOOR_CHANGED] = "changed",
		[DOOR_FAILED] = "failed",
	};

	return names[state];
}

static void tell(const struct door *door)
{
	door->lease->leases->answered_fn(door->lease->leases);
}

static void let_go(struct door *door)
{
	door->is_busy = false;
	link_unref(door->link);
	door->link = NULL;
}

/* Left without an answer, it is asked again. */
static void on_late(struct calls *calls, const char *words)
{
	struct door *door = (struct door *)((char *)calls - offsetof(struct door, calls));

	calls_drop(calls);
	snprintf(door->error, sizeof(door->error), "%s", words);
	door->state = door->is_opening ? DOOR_CLOSED : DOOR_FAILED;
	let_go(door);
	tell(door);
}

struct door *door_new(struct lease *lease, const char *address, const char *user)
{
	struct door *door = mem_new(struct door);

	door->lease = lease;
	door->address = mem_printf("%s", address);
	door->user = mem_printf("%s", user);
	calls_init(&door->calls, on_late);
	door_log_init(door);
	return door;
}

void door_free(struct door *door)
{
	calls_drop(&door->calls);
	door_log_finish(door);
	link_unref(door->link);
	free(door->address);
	free(door->user);
	free(door);
}

/* ---- what the server says of the user ---- */

#define FNV_OFFSET UINT64_C(14695981039346656037)
#define FNV_PRIME UINT64_C(1099511628211)

static uint64_t add_to_digest(uint64_t digest, const struct reply *reply)
{
	for (size_t i = 0; i < reply->text.len; i++) {
		digest = (digest ^ (unsigned char)reply->text.data[i]) * FNV_PRIME;
	}
	for (size_t i = 0; i < reply->n_elements; i++) {
		digest = add_to_digest((digest ^ i) * FNV_PRIME, reply->elements[i]);
	}
	return digest;
}

/* False: that is no answer to ACL GETUSER. */
static bool read_is_on(const struct reply *reply, bool *ret_is_on)
{
	const struct reply *flags = reply->n_elements >= 2 ? reply->elements[1] : NULL;
	bool is_known = false;

	if (reply->type != REPLY_ARRAY || flags == NULL ||
		!slice_is(reply->elements[0]->text, "flags")) {
		return false;
	}
	for (size_t i = 0; i < flags->n_elements; i++) {
		struct slice flag = flags->elements[i]->text;

		if (slice_is(flag, "on") || slice_is(flag, "off")) {
			*ret_is_on = slice_is(flag, "on");
			is_known = true;
		}
	}
	return is_known;
}

/* ---- steps ---- */

static void end(struct door *door, enum door_state state)
{
	door->state = state;
	door->is_ours = state == DOOR_CLOSED;
	door->serial = link_main_serial(door->link);
	snprintf(door->run_id, sizeof(door->run_id), "%s", link_server(door->link)->run_id);
	door->error[0] = '\0';
	let_go(door);
	tell(door);
}

static void fail(struct door *door, struct slice words)
{
	/* What was closed stays known as closed: it is tried again. */
	door->state = door->is_opening ? DOOR_CLOSED : DOOR_FAILED;
	snprintf(door->error, sizeof(door->error), "%.*s", SLICE_ARG(words));
	let_go(door);
	tell(door);
}

static bool is_refused(struct door *door, const struct reply *reply, const char *lost)
{
	if (reply == NULL) {
		fail(door, slice_of(lost));
		return true;
	}
	if (reply_is_error(reply, "NOPERM") || reply_is_error(reply, "ERR")) {
		CLEANUP(mem_free_p)
		char *words = mem_printf("%.*s; grant it with: ACL SETUSER %s +acl|setuser "
					 "+acl|getuser; to keep it: ACL SAVE or CONFIG REWRITE",
			SLICE_ARG(reply->text),
			link_options(door->link)->username != NULL
				? link_options(door->link)->username
				: "default");

		fail(door, reply_is_error(reply, "NOPERM") ? slice_of(words) : reply->text);
		return true;
	}
	if (reply->type == REPLY_ERROR) {
		fail(door, reply->text);
	}
	return reply->type == REPLY_ERROR;
}

static void send(struct door *door, const char *verb, const char *flag, link_reply_fn reply_fn)
{
	struct slice argv[] = {
		SLICE_LITERAL("ACL"), slice_of(verb), slice_of(door->user), slice_of(flag)};
	struct link_command command = {
		.argv = argv,
		.argc = flag != NULL ? 4 : 3,
		.reply_fn = reply_fn,
		.context = door,
		.owner = &door->calls,
	};

	if (link_send(door->link, &command) != 0) {
		fail(door, slice_of(link_error(door->link)));
	}
}

static void on_opened(void *context, const struct reply *reply, const char *lost)
{
	struct door *door = context;

	if (!is_refused(door, reply, lost)) {
		end(door, DOOR_OPEN);
	}
}

/* How it is left: should it be otherwise when it is to be opened, somebody else was there. */
static void on_seen_closed(void *context, const struct reply *reply, const char *lost)
{
	struct door *door = context;

	if (!is_refused(door, reply, lost)) {
		if (door->late_ms > 0) {
			log_warning("lease %s: the user %s was on again on %s and is off now; who "
				    "logged in meanwhile is ended",
				door->lease->id, door->user, door->address);
		}
		door->digest = add_to_digest(FNV_OFFSET, reply);
		end(door, DOOR_CLOSED);
	}
}

static void on_closed(void *context, const struct reply *reply, const char *lost)
{
	struct door *door = context;

	if (!is_refused(door, reply, lost)) {
		send(door, "GETUSER", NULL, on_seen_closed);
	}
}

static bool is_journalled(struct door *door)
{
	struct err err;

	if (door->lease->leases->journal_fn(door->lease->leases, &err) == 0) {
		return true;
	}
	fail(door, slice_of(err.text));
	return false;
}

/* Is it as it was left? Of what was closed before its answer came nothing more is known. */
static void open_if_ours(struct door *door, const struct reply *reply, bool is_on)
{
	if (is_on || reply->type == REPLY_NIL) {
		end(door, DOOR_OPEN);
	} else if (door->digest != 0 && add_to_digest(FNV_OFFSET, reply) != door->digest) {
		end(door, DOOR_CHANGED);
	} else {
		send(door, "SETUSER", "on", on_opened);
	}
}

static void close_if_open(struct door *door, const struct reply *reply, bool is_on)
{
	/* The same process, which forgets nothing: somebody has opened it. */
	bool is_opened = is_on && door->is_ours && door->digest != 0 &&
			 server_info_is_same_process(door->run_id, link_server(door->link)->run_id);

	if (is_opened) {
		end(door, DOOR_CHANGED);
	} else if (is_on) {
		/* Should the daemon end before the answer, it is in the journal. */
		door->is_ours = true;
		door->digest = 0;
		door->late_ms = door->lease->is_closing ? 0 : clock_monotonic_ms();
		if (is_journalled(door)) {
			send(door, "SETUSER", "off", on_closed);
		}
	} else if (door->is_ours && reply->type != REPLY_NIL) {
		uint64_t digest = add_to_digest(FNV_OFFSET, reply);
		bool is_changed = door->digest != 0 && door->digest != digest;

		door->digest = digest;
		end(door, is_changed ? DOOR_CHANGED : DOOR_CLOSED);
	} else {
		end(door, DOOR_NOT_OURS);
	}
}

static void on_seen(void *context, const struct reply *reply, const char *lost)
{
	struct door *door = context;
	bool is_on = false;

	if (is_refused(door, reply, lost)) {
		return;
	}
	if (reply->type != REPLY_NIL && !read_is_on(reply, &is_on)) {
		fail(door, SLICE_LITERAL("its answer to ACL GETUSER was not understood"));
	} else if (door->is_opening) {
		open_if_ours(door, reply, is_on);
	} else {
		close_if_open(door, reply, is_on);
	}
}

static void look(struct door *door, struct link *link, bool is_opening)
{
	CHECK(!door->is_busy);
	door->is_busy = true;
	door->is_opening = is_opening;
	door->link = link_ref(link);
	send(door, "GETUSER", NULL, on_seen);
}

void door_close(struct door *door, struct link *link)
{
	look(door, link, false);
}

void door_open(struct door *door, struct link *link)
{
	look(door, link, true);
}
