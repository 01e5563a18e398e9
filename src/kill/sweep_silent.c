/*
 * SILENT: the server does not answer, and the request says that its sessions are to end all the
 * same. The kernel ends its TCP connections: all but the daemon's own and those that are kept, as
 * far as the last listing tells, or else that come from other nodes of the instance.
 *
 * Which connections are its own it has said before it fell silent: those to the address that the
 * daemon's own proven connection leads to, and to the addresses at which sessions were listed. It
 * may have been replaced since by whoever listens there now; so that connection must still be open,
 * and what listens at each address the very socket that did so then: a child may hold the
 * connection of a server that is dead.
 *
 * What is done is not verified, and what the server had received before may still be carried out.
 * When it wakes up before the deadline it is asked as ever, and that is what counts.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "host/socket_ends.h"
#include "kill/kernel_use.h"
#include "kill/sweep_internal.h"
#include "redis/client_list.h"

/* Between two goes: the server would take as long to find out, if it were awake. */
#define PAUSE_MS 2

static enum sweep_state fail(struct sweep *sweep, const char *why)
{
	char words[ERR_MAX_BYTES];

	snprintf(words, sizeof(words), "%.300s; %.180s", sweep->silence.words, why);
	return sweep_fail(sweep, words);
}

/* ---- where it listens ---- */

static bool is_known(const struct silence *silence, const struct ends_address *server)
{
	for (size_t i = 0; i < silence->n_servers; i++) {
		if (ends_address_is_equal(&silence->servers[i], server)) {
			return true;
		}
	}
	return false;
}

static void add_server(struct silence *silence, const struct ends_address *server)
{
	if (!is_known(silence, server) && silence->n_servers < SILENCE_MAX_SERVERS) {
		silence->servers[silence->n_servers++] = *server;
	}
}

static void add_listed_server(void *context, const struct session_line *line)
{
	struct sweep *sweep = context;
	struct ends ends;

	if (line->is_readable && ends_of(&line->session, &ends) && !ends.is_unix) {
		add_server(&sweep->silence, &ends.server);
	}
}

/* False: nobody knows where it listens. */
static bool find_servers(struct sweep *sweep, int fd)
{
	struct silence *silence = &sweep->silence;
	struct ends link;

	if (socket_ends_read(fd, &link) && !link.is_unix) {
		add_server(silence, &link.server);
	}
	silence->has_listing = client_list_tell_kept(sweep->in.link, add_listed_server, sweep);
	return silence->n_servers > 0;
}

/* Ports of connections that it has made itself are none; and who listens there may have changed. */
static void keep_listening(struct sweep *sweep)
{
	struct silence *silence = &sweep->silence;
	size_t n = 0;

	sockets_read_listeners(&sweep->sockets);
	for (size_t i = 0; i < silence->n_servers; i++) {
		if (kernel_use_is_listener(sweep->in.link, &sweep->sockets, &silence->servers[i])) {
			silence->servers[n++] = silence->servers[i];
		}
	}
	silence->n_servers = n;
}

static bool begin_sockets(struct sweep *sweep, int fd)
{
	const struct silence *silence = &sweep->silence;
	uint16_t ports[SOCKETS_MAX_PORTS];
	size_t n = 0;

	for (size_t i = 0; i < silence->n_servers && n < SOCKETS_MAX_PORTS; i++) {
		ports[n++] = silence->servers[i].port;
	}
	return sockets_begin(
		&sweep->sockets, fd, link_server(sweep->in.link)->process_id, ports, n);
}

/* ---- whom to spare ---- */

static void set_spared(struct sweep *sweep, uint32_t number, bool is_spared)
{
	if (number < sockets_n(&sweep->sockets)) {
		sweep->silence.is_spared[number] = is_spared;
	}
}

static void spare(struct sweep *sweep, uint32_t number)
{
	set_spared(sweep, number, true);
}

/* Of a connection of the daemon: the server's end of it. */
static void spare_link(struct sweep *sweep, const struct link *link)
{
	for (size_t i = 0; i < link_n_connections(link); i++) {
		struct ends ends;

		if (socket_ends_read(link_connection(link, i).descriptor, &ends)) {
			spare(sweep, sockets_find_ends(&sweep->sockets, &ends));
		}
	}
}

static void spare_own(void *context, const struct topology *topology)
{
	for (size_t i = 0; i < topology_n_nodes(topology); i++) {
		spare_link(context, topology_node(topology, i));
	}
	for (size_t i = 0; i < topology_n_others(topology); i++) {
		spare_link(context, topology_other(topology, i));
	}
}

