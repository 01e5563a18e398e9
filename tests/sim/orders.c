/*
 * What can be asked of the daemon: selections of every kind, and how they are put into words.
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
	static const char *const users[] = {"app", "web", "default", "a*", "app,web"};
	static const char *const names[] = {"api", "job", "nobody", "*o*", "\"\"", "api,job"};
	static const char *const types[] = {"normal", "pubsub"};
	static const char *const addresses[] = {
		"192.168.0.1", "192.168.0.2", "192.168.0.0/16", "192.168.0.1,192.168.0.3"};
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

/* "All" in other words is none of these: nothing is at least 0. */
static struct test choose_test(void)
{
	static const char ops[] = {'>', '>', '>', 'g', 'g', '<', 'l'};
	enum field field = (enum field)sim_roll(FIELD_DB + 1);
	struct test test = {.field = field};

	if (field <= FIELD_ADDR) {
		return choose_text(field);
	}
	test.op = field == FIELD_DB ? '=' : SIM_PICK(ops);
	if (field == FIELD_DB) {
		test.number = sim_roll(3);
	} else if (field == FIELD_ID) {
		test.number = 2 + sim_roll(60);
	} else {
		test.number =
			sim_happens(50) ? 1000 * (1 + sim_roll(200)) : 500 * (1 + sim_roll(9));
	}
	return test;
}

/* Who may only end some has to say it otherwise, and may not either. */
static struct test choose_everybody(void)
{
	if (sim_happens(50)) {
		return (struct test){.field = FIELD_ID, .op = '>'};
	}
	return (struct test){.field = FIELD_NAME, .op = '=', .text = "*"};
}

