/*
 * Asking Sentinels: all of them. The master is whom more than half of those that are configured
 * name, and so is a replica; one that lies, or was cut off during a fail-over, is outvoted. With
 * fewer the nodes that were known stay.
 */
#include <stdio.h>
#include <string.h>

#include "base/macros.h"
#include "base/mem.h"
#include "redis/topology/topology_internal.h"

/* Of those that only a minority lists so many are named; one that lies may list thousands. */
#define MAX_NAMED 16

/* An address that some Sentinels list as a replica. */
struct replica {
	struct endpoint endpoint;
	size_t n_sentinels;
	const struct link *last; /* that listed it */
};

struct replicas {
	struct replica *items;
	size_t n;
	size_t capacity;
	struct endpoint master; /* borrowed from an asker */
	size_t n_asked;
};

void topology_forget_replicas(struct topology *topology)
{
	struct replicas *replicas = topology->replicas;

	if (replicas == NULL) {
		return;
	}
	for (size_t i = 0; i < replicas->n; i++) {
		endpoint_finish(&replicas->items[i].endpoint);
	}
	free(replicas->items);
	free(replicas);
	topology->replicas = NULL;
}

static bool is_majority(const struct topology *topology, size_t n)
{
	return 2 * n > topology_n_configured(topology);
}

/* ---- replicas ---- */

/* As a Sentinel tells it. */
static struct endpoint endpoint_of(struct slice host, uint64_t port)
{
	return (struct endpoint){
		.host = slice_copy(host), .port = port <= UINT16_MAX ? (uint16_t)port : 0};
}

/* In the same list twice counts once. */
static void count_replica(
	struct replicas *replicas, const struct link *link, struct slice host, uint64_t port)
{
	struct replica *replica = NULL;

	for (size_t i = 0; i < replicas->n && replica == NULL; i++) {
		if (replicas->items[i].endpoint.port == port &&
			slice_is(host, replicas->items[i].endpoint.host)) {
			replica = &replicas->items[i];
		}
	}
	if (replica == NULL && replicas->n <= MEMBERS_MAX) {
		replicas->items = mem_grow_array(
			replicas->items, replicas->n, &replicas->capacity, sizeof(struct replica));
		replica = &replicas->items[replicas->n++];
		*replica = (struct replica){.endpoint = endpoint_of(host, port)};
	}
	if (replica != NULL && replica->last != link) {
		replica->last = link;
		replica->n_sentinels++;
	}
}

/* A node of before stays one as long as those that are silent may list it as well. */
static bool stays(const struct topology *topology, const char *label, size_t n_sentinels)
{
	size_t n_silent = topology_n_configured(topology) - topology->replicas->n_asked;

	for (size_t i = 0; i < topology->nodes.n; i++) {
		const struct node *node = topology->nodes.items[i];

		if (node->trouble == NULL && strcmp(node->label, label) == 0) {
			return is_majority(topology, n_sentinels + n_silent);
		}
	}
	return false;
}

/* Those of a majority, or the others: they are named, but none is logged in to. */
static void add_replicas(struct topology *topology, bool is_of_majority)
{
	const struct replicas *replicas = topology->replicas;
	size_t n_named = 0;

	for (size_t i = 0; i < replicas->n; i++) {
		const struct replica *replica = &replicas->items[i];
		struct member *member;

		if (is_majority(topology, replica->n_sentinels) != is_of_majority ||
			(!is_of_majority && ++n_named > MAX_NAMED)) {
			continue;
		}
		member = members_add(&topology->members, slice_of(replica->endpoint.host),
			replica->endpoint.port, (struct slice){"", 0});
		if (member != NULL && member->trouble == NULL && !is_of_majority &&
			!stays(topology, member->label, replica->n_sentinels)) {
			member->trouble = mem_printf(
				"only %zu of %zu Sentinels list it: it is not logged in to",
				replica->n_sentinels, topology_n_configured(topology));
		}
	}
}

static void apply(struct topology *topology)
{
	const struct endpoint *elected = &topology->replicas->master;
	struct member *master;

	members_finish(&topology->members);
	master = members_add(
		&topology->members, slice_of(elected->host), elected->port, (struct slice){"", 0});
	if (master != NULL) {
		master->is_master = true;
	}
	add_replicas(topology, true);
	add_replicas(topology, false);
	topology_apply_members(topology);
}

static void end_replicas(struct topology *topology)
{
	if (is_majority(topology, topology->replicas->n_asked)) {
		apply(topology);
	} else {
		topology_fail_round(topology);
	}
}

static void ask_one_for_replicas(struct question *question, struct slice word);

static bool lists_elected(const struct topology *topology, const struct reply *reply)
{
	const struct endpoint *elected = &topology->replicas->master;
	struct slice host;
	uint64_t port;

	for (size_t i = 0; members_next_sentinel_replica(reply, &i, &host, &port);) {
		if (port == elected->port && slice_is(host, elected->host)) {
			return true;
		}
	}
	return false;
}

