/*
 * Who asks the daemon for something: over its real control socket, in HTTP, as different users;
 * some hang up, some do not read.
 */
#include <errno.h>
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
#include "callers_internal.h"

#define MAX_KILLS 64

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
	looks_begin();
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

void callers_lose(void)
{
	for (struct visitor *caller = callers; caller != NULL; caller = caller->next) {
		hang_up(caller);
	}
	looks_lose();
	for (size_t i = 0; i < n_kills; i++) {
		if (kills[i].answered == 0) {
			kills[i].hung_up = kills[i].is_disturbed = true;
			kills[i].task_id[0] = '\0';
		}
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

static bool has_header(const char *head, const char *end, const char *text)
{
	for (const char *at = head; at + strlen(text) <= end; at++) {
		if (strncasecmp(at, text, strlen(text)) == 0) {
			return true;
		}
	}
	return false;
}

static size_t content_length(const char *head, const char *end)
{
	static const char key[] = "content-length:";

	for (const char *at = head; at + strlen(key) < end; at++) {
		if (strncasecmp(at, key, strlen(key)) == 0) {
			return strtoul(at + strlen(key), NULL, 10);
		}
	}
	return 0;
}

/* Takes the chunks out of a body, in place. False: the last one is not there yet. */
static bool join_chunks(char *body, size_t n, struct slice *ret_body)
{
	size_t at = 0, used = 0;

	for (;;) {
		const char *line = memmem(body + at, n - at, "\r\n", 2);
		size_t size;

		if (line == NULL) {
			return false;
		}
		size = strtoul(body + at, NULL, 16);
		at = (size_t)(line + 2 - body);
		if (size == 0) {
			*ret_body = (struct slice){body, used};
			return true;
		}
		if (at + size + 2 > n) {
			return false;
		}
		memmove(body + used, body + at, size);
		used += size;
		at += size + 2;
	}
}

/* The last line of a stream is the report. */
static struct slice last_line(struct slice body)
{
	struct slice line = {NULL, 0}, next;

	while (slice_next(&body, '\n', &next)) {
		line = next.len > 0 ? next : line;
	}
	return line;
}

/* Is the whole answer there? Then its status and body; `copy` holds it. */
static bool read_answer(
	const struct visitor *caller, int *ret_status, char **ret_copy, struct slice *ret_body)
{
	const char *end = caller->n > 12 ? memmem(caller->in, caller->n, "\r\n\r\n", 4) : NULL;
	size_t n_body, length;

	if (end == NULL) {
		return false;
	}
	n_body = caller->n - (size_t)(end + 4 - caller->in);
	*ret_status = atoi(caller->in + 9);
	*ret_copy = mem_alloc_array(n_body + 1, 1);
	memcpy(*ret_copy, end + 4, n_body);
	(*ret_copy)[n_body] = '\0';
	if (has_header(caller->in, end, "transfer-encoding: chunked")) {
		if (!join_chunks(*ret_copy, n_body, ret_body)) {
			return false;
		}
		*ret_body = last_line(*ret_body);
		return true;
	}
	length = content_length(caller->in, end);
	*ret_body = (struct slice){*ret_copy, length};
	return n_body >= length;
}

static void take_answer(struct visitor *caller, int status, struct slice body)
{
	struct order *kill = caller->kill;

	looks_note_answer(caller->uid, status);
	if (kill == NULL) {
		if (caller->take_fn != NULL) {
			caller->take_fn(caller->context, status, body);
		}
		return;
	}
	/* A task goes on by itself. */
	kill->status = status;
	sim_log("kill %u: answered %d after %lld ms", kill->number, status,
		(long long)((sim_now() - kill->asked) / SIM_MS));
	if (kill->is_task && status == 200) {
		kill->hung_up = true;
		tasks_begin(kill, body);
		return;
	}
	kill->answered = sim_now();
	oracle_answered(kill, body);
}

static void on_readable(void *context)
{
	struct visitor *caller = context;
	CLEANUP(mem_free_p) char *copy = NULL;
	struct slice body;
	int status;
	ssize_t n;

	if (caller->capacity - caller->n < 65536) {
		caller->capacity = caller->capacity * 2 + 65536;
		caller->in = mem_resize_array(caller->in, caller->capacity, 1);
	}
	errno = 0;
	n = recv(
		caller->fd, caller->in + caller->n, caller->capacity - caller->n - 1, MSG_DONTWAIT);
	if (n > 0) {
		caller->n += (size_t)n;
		caller->in[caller->n] = '\0';
	}
	if (read_answer(caller, &status, &copy, &body)) {
		hang_up(caller);
		take_answer(caller, status, body);
	} else if (n == 0 || (n < 0 && errno != EAGAIN)) {
		sim_fail("answered", "%s: the daemon hung up after %zu bytes of an answer",
			caller->kill != NULL ? "a kill" : "who looks", caller->n);
	}
}

/* ---- requests ---- */

static struct visitor *call(uid_t uid, const char *request, bool is_reading)
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
	if (is_reading) {
		edges_watch(caller->fd, on_readable, caller);
	}
	(void)!send(caller->fd, request, strlen(request), MSG_NOSIGNAL);
	/* It has said all that it has to say, and waits. */
	if (is_reading && sim_happens(10)) {
		shutdown(caller->fd, SHUT_WR);
	}
	return caller;
}

static void on_impatient(void *context, uint64_t value)
{
	struct visitor *caller = context;

	if (caller->fd >= 0) {
		sim_log("kill %u: its caller hangs up", caller->kill->number);
		caller->kill->hung_up = true;
		looks_note_answer(caller->uid, 0);
		hang_up(caller);
	}
}

struct visitor *caller_ask(
	uid_t uid, const char *method_and_path, bool is_reading, take_fn *fn, void *context)
{
	CLEANUP(mem_free_p)
	char *request = mem_printf("%s HTTP/1.1\r\nHost: x\r\n\r\n", method_and_path);
	struct visitor *caller = call(uid, request, is_reading);

	caller->take_fn = fn;
	caller->context = context;
	return caller;
}

/* Several at once may share a run, or wait. */
static void note_others(struct order *kill)
{
	for (size_t i = 0; i + 1 < n_kills; i++) {
		struct order *other = &kills[i];

		if (other->group != kill->group || !order_is_active(other)) {
			continue;
		}
		kill->is_crowded = other->is_crowded = true;
		kill->n_ahead += !kill->is_dry_run && !other->is_dry_run;
		if (order_is_same(kill, other)) {
			kill->is_shared = other->is_shared = true;
		}
	}
}

/* What is asked for at that moment, or waits for others, is by the settings of before or after. */
static void note_change(struct order *kill)
{
	kill->is_changing = true;
	kill->protects &= kill->group->protects;
}

void callers_note_reload(void)
{
	for (size_t i = 0; i < n_kills; i++) {
		if (order_is_active(&kills[i]) &&
			(kills[i].is_crowded || sim_now() - kills[i].asked < 100 * SIM_MS)) {
			note_change(&kills[i]);
		}
	}
}

static char *kill_request(const struct order *kill)
{
	CLEANUP(mem_free_p) char *form = order_form(kill);
	CLEANUP(mem_free_p)
	char *target = kill->is_das ? mem_printf("/")
				    : mem_printf("/v1/instances/%s/kill", kill->group->id);

	sim_log("kill %u on %s by %u: %s%s%s", kill->number, kill->group->id, kill->uid, form,
		kill->is_denied ? ", denied" : "", kill->is_stream ? ", as a stream" : "");
	return mem_printf("POST %s HTTP/1.1\r\nHost: x\r\n%sContent-Type: "
			  "application/x-www-form-urlencoded\r\nContent-Length: %zu\r\n\r\n%s",
		target, kill->is_stream ? "Accept: application/x-ndjson\r\n" : "", strlen(form),
		form);
}

void caller_kill(struct fleet *group)
{
	struct order *kill = &kills[n_kills];
	CLEANUP(mem_free_p) char *request = NULL;
	bool is_reading;
	struct visitor *caller;

	if (n_kills == MAX_KILLS) {
		return;
	}
	*kill = (struct order){.number = (unsigned)n_kills++, .group = group, .asked = sim_now()};
	order_choose(kill, kills, n_kills - 1);
	note_others(kill);
	if (scenario_is_reloading()) {
		note_change(kill);
	}
	kill->was_group_well = oracle_is_group_well(group);
	kill->was_group_usable = oracle_is_group_usable(group);
	is_reading = !(kill->is_stream && sim_fault(30));
	request = kill_request(kill);
	caller = call(kill->uid, request, is_reading);
	caller->kill = kill;
	if (caller->fd < 0 || !is_reading) {
		looks_note_answer(kill->uid, 0);
		kill->hung_up = true;
	} else if (sim_fault(10)) {
		sim_in((int64_t)sim_roll(500) * SIM_MS, on_impatient, caller, 0);
	}
}
