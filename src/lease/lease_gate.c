/*
 * The gate of the kills: the door is closed before a kill begins, or the kill is refused.
 */
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "lease/lease.h"
#include "model/sources.h"

/* For somebody who comes from an address that is not known yet. */
#define MAX_LOOKS 3
/* Pairs of addresses in a ban: half a second of work in the kernel. */
#define MAX_PAIRS 20000

/* ---- what has come of it ---- */

static char *find_ban_failure(const struct ban *ban)
{
	return ban->state == BAN_CLOSED ? NULL
					: mem_printf("nobody could be kept out, and nobody was "
						     "killed: %s",
						  ban->error);
}

/* Why the doors could not be closed, in words; NULL: they are. */
static char *find_failure(const struct lease *lease)
{
	size_t n_closed = 0;

	if (lease->is_over) {
		return mem_printf(
			"it was released meanwhile: nobody is kept out, and nobody was killed");
	}
	if (lease->ban != NULL) {
		return find_ban_failure(lease->ban);
	}
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

/* ---- who comes from where, again ---- */

/*
 * Somebody may have come from yet another address while the door was closed: until a listing has
 * nobody new. Beyond that the kill itself shows who there was.
 */
static void on_looked_again(void *context, const struct lease_look_result *result)
{
	struct lease *lease = context;
	bool is_known = ban_has(
		lease->ban, result->sources, result->n_sources, result->servers, result->n_servers);

	lease->is_looked_through =
		result->failure != NULL || is_known || ++lease->n_looks == MAX_LOOKS;
	if (result->failure != NULL) {
		lease->is_inexact = result->is_inexact;
		snprintf(lease->ban->error, sizeof(lease->ban->error), "%s", result->failure);
		lease->ban->state = BAN_FAILED;
	} else if (!is_known) {
		ban_take(lease->ban, result->sources, result->n_sources, result->servers,
			result->n_servers);
		ban_raise(lease->ban);
	}
	lease_look_free(lease->look);
	lease->look = NULL;
	event_active(lease->leases->settling, 0, 0);
}

static bool looks_again(struct lease *lease)
{
	const struct instance *instance = lease_instance(lease);

	if (lease->ban == NULL || lease->ban->state != BAN_CLOSED || lease->is_looked_through ||
		lease->is_over || instance == NULL) {
		return false;
	}
	lease->look = lease_look_new(
		&lease->leases->in, instance, lease->request, on_looked_again, lease);
	return true;
}

/* Those who wait are told from here: not from within an answer of a server. */
static void settle(struct lease *lease)
{
	gate_done_fn done_fn = lease->done_fn;
	void *context = lease->done_context;
	char *failure;

	if (!lease->is_closing || lease_is_busy(lease) || looks_again(lease)) {
		return;
	}
	failure = find_failure(lease);
	lease->is_closing = false;
	lease->done_fn = NULL;
	lease->request = NULL;
	if (failure != NULL) {
		lease->is_over = lease->is_void = true; /* what was closed is opened */
	} else {
		lease_record(lease, "lease", NULL, "they are kept out");
	}
	lease_save(lease->leases);
	if (done_fn != NULL) {
		done_fn(context, &(struct gate_answer){
					 .failure = failure,
					 .is_inexact = lease->is_inexact,
					 .is_closed = failure == NULL,
					 .warning = lease->warning,
				 });
	}
	free(failure);
}

void lease_on_settling(evutil_socket_t fd UNUSED, short what UNUSED, void *context)
{
	struct leases *leases = context;
	struct lease *lease, *next;

	for (lease = TAILQ_FIRST(&leases->list); lease != NULL; lease = next) {
		next = TAILQ_NEXT(lease, entry);
		settle(lease);
	}
}

/* ---- before it ---- */

/* What was asked for by a dry run does not stand from here on, nor what is refused. */
static bool is_answered(struct lease *lease, const struct gate_answer *answer)
{
	gate_done_fn done_fn = lease->done_fn;
	void *context = lease->done_context;

	if (answer->failure == NULL && lease->until_boot_ms > 0) {
		return false;
	}
	lease->done_fn = NULL;
	done_fn(context, answer);
	lease_free(lease);
	return true;
}

static void on_checked(void *context, const struct gate_answer *answer)
{
	struct lease *lease = context;

	if (is_answered(lease, answer)) {
		return;
	}
	lease_check_free(lease->check);
	lease->check = NULL;
	lease->is_closing = true;
	lease_close_all(lease);
	event_active(lease->leases->settling, 0, 0);
}

/*
 * Nobody is to be ended, and so nobody to be kept out: a ban of nobody, which tells who has been
 * ended all the same.
 */
static void pass(struct lease *lease)
{
	gate_done_fn done_fn = lease->done_fn;

	lease_look_free(lease->look);
	lease->look = NULL;
	lease->done_fn = NULL;
	lease->request = NULL;
	done_fn(lease->done_context, &(struct gate_answer){.failure = NULL});
}

static void begin_ban(struct lease *lease, const struct lease_look_result *result)
{
	lease->warning = result->warning != NULL ? mem_printf("%s", result->warning) : NULL;
	ban_take(
		lease->ban, result->sources, result->n_sources, result->servers, result->n_servers);
	lease_look_free(lease->look);
	lease->look = NULL;
	lease->is_closing = true;
	ban_raise(lease->ban);
}

static void on_looked(void *context, const struct lease_look_result *result)
{
	struct lease *lease = context;
	struct gate_answer answer = {
		.failure = result->failure,
		.is_inexact = result->is_inexact,
		.warning = result->warning,
	};
	CLEANUP(mem_free_p) char *words = NULL;
	struct err err;

	if (answer.failure == NULL && result->n_sources * result->n_servers > MAX_PAIRS) {
		words = mem_printf("they come from %zu addresses to %zu: more pairs than %d are "
				   "not kept out",
			result->n_sources, result->n_servers, MAX_PAIRS);
		answer.failure = words;
	} else if (answer.failure == NULL && result->n_sources > 0 &&
		   firewall_probe(lease->leases->firewall, &err) < 0) {
		answer.failure = err.text;
	}
	if (is_answered(lease, &answer)) {
		return;
	}
	if (result->n_sources == 0) {
		pass(lease);
	} else {
		begin_ban(lease, result);
	}
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
	lease->keep_out_ms = request->keep_out_ms;
	lease->since_boot_ms = clock_boottime_ms();
	if (!request->is_dry_run) {
		lease->until_boot_ms = clock_boottime_ms() + request->keep_out_ms;
	}
	if (users == NULL) {
		lease->ban = ban_new(lease);
		lease->ban->holds = request->holds;
		lease->ban->readmit = request->readmit;
		return;
	}
	lease->users = mem_alloc_array(selector_n_values(users), sizeof(char *));
	for (size_t i = 0; i < selector_n_values(users); i++) {
		lease->users[lease->n_users++] = slice_copy(selector_listed_value(users, i));
	}
}

void lease_gate_close(void *context, const char *request_id, const struct instance *instance,
	const struct request *request, gate_done_fn done_fn, void *done_context)
{
	struct leases *leases = context;
	const struct selector *users =
		request_is_kept_out_by_user(request) ? request_users(request) : NULL;
	struct lease *lease = lease_new(leases, request_id);

	take_request(lease, users, instance, request);
	lease->request = request;
	lease->done_fn = done_fn;
	lease->done_context = done_context;
	if (users != NULL) {
		lease->check = lease_check_new(leases->in.loop, instance, users, on_checked, lease);
	} else {
		lease->look = lease_look_new(&leases->in, instance, request, on_looked, lease);
	}
}

void lease_gate_forget(void *context, const char *request_id)
{
	struct lease *lease = lease_find(context, slice_of(request_id));

	if (lease == NULL) {
		return;
	}
	lease->done_fn = NULL;
	lease->request = NULL;
	if (!lease->is_closing) {
		lease_free(lease);
	} else {
		lease_look_free(lease->look);
		lease->look = NULL;
		lease->is_over = lease->is_void = true;
		event_active(lease->leases->settling, 0, 0);
	}
}

/* ---- after it ---- */

/* The address of the source of that number. */
static struct slice address_of(const struct sources *sources, uint32_t number)
{
	struct slice key = intern_get(&sources->keys, number);
	const char *end = memchr(key.data, '\0', key.len);

	return (struct slice){key.data, end != NULL ? (size_t)(end - key.data) : key.len};
}

/* Whoever was ended comes from there, and is not kept out. */
static bool is_stranger(const struct ban *ban, struct slice address)
{
	bool is_ipv6 = memchr(address.data, ':', address.len) != NULL;
	CLEANUP(mem_free_p)
	char *text = mem_printf(is_ipv6 ? "[%.*s]:0" : "%.*s:0", SLICE_ARG(address));
	struct ends_address source;

	return !ends_address_read(slice_of(text), &source) || !ban_has(ban, &source, 1, NULL, 0);
}

static void tell_strangers(struct ban *ban, const struct sources *sources)
{
	CLEANUP(mem_free_p) char *words = NULL;
	struct slice first = {NULL, 0};
	size_t n = 0;

	for (uint32_t i = 0; i < sources->keys.n; i++) {
		if (sources->counts[i].killed > 0 && is_stranger(ban, address_of(sources, i))) {
			first = n++ == 0 ? address_of(sources, i) : first;
		}
	}
	if (n > 0) {
		words = mem_printf("%zu who had come just before the kill were ended, and may come "
				   "back, from %.*s%s",
			n, SLICE_ARG(first), n > 1 ? " and others" : "");
		ban_tell(ban, words);
	}
}

/* It counts from now on; the kernel's time is to be that, too. */
static void begin_time(struct lease *lease)
{
	struct ban *ban = lease->ban;

	lease->is_kill_over = true;
	if (!lease->is_extended) {
		lease->until_boot_ms = clock_boottime_ms() + lease->keep_out_ms;
		lease->until_wall_ms = clock_wall_ms() + lease->keep_out_ms;
	}
	if (ban != NULL && ban->state == BAN_CLOSED &&
		llabs(ban->kernel_out_ms - lease->until_boot_ms - BAN_SLACK_MS) > BAN_SLACK_MS) {
		ban_raise(ban);
	}
}

static bool was_any_ended(const struct sources *sources)
{
	for (uint32_t i = 0; i < sources->keys.n; i++) {
		if (sources->counts[i].killed > 0) {
			return true;
		}
	}
	return false;
}

/* Who was to be ended is there still, or has gone by himself. */
static void give_up(struct lease *lease)
{
	if (lease->ban->n_sources > 0) {
		lease->is_over = lease->is_void = true;
		lease_record(lease, "release", NULL, "nobody was ended, and nobody is kept out");
	} else {
		lease_free(lease);
	}
}

bool lease_gate_ended(void *context, const char *request_id, const struct sources *sources)
{
	struct lease *lease = lease_find(context, slice_of(request_id));
	bool is_any = true;

	if (lease == NULL || lease->is_closing || lease->is_over) {
		return false;
	}
	/* Again, where another round has followed. */
	if (sources == NULL || !lease->is_kill_over) {
		begin_time(lease);
	}
	if (lease->ban != NULL && sources != NULL) {
		tell_strangers(lease->ban, sources);
		is_any = was_any_ended(sources);
	}
	if (!is_any) {
		give_up(lease);
	}
	lease_save(context);
	return is_any;
}
