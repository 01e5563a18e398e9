/*
 * Which connections a link has: how many, which of them calls go over, when to try for another, and
 * which one goes when there is a better one.
 */
#include "redis/link.h"

#include <errno.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/util.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/mem.h"
#include "redis/connection.h"
#include "redis/server_info.h"
#include "redis/timer.h"
#include "redis/tls.h"

/* Between two attempts: grows from the first to the last, each +-50 %. */
#define BACKOFF_FIRST_MS 100
#define BACKOFF_LAST_MS 5000
/*
 * Where a server is full, places are had by who asks most often; and who was in a moment ago may
 * find his own place still free. Nowhere else is haste of use.
 */
#define BACKOFF_FULL_WANTED_MS 2
#define BACKOFF_FULL_MS 10
/* Between two attempts that only somebody's hand can make succeed, when somebody waits. */
#define FINAL_WANTED_MS 500
/* For a second connection, while the first one is good: once it is clear that others were faster.
 */
#define BACKOFF_FULL_SPARE_MS 100
#define EAGER_MS 1000

/* An attempt whose handshake is not answered waits in the server's queue: longer than this it has
 * more likely been forgotten on the way. */
#define ATTEMPT_MAX_MS 30000

/* Shorter than any sensible `timeout` of a server; connections shorten it where that is not so. */
#define KEEPALIVE_MS 2000

/* Connections lost in a row while they waited for a listing: more than chance, or somebody's kill.
 */
#define CUT_LISTINGS 2

/* The same again is no news within this time. */
#define SAME_NEWS_MS 60000

/* What was told last of a kind of news. */
struct told {
	int64_t ms; /* monotonic; 0: never */
	uint64_t hash;
};

struct step_aside {
	void (*done_fn)(void *context, const char *failure);
	void *context;
	size_t n_unanswered;
	char failure[CONNECTION_MAX_WORDS];
};

struct link {
	unsigned n_refs;
	struct link_world world;
	struct guard guard;
	struct endpoint endpoint;
	struct link_opts opts;
	char *address;
	struct tls_context *tls; /* NULL: none is needed so far */

	TAILQ_HEAD(, connection) open; /* those that are not CLOSED, oldest first */
	TAILQ_HEAD(, connection) dead; /* freed when the guard is idle */
	struct connection *main;       /* NULL: not READY */
	struct link_server last;       /* of the main one before */
	uint64_t n_connections;        /* ever */
	int64_t keepalive_ms;
	unsigned n_cut_listings; /* in a row */

	enum link_state state;
	enum link_trouble trouble;
	char error[CONNECTION_MAX_WORDS];
	enum link_trouble attempt_trouble; /* of the last attempt, which may be beside a good one */
	struct link_watcher *watchers;
	int64_t ready_since_ms;
	int64_t freed_ms;  /* monotonic: when a place became free on the server; 0: long ago */
	int64_t failed_ms; /* likewise, an attempt */
	uint64_t n_proven;
	uint64_t n_times_ready;
	uint64_t ready_serial; /* of the main one when it became READY the last time */
	unsigned n_failures;   /* attempts in vain, in a row */
	struct event *retry;
	struct event *resetting;
	char reset_words[CONNECTION_MAX_WORDS];
	unsigned n_wanting;
	unsigned n_holding;
	bool is_started;
	bool is_retired;
	bool is_retiring; /* as soon as nobody wants it any more */
	char retire_words[128];
	bool is_balancing;
	struct told told[LINK_N_NEWS];
	struct step_aside aside;
	void *attachment;
	void (*free_attachment_fn)(void *object);
};

static void balance(struct link *link);

/* ---- small things ---- */

/* `ms` +-50 %, so that many links do not come back in step. */
static int64_t jitter(int64_t ms)
{
	uint16_t random;

	evutil_secure_rng_get_bytes(&random, sizeof(random));
	return ms / 2 + ms * random / UINT16_MAX;
}

static size_t n_wanted(const struct link *link)
{
	return MAX(link->opts.n_links, 1U);
}

static bool is_good(const struct connection *connection)
{
	return connection->state == CONNECTION_READY && !connection->is_late;
}

static bool is_current(const struct connection *connection)
{
	return !connection->is_old_login && !connection->is_old_address;
}

