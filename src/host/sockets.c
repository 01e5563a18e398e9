/*
 * The connections of a server.
 */
#include "host/sockets.h"

#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "host/procfs.h"
#include "host/socket_ends.h"

#define SLICE_US 1000

/* ---- where the server is ---- */

/* A Unix socket reaches into containers, whose network is another one; and a relay may listen
 * there.
 */
static enum sockets_place find_unix(int fd, int64_t pid, uint32_t *ret_uid)
{
	struct ucred who = {0};
	socklen_t n_bytes = sizeof(who);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &n_bytes) != 0 || who.pid != pid ||
		!procfs_is_same_network(who.pid)) {
		return SOCKETS_OTHER_NAMESPACE;
	}
	*ret_uid = who.uid;
	return SOCKETS_HERE;
}

static enum sockets_place find_tcp(int diag_fd, const struct ends *link, uint32_t *ret_uid)
{
	struct diag_tcp tcp;

	if (!ends_is_one_host(link)) {
		return SOCKETS_OTHER_HOST;
	}
	if (!diag_find_tcp(diag_fd, &link->server, &link->client, &tcp)) {
		return SOCKETS_OTHER_NAMESPACE;
	}
	*ret_uid = tcp.uid;
	return SOCKETS_HERE;
}

static enum sockets_place find(
	int diag_fd, int fd, int64_t pid, struct ends *ret_link, uint32_t *ret_uid)
{
	if (!socket_ends_read(fd, ret_link)) {
		return SOCKETS_OTHER_HOST;
	}
	return ret_link->is_unix ? find_unix(fd, pid, ret_uid)
				 : find_tcp(diag_fd, ret_link, ret_uid);
}

enum sockets_place sockets_find_place(int fd, int64_t pid)
{
	enum sockets_place place = SOCKETS_OTHER_NAMESPACE;
	struct ends link;
	uint32_t uid;
	struct err err;
	int diag_fd;

	if (diag_open(&diag_fd, &err) == 0) {
		place = find(diag_fd, fd, pid, &link, &uid);
		close(diag_fd);
	}
	return place;
}

/* ---- reading ---- */

/* What a connection is found by; no byte of it is padding that is not zero. */
struct key {
	struct ends_address server;
	struct ends_address client;
};

static void set_address(struct ends_address *to, const struct ends_address *from)
{
	memcpy(to->bytes, from->bytes, sizeof(to->bytes));
	to->port = from->port;
	to->is_ipv6 = from->is_ipv6;
}

static struct slice make_key(
	struct key *key, const struct ends_address *server, const struct ends_address *client)
{
	memset(key, 0, sizeof(*key));
	set_address(&key->server, server);
	set_address(&key->client, client);
	return (struct slice){(const char *)key, sizeof(*key)};
}

static void add_port(struct sockets *sockets, uint16_t port)
{
	for (size_t i = 0; i < sockets->n_ports; i++) {
		if (sockets->ports[i] == port) {
			return;
		}
	}
	if (sockets->n_ports < SOCKETS_MAX_PORTS && port != 0) {
		sockets->ports[sockets->n_ports++] = port;
	}
}

bool sockets_begin(
	struct sockets *sockets, int fd, int64_t pid, const uint16_t *ports, size_t n_ports)
{
	struct err err;

	sockets_finish(sockets);
	if (diag_open(&sockets->fd, &err) < 0) {
		return false;
	}
	sockets->is_open = true;
	if (find(sockets->fd, fd, pid, &sockets->link, &sockets->uid) != SOCKETS_HERE) {
		sockets_finish(sockets);
		return false;
	}
	if (getrandom(&sockets->ends.seed, sizeof(sockets->ends.seed), GRND_NONBLOCK) < 0) {
		sockets->ends.seed = (uint64_t)clock_monotonic_us();
	}
	if (!sockets->link.is_unix) {
		add_port(sockets, sockets->link.server.port);
	}
	for (size_t i = 0; i < n_ports; i++) {
		add_port(sockets, ports[i]);
	}
	return true;
}

