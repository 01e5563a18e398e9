/*
 * What can be asked of the daemon: selections of every kind, in words for it, and judged here anew,
 * by nothing of the daemon's.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "sim.h"

static const char *const words[] = {[FIELD_USER] = "user",
	[FIELD_NAME] = "name",
	[FIELD_TYPE] = "type",
	[FIELD_ADDR] = "addr",
	[FIELD_ID] = "id",
	[FIELD_AGE] = "age",
	[FIELD_IDLE] = "idle",
	[FIELD_DB] = "db"};

/* ---- choosing ---- */

static struct test choose_text(enum field field)
{
	static const char *const users[] = {"app", "web", "default", "a*"};
	static const char *const names[] = {"api", "job", "nobody", "*o*", "\"\""};
	static const char *const types[] = {"normal", "pubsub"};
	static const char *const addresses[] = {"192.168.0.1", "192.168.0.2", "192.168.0.0/16"};
	struct test test = {.field = field, .op = '='};

	test.text = field == FIELD_USER   ? SIM_PICK(users)
		    : field == FIELD_NAME ? SIM_PICK(names)
		    : field == FIELD_TYPE ? SIM_PICK(types)
					  : SIM_PICK(addresses);
	if (field == FIELD_NAME && sim_happens(20)) {
		test.op = '!';
	}
	return test;
}

static struct test choose_test(void)
{
	enum field field = (enum field)sim_roll(FIELD_DB + 1);

	if (field <= FIELD_ADDR) {
		return choose_text(field);
	}
	return (struct test){.field = field,
		.op = field == FIELD_DB ? '=' : (sim_happens(70) ? '>' : '<'),
		.number = field == FIELD_DB ? sim_roll(3) : sim_roll(field == FIELD_ID ? 60 : 200)};
}

bool order_is_active(const struct order *order)
{
	return order->answered == 0 &&
	       (!order->hung_up || sim_now() < order->asked + order->timeout + 20 * SIM_S);
}

static const struct server *pick_node(const struct fleet *group)
{
	return group->nodes[sim_roll(group->n_nodes)];
}

void order_choose(struct order *order)
{
	static const int64_t timeouts[] = {1, 300, 2000, 5000, 10000};

	order->uid = sim_happens(80) ? 0 : 1001;
	order->is_denied = sim_happens(8);
	order->timeout = SIM_PICK(timeouts) * SIM_MS;
	if (sim_happens(8)) {
		order->is_das = true;
		order->is_task = sim_happens(50);
		order->timeout = 30 * SIM_S;
		return;
	}
	order->n_tests = sim_happens(25) ? 0 : 1 + sim_roll(ARRAY_SIZE(order->tests));
	for (size_t i = 0; i < order->n_tests; i++) {
		order->tests[i] = choose_test();
	}
	if (sim_happens(20)) {
		order->excepts[order->n_excepts++] = choose_text((enum field)sim_roll(2));
	}
	if (sim_happens(6)) {
		snprintf(order->run_id, sizeof(order->run_id), "%s",
			pick_node(order->group)->run_id);
	}
	order->is_dry_run = sim_happens(15);
	order->has_max = sim_happens(20);
	order->max = sim_roll(60);
	order->is_watched = sim_happens(10);
	order->is_gentle = sim_happens(20);
	order->is_stream = sim_happens(15);
}

/* ---- in words ---- */

static void print_test(FILE *out, const char *key, const struct test *test)
{
	fprintf(out, "&%s=%s+%s%%%02X+", key, words[test->field], test->op == '!' ? "!" : "",
		(unsigned)(test->op == '!' ? '=' : test->op));
	if (test->text == NULL) {
		fprintf(out, "%llu", (unsigned long long)test->number);
	} else if (test->text[0] == '"') {
		fprintf(out, "%%22%%22");
	} else {
		fprintf(out, "%s", test->text);
	}
}

static void print_das(FILE *out, const struct order *order)
{
	if (order->is_task) {
		fprintf(out,
			"Action=CreateKillInstanceSessionTask&KillAllSessions=true&InstanceId=%s",
			order->group->id);
	} else {
		fprintf(out, "Action=KillInstanceAllSession&InstanceId=%s", order->group->id);
	}
}