static size_t count(
	const struct link *link, bool (*is_counted)(const struct connection *connection))
{
	const struct connection *connection;
	size_t n = 0;

	TAILQ_FOREACH(connection, &link->open, entry)
	{
		n += is_counted(connection);
	}
	return n;
}

static bool is_good_and_current(const struct connection *connection)
{
	return is_good(connection) && is_current(connection);
}

static bool is_proven(const struct connection *connection)
{
	return connection->state == CONNECTION_READY;
}

static bool is_attempt(const struct connection *connection)
{
	return connection->state != CONNECTION_READY;
}

/* FNV-1a: only to see that words are the same as before. */
static uint64_t hash(const char *words)
{
	uint64_t hash = UINT64_C(14695981039346656037);

	for (; *words != '\0'; words++) {
		hash = (hash ^ (unsigned char)*words) * UINT64_C(1099511628211);
	}
	return hash;
}

static void tell_news(struct link *link, enum link_news news, const char *words)
{
	struct told *told = &link->told[news];
	int64_t now_ms = clock_monotonic_ms();

	if (link->world.news_fn == NULL || link->is_retiring ||
		(told->ms != 0 && told->hash == hash(words) && now_ms - told->ms < SAME_NEWS_MS)) {
		return;
	}
	*told = (struct told){now_ms, hash(words)};
	link->world.news_fn(link->world.news_context, link, news, words);
}

/* ---- what the link is ---- */

static void tell_watchers(struct link *link)
{
	struct link_watcher *next;

	for (struct link_watcher *watcher = link->watchers; watcher != NULL; watcher = next) {
		next = watcher->next;
		watcher->changed_fn(watcher, link->state);
	}
}

static enum link_state state_of(const struct link *link)
{
	const struct connection *connection;
	enum link_state state = LINK_BACKOFF;

	if (link->main != NULL) {
		return LINK_READY;
	}
	TAILQ_FOREACH(connection, &link->open, entry)
	{
		if (connection->is_late) {
			state = MIN(state, LINK_LATE);
		} else if (connection->state == CONNECTION_HANDSHAKE) {
			state = MIN(state, LINK_HANDSHAKE);
		} else if (connection->state == CONNECTION_DIALING) {
			state = MIN(state, LINK_CONNECTING);
		}
	}
	return state;
}

/* The only place that changes the state. Watchers may unwatch themselves. */
static void update_state(struct link *link, bool is_told_anyway)
{
	enum link_state state = state_of(link);

	if (state != link->state || is_told_anyway) {
		link->ready_since_ms = state != LINK_READY    ? 0
				       : link->ready_since_ms ? link->ready_since_ms
							      : clock_monotonic_ms();
		link->state = state;
		if (state == LINK_READY && link->main->serial != link->ready_serial) {
			link->ready_serial = link->main->serial;
			link->n_times_ready++;
		}
		tell_watchers(link);
	}
}

/* One that is late says more than what becomes of the attempts beside it. */
static bool has_late(const struct link *link)
{
	const struct connection *connection;

	TAILQ_FOREACH(connection, &link->open, entry)
	{
		if (connection->was_proven && connection->is_late) {
			return true;
		}
	}
	return false;
}

static void set_trouble(struct link *link, enum link_trouble trouble, const char *words)
{
	link->trouble = trouble;
	snprintf(link->error, sizeof(link->error), "%s", words);
}

/* ---- which one calls go over ---- */

/*
 * At another address than the present one: only while the present one says that it is full, and
 * where the server that the connection leads to says that it listens there too. It then is the same
 * one, as far as can be known without getting in.
 */
static bool serves_for_new_address(const struct link *link, const struct connection *connection)
{
	return link->attempt_trouble == LINK_TROUBLE_FULL &&
	       server_info_listens_at(&connection->server, &link->endpoint);
}

static bool is_usable(const struct link *link, const struct connection *connection)
{
	return is_good(connection) && !connection->is_suspect &&
	       (!connection->is_old_address || serves_for_new_address(link, connection));
}

/* A busy one stays: what is in flight together goes over one connection. */
static struct connection *choose_main(const struct link *link)
{
	struct connection *connection;
	struct connection *best = NULL;

	if (link->main != NULL && is_usable(link, link->main) &&
		(is_current(link->main) || connection_is_busy(link->main))) {
		return link->main;
	}
	TAILQ_FOREACH(connection, &link->open, entry)
	{
		if (is_usable(link, connection) && (best == NULL || !is_current(best))) {
			best = connection;
		}
	}
	return best;
}

