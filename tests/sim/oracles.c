/*
 * What has to hold, whatever happens: against the simulator's own book of who was ended by whom.
 */
#include <string.h>

#include "oracles_internal.h"

bool oracle_has_server(const struct fleet *group, const struct server *server)
{
	for (size_t i = 0; i < group->n_nodes; i++) {
		if (group->nodes[i] == server) {
			return true;
		}
	}
	return false;
}

/* All but its nodes. */
static bool is_known_for_sure(const struct fleet *group)
{
	bool is_well = !group->is_stranger_listed && !scenario_is_changing() &&
		       edges_is_disk_good() && sim_now() - group->settled > READY_WITHIN;

	for (size_t i = 0; i < group->n_sentinels; i++) {
		const struct server *sentinel = group->sentinels[i];

		is_well &= server_is_healthy(sentinel) && !sentinel->is_hostile &&
			   sentinel->news_delay < 10 * SIM_S;
	}
	return is_well;
}

bool oracle_is_node_well(const struct server *node)
{
	return server_is_healthy(node) && !node->has_lost_address &&
	       sim_now() - node->healthy_since > READY_WITHIN;
}

bool oracle_is_group_well(const struct fleet *group)
{
	bool is_well = is_known_for_sure(group);

	for (size_t i = 0; i < group->n_nodes; i++) {
		is_well &= oracle_is_node_well(group->nodes[i]);
	}
	return is_well;
}

/* Without its master a replica cannot be proven. */
bool oracle_is_group_usable(const struct fleet *group)
{
	bool is_usable = is_known_for_sure(group);

	for (size_t i = 0; i < group->n_nodes; i++) {
		const struct server *node = group->nodes[i];
		bool is_down = !node->is_up && sim_now() - node->down_since > READY_WITHIN &&
			       (group->kind == GROUP_STANDALONE || node->master != NULL);

		is_usable &= is_down || oracle_is_node_well(node);
	}
	return is_usable;
}

/* ---- listings ---- */

/* Who is meant: above all by the first one since the kill was asked for. */
static void note_meant(const struct order *kill, struct server *server)
{
	bool is_first = (server->listed_kills & bit_of(kill)) == 0;

	server->listed_kills |= bit_of(kill);
	for (size_t i = 0; i < server->n_sessions; i++) {
		struct client *session = &server->sessions[i];
		const struct facts facts = server_facts(server, session);

		if (session->end == NULL && !server_hides(server, session) &&
			order_covers(kill, &facts)) {
			session->ever_matched |= bit_of(kill);
			session->first_matched |= is_first ? bit_of(kill) : 0;
		}
	}
}

/* The daemon may have given it up by the time it reads the listing. */
static bool may_be_given_up(const struct client *session)
{
	return session->end != NULL && (!server_is_own(session) || session->now.name[0] == '\0');
}

static void note_seen(struct order *kill, const struct server *server)
{
	struct seen *seen = &kill->seen[kill->n_seen++ % ARRAY_SIZE(kill->seen)];

	*seen = (struct seen){.server = server};
	for (size_t i = 0; i < server->n_sessions; i++) {
		const struct client *session = &server->sessions[i];
		const struct facts facts = server_facts(server, session);

		if (!server_hides(server, session)) {
			seen->n++;
			seen->n_matched +=
				session->end == NULL && !facts.is_odd && order_covers(kill, &facts);
			seen->n_doubtful += facts.is_odd || may_be_given_up(session);
		}
	}
}

void oracle_listed(struct server *server)
{
	for (size_t k = 0; k < callers_n_kills(); k++) {
		struct order *kill = callers_kill(k);

		if (order_is_active(kill) && oracle_has_server(kill->group, server)) {
			note_meant(kill, server);
			note_seen(kill, server);
		}
	}
}

void oracle_disturbed(struct server *server)
{
	server->was_disturbed = true;
	for (size_t k = 0; k < callers_n_kills(); k++) {
		struct order *kill = callers_kill(k);

		if (order_is_active(kill) &&
			(oracle_has_server(kill->group, server) || kill->group == server->group)) {
			kill->is_disturbed = true;
		}
	}
}

/* ---- exact ---- */

/* When what is carried out now was sent: what was sent to one that stood still waited there. */
static int64_t sent_at(const struct server *server)
{
	return sim_now() - server->stalled_until < SIM_S && server->stalled_until > 0
		       ? server->stalled_since
		       : sim_now();
}

/* With two addresses it may have shown it over one and be asked to kill over the other. */
static bool takes_filters(const struct server *server)
{
	return server->shown_at > 0 && server->second_ip == NULL &&
	       sent_at(server) > server->shown_at + SIM_S &&
	       strstr(server->shape->filters, " TYPE ") != NULL &&
	       !shape_has(server->shape, SHAPE_ORED);
}