static void note_server(struct sockets *sockets, const struct ends_address *server)
{
	for (size_t i = 0; i < sockets->n_servers; i++) {
		if (ends_address_is_equal(&sockets->servers[i], server)) {
			return;
		}
	}
	if (sockets->n_servers < SOCKETS_MAX_SERVERS) {
		sockets->servers[sockets->n_servers++] = *server;
	} else {
		sockets->is_disproved = true; /* who is who could not be told */
	}
}

static void add(struct sockets *sockets, const struct diag_tcp *tcp)
{
	struct key key;
	size_t n = sockets->ends.n;
	uint32_t number;

	if (tcp->uid != sockets->uid) {
		return;
	}
	note_server(sockets, &tcp->local);
	number = intern_add(&sockets->ends, make_key(&key, &tcp->local, &tcp->remote));
	if (sockets->ends.n > n) {
		sockets->ids =
			mem_grow_array(sockets->ids, n, &sockets->capacity, sizeof(struct diag_id));
	}
	sockets->ids[number] = tcp->id;
}

/* One datagram. False: the list is over, or the kernel refuses. */
static bool read_datagram(struct sockets *sockets, bool *ret_is_failed)
{
	char buffer[DIAG_MAX_BYTES];
	ssize_t n_bytes = diag_receive(sockets->fd, buffer);
	struct slice payload, rest = {buffer, n_bytes > 0 ? (size_t)n_bytes : 0};
	enum diag_message message = DIAG_FAILED;
	struct diag_tcp tcp;
	int error;

	while (n_bytes > 0 && (message = diag_next(&rest, &payload, &error)) == DIAG_SOCKET) {
		if (diag_read_tcp(payload, &tcp)) {
			add(sockets, &tcp);
		}
	}
	*ret_is_failed = message == DIAG_FAILED;
	return message == DIAG_NEXT;
}

static bool ask_next(struct sockets *sockets)
{
	size_t number = sockets->n_lists++;

	return diag_ask_port(sockets->fd, number % 2 == 0 ? DIAG_TCP4 : DIAG_TCP6,
		       sockets->ports[number / 2]) == 0;
}

bool sockets_read(struct sockets *sockets)
{
	int64_t until_us = clock_monotonic_us() + SLICE_US;
	bool is_failed = false;

	if (sockets->n_lists == 0 && (sockets->n_ports == 0 || !ask_next(sockets))) {
		return false;
	}
	while (clock_monotonic_us() < until_us) {
		if (read_datagram(sockets, &is_failed)) {
			continue;
		}
		if (is_failed) {
			return false;
		}
		if (sockets->n_lists == 2 * sockets->n_ports) {
			sockets->is_read = true;
			return false;
		}
		if (!ask_next(sockets)) {
			return false;
		}
	}
	return true;
}

/* ---- who listens ---- */

static bool is_any_address(const struct ends_address *address)
{
	for (size_t i = 0; i < sizeof(address->bytes); i++) {
		if (address->bytes[i] != 0) {
			return false;
		}
	}
	return true;
}

static void add_listener(struct sockets *sockets, const struct diag_tcp *tcp)
{
	if (tcp->uid == sockets->uid && sockets->n_listeners < SOCKETS_MAX_LISTENERS) {
		sockets->listeners[sockets->n_listeners++] = (struct sockets_listener){
			.at = tcp->local,
			.is_any = is_any_address(&tcp->local),
			.cookie = diag_cookie(&tcp->id),
		};
	}
}

static void read_listening(struct sockets *sockets, enum diag_list list)
{
	char buffer[DIAG_MAX_BYTES];
	enum diag_message message = DIAG_NEXT;
	struct diag_tcp tcp;
	int error;

	if (diag_ask_listening(sockets->fd, list) < 0) {
		return;
	}
	while (message == DIAG_NEXT) {
		ssize_t n_bytes = diag_receive(sockets->fd, buffer);
		struct slice payload, rest = {buffer, n_bytes > 0 ? (size_t)n_bytes : 0};

		message = DIAG_FAILED;
		while (n_bytes > 0 &&
			(message = diag_next(&rest, &payload, &error)) == DIAG_SOCKET) {
			if (diag_read_tcp(payload, &tcp)) {
				add_listener(sockets, &tcp);
			}
		}
	}
}

void sockets_read_listeners(struct sockets *sockets)
{
	sockets->n_listeners = 0;
	read_listening(sockets, DIAG_TCP4);
	read_listening(sockets, DIAG_TCP6);
}

