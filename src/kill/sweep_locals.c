/*
 * Whose the victims were, as far as they came from this host. Only a dry run looks; a kill names
 * whom a listing or a dry run has met before. To look at 18,000 sockets takes a tenth of a second
 * of a core, which the server may need: kills took up to half as long again for it, and when it
 * came to the processes their sockets were closed already.
 */
#include "kill/sweep_internal.h"

#include <string.h>

#include "base/clock.h"

/* Victims in one turn of the loop. */
#define SESSIONS_PER_TURN 512

void sweep_begin_locals(struct sweep *sweep)
{
	struct sweep_locals *locals = &sweep->locals;

	if (sweep->in.census_fn == NULL ||
		!census_read_witness(link_descriptor(sweep->in.link), &locals->witness) ||
		!census_is_near(&locals->witness)) {
		locals->witness = (struct census_witness){0};
		return;
	}
	if (sweep->in.request->is_dry_run) {
		locals->census = sweep->in.census_fn(sweep->in.context);
	}
	snapshot_want_locals(&sweep->snapshot, &locals->sessions);
}

int64_t sweep_census_patience_ms(const struct sweep *sweep)
{
	const struct census *census = sweep->locals.census;
	int64_t left_ms = sweep->in.deadline_ms - clock_monotonic_ms();

	if (census == NULL || census_is_done(census)) {
		return 0;
	}
	return MAX(MIN(left_ms, (int64_t)CENSUS_LIMIT_MS), (int64_t)0);
}

/* False: nothing is known of it. */
static bool find_client(
	struct sweep *sweep, const struct locals_session *session, struct census_client *ret_client)
{
	struct known *known = sweep->in.instance->known;
	struct sweep_locals *locals = &sweep->locals;
	bool is_found =
		locals->census != NULL && census_find_client(locals->census, &locals->server,
						  &session->ends, true, ret_client);

	if (is_found && ret_client->pid != 0) {
		known_add(known, sweep->run_id, session->id, ret_client);
		return true;
	}
	return known_find(known, sweep->run_id, session->id, ret_client) || is_found;
}

static void settle(struct sweep *sweep, const struct locals_session *session)
{
	const struct snapshot_entry *entry = snapshot_find(&sweep->snapshot, session->id);
	struct census_client client = {0};

	/* One whose id stood twice is no victim after all. */
	if (entry == NULL || entry->class != REQUEST_MATCHED) {
		return;
	}
	if (!find_client(sweep, session, &client)) {
		client = (struct census_client){0};
	}
	sweep->in.report->local.n_named += client.pid != 0;
	local_clients_count(sweep->in.local_clients, client.process, client.unit, client.user,
		entry->fate == SNAPSHOT_ENDED);
}

static void begin_settling(struct sweep *sweep)
{
	struct sweep_locals *locals = &sweep->locals;

	sweep->in.report->local.n_sessions += locals->sessions.n_all;
	if (locals->census != NULL) {
		census_find_server(locals->census, &locals->witness,
			locals->sessions.has_own ? &locals->sessions.own : NULL, sweep->listed_ms,
			&locals->server);
	}
}

bool sweep_settle_locals(struct sweep *sweep)
{
	struct sweep_locals *locals = &sweep->locals;
	size_t end = MIN(locals->n_settled + SESSIONS_PER_TURN, locals->sessions.n);

	if (!sweep->has_snapshot || locals->witness.inode == 0) {
		return false;
	}
	if (locals->n_settled == 0) {
		begin_settling(sweep);
	}
	while (locals->n_settled < end) {
		settle(sweep, &locals->sessions.items[locals->n_settled++]);
	}
	return end < locals->sessions.n;
}

void sweep_forget_locals(struct sweep *sweep)
{
	locals_finish(&sweep->locals.sessions);
	census_server_finish(&sweep->locals.server);
	memset(&sweep->locals, 0, sizeof(sweep->locals));
}
