/*
 * Leases.
 */
#include "lease/leases.h"

#include <event2/event.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "lease/lease.h"
#include "redis/link.h"

/* What cannot be opened is told so often. */
#define TELL_MS (60 * 1000)

/* ---- one lease ---- */

struct lease *lease_new(struct leases *leases, const char *id)
{
	struct lease *lease = mem_new(struct lease);

	lease->leases = leases;
	lease->id = mem_printf("%s", id);
	TAILQ_INSERT_TAIL(&leases->list, lease, entry);
	return lease;
}

void lease_free(struct lease *lease)
{
	TAILQ_REMOVE(&lease->leases->list, lease, entry);
	lease_check_free(lease->check);
	for (size_t i = 0; i < lease->n_doors; i++) {
		door_free(lease->doors[i]);
	}
	for (size_t i = 0; i < lease->n_users; i++) {
		free(lease->users[i]);
	}
	free(lease->doors);
	free(lease->users);
	free(lease->id);
	free(lease->instance);
	free(lease->caller);
	free(lease->reason);
	free(lease);
}

struct door *lease_add_door(struct lease *lease, const char *address, const char *user)
{
	struct door *door = door_new(lease, address, user);

	lease->doors = mem_grow_array(
		lease->doors, lease->n_doors, &lease->doors_capacity, sizeof(struct door *));
	lease->doors[lease->n_doors++] = door;
	return door;
}

static struct door *find_door(struct lease *lease, const char *address, const char *user)
{
	for (size_t i = 0; i < lease->n_doors; i++) {
		if (strcmp(lease->doors[i]->address, address) == 0 &&
			strcmp(lease->doors[i]->user, user) == 0) {
			return lease->doors[i];
		}
	}
	return lease_add_door(lease, address, user);
}

static bool is_busy(const struct lease *lease)
{
	for (size_t i = 0; i < lease->n_doors; i++) {
		if (lease->doors[i]->is_busy) {
			return true;
		}
	}
	return false;
}

static int64_t left_ms(const struct lease *lease)
{
	return lease->is_over ? 0 : MAX(lease->until_boot_ms - clock_boottime_ms(), INT64_C(0));
}

static void save(const struct leases *leases)
{
	struct err err;

	if (lease_state_save(leases, &err) < 0) {
		log_error("leases: %s", err.text);
	}
}

static void record(
	const struct lease *lease, const char *event, const struct caller *caller, const char *what)
{
	struct audit_lease words = {
		.request_id = lease->id,
		.instance = lease->instance,
		.users = lease->users,
		.n_users = lease->n_users,
		.what = what,
		.until_wall_ms = lease->until_wall_ms,
	};
	struct err err;

	if (audit_lease(lease->leases->in.audit, event, &words, caller, &err) < 0) {
		log_error("lease %s: not recorded: %s", lease->id, err.text);
	}
	log_notice("lease %s on %s: %s", lease->id, lease->instance, what);
}

/* ---- doors ---- */

static void close_on(struct lease *lease, struct link *link)
{
	for (size_t i = 0; i < lease->n_users; i++) {
		struct door *door = find_door(lease, link_address(link), lease->users[i]);
		/* The same process as it was closed on: that is known. */
		bool is_known = door->serial == link_main_serial(link) &&
				(door->state == DOOR_CLOSED || door->state == DOOR_NOT_OURS);

		if (!door->is_busy && !is_known) {
			door_close(door, link);
		}
	}
}

static struct link *find_link(const struct instance *instance, const char *address)
{
	for (size_t i = 0; instance != NULL && i < topology_n_nodes(instance->topology); i++) {
		struct link *link = topology_node(instance->topology, i);

		if (strcmp(link_address(link), address) == 0 && link_state(link) == LINK_READY) {
			return link;
		}
	}
	return NULL;
}

static const struct instance *instance_of(const struct lease *lease)
{
	return instances_find(lease->leases->in.instances, slice_of(lease->instance));
}

static void close_all(struct lease *lease)
{
	const struct instance *instance = instance_of(lease);

	for (size_t i = 0; instance != NULL && i < topology_n_nodes(instance->topology); i++) {
		struct link *link = topology_node(instance->topology, i);

		if (link_state(link) == LINK_READY) {
			close_on(lease, link);
		}
	}
}

/* False: there is nothing of it to open any more. */
static bool open_all(struct lease *lease)
{
	const struct instance *instance = instance_of(lease);
	bool is_any = false;

	for (size_t i = 0; i < lease->n_doors; i++) {
		struct door *door = lease->doors[i];
		struct link *link = door->is_ours ? find_link(instance, door->address) : NULL;

		if (link != NULL && !door->is_busy) {
			door_open(door, link);
		} else if (link == NULL && door->is_ours && door->error[0] == '\0') {
			snprintf(door->error, sizeof(door->error), "the node is not connected");
		}
		is_any |= door->is_ours || door->is_busy;
	}
	return is_any;
}

/* ---- the end ---- */

