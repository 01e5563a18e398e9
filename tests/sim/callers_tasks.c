/*
 * Who has ordered a kill as a task, and asks what has become of it.
 */
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "callers_internal.h"

void tasks_begin(struct order *kill, struct slice body)
{
	json_auto_t *answer = json_loadb(body.data, body.len, 0, NULL);
	const char *id = json_string_value(json_object_get(answer, "Data"));

	if (id == NULL) {
		sim_fail("answered", "kill %u is a task without an id", kill->number);
	}
	snprintf(kill->task_id, sizeof(kill->task_id), "%s", id);
}

static uint64_t n_killed_of(const json_t *results)
{
	uint64_t n = 0;
	size_t i;
	json_t *result;

	json_array_foreach(results, i, result)
	{
		const char *reason = json_string_value(json_object_get(result, "Reason"));

		n += reason != NULL && strcmp(reason, "SESSION_KILLED") == 0;
	}
	return n;
}

/* The report of a task that is over: now it is known what it is to be held to. */
static void on_report(void *context, int status, struct slice body)
{
	struct order *kill = context;

	if (status == 200 && kill->answered == 0 && kill->task_id[0] != '\0') {
		kill->answered = sim_now();
		oracle_task(kill, body);
	}
}

static void on_result(void *context, int status, struct slice body)
{
	struct order *kill = context;
	json_auto_t *answer = json_loadb(body.data, body.len, 0, NULL);
	const json_t *data = json_object_get(answer, "Data");
	const char *state = json_string_value(json_object_get(data, "TaskState"));
	CLEANUP(mem_free_p) char *target = NULL;

	if (status != 200 || state == NULL || kill->task_id[0] == '\0') {
		return;
	}
	if (strcmp(state, "RUNNING") == 0) {
		kill->seen_running = sim_now();
		return;
	}
	kill->n_task_killed =
		(uint64_t)json_integer_value(json_object_get(data, "KillSuccessCount"));
	if (n_killed_of(json_object_get(data, "Result")) != kill->n_task_killed) {
		sim_fail("true", "kill %u: KillSuccessCount is %llu, and the results say otherwise",
			kill->number, (unsigned long long)kill->n_task_killed);
	}
	target = mem_printf("GET /v1/kills/%s", kill->task_id);
	(void)caller_ask(0, target, true, on_report, kill);
}

void caller_look_at_tasks(void)
{
	for (size_t i = 0; i < callers_n_kills(); i++) {
		struct order *kill = callers_kill(i);
		CLEANUP(mem_free_p) char *target = NULL;

		if (kill->task_id[0] != '\0' && kill->answered == 0) {
			target =
				mem_printf("GET "
					   "/?Action=GetKillInstanceSessionTaskResult&InstanceId=%s"
					   "&TaskId=%s",
					kill->group->id, kill->task_id);
			(void)caller_ask(0, target, true, on_result, kill);
		}
	}
}
