/*
 * Building up, signals, tearing down.
 */
#include <errno.h>
#include <event2/event.h>
#include <event2/util.h>
#include <signal.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/priority.h"
#include "daemon/daemon_internal.h"
#include "daemon/manager.h"
#include "redis/resolver.h"

/*
 * The daemon ends within 10 s of SIGTERM, whatever state it is in: running kills have this long to
 * finish,
 */
#define STOP_GRACE_MS (6 * 1000)
/* then whoever still waits for a server, or for a caller to take his answer, waits no longer. */
#define STOP_LIMIT_S 8

/* ---- signals ---- */

static void on_all_answered(void *context)
{
	struct daemon *daemon = context;

	event_base_loopbreak(daemon->loop);
}

/* No kill runs any more; listings may. */
static void on_jobs_idle(void *context)
{
	struct daemon *daemon = context;

	http_server_drain(daemon->control->server, on_all_answered, daemon);
}

static void on_patience(evutil_socket_t fd, short what, void *context)
{
	struct daemon *daemon = context;

	http_server_cut(daemon->control->server);
	instances_retire_links(daemon->instances, "the daemon is shutting down");
}

/* SIGTERM and SIGINT: no new requests, a bounded time for what runs. A second one is ignored. */
static void on_stop_signal(evutil_socket_t signal_number, short what, void *context)
{
	static const struct timeval limit = {.tv_sec = STOP_LIMIT_S};
	struct daemon *daemon = context;

	if (daemon->is_stopping) {
		return;
	}
	daemon->is_stopping = true;
	log_notice("stopping on signal %d", (int)signal_number);
	manager_notify(MANAGER_STOPPING);
	guards_stop(daemon->guards);
	http_server_stop(daemon->control->server);
	event_add(daemon->patience, &limit);
	jobs_stop(daemon->jobs, clock_monotonic_ms() + STOP_GRACE_MS, on_jobs_idle, daemon);
}

static void on_reload_signal(evutil_socket_t signal_number, short what, void *context)
{
	struct daemon *daemon = context;

	if (!daemon->is_stopping) {
		reload(daemon);
		upkeep_run(daemon);
	}
}

static struct event *watch_signal(struct daemon *daemon, int number, event_callback_fn callback)
{
	struct event *event = evsignal_new(daemon->loop, number, callback, daemon);

	CHECK(event != NULL && event_add(event, NULL) == 0);
	return event;
}

static void on_alive(evutil_socket_t fd, short what, void *context)
{
	manager_notify(MANAGER_ALIVE);
}

/* Twice as often as wanted, so that one late turn of the loop is no alarm. */
static void start_watchdog(struct daemon *daemon)
{
	int64_t ms = manager_watchdog_ms() / 2;
	struct timeval period = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};

	if (ms > 0) {
		daemon->alive = event_new(daemon->loop, -1, EV_PERSIST, on_alive, daemon);
		CHECK(daemon->alive != NULL);
		evtimer_add(daemon->alive, &period);
	}
}

static void ignore_signals(void)
{
	/* Who hangs up, and a file size limit, are errors of one write and not the end. */
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
}

/* ---- building up ---- */

/* Left alone, libevent writes to stderr itself: in its own form, and waiting for who reads it. */
static void on_libevent_log(int severity, const char *words)
{
	log_message(severity == EVENT_LOG_ERR    ? LOG_LEVEL_ERROR
		    : severity == EVENT_LOG_WARN ? LOG_LEVEL_WARNING
		    : severity == EVENT_LOG_MSG  ? LOG_LEVEL_NOTICE
						 : LOG_LEVEL_DEBUG,
		"%s", words);
}

static int open_socket(struct daemon *daemon, struct err *err)
{
	const struct config *config = daemon->config;
	struct control_inputs inputs = {
		.loop = daemon->loop,
		.access = &config->access,
		.instances = daemon->instances,
		.jobs = daemon->jobs,
		.audit = daemon->audit,
		.metrics = daemon->metrics,
		.guards = daemon->guards,
		.leases = daemon->leases,
	};
	int inherited_fd;
	int r = manager_take_socket(&inherited_fd, err);

	if (r != 0) {
		return r;
	}
	if (inherited_fd < 0) {
		upkeep_make_directory(config->control.socket);
	}
	return control_new(&inputs, &config->control, inherited_fd, &daemon->control, err);
}

/* A record that cannot be written is told, and tried again; one that another daemon writes is not
 * ours. */
static int open_audit(struct daemon *daemon, struct err *err)
{
	int r = audit_open(daemon->audit, err);

	if (r == -EBUSY) {
		return r;
	}
	if (r < 0) {
		log_error("%s", err->text);
	}
	if (audit_event(daemon->audit, "start", err) != 0) {
		log_error("%s", err->text);
	}
	return 0;
}