/* Somebody is to be kept whom only a listing tells. */
static bool needs_listing(const struct sweep *sweep)
{
	return sweep->in.request->except.n > 0 || sweep->in.instance->opts->protect.n > 0;
}

/* Is the connection still that of the session that was listed, and of no other at its address? */
static bool is_still_there(struct sweep *sweep, uint32_t number)
{
	const struct sockets *then = kernel_use_kept_sockets(sweep->in.link);
	struct ends ends = sockets_ends(&sweep->sockets, number);
	uint32_t other = then != NULL ? sockets_find_ends(then, &ends) : SOCKETS_NONE;

	return other != SOCKETS_NONE && sockets_is_same(&sweep->sockets, number, then, other);
}

/* Whoever cannot be read is kept. */
static void judge_listed(void *context, const struct session_line *line)
{
	struct sweep *sweep = context;
	uint32_t number = sockets_find(&sweep->sockets, &line->session);
	bool is_meant = line->is_readable && request_judge(sweep->in.request, &sweep->protection,
						     &line->session) == REQUEST_MATCHED;

	if (number < sockets_n(&sweep->sockets)) {
		sweep->silence.is_listed[number] = true;
		set_spared(sweep, number,
			!is_meant || (needs_listing(sweep) && !is_still_there(sweep, number)));
	}
}

/*
 * Connections to other addresses are somebody else's; and where somebody is kept, nobody knows
 * whether those who came later are among them.
 */
static void spare_unknown(struct sweep *sweep)
{
	for (uint32_t i = 0; i < sockets_n(&sweep->sockets); i++) {
		set_spared(sweep, i, needs_listing(sweep));
	}
}

static void spare_others(struct sweep *sweep)
{
	struct silence *silence = &sweep->silence;

	for (uint32_t i = 0; i < sockets_n(&sweep->sockets); i++) {
		struct ends ends = sockets_ends(&sweep->sockets, i);

		silence->is_foreign[i] = !is_known(silence, &ends.server);
	}
}

/*
 * Another node of the instance: from its address replication comes, as far as it has its own. Who
 * was listed is known.
 */
static void spare_peers(struct sweep *sweep)
{
	const struct topology *topology = sweep->in.instance->topology;

	for (size_t i = 0; i < topology_n_nodes(topology); i++) {
		struct ends peer;
		int fd = link_descriptor(topology_node(topology, i));

		if (topology_node(topology, i) == sweep->in.link || !socket_ends_read(fd, &peer) ||
			ends_is_one_host(&peer)) {
			continue;
		}
		for (uint32_t k = 0; k < sockets_n(&sweep->sockets); k++) {
			struct ends ends = sockets_ends(&sweep->sockets, k);

			ends.client.port = peer.server.port;
			if (ends_address_is_equal(&ends.client, &peer.server) &&
				!sweep->silence.is_listed[k]) {
				spare(sweep, k);
			}
		}
	}
}

static void describe_protection(struct sweep *sweep)
{
	sweep->protection.family = link_server(sweep->in.link)->caps.family;
	sweep->protection.is_all = true;
	sweep->protection.configured = &sweep->in.instance->opts->protect;
}

static enum sweep_state refuse_inexact(struct sweep *sweep)
{
	sweep->in.report->is_not_exact = true;
	return fail(sweep,
		"who is kept by except or protect cannot be asked, and no listing is younger than "
		"a minute: none was killed there");
}

static enum sweep_state choose(struct sweep *sweep)
{
	struct silence *silence = &sweep->silence;

	silence->is_spared = mem_alloc(sockets_n(&sweep->sockets) + 1);
	silence->is_foreign = mem_alloc(sockets_n(&sweep->sockets) + 1);
	silence->is_listed = mem_alloc(sockets_n(&sweep->sockets) + 1);
	silence->is_chosen = true;
	if (!sweep->has_snapshot) {
		describe_protection(sweep);
	}
	spare_others(sweep);
	spare_unknown(sweep);
	if (!client_list_tell_kept(sweep->in.link, judge_listed, sweep) && needs_listing(sweep)) {
		return refuse_inexact(sweep);
	}
	spare_peers(sweep);
	instances_each_topology(sweep->in.instances, spare_own, sweep);
	return SWEEP_STAY;
}

/* ---- the cut ---- */

/* What is said of it: as things stand, and for good if it does not wake up. */
static void tell(struct sweep *sweep)
{
	struct silence *silence = &sweep->silence;
	char words[ERR_MAX_BYTES];

	snprintf(words, sizeof(words),
		"%.200s; the kernel ended %llu of its TCP sessions%s, which could not be verified; "
		"commands that it had received before may still be carried out",
		silence->words, (unsigned long long)silence->n_ended,
		silence->has_listing ? "" : " at the address of the connection to it");
	snprintf(silence->words, sizeof(silence->words), "%s", words);
	sweep_warn(sweep, "%s", words);
}

