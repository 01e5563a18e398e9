/*
 * Two addresses of one server. A run_id that is the same is only a reason to ask: a server may
 * claim any. They are one when each of them lists the connection that was made by the other
 * address, by its id and random name.
 */
#include <stdio.h>
#include <string.h>

#include "base/macros.h"
#include "base/mem.h"
#include "model/session.h"
#include "redis/reply.h"
#include "redis/server_info.h"
#include "redis/topology/topology_internal.h"

/* What one of a pair is asked: does it list the other's connection? */
struct side {
	struct pair *pair;
	struct node *asked;
	uint64_t asked_serial;
	uint64_t id; /* of the other's connection, as it was told there */
	char name[LINK_MAX_NAME_BYTES];
	char address[LINK_MAX_ADDRESS_BYTES]; /* of its socket; "" for one by a Unix socket */
	bool is_answered, is_listed;
};

struct pair {
	LIST_ENTRY(pair) entry;
	struct calls calls;
	struct side sides[2]; /* the earlier node first */
	size_t n_unanswered;
};

static void free_pair(struct pair *pair)
{
	calls_drop(&pair->calls);
	LIST_REMOVE(pair, entry);
	free(pair);
}

/* Whoever was not answered, or has another connection by now, is asked again. */
static bool is_current(const struct side *side)
{
	return side->is_answered && link_main_serial(side->asked->link) == side->asked_serial;
}

static void settle(struct pair *pair)
{
	struct node *earlier = pair->sides[0].asked;
	struct node *later = pair->sides[1].asked;

	if (!is_current(&pair->sides[0]) || !is_current(&pair->sides[1])) {
		earlier->twins_asked_serial = later->twins_asked_serial = 0;
	} else if (pair->sides[0].is_listed && pair->sides[1].is_listed) {
		later->twin = earlier;
		later->twin_serials[0] = pair->sides[0].asked_serial;
		later->twin_serials[1] = pair->sides[1].asked_serial;
	}
	free_pair(pair);
}

/*
 * A name that was told to one server, and an id that it claims, may be those of somebody's session
 * on the other. The address of our socket nobody else has; where addresses are translated on the
 * way, two addresses of a server are two nodes.
 */
static bool is_from_there(const struct side *side, const struct session *session)
{
	return side->address[0] != '\0' ? slice_is(session->values[SESSION_ADDR], side->address)
					: session->addr.kind == ADDRESS_UNIX;
}

static void on_line(void *context, struct slice text)
{
	struct side *side = context;
	struct session_line line;

	session_read_line(
		&line, text, link_server(side->asked->link)->caps.family, (struct slice){"", 0});
	side->is_listed |= line.is_readable && line.session.id == side->id &&
			   slice_is(line.session.values[SESSION_NAME], side->name) &&
			   is_from_there(side, &line.session);
}

static void on_answered(void *context, const struct reply *reply, const char *lost)
{
	struct side *side = context;

	side->is_answered |= reply != NULL && reply->type != REPLY_ERROR; /* it is busy */
	if (--side->pair->n_unanswered == 0) {
		settle(side->pair);
	}
}

static void ask(struct side *side)
{
	const struct link *link = side->asked->link;
	char id[24];
	struct slice argv[] = {slice_of(link_options(link)->client_command), SLICE_LITERAL("LIST"),
		SLICE_LITERAL("ID"), {id, 0}};
	struct link_command command = {
		.argv = argv,
		.argc = caps_has(&link_server(link)->caps, CAP_LIST_ID) ? 4 : 2,
		.line_fn = on_line,
		.reply_fn = on_answered,
		.context = side,
		.owner = &side->pair->calls,
	};

	argv[3].len = (size_t)snprintf(id, sizeof(id), "%llu", (unsigned long long)side->id);
	side->pair->n_unanswered += link_send(side->asked->link, &command) == 0;
}

static void init_side(struct side *side, struct pair *pair, struct node *asked, struct node *other)
{
	struct link_connection connection = link_connection(other->link, 0);

	*side = (struct side){
		.pair = pair,
		.asked = asked,
		.asked_serial = link_main_serial(asked->link),
		.id = connection.server->own_id,
	};
	snprintf(side->name, sizeof(side->name), "%s", connection.name);
	snprintf(side->address, sizeof(side->address), "%s", connection.address);
}