static bool is_for_everybody(const struct test *test)
{
	return test->text != NULL ? strcmp(test->text, "*") == 0
				  : test->field == FIELD_ID && test->number == 0;
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

static void choose_node(struct order *order)
{
	size_t i = order->n_nodes++;

	order->nodes[i] = pick_node(order->group);
	snprintf(order->node_names[i], sizeof(order->node_names[i]), "%s:%u", order->nodes[i]->ip,
		order->nodes[i]->port);
}

static void choose_task(struct order *order)
{
	order->is_task = true;
	if (sim_happens(40)) {
		choose_node(order);
		for (size_t n = 1 + sim_roll(MAX_NAMED); order->n_ids < n;) {
			order->ids[order->n_ids++] = 1 + sim_roll(60);
		}
	}
	if (sim_happens(30)) {
		order->excepts[order->n_excepts++] =
			(struct test){.field = FIELD_USER, .op = '=', .text = "app,web"};
	}
}

static void choose_tests(struct order *order)
{
	order->n_tests = sim_happens(25) ? 0 : 1 + sim_roll(ARRAY_SIZE(order->tests));
	for (size_t i = 0; i < order->n_tests; i++) {
		order->tests[i] = choose_test();
	}
	if (sim_happens(6)) {
		order->n_tests = 1;
		order->tests[0] = choose_everybody();
	}
	if (sim_happens(20)) {
		order->excepts[order->n_excepts++] = choose_text((enum field)sim_roll(2));
	}
}

static int64_t choose_timeout(void)
{
	static const int64_t timeouts[] = {1, 300, 2000, 5000, 10000};

	return SIM_PICK(timeouts) * SIM_MS;
}

/* Most may do all. */
static unsigned choose_user(void)
{
	static const unsigned users[] = {
		1001, 1001, 1001, 1002, 1002, 1003, 1003, 1004, 1005, 1006, 65534};

	return sim_happens(70) ? 0 : SIM_PICK(users);
}

static void choose_goals(struct order *order)
{
	order->limit = sim_happens(15) ? 1 + sim_roll(12) : 0;
	order->keep = sim_happens(10) ? 1 + sim_roll(12) : 0;
	order->rate = sim_happens(10) ? 1 + (unsigned)sim_roll(60) : 0;
	if (order->rate > 0) {
		order->timeout = 30 * SIM_S;
	}
}

static void choose_anew(struct order *order)
{
	order->uid = choose_user();
	order->timeout = choose_timeout();
	if (sim_happens(10)) {
		order->is_das = true;
		order->timeout = 30 * SIM_S;
		if (sim_happens(60)) {
			choose_task(order);
		}
		return;
	}
	choose_tests(order);
	if (sim_happens(6)) {
		snprintf(order->run_id, sizeof(order->run_id), "%s",
			pick_node(order->group)->run_id);
	}
	while (order->n_nodes < ARRAY_SIZE(order->nodes) && sim_happens(10)) {
		choose_node(order);
	}
	order->is_dry_run = sim_happens(15);
	order->has_max = sim_happens(20);
	order->max = sim_roll(60);
	order->is_watched = sim_happens(10);
	order->is_gentle = sim_happens(20);
	order->is_stream = sim_happens(15);
	order->breaks_busy = sim_happens(10);
	if (sim_has_goals()) {
		choose_goals(order);
	}
}

/* ---- asking again ---- */

static void copy_wish(struct order *order, const struct order *other)
{
	memcpy(order->tests, other->tests, sizeof(order->tests));
	memcpy(order->excepts, other->excepts, sizeof(order->excepts));
	memcpy(order->ids, other->ids, sizeof(order->ids));
	memcpy(order->nodes, other->nodes, sizeof(order->nodes));
	memcpy(order->node_names, other->node_names, sizeof(order->node_names));
	memcpy(order->run_id, other->run_id, sizeof(order->run_id));
	order->n_tests = other->n_tests;
	order->n_excepts = other->n_excepts;
	order->n_ids = other->n_ids;
	order->n_nodes = other->n_nodes;
	order->is_dry_run = other->is_dry_run;
	order->has_max = other->has_max;
	order->max = other->max;
	order->limit = other->limit;
	order->keep = other->keep;
	order->rate = other->rate;
	order->is_watched = other->is_watched;
	order->is_gentle = other->is_gentle;
	order->is_das = other->is_das;
	order->is_task = other->is_task;
	order->breaks_busy = other->breaks_busy;
	order->uid = other->uid;
	order->timeout = other->timeout;
}

/* One thing, or none. */
static void change_wish(struct order *order)
{
	switch (order->is_das ? 5 : sim_roll(8)) {
	case 0:
	case 1:
		order->has_max = !order->has_max;
		order->max = order->has_max ? sim_roll(10) : 0;
		break;
	case 2:
		order->excepts[0] = choose_text(FIELD_NAME);
		order->n_excepts = 1 - order->n_excepts;
		break;
	case 3:
		order->n_nodes = 0;
		choose_node(order);
		break;
	case 4:
		order->timeout = choose_timeout();
		break;
	case 5:
		order->uid = choose_user();
		break;
	default:
		break;
	}
}

static const struct order *pick_other(
	const struct order *order, const struct order *others, size_t n_others)
{
	for (size_t i = n_others; i > 0; i--) {
		const struct order *other = &others[i - 1];

		if (other->group == order->group && sim_now() - other->asked < 10 * SIM_S) {
			return other;
		}
	}
	return NULL;
}

void order_choose(struct order *order, const struct order *others, size_t n_others)
{
	const struct order *other = sim_happens(20) ? pick_other(order, others, n_others) : NULL;

	if (other != NULL) {
		copy_wish(order, other);
		change_wish(order);
	} else {
		choose_anew(order);
	}
	order->protects = order->group->protects;
	order->is_denied = !order_is_allowed(order, order->uid, scenario_policy());
}

static bool is_same_test(const struct test *a, const struct test *b)
{
	return a->field == b->field && a->op == b->op && a->number == b->number &&
	       (a->text == NULL || b->text == NULL ? a->text == b->text
						   : strcmp(a->text, b->text) == 0);
}

bool order_is_same(const struct order *order, const struct order *other)
{
	bool is_same = order->n_tests == other->n_tests && order->n_excepts == other->n_excepts &&
		       order->n_nodes == other->n_nodes && order->n_ids == other->n_ids;

	for (size_t i = 0; is_same && i < order->n_tests; i++) {
		is_same = is_same_test(&order->tests[i], &other->tests[i]);
	}
	for (size_t i = 0; is_same && i < order->n_excepts; i++) {
		is_same = is_same_test(&order->excepts[i], &other->excepts[i]);
	}
	return is_same && order->is_dry_run == other->is_dry_run &&
	       order->has_max == other->has_max && order->limit == other->limit &&
	       order->keep == other->keep && order->rate == other->rate &&
	       order->timeout == other->timeout && order->is_task == other->is_task;
}

/* ---- whose right it is ---- */

bool order_is_allowed(const struct order *order, uid_t uid, unsigned policy)
{
	const char *id = order->group->id;
	bool is_all = order->n_tests == 0 && order->n_ids == 0;
	bool is_route_of_all = is_all && !order->is_task;
	bool is_everybody = is_all;

	if (order->n_tests > 0) {
		is_everybody = true;
		for (size_t i = 0; i < order->n_tests; i++) {
			is_everybody &= is_for_everybody(&order->tests[i]);
		}
	}
	return (is_route_of_all || settings_may(policy, uid, id, RIGHT_SOME)) &&
	       (!is_everybody || settings_may(policy, uid, id, RIGHT_ALL));
}

/* ---- in words ---- */

static void print_test(FILE *out, const char *key, const struct test *test)
{
	bool is_time = test->field == FIELD_AGE || test->field == FIELD_IDLE;
	const char *op = test->op == '!'   ? "!%3D"
			 : test->op == 'l' ? "%3C%3D"
			 : test->op == 'g' ? "%3E%3D"
			 : test->op == '<' ? "%3C"
			 : test->op == '>' ? "%3E"
					   : "%3D";

	fprintf(out, "&%s=%s+%s+", key, words[test->field], op);
	if (test->text == NULL && is_time && test->number % 1000 == 0) {
		fprintf(out, "%llu", (unsigned long long)test->number / 1000);
	} else if (test->text == NULL) {
		fprintf(out, "%llu%s", (unsigned long long)test->number, is_time ? "ms" : "");
	} else if (test->text[0] == '"') {
		fprintf(out, "%%22%%22");
	} else {
		fprintf(out, "%s", test->text);
	}
}

static void print_task(FILE *out, const struct order *order)
{
	fprintf(out, "Action=CreateKillInstanceSessionTask%s&InstanceId=%s",
		order->n_excepts > 0 ? "WithMaintainUser" : "", order->group->id);
	if (order->n_ids == 0) {
		fprintf(out, "&KillAllSessions=true");
	} else {
		for (size_t i = 0; i < order->n_ids; i++) {
			fprintf(out, "%s%llu", i == 0 ? "&SessionIds=[" : ",",
				(unsigned long long)order->ids[i]);
		}
		fprintf(out, "]&NodeId=%s", order->node_names[0]);
	}
	if (order->n_excepts > 0) {
		fprintf(out, "&IgnoredUsers=[%%22app%%22,%%22web%%22]");
	}
}

static void print_native(FILE *out, const struct order *order)
{
	fprintf(out, "reason=kill-%u&timeout=%lldms", order->number,
		(long long)(order->timeout / SIM_MS));
	fprintf(out, "%s%s%s%s%s", order->n_tests == 0 ? "&all=true" : "",
		order->is_dry_run ? "&dry_run=true" : "", order->is_watched ? "&watch=500ms" : "",
		order->is_gentle ? "&pace=gentle" : "",
		order->breaks_busy ? "&break_busy=true" : "");
	for (size_t i = 0; i < order->n_tests; i++) {
		print_test(out, "match", &order->tests[i]);
	}
	for (size_t i = 0; i < order->n_excepts; i++) {
		print_test(out, "except", &order->excepts[i]);
	}
	for (size_t i = 0; i < order->n_nodes; i++) {
		fprintf(out, "&node=%s", order->node_names[i]);
	}
	if (order->has_max) {
		fprintf(out, "&max=%llu", (unsigned long long)order->max);
	}
	if (order->limit > 0) {
		fprintf(out, "&limit=%llu&sort=id", (unsigned long long)order->limit);
	}
	if (order->keep > 0) {
		fprintf(out, "&keep=%llu", (unsigned long long)order->keep);
	}
	if (order->rate > 0) {
		fprintf(out, "&rate=%u", order->rate);
	}
	if (order->run_id[0] != '\0') {
		fprintf(out, "&run_id=%s", order->run_id);
	}
}

char *order_form(const struct order *order)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	if (order->is_task) {
		print_task(out, order);
	} else if (order->is_das) {
		fprintf(out, "Action=KillInstanceAllSession&InstanceId=%s", order->group->id);
	} else {
		print_native(out, order);
	}
	fclose(out);
	return text;
}
