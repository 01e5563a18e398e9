/*
 * Who asks the daemon for something: over its real control socket, in HTTP, as different users;
 * some hang up, some do not read.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/check.h"
#include "base/mem.h"
#include "base/parse.h"
#include "sim.h"

#define MAX_KILLS 64
#define NOBODY 65534

struct visitor {
	struct visitor *next;
	int fd; /* -1: it is through */
	uid_t uid;
	char name[32];
	struct order *kill; /* NULL: it only looks */
	char *in;
	size_t n, capacity;
	bool is_instances;
};

static struct visitor *callers;
static unsigned n_callers;
static struct order kills[MAX_KILLS];
static size_t n_kills;
static const char *path;

void callers_begin(const char *socket_path)
{
	callers = NULL;
	n_callers = 0;
	n_kills = 0;
	memset(kills, 0, sizeof(kills));
	path = socket_path;
}

static void hang_up(struct visitor *caller)
{
	if (caller->fd >= 0) {
		edges_unwatch(caller->fd);
		syscall(SYS_close, caller->fd);
		caller->fd = -1;
	}
}

void callers_end(void)
{
	while (callers != NULL) {
		struct visitor *caller = callers;

		callers = caller->next;
		hang_up(caller);
		free(caller->in);
		free(caller);
	}
}

size_t callers_n_kills(void)
{
	return n_kills;
}

struct order *callers_kill(size_t index)
{
	return &kills[index];
}

bool callers_uid(const char *name, size_t length, uid_t *ret_uid)
{
	for (const struct visitor *caller = callers; caller != NULL; caller = caller->next) {
		if (strlen(caller->name) == length && memcmp(caller->name, name, length) == 0) {
			*ret_uid = caller->uid;
			return true;
		}
	}
	return false;
}

/* ---- answers ---- */

/* Is the whole answer there? Then its status and body. */
static bool read_answer(const struct visitor *caller, int *ret_status, struct slice *ret_body)
{
	static const char length_key[] = "content-length:";
	const char *end = caller->n > 0 ? memmem(caller->in, caller->n, "\r\n\r\n", 4) : NULL;
	size_t length = 0;

	if (end == NULL || caller->n < 12) {
		return false;
	}
	*ret_status = atoi(caller->in + 9);
	for (const char *at = caller->in; at < end; at++) {
		if (strncasecmp(at, length_key, strlen(length_key)) == 0) {
			length = (size_t)atoi(at + strlen(length_key));
		}
	}
	*ret_body = (struct slice){end + 4, length};
	return caller->n >= (size_t)(end + 4 - caller->in) + length;
}

static void take_answer(struct visitor *caller, int status, struct slice body)
{
	struct order *kill = caller->kill;

	if (kill == NULL) {
		if (caller->is_instances && status == 200) {
			oracle_instances(body);
		}
		return;
	}
	kill->answered = sim_now();
	kill->status = status;
	sim_log("kill %u: answered %d after %lld ms", kill->number, status,
		(long long)((sim_now() - kill->asked) / SIM_MS));
	oracle_answered(kill, body);
}

static void on_readable(void *context)
{
	struct visitor *caller = context;
	struct slice body;
	int status;
	ssize_t n;

	if (caller->capacity - caller->n < 65536) {
		caller->capacity = caller->capacity * 2 + 65536;
		caller->in = mem_resize_array(caller->in, caller->capacity, 1);
	}
	n = recv(
		caller->fd, caller->in + caller->n, caller->capacity - caller->n - 1, MSG_DONTWAIT);
	if (n > 0) {
		caller->n += (size_t)n;
		caller->in[caller->n] = '\0';
	}
	if (read_answer(caller, &status, &body)) {
		hang_up(caller);
		take_answer(caller, status, body);
	} else if (n == 0) {
		hang_up(caller);
		if (caller->kill != NULL && !caller->kill->hung_up) {
			sim_log("kill %u: the daemon hung up", caller->kill->number);
			caller->kill->hung_up = true;
		}
	}
}

/* ---- requests ---- */

static struct visitor *call(uid_t uid, const char *request)
{
	struct visitor *caller = mem_new(struct visitor);
	struct sockaddr_un own = {.sun_family = AF_UNIX};
	struct sockaddr_un there = {.sun_family = AF_UNIX};
	socklen_t n_own;

	*caller = (struct visitor){.next = callers, .uid = uid};
	callers = caller;
	snprintf(caller->name, sizeof(caller->name), "sim-%d-%u", (int)getpid(), n_callers++);
	caller->fd = (int)syscall(SYS_socket, AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	memcpy(own.sun_path + 1, caller->name, strlen(caller->name));
	n_own = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(caller->name));
	CHECK(bind(caller->fd, (struct sockaddr *)&own, n_own) == 0);
	snprintf(there.sun_path, sizeof(there.sun_path), "%s", path);
	if (syscall(SYS_connect, caller->fd, &there, sizeof(there)) != 0) {
		syscall(SYS_close, caller->fd);
		caller->fd = -1;
		return caller;
	}
	edges_watch(caller->fd, on_readable, caller);
	CHECK(send(caller->fd, request, strlen(request), MSG_NOSIGNAL) == (ssize_t)strlen(request));
	return caller;
}