/* The one at that very address goes before those at all; of these the one of its family. */
uint64_t sockets_find_listener(const struct sockets *sockets, const struct ends_address *server)
{
	uint64_t any = 0;

	for (size_t i = 0; i < sockets->n_listeners; i++) {
		const struct sockets_listener *listener = &sockets->listeners[i];

		if (ends_address_is_equal(&listener->at, server)) {
			return listener->cookie;
		}
		if (listener->is_any && listener->at.port == server->port &&
			(any == 0 || listener->at.is_ipv6 == server->is_ipv6)) {
			any = listener->cookie;
		}
	}
	return any;
}

void sockets_finish(struct sockets *sockets)
{
	if (sockets->is_open) {
		close(sockets->fd);
	}
	intern_finish(&sockets->ends);
	free(sockets->ids);
	memset(sockets, 0, sizeof(*sockets));
}

/* ---- what is known ---- */

/* With a proxy or an address translation in between the server says something else. */
static bool is_same_connection(const struct ends *real, const struct session *own)
{
	bool is_told = own->values[SESSION_LADDR].data != NULL;
	struct ends told;

	if (own->addr.kind == ADDRESS_UNIX || real->is_unix) {
		return own->addr.kind == ADDRESS_UNIX && real->is_unix;
	}
	if (!is_told) {
		return ends_client_of(own, &told.client) &&
		       ends_address_is_equal(&told.client, &real->client);
	}
	return ends_of(own, &told) && ends_address_is_equal(&told.client, &real->client) &&
	       ends_address_is_equal(&told.server, &real->server);
}

bool sockets_is_word_true(int fd, const struct session *own)
{
	struct ends real;

	return socket_ends_read(fd, &real) && is_same_connection(&real, own);
}

void sockets_note_own(struct sockets *sockets, int fd, const struct session *own)
{
	if (sockets_is_word_true(fd, own)) {
		sockets->is_proved = true;
	} else {
		sockets->is_disproved = true;
	}
}

bool sockets_are_known(const struct sockets *sockets)
{
	return sockets->is_read && sockets->is_proved && !sockets->is_disproved;
}

uint32_t sockets_find_ends(const struct sockets *sockets, const struct ends *ends)
{
	struct key key;

	return sockets->is_read && !ends->is_unix
		       ? intern_find(&sockets->ends, make_key(&key, &ends->server, &ends->client))
		       : SOCKETS_NONE;
}

static uint32_t find_client(const struct sockets *sockets, const struct session *session)
{
	struct ends ends = {.fd = -1};
	uint32_t number = SOCKETS_NONE;

	if (!ends_client_of(session, &ends.client)) {
		return SOCKETS_NONE;
	}
	for (size_t i = 0; i < sockets->n_servers && number == SOCKETS_NONE; i++) {
		ends.server = sockets->servers[i];
		number = sockets_find_ends(sockets, &ends);
	}
	return number;
}

uint32_t sockets_find(const struct sockets *sockets, const struct session *session)
{
	struct ends ends;

	if (session->values[SESSION_LADDR].data == NULL) {
		return find_client(sockets, session);
	}
	return ends_of(session, &ends) ? sockets_find_ends(sockets, &ends) : SOCKETS_NONE;
}

bool sockets_is_same(const struct sockets *sockets, uint32_t number, const struct sockets *others,
	uint32_t other)
{
	return memcmp(&sockets->ids[number], &others->ids[other], sizeof(struct diag_id)) == 0;
}

size_t sockets_n(const struct sockets *sockets)
{
	return sockets->is_read ? sockets->ends.n : 0;
}

struct ends sockets_ends(const struct sockets *sockets, uint32_t number)
{
	struct key key;

	memcpy(&key, intern_get(&sockets->ends, number).data, sizeof(key));
	return (struct ends){.client = key.client, .server = key.server, .fd = -1};
}

int sockets_destroy(const struct sockets *sockets, const uint32_t *numbers, size_t n, int *errors)
{
	struct diag_id ids[DIAG_MAX_DESTROYED];

	for (size_t i = 0; i < n; i++) {
		ids[i] = sockets->ids[numbers[i]];
	}
	return diag_destroy(sockets->fd, ids, n, errors);
}
