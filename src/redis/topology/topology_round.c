/*
 * A round of questions: who is asked, what becomes of the answers, and how it ends. Below all other
 * files of a topology but topology_opts.c.
 */
#include <event2/event.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "redis/topology/topology_internal.h"

/* ---- how it ends ---- */

void topology_set_error(struct topology *topology, const struct link *link, const char *words)
{
	snprintf(topology->round_error, sizeof(topology->round_error), "%s: %s", link_address(link),
		words);
}

void topology_fail_round(struct topology *topology)
{
	memcpy(topology->error, topology->round_error, sizeof(topology->error));
}

void topology_tell_watchers(struct topology *topology)
{
	struct topology_watcher *next;

	for (struct topology_watcher *watcher = topology->watchers; watcher != NULL;
		watcher = next) {
		next = watcher->next;
		watcher->changed_fn(watcher);
	}
}

void topology_end_round(struct topology *topology, bool is_changed)
{
	bool is_awaited = topology->up_to_date_ms < topology->wanted_ms;

	topology->up_to_date_ms = topology->asked_ms;
	if (is_changed || is_awaited) {
		topology_tell_watchers(topology);
	}
	if (topology->up_to_date_ms < topology->wanted_ms) {
		/* This one had begun before somebody wanted to know. */
		event_active(topology->timer, 0, 0);
	}
}

/* ---- links ---- */

void topology_drop_link(struct topology *topology, struct link *link)
{
	struct links *links = &topology->leaving;

	links->items =
		mem_grow_array(links->items, links->n, &links->capacity, sizeof(struct link *));
	links->items[links->n++] = link;
	event_active(topology->letting_go, 0, 0);
}

/* ---- who is asked ---- */

/* Asks at once when somebody can be asked, not only when the next round is due. */
static void on_asker_changed(struct link_watcher *watcher, enum link_state state)
{
	struct asker *asker = (struct asker *)((char *)watcher - offsetof(struct asker, watcher));

	struct topology *topology = asker->question.topology;

	if (topology->is_known) {
		return;
	}
	if (state == LINK_READY) {
		event_active(topology->timer, 0, 0);
	} else if (state == LINK_BACKOFF) {
		topology_set_error(topology, asker->link, link_error(asker->link));
		topology_fail_round(topology);
	}
}

size_t topology_n_configured(const struct topology *topology)
{
	return topology->askers != NULL ? topology->opts.n_endpoints : 0;
}

bool topology_has_askers(const struct topology *topology)
{
	return topology_n_configured(topology) > 0 && topology->askers[0].link != NULL;
}

void topology_open_asker(struct topology *topology, struct asker *asker, struct link *link)
{
	asker->link = link;
	asker->question = (struct question){.topology = topology, .link = link};
	asker->watcher.changed_fn = on_asker_changed;
	link_watch(link, &asker->watcher);
}

void topology_open_askers(struct topology *topology)
{
	const struct topology_opts *opts = &topology->opts;

	for (size_t i = 0; i < topology_n_configured(topology); i++) {
		struct link *link =
			link_new(&topology->world, &opts->endpoints[i], opts->question_opts);

		topology_open_asker(topology, &topology->askers[i], link);
		link_start(link);
	}
}

void topology_forget_said(struct asker *asker)
{
	endpoint_finish(&asker->master);
	text_set(&asker->table, NULL);
}

void topology_close_askers(struct topology *topology)
{
	bool had_askers = topology_has_askers(topology);

	for (size_t i = 0; had_askers && i < topology_n_configured(topology); i++) {
		struct asker *asker = &topology->askers[i];

		link_unwatch(asker->link, &asker->watcher);
		topology_forget_said(asker);
		topology_drop_link(topology, asker->link);
		asker->link = NULL;
	}
}

/* ---- questions ---- */

static void set_refusal(
	struct question *question, const struct reply *reply, const char *permission)
{
	const struct link *link = question->link;
	char words[512];

	if (reply_is_error(reply, "NOPERM")) {
		link_opts_print_missing(link_options(link), permission, words, sizeof(words));
	} else {
		snprintf(words, sizeof(words), "%.*s", SLICE_ARG(reply->text));
	}
	topology_set_error(question->topology, link, words);
}

bool question_end(struct question *question, const struct reply *reply, const char *lost,
	enum reply_type wanted, const char *permission)
{
	question->topology->n_unanswered--;
	if (lost != NULL) {
		topology_set_error(question->topology, question->link, lost);
	} else if (reply->type != wanted) {
		set_refusal(question, reply, permission);
	}
	return lost == NULL && reply->type == wanted;
}

void question_ask(
	struct question *question, const struct slice *argv, size_t argc, link_reply_fn reply_fn)
{
	bool is_sentinel = question->topology->opts.kind == TOPOLOGY_SENTINEL;
	int64_t timeout_ms = link_options(question->link)->command_timeout_ms;
	struct link_command command = {
		.argv = argv,
		.argc = argc,
		.timeout_ms =
			is_sentinel ? MIN(timeout_ms, (int64_t)TOPOLOGY_SENTINEL_TIMEOUT_MS) : 0,
		.reply_fn = reply_fn,
		.context = question,
		.owner = &question->topology->calls,
	};

	if (link_send(question->link, &command) == 0) {
		question->topology->n_unanswered++;
	} else {
		topology_set_error(question->topology, question->link, link_error(question->link));
	}
}
