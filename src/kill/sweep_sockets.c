/*
 * SOCKETS: what the kernel knows of the server's connections, before the server lists its sessions.
 * See host/sockets.h for why before.
 */
#include "base/parse.h"
#include "kill/kernel_use.h"
#include "kill/sweep_internal.h"
#include "redis/reply.h"
#include "redis/server_info.h"

static bool may_use_kernel(const struct sweep *sweep)
{
	return kernel_use_is_allowed(sweep->in.instance) && sweep->in.request->via != VIA_PROTOCOL;
}

/*
 * Where one command takes many ids, or ends everybody, the kernel has no advantage, but for smaller
 * bursts where the server is to be spared; nor where
 * sessions cannot be looked up by their ids again, just before they are ended.
 */
static bool is_of_use(const struct sweep *sweep)
{
	const struct request *request = sweep->in.request;
	const struct caps *caps = &link_server(sweep->in.link)->caps;
	bool is_one_command = request->is_all && !request->has_max &&
			      caps_has(caps, CAP_KILL_TYPE) &&
			      sweep_plan_opts(sweep).pace == PACE_FAST;

	bool is_gentle = sweep_plan_opts(sweep).pace == PACE_GENTLE;

	return caps_has(caps, CAP_LIST_ID) &&
	       (request->via == VIA_KERNEL || is_gentle ||
		       (!caps_has(caps, CAP_MULTI_ID) && !is_one_command));
}

/* Whose killed sessions a child may hold: servers up to 7.0, which take no MAXAGE either. */
static bool may_have_child(const struct sweep *sweep)
{
	const struct caps *caps = &link_server(sweep->in.link)->caps;

	return (caps->family == SERVER_REDIS || caps->family == SERVER_KEYDB) &&
	       !caps_has(caps, CAP_KILL_MAXAGE) && !sweep->in.request->is_dry_run;
}

static size_t read_ports(const char *listeners, uint16_t *ports)
{
	struct slice word, rest = slice_of(listeners);
	size_t n = 0;
	uint64_t port;

	while (slice_next(&rest, ' ', &word) && n < SOCKETS_MAX_PORTS) {
		if (parse_u64(word, &port) && port > 0 && port <= UINT16_MAX) {
			ports[n++] = (uint16_t)port;
		}
	}
	return n;
}

static bool begin_sockets(struct sweep *sweep)
{
	const struct link *link = sweep->in.link;
	uint16_t ports[SOCKETS_MAX_PORTS];
	size_t n_ports = read_ports(link_server(link)->listeners, ports);

	return sockets_begin(&sweep->sockets, link_descriptor(link), link_server(link)->process_id,
		ports, n_ports);
}

static enum sweep_state read_more(struct sweep *sweep)
{
	if (!sockets_read(&sweep->sockets)) {
		return SWEEP_LIST;
	}
	timer_start(sweep->pause, 0);
	return SWEEP_STAY;
}

enum sweep_state sweep_instead_of_list(struct sweep *sweep)
{
	if (sweep->has_looked_at_sockets) {
		return SWEEP_STAY;
	}
	sockets_finish(&sweep->sockets);
	return may_use_kernel(sweep) && (is_of_use(sweep) || may_have_child(sweep)) ? SWEEP_SOCKETS
										    : SWEEP_STAY;
}

static enum sweep_state begin(struct sweep *sweep)
{
	if (!begin_sockets(sweep)) {
		return SWEEP_LIST;
	}
	timer_start(sweep->pause, 0);
	return SWEEP_STAY;
}

static void on_persistence(void *context, const struct reply *reply, const char *lost)
{
	struct sweep *sweep = context;
	struct link_server server = {0};

	sweep->is_asking_for_child = false;
	if (reply != NULL && reply->type == REPLY_TEXT) {
		server_info_read(reply->text, &server);
	}
	sweep_move(sweep, lost != NULL       ? sweep_lost(sweep)
			  : server.has_child ? begin(sweep)
					     : SWEEP_LIST);
}

static enum sweep_state enter_sockets(struct sweep *sweep)
{
	static const struct slice argv[] = {{"INFO", 4}, {"persistence", 11}};

	sweep->has_looked_at_sockets = true;
	if (is_of_use(sweep)) {
		return begin(sweep);
	}
	sweep->is_asking_for_child = true;
	sweep_send(sweep, (struct link_command){
				  .argv = argv,
				  .argc = ARRAY_SIZE(argv),
				  .called = "CLIENT LIST",
				  .reply_fn = on_persistence,
			  });
	return SWEEP_STAY;
}

/* What is asked tells of the loss itself. */
static enum sweep_state on_link(struct sweep *sweep, enum link_state state)
{
	return sweep->is_asking_for_child ? SWEEP_STAY : sweep_on_idle_link(sweep, state);
}

const struct sweep_phase sweep_phase_sockets = {
	.name = "SOCKETS",
	.time = REPORT_PHASE_LIST,
	.busy_ms = SWEEP_ANSWERED_WITHIN_MS,
	.needs_link = true,
	.expired = "the deadline passed during the listing",
	.enter = enter_sockets,
	.on_pause_over = read_more,
	.on_link = on_link,
};
