/*
 * What a census says of a server and of its clients.
 */
#include <pwd.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "host/census_internal.h"
#include "host/procfs.h"

#define PASSWD_BYTES 16384
/* A server counts whole seconds, and may be one late to notice. */
#define AGE_DOUBT_MS 1000
/* As many as the kernel gives to a process where nobody has raised /proc/sys/fs/nr_open. */
#define MAX_DESCRIPTORS 1048576

/* ---- sockets ---- */

static const struct diag_tcp *find_tcp(const struct census *census,
	const struct ends_address *local, const struct ends_address *remote)
{
	uint32_t i = index_first(&census->tcp_index, census_hash_tcp(local, remote));

	while (i != INDEX_NONE && (!ends_address_is_equal(&census->tcp[i].local, local) ||
					  !ends_address_is_equal(&census->tcp[i].remote, remote))) {
		i = index_next(&census->tcp_index, i);
	}
	return i != INDEX_NONE ? &census->tcp[i] : NULL;
}

static const struct diag_unix *find_unix(const struct census *census, uint32_t inode)
{
	uint32_t i = index_first(&census->local_index, inode);

	return i != INDEX_NONE ? &census->local[i] : NULL;
}

/* ---- the server ---- */

/* The inode of the server's end; 0: the kernel knows the connection, but no such end. */
static uint32_t other_end(
	const struct census *census, const struct census_witness *witness, const struct ends *own)
{
	const struct diag_unix *local;
	const struct diag_tcp *tcp;

	if (witness->inode == 0 || own == NULL || witness->is_unix != own->is_unix) {
		return 0;
	}
	if (witness->is_unix) {
		local = find_unix(census, witness->inode);
		return local != NULL ? local->peer : 0;
	}
	/* With a proxy or an address translation in between the server would say something else. */
	if (!ends_address_is_equal(&witness->local, &own->client) ||
		!ends_address_is_equal(&witness->remote, &own->server)) {
		return 0;
	}
	tcp = find_tcp(census, &witness->remote, &witness->local);
	return tcp != NULL ? tcp->inode : 0;
}

/*
 * A server that saves its data set has a child with all sockets that were open when it was made.
 * Where both have the same descriptor but not the same socket it is not certain which is meant.
 */
static void note_descriptor(struct census_server *server, const struct census_holding *holding)
{
	uint32_t *inode = &server->inodes[holding->fd];

	*inode = *inode == 0 || *inode == holding->inode ? holding->inode : UINT32_MAX;
}

static void read_descriptors(
	const struct census *census, uint32_t process, struct census_server *server)
{
	int32_t most = -1;

	for (size_t i = 0; i < census->holdings_index.n; i++) {
		const struct census_holding *holding = &census->holdings[i];

		if (holding->process == process && holding->fd < MAX_DESCRIPTORS) {
			most = MAX(most, holding->fd);
		}
	}
	if (most >= (int32_t)server->n_inodes) {
		server->inodes =
			mem_resize_array(server->inodes, (size_t)most + 1, sizeof(*server->inodes));
		memset(&server->inodes[server->n_inodes], 0,
			((size_t)most + 1 - server->n_inodes) * sizeof(*server->inodes));
		server->n_inodes = (uint32_t)most + 1;
	}
	for (size_t i = 0; i < census->holdings_index.n; i++) {
		const struct census_holding *holding = &census->holdings[i];

		if (holding->process == process && holding->fd < MAX_DESCRIPTORS) {
			note_descriptor(server, holding);
		}
	}
}

void census_find_server(const struct census *census, const struct census_witness *witness,
	const struct ends *own, int64_t listed_ms, struct census_server *ret_server)
{
	struct census_server server = {.listed_ms = listed_ms};
	uint32_t inode = other_end(census, witness, own);
	bool is_held = false;

	for (uint32_t i = inode != 0 ? index_first(&census->holdings_index, inode) : INDEX_NONE;
		i != INDEX_NONE; i = index_next(&census->holdings_index, i)) {
		const struct census_holding *holding = &census->holdings[i];

		is_held = true;
		if (holding->fd == own->fd) {
			server.pid = census->all[holding->process].pid;
			read_descriptors(census, holding->process, &server);
		}
	}
	if (is_held && server.pid == 0 && own->fd >= 0) {
		inode = 0; /* a proxy has it, and only its port is that of the server by chance */
	}
	/* A Unix socket reaches into containers, whose 127.0.0.1 is another one. */
	server.has_network =
		inode != 0 &&
		(!witness->is_unix || (server.pid != 0 && procfs_is_same_network(server.pid)));
	*ret_server = server;
}