static void update_main(struct link *link)
{
	struct connection *main = choose_main(link);

	if (main != link->main && link->main != NULL) {
		link->last = link->main->server;
	}
	link->main = main;
	if (main != NULL && main->is_aside) {
		connection_come_back(main);
	}
}

/* ---- too many, too few ---- */

static void give_up(struct connection *connection, const char *words)
{
	connection->is_given_up = true;
	connection_close(connection, LINK_TROUBLE_LOST, words);
}

/* The higher, the sooner it goes. */
static int badness(const struct link *link, const struct connection *connection)
{
	return (connection->is_old_address ? 8 : 0) + (connection->is_old_login ? 4 : 0) +
	       (connection->is_late ? 2 : 0) + (connection != link->main ? 1 : 0);
}

static struct connection *find_worst(struct link *link)
{
	struct connection *connection;
	struct connection *worst = NULL;

	TAILQ_FOREACH(connection, &link->open, entry)
	{
		if (is_proven(connection) && connection != link->main &&
			(worst == NULL || badness(link, connection) > badness(link, worst))) {
			worst = connection;
		}
	}
	return worst;
}

/*
 * For each new one that is proven an old or late one goes; but one whose answers somebody waits for
 * may stay until they have come, as long as it is the only one too many.
 */
static void close_surplus(struct link *link)
{
	struct connection *worst;

	while (count(link, is_proven) > n_wanted(link) && (worst = find_worst(link)) != NULL) {
		if (connection_is_busy(worst) && count(link, is_proven) == n_wanted(link) + 1) {
			worst->is_surplus = true;
			return;
		}
		give_up(worst, "another connection has taken its place");
	}
}

static void close_attempts(struct link *link)
{
	struct connection *connection;
	struct connection *next;

	for (connection = TAILQ_FIRST(&link->open); connection != NULL; connection = next) {
		next = TAILQ_NEXT(connection, entry);
		if (is_attempt(connection)) {
			give_up(connection, "it is not needed any more");
		}
	}
}

static bool is_complete(const struct link *link)
{
	return count(link, is_good_and_current) >= n_wanted(link);
}

/* Who makes a plan has to know all connections; who has none has no plan. */
static bool is_held(const struct link *link)
{
	return link->n_holding > 0 && link->main != NULL;
}

/* A place of ours, or those of others, became free a moment ago. */
static bool is_eager(const struct link *link)
{
	return link->freed_ms > 0 && clock_monotonic_ms() - link->freed_ms < EAGER_MS;
}

static int64_t full_ms(const struct link *link)
{
	if (is_eager(link) || (link->main == NULL && link->n_wanting > 0)) {
		return BACKOFF_FULL_WANTED_MS;
	}
	return link->main == NULL ? BACKOFF_FULL_MS : BACKOFF_FULL_SPARE_MS;
}

static int64_t retry_ms(const struct link *link)
{
	int64_t ms = BACKOFF_FIRST_MS;

	if (link->n_failures == 0) {
		return link->n_proven > 0 ? BACKOFF_FULL_WANTED_MS : 0;
	}
	if (link->attempt_trouble == LINK_TROUBLE_FULL) {
		return full_ms(link);
	}
	for (unsigned i = 1; i < link->n_failures && ms < BACKOFF_LAST_MS; i++) {
		ms *= 2;
	}
	return MIN(ms, (int64_t)BACKOFF_LAST_MS);
}

/* One attempt at a time; what was refused on an open connection is tried again on it. */
static void schedule(struct link *link)
{
	const struct connection *connection;
	bool has_attempt = false;
	bool has_refused = false;

	TAILQ_FOREACH(connection, &link->open, entry)
	{
		has_attempt |= is_attempt(connection);
		has_refused |= connection->state == CONNECTION_REFUSED;
	}
	if (!link->is_started || is_complete(link) || is_held(link)) {
		event_del(link->retry);
	} else if (!evtimer_pending(link->retry, NULL)) {
		timer_start(link->retry,
			has_attempt && !has_refused ? ATTEMPT_MAX_MS : jitter(retry_ms(link)));
	}
}

/* The one place that follows from every change of a connection. */
static void balance(struct link *link)
{
	if (link->is_balancing || link->is_retired) {
		return;
	}
	link->is_balancing = true;
	update_main(link);
	close_surplus(link);
	if (is_complete(link) || is_held(link)) {
		close_attempts(link);
	}
	link->is_balancing = false;
	schedule(link);
}