/* Did the daemon have reason to believe that this kill covers it, or does it? */
static bool may_end(
	const struct order *kill, const struct server *server, const struct client *session)
{
	const struct facts now = server_facts(server, session);

	if (kill->is_dry_run || (kill->is_denied && !kill->is_changing) ||
		!order_is_for(kill, server)) {
		return false;
	}
	if (session->listed.at >= 0 && order_covers(kill, &session->listed)) {
		return true;
	}
	/* Where an id cannot be bound to what its session was, it goes by the listing of the plan:
	 * in a listing of its own, and another kill, or who only looks, has listed since. */
	if ((kill->is_disturbed || kill->is_crowded || !takes_filters(server) ||
		    sim_now() - kill->group->looked < 10 * SIM_S) &&
		(session->ever_matched & bit_of(kill)) != 0) {
		return true;
	}
	return order_covers(kill, &now);
}

/* A moment before that was sent which is carried out now. A kill that is spread goes by what was
 * proven with its last listing, or by what the others said since. */
static bool was_member(const struct server *server, bool is_spread)
{
	return server->left_at > 0 &&
	       sent_at(server) - server->left_at < (is_spread ? 6 : 1) * SIM_S;
}

static bool is_candidate(
	const struct order *kill, const struct server *server, const struct client *session)
{
	bool is_member =
		oracle_has_server(kill->group, server) || was_member(server, kill->rate > 0);

	return (order_is_active(kill) || kill->has_late) && is_member &&
	       may_end(kill, server, session);
}

static void count_ended(struct order *kill)
{
	kill->n_ended++;
	kill->group->n_ended++;
	if (kill->limit > 0 && kill->n_ended > kill->limit && !kill->is_ambiguous) {
		sim_fail("exact", "kill %u has ended more than limit %llu", kill->number,
			(unsigned long long)kill->limit);
	}
	if (kill->has_max && kill->n_ended > kill->max && !kill->is_ambiguous) {
		sim_fail("exact", "kill %u has ended more than max %llu", kill->number,
			(unsigned long long)kill->max);
	}
}

static void fail_unasked(const struct server *server, const struct client *session)
{
	const struct facts *now = &session->now, *listed = &session->listed;

	sim_fail("exact",
		"%llu of %u was ended, and nobody asked for that: user %s, name %s, type %d; "
		"listed %lld ms ago as user %s, name %s, type %d",
		(unsigned long long)now->id, server->port, now->user, now->name, (int)now->role,
		listed->at < 0 ? -1LL : (long long)((sim_now() - listed->at) / SIM_MS),
		listed->at < 0 ? "" : listed->user, listed->at < 0 ? "" : listed->name,
		(int)listed->role);
}

/* Where several cover it, none of their counts can be held to the book. */
static void attribute(const struct server *server, const struct client *session)
{
	struct order *found = NULL;
	bool is_sure = true;

	for (size_t k = 0; k < callers_n_kills(); k++) {
		struct order *kill = callers_kill(k);

		if (is_candidate(kill, server, session)) {
			if (found != NULL) {
				is_sure = false;
				found->is_crowded = kill->is_crowded = true;
				found->is_ambiguous = kill->is_ambiguous = true;
			}
			found = kill;
		}
	}
	if (found == NULL) {
		fail_unasked(server, session);
	} else {
		if (is_sure) {
			oracle_intended(found, scenario_record());
		}
		count_ended(found);
	}
}

void oracle_ended(struct server *server, struct client *session, bool is_by_another_address)
{
	enum role role = session->now.role;

	sim_log("%u: %llu is ended (%s, %s)", server->port, (unsigned long long)session->now.id,
		session->now.user, session->now.name);
	if (server->group == NULL && !was_member(server, true)) {
		sim_fail("exact", "a session of %u, which is no member, was ended", server->port);
	}
	/* Given up, and the server has not heard of that; or by a command of one that died. */
	if (session->end != NULL &&
		(!server_is_own(session) || (scenario_had_crash() && scenario_is_changing()))) {
		oracle_disturbed(server);
		return;
	}
	/* By a command that was sent over the server's other address before this one was made: that
	 * both lead to one server nobody could know by then. */
	if (session->end != NULL && is_by_another_address &&
		session->now.since >= sent_at(server)) {
		oracle_disturbed(server);
		return;
	}
	if (session->end != NULL) {
		sim_fail("exact", "a connection of the daemon to %u was ended", server->port);
	}
	/* One by id, and changed since, cannot be told where filters are not ANDed. */
	if ((role == ROLE_REPLICA || role == ROLE_MASTER || role == ROLE_SLOT) &&
		takes_filters(server)) {
		sim_fail("exact", "%llu of %u is replication", (unsigned long long)session->now.id,
			server->port);
	}
	attribute(server, session);
}

void oracle_left(const struct server *server)
{
	if (server->group != NULL && !scenario_is_changing() &&
		sim_now() - server->group->settled > 3 * SIM_S &&
		!server->group->is_stranger_listed) {
		sim_fail("in", "the last connection to %u was given up", server->port);
	}
}