void census_server_finish(struct census_server *server)
{
	free(server->inodes);
	memset(server, 0, sizeof(*server));
}

/* ---- a client ---- */

/* Was the session there when the census began? Then its descriptor is the one that was seen. */
static bool was_there(
	const struct census *census, const struct census_server *server, const struct ends *ends)
{
	return (int64_t)ends->age_s * 1000 >= server->listed_ms - census->begun_ms + AGE_DOUBT_MS;
}

static const struct diag_unix *find_unix_client(const struct census *census,
	const struct census_server *server, const struct ends *ends, bool may_look_again)
{
	const struct diag_unix *end;
	uint32_t inode, inode_now;

	if (ends->fd < 0 || (uint32_t)ends->fd >= server->n_inodes) {
		return NULL;
	}
	inode = server->inodes[ends->fd];
	if (!was_there(census, server, ends) &&
		(!may_look_again || !procfs_read_descriptor(server->pid, ends->fd, &inode_now) ||
			inode_now != inode)) {
		return NULL;
	}
	end = find_unix(census, inode);
	return end != NULL && end->peer != 0 ? find_unix(census, end->peer) : NULL;
}

/* Asks the system's name service, whose own caches answer for directory users. */
static uint32_t name_user(struct census *census, uint32_t uid)
{
	char buffer[PASSWD_BYTES], number[16];
	struct passwd entry, *found = NULL;

	snprintf(number, sizeof(number), "%u", (unsigned)uid);
	for (size_t i = 0; i < census->n_users; i++) {
		if (census->users[i].uid == uid) {
			return census->users[i].name;
		}
	}
	if (census->n_users >= CENSUS_MAX_USERS) {
		return intern_add(&census->texts, slice_of(number));
	}
	(void)!getpwuid_r(uid, &entry, buffer, sizeof(buffer), &found);
	census->users = mem_grow_array(census->users, census->n_users, &census->users_capacity,
		sizeof(struct census_user));
	census->users[census->n_users].uid = uid;
	census->users[census->n_users].name =
		intern_add(&census->texts, slice_of(found != NULL ? found->pw_name : number));
	return census->users[census->n_users++].name;
}

/*
 * Of several that share the socket the one that was met first, by the order of /proc the one with
 * the lowest number: most often it made the connection and the others inherited it.
 */
static const struct census_process *find_holder(const struct census *census, uint32_t inode)
{
	const struct census_process *found = NULL;

	for (uint32_t i = inode != 0 ? index_first(&census->holdings_index, inode) : INDEX_NONE;
		i != INDEX_NONE; i = index_next(&census->holdings_index, i)) {
		found = &census->all[census->holdings[i].process];
	}
	return found;
}

static void describe(
	struct census *census, uint32_t inode, uint32_t uid, struct census_client *ret_client)
{
	const struct census_process *process = find_holder(census, inode);
	struct census_client client = {
		.process = SLICE_LITERAL(""),
		.unit = SLICE_LITERAL(""),
		.user = SLICE_LITERAL(""),
		.uid = uid,
	};
	uint32_t user = uid != DIAG_NO_UID ? name_user(census, uid) : INTERN_NONE;

	if (process != NULL) {
		client.pid = process->pid;
		client.process = intern_get(&census->texts, process->name);
		client.unit = intern_get(&census->texts, process->unit);
	}
	if (user != INTERN_NONE) {
		client.user = intern_get(&census->texts, user);
	}
	*ret_client = client;
}

bool census_find_client(struct census *census, const struct census_server *server,
	const struct ends *ends, bool may_look_again, struct census_client *ret_client)
{
	const struct diag_unix *local;
	const struct diag_tcp *tcp = NULL;

	if (ends->is_unix) {
		local = find_unix_client(census, server, ends, may_look_again);
		if (local != NULL) {
			describe(census, local->inode, local->uid, ret_client);
		}
		return local != NULL;
	}
	/* Ports are not used again that soon; but a listing may be taken anew much later. */
	if (server->has_network && (server->listed_ms - census->begun_ms <= CENSUS_LIMIT_MS ||
					   was_there(census, server, ends))) {
		tcp = find_tcp(census, &ends->client, &ends->server);
	}
	if (tcp != NULL) {
		describe(census, tcp->inode, tcp->uid, ret_client);
	}
	return tcp != NULL;
}