static enum sweep_state finish(struct sweep *sweep)
{
	struct silence *silence = &sweep->silence;

	silence->is_over = true;
	tell(sweep);
	/* Who is listed next is looked up among those that are there then. */
	sockets_finish(&sweep->sockets);
	sweep->has_looked_at_sockets = false;
	return SWEEP_WAIT_LINK;
}

static int cut(struct sweep *sweep, const uint32_t *numbers, size_t n)
{
	struct counts counts = {.found = n, .matched = n};
	int errors[DIAG_MAX_DESTROYED];
	int r = sockets_destroy(&sweep->sockets, numbers, n, errors);

	for (size_t i = 0; i < n; i++) {
		int error = r < 0 ? -r : errors[i];

		counts.killed += error == 0;
		counts.cut += error == 0;
		counts.gone += error == ENOENT;
		counts.survivors += error != 0 && error != ENOENT;
	}
	sweep->silence.n_ended += counts.killed;
	sweep_count_silence(sweep, &counts);
	return r;
}

static void count_spared(struct sweep *sweep)
{
	sweep_count_silence(sweep, &(struct counts){.found = 1, .is_protected = 1});
}

static enum sweep_state cut_some(struct sweep *sweep)
{
	struct silence *silence = &sweep->silence;
	uint32_t numbers[DIAG_MAX_DESTROYED];
	size_t n = 0;

	while (n < DIAG_MAX_DESTROYED && silence->next < sockets_n(&sweep->sockets)) {
		uint32_t number = silence->next++;

		if (silence->is_foreign[number]) {
			continue;
		}
		if (silence->is_spared[number]) {
			count_spared(sweep);
		} else {
			numbers[n++] = number;
		}
	}
	if (n == 0) {
		return finish(sweep);
	}
	if (cut(sweep, numbers, n) < 0) {
		sweep_warn(sweep, "the kernel cannot be asked any more");
	}
	timer_start(sweep->pause, PAUSE_MS);
	return SWEEP_STAY;
}

static enum sweep_state go_on(struct sweep *sweep)
{
	enum sweep_state next;

	if (!sweep->silence.is_chosen && sockets_read(&sweep->sockets)) {
		timer_start(sweep->pause, 0);
		return SWEEP_STAY;
	}
	if (!sweep->silence.is_chosen) {
		next = choose(sweep);
		if (next != SWEEP_STAY) {
			return next;
		}
	}
	return cut_some(sweep);
}

/* The connection that has shown where the server is, if it is still open. */
static enum sweep_state begin(struct sweep *sweep)
{
	int fd = kernel_use_proved_descriptor(sweep->in.link);

	if (fd < 0) {
		return fail(sweep,
			"its sessions cannot be ended at the kernel: no connection to it that is "
			"open has shown that it is on this host");
	}
	if (!find_servers(sweep, fd)) {
		return fail(sweep,
			"its sessions cannot be ended at the kernel: it is reached over its Unix "
			"socket, and no listing younger than a minute tells where it listens");
	}
	if (!begin_sockets(sweep, fd)) {
		return fail(
			sweep, "its sessions cannot be ended at the kernel: it cannot be asked");
	}
	keep_listening(sweep);
	if (sweep->silence.n_servers == 0) {
		return fail(sweep,
			"its sessions cannot be ended at the kernel: where it listened nobody "
			"listens any more, or somebody else");
	}
	timer_start(sweep->pause, 0);
	return SWEEP_STAY;
}

static enum sweep_state enter_silent(struct sweep *sweep)
{
	sweep_drop_calls(sweep);
	sweep_release_link(sweep);
	sweep_cut_batch(sweep);
	if (!kernel_use_is_allowed(sweep->in.instance)) {
		char why[128];

		snprintf(why, sizeof(why), "its sessions cannot be ended at the kernel: %s",
			kernel_use_words(sweep->in.instance, sweep->in.link));
		return fail(sweep, why);
	}
	return begin(sweep);
}

static enum sweep_state give_up(struct sweep *sweep, const char *words)
{
	tell(sweep);
	return fail(sweep, words);
}

const struct sweep_phase sweep_phase_silent = {
	.name = "SILENT",
	.time = REPORT_PHASE_KILL,
	.busy_ms = 0,
	.expired = "the deadline passed while sessions were being ended at the kernel",
	.enter = enter_silent,
	.on_pause_over = go_on,
	.give_up = give_up,
};
