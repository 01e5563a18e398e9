/*
 * What was asked for, judged by the simulator's own rules, and by nothing of the daemon's.
 */
#include <stdio.h>
#include <string.h>

#include "sim.h"

/* Of wildcards those that are asked for: "*", "a*", "*o*". */
static bool is_like_one(const char *text, const char *pattern)
{
	char inner[16];
	size_t n = strlen(pattern);

	if (strcmp(pattern, "\"\"") == 0) {
		return text[0] == '\0';
	}
	if (pattern[n - 1] != '*') {
		return strcmp(text, pattern) == 0;
	}
	if (pattern[0] != '*' || n == 1) {
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

static bool is_value(enum field field, const struct facts *facts, const char *value)
{
	if (field == FIELD_USER || field == FIELD_NAME) {
		return is_like_one(field == FIELD_USER ? facts->user : facts->name, value);
	}
	return field == FIELD_TYPE ? is_type(facts->role, value) : is_from(facts->addr, value);
}

/* Values are alternatives. */
static bool is_text_met(const struct test *test, const struct facts *facts)
{
	char value[24];
	const char *at = test->text;

	for (;;) {
		size_t n = strcspn(at, ",");

		snprintf(value, sizeof(value), "%.*s", (int)n, at);
		if (is_value(test->field, facts, value)) {
			return test->op == '=';
		}
		if (at[n] == '\0') {
			return test->op == '!';
		}
		at += n + 1;
	}
}

static bool is_number_met(const struct test *test, uint64_t number)
{
	switch (test->op) {
	case '<':
		return number < test->number;
	case '>':
		return number > test->number;
	case 'l':
		return number <= test->number;
	case 'g':
		return number >= test->number;
	default:
		return number == test->number;
	}
}

/* Servers tell whole seconds. */
static uint64_t told_ms(int64_t from, int64_t until)
{
	return (uint64_t)((until - from) / SIM_S) * 1000;
}

static bool is_met(const struct test *test, const struct facts *facts)
{
	switch (test->field) {
	case FIELD_USER:
		return facts->has_user && is_text_met(test, facts);
	case FIELD_NAME:
	case FIELD_TYPE:
	case FIELD_ADDR:
		return is_text_met(test, facts);
	case FIELD_ID:
		return is_number_met(test, facts->id);
	case FIELD_AGE:
		return is_number_met(test, told_ms(facts->since, facts->at));
	case FIELD_IDLE:
		return is_number_met(test, told_ms(facts->active, facts->at));
	case FIELD_DB:
		break;
	}
	return facts->db != DB_UNTOLD && is_number_met(test, facts->db);
}

static bool is_protected(const struct order *order, const struct facts *facts)
{
	if (facts->role == ROLE_REPLICA || facts->role == ROLE_MASTER || facts->role == ROLE_SLOT) {
		return true;
	}
	/* Whose line cannot be read may be one that is kept. */
	if (facts->is_odd) {
		return order->protects != 0 || order->n_excepts > 0;
	}
	return ((order->protects & PROTECT_ADMIN) != 0 && facts->has_user &&
		       strcmp(facts->user, "admin") == 0) ||
	       ((order->protects & PROTECT_OPS) != 0 && strncmp(facts->name, "ops-", 4) == 0);
}

static bool is_named(const struct order *order, uint64_t id)
{
	for (size_t i = 0; i < order->n_ids; i++) {
		if (order->ids[i] == id) {
			return true;
		}
	}
	return order->n_ids == 0;
}

bool order_covers(const struct order *order, const struct facts *facts)
{
	if (is_protected(order, facts) || !is_named(order, facts->id)) {
		return false;
	}
	/* What it is cannot be told: all of them, or not one. */
	if (facts->is_odd) {
		return order->n_tests == 0;
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

/* One that has moved is known by both of its addresses for a while. */
bool order_is_for(const struct order *order, const struct server *server)
{
	char address[24];

	if (order->run_id[0] != '\0' && strcmp(order->run_id, server->run_id) != 0) {
		return false;
	}
	snprintf(address, sizeof(address), "%s:%u", server->ip, server->port);
	for (size_t i = 0; i < order->n_nodes; i++) {
		if (order->nodes[i] == server || strcmp(order->node_names[i], address) == 0) {
			return true;
		}
	}
	return order->n_nodes == 0;
}
