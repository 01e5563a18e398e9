/*
 * HTTP by libcurl, over a Unix socket or over the socket that is ssh's stdin and stdout. The multi
 * interface, because a person's Ctrl-C and a progress bar need attention while the daemon is
 * silent.
 */
#include "cli/transfer.h"

#include <string.h>
#include <sys/socket.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/mem.h"
#include "cli/field.h"
#include "cli/remote/ssh.h"
#include "control/names.h"

/* A local daemon accepts at once or is in trouble. */
#define API_CONNECT_TIMEOUT_MS 5000
#define API_TICK_MS 100

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

/*
 * Once: libcurl would repeat a request by itself whose kept connection broke, and a kill of ten is
 * not to become one of twenty.
 */
static curl_socket_t on_open(
	void *context, curlsocktype purpose UNUSED, struct curl_sockaddr *address UNUSED)
{
	struct ssh *ssh = context;

	if (ssh->has_caller) {
		return CURL_SOCKET_BAD;
	}
	ssh->has_caller = true;
	return socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
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
	if (request->ssh != NULL) {
		set_option_text(easy, CURLOPT_UNIX_SOCKET_PATH, request->ssh->path);
		curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_open);
		curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, request->ssh);
	} else {
		set_option_text(easy, CURLOPT_UNIX_SOCKET_PATH, request->socket);
	}
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

static void wait_for_news(CURLM *multi, struct ssh *ssh)
{
	struct curl_waitfd waited[SSH_N_FDS];
	int fds[SSH_N_FDS] = {-1, -1};
	unsigned n = 0;

	if (ssh != NULL) {
		ssh_fds(ssh, fds);
	}
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
		if (fds[i] >= 0) {
			waited[n++] =
				(struct curl_waitfd){.fd = fds[i], .events = CURL_WAIT_POLLIN};
		}
	}
	CHECK(curl_multi_poll(multi, waited, n, API_TICK_MS, NULL) == CURLM_OK);
	if (ssh != NULL) {
		ssh_attend(ssh);
	}
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
		wait_for_news(multi, request->ssh);
	}
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

void transfer_run(CURLM *connections, const struct api_request *request,
	struct api_answer *ret_answer, struct transfer_end *ret_end)
{
	struct transfer transfer = {.request = request, .answer = ret_answer};
	struct curl_slist *headers;
	curl_socket_t kept = -1;
	long error_number = 0;
	CURLcode code;

	transfer.easy = curl_easy_init();
	CHECK(transfer.easy != NULL);
	headers = prepare(&transfer);
	CHECK(curl_multi_add_handle(connections, transfer.easy) == CURLM_OK);
	code = drive(connections, request);
	curl_easy_getinfo(transfer.easy, CURLINFO_RESPONSE_CODE, &ret_answer->status);
	curl_easy_getinfo(transfer.easy, CURLINFO_OS_ERRNO, &error_number);
	if (code == CURLE_OK) {
		finish_body(&transfer);
		curl_easy_getinfo(transfer.easy, CURLINFO_ACTIVESOCKET, &kept);
	}
	*ret_end = (struct transfer_end){code, (int)error_number, kept, transfer.is_too_long};
	curl_multi_remove_handle(connections, transfer.easy);
	curl_easy_cleanup(transfer.easy);
	curl_slist_free_all(headers);
}