/* Loud: somebody may be shut out for longer than anybody wanted. */
static void tell_overdue(struct lease *lease)
{
	int64_t now_ms = clock_monotonic_ms();

	if (lease->told_ms != 0 && now_ms - lease->told_ms < TELL_MS) {
		return;
	}
	for (size_t i = 0; i < lease->n_doors; i++) {
		const struct door *door = lease->doors[i];

		if (door->is_ours && door->error[0] != '\0') {
			log_error("lease %s is over, but the user %s is still off on %s (%s); to "
				  "open it by hand: ACL SETUSER %s on",
				lease->id, door->user, door->address, door->error, door->user);
			lease->told_ms = now_ms;
		}
	}
}

static void tell_changed(const struct lease *lease)
{
	for (size_t i = 0; i < lease->n_doors; i++) {
		const struct door *door = lease->doors[i];

		if (door->state == DOOR_CHANGED) {
			log_warning(
				"lease %s: the user %s was changed by somebody else on %s, and is "
				"left off; to open it: ACL SETUSER %s on",
				lease->id, door->user, door->address, door->user);
		}
	}
}

static void end(struct lease *lease)
{
	struct leases *leases = lease->leases;

	tell_changed(lease);
	record(lease, "release", NULL, "they are let in again");
	lease_free(lease);
	save(leases);
}

static void look_after(struct lease *lease)
{
	if (lease->check != NULL || lease->is_closing) {
		return;
	}
	if (left_ms(lease) > 0) {
		close_all(lease);
	} else if (open_all(lease)) {
		tell_overdue(lease);
	} else {
		end(lease);
	}
}

void leases_upkeep(struct leases *leases)
{
	struct lease *lease, *next;

	for (lease = TAILQ_FIRST(&leases->list); lease != NULL; lease = next) {
		next = TAILQ_NEXT(lease, entry);
		look_after(lease);
	}
}

/* ---- the gate ---- */

/* Why the doors could not be closed, in words; NULL: they are. */
static char *find_failure(const struct lease *lease)
{
	size_t n_closed = 0;

	for (size_t i = 0; i < lease->n_doors; i++) {
		const struct door *door = lease->doors[i];

		if (door->state == DOOR_FAILED) {
			return mem_printf("the user %s could not be kept out of %s, and nobody was "
					  "killed: %s",
				door->user, door->address, door->error);
		}
		n_closed += door->state == DOOR_CLOSED || door->state == DOOR_NOT_OURS;
	}
	return n_closed > 0
		       ? NULL
		       : mem_printf("no node is connected: nobody could be kept out, and nobody "
				    "was killed");
}

/* Those who wait are told from here: not from within an answer of a server. */
static void settle(struct lease *lease)
{
	gate_done_fn done_fn = lease->done_fn;
	void *context = lease->done_context;
	char *failure;

	if (!lease->is_closing || is_busy(lease)) {
		return;
	}
	failure = find_failure(lease);
	lease->is_closing = false;
	lease->done_fn = NULL;
	if (failure != NULL) {
		lease->is_over = true; /* what was closed is opened */
	} else {
		record(lease, "lease", NULL, "they are kept out");
	}
	save(lease->leases);
	if (done_fn != NULL) {
		done_fn(context, failure, false);
	}
	free(failure);
}

static void on_settling(evutil_socket_t fd UNUSED, short what UNUSED, void *context)
{
	struct leases *leases = context;
	struct lease *lease, *next;

	for (lease = TAILQ_FIRST(&leases->list); lease != NULL; lease = next) {
		next = TAILQ_NEXT(lease, entry);
		settle(lease);
	}
}

void lease_on_door(struct door *door)
{
	event_active(door->lease->leases->settling, 0, 0);
}

/* It stands from here on; what it was asked for by a dry run does not. */
static void on_checked(void *context, const char *failure, bool is_inexact)
{
	struct lease *lease = context;
	gate_done_fn done_fn = lease->done_fn;
	void *done_context = lease->done_context;
	bool is_dry_run = lease->until_boot_ms == 0;

	if (failure == NULL && !is_dry_run) {
		lease_check_free(lease->check);
		lease->check = NULL;
		lease->is_closing = true;
		close_all(lease);
		event_active(lease->leases->settling, 0, 0);
		return;
	}
	done_fn(done_context, failure, is_inexact);
	lease_free(lease);
}

static void take_request(struct lease *lease, const struct selector *users,
	const struct instance *instance, const struct request *request)
{
	struct jobs_view view;
	bool is_known = jobs_find(lease->leases->in.jobs, slice_of(lease->id), &view);

	lease->instance = mem_printf("%s", instance->opts->id);
	lease->caller = mem_printf("%s", is_known ? view.caller->user : "");
	lease->reason = mem_printf("%s", request->reason != NULL ? request->reason : "");
	lease->since_wall_ms = clock_wall_ms();
	lease->until_wall_ms = lease->since_wall_ms + request->keep_out_ms;
	if (!request->is_dry_run) {
		lease->until_boot_ms = clock_boottime_ms() + request->keep_out_ms;
	}
	lease->users = mem_alloc_array(selector_n_values(users), sizeof(char *));
	for (size_t i = 0; i < selector_n_values(users); i++) {
		lease->users[lease->n_users++] = slice_copy(selector_value(users, i));
	}
}

