/*
 * Who asks for something else than a kill: looks around, cancels, or may do nothing at all.
 */
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "callers_internal.h"

#define MAX_CANCELS 128

static struct cancel cancels[MAX_CANCELS];
static size_t n_cancels;
static struct denied denied[16];
static size_t n_denied;

void looks_begin(void)
{
	n_cancels = n_denied = 0;
}

/* ---- who was denied what ---- */

static struct denied *find_denied(uid_t uid)
{
	for (size_t i = 0; i < n_denied; i++) {
		if (denied[i].uid == uid) {
			return &denied[i];
		}
	}
	if (n_denied == ARRAY_SIZE(denied)) {
		return &denied[0];
	}
	denied[n_denied] = (struct denied){.uid = uid};
	return &denied[n_denied++];
}

void looks_note_answer(uid_t uid, int status)
{
	if (status == 403) {
		find_denied(uid)->n++;
	} else if (status == 0) {
		find_denied(uid)->n_unsure++;
	}
}

struct denied callers_denied(uid_t uid)
{
	return *find_denied(uid);
}

/* More than the record has lines for, by somebody who may do something: of a stranger few are
 * heard. */
void caller_burst(void)
{
	uid_t uid = sim_happens(50) ? 1003 : 1006;
	size_t n = 1 + sim_roll(25);

	sim_log("%zu requests that uid %u may not make", n, (unsigned)uid);
	for (size_t i = 0; i < n; i++) {
		(void)caller_ask(uid, "GET /v1/instances", true, NULL, NULL);
	}
}

/* ---- looking ---- */

static void on_instances(void *context, int status, struct slice body)
{
	if (status == 200) {
		oracle_instances(body);
	}
}

static void on_metrics(void *context, int status, struct slice body)
{
	if (status == 200) {
		oracle_metrics(body, (int64_t)(intptr_t)context);
	}
}

void caller_look(struct fleet *group)
{
	CLEANUP(mem_free_p) char *sessions = NULL;

	switch (sim_roll(5)) {
	case 0:
		(void)caller_ask(
			0, sim_happens(50) ? "GET /healthz" : "GET /v1/kills", true, NULL, NULL);
		break;
	case 2:
		(void)caller_ask(0, "GET /metrics", true, on_metrics, (void *)(intptr_t)sim_now());
		break;
	case 1:
		sessions = mem_printf("GET /v1/instances/%s/sessions?match=name+%%3D+*", group->id);
		group->looked = sim_now();
		(void)caller_ask(0, sessions, !sim_fault(10), NULL, NULL);
		break;
	default:
		(void)caller_ask(0, "GET /v1/instances", true, on_instances, NULL);
		break;
	}
}

/* ---- cancelling ---- */

size_t callers_n_cancels(void)
{
	return n_cancels;
}

const struct cancel *callers_cancel(size_t index)
{
	return &cancels[index];
}

/* What may have been carried out, and what may not. */
void looks_lose(void)
{
	for (size_t i = 0; i < n_cancels; i++) {
		cancels[i].is_lost |= cancels[i].status == 0;
	}
}

static void on_cancelled(void *context, int status, struct slice body)
{
	struct cancel *cancel = context;

	cancel->status = status;
	/* Of a kill that he may not know of he hears that there is none. */
	if (status == 404) {
		find_denied(cancel->uid)->n_unsure++;
	}
	sim_log("%.8s: cancelling answered with %d", cancel->id, status);
}

static void cancel_one(const char *id)
{
	static const uid_t users[] = {0, 0, 0, 1001, 1002, 1003, 1004, 1005, 1006, 65534};
	struct cancel *cancel = &cancels[n_cancels];
	CLEANUP(mem_free_p) char *target = mem_printf("DELETE /v1/kills/%s", id);

	if (n_cancels == MAX_CANCELS) {
		return;
	}
	*cancel = (struct cancel){.uid = SIM_PICK(users)};
	snprintf(cancel->id, sizeof(cancel->id), "%s", id);
	n_cancels++;
	sim_log("uid %u cancels %.8s", (unsigned)cancel->uid, id);
	(void)caller_ask(cancel->uid, target, true, on_cancelled, cancel);
}

static void cancel_first(void *context, int status, struct slice body)
{
	json_auto_t *answer = json_loadb(body.data, body.len, 0, NULL);
	size_t i;
	json_t *kill;

	json_array_foreach(json_object_get(answer, "kills"), i, kill)
	{
		const char *id = json_string_value(json_object_get(kill, "request_id"));
		const char *state = json_string_value(json_object_get(kill, "state"));

		if (id != NULL && state != NULL &&
			(strcmp(state, "running") == 0 || strcmp(state, "waiting") == 0)) {
			cancel_one(id);
			return;
		}
	}
}

void caller_cancel(void)
{
	(void)caller_ask(0, "GET /v1/kills", true, cancel_first, NULL);
}