/* ---- what happens to connections ---- */

/*
 * Both are open, and it is not the same process behind them: it was restarted, and the end of the
 * old connection is still on its way; or the address leads to different servers by turns.
 */
static bool is_of_another_server(const struct link *link, const struct connection *connection)
{
	const struct connection *main = link->main;

	return main != NULL && main != connection && is_current(main) &&
	       main->server.run_id[0] != '\0' && connection->server.run_id[0] != '\0' &&
	       strcmp(main->server.run_id, connection->server.run_id) != 0;
}

static void note_proven(struct link *link, struct connection *connection)
{
	if (is_of_another_server(link, connection)) {
		connection->was_proven = false;
		connection_close(connection, LINK_TROUBLE_PASSING,
			"another server answers at this address than on the other connection: it "
			"was restarted, or the address leads to several servers by turns");
		return;
	}
	link->n_failures = 0;
	link->freed_ms = 0;
	link->n_proven++;
	set_trouble(link, LINK_TROUBLE_NONE, "");
	event_del(link->retry);
	tell_news(link, link->n_proven <= n_wanted(link) ? LINK_NEWS_READY : LINK_NEWS_BACK, "");
}

static void note_failed(struct link *link, const struct connection *connection)
{
	link->n_failures++;
	link->failed_ms = clock_monotonic_ms();
	link->attempt_trouble = connection->trouble;
	event_del(link->retry);
	/* That a server which does not answer is full as well is only what follows from it. */
	if (!has_late(link) || connection->trouble != LINK_TROUBLE_FULL) {
		set_trouble(link, connection->trouble, connection->words);
	}
	tell_news(link, LINK_NEWS_REFUSED, connection->words);
}

static const char cut_words[] =
	"the server closes the connection when it is asked for CLIENT LIST: the listing is larger "
	"than its client-output-buffer-limit allows a normal client; raise it with: CONFIG SET "
	"client-output-buffer-limit \"normal 0 0 0\"";

static void note_listings(struct link *link, struct connection *connection)
{
	if (connection->has_listed) {
		link->n_cut_listings = 0;
		connection->has_listed = false;
	}
	if (connection->was_listing && ++link->n_cut_listings > CUT_LISTINGS) {
		snprintf(connection->words, sizeof(connection->words), "%s", cut_words);
		connection->trouble = LINK_TROUBLE_FINAL;
	}
}

static void note_closed(struct link *link, struct connection *connection)
{
	link->keepalive_ms = MIN(link->keepalive_ms, connection->in.keepalive_ms);
	if (link->main == connection) {
		link->last = connection->server;
		link->main = NULL;
	}
	TAILQ_REMOVE(&link->open, connection, entry);
	TAILQ_INSERT_TAIL(&link->dead, connection, entry);
	if (connection->is_given_up) {
		return;
	}
	note_listings(link, connection);
	if (!connection->was_proven) {
		note_failed(link, connection);
		return;
	}
	/* It had a place a moment ago. */
	link->n_failures = 0;
	link->freed_ms = clock_monotonic_ms();
	event_del(link->retry);
	set_trouble(link, connection->trouble, connection->words);
	tell_news(link, LINK_NEWS_LOST, connection->words);
}

/* What one may not do, the others of the same account may not either. */
static void note_denied(struct link *link, const struct connection *denied)
{
	struct connection *connection;

	set_trouble(link, LINK_TROUBLE_FINAL, denied->words);
	link->n_failures = 1;
	tell_news(link, LINK_NEWS_REFUSED, denied->words);
	link->is_balancing = true;
	TAILQ_FOREACH(connection, &link->open, entry)
	{
		if (connection->state == CONNECTION_READY && !connection->is_late) {
			connection->known_state = CONNECTION_REFUSED;
			connection->server.missing = denied->server.missing;
			connection_unprove(connection, denied->words);
		}
	}
	link->is_balancing = false;
}

/* Who has heard nothing since the late one was asked may be late as well: a word is enough. */
static void suspect_others(struct link *link, const struct connection *late)
{
	struct connection *connection;

	TAILQ_FOREACH(connection, &link->open, entry)
	{
		if (connection != late && is_good(connection) &&
			connection->last_reply_ms <= late->late_since_ms) {
			connection->is_suspect = true;
			connection_probe(connection);
		}
	}
}

