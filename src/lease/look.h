/*
 * A look at who comes from where, and the judgement of it. None calls one that stands further
 * right: lease_servers < look_judge < lease_look, lease_follow.
 */
#ifndef LEASE_LOOK_H
#define LEASE_LOOK_H

#include "kill/own_sessions.h"
#include "lease/lease.h"
#include "model/intern.h"
#include "redis/client_list.h"
#include "redis/link.h"

/* ---- lease_servers.c ---- */

/* Servers have that many addresses at most, all nodes together. */
#define LEASE_MAX_SERVERS 256

struct local_addresses {
	struct ends_address *items;
	size_t n;
};

void local_addresses_find(struct local_addresses *local);
void local_addresses_finish(struct local_addresses *local);

struct lease_servers {
	struct ends_address items[LEASE_MAX_SERVERS];
	size_t n;
	bool is_too_many;
	struct ends_address_text
		doubt; /* may be another server's, and is not among them; "" none */
};

void lease_servers_add(struct lease_servers *servers, const struct ends_address *address);
/* Where it is connected to. False: not by TCP. */
NODISCARD bool lease_server_of(const struct link *link, struct ends_address *ret_server);
void lease_servers_add_link(struct lease_servers *servers, const struct link *link);
/* Where else its server listens, by the ports that are among them. */
void lease_servers_add_listeners(struct lease_servers *servers, const struct local_addresses *local,
	const struct link *link);
bool lease_is_here(const struct link *link);
/* Connected, and proven to belong to the instance: others are not killed on, nor kept out of. */
bool lease_is_member(const struct instance *instance, const struct link *link);

/* ---- lease_look.c ---- */

struct look_node {
	struct lease_look *look;
	struct link *link; /* held */
	struct listing_reader reader;
	struct own_sessions own;
	struct protection protection;
	bool is_listed;
	bool is_proved; /* what it says of our connection is so: it is here, and behind no proxy */
};

/* Of one address, over all nodes. */
struct look_source {
	uint64_t n_matched;
	uint64_t n_others;
	uint64_t n_kept;
	char kept[120];  /* one of those that must never be shut out */
	char other[120]; /* one of those that the kill leaves */
};

struct lease_look {
	const struct instances *instances;
	const struct instance *instance; /* held */
	const struct request *request;   /* borrowed */
	struct look_node *nodes;
	size_t n_nodes;
	size_t n_unlisted;
	struct intern texts; /* addresses, in the order of `sources` and `addresses` */
	struct look_source *sources;
	size_t sources_capacity;
	struct ends_address *addresses;
	size_t addresses_capacity;
	struct lease_servers servers;
	uint64_t n_without_address; /* are to be ended, and come by a Unix socket */
	uint64_t n_unreadable;
	struct local_addresses local;
	char *failure;   /* NULL: none */
	bool is_inexact; /* that is the reason */
	char *warning;   /* NULL: none */
	struct event *finished;
	lease_look_fn done_fn;
	void *context;
};

/* The first reason counts; `failure` is taken over. */
void look_refuse(struct lease_look *look, bool is_inexact, char *failure);
/* Finds why those that are to be ended cannot be kept out, or whom the door hits besides. */
void look_judge(struct lease_look *look);

#endif
