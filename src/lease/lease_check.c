/*
 * Whom else a door would hit. A door of users hits every session of theirs, now and later: it is
 * exact where none of them is one that the kill would keep.
 */
#include <event2/event.h>

#include "base/check.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "kill/session_list.h"
#include "lease/lease.h"
#include "redis/link.h"

/* Sessions of these users that must not be shut out. */
static const struct kept_row {
	const char *selector;
	const char *words;
} kept_rows[] = {
	{"type = replica,master", "replication: the replicas of the instance use it"},
	{"name = sentinel-*", "Sentinels, which use it"},
};

struct lease_check {
	struct event_base *loop;
	const struct instance *instance; /* held */
	struct selectors users;          /* the selection, once more */
	size_t n_asked;                  /* of the rows, then of what the configuration protects */
	struct event *next;
	bool is_listing;
	bool is_forgotten; /* while it is listing */
	char *failure;     /* NULL: none so far */
	gate_done_fn done_fn;
	void *context;
};

static void ask(struct lease_check *check);

static void finish(struct lease_check *check)
{
	gate_done_fn done_fn = check->done_fn;

	done_fn(check->context,
		&(struct gate_answer){.failure = check->failure, .is_inexact = true});
}

static void really_free(struct lease_check *check)
{
	event_free(check->next);
	selectors_finish(&check->users);
	instance_release(check->instance);
	free(check->failure);
	free(check);
}

void lease_check_free(struct lease_check *check)
{
	if (check == NULL) {
		return;
	}
	if (check->is_listing) {
		check->is_forgotten = true;
	} else {
		really_free(check);
	}
}

/* ---- what needs no server ---- */

static bool is_own_account(const struct instance *instance, struct slice user)
{
	const struct topology *topology = instance->topology;
	const char *questions = instance->opts->questions.username;

	for (size_t i = 0; i < topology_n_nodes(topology); i++) {
		const char *own = link_options(topology_node(topology, i))->username;

		if (slice_is(user, own != NULL ? own : "default")) {
			return true;
		}
	}
	return questions != NULL && slice_is(user, questions);
}

static bool is_utf8(struct slice text)
{
	uint32_t code;
	size_t n;

	while (text.len > 0 && (n = utf8_decode(text, &code)) > 0) {
		text = slice_skip(text, n);
	}
	return text.len == 0;
}

/* Whom the configuration protects by his name, whether or not he is there. */
static const char *find_protection(const struct instance *instance, struct slice user)
{
	const struct selectors *protect = &instance->opts->protect;
	struct session session = {.type = SESSION_TYPE_NORMAL};

	session.values[SESSION_USER] = user;
	for (size_t i = 0; i < protect->n; i++) {
		if (selector_field(protect->items[i]) == SESSION_USER &&
			selector_test(protect->items[i], &session) == SELECTOR_YES) {
			return selector_text(protect->items[i]);
		}
	}
	return NULL;
}

static void check_names(struct lease_check *check, const struct selector *users)
{
	for (size_t i = 0; i < selector_n_values(users) && check->failure == NULL; i++) {
		struct slice user = selector_listed_value(users, i);
		const char *protection = find_protection(check->instance, user);

		if (!is_utf8(user)) {
			/* The journal could not name it, and it would never be opened. */
			check->failure =
				mem_printf("a user whose name is no UTF-8 cannot be kept out");
		} else if (user.len == 0 || slice_is(user, "default")) {
			check->failure =
				mem_printf("the user default is everybody who does not log "
					   "in as somebody else: it cannot be kept out");
		} else if (is_own_account(check->instance, user)) {
			check->failure = mem_printf("the user %.*s is the daemon's own account: it "
						    "would keep itself out",
				SLICE_ARG(user));
		} else if (protection != NULL) {
			check->failure = mem_printf("it would shut out the user %.*s, whom the "
						    "configuration protects (%s)",
				SLICE_ARG(user), protection);
		}
	}
}

/* ---- who is there ---- */

/* The next selector of sessions that would be hit, and why that must not be; NULL: no more. */
static const char *next_kept(const struct lease_check *check, const char **ret_words)
{
	const struct selectors *protect = &check->instance->opts->protect;
	size_t index = check->n_asked;

	if (index < ARRAY_SIZE(kept_rows)) {
		*ret_words = kept_rows[index].words;
		return kept_rows[index].selector;
	}
	index -= ARRAY_SIZE(kept_rows);
	*ret_words = "sessions that the configuration protects";
	return index < protect->n ? selector_text(protect->items[index]) : NULL;
}

static void on_listed(void *context, struct session_list *list)
{
	struct lease_check *check = context;
	const char *words;
	const char *selector = next_kept(check, &words);
	uint64_t n = 0;

	check->is_listing = false;
	for (size_t i = 0; i < list->n_nodes; i++) {
		n += list->nodes[i].n_selected;
	}
	session_list_free(list);
	if (check->is_forgotten) {
		really_free(check);
		return;
	}
	if (n > 0) {
		check->failure = mem_printf("it would shut out %s (%llu now, by %s)", words,
			(unsigned long long)n, selector);
		finish(check);
		return;
	}
	check->n_asked++;
	event_active(check->next, 0, 0);
}

static void ask(struct lease_check *check)
{
	const char *words;
	const char *selector = next_kept(check, &words);
	struct session_list_opts opts = {.limit = 1, .sort = SESSION_NODE};
	struct err err;
	bool is_fine;

	if (check->failure != NULL || selector == NULL) {
		finish(check);
		return;
	}
	goals_init(&opts.goals);
	is_fine =
		selectors_add(&opts.match, slice_of(selector_text(check->users.items[0])), &err) &&
		selectors_add(&opts.match, slice_of(selector), &err);
	CHECK(is_fine); /* both were read before */
	check->is_listing = true;
	session_list_take(check->loop, check->instance, &opts, on_listed, check);
}

static void on_next(evutil_socket_t fd UNUSED, short what UNUSED, void *context)
{
	ask(context);
}

struct lease_check *lease_check_new(struct event_base *loop, const struct instance *instance,
	const struct selector *users, gate_done_fn done_fn, void *context)
{
	struct lease_check *check = mem_new(struct lease_check);
	struct err err;
	bool is_fine;

	check->loop = loop;
	check->instance = instance;
	instance_hold(instance);
	is_fine = selectors_add(&check->users, slice_of(selector_text(users)), &err);
	CHECK(is_fine); /* it was read before */
	check->done_fn = done_fn;
	check->context = context;
	check->next = event_new(loop, -1, 0, on_next, check);
	CHECK(check->next != NULL);
	check_names(check, users);
	event_active(check->next, 0, 0);
	return check;
}