char *order_form(const struct order *order)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	if (order->is_das) {
		print_das(out, order);
		fclose(out);
		return text;
	}
	fprintf(out, "reason=kill-%u&timeout=%lldms", order->number,
		(long long)(order->timeout / SIM_MS));
	fprintf(out, "%s%s%s%s", order->n_tests == 0 ? "&all=true" : "",
		order->is_dry_run ? "&dry_run=true" : "", order->is_watched ? "&watch=500ms" : "",
		order->is_gentle ? "&pace=gentle" : "");
	for (size_t i = 0; i < order->n_tests; i++) {
		print_test(out, "match", &order->tests[i]);
	}
	for (size_t i = 0; i < order->n_excepts; i++) {
		print_test(out, "except", &order->excepts[i]);
	}
	if (order->has_max) {
		fprintf(out, "&max=%llu", (unsigned long long)order->max);
	}
	if (order->run_id[0] != '\0') {
		fprintf(out, "&run_id=%s", order->run_id);
	}
	fclose(out);
	return text;
}

/* ---- judging ---- */

/* Of wildcards those that are asked for: "a*", "*o*". */
static bool is_like(const char *text, const char *pattern)
{
	char inner[16];
	size_t n = strlen(pattern);

	if (strcmp(pattern, "\"\"") == 0) {
		return text[0] == '\0';
	}
	if (pattern[n - 1] != '*') {
		return strcmp(text, pattern) == 0;
	}
	if (pattern[0] != '*') {
		return strncmp(text, pattern, n - 1) == 0;
	}
	snprintf(inner, sizeof(inner), "%.*s", (int)n - 2, pattern + 1);
	return strstr(text, inner) != NULL;
}

static bool is_type(enum role role, const char *type)
{
	bool is_pubsub = strcmp(type, "pubsub") == 0;

	return is_pubsub ? role == ROLE_PUBSUB : role == ROLE_NORMAL || role == ROLE_MONITOR;
}

static bool is_from(const char *addr, const char *text)
{
	size_t n = strchr(text, '/') != NULL ? strlen("192.168.") : strlen(text);

	return strncmp(addr, text, n) == 0 && (strchr(text, '/') != NULL || addr[n] == ':');
}

static bool is_number_met(const struct test *test, uint64_t number)
{
	switch (test->op) {
	case '<':
		return number < test->number;
	case '>':
		return number > test->number;
	default:
		return number == test->number;
	}
}

static bool is_met(const struct test *test, const struct facts *facts)
{
	switch (test->field) {
	case FIELD_USER:
		return facts->has_user && is_like(facts->user, test->text);
	case FIELD_NAME:
		return is_like(facts->name, test->text) == (test->op == '=');
	case FIELD_TYPE:
		return is_type(facts->role, test->text);
	case FIELD_ADDR:
		return is_from(facts->addr, test->text);
	case FIELD_ID:
		return is_number_met(test, facts->id);
	case FIELD_AGE:
		return is_number_met(test, (uint64_t)((facts->at - facts->since) / SIM_S));
	case FIELD_IDLE:
		return is_number_met(test, (uint64_t)((facts->at - facts->active) / SIM_S));
	case FIELD_DB:
		break;
	}
	return facts->db != DB_UNTOLD && facts->db == test->number;
}

bool order_covers(const struct order *order, const struct facts *facts)
{
	if (facts->role == ROLE_REPLICA || facts->role == ROLE_MASTER || facts->role == ROLE_SLOT ||
		(order->group->has_protect && facts->has_user &&
			strcmp(facts->user, "admin") == 0)) {
		return false;
	}
	/* What it is cannot be told: all of them, or not one. */
	if (facts->is_odd) {
		return order->n_tests == 0 && order->n_excepts == 0;
	}
	for (size_t i = 0; i < order->n_excepts; i++) {
		if (is_met(&order->excepts[i], facts)) {
			return false;
		}
	}
	for (size_t i = 0; i < order->n_tests; i++) {
		if (!is_met(&order->tests[i], facts)) {
			return false;
		}
	}
	return true;
}
