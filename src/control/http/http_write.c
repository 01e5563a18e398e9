/*
 * The text of answers.
 */
#include <event2/buffer.h>

#include "base/check.h"
#include "base/mem.h"
#include "control/http/http_internal.h"
#include "control/names.h"

static const char *reason_phrase(int status)
{
	static const struct {
		int status;
		const char *phrase;
	} rows[] = {
		{200, "OK"},
		{400, "Bad Request"},
		{403, "Forbidden"},
		{404, "Not Found"},
		{405, "Method Not Allowed"},
		{409, "Conflict"},
		{413, "Content Too Large"},
		{415, "Unsupported Media Type"},
		{429, "Too Many Requests"},
		{500, "Internal Server Error"},
		{503, "Service Unavailable"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		if (rows[i].status == status) {
			return rows[i].phrase;
		}
	}
	return "";
}

static void write_header(struct evbuffer *output, const char *name, const char *value)
{
	CHECK(strpbrk(value, "\r\n") == NULL);
	evbuffer_add_printf(output, "%s: %s\r\n", name, value);
}

void http_write_head(struct evbuffer *output, int status, const char *content_type,
	const struct http_header *headers, size_t n_headers, bool is_last)
{
	evbuffer_add_printf(output, "HTTP/1.1 %d %s\r\n", status, reason_phrase(status));
	if (content_type != NULL) {
		write_header(output, "Content-Type", content_type);
	}
	for (size_t i = 0; i < n_headers; i++) {
		write_header(output, headers[i].name, headers[i].value);
	}
	if (is_last) {
		write_header(output, "Connection", "close");
	}
}

void http_write_body(struct evbuffer *output, struct slice body, bool is_head)
{
	evbuffer_add_printf(output, "Content-Length: %zu\r\n\r\n", body.len);
	evbuffer_add(output, body.data, is_head ? 0 : body.len);
}

void http_write_refusal(struct evbuffer *output, int status, const char *words)
{
	CLEANUP(mem_free_p)
	char *body = mem_printf("{\"error\":{\"code\":\"%s\",\"message\":\"%s\"}}\n",
		status == 503 ? "ServiceUnavailable" : "InvalidParams", words);

	http_write_head(output, status, NAMES_TYPE_JSON, NULL, 0, true);
	http_write_body(output, slice_of(body), false);
}