static void note_late(struct link *link, const struct connection *connection)
{
	if (connection->was_proven) {
		suspect_others(link, connection);
		set_trouble(link, connection->trouble, connection->words);
		tell_news(link, LINK_NEWS_LATE, connection->words);
	} else {
		note_failed(link, connection);
	}
}

static void note(struct link *link, struct connection *connection)
{
	enum connection_state before = connection->known_state;
	bool was_late = connection->was_known_late;

	connection->known_state = connection->state;
	connection->was_known_late = connection->is_late;
	if (connection->state == before) {
		if (connection->is_late && !was_late) {
			note_late(link, connection);
		} else if (was_late && !connection->is_late && is_proven(connection)) {
			set_trouble(link, LINK_TROUBLE_NONE, "");
			tell_news(link, LINK_NEWS_BACK, "the late answer has come");
		}
		return;
	}
	switch (connection->state) {
	case CONNECTION_READY:
		note_proven(link, connection);
		break;
	case CONNECTION_REFUSED:
		if (before == CONNECTION_READY) {
			note_denied(link, connection);
		} else {
			note_failed(link, connection);
		}
		break;
	case CONNECTION_CLOSED:
		note_closed(link, connection);
		break;
	case CONNECTION_DIALING:
	case CONNECTION_HANDSHAKE:
		break;
	}
}

static void on_changed(struct connection *connection, void *context)
{
	struct link *link = context;
	bool is_failure;

	if (connection->has_listed) {
		note_listings(link, connection);
	}
	note(link, connection);
	is_failure = !connection->is_given_up && (connection->state == CONNECTION_REFUSED ||
							 connection->state == CONNECTION_CLOSED);
	balance(link);
	if (!link->is_balancing) {
		update_state(link, is_failure && link->main == NULL);
	}
}

/* ---- attempts ---- */

static bool has_tls(const struct link *link)
{
	return link->endpoint.has_tls || link->opts.tls.is_on;
}

static void open_another(struct link *link)
{
	struct connection_inputs inputs = {
		.loop = link->world.loop,
		.resolver = link->world.resolver,
		.endpoint = &link->endpoint,
		.opts = &link->opts,
		.guard = &link->guard,
		.keepalive_ms = link->keepalive_ms,
		.proves_listing = link->n_cut_listings >= CUT_LISTINGS,
		.changed_fn = on_changed,
		.context = link,
	};
	struct connection *connection;

	if (has_tls(link) && link->tls == NULL) {
		link->tls = tls_context_new(&link->opts.tls);
	}
	inputs.tls = has_tls(link) ? link->tls : NULL;
	connection = connection_new(&inputs);
	connection->serial = ++link->n_connections;
	TAILQ_INSERT_TAIL(&link->open, connection, entry);
}

static void on_retry(evutil_socket_t fd, short what, void *context)
{
	struct link *link = context;
	struct connection *connection;
	struct connection *next;
	bool is_tried = false;

	(void)fd;
	(void)what;
	guard_enter(&link->guard);
	for (connection = TAILQ_FIRST(&link->open); connection != NULL; connection = next) {
		next = TAILQ_NEXT(connection, entry);
		if (connection->state == CONNECTION_REFUSED) {
			is_tried = true;
			connection_log_in(connection);
		} else if (is_attempt(connection) &&
			   clock_monotonic_ms() - connection->started_ms >= ATTEMPT_MAX_MS / 2) {
			give_up(connection, "it was not answered");
		} else {
			is_tried |= is_attempt(connection);
		}
	}
	if (!is_tried && !is_complete(link)) {
		open_another(link);
	}
	balance(link);
	update_state(link, false);
	guard_leave(&link->guard);
}

static void on_resetting(evutil_socket_t fd, short what, void *context)
{
	struct link *link = context;

	(void)fd;
	(void)what;
	guard_enter(&link->guard);
	if (link->main != NULL) {
		connection_close(link->main, LINK_TROUBLE_LOST, link->reset_words);
	}
	guard_leave(&link->guard);
}

void link_reset(struct link *link, const char *words)
{
	snprintf(link->reset_words, sizeof(link->reset_words), "%s", words);
	event_active(link->resetting, 0, 0);
}

/* ---- life ---- */

