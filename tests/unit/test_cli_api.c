/*
 * The daemon's answers as bytes: a peer on a Unix socket that says what the test wants.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/macros.h"
#include "base/mem.h"
#include "cli/api.h"
#include "scratch.h"

#define JSON_HEAD "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
#define LIST_HEAD "HTTP/1.1 200 OK\r\nContent-Type: text/lines; charset=utf-8\r\n"
#define STREAM_HEAD \
	"HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nConnection: close\r\n\r\n"

/* One connection is answered with `text` and closed. */
struct peer {
	int listener;
	const char *text; /* NULL: nobody accepts */
	pthread_t thread;
};

static void *serve(void *context)
{
	const struct peer *peer = context;
	int fd = accept(peer->listener, NULL, NULL);
	char request[4096];

	if (fd < 0 || read(fd, request, sizeof(request)) <= 0 ||
		write(fd, peer->text, strlen(peer->text)) < 0) {
		abort();
	}
	close(fd);
	return NULL;
}

static void start(struct peer *peer, const char *path, const char *text)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	peer->text = text;
	peer->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(peer->listener >= 0);
	memcpy(address.sun_path, path, strlen(path) + 1);
	assert_int_equal(bind(peer->listener, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(peer->listener, 1), 0);
	if (text != NULL) {
		assert_int_equal(pthread_create(&peer->thread, NULL, serve, peer), 0);
	}
}

static void stop(struct peer *peer, const char *path)
{
	if (peer->text != NULL) {
		pthread_join(peer->thread, NULL);
	}
	close(peer->listener);
	unlink(path);
}

static void collect_line(void *context, struct slice line)
{
	char *lines = context;
	size_t used = strlen(lines);

	for (size_t i = 0; i < line.len && used + 4 < 256; i++) {
		lines[used++] = line.data[i] == '\n' ? '$' : line.data[i];
	}
	snprintf(lines + used, 256 - used, "|");
}

static const struct api_case {
	const char *name;
	const char *reply; /* NULL: never */
	enum api_result result;
	long status;
	const char *body;
	const char *lines;
	const char *request_id;
	bool is_json;
} CASES[] = {
	{"JSON", JSON_HEAD "x-acs-request-id:  B6-1 \r\nContent-Length: 9\r\n\r\n{\"a\":\"b\"}",
		API_OK, 200, "{\"a\":\"b\"}", "", "B6-1", true},
	{"JSON until the end", JSON_HEAD "Connection: close\r\n\r\n{}\n", API_OK, 200, "{}\n", "",
		"", true},
	{"an array is no answer", JSON_HEAD "Content-Length: 2\r\n\r\n[]", API_OK, 200, "[]", "",
		"", false},
	{"an error that is not JSON",
		"HTTP/1.1 413 Too Large\r\nContent-Type: text/html\r\nContent-Length: "
		"6\r\n\r\n<html>",
		API_OK, 413, "<html>", "", "", false},
	{"no body", JSON_HEAD "Content-Length: 0\r\n\r\n", API_OK, 200, NULL, "", "", false},
	{"a stream", STREAM_HEAD "{\"a\":1}\n\n{\"b\":2}\n", API_OK, 200, NULL,
		"{\"a\":1}$|$|{\"b\":2}$|", "", false},
	{"a stream without a last end", STREAM_HEAD "one\ntwo", API_OK, 200, NULL, "one$|two|", "",
		false},
	{"an error is no stream",
		"HTTP/1.1 503 No\r\nContent-Type: application/x-ndjson\r\nContent-Length: "
		"3\r\n\r\n{}\n",
		API_OK, 503, "{}\n", "", "", true},
	{"lines of another type", LIST_HEAD "Content-Length: 4\r\n\r\na\nb\n", API_OK, 200,
		"a\nb\n", "", "", false},
	{"cut in the middle", JSON_HEAD "Content-Length: 9\r\n\r\n{\"a\"", API_LOST, 200, "{\"a\"",
		"", "", false},
	{"a stream cut in the middle",
		"HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: "
		"chunked\r\n\r\n4\r\none\n\r\n4\r\ntw",
		API_LOST, 200, "tw", "one$|", "", false},
	{"no HTTP", "-ERR unknown command\r\n", API_LOST, 0, NULL, "", "", false},
	{"silence", NULL, API_TIMED_OUT, 0, NULL, "", "", false},
};

static void check_case(const struct api_case *api_case, const char *path)
{
	struct api_answer answer = {0};
	char lines[256] = "";
	struct api_request request = {
		.socket = path,
		.method = "GET",
		.path = "/v1/kills",
		.timeout_ms = api_case->reply != NULL ? 10000 : 50,
		.on_line = collect_line,
		.line_type = "application/x-ndjson",
		.context = lines,
	};
	struct peer peer;
	struct err err = {.text = ""};
	enum api_result result;

	start(&peer, path, api_case->reply);
	result = api_call(&request, &answer, &err);
	stop(&peer, path);
	if (result != api_case->result) {
		fail_msg("%s: result %d, %s", api_case->name, (int)result, err.text);
	}
	assert_int_equal(answer.status, api_case->status);
	assert_string_equal(answer.n_bytes > 0 ? answer.body : "",
		api_case->body != NULL ? api_case->body : "");
	assert_string_equal(lines, api_case->lines);
	assert_string_equal(answer.request_id, api_case->request_id);
	assert_int_equal(answer.json != NULL, api_case->is_json);
	assert_int_equal(err.text[0] != '\0', api_case->result != API_OK);
	api_answer_finish(&answer);
}

static void test_answers(void **state)
{
	const struct scratch *scratch = *state;

	for (size_t i = 0; i < ARRAY_SIZE(CASES); i++) {
		check_case(&CASES[i], scratch->path);
	}
}

static bool give_up(void *context)
{
	int *n_ticks = context;

	return ++*n_ticks < 3;
}

static void test_given_up(void **state)
{
	const struct scratch *scratch = *state;
	struct api_answer answer = {0};
	int n_ticks = 0;
	struct api_request request = {
		.socket = scratch->path,
		.method = "GET",
		.path = "/",
		.timeout_ms = 60000,
		.on_tick = give_up,
		.context = &n_ticks,
	};
	struct peer peer;
	struct err err;

	start(&peer, scratch->path, NULL);
	assert_int_equal(api_call(&request, &answer, &err), API_STOPPED);
	assert_int_equal(n_ticks, 3);
	stop(&peer, scratch->path);
	api_answer_finish(&answer);
}

static void check_unreachable(const char *socket, const char *expected)
{
	struct api_answer answer = {0};
	struct api_request request = {
		.socket = socket, .method = "GET", .path = "/", .timeout_ms = 1000};
	struct err err;

	assert_int_equal(api_call(&request, &answer, &err), API_UNREACHABLE);
	assert_non_null(strstr(err.text, expected));
	assert_non_null(strstr(err.text, socket));
	api_answer_finish(&answer);
}

static void test_unreachable(void **state)
{
	const struct scratch *scratch = *state;
	char long_path[200];
	struct peer peer;

	check_unreachable(scratch->path, "there is no socket");
	start(&peer, scratch->path, NULL);
	close(peer.listener);
	check_unreachable(scratch->path, "nobody listens");
	scratch_write(scratch->other_path, "");
	check_unreachable(scratch->other_path, "is no socket");
	memset(long_path, 'x', sizeof(long_path) - 1);
	long_path[sizeof(long_path) - 1] = '\0';
	check_unreachable(long_path, "too long");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_answers, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(test_given_up, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(test_unreachable, scratch_setup, scratch_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
