/*
 * One request on the control socket on its way to its answer: its id, its route, its parameters.
 * Here is the one place that writes JSON answers and errors, in the form of the API asked for.
 */
#ifndef CONTROL_EXCHANGE_H
#define CONTROL_EXCHANGE_H

#include <jansson.h>

#include "base/uuid.h"
#include "control/control.h"
#include "control/params.h"

struct route;

/* Errors: the API's table of codes. ERROR(enum suffix, HTTP status, code) */
#define EXCHANGE_ERRORS(ERROR)                          \
	ERROR(INVALID_PARAMS, 400, "InvalidParams")     \
	ERROR(INVALID_VERSION, 400, "InvalidVersion")   \
	ERROR(NO_PERMISSION, 403, "NoPermission")       \
	ERROR(NO_ACTION, 404, "InvalidAction.NotFound") \
	ERROR(NOT_FOUND, 404, "NotFound")               \
	ERROR(METHOD, 405, "UnsupportedHTTPMethod")     \
	ERROR(TOO_MANY, 409, "TooMany")                 \
	ERROR(NOT_EXACT, 409, "NotExact")               \
	ERROR(RESTARTED, 409, "Restarted")              \
	ERROR(CONFLICT, 409, "AlreadyDone")             \
	ERROR(TOO_LARGE, 413, "RequestTooLarge")        \
	ERROR(MEDIA_TYPE, 415, "UnsupportedMediaType")  \
	ERROR(THROTTLED, 429, "Throttling.User")        \
	ERROR(INTERNAL, 500, "InternalError")           \
	ERROR(UNAVAILABLE, 503, "ServiceUnavailable")

enum exchange_error {
#define ERROR(suffix, status, code) EXCHANGE_##suffix,
	EXCHANGE_ERRORS(ERROR)
#undef ERROR
};

struct exchange {
	struct control *control;
	struct http_request *http;
	const struct route *route; /* NULL until it is found */
	char request_id[UUID_TEXT_BYTES];
	bool is_das; /* answers have the form of the DAS API */
	struct params params;
	bool is_malformed; /* the parameters could not be decoded; why: */
	enum exchange_error malformed_error;
	struct err malformed;
	struct slice id; /* the variable part of the path; absent where there is none */
	struct slice
		instance;   /* that the request is about, as the caller wrote it; may be absent */
	const char *action; /* access action; NULL until the route is found */
};

struct exchange *exchange_new(struct control *control, struct http_request *http);

/* The caller has left and nothing is to be answered any more: frees the exchange. */
void exchange_drop(struct exchange *exchange);

/* Each of these answers and frees the exchange. `body` is taken over. */
void exchange_answer(struct exchange *exchange, int status, json_t *body);
void exchange_answer_text(
	struct exchange *exchange, int status, const char *content_type, struct slice text);
void exchange_fail(struct exchange *exchange, enum exchange_error error, const char *format, ...)
	PRINTF_LIKE(3, 4);

/*
 * An answer in pieces: the type and status at once, then objects, one a line (each taken over),
 * then the end, which frees the exchange. Whoever has hung up misses the rest.
 */
void exchange_stream_begin(struct exchange *exchange, const char *content_type);
void exchange_stream_line(struct exchange *exchange, json_t *object);
void exchange_stream_end(struct exchange *exchange);

#endif