/* Of all but the first priority a slice is done, and then looked whether there is something of a
 * higher one: a kill that runs does not wait for everybody who asks for something. */
static struct event_base *new_loop(void)
{
	static const struct timeval slice = {.tv_usec = 1000};
	struct event_config *config = event_config_new();
	struct event_base *loop;

	CHECK(config != NULL);
	event_config_set_max_dispatch_interval(config, &slice, -1, PRIORITY_USUAL);
	loop = event_base_new_with_config(config);
	CHECK(loop != NULL && event_base_priority_init(loop, N_PRIORITIES) == 0);
	event_config_free(config);
	return loop;
}

static struct guards *new_guards(const struct daemon *daemon)
{
	CLEANUP(mem_free_p) char *path = manager_state_path("guards.json");

	return guards_new(&(struct guards_inputs){
		.loop = daemon->loop,
		.instances = daemon->instances,
		.jobs = daemon->jobs,
		.audit = daemon->audit,
		.state_path = path,
	});
}

static struct leases *new_leases(const struct daemon *daemon)
{
	CLEANUP(mem_free_p) char *path = manager_state_path("leases.json");

	return leases_new(&(struct leases_inputs){
		.loop = daemon->loop,
		.instances = daemon->instances,
		.jobs = daemon->jobs,
		.audit = daemon->audit,
		.state_path = path,
	});
}

int daemon_new(
	struct config *config, const char *config_path, struct daemon **ret_daemon, struct err *err)
{
	struct daemon *daemon = mem_new(struct daemon);
	int r;

	daemon->config = config;
	daemon->config_path = config_path;
	ignore_signals();
	event_set_log_callback(on_libevent_log);
	daemon->loop = new_loop();
	daemon->resolver = resolver_new(daemon->loop);
	daemon->patience = evtimer_new(daemon->loop, on_patience, daemon);
	CHECK(daemon->patience != NULL);
	daemon->metrics = metrics_new();
	daemon->instances = instances_new(&(struct link_world){.loop = daemon->loop,
						  .resolver = daemon->resolver,
						  .asks_for_filters = true},
		daemon->metrics);
	daemon->audit = audit_new(&config->audit);
	daemon->jobs = jobs_new(daemon->loop, daemon->instances, daemon->audit);
	daemon->leases = new_leases(daemon);
	jobs_set_gate(daemon->jobs, leases_gate(daemon->leases));
	daemon->guards = new_guards(daemon);
	/* Before the socket is there: whoever sees it may rely on an orderly end. */
	daemon->on_term = watch_signal(daemon, SIGTERM, on_stop_signal);
	daemon->on_int = watch_signal(daemon, SIGINT, on_stop_signal);
	daemon->on_hup = watch_signal(daemon, SIGHUP, on_reload_signal);
	r = open_socket(daemon, err);
	if (r == 0) {
		r = open_audit(daemon, err);
	}
	if (r != 0) {
		daemon_free(daemon);
		return r;
	}
	upkeep_start(daemon);
	instances_apply(daemon->instances, config->instances, config->n_instances);
	guards_apply(daemon->guards, &config->guards);
	*ret_daemon = daemon;
	return 0;
}

void daemon_use_kernel(struct daemon *daemon, enum kernel_answer kernel)
{
	instances_set_kernel(daemon->instances, kernel);
}

int daemon_run(struct daemon *daemon)
{
	struct err err;

	start_watchdog(daemon);
	manager_notify(MANAGER_READY);
	if (event_base_dispatch(daemon->loop) < 0) {
		return -EIO;
	}
	upkeep_run(daemon);
	if (audit_event(daemon->audit, "stop", &err) != 0) {
		log_error("%s", err.text);
	}
	return 0;
}

static void free_event(struct event *event)
{
	if (event != NULL) {
		event_free(event);
	}
}

/* The end has come: one more signal, now without a handler, must not make it a violent one. */
static void block_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
}

/* A freed bufferevent goes only when the callback that it had put off has had its turn. */
static void free_loop(struct event_base *loop)
{
	(void)event_base_loop(loop, EVLOOP_NONBLOCK);
	event_base_free(loop);
}

void daemon_free(struct daemon *daemon)
{
	if (daemon == NULL) {
		return;
	}
	block_signals();
	free_event(daemon->on_term);
	free_event(daemon->on_int);
	free_event(daemon->on_hup);
	free_event(daemon->alive);
	free_event(daemon->patience);
	free_event(daemon->upkeep);
	control_free(daemon->control);
	guards_free(daemon->guards);
	jobs_free(daemon->jobs);
	leases_free(daemon->leases);
	audit_free(daemon->audit);
	instances_free(daemon->instances);
	metrics_free(daemon->metrics);
	resolver_free(daemon->resolver);
	free_loop(daemon->loop);
	config_free(daemon->config);
	free(daemon);
	libevent_global_shutdown();
}
