/*
 * Goals on one node: what they need to know of it, and whom of its sessions they choose from.
 */
#include "base/mem.h"
#include "base/parse.h"
#include "kill/sweep_internal.h"
#include "redis/reply.h"
#include "redis/server_info.h"

/* ---- what is to be known ---- */

static void on_clients(void *context, const struct reply *reply, const char *lost UNUSED)
{
	struct sweep *sweep = context;
	struct link_server server = {LINK_SERVER_UNKNOWN};

	if (reply != NULL && reply->type == REPLY_TEXT) {
		server_info_read(reply->text, &server);
		sweep->max_clients =
			server.max_clients >= 0 ? server.max_clients : sweep->max_clients;
		sweep->n_bus_links = server.n_bus_links;
	}
}

/* Of servers before 6.2, whose INFO has no maxclients. */
static void on_config(void *context, const struct reply *reply, const char *lost UNUSED)
{
	struct sweep *sweep = context;
	bool is_pair = reply != NULL && reply->type == REPLY_ARRAY && reply->n_elements == 2 &&
		       reply->elements[1]->type == REPLY_TEXT;

	if (sweep->max_clients < 0 && is_pair &&
		!parse_i64(reply->elements[1]->text, &sweep->max_clients)) {
		sweep->max_clients = -1;
	}
}

void sweep_begin_goals(struct sweep *sweep)
{
	static const struct slice argv[] = {{"CONFIG", 6}, {"GET", 3}, {"maxclients", 10}};

	sweep->max_clients = -1;
	sweep->n_bus_links = 0;
	if (!sweep->in.request->goals.has_free) {
		return;
	}
	sweep_ask(sweep, "INFO", "clients", on_clients);
	if (link_server(sweep->in.link)->max_clients < 0) {
		sweep_send(sweep, (struct link_command){
					  .argv = argv,
					  .argc = ARRAY_SIZE(argv),
					  .called = "CLIENT LIST",
					  .reply_fn = on_config,
				  });
	}
}

char *sweep_find_obstacle(const struct sweep *sweep)
{
	const struct goals *goals = &sweep->in.request->goals;
	uint64_t missing;

	if (sweep->in.book == NULL) {
		return NULL;
	}
	missing = goals_fields(goals) & ~sweep->snapshot.given_fields;
	if (missing != 0 && sweep->snapshot.n > 0) {
		return mem_printf(
			"the server does not give \"%s\", which says who goes first: none "
			"was killed there",
			session_field_key((enum session_field)__builtin_ctzll(missing)));
	}
	if (goals->has_free && sweep->max_clients < 0) {
		return mem_printf("the server does not tell its maxclients, which free goes by (it "
				  "takes +config|get before Redis 6.2): none was killed there");
	}
	return NULL;
}

/* ---- whom they choose from ---- */

uint64_t sweep_n_pending(const struct sweep *sweep)
{
	return sweep->has_snapshot ? snapshot_n_pending(&sweep->snapshot) : 0;
}

uint64_t sweep_add_candidates(
	const struct sweep *sweep, uint32_t number, bool is_open, struct goal_pool *pool)
{
	const struct snapshot *snapshot = &sweep->snapshot;
	/* Who is still there where the node has failed nobody knows. */
	bool is_known = sweep->has_snapshot && !sweep->in.node->is_failed;

	for (size_t i = 0; is_known && i < snapshot->n; i++) {
		struct snapshot_entry *entry = &snapshot->entries[i];
		bool is_victim = snapshot_is_victim(entry) && !entry->is_dying && !entry->is_cut;
		bool is_spared = entry->class == REQUEST_SPARED && entry->fate == SNAPSHOT_PENDING;
		struct goal_candidate *candidate;

		if (entry->mark == INTERN_NONE || !(is_spared || (is_victim && is_open))) {
			continue;
		}
		candidate = mem_append(
			&pool->items, &pool->n, &pool->capacity, sizeof(struct goal_candidate));
		*candidate = (struct goal_candidate){
			.mark = snapshot->marks[entry->mark],
			.id = entry->id,
			.node = number,
			.is_remaining = is_spared,
			.owner = entry,
		};
	}
	return is_open ? goals_needed(&sweep->in.request->goals, sweep->max_clients, sweep->n_lines,
				 sweep->n_bus_links)
		       : 0;
}

void sweep_spare(struct sweep *sweep, uint32_t number, const struct goal_pool *pool)
{
	for (size_t i = 0; i < pool->n; i++) {
		const struct goal_candidate *candidate = &pool->items[i];

		if (candidate->node == number && !candidate->is_chosen &&
			!candidate->is_remaining) {
			snapshot_spare(&sweep->snapshot, candidate->owner);
		}
	}
}