static void destroy(struct link *link)
{
	if (link->attachment != NULL) {
		link->free_attachment_fn(link->attachment);
	}
	event_free(link->retry);
	event_free(link->resetting);
	tls_context_free(link->tls);
	endpoint_finish(&link->endpoint);
	link_opts_finish(&link->opts);
	free(link->address);
	free(link);
}

static void retire(struct link *link)
{
	struct connection *connection;

	link->is_retired = true;
	event_del(link->retry);
	event_del(link->resetting);
	link->main = NULL;
	set_trouble(link, LINK_TROUBLE_FINAL, link->retire_words);
	while ((connection = TAILQ_FIRST(&link->open)) != NULL) {
		give_up(connection, link->retire_words);
	}
	update_state(link, true);
}

static void on_idle(struct guard *guard)
{
	struct link *link = (struct link *)((char *)guard - offsetof(struct link, guard));
	struct connection *connection;

	while ((connection = TAILQ_FIRST(&link->dead)) != NULL) {
		TAILQ_REMOVE(&link->dead, connection, entry);
		connection_free(connection);
	}
	if (link->n_refs == 0) {
		CHECK(link->watchers == NULL);
		destroy(link);
	}
}

struct link *link_new(const struct link_world *world, const struct endpoint *endpoint,
	const struct link_opts *opts)
{
	struct link *link = mem_new(struct link);

	link->n_refs = 1;
	link->world = *world;
	link->guard.idle_fn = on_idle;
	endpoint_copy(&link->endpoint, endpoint);
	link_opts_copy(&link->opts, opts);
	link->address = endpoint_print(endpoint);
	TAILQ_INIT(&link->open);
	TAILQ_INIT(&link->dead);
	link->last = (struct link_server){.n_clients = -1, .max_clients = -1, .n_connections = -1};
	link->state = LINK_BACKOFF;
	link->keepalive_ms = world->keepalive_ms > 0 ? world->keepalive_ms : KEEPALIVE_MS;
	link->retry = evtimer_new(world->loop, on_retry, link);
	link->resetting = event_new(world->loop, -1, 0, on_resetting, link);
	CHECK(link->retry != NULL && link->resetting != NULL);
	set_trouble(link, LINK_TROUBLE_PASSING, "not connected yet");
	return link;
}

struct link *link_ref(struct link *link)
{
	link->n_refs++;
	return link;
}

void link_unref(struct link *link)
{
	if (link == NULL || link->n_refs > 1) {
		if (link != NULL) {
			link->n_refs--;
		}
		return;
	}
	CHECK(link->n_wanting == 0);
	guard_enter(&link->guard);
	link_retire(link, "nobody needs the connection any more");
	link->n_refs--;
	guard_leave(&link->guard);
}

void link_start(struct link *link)
{
	link->is_started = true;
	balance(link);
}

void link_retire(struct link *link, const char *words)
{
	if (link->is_retired) {
		return;
	}
	if (!link->is_retiring) {
		snprintf(link->retire_words, sizeof(link->retire_words), "%s", words);
		link->is_retiring = true;
	}
	if (link->n_wanting == 0) {
		guard_enter(&link->guard);
		retire(link);
		guard_leave(&link->guard);
	}
}

/* One that leads to the address that is configured again is as good as it was. */
static void make_old(struct link *link, bool is_old_login)
{
	struct connection *connection;

	TAILQ_FOREACH(connection, &link->open, entry)
	{
		connection->is_old_login |= is_old_login;
		connection->is_old_address =
			!endpoint_is_equal(&connection->endpoint, &link->endpoint);
	}
}

void link_change(struct link *link, const struct endpoint *endpoint, const struct link_opts *opts)
{
	bool is_other_login = !link_opts_is_same_login(&link->opts, opts);
	bool is_other_address = !endpoint_is_equal(&link->endpoint, endpoint);

	guard_enter(&link->guard);
	if (is_other_login || is_other_address) {
		close_attempts(link);
		link->n_failures = 0;
		link->attempt_trouble = LINK_TROUBLE_NONE;
		event_del(link->retry);
		tls_context_free(link->tls);
		link->tls = NULL;
	}
	if (is_other_address) {
		endpoint_finish(&link->endpoint);
		endpoint_copy(&link->endpoint, endpoint);
		free(link->address);
		link->address = endpoint_print(endpoint);
		set_trouble(link, LINK_TROUBLE_PASSING,
			"the configured address has changed, and is not reached yet");
	}
	make_old(link, is_other_login);
	link_opts_finish(&link->opts);
	link_opts_copy(&link->opts, opts);
	balance(link);
	update_state(link, false);
	guard_leave(&link->guard);
}

