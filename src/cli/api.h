/*
 * One request to the daemon, of this host over its Unix socket or of another one by ssh, and the
 * answer, as bytes. Knows nothing of commands.
 */
#ifndef CLI_API_H
#define CLI_API_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/macros.h"
#include "base/slice.h"

/* A whole answer may be this long: listings of sessions are the longest. */
#define API_MAX_BODY_BYTES (256 * 1024 * 1024)
/* One line of a stream: a report has at most some thousand nodes. */
#define API_MAX_LINE_BYTES (16 * 1024 * 1024)
/* For questions that the daemon answers from what it knows. */
#define API_TIMEOUT_MS 10000

enum api_result {
	API_OK,          /* an answer, whatever its status */
	API_UNREACHABLE, /* the daemon never saw the request */
	API_TIMED_OUT,   /* it may have, and may be at it still */
	API_LOST,        /* likewise: the connection broke, or what came was no answer */
	API_STOPPED,     /* on_tick said so */
};

struct ssh;

struct api_request {
	const char *socket; /* of this host */
	struct ssh *ssh;    /* to another host, where `socket` means nothing; NULL: this one */
	const char *method; /* GET, POST, DELETE */
	const char *path;   /* encoded, with the query if any */
	const char *form;   /* an encoded body; NULL: none */
	const char *accept; /* NULL: JSON */
	int64_t timeout_ms; /* from connecting to the last byte */
	/*
	 * Takes each line of a good answer of the type `line_type` as soon as it is whole, with its
	 * line feed if it has one: all lines together are the body. NULL, or any other answer: the
	 * body is collected.
	 */
	void (*on_line)(void *context, struct slice line);
	const char *line_type;
	/* Called some ten times a second while waiting; false gives up. NULL: no call. */
	bool (*on_tick)(void *context);
	void *context;
};

struct api_answer {
	long status; /* HTTP */
	char *body;  /* NUL-terminated, may hold NUL; empty if it went to on_line */
	size_t n_bytes;
	json_t *json;        /* the body as an object; NULL: it is none */
	char request_id[64]; /* of the header; "": none */
};

/*
 * `ret_answer` starts zeroed and is filled as far as it came, also when the result is not API_OK:
 * then `err` says what happened, why, and what to do next.
 */
NODISCARD enum api_result api_call(
	const struct api_request *request, struct api_answer *ret_answer, struct err *err);
/*
 * Opens the way to another host unless it is open; api_call() does that by itself. Where the
 * request is not to begin by a person's signals held back, it is done before. API_UNREACHABLE, or
 * API_STOPPED by a signal, which the program has to itself again: words are in `err`.
 */
NODISCARD enum api_result api_open(struct ssh *ssh, struct err *err);
void api_close(struct ssh *ssh); /* of a host that was never asked is fine */

void api_answer_finish(struct api_answer *answer); /* zeroed is fine */

#endif