static void hear_replicas(struct question *question, const struct reply *reply)
{
	struct topology *topology = question->topology;
	struct asker *asker = asker_of(question);
	bool had_listed_elected = asker->listed_elected;
	struct slice host;
	uint64_t port;

	/* A fail-over came since it named the master: its list is that of another one. Who says so
	 * twice has named it again in between, and lists a master among its own replicas. */
	asker->listed_elected = lists_elected(topology, reply);
	if (asker->listed_elected && !had_listed_elected) {
		topology_set_error(topology, question->link,
			"a fail-over came between its answers, it is asked again");
		return;
	}
	topology->replicas->n_asked++;
	for (size_t i = 0; members_next_sentinel_replica(reply, &i, &host, &port);) {
		count_replica(topology->replicas, question->link, host, port);
	}
}

/* Before 5.0 they know replicas by another word. */
static void on_replicas(void *context, const struct reply *reply, const char *lost)
{
	struct question *question = context;
	struct topology *topology = question->topology;

	if (lost == NULL && reply_is_error(reply, "ERR") && !question->is_second) {
		question->is_second = true;
		topology->n_unanswered--;
		ask_one_for_replicas(question, SLICE_LITERAL("SLAVES"));
		return;
	}
	if (question_end(question, reply, lost, REPLY_ARRAY, "sentinel|replicas")) {
		hear_replicas(question, reply);
	}
	if (topology->n_unanswered == 0) {
		end_replicas(topology);
	}
}

static void ask_one_for_replicas(struct question *question, struct slice word)
{
	struct slice argv[] = {
		SLICE_LITERAL("SENTINEL"), word, slice_of(question->topology->opts.master)};

	question_ask(question, argv, ARRAY_SIZE(argv), on_replicas);
}

/* ---- the master ---- */

static bool is_named_by(const struct asker *asker, const struct endpoint *master)
{
	return asker->master.host != NULL && endpoint_is_equal(&asker->master, master);
}

static size_t count_votes(const struct topology *topology, const struct endpoint *master)
{
	size_t n = 0;

	for (size_t i = 0; i < topology_n_configured(topology); i++) {
		n += is_named_by(&topology->askers[i], master);
	}
	return n;
}

/* NULL: no majority. */
static const struct endpoint *find_elected(const struct topology *topology)
{
	for (size_t i = 0; i < topology_n_configured(topology); i++) {
		const struct endpoint *master = &topology->askers[i].master;

		if (master->host != NULL && is_majority(topology, count_votes(topology, master))) {
			return master;
		}
	}
	return NULL;
}

static void fail_without_majority(struct topology *topology)
{
	CLEANUP(mem_free_p) char *why = mem_printf("%s", topology->round_error);
	size_t n = 0;

	for (size_t i = 0; i < topology_n_configured(topology); i++) {
		n += topology->askers[i].master.host != NULL;
	}
	snprintf(topology->round_error, sizeof(topology->round_error),
		"%zu of %zu Sentinels name a master; more than half have to name the same one%s%s",
		n, topology_n_configured(topology), why[0] != '\0' ? "; " : "", why);
	topology_fail_round(topology);
}

/* Those that name another one may live in another world: they are not asked. */
static void ask_for_replicas(struct topology *topology)
{
	const struct endpoint *elected = find_elected(topology);

	if (elected == NULL) {
		fail_without_majority(topology);
		return;
	}
	topology->is_asking_for_replicas = true;
	topology_forget_replicas(topology);
	topology->replicas = mem_new(struct replicas);
	topology->replicas->master = *elected;
	for (size_t i = 0; i < topology_n_configured(topology); i++) {
		struct asker *asker = &topology->askers[i];

		if (is_named_by(asker, elected)) {
			asker->question.is_second = false;
			ask_one_for_replicas(&asker->question, SLICE_LITERAL("REPLICAS"));
		}
	}
}

static void hear_master(struct question *question, const struct reply *masters)
{
	struct topology *topology = question->topology;
	struct slice host;
	uint64_t port;

	if (members_read_sentinel_master(masters, topology->opts.master, &host, &port)) {
		asker_of(question)->master = endpoint_of(host, port);
	} else {
		topology_set_error(
			topology, question->link, "this Sentinel does not know the master");
	}
}

static void on_masters(void *context, const struct reply *reply, const char *lost)
{
	struct question *question = context;

	if (question_end(question, reply, lost, REPLY_ARRAY, "sentinel|masters")) {
		hear_master(question, reply);
	}
	if (question->topology->n_unanswered == 0) {
		ask_for_replicas(question->topology);
	}
}

void topology_hear_no_more(struct topology *topology)
{
	if (topology->is_asking_for_replicas) {
		end_replicas(topology);
	} else {
		ask_for_replicas(topology);
	}
}

void topology_ask_sentinels(struct topology *topology)
{
	static const struct slice argv[] = {{"SENTINEL", 8}, {"MASTERS", 7}};

	topology->is_asking_for_replicas = false;

	for (size_t i = 0; i < topology_n_configured(topology); i++) {
		struct asker *asker = &topology->askers[i];

		endpoint_finish(&asker->master);
		question_ask(&asker->question, argv, ARRAY_SIZE(argv), on_masters);
	}
	if (topology->n_unanswered == 0) {
		fail_without_majority(topology);
	}
}