void link_want(struct link *link)
{
	link->n_wanting++;
	if (link->attempt_trouble == LINK_TROUBLE_FULL && link->n_failures > 0) {
		event_del(link->retry);
		schedule(link);
	} else if (link_trouble(link) == LINK_TROUBLE_FINAL && !link->is_retired &&
		   evtimer_pending(link->retry, NULL)) {
		/* Somebody's hand may have mended it just now: he wants to see it. */
		timer_start(link->retry,
			MAX(link->failed_ms + FINAL_WANTED_MS - clock_monotonic_ms(), 0));
	}
}

void link_unwant(struct link *link)
{
	CHECK(link->n_wanting > 0);
	link->n_wanting--;
	if (link->is_retiring && link->n_wanting == 0) {
		link_retire(link, link->retire_words);
	}
}

void link_hold(struct link *link)
{
	link->n_holding++;
	guard_enter(&link->guard);
	balance(link);
	guard_leave(&link->guard);
}

void link_release(struct link *link)
{
	CHECK(link->n_holding > 0);
	link->n_holding--;
	/* Whoever held it has most likely made room. */
	link->freed_ms = clock_monotonic_ms();
	guard_enter(&link->guard);
	balance(link);
	guard_leave(&link->guard);
}

/* ---- calls ---- */

int link_send(struct link *link, const struct link_command *command)
{
	if (link->main == NULL) {
		return -ENOTCONN;
	}
	connection_call(link->main, command);
	return 0;
}

static void ignore_reply(void *context, const struct reply *reply, const char *lost)
{
	(void)context;
	(void)reply;
	(void)lost;
}

void link_break_busy(struct link *link)
{
	static const char *const kinds[] = {"SCRIPT", "FUNCTION"};
	struct connection *connection;

	TAILQ_FOREACH(connection, &link->open, entry)
	{
		if (connection->state == CONNECTION_REFUSED &&
			slice_has_prefix(slice_of(connection->words), "BUSY")) {
			break;
		}
	}
	/* Which of the two runs is not known; the other one is refused. */
	for (size_t i = 0; connection != NULL && i < ARRAY_SIZE(kinds); i++) {
		struct slice argv[] = {slice_of(kinds[i]), SLICE_LITERAL("KILL")};
		struct link_command command = {
			.argv = argv,
			.argc = ARRAY_SIZE(argv),
			.reply_fn = ignore_reply,
		};

		connection_call(connection, &command);
	}
}

/* ---- stepping aside ---- */

bool link_can_step_aside(const struct link *link)
{
	const struct connection *connection;

	TAILQ_FOREACH(connection, &link->open, entry)
	{
		if (connection != link->main &&
			(!is_good(connection) ||
				!caps_has(&connection->server.caps, CAP_SUBSCRIBE))) {
			return false;
		}
	}
	return true;
}

static void on_stepped(void *context, const struct reply *reply, const char *lost)
{
	struct link *link = context;
	struct step_aside *aside = &link->aside;

	/* One that was lost is in nobody's way. */
	(void)lost;
	if (reply != NULL && reply->type == REPLY_ERROR) {
		snprintf(aside->failure, sizeof(aside->failure), "%.*s", SLICE_ARG(reply->text));
	}
	if (--aside->n_unanswered == 0) {
		aside->done_fn(aside->context, aside->failure[0] != '\0' ? aside->failure : NULL);
	}
}

bool link_step_aside(struct link *link, bool is_aside, struct calls *owner,
	void (*done_fn)(void *context, const char *failure), void *context)
{
	struct slice argv[] = {slice_of(is_aside ? "SUBSCRIBE" : "UNSUBSCRIBE"),
		SLICE_LITERAL(CONNECTION_CHANNEL)};
	struct link_command command = {
		.argv = argv,
		.argc = ARRAY_SIZE(argv),
		.reply_fn = done_fn != NULL ? on_stepped : ignore_reply,
		.context = link,
		.owner = owner,
	};
	struct connection *connection;
	size_t n = 0;

	if (done_fn != NULL) {
		link->aside = (struct step_aside){.done_fn = done_fn, .context = context};
	}
	TAILQ_FOREACH(connection, &link->open, entry)
	{
		if (connection != link->main && is_good(connection) &&
			connection->is_aside != is_aside) {
			connection_call(connection, &command);
			connection->is_aside = is_aside;
			n++;
		}
	}
	link->aside.n_unanswered = n;
	return n > 0;
}

