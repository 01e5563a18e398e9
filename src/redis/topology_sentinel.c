/*
 * Asking Sentinels: all of them, and the one whose word is newest is believed. One that was cut off
 * during a fail-over still names the old master.
 */
#include "redis/topology_internal.h"

static void on_replicas(void *context, const struct reply *reply, const char *lost)
{
	struct question *question = context;
	struct topology *topology = question->topology;

	topology->n_unanswered--;
	if (lost == NULL && reply->type == REPLY_ARRAY) {
		members_read_sentinel_replicas(reply, &topology->members);
		topology_apply_members(topology);
	} else if (lost == NULL) {
		topology_set_refusal(topology, question->link, reply, "sentinel|replicas");
	} else {
		topology_set_error(topology, link_address(question->link), lost);
	}
}

static void ask_for_replicas(struct topology *topology)
{
	struct slice argv[] = {SLICE_LITERAL("SENTINEL"), SLICE_LITERAL("REPLICAS"),
		slice_of(topology->opts.master)};

	topology->question = (struct question){topology, topology->best};
	question_ask(&topology->question, argv, ARRAY_SIZE(argv), on_replicas);
}

/* What this Sentinel says counts if its word is newer than that of the others. */
static void hear_master(struct topology *topology, struct link *link, const struct reply *masters)
{
	struct members members = {0};
	uint64_t epoch;

	if (!members_read_sentinel_master(masters, topology->opts.master, &members, &epoch)) {
		topology_set_error(
			topology, link_address(link), "this Sentinel does not know the master");
	} else if (topology->best == NULL || epoch > topology->best_epoch) {
		members_finish(&topology->members);
		topology->members = members;
		topology->best = link;
		topology->best_epoch = epoch;
		return;
	}
	members_finish(&members);
}

static void on_masters(void *context, const struct reply *reply, const char *lost)
{
	struct question *question = context;
	struct topology *topology = question->topology;

	if (lost == NULL && reply->type == REPLY_ARRAY) {
		hear_master(topology, question->link, reply);
	} else if (lost == NULL) {
		topology_set_refusal(topology, question->link, reply, "sentinel|masters");
	} else {
		topology_set_error(topology, link_address(question->link), lost);
	}
	if (--topology->n_unanswered == 0 && topology->best != NULL) {
		ask_for_replicas(topology);
	}
}

void topology_ask_sentinels(struct topology *topology)
{
	static const struct slice argv[] = {{"SENTINEL", 8}, {"MASTERS", 7}};

	topology->best = NULL;
	for (size_t i = 0; i < topology_n_configured(topology); i++) {
		struct link *link = topology->askers[i].link;

		if (link_state(link) == LINK_READY) {
			question_ask(
				&topology->askers[i].question, argv, ARRAY_SIZE(argv), on_masters);
		} else {
			topology_set_error(topology, link_address(link), link_error(link));
		}
	}
}
