/*
 * Connections: a pair of sockets each, of which the daemon has one end. What goes through is held
 * up, cut into pieces, or lost, as the seed wants it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/check.h"
#include "base/mem.h"
#include "sim.h"

#define MAX_FDS 4096
#define READ_BYTES 65536
/* Of an answer on a slow connection so many come one by one. */
#define SLOW_BYTES 64

struct piece {
	int64_t at;
	char *bytes; /* NULL: the end */
	size_t n;
};

struct wire {
	struct wire *next; /* of all, for the end */
	int fd;            /* ours; -1: closed */
	int daemon_fd;     /* -1: the daemon has closed it */
	const char *ip;
	uint16_t port, own_port;
	struct wire_end end;
	struct piece *out;
	size_t n_out, out_capacity, first_out;
	int64_t last_at; /* pieces arrive in their order */
	int64_t last_in_at;
	int64_t asked_at; /* when the daemon sent what arrived last */
	bool is_silent;   /* half-open */
	bool is_slow;     /* a byte at a time */
	size_t n_left;    /* bytes until it is cut; SIZE_MAX: it is not */
	bool is_cut;      /* by the network */
	int64_t left_at;  /* when the daemon closed it */
	bool is_over;     /* the other end knows */
};

static struct wire *all;
static struct wire *by_fd[MAX_FDS];
static uint16_t next_port;

void wire_begin(void)
{
	all = NULL;
	memset(by_fd, 0, sizeof(by_fd));
	next_port = 20000;
}

static void close_ours(struct wire *wire)
{
	if (wire->fd >= 0) {
		edges_unwatch(wire->fd);
		syscall(SYS_close, wire->fd);
		wire->fd = -1;
	}
}

void wire_end_all(void)
{
	while (all != NULL) {
		struct wire *wire = all;

		all = wire->next;
		close_ours(wire);
		for (; wire->first_out < wire->n_out; wire->first_out++) {
			free(wire->out[wire->first_out].bytes);
		}
		free(wire->out);
		free(wire);
	}
}

size_t wire_n_open(void)
{
	size_t n = 0;

	for (const struct wire *wire = all; wire != NULL; wire = wire->next) {
		n += wire->daemon_fd >= 0;
	}
	return n;
}

static int64_t latency(const struct wire *wire)
{
	return (wire->is_slow ? 5 : 50) + (int64_t)sim_roll(200) +
	       (sim_fault(2) ? (int64_t)sim_roll(300) * SIM_MS : 0);
}

/* When something arrives that follows what arrives at that time. */
static int64_t not_before(const struct wire *wire, int64_t at)
{
	int64_t alone = sim_now() + latency(wire);

	return MAX(alone, at);
}

/* ---- towards the daemon ---- */

static void on_due(void *context, uint64_t value)
{
	struct wire *wire = context;

	while (wire->fd >= 0 && wire->first_out < wire->n_out) {
		struct piece *piece = &wire->out[wire->first_out];
		ssize_t n;

		if (piece->at > sim_now()) {
			return; /* its own event is on its way */
		}
		if (piece->bytes == NULL) {
			close_ours(wire);
			return;
		}
		piece->n = MIN(piece->n, wire->n_left);
		n = wire->is_silent
			    ? (ssize_t)piece->n
			    : send(wire->fd, piece->bytes, piece->n, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n < 0 && errno == EAGAIN) {
			sim_in(SIM_MS, on_due, wire, 0);
			return;
		}
		if (n > 0 && (size_t)n < piece->n) {
			memmove(piece->bytes, piece->bytes + n, piece->n - (size_t)n);
			piece->n -= (size_t)n;
			sim_in(SIM_MS, on_due, wire, 0);
			return;
		}
		wire->n_left -= wire->n_left == SIZE_MAX ? 0 : piece->n;
		free(piece->bytes);
		wire->first_out++;
		if (wire->n_left == 0) {
			wire_cut(wire);
		}
	}
}

/* Who does not answer within the daemon's time-out is not well, whosever fault that is. */
static void note_late_answer(const struct wire *wire, int64_t at)
{
	int64_t since = MAX(wire->asked_at, wire->last_at);
	struct server *server = server_at(wire->ip, wire->port);

	if (server != NULL && wire->asked_at > 0 && at - since > scenario_command_timeout()) {
		server->healthy_since = MAX(server->healthy_since, at);
	}
}

static void add_piece(struct wire *wire, const char *bytes, size_t n)
{
	struct piece piece = {.at = not_before(wire, wire->last_at), .n = n};

	if (wire->fd < 0) {
		return;
	}
	if (bytes != NULL) {
		piece.bytes = mem_alloc_array(n, 1);
		memcpy(piece.bytes, bytes, n);
	}
	wire->out =
		mem_grow_array(wire->out, wire->n_out, &wire->out_capacity, sizeof(struct piece));
	wire->out[wire->n_out++] = piece;
	if (bytes != NULL) {
		note_late_answer(wire, piece.at);
	}
	wire->last_at = piece.at;
	sim_at(piece.at, on_due, wire, 0);
}

void wire_send(struct wire *wire, struct slice bytes)
{
	size_t at = 0;

	while (at < bytes.len) {
		size_t n = bytes.len - at;

		if (wire->is_slow) {
			n = MIN(n, at < SLOW_BYTES ? (size_t)1 : (size_t)256);
		} else if (sim_fault(5) && n > 1) {
			n = 1 + sim_roll(MIN(n, (size_t)4096));
		}
		add_piece(wire, bytes.data + at, n);
		at += n;
	}
}

void wire_close(struct wire *wire)
{
	add_piece(wire, NULL, 0);
}

