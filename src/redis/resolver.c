/*
 * Look-ups of names.
 */
#include "redis/resolver.h"

#include <event2/event.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <string.h>
#include <sys/queue.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "redis/query.h"

enum name_state {
	NAME_WAITING,  /* for its turn */
	NAME_ASKED,    /* libc looks it up, whether or not anybody still waits for it */
	NAME_ANSWERED, /* kept while it may be reused, and until all who waited are told */
};

TAILQ_HEAD(lookups, lookup);

struct name {
	TAILQ_ENTRY(name) entry;
	char *host;
	enum name_state state;
	struct query *query;        /* ASKED */
	struct addrinfo *addresses; /* ANSWERED; NULL: `error` says why */
	int error;                  /* EAI_* */
	int64_t answered_ms;
	struct lookups lookups;
};
TAILQ_HEAD(names, name);

struct lookup {
	TAILQ_ENTRY(lookup) entry;
	struct resolver *resolver;
	struct name *name;           /* NULL: it was an address already */
	struct addrinfo *as_address; /* then */
	uint16_t port;
	lookup_done_fn done_fn;
	void *context;
	struct event *timer; /* its patience; made active when there is something to tell */
};

struct resolver {
	struct event_base *loop;
	struct bell *bell;
	struct event *ringing;
	struct names names;
	size_t n_asked;
	size_t n_lookups;
};

/* The analyzer does not see that TAILQ_REMOVE() takes the first one out as well. */
/* NOLINTBEGIN(clang-analyzer-unix.Malloc) */

/* ---- names ---- */

static struct name *find(struct resolver *resolver, const char *host)
{
	struct name *name;

	TAILQ_FOREACH(name, &resolver->names, entry)
	{
		if (strcmp(name->host, host) == 0) {
			return name;
		}
	}
	return NULL;
}

static void answer(struct name *name, int error, struct addrinfo *addresses)
{
	struct lookup *lookup;

	name->state = NAME_ANSWERED;
	name->error = error;
	name->addresses = addresses;
	name->answered_ms = clock_monotonic_ms();
	TAILQ_FOREACH(lookup, &name->lookups, entry)
	{
		event_active(lookup->timer, 0, 0);
	}
}

static void ask(struct resolver *resolver, struct name *name)
{
	name->query = query_new(resolver->bell, name->host);
	if (name->query == NULL) {
		answer(name, EAI_AGAIN, NULL);
		return;
	}
	name->state = NAME_ASKED;
	resolver->n_asked++;
}

static void drop_query(struct resolver *resolver, struct name *name)
{
	if (name->query != NULL) {
		query_free(name->query);
		name->query = NULL;
		resolver->n_asked--;
	}
}

static void take_answer(struct resolver *resolver, struct name *name)
{
	struct addrinfo *addresses = NULL;
	int error = query_take(name->query, &addresses);

	drop_query(resolver, name);
	answer(name, error, addresses);
}

static void name_free(struct resolver *resolver, struct name *name)
{
	TAILQ_REMOVE(&resolver->names, name, entry);
	drop_query(resolver, name);
	if (name->addresses != NULL) {
		freeaddrinfo(name->addresses);
	}
	free(name->host);
	free(name);
}

/* Whom nobody waits for: one that has not been asked yet, and an answer that is too old. */
static bool is_useless(const struct name *name)
{
	if (!TAILQ_EMPTY(&name->lookups)) {
		return false;
	}
	return name->state == NAME_WAITING ||
	       (name->state == NAME_ANSWERED &&
		       clock_monotonic_ms() - name->answered_ms >= RESOLVER_REUSE_MS);
}

/*
 * Takes the answers that are there, drops old ones, and asks for the next names. Whether the bell
 * was rung does not matter.
 */
static void go_on(struct resolver *resolver)
{
	struct name *name;
	struct name *next;

	for (name = TAILQ_FIRST(&resolver->names); name != NULL; name = next) {
		next = TAILQ_NEXT(name, entry);
		if (name->state == NAME_ASKED && query_is_done(name->query)) {
			take_answer(resolver, name);
		}
		if (is_useless(name)) {
			name_free(resolver, name);
		}
	}
	TAILQ_FOREACH(name, &resolver->names, entry)
	{
		if (resolver->n_asked == RESOLVER_MAX_AT_ONCE) {
			return;
		}
		if (name->state == NAME_WAITING) {
			ask(resolver, name);
		}
	}
}

static struct name *name_new(struct resolver *resolver, const char *host)
{
	struct name *name = mem_new(struct name);

	name->host = mem_copy_text(host, strlen(host));
	name->state = NAME_WAITING;
	TAILQ_INIT(&name->lookups);
	TAILQ_INSERT_TAIL(&resolver->names, name, entry);
	return name;
}

static void on_ringing(evutil_socket_t fd, short what, void *context)
{
	struct resolver *resolver = context;

	bell_hush(resolver->bell);
	go_on(resolver);
}

