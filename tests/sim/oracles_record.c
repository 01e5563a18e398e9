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
	json_t *state;   /* of each request: true while its intent is open */
	json_t *intents; /* of each request: its line */
	json_t *denied;  /* how often, by uid */
	json_t *cancels; /* how often, by request and uid */
};

static long long uid_of(const json_t *event)
{
	return (long long)json_integer_value(json_object_get(event, "uid"));
}

static void count(json_t *table, const char *key, long long n)
{
	json_object_set_new(
		table, key, json_integer(json_integer_value(json_object_get(table, key)) + n));
}

static bool is_same_text(const json_t *a, const json_t *b, const char *key)
{
	const char *left = json_string_value(json_object_get(a, key));
	const char *right = json_string_value(json_object_get(b, key));

	return left != NULL && right != NULL && strcmp(left, right) == 0;
}

/* Whatever is said of a request later is said of the same. Who cancels it is another one. */
static void check_same(const struct record *record, const json_t *event, const char *what)
{
	const char *id = json_string_value(json_object_get(event, "request_id"));
	const json_t *intent = id != NULL ? json_object_get(record->intents, id) : NULL;

	if (intent != NULL && ((strcmp(what, "cancel") != 0 && uid_of(event) != uid_of(intent)) ||
				      !is_same_text(event, intent, "action") ||
				      !is_same_text(event, intent, "instance"))) {
		sim_fail("recorded", "%s: what its %s line says of it is not what was intended", id,
			what);
	}
}

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

static void take_denied(struct record *record, const json_t *event)
{
	const json_t *repeated = json_object_get(event, "repeated");
	char uid[24];

	snprintf(uid, sizeof(uid), "%lld", uid_of(event));
	count(record->denied, uid, repeated != NULL ? json_integer_value(repeated) : 1);
}

static void take_cancel(struct record *record, const json_t *event, const char *id)
{
	char key[80];

	snprintf(key, sizeof(key), "%s %lld", id, uid_of(event));
	count(record->cancels, key, 1);
}

static void take_event(struct record *record, json_t *event, const char *line)
{
	const char *what = json_string_value(json_object_get(event, "event"));
	const char *id = json_string_value(json_object_get(event, "request_id"));

	if (what == NULL) {
		sim_fail("recorded", "a line is no record: %s", line);
	}
	check_same(record, event, what);
	if (strcmp(what, "intent") == 0) {
		if (json_object_get(record->state, id) != NULL) {
			sim_fail("recorded", "two intents of %s", id);
		}
		check_intent(event);
		json_object_set_new(record->state, id, json_true());
		json_object_set(record->intents, id, event);
	} else if (strcmp(what, "outcome") == 0) {
		check_outcome(event);
		close_intent(record, id, "an outcome");
	} else if (strcmp(what, "interrupted") == 0) {
		if (!scenario_had_crash()) {
			sim_fail("recorded", "%s was not interrupted", id);
		}
		close_intent(record, id, "an interruption");
	} else if (strcmp(what, "denied") == 0) {
		take_denied(record, event);
	} else if (strcmp(what, "cancel") == 0) {
		take_cancel(record, event, id);
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

/* Of each user as many as were answered so, those that are only counted too. */
static void check_denied(const struct record *record)
{
	static const uid_t users[] = {0, 1001, 1002, 1003, 1004, 1005, 1006, 65534};

	for (size_t i = 0; i < ARRAY_SIZE(users); i++) {
		struct denied denied = callers_denied(users[i]);
		char uid[24];
		uint64_t n;

		snprintf(uid, sizeof(uid), "%u", (unsigned)users[i]);
		n = (uint64_t)json_integer_value(json_object_get(record->denied, uid));
		if (n < denied.n || n > denied.n + denied.n_unsure) {
			sim_fail("recorded",
				"uid %s was denied %llu requests, and the record has %llu", uid,
				(unsigned long long)denied.n, (unsigned long long)n);
		}
	}
}

/* May who wanted to cancel it ask for such a kill? */
static bool may_cancel(const struct cancel *cancel, const json_t *intent)
{
	const struct order *kill = find_kill(intent);
	const char *action = json_string_value(json_object_get(intent, "action"));
	const char *instance = json_string_value(json_object_get(intent, "instance"));
	bool is_all = json_is_true(json_object_get(intent, "all"));
	unsigned policy = scenario_policy();

	if (kill != NULL) {
		return order_is_allowed(kill, cancel->uid, policy);
	}
	return (strcmp(action, "hdm:KillInstanceAllSession") == 0 ||
		       settings_may(policy, cancel->uid, instance, RIGHT_SOME)) &&
	       (!is_all || settings_may(policy, cancel->uid, instance, RIGHT_ALL));
}

/* By the same user, and he was told that it is. */
static bool is_cancelled_anyway(const struct cancel *cancel)
{
	for (size_t i = 0; i < callers_n_cancels(); i++) {
		const struct cancel *other = callers_cancel(i);

		if (other != cancel && other->uid == cancel->uid && other->status != 404 &&
			strcmp(other->id, cancel->id) == 0) {
			return true;
		}
	}
	return false;
}

static void check_cancel(const struct record *record, const struct cancel *cancel)
{
	const json_t *intent = json_object_get(record->intents, cancel->id);
	char key[80];
	long long n;

	snprintf(key, sizeof(key), "%s %u", cancel->id, (unsigned)cancel->uid);
	n = json_integer_value(json_object_get(record->cancels, key));
	if (intent == NULL || cancel->status == 0 ||
		(cancel->status != 200 && is_cancelled_anyway(cancel))) {
		return;
	}
	if ((cancel->status == 200) != (n > 0)) {
		sim_fail("recorded",
			"uid %u was answered %d for cancelling %s, and %lld are recorded",
			(unsigned)cancel->uid, cancel->status, cancel->id, n);
	}
	if (!scenario_had_policies() &&
		(cancel->status == 200 || cancel->status == 409) != may_cancel(cancel, intent)) {
		sim_fail("exact", "uid %u was answered %d for cancelling %s", (unsigned)cancel->uid,
			cancel->status, cancel->id);
	}
}

/* Nobody is said to have cancelled what he did not. */
static void check_cancels(struct record *record)
{
	const char *key;
	json_t *n;

	for (size_t i = 0; i < callers_n_cancels(); i++) {
		check_cancel(record, callers_cancel(i));
	}
	for (size_t i = 0; i < callers_n_cancels(); i++) {
		char own[80];

		snprintf(own, sizeof(own), "%s %u", callers_cancel(i)->id,
			(unsigned)callers_cancel(i)->uid);
		json_object_del(record->cancels, own);
	}
	json_object_foreach(record->cancels, key, n)
	{
		sim_fail("recorded", "nobody has cancelled %s", key);
	}
}

void oracle_record(const char *path)
{
	FILE *file = fopen(path, "r");
	struct record record = {json_object(), json_object(), json_object(), json_object()};
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
	if (!edges_had_bad_disk() && !scenario_had_crash()) {
		check_denied(&record);
		check_cancels(&record);
	}
	json_decref(record.state);
	json_decref(record.intents);
	json_decref(record.denied);
	json_decref(record.cancels);
}