void wire_cut(struct wire *wire)
{
	wire->is_cut = true;
	close_ours(wire);
	if (!wire->is_over && wire->end.closed_fn != NULL) {
		wire->is_over = true;
		wire->end.closed_fn(wire->end.context);
	}
}

void wire_cut_within(struct wire *wire, size_t n_bytes)
{
	wire->n_left = n_bytes;
}

static void on_given_up(void *context, uint64_t value)
{
	wire_cut(context);
}

/* The kernel ends it when nothing is acknowledged for that long (dial.c). */
void wire_half_open(struct wire *wire)
{
	wire->is_silent = true;
	sim_in(WIRE_UNACKNOWLEDGED, on_given_up, wire, 0);
}

void wire_cut_some(const char *ip, uint16_t port, bool is_silent)
{
	for (struct wire *wire = all; wire != NULL; wire = wire->next) {
		if (wire->daemon_fd >= 0 && wire->port == port && strcmp(wire->ip, ip) == 0 &&
			sim_happens(50)) {
			sim_log("net: %s a connection to %s:%u", is_silent ? "silences" : "cuts",
				ip, port);
			if (is_silent) {
				wire_half_open(wire);
			} else {
				wire_cut(wire);
			}
		}
	}
}

/* ---- from the daemon ---- */

struct arrival {
	struct wire *wire;
	int64_t sent_at;
	size_t n;
	char bytes[];
};

static void on_arrival(void *context, uint64_t value)
{
	struct arrival *arrival = context;
	struct wire *wire = arrival->wire;

	wire->asked_at = arrival->sent_at;
	if (!wire->is_over && wire->end.bytes_fn != NULL && arrival->n > 0) {
		wire->end.bytes_fn(wire->end.context, (struct slice){arrival->bytes, arrival->n});
	} else if (!wire->is_over && arrival->n == 0) {
		wire->is_over = true;
		if (wire->end.closed_fn != NULL) {
			wire->end.closed_fn(wire->end.context);
		}
	}
	free(arrival);
}

static void on_readable(void *context)
{
	static char buffer[READ_BYTES];
	struct wire *wire = context;
	ssize_t n = recv(wire->fd, buffer, sizeof(buffer), MSG_DONTWAIT);
	struct arrival *arrival;

	if (n < 0) {
		return;
	}
	if (n == 0) {
		wire->left_at = sim_now();
		close_ours(wire);
	}
	if (wire->is_silent) {
		return;
	}
	arrival = mem_alloc_array(sizeof(*arrival) + (size_t)n, 1);
	arrival->wire = wire;
	arrival->sent_at = sim_now();
	arrival->n = (size_t)n;
	memcpy(arrival->bytes, buffer, (size_t)n);
	wire->last_in_at = not_before(wire, wire->last_in_at);
	sim_at(wire->last_in_at, on_arrival, arrival, 0);
}

/* ---- opening ---- */

static struct wire *wire_new(int fd, const char *ip, uint16_t port)
{
	struct wire *wire = mem_new(struct wire);
	int pair[2];

	CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
	CHECK(dup2(pair[0], fd) == fd && fcntl(fd, F_SETFL, O_NONBLOCK) == 0);
	syscall(SYS_close, pair[0]);
	*wire = (struct wire){.next = all,
		.fd = pair[1],
		.daemon_fd = fd,
		.ip = ip,
		.port = port,
		.own_port = next_port++,
		.n_left = SIZE_MAX,
		.is_slow = sim_fault(4)};
	all = wire;
	CHECK(fd < MAX_FDS);
	by_fd[fd] = wire;
	edges_watch(wire->fd, on_readable, wire);
	return wire;
}

int wire_connect(int fd, const char *ip, uint16_t port)
{
	struct server *server = server_at(ip, port);
	struct wire *wire;

	if (server != NULL) {
		server->n_connects++;
	}
	if (server == NULL || !server->is_up) {
		return ECONNREFUSED;
	}
	wire = wire_new(fd, strcmp(server->ip, ip) == 0 ? server->ip : server->second_ip, port);
	if (sim_fault(1)) {
		sim_log("net: a connection to %s:%u is half-open", ip, port);
		wire_half_open(wire);
		server->healthy_since =
			MAX(server->healthy_since, sim_now() + scenario_command_timeout());
		return 0;
	}
	return server_accept(server, wire);
}

bool wire_is_ours(int fd)
{
	for (const struct wire *wire = all; wire != NULL; wire = wire->next) {
		if (wire->fd == fd) {
			return true;
		}
	}
	return false;
}

bool wire_is_cut(const struct wire *wire)
{
	return wire->is_cut;
}

int64_t wire_left_at(const struct wire *wire)
{
	return wire->left_at;
}

bool wire_is_held(const struct wire *wire)
{
	return wire->daemon_fd >= 0 && !wire->is_silent;
}

void wire_set_end(struct wire *wire, const struct wire_end *end)
{
	wire->end = *end;
}

const char *wire_ip(const struct wire *wire)
{
	return wire->ip;
}

uint16_t wire_port(const struct wire *wire)
{
	return wire->own_port;
}

bool wire_address(int fd, const char **ret_ip, uint16_t *ret_port, uint16_t *ret_own_port)
{
	const struct wire *wire = fd >= 0 && fd < MAX_FDS ? by_fd[fd] : NULL;

	if (wire == NULL) {
		return false;
	}
	*ret_ip = wire->ip;
	*ret_port = wire->port;
	*ret_own_port = wire->own_port;
	return true;
}

/* In front of libc's: a number that is closed is somebody else's soon. */
int close(int fd)
{
	if (fd >= 0 && fd < MAX_FDS && by_fd[fd] != NULL) {
		by_fd[fd]->daemon_fd = -1;
		by_fd[fd] = NULL;
	}
	return (int)syscall(SYS_close, fd);
}
