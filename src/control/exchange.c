/*
 * Answers.
 */
#include "control/exchange.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "base/mem.h"
#include "control/names.h"
#include "control/routes.h"
#include "record/json.h"

/* A caller who is told to come back later may do so after this. */
#define RETRY_AFTER_S "5"
#define MAX_HOST_BYTES 256

static const struct error_row {
	int status;
	const char *code;
} errors[] = {
#define ERROR(suffix, status, code) {(status), (code)},
	EXCHANGE_ERRORS(ERROR)
#undef ERROR
};

struct exchange *exchange_new(struct control *control, struct http_request *http)
{
	struct exchange *exchange = mem_new(struct exchange);

	exchange->control = control;
	exchange->http = http;
	uuid_make(exchange->request_id);
	return exchange;
}

static void count(const struct exchange *exchange, int status)
{
	const struct route *route = exchange->route;
	const char *name = "unknown";

	if (route != NULL) {
		name = route->das_action != NULL ? route->das_action : route->path;
	}
	metrics_count_answer(exchange->control->in.metrics,
		http_method_name(exchange->http->head.method), name, status);
}

static void free_exchange(struct exchange *exchange)
{
	params_finish(&exchange->params);
	free(exchange);
}

void exchange_drop(struct exchange *exchange)
{
	http_request_drop(exchange->http);
	free_exchange(exchange);
}

void exchange_answer_text(
	struct exchange *exchange, int status, const char *content_type, struct slice text)
{
	struct http_header headers[] = {
		{NAMES_HEADER_REQUEST_ID, exchange->request_id},
		{NAMES_HEADER_RETRY_AFTER, RETRY_AFTER_S},
	};

	if (text.len > http_reply_room(exchange->http)) {
		exchange_fail(exchange, EXCHANGE_UNAVAILABLE,
			"this user has too many answers that are not read");
		return;
	}
	count(exchange, status);
	http_reply(exchange->http, status, content_type, headers, status == 429 ? 2 : 1, text);
	free_exchange(exchange);
}

void exchange_answer(struct exchange *exchange, int status, json_t *body)
{
	CLEANUP(mem_free_p) char *text = json_print(body);

	json_decref(body);
	exchange_answer_text(exchange, status, NAMES_TYPE_JSON, slice_of(text));
}

void exchange_stream_begin(struct exchange *exchange, const char *content_type)
{
	struct http_header header = {NAMES_HEADER_REQUEST_ID, exchange->request_id};

	count(exchange, 200);
	http_stream_begin(exchange->http, 200, content_type, &header, 1);
}

void exchange_stream_line(struct exchange *exchange, json_t *object)
{
	CLEANUP(mem_free_p) char *text = json_print(object);
	CLEANUP(mem_free_p) char *line = mem_printf("%s\n", text);

	json_decref(object);
	/* False: the caller has left, and nobody reads what follows. */
	(void)http_stream_send(exchange->http, slice_of(line), NULL, NULL);
}

void exchange_stream_end(struct exchange *exchange)
{
	http_stream_end(exchange->http);
	free_exchange(exchange);
}

/* {"Code","Message","Data","RequestId","HostId","Success"}, every value a string. */
static json_t *das_error(const struct exchange *exchange, const char *code, const char *message)
{
	json_t *body = json_object();
	char host[MAX_HOST_BYTES] = "";

	gethostname(host, sizeof(host) - 1);
	json_set(body, "Code", json_text_of(code));
	json_set(body, "Message", json_text_of(message));
	json_set(body, "Data", json_text_of("None"));
	json_set(body, "RequestId", json_text_of(exchange->request_id));
	json_set(body, "HostId", json_text_of(host));
	json_set(body, "Success", json_text_of("false"));
	return body;
}

static json_t *native_error(const struct exchange *exchange, const char *code, const char *message)
{
	json_t *body = json_object();
	json_t *error = json_object();

	json_set(error, "code", json_text_of(code));
	json_set(error, "message", json_text_of(message));
	json_set(body, "error", error);
	json_set(body, "request_id", json_text_of(exchange->request_id));
	return body;
}

void exchange_fail(struct exchange *exchange, enum exchange_error error, const char *format, ...)
{
	const struct error_row *row = &errors[error];
	char message[2 * ERR_MAX_BYTES];
	va_list args;

	va_start(args, format);
	vsnprintf(message, sizeof(message), format, args);
	va_end(args);
	exchange_answer(exchange, row->status,
		exchange->is_das ? das_error(exchange, row->code, message)
				 : native_error(exchange, row->code, message));
}