static void refuse(gate_done_fn done_fn, void *done_context, const char *words)
{
	done_fn(done_context, words, true);
}

static void gate_close(void *context, const char *request_id, const struct instance *instance,
	const struct request *request, gate_done_fn done_fn, void *done_context)
{
	struct leases *leases = context;
	const struct selector *users = request_users(request);
	struct lease *lease;

	if (users == NULL || request->keep_out_by == KEEP_OUT_ADDRESS) {
		refuse(done_fn, done_context,
			"only users can be kept out: select them whole (user = NAME and nothing "
			"else)");
		return;
	}
	lease = lease_new(leases, request_id);
	take_request(lease, users, instance, request);
	lease->done_fn = done_fn;
	lease->done_context = done_context;
	lease->check = lease_check_new(leases->in.loop, instance, users, on_checked, lease);
}

static struct lease *find(const struct leases *leases, struct slice id)
{
	struct lease *lease, *found = NULL;

	TAILQ_FOREACH(lease, &leases->list, entry)
	{
		if (slice_is_nocase(id, lease->id)) {
			return lease;
		}
		if (id.len >= JOBS_MIN_PREFIX_BYTES &&
			strncasecmp(lease->id, id.data, id.len) == 0) {
			if (found != NULL) {
				return NULL;
			}
			found = lease;
		}
	}
	return found;
}

static void gate_forget(void *context, const char *request_id)
{
	struct lease *lease = find(context, slice_of(request_id));

	if (lease == NULL) {
		return;
	}
	lease->done_fn = NULL;
	if (lease->check != NULL) {
		lease_free(lease);
	} else {
		lease->is_over = true;
	}
}

/* ---- by a person ---- */

int leases_release(
	struct leases *leases, struct slice id, const struct caller *caller, struct err *err)
{
	struct lease *lease = find(leases, id);

	if (lease == NULL || lease->check != NULL) {
		err_set(err, "no lease of that id stands");
		return LEASES_E_UNKNOWN;
	}
	lease->is_over = true;
	record(lease, "release", caller, "released");
	save(leases);
	look_after(lease);
	return 0;
}

int leases_extend(struct leases *leases, struct slice id, int64_t for_ms,
	const struct caller *caller, struct err *err)
{
	struct lease *lease = find(leases, id);

	if (lease == NULL || lease->check != NULL || left_ms(lease) == 0) {
		err_set(err, "no lease of that id stands");
		return LEASES_E_UNKNOWN;
	}
	lease->until_boot_ms = clock_boottime_ms() + for_ms;
	lease->until_wall_ms = clock_wall_ms() + for_ms;
	record(lease, "lease", caller, "it lasts until another time");
	return lease_state_save(leases, err);
}

/* ---- all of them ---- */

static void view_lease(const struct lease *lease,
	void (*view_fn)(void *context, const struct lease_view *view), void *context)
{
	CLEANUP(mem_free_p)
	struct door_view *doors = mem_alloc_array(lease->n_doors, sizeof(struct door_view));
	struct lease_view view = {
		.id = lease->id,
		.instance = lease->instance,
		.caller = lease->caller,
		.reason = lease->reason,
		.since_wall_ms = lease->since_wall_ms,
		.left_ms = left_ms(lease),
		.users = (const char *const *)lease->users,
		.n_users = lease->n_users,
		.doors = doors,
		.n_doors = lease->n_doors,
	};

	for (size_t i = 0; i < lease->n_doors; i++) {
		const struct door *door = lease->doors[i];

		doors[i] = (struct door_view){door->address, door->user, door->state, door->error};
		view.is_overdue |= view.left_ms == 0 && door->is_ours && door->error[0] != '\0';
	}
	view_fn(context, &view);
}

void leases_each(const struct leases *leases,
	void (*view_fn)(void *context, const struct lease_view *view), void *context)
{
	const struct lease *lease;

	TAILQ_FOREACH(lease, &leases->list, entry)
	{
		if (lease->check == NULL) {
			view_lease(lease, view_fn, context);
		}
	}
}

const struct gate *leases_gate(const struct leases *leases)
{
	return &leases->gate;
}

struct leases *leases_new(const struct leases_inputs *inputs)
{
	struct leases *leases = mem_new(struct leases);

	leases->in = *inputs;
	leases->state_path =
		inputs->state_path != NULL ? mem_printf("%s", inputs->state_path) : NULL;
	leases->gate = (struct gate){gate_close, gate_forget, leases};
	TAILQ_INIT(&leases->list);
	leases->settling = event_new(inputs->loop, -1, 0, on_settling, leases);
	CHECK(leases->settling != NULL);
	lease_state_load(leases);
	return leases;
}

void leases_free(struct leases *leases)
{
	struct lease *lease;

	if (leases == NULL) {
		return;
	}
	while ((lease = TAILQ_FIRST(&leases->list)) != NULL) {
		lease_free(lease);
	}
	event_free(leases->settling);
	free(leases->state_path);
	free(leases);
}