/* ---- look-ups ---- */

static void lookup_free(struct lookup *lookup)
{
	struct resolver *resolver = lookup->resolver;

	if (lookup->name != NULL) {
		TAILQ_REMOVE(&lookup->name->lookups, lookup, entry);
		if (is_useless(lookup->name)) {
			name_free(resolver, lookup->name);
		}
	}
	if (lookup->as_address != NULL) {
		freeaddrinfo(lookup->as_address);
	}
	event_free(lookup->timer);
	free(lookup);
	resolver->n_lookups--;
}

/* Look-ups of one name may have ports of their own: each sets it before the addresses are shown. */
static void set_port(struct addrinfo *addresses, uint16_t port)
{
	for (struct addrinfo *address = addresses; address != NULL; address = address->ai_next) {
		if (address->ai_family == AF_INET) {
			((struct sockaddr_in *)(void *)address->ai_addr)->sin_port = htons(port);
		} else if (address->ai_family == AF_INET6) {
			((struct sockaddr_in6 *)(void *)address->ai_addr)->sin6_port = htons(port);
		}
	}
}

static void on_timer(evutil_socket_t fd, short what, void *context)
{
	struct lookup *lookup = context;
	struct name *name = lookup->name;
	struct addrinfo *addresses = lookup->as_address;
	struct err err;

	if (name != NULL && name->state != NAME_ANSWERED) {
		go_on(lookup->resolver);
	}
	if (name != NULL) {
		addresses = name->addresses;
		err_set(&err, "cannot find \"%s\": %s", name->host,
			name->state == NAME_ANSWERED ? gai_strerror(name->error)
						     : "no answer in time");
	}
	set_port(addresses, lookup->port);
	lookup->done_fn(lookup->context, addresses, addresses == NULL ? err.text : NULL);
	lookup_free(lookup);
}

/* `host` as what it is when it is an IP address; NULL: it is a name. Asks nobody. */
static struct addrinfo *read_address(const char *host)
{
	const struct addrinfo hints = {
		.ai_flags = AI_NUMERICHOST,
		.ai_family = AF_UNSPEC,
		.ai_socktype = SOCK_STREAM,
		.ai_protocol = IPPROTO_TCP,
	};
	struct addrinfo *address;

	return getaddrinfo(host, NULL, &hints, &address) == 0 ? address : NULL;
}

void resolver_forget(struct resolver *resolver, const char *host)
{
	struct name *name = find(resolver, host);

	if (name != NULL && name->state == NAME_ANSWERED && TAILQ_EMPTY(&name->lookups)) {
		name_free(resolver, name);
	}
}

struct lookup *resolver_look_up(struct resolver *resolver, const char *host, uint16_t port,
	lookup_done_fn done_fn, void *context)
{
	static const struct timeval patience = {.tv_sec = RESOLVER_PATIENCE_MS / 1000};
	struct lookup *lookup = mem_new(struct lookup);

	lookup->resolver = resolver;
	lookup->port = port;
	lookup->done_fn = done_fn;
	lookup->context = context;
	lookup->timer = evtimer_new(resolver->loop, on_timer, lookup);
	CHECK(lookup->timer != NULL);
	resolver->n_lookups++;
	lookup->as_address = read_address(host);
	if (lookup->as_address != NULL) {
		event_active(lookup->timer, 0, 0);
		return lookup;
	}
	evtimer_add(lookup->timer, &patience);
	go_on(resolver);
	lookup->name = find(resolver, host);
	if (lookup->name == NULL) {
		lookup->name = name_new(resolver, host);
	}
	TAILQ_INSERT_TAIL(&lookup->name->lookups, lookup, entry);
	if (lookup->name->state == NAME_ANSWERED) {
		event_active(lookup->timer, 0, 0);
	}
	go_on(resolver);
	return lookup;
}

void lookup_cancel(struct lookup *lookup)
{
	if (lookup != NULL) {
		lookup_free(lookup);
	}
}

/* ---- life ---- */

struct resolver *resolver_new(struct event_base *loop)
{
	struct resolver *resolver = mem_new(struct resolver);

	resolver->loop = loop;
	TAILQ_INIT(&resolver->names);
	resolver->bell = bell_new();
	resolver->ringing = event_new(
		loop, bell_descriptor(resolver->bell), EV_READ | EV_PERSIST, on_ringing, resolver);
	CHECK(resolver->ringing != NULL && event_add(resolver->ringing, NULL) == 0);
	return resolver;
}

void resolver_free(struct resolver *resolver)
{
	struct name *name;

	if (resolver == NULL) {
		return;
	}
	CHECK(resolver->n_lookups == 0);
	while ((name = TAILQ_FIRST(&resolver->names)) != NULL) {
		name_free(resolver, name);
	}
	event_free(resolver->ringing);
	bell_unref(resolver->bell);
	free(resolver);
}

/* NOLINTEND(clang-analyzer-unix.Malloc) */
