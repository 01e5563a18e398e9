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
#include "kill/own_caller.h"
#include "lease/lease.h"
#include "redis/link.h"

/* ---- what is wrong ---- */

static bool is_untold(const struct lease *lease)
{
	return lease->told_ms == 0 || clock_monotonic_ms() - lease->told_ms >= LEASE_TELL_MS;
}

/* Loud: somebody may be shut out for longer than anybody wanted. */
static void tell_overdue(struct lease *lease)
{
	if (lease->ban != NULL && lease->ban->error[0] != '\0') {
		log_error("lease %s is over, but they may still be kept out (%s); to open it by "
			  "hand: nft delete table inet sesskill",
			lease->id, lease->ban->error);
		lease->told_ms = clock_monotonic_ms();
	}
	for (size_t i = 0; i < lease->n_doors; i++) {
		const struct door *door = lease->doors[i];

		if (door->is_ours && door->error[0] != '\0') {
			log_error("lease %s is over, but the user %s is still off on %s (%s); to "
				  "open it by hand: ACL SETUSER %s on",
				lease->id, door->user, door->address, door->error, door->user);
			lease->told_ms = clock_monotonic_ms();
		}
	}
}

/* Nor is anybody kept out where he should be. */
static void tell_incomplete(struct lease *lease)
{
	if (lease->ban != NULL && ban_words(lease->ban)[0] != '\0') {
		log_error("lease %s: not everybody is kept out: %s", lease->id,
			ban_words(lease->ban));
		lease->told_ms = clock_monotonic_ms();
	}
	for (size_t i = 0; i < lease->n_doors; i++) {
		const struct door *door = lease->doors[i];

		if (door->state == DOOR_FAILED) {
			log_error("lease %s: the user %s cannot be kept out of %s (%s); to do it "
				  "by hand: ACL SETUSER %s off",
				lease->id, door->user, door->address, door->error, door->user);
			lease->told_ms = clock_monotonic_ms();
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
	lease_record(lease, "release", NULL, "they are let in again");
	lease_free(lease);
	lease_save(leases);
}

static void close_again(struct lease *lease, bool is_looked_at)
{
	if (lease->ban != NULL) {
		lease_follow(lease, is_looked_at);
		return;
	}
	lease_close_all(lease);
	lease_kill_late(lease);
	lease_count_all(lease);
}

static void look_after(struct lease *lease, bool is_looked_at)
{
	if (!lease_stands(lease) || lease->is_closing) {
		return;
	}
	if (lease_left_ms(lease) > 0) {
		close_again(lease, is_looked_at);
		if (is_untold(lease)) {
			tell_incomplete(lease);
		}
	} else if (!lease_open_all(lease, lease->is_void)) {
		end(lease);
	} else if (is_untold(lease)) {
		tell_overdue(lease);
	}
}

void leases_upkeep(struct leases *leases)
{
	struct lease *lease, *next;
	bool is_looked_at = ban_look(leases);

	for (lease = TAILQ_FIRST(&leases->list); lease != NULL; lease = next) {
		next = TAILQ_NEXT(lease, entry);
		look_after(lease, is_looked_at);
	}
	if (leases->is_unsaved) {
		lease_save(leases);
	}
}

/* ---- by a person ---- */

/* Asked for again: those who are let in one by one are let in at once. */
static void give_up(struct lease *lease, const struct caller *caller)
{
	bool is_closed = lease->ban == NULL || lease_open_all(lease, true);

	lease_record(lease, "release", caller,
		is_closed ? "given up: it may still be closed" : "they are let in at once");
	lease_free(lease);
}

int leases_release(
	struct leases *leases, struct slice id, const struct caller *caller, struct err *err)
{
	struct lease *lease = lease_find(leases, id);
	int r;

	if (lease == NULL || !lease_stands(lease)) {
		err_set(err, "no lease of that id stands");
		return LEASES_E_UNKNOWN;
	}
	if (lease->is_over && !lease_is_busy(lease)) {
		give_up(lease, caller);
		return lease_journal_save(leases, err);
	}
	lease->is_over = true;
	lease->told_ms = 0;
	lease_record(lease, "release", caller, "released");
	r = lease_journal_save(leases, err);
	look_after(lease, false);
	return r;
}

int leases_extend(struct leases *leases, struct slice id, int64_t for_ms,
	const struct caller *caller, struct err *err)
{
	struct lease *lease = lease_find(leases, id);

	if (lease == NULL || !lease_stands(lease) || lease_left_ms(lease) == 0) {
		err_set(err, "no lease of that id stands");
		return LEASES_E_UNKNOWN;
	}
	if (lease->is_closing) {
		err_set(err, "the lease does not stand yet: its doors are being closed");
		return LEASES_E_UNKNOWN;
	}
	lease->is_extended = true;
	lease->until_boot_ms = clock_boottime_ms() + for_ms;
	lease->until_wall_ms = clock_wall_ms() + for_ms;
	if (lease->ban != NULL && lease->ban->n_sources > 0) {
		ban_raise(lease->ban);
	}
	lease_record(lease, "lease", caller, "it lasts until another time");
	return lease_journal_save(leases, err);
}

/* ---- all of them ---- */

static struct ban_view view_ban(const struct ban *ban, char *const *sources)
{
	return ban == NULL ? (struct ban_view){.error = ""}
			   : (struct ban_view){
				     .sources = sources,
				     .n_sources = ban->n_sources,
				     .state = ban->state,
				     .holds = ban->holds,
				     .readmit = ban->readmit,
				     .error = ban_words(ban),
			     };
}

static void view_lease(const struct lease *lease,
	void (*view_fn)(void *context, const struct lease_view *view), void *context)
{
	CLEANUP(mem_free_p)
	struct door_view *doors = mem_alloc_array(lease->n_doors, sizeof(struct door_view));
	CLEANUP(ban_free_sources_p)
	char **sources = lease->ban != NULL ? ban_print_sources(lease->ban) : NULL;
	struct ban_view ban = view_ban(lease->ban, sources);
	struct lease_view view = {
		.id = lease->id,
		.instance = lease->instance,
		.caller = lease->caller,
		.reason = lease->reason,
		.since_wall_ms = lease->since_wall_ms,
		.left_ms = lease_left_ms(lease),
		.users = (const char *const *)lease->users,
		.n_users = lease->n_users,
		.doors = doors,
		.n_doors = lease->n_doors,
		.n_refused = lease_n_refused(lease),
		.ban = lease->ban != NULL ? &ban : NULL,
	};

	view.is_overdue = view.left_ms == 0 && lease->ban != NULL && lease->ban->error[0] != '\0';
	view.is_incomplete = view.left_ms > 0 && ban.error[0] != '\0';
	for (size_t i = 0; i < lease->n_doors; i++) {
		const struct door *door = lease->doors[i];

		doors[i] = (struct door_view){door->address, door->user, door->state, door->error};
		view.is_overdue |= view.left_ms == 0 && door->is_ours && door->error[0] != '\0';
		view.is_incomplete |= view.left_ms > 0 && door->state == DOOR_FAILED;
	}
	view_fn(context, &view);
}

void leases_each(const struct leases *leases,
	void (*view_fn)(void *context, const struct lease_view *view), void *context)
{
	const struct lease *lease;

	TAILQ_FOREACH(lease, &leases->list, entry)
	{
		if (lease_stands(lease)) {
			view_lease(lease, view_fn, context);
		}
	}
}

const struct gate *leases_gate(const struct leases *leases)
{
	return &leases->gate;
}

/* Those who wait are told from the event loop: not from within an answer of a server. */
static void on_answered(struct leases *leases)
{
	event_active(leases->settling, 0, 0);
}

struct leases *leases_new(const struct leases_inputs *inputs)
{
	struct leases *leases = mem_new(struct leases);

	leases->in = *inputs;
	leases->state_path =
		inputs->state_path != NULL ? mem_printf("%s", inputs->state_path) : NULL;
	leases->gate = (struct gate){lease_gate_close, lease_gate_forget, lease_gate_ended, leases};
	TAILQ_INIT(&leases->list);
	leases->settling = event_new(inputs->loop, -1, 0, lease_on_settling, leases);
	CHECK(leases->settling != NULL);
	leases->answered_fn = on_answered;
	leases->journal_fn = lease_journal_save;
	leases->own = own_caller_make();
	leases->firewall = firewall_new();
	lease_journal_load(leases);
	return leases;
}

void leases_free(struct leases *leases)
{
	struct lease *lease;

	if (leases == NULL) {
		return;
	}
	if (leases->is_unsaved) {
		lease_save(leases);
	}
	while ((lease = TAILQ_FIRST(&leases->list)) != NULL) {
		lease_free(lease);
	}
	event_free(leases->settling);
	firewall_free(leases->firewall);
	claim_leave(&leases->claim);
	free(leases->state_path);
	free(leases);
}