/* ---- what others may know ---- */

const char *link_permission_name(enum link_permission permission)
{
	static const char *const names[] = {
#define PERMISSION(suffix, name, is_needed) (name),
		LINK_PERMISSIONS(PERMISSION)
#undef PERMISSION
	};

	return names[permission];
}

bool link_permission_is_needed(enum link_permission permission)
{
	static const bool needed[] = {
#define PERMISSION(suffix, name, is_needed) (is_needed),
		LINK_PERMISSIONS(PERMISSION)
#undef PERMISSION
	};

	return needed[permission];
}

enum link_state link_state(const struct link *link)
{
	return state_of(link);
}

enum link_trouble link_trouble(const struct link *link)
{
	return link->main != NULL ? LINK_TROUBLE_NONE : link->trouble;
}

/* Of one that cannot be used: what its handshake has found missing is worth knowing. */
const struct link_server *link_server(const struct link *link)
{
	const struct connection *connection = TAILQ_FIRST(&link->open);

	if (link->main != NULL) {
		return &link->main->server;
	}
	return connection != NULL && connection->state == CONNECTION_REFUSED ? &connection->server
									     : &link->last;
}

const struct endpoint *link_endpoint(const struct link *link)
{
	return &link->endpoint;
}

const char *link_address(const struct link *link)
{
	return link->address;
}

const char *link_error(const struct link *link)
{
	return link->main != NULL ? "" : link->error;
}

const char *link_last_error(const struct link *link)
{
	return is_complete(link) ? "" : link->error;
}

int64_t link_ready_since_ms(const struct link *link)
{
	return link->main != NULL ? link->main->ready_since_ms : 0;
}

uint64_t link_n_reconnects(const struct link *link)
{
	return link->n_times_ready > 0 ? link->n_times_ready - 1 : 0;
}

const struct link_opts *link_options(const struct link *link)
{
	return &link->opts;
}

bool link_is_at_former_address(const struct link *link)
{
	return link->main != NULL && link->main->is_old_address;
}

size_t link_n_connections(const struct link *link)
{
	const struct connection *connection;
	size_t n = 0;

	TAILQ_FOREACH(connection, &link->open, entry)
	{
		n++;
	}
	return n;
}

static struct link_connection view(const struct link *link, const struct connection *connection)
{
	return (struct link_connection){
		.server = &connection->server,
		.is_proven = connection->state == CONNECTION_READY,
		.is_late = connection->is_late,
		.is_main = connection == link->main,
		.ready_since_ms = connection->ready_since_ms,
		.descriptor = connection->socket != NULL
				      ? (int)bufferevent_getfd(connection->socket)
				      : -1,
	};
}

struct link_connection link_connection(const struct link *link, size_t index)
{
	const struct connection *connection;

	if (link->main != NULL && index-- == 0) {
		return view(link, link->main);
	}
	TAILQ_FOREACH(connection, &link->open, entry)
	{
		if (connection != link->main && index-- == 0) {
			return view(link, connection);
		}
	}
	CHECK(!"an index beyond the connections");
	return (struct link_connection){0};
}

uint64_t link_main_serial(const struct link *link)
{
	return link->main != NULL ? link->main->serial : 0;
}

uint64_t link_newest_serial(const struct link *link)
{
	return link->n_connections;
}

int link_descriptor(const struct link *link)
{
	return link->main != NULL ? view(link, link->main).descriptor : -1;
}

void link_attach(struct link *link, void *object, void (*free_fn)(void *object))
{
	CHECK(link->attachment == NULL);
	link->attachment = object;
	link->free_attachment_fn = free_fn;
}

void *link_attachment(const struct link *link)
{
	return link->attachment;
}

void link_watch(struct link *link, struct link_watcher *watcher)
{
	watcher->next = link->watchers;
	link->watchers = watcher;
}

void link_unwatch(struct link *link, struct link_watcher *watcher)
{
	for (struct link_watcher **at = &link->watchers; *at != NULL; at = &(*at)->next) {
		if (*at == watcher) {
			*at = watcher->next;
			return;
		}
	}
}
