/*
 * What the record has to say, line by line, and when.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "sim.h"

/* ---- before anybody is ended ---- */

static char *read_file(const char *path, size_t n_most)
{
	FILE *file = fopen(path, "r");
	char *text = mem_alloc_array(n_most + 1, 1);
	size_t n;

	CHECK(file != NULL);
	n = fread(text, 1, n_most, file);
	text[n] = '\0';
	fclose(file);
	return text;
}

void oracle_intended(struct order *kill, const char *path)
{
	CLEANUP(mem_free_p) char *text = NULL;
	char reason[32];
	const char *found;

	if (kill->has_intent || kill->is_das || kill->is_disturbed ||
		(edges_had_bad_disk() && !scenario_needs_record())) {
		return;
	}
	kill->has_intent = true;
	text = read_file(path, (size_t)edges_n_synced());
	snprintf(reason, sizeof(reason), "\"reason\":\"kill-%u\"", kill->number);
	found = strstr(text, reason);
	if (found == NULL) {
		sim_fail("recorded", "sessions are ended for kill %u before its intent is on disk",
			kill->number);
	}
}

/* ---- at the end ---- */

struct record {
	json_t *state; /* of each request: true while its intent is open */
	uint64_t n_denied;
};

/* The kill whose intent or outcome this is; NULL: it is not told, as for DAS. */
static struct order *find_kill(const json_t *event)
{
	const char *reason = json_string_value(json_object_get(event, "reason"));

	if (reason == NULL || strncmp(reason, "kill-", 5) != 0) {
		return NULL;
	}
	return callers_kill((size_t)atoi(reason + 5));
}

static void check_intent(const json_t *event)
{
	const struct order *kill = find_kill(event);
	const char *instance = json_string_value(json_object_get(event, "instance"));

	if (kill == NULL) {
		return;
	}
	if (kill->is_denied || json_integer_value(json_object_get(event, "uid")) != kill->uid) {
		sim_fail("recorded", "the intent of kill %u has another caller", kill->number);
	}
	if (instance == NULL || strcmp(instance, kill->group->id) != 0 ||
		json_is_true(json_object_get(event, "dry_run")) != kill->is_dry_run ||
		json_array_size(json_object_get(event, "match")) != kill->n_tests) {
		sim_fail("recorded", "the intent of kill %u says something else", kill->number);
	}
}

static void check_outcome(const json_t *event)
{
	const struct order *kill = find_kill(event);
	uint64_t n_killed = (uint64_t)json_integer_value(json_object_get(event, "killed"));

	if (kill != NULL && kill->state[0] != '\0' && n_killed != kill->n_killed) {
		sim_fail("recorded", "kill %u: %llu killed, and the record says %llu", kill->number,
			(unsigned long long)kill->n_killed, (unsigned long long)n_killed);
	}
}

static void close_intent(struct record *record, const char *id, const char *what)
{
	if (!json_is_true(json_object_get(record->state, id)) && !edges_had_bad_disk()) {
		sim_fail("recorded", "%s without an open intent: %s", what, id);
	}
	json_object_set_new(record->state, id, json_false());
}

static void take_event(struct record *record, const json_t *event, const char *line)
{
	const char *what = json_string_value(json_object_get(event, "event"));
	const char *id = json_string_value(json_object_get(event, "request_id"));

	if (what == NULL) {
		sim_fail("recorded", "a line is no record: %s", line);
	}
	if (strcmp(what, "intent") == 0) {
		if (json_object_get(record->state, id) != NULL) {
			sim_fail("recorded", "two intents of %s", id);
		}
		check_intent(event);
		json_object_set_new(record->state, id, json_true());
	} else if (strcmp(what, "outcome") == 0) {
		check_outcome(event);
		close_intent(record, id, "an outcome");
	} else if (strcmp(what, "interrupted") == 0) {
		if (!scenario_had_crash()) {
			sim_fail("recorded", "%s was not interrupted", id);
		}
		close_intent(record, id, "an interruption");
	} else if (strcmp(what, "denied") == 0) {
		json_t *repeated = json_object_get(event, "repeated");

		record->n_denied += repeated != NULL ? (uint64_t)json_integer_value(repeated) : 1;
	}
}

static void check_open(const struct record *record)
{
	const char *id;
	json_t *is_open;

	json_object_foreach(record->state, id, is_open)
	{
		if (json_is_true(is_open) && !edges_had_bad_disk()) {
			sim_fail("recorded", "an intent without an outcome: %s", id);
		}
	}
}

static void check_denied(const struct record *record)
{
	uint64_t n = 0;

	for (size_t i = 0; i < callers_n_kills(); i++) {
		n += callers_kill(i)->status == 403;
	}
	if (record->n_denied < n && !edges_had_bad_disk() && !scenario_had_crash()) {
		sim_fail("recorded", "%llu were denied, and the record has %llu",
			(unsigned long long)n, (unsigned long long)record->n_denied);
	}
}

void oracle_record(const char *path)
{
	FILE *file = fopen(path, "r");
	struct record record = {json_object(), 0};
	char *line = NULL;
	size_t capacity = 0;

	CHECK(file != NULL);
	while (getline(&line, &capacity, file) > 0) {
		json_auto_t *event = json_loads(line, 0, NULL);

		take_event(&record, event, line);
	}
	free(line);
	fclose(file);
	check_open(&record);
	check_denied(&record);
	json_decref(record.state);
}
