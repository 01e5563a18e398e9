/*
 * HTTP over a Unix socket by libcurl. The multi interface, because a person's Ctrl-C and a progress
 * bar need attention while the daemon is silent.
 */
#include "cli/api.h"

#include <curl/curl.h>
#include <errno.h>
#include <grp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/mem.h"
#include "cli/field.h"
#include "control/names.h"

/* A local daemon accepts at once or is in trouble. */
#define API_CONNECT_TIMEOUT_MS 5000
#define API_TICK_MS 100

#define UNREACHABLE "cannot reach the daemon: "

struct transfer {
	const struct api_request *request;
	struct api_answer *answer;
	CURL *easy;
	size_t capacity; /* of answer->body, which holds an unfinished line of a stream */
	bool is_stream;
	bool is_too_long;
};

static bool is_by_line(const struct transfer *transfer)
{
	long status = 0;
	char *type = NULL;

	if (transfer->request->on_line == NULL) {
		return false;
	}
	curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_getinfo(transfer->easy, CURLINFO_CONTENT_TYPE, &type);
	return status / 100 == 2 && type != NULL &&
	       slice_has_prefix(slice_of(type), transfer->request->line_type);
}

/* Hands over the whole lines in the body, keeps the rest. */
static void split_lines(struct transfer *transfer)
{
	struct api_answer *answer = transfer->answer;
	struct slice rest = {answer->body, answer->n_bytes};
	const char *end;

	while (rest.len > 0 && (end = memchr(rest.data, '\n', rest.len)) != NULL) {
		struct slice line = slice_range(rest.data, end + 1);

		rest = slice_skip(rest, line.len);
		transfer->request->on_line(transfer->request->context, line);
	}
	memmove(answer->body, rest.data, rest.len);
	answer->n_bytes = rest.len;
	answer->body[rest.len] = '\0';
}

static size_t on_body(char *data, size_t size, size_t n, void *context)
{
	struct transfer *transfer = context;
	struct api_answer *answer = transfer->answer;
	size_t bytes = size * n;
	size_t most;

	transfer->is_stream = is_by_line(transfer);
	most = transfer->is_stream ? API_MAX_LINE_BYTES : API_MAX_BODY_BYTES;
	if (bytes > most - MIN(answer->n_bytes, most)) {
		transfer->is_too_long = true;
		return 0;
	}
	while (answer->n_bytes + bytes >= transfer->capacity) {
		answer->body =
			mem_grow_array(answer->body, transfer->capacity, &transfer->capacity, 1);
	}
	memcpy(answer->body + answer->n_bytes, data, bytes);
	answer->n_bytes += bytes;
	answer->body[answer->n_bytes] = '\0';
	if (transfer->is_stream) {
		split_lines(transfer);
	}
	return bytes;
}

/*
 * The request id is known from here on, long before a kill's answer ends. libcurl wants the pointer
 * not to be const.
 */
/* NOLINTNEXTLINE(readability-non-const-parameter) */
static size_t on_header(char *data, size_t size, size_t n, void *context)
{
	struct transfer *transfer = context;
	struct slice value = {data, size * n};
	struct slice name;

	if (slice_next(&value, ':', &name) && value.data != NULL &&
		slice_is_nocase(name, NAMES_HEADER_REQUEST_ID)) {
		while (value.len > 0 && (unsigned char)value.data[value.len - 1] <= ' ') {
			value.len--;
		}
		value = slice_trim(value);
		if (value.len < sizeof(transfer->answer->request_id)) {
			memcpy(transfer->answer->request_id, value.data, value.len);
			transfer->answer->request_id[value.len] = '\0';
		}
	}
	return size * n;
}

static void set_option_text(CURL *easy, CURLoption option, const char *text)
{
	/* Fails without memory only. */
	CHECK(curl_easy_setopt(easy, option, text) == CURLE_OK);
}

static struct curl_slist *prepare(struct transfer *transfer)
{
	const struct api_request *request = transfer->request;
	CURL *easy = transfer->easy;
	CLEANUP(mem_free_p) char *url = mem_printf("http://localhost%s", request->path);
	CLEANUP(mem_free_p)
	char *accept = mem_printf(
		"Accept: %s", request->accept != NULL ? request->accept : NAMES_TYPE_JSON);
	struct curl_slist *headers = curl_slist_append(NULL, accept);

	CHECK(headers != NULL);
	set_option_text(easy, CURLOPT_URL, url);
	set_option_text(easy, CURLOPT_UNIX_SOCKET_PATH, request->socket);
	set_option_text(easy, CURLOPT_CUSTOMREQUEST, request->method);
	set_option_text(easy, CURLOPT_PROXY, "");
	curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L); /* an id may be ".." */
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)API_CONNECT_TIMEOUT_MS);
	curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)request->timeout_ms);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, transfer);
	curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(easy, CURLOPT_HEADERDATA, transfer);
	if (request->form != NULL) {
		curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE, (long)strlen(request->form));
		set_option_text(easy, CURLOPT_COPYPOSTFIELDS, request->form);
	}
	return headers;
}

