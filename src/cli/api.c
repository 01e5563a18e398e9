/*
 * Requests to the daemon of this host, each on a connection of its own, and to that of another one,
 * on one connection that is kept:
 *
 *     closed --ssh_listen--> opening --an answer to "GET /healthz"--> open --> in use --> open
 *        ^                     |                                      |         |
 *        +---------------------+--------- whatever breaks ------------+---------+
 *
 * Only what fails behind "open" may have reached the daemon.
 */
#include "cli/api.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/mem.h"
#include "cli/reach.h"
#include "cli/remote/ssh.h"
#include "cli/terminal/term.h"
#include "cli/terminal/text.h"
#include "cli/transfer.h"
#include "control/names.h"

/* What both kinds of daemons have in common when there is no answer; API_LOST: something else. */
static enum api_result judge(const struct api_request *request, const struct transfer_end *end,
	const char *daemon, struct err *err)
{
	if (end->code == CURLE_OK) {
		return API_OK;
	}
	if (end->code == CURLE_ABORTED_BY_CALLBACK) {
		err_set(err, "given up");
		return API_STOPPED;
	}
	if (end->code == CURLE_OPERATION_TIMEDOUT) {
		err_set(err, "no answer from the daemon %s within %lld s", daemon,
			(long long)(request->timeout_ms / 1000));
		return API_TIMED_OUT;
	}
	err_set(err, "the connection to the daemon %s broke: %s", daemon,
		end->is_too_long ? "its answer is too long" : curl_easy_strerror(end->code));
	return API_LOST;
}

/* ---- the daemon of this host ---- */

static enum api_result call_here(
	const struct api_request *request, struct api_answer *ret_answer, struct err *err)
{
	CLEANUP(mem_free_p) char *daemon = mem_printf("at %s", request->socket);
	struct sockaddr_un address;
	struct transfer_end end;
	CURLM *connections;

	if (strlen(request->socket) >= sizeof(address.sun_path)) {
		reach_explain(ENAMETOOLONG, request->socket, err);
		return API_UNREACHABLE;
	}
	connections = curl_multi_init();
	CHECK(connections != NULL);
	transfer_run(connections, request, ret_answer, &end);
	curl_multi_cleanup(connections);
	if (end.code == CURLE_COULDNT_CONNECT) {
		reach_explain(end.error_number, request->socket, err);
		return API_UNREACHABLE;
	}
	return judge(request, &end, daemon, err);
}

/* ---- the daemon of another host ---- */

/* From here on the child sees the end of its input. */
static void hang_up(struct ssh *ssh)
{
	if (ssh->connections != NULL) {
		curl_multi_cleanup(ssh->connections);
		ssh->connections = NULL;
	}
	ssh->kept = -1;
}

void api_close(struct ssh *ssh)
{
	hang_up(ssh);
	(void)ssh_end(ssh);
}

/* A daemon lets go of who asks nothing for a while. */
static bool is_still_open(const struct ssh *ssh)
{
	struct pollfd kept = {.fd = ssh->kept, .events = POLLIN};

	return ssh->is_open && ssh->kept >= 0 && poll(&kept, 1, 0) == 0;
}

/* The answer to a request on the kept connection, or why there is none; then it is closed. */
static enum api_result call_kept(
	const struct api_request *request, struct api_answer *ret_answer, struct err *err)
{
	struct ssh *ssh = request->ssh;
	CLEANUP(mem_free_p) char *daemon = mem_printf("of %s", ssh->host);
	bool was_open = ssh->is_open;
	struct transfer_end end;
	enum api_result result;

	ssh->is_in_use = true;
	transfer_run(ssh->connections, request, ret_answer, &end);
	ssh->is_in_use = false;
	ssh->kept = end.kept;
	result = judge(request, &end, daemon, err);
	if (result == API_OK) {
		ssh->is_open = true;
		return API_OK;
	}
	hang_up(ssh);
	if (result == API_LOST && !end.is_too_long && ssh_explain(ssh, err)) {
		result = API_UNREACHABLE;
	}
	(void)ssh_end(ssh);
	return was_open || result == API_STOPPED ? result : API_UNREACHABLE;
}

/* Held back while the way is opened: ssh may have a terminal to give back before the end. */
static const int ENDING_SIGNALS[] = {SIGINT, SIGTERM, SIGHUP, 0};

/* Who waits for so long wants to know for what. */
#define OPENING_TOLD_MS 5000

struct opening {
	struct term_signals signals;
	int number; /* of the signal that came; 0: none */
	const char *host;
	int64_t tell_ms; /* when to tell that it is waited for; 0: it was told */
};

static bool on_tick(void *context)
{
	struct opening *opening = context;

	if (opening->tell_ms != 0 && clock_monotonic_ms() >= opening->tell_ms) {
		text_line(stderr, "Waiting for ssh to %s.", opening->host);
		opening->tell_ms = 0;
	}
	opening->number = term_take_signal(&opening->signals);
	return opening->number == 0;
}

enum api_result api_open(struct ssh *ssh, struct err *err)
{
	CLEANUP(api_answer_finish) struct api_answer answer = {0};
	struct opening opening = {
		.host = ssh->host,
		.tell_ms = clock_monotonic_ms() + OPENING_TOLD_MS,
	};
	struct api_request request = {
		.ssh = ssh,
		.method = "GET",
		.path = NAMES_PATH_HEALTH,
		.timeout_ms = ssh->is_batch ? SSH_BATCH_OPEN_TIMEOUT_MS : SSH_OPEN_TIMEOUT_MS,
		.on_tick = on_tick,
		.context = &opening,
	};
	enum api_result result;

	if (is_still_open(ssh)) {
		return API_OK;
	}
	api_close(ssh);
	if (!ssh_listen(ssh, err)) {
		return API_UNREACHABLE;
	}
	ssh->connections = curl_multi_init();
	CHECK(ssh->connections != NULL);
	(void)term_hold(&opening.signals, ENDING_SIGNALS);
	result = call_kept(&request, &answer, err);
	term_let_go(&opening.signals);
	if (opening.number != 0) {
		raise(opening.number);
	}
	return result;
}

static enum api_result call_there(
	const struct api_request *request, struct api_answer *ret_answer, struct err *err)
{
	enum api_result result = api_open(request->ssh, err);

	return result == API_OK ? call_kept(request, ret_answer, err) : result;
}

/* While another request waits for its answer. */
static enum api_result call_beside(
	const struct api_request *request, struct api_answer *ret_answer, struct err *err)
{
	struct api_request same = *request;
	enum api_result result;
	struct ssh second;

	ssh_init(&second, request->ssh->host, request->ssh->socket, request->ssh->is_batch);
	same.ssh = &second;
	result = call_there(&same, ret_answer, err);
	api_close(&second);
	return result;
}

enum api_result api_call(
	const struct api_request *request, struct api_answer *ret_answer, struct err *err)
{
	if (request->ssh == NULL) {
		return call_here(request, ret_answer, err);
	}
	return (request->ssh->is_in_use ? call_beside : call_there)(request, ret_answer, err);
}

void api_answer_finish(struct api_answer *answer)
{
	free(answer->body);
	json_decref(answer->json);
	*answer = (struct api_answer){0};
}
