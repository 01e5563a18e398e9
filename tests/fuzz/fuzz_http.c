/*
 * The head of an HTTP request, and what is behind it as the body that its Content-Type says.
 */
#include "base/check.h"
#include "control/body.h"
#include "control/http/http_head.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

static void read_body(const struct http_head *head, struct slice body, bool is_lenient)
{
	struct params params = {0};
	struct err err = {""};

	if (body_read(&params, http_head_find(head, "content-type"), body, is_lenient, &err) !=
		BODY_READ) {
		CHECK(err.text[0] != '\0');
	}
	CHECK(params.n <= PARAMS_MAX);
	params_finish(&params);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
	struct slice text = {(const char *)data, n_bytes};
	const char *end = memmem(data, n_bytes, "\r\n\r\n", 4);
	struct http_head head;
	uint64_t n;

	if (end == NULL) {
		(void)!http_chunk_read(text, &n);
		return 0;
	}
	text.len = (size_t)(end + 4 - text.data);
	if (http_head_read(text, &head)) {
		CHECK(!head.is_chunked || head.n_body_bytes == 0);
		CHECK(!slice_has_char(head.path, ' ') && !slice_has_char(head.query, ' '));
		read_body(&head, slice_skip((struct slice){(const char *)data, n_bytes}, text.len),
			head.is_old);
	}
	return 0;
}
