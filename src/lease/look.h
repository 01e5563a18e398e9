/*
 * A look at who comes from where, and the judgement of it. None calls one that stands further
 * right: look_judge < lease_look.
 */
#ifndef LEASE_LOOK_H
#define LEASE_LOOK_H

#include "kill/own_sessions.h"
#include "lease/lease.h"
#include "model/intern.h"
#include "redis/client_list.h"

/* Servers have that many addresses at most, all nodes together. */
#define MAX_SERVERS 256

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
	struct ends_address servers[MAX_SERVERS];
	size_t n_servers;
	uint64_t n_without_address; /* are to be ended, and come by a Unix socket */
	uint64_t n_unreadable;
	struct ends_address *local; /* addresses of this host */
	size_t n_local;
	size_t local_capacity;
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