static void on_impatient(void *context, uint64_t value)
{
	struct visitor *caller = context;

	(void)value;
	if (caller->fd >= 0) {
		sim_log("kill %u: its caller hangs up", caller->kill->number);
		caller->kill->hung_up = true;
		hang_up(caller);
	}
}

static void choose(struct order *kill)
{
	static const char *const users[] = {"app", "web", "default"};
	static const char *const names[] = {"api", "job", "nobody"};
	static const char *const types[] = {"normal", "pubsub"};
	static const int64_t timeouts[] = {1, 300, 2000, 5000, 10000};

	kill->what = (enum ask)sim_roll(4);
	kill->value = kill->what == ASK_USER   ? SIM_PICK(users)
		      : kill->what == ASK_NAME ? SIM_PICK(names)
		      : kill->what == ASK_TYPE ? SIM_PICK(types)
					       : "";
	kill->except_user = sim_happens(20) ? SIM_PICK(users) : NULL;
	kill->is_dry_run = sim_happens(15);
	kill->has_max = sim_happens(20);
	kill->max = sim_roll(60);
	kill->is_watched = sim_happens(10);
	kill->timeout = SIM_PICK(timeouts) * SIM_MS;
	kill->is_denied = sim_happens(8);
}

static char *write_form(const struct order *kill)
{
	static const char *const fields[] = {"", "user", "name", "type"};
	char *text = kill->what == ASK_ALL
			     ? mem_printf("all=true")
			     : mem_printf("match=%s+%%3D+%s", fields[kill->what], kill->value);
	char *before = text;

	text = mem_printf("%s&timeout=%lldms%s%s%s%s", before, (long long)(kill->timeout / SIM_MS),
		kill->except_user != NULL ? "&except=user+%3D+" : "",
		kill->except_user != NULL ? kill->except_user : "",
		kill->is_dry_run ? "&dry_run=true" : "", kill->is_watched ? "&watch=500ms" : "");
	free(before);
	if (kill->has_max) {
		before = text;
		text = mem_printf("%s&max=%llu", before, (unsigned long long)kill->max);
		free(before);
	}
	return text;
}

void caller_kill(struct fleet *group)
{
	struct order *kill = &kills[n_kills];
	CLEANUP(mem_free_p) char *form = NULL;
	CLEANUP(mem_free_p) char *request = NULL;
	struct visitor *caller;

	if (n_kills == MAX_KILLS) {
		return;
	}
	*kill = (struct order){.number = (unsigned)n_kills++, .group = group, .asked = sim_now()};
	choose(kill);
	for (size_t i = 0; i + 1 < n_kills; i++) {
		/* Several at once may share a run, or wait. */
		if (kills[i].group == group && kills[i].answered == 0) {
			kill->is_disturbed = kills[i].is_disturbed = true;
			kill->is_waiting_allowed = true;
		}
	}
	form = write_form(kill);
	request = mem_printf("POST /v1/instances/%s/kill HTTP/1.1\r\nHost: x\r\nContent-Type: "
			     "application/x-www-form-urlencoded\r\nContent-Length: %zu\r\n\r\n%s",
		group->id, strlen(form), form);
	sim_log("kill %u on %s: %s%s", kill->number, group->id, form,
		kill->is_denied ? ", by nobody" : "");
	caller = call(kill->is_denied ? NOBODY : 0, request);
	caller->kill = kill;
	if (caller->fd < 0) {
		kill->hung_up = true;
	} else if (sim_fault(10)) {
		sim_in((int64_t)sim_roll(500) * SIM_MS, on_impatient, caller, 0);
	}
}

void caller_look(void)
{
	static const char *const targets[] = {
		"/v1/instances", "/v1/instances", "/healthz", "/metrics", "/v1/kills"};
	const char *target = SIM_PICK(targets);
	CLEANUP(mem_free_p)
	char *request = mem_printf("GET %s HTTP/1.1\r\nHost: x\r\n\r\n", target);
	struct visitor *caller = call(0, request);

	caller->is_instances = strcmp(target, "/v1/instances") == 0;
}

bool callers_is_idle(void)
{
	for (size_t i = 0; i < n_kills; i++) {
		if (kills[i].answered == 0 && !kills[i].hung_up) {
			return false;
		}
	}
	return true;
}

/* ---- what is asked for ---- */

bool kill_covers(const struct order *kill, const struct fleet *group, const char *user,
	const char *name, enum role role)
{
	bool is_asked = true;

	switch (kill->what) {
	case ASK_ALL:
		break;
	case ASK_USER:
		is_asked = strcmp(user, kill->value) == 0;
		break;
	case ASK_NAME:
		is_asked = strcmp(name, kill->value) == 0;
		break;
	case ASK_TYPE:
		is_asked =
			role == (strcmp(kill->value, "pubsub") == 0 ? ROLE_PUBSUB : ROLE_NORMAL) ||
			(role == ROLE_MONITOR && strcmp(kill->value, "normal") == 0);
		break;
	}
	return is_asked && role != ROLE_REPLICA && role != ROLE_MASTER && role != ROLE_SLOT &&
	       (kill->except_user == NULL || strcmp(user, kill->except_user) != 0) &&
	       !(group->has_protect && strcmp(user, "admin") == 0);
}
