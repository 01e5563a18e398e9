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
	if (exchange->is_listing) {
		LIST_REMOVE(exchange, listing);
	}
	params_finish(&exchange->params);
	free(exchange);
}

void exchange_drop(struct exchange *exchange)
{
	http_request_drop(exchange->http);
	free_exchange(exchange);
}

static bool is_same_user(const struct exchange *a, const struct exchange *b)
{
	return a->http->caller.uid == b->http->caller.uid;
}

bool exchange_begin_listing(struct exchange *exchange, size_t n_bytes)
{
	const struct exchange *other;
	size_t n = 0, n_held = 0, n_held_by_all = 0;

	LIST_FOREACH(other, &exchange->control->listings, listing)
	{
		n_held_by_all += other->listing_bytes;
		if (is_same_user(other, exchange)) {
			n++;
			n_held += other->listing_bytes;
		}
	}
	if (n == EXCHANGE_MAX_LISTINGS ||
		(n > 0 && n_held + n_bytes > EXCHANGE_MAX_LISTING_BYTES)) {
		exchange_fail(exchange, EXCHANGE_UNAVAILABLE,
			"%zu listings of this user are not yet read; read or close them first", n);
		return false;
	}
	/* Root's come on top, one of everybody's size. */
	if (n_held_by_all > 0 && n_held_by_all + n_bytes > EXCHANGE_MAX_ALL_LISTING_BYTES &&
		!(n == 0 && exchange->http->caller.is_own)) {
		exchange_fail(exchange, EXCHANGE_UNAVAILABLE,
			"the listings of all users that are not yet read are too large");
		return false;
	}
	exchange->is_listing = true;
	exchange->listing_bytes = n_bytes;
	LIST_INSERT_HEAD(&exchange->control->listings, exchange, listing);
	return true;
}

static void send_and_free(
	struct exchange *exchange, int status, const char *content_type, struct slice body)
{
	struct http_header headers[] = {
		{NAMES_HEADER_REQUEST_ID, exchange->request_id},
		{NAMES_HEADER_RETRY_AFTER, RETRY_AFTER_S},
	};

	if (body.len > http_reply_room(exchange->http)) {
		exchange_fail(exchange, EXCHANGE_UNAVAILABLE,
			"this user has too many answers that are not read");
		return;
	}
	count(exchange, status);
	http_reply(exchange->http, status, content_type, headers, status == 429 ? 2 : 1, body);
	free_exchange(exchange);
}

bool exchange_has_no_params(struct exchange *exchange)
{
	if (exchange->params.n > 0) {
		exchange_fail(exchange, EXCHANGE_INVALID_PARAMS, "unknown parameter \"%.64s\"",
			exchange->params.items[0].name);
		return false;
	}
	return true;
}

void exchange_answer(struct exchange *exchange, int status, json_t *body)
{
	CLEANUP(mem_free_p) char *text = json_print(body);

	json_decref(body);
	send_and_free(exchange, status, NAMES_TYPE_JSON, slice_of(text));
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

bool exchange_stream_text(
	struct exchange *exchange, struct slice text, void (*then_fn)(void *context), void *context)
{
	return http_stream_send(exchange->http, text, then_fn, context);
}

void exchange_stream_end(struct exchange *exchange)
{
	http_stream_end(exchange->http);
	free_exchange(exchange);
}

void exchange_answer_text(
	struct exchange *exchange, int status, const char *content_type, struct slice text)
{
	send_and_free(exchange, status, content_type, text);
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
