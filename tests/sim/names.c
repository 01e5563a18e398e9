/*
 * Names, and where they lead to: instead of libc's resolver (redis/query.h). An answer takes time,
 * and some never come.
 */
#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/check.h"
#include "base/mem.h"
#include "redis/query.h"
#include "sim.h"

#define MAX_NAMES 16
#define MAX_IPS 4

struct name {
	char text[40];
	const char *ips[MAX_IPS];
	size_t n_ips;
};

static struct name names[MAX_NAMES];
static size_t n_names;
static unsigned generation; /* of daemons */

void names_begin(void)
{
	n_names = 0;
	generation++;
}

void names_lose(void)
{
	generation++;
}

static struct name *find(const char *text)
{
	for (size_t i = 0; i < n_names; i++) {
		if (strcmp(names[i].text, text) == 0) {
			return &names[i];
		}
	}
	return NULL;
}

void names_set(const char *text, const char *const *ips, size_t n_ips)
{
	struct name *name = find(text);

	CHECK(n_ips <= MAX_IPS && (name != NULL || n_names < MAX_NAMES));
	if (name == NULL) {
		name = &names[n_names++];
		snprintf(name->text, sizeof(name->text), "%s", text);
	}
	memcpy(name->ips, ips, n_ips * sizeof(*ips));
	name->n_ips = n_ips;
}

/* ---- instead of query.c ---- */

struct bell {
	int fd;
	unsigned n_owners;
};

struct query {
	struct bell *bell;
	char *host;
	unsigned generation;
	bool is_done, is_given_up;
};

struct bell *bell_new(void)
{
	struct bell *bell = mem_new(struct bell);

	bell->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	bell->n_owners = 1;
	return bell;
}

void bell_unref(struct bell *bell)
{
	if (--bell->n_owners == 0) {
		close(bell->fd);
		free(bell);
	}
}

int bell_descriptor(const struct bell *bell)
{
	return bell->fd;
}

void bell_hush(struct bell *bell)
{
	eventfd_t n;

	(void)!eventfd_read(bell->fd, &n);
}

static void finish(struct query *query)
{
	bell_unref(query->bell);
	free(query->host);
	free(query);
}

static void on_answer(void *context, uint64_t value)
{
	struct query *query = context;

	if (query->generation != generation) {
		return; /* who asked is dead */
	}
	if (query->is_given_up) {
		finish(query);
		return;
	}
	query->is_done = true;
	(void)!eventfd_write(query->bell->fd, 1);
}

struct query *query_new(struct bell *bell, const char *host)
{
	struct query *query = mem_new(struct query);
	int64_t takes = (int64_t)sim_roll(5) * SIM_MS;

	if (sim_fault(5)) {
		takes = (int64_t)sim_roll(6000) * SIM_MS;
	}
	bell->n_owners++;
	query->bell = bell;
	query->generation = generation;
	query->host = mem_printf("%s", host);
	sim_in(takes, on_answer, query, 0);
	return query;
}

bool query_is_done(struct query *query)
{
	return query->is_done;
}

static struct addrinfo *address_new(const char *ip)
{
	struct addrinfo hints = {.ai_flags = AI_NUMERICHOST, .ai_socktype = SOCK_STREAM};
	struct addrinfo *address;

	CHECK(getaddrinfo(ip, NULL, &hints, &address) == 0);
	return address;
}

int query_take(struct query *query, struct addrinfo **ret_addresses)
{
	const struct name *name = find(query->host);
	struct addrinfo **last = ret_addresses;

	*ret_addresses = NULL;
	if (name == NULL || name->n_ips == 0) {
		return EAI_NONAME;
	}
	for (size_t i = 0; i < name->n_ips; i++) {
		*last = address_new(name->ips[i]);
		last = &(*last)->ai_next;
	}
	return 0;
}

void query_free(struct query *query)
{
	if (query->is_done) {
		finish(query);
	} else {
		query->is_given_up = true;
	}
}