/* Until the transfer is over (its result) or on_tick gives up (CURLE_ABORTED_BY_CALLBACK). */
static CURLcode drive(CURLM *multi, const struct api_request *request)
{
	int n_running = 1;
	int n_left = 0;
	int64_t next_tick_ms = 0;
	CURLMsg *message;

	for (;;) {
		int64_t now_ms = clock_monotonic_ms();

		CHECK(curl_multi_perform(multi, &n_running) == CURLM_OK);
		message = curl_multi_info_read(multi, &n_left);
		if (message != NULL) {
			return message->data.result;
		}
		if (request->on_tick != NULL && now_ms >= next_tick_ms) {
			next_tick_ms = now_ms + API_TICK_MS;
			if (!request->on_tick(request->context)) {
				return CURLE_ABORTED_BY_CALLBACK;
			}
		}
		CHECK(curl_multi_poll(multi, NULL, 0, API_TICK_MS, NULL) == CURLM_OK);
	}
}

/* ---- why there is no answer ---- */

/* Either the file itself or, with nothing to stat, a directory on the way to it is closed to us. */
static void explain_denied(const char *socket, const struct group *group, struct err *err)
{
	if (group != NULL) {
		err_set(err,
			UNREACHABLE "you may not use the socket %s. Members of the group %s may: "
				    "have yourself added (usermod -aG %s YOU) and log in again, or "
				    "use sudo",
			socket, group->gr_name, group->gr_name);
	} else {
		err_set(err,
			UNREACHABLE "you may not use the socket %s. Use sudo, or have control.mode "
				    "and control.group set in sesskilld.yaml",
			socket);
	}
}

static void explain_refused(const char *socket, bool is_socket, struct err *err)
{
	if (is_socket) {
		err_set(err,
			UNREACHABLE "nobody listens on %s. The daemon has ended without removing "
				    "it: see systemctl status sesskilld, and start it again",
			socket);
	} else {
		err_set(err, UNREACHABLE "%s is no socket", socket);
	}
}

/* `error_number` is that of connect(2). Looks at the socket file. */
static void explain_unreachable(int error_number, const char *socket, struct err *err)
{
	struct stat status = {0};
	bool is_there = stat(socket, &status) == 0;
	bool has_group = (status.st_mode & S_IWGRP) != 0 && status.st_gid != 0;

	switch (error_number) {
	case ENOENT:
	case ENOTDIR:
		err_set(err,
			UNREACHABLE "there is no socket %s. Is sesskilld running (systemctl status "
				    "sesskilld)? Another place is named by --socket or "
				    "SESSKILL_SOCKET",
			socket);
		break;
	case EACCES:
	case EPERM:
		explain_denied(socket, has_group ? getgrgid(status.st_gid) : NULL, err);
		break;
	case ECONNREFUSED:
	case ENOTSOCK:
		explain_refused(socket, !is_there || S_ISSOCK(status.st_mode), err);
		break;
	case EAGAIN:
		err_set(err,
			UNREACHABLE "too many callers wait on %s already. Try again in a moment",
			socket);
		break;
	default:
		err_set_errno(err, error_number, "cannot reach the daemon at %s", socket);
		break;
	}
}

static enum api_result judge(const struct transfer *transfer, CURLcode code, struct err *err)
{
	long error_number = 0;

	if (code == CURLE_OK) {
		return API_OK;
	}
	if (code == CURLE_ABORTED_BY_CALLBACK) {
		err_set(err, "given up");
		return API_STOPPED;
	}
	if (code == CURLE_COULDNT_CONNECT) {
		curl_easy_getinfo(transfer->easy, CURLINFO_OS_ERRNO, &error_number);
		explain_unreachable((int)error_number, transfer->request->socket, err);
		return API_UNREACHABLE;
	}
	if (code == CURLE_OPERATION_TIMEDOUT) {
		err_set(err, "no answer from the daemon at %s within %lld s",
			transfer->request->socket,
			(long long)(transfer->request->timeout_ms / 1000));
		return API_TIMED_OUT;
	}
	err_set(err, "the connection to the daemon at %s broke: %s", transfer->request->socket,
		transfer->is_too_long ? "its answer is too long" : curl_easy_strerror(code));
	return API_LOST;
}

/* What is left in the body: a last line without an end, or all of an answer that is no stream. */
static void finish_body(const struct transfer *transfer)
{
	struct api_answer *answer = transfer->answer;

	if (answer->n_bytes > 0 && transfer->is_stream) {
		transfer->request->on_line(
			transfer->request->context, (struct slice){answer->body, answer->n_bytes});
		answer->n_bytes = 0;
	} else {
		answer->json = field_load((struct slice){answer->body, answer->n_bytes});
	}
}

enum api_result api_call(
	const struct api_request *request, struct api_answer *ret_answer, struct err *err)
{
	struct transfer transfer = {.request = request, .answer = ret_answer};
	struct sockaddr_un address;
	struct curl_slist *headers;
	enum api_result result;
	CURLM *multi;

	if (strlen(request->socket) >= sizeof(address.sun_path)) {
		explain_unreachable(ENAMETOOLONG, request->socket, err);
		return API_UNREACHABLE;
	}
	multi = curl_multi_init();
	transfer.easy = curl_easy_init();
	CHECK(multi != NULL && transfer.easy != NULL);
	headers = prepare(&transfer);
	CHECK(curl_multi_add_handle(multi, transfer.easy) == CURLM_OK);
	result = judge(&transfer, drive(multi, request), err);
	curl_easy_getinfo(transfer.easy, CURLINFO_RESPONSE_CODE, &ret_answer->status);
	if (result == API_OK) {
		finish_body(&transfer);
	}
	curl_multi_remove_handle(multi, transfer.easy);
	curl_easy_cleanup(transfer.easy);
	curl_multi_cleanup(multi);
	curl_slist_free_all(headers);
	return result;
}

void api_answer_finish(struct api_answer *answer)
{
	free(answer->body);
	json_decref(answer->json);
	*answer = (struct api_answer){0};
}
