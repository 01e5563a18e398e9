/*
 * What a look asks: listings, of whom the guard selects; and figures.
 */
#include "base/clock.h"
#include "guard/watch.h"
#include "redis/reply.h"

static void end_part(struct watch *watch)
{
	if (--watch->n_pending == 0) {
		watch->answered_fn(watch);
	}
}

/* ---- listing ---- */

static void on_started(void *context)
{
	struct watch_node *node = context;
	const struct instance *instance =
		instances_find(node->watch->world->in.instances, slice_of(node->watch->instance));
	static const struct selectors none = {0};

	own_sessions_finish(&node->own);
	node->own = instances_own_sessions(node->watch->world->in.instances, node->link);
	node->protection = (struct protection){
		.family = link_server(node->link)->caps.family,
		.configured = instance != NULL ? &instance->opts->protect : &none,
	};
	own_sessions_protect(&node->own, &node->protection);
	node->n_matched = 0;
	node->given_fields = 0;
}

static void on_session(void *context, const struct session_line *line)
{
	struct watch_node *node = context;

	node->watch->n_lines++;
	if (line->is_readable) {
		node->given_fields |= session_given_fields(&line->session);
		node->n_matched += request_judge(&node->watch->request, &node->protection,
					   &line->session) == REQUEST_MATCHED;
	}
}

static void on_listed(void *context, const struct listing_result *result)
{
	struct watch_node *node = context;

	node->is_listed = result->end == LISTING_WHOLE;
	node->n_matched = node->is_listed ? node->n_matched : 0;
	end_part(node->watch);
}

/* Those that its condition is about. */
void watch_list_nodes(struct watch *watch)
{
	bool is_of_all = watch->opts->when.kind == CONDITION_MATCHED;

	watch->is_listing = true;
	watch->n_pending = 1;
	for (size_t i = 0; i < watch->n_nodes; i++) {
		struct watch_node *node = &watch->nodes[i];

		node->is_listed = false;
		node->n_matched = 0;
		if (!is_of_all && !node->is_ripe) {
			continue;
		}
		node->reader = (struct listing_reader){
			.started_fn = on_started,
			.session_fn = on_session,
			.done_fn = on_listed,
			.context = node,
		};
		if (client_list_join(node->link, &node->reader) == 0) {
			watch->n_pending++;
		}
	}
	end_part(watch);
}

/* ---- figures ---- */

static void on_info(void *context, const struct reply *reply, const char *lost UNUSED)
{
	struct watch_node *node = context;
	struct link_server server = {LINK_SERVER_UNKNOWN};

	if (reply != NULL && reply->type == REPLY_TEXT) {
		server_info_read(reply->text, &server);
		node->now.at_ms = clock_monotonic_ms();
		node->now.n_clients = MAX(node->now.n_clients, server.n_clients);
		node->now.max_clients = MAX(node->now.max_clients, server.max_clients);
		node->now.n_bus_links = MAX(node->now.n_bus_links, server.n_bus_links);
		node->now.n_rejected = MAX(node->now.n_rejected, server.n_rejected);
	}
	end_part(node->watch);
}

static void ask(struct watch_node *node, const char *section)
{
	const struct slice argv[] = {SLICE_LITERAL("INFO"), slice_of(section)};
	int r = link_send(node->link, &(struct link_command){
					      .argv = argv,
					      .argc = ARRAY_SIZE(argv),
					      .reply_fn = on_info,
					      .context = node,
					      .owner = &node->watch->calls,
				      });

	node->watch->n_pending += r == 0;
}

void watch_ask_nodes(struct watch *watch)
{
	watch->n_pending = 1;
	for (size_t i = 0; i < watch->n_nodes; i++) {
		ask(&watch->nodes[i], "clients");
		if (watch->opts->when.kind == CONDITION_REJECTED) {
			ask(&watch->nodes[i], "stats");
		}
	}
	end_part(watch);
}