static void ask_pair(struct node *earlier, struct node *later)
{
	struct pair *pair = mem_new(struct pair);

	calls_init(&pair->calls, NULL);
	LIST_INSERT_HEAD(&earlier->topology->pairs, pair, entry);
	init_side(&pair->sides[0], pair, earlier, later);
	init_side(&pair->sides[1], pair, later, earlier);
	pair->n_unanswered = 1;
	ask(&pair->sides[0]);
	ask(&pair->sides[1]);
	on_answered(&pair->sides[0], NULL, NULL);
}

/* Over the connections that they have now. */
static bool is_asked(const struct node *a, const struct node *b)
{
	const struct pair *pair;

	LIST_FOREACH(pair, &a->topology->pairs, entry)
	{
		if ((pair->sides[0].asked == a && pair->sides[1].asked == b) ||
			(pair->sides[0].asked == b && pair->sides[1].asked == a)) {
			return true;
		}
	}
	return false;
}

static bool is_twin(const struct node *later)
{
	return later->twin != NULL &&
	       link_main_serial(later->twin->link) == later->twin_serials[0] &&
	       link_main_serial(later->link) == later->twin_serials[1];
}

static bool may_be_same(const struct node *a, const struct node *b)
{
	return link_state(a->link) == LINK_READY && link_state(b->link) == LINK_READY &&
	       (server_info_is_same_process(
			link_server(a->link)->run_id, link_server(b->link)->run_id) ||
		       (link_server(a->link)->run_id[0] == '\0' &&
			       link_server(b->link)->run_id[0] == '\0')) &&
	       link_server(a->link)->own_id != 0 && link_server(b->link)->own_id != 0;
}

void topology_note_twins(struct node *node)
{
	struct nodes *nodes = &node->topology->nodes;
	bool is_after = false;

	if (link_state(node->link) != LINK_READY) {
		/* Others may change meanwhile, and cannot ask it. */
		node->twins_asked_serial = 0;
		return;
	}
	if (link_main_serial(node->link) == node->twins_asked_serial) {
		return;
	}
	node->twins_asked_serial = link_main_serial(node->link);
	for (size_t i = 0; i < nodes->n; i++) {
		struct node *other = nodes->items[i];

		if (other == node) {
			is_after = true;
		} else if (may_be_same(node, other) && !is_asked(node, other)) {
			ask_pair(is_after ? node : other, is_after ? other : node);
		}
	}
}

void topology_ask_twins(struct topology *topology)
{
	for (size_t i = 0; i < topology->nodes.n; i++) {
		topology_note_twins(topology->nodes.items[i]);
	}
}

void topology_forget_twins(struct node *node)
{
	struct topology *topology = node->topology;
	struct pair *pair;
	struct pair *next;

	for (pair = LIST_FIRST(&topology->pairs); pair != NULL; pair = next) {
		next = LIST_NEXT(pair, entry);
		if (pair->sides[0].asked == node || pair->sides[1].asked == node) {
			free_pair(pair);
		}
	}
	for (size_t i = 0; i < topology->nodes.n; i++) {
		if (topology->nodes.items[i] != NULL && topology->nodes.items[i]->twin == node) {
			topology->nodes.items[i]->twin = NULL;
		}
	}
}

struct link *topology_twin(const struct topology *topology, const struct link *link)
{
	const struct node *node = topology_find_node(topology, link);

	if (node == NULL || !is_twin(node)) {
		return NULL;
	}
	while (is_twin(node->twin)) {
		node = node->twin;
	}
	/* One that is not swept stands for nobody. */
	return topology_proof(topology, node->twin->link, NULL, 0) == TOPOLOGY_PROVEN
		       ? node->twin->link
		       : NULL;
}

bool topology_is_twin_asked(const struct topology *topology, const struct link *link)
{
	const struct node *node = topology_find_node(topology, link);
	const struct pair *pair;

	if (node == NULL) {
		return false;
	}
	LIST_FOREACH(pair, &topology->pairs, entry)
	{
		if (pair->sides[0].asked == node || pair->sides[1].asked == node) {
			return true;
		}
	}
	for (size_t i = 0; i < topology->nodes.n; i++) {
		const struct node *other = topology->nodes.items[i];

		if (other != node && link_main_serial(link) != node->twins_asked_serial &&
			may_be_same(node, other)) {
			return true;
		}
	}
	return false;
}
