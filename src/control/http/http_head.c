/*
 * Reading heads.
 */
#include "control/http/http_head.h"

#include "base/parse.h"

static const char *const method_names[] = {
	[HTTP_GET] = "GET",
	[HTTP_POST] = "POST",
	[HTTP_DELETE] = "DELETE",
	[HTTP_HEAD] = "HEAD",
	[HTTP_PATCH] = "PATCH",
	[HTTP_OTHER] = "other",
};

const char *http_method_name(enum http_method method)
{
	return method_names[method];
}

/* ---- lines ---- */

/* What names of methods and header fields are made of. */
static bool is_token(struct slice text)
{
	static const char others[] = "!#$%&'*+-.^_`|~";

	for (size_t i = 0; i < text.len; i++) {
		char c = text.data[i];

		if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9') &&
			memchr(others, c, sizeof(others) - 1) == NULL) {
			return false;
		}
	}
	return text.len > 0;
}

/* No control characters; `least`: the lowest that is allowed, with a blank a tab too. */
static bool is_printable(struct slice text, unsigned char least)
{
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.data[i];

		if ((c < least && (c != '\t' || least > ' ')) || c == 0x7f) {
			return false;
		}
	}
	return true;
}

/* Takes a line and its end off the front. False: none is left, or it does not end with CR LF. */
static bool next_line(struct slice *rest, struct slice *ret_line)
{
	if (rest->len == 0 || !slice_next(rest, '\n', ret_line) || rest->data == NULL ||
		!slice_has_suffix(*ret_line, "\r")) {
		return false;
	}
	ret_line->len--;
	return true;
}

/* ---- the first line ---- */

/* "http://host/path" is as good as "/path": proxies send it, and some clients to a socket too. */
static struct slice skip_host(struct slice target)
{
	struct slice scheme, authority, rest = target;
	const char *slash;

	if (!slice_next(&rest, ':', &scheme) || !slice_has_prefix(rest, "//") ||
		!(slice_is_nocase(scheme, "http") || slice_is_nocase(scheme, "https"))) {
		return target;
	}
	authority = slice_skip(rest, 2);
	slash = memchr(authority.data, '/', authority.len);
	return slash != NULL ? slice_range(slash, authority.data + authority.len)
			     : SLICE_LITERAL("/");
}

static enum http_method find_method(struct slice name)
{
	enum http_method method = HTTP_GET;

	while (method != HTTP_OTHER && !slice_is(name, method_names[method])) {
		method++;
	}
	return method;
}

static bool read_request_line(struct slice line, struct http_head *head)
{
	struct slice method, target;

	if (!slice_next(&line, ' ', &method) || !is_token(method) ||
		!slice_next(&line, ' ', &target) || target.len == 0 || !is_printable(target, '!')) {
		return false;
	}
	head->is_old = head->is_last = slice_is(line, "HTTP/1.0");
	head->method = find_method(method);
	target = skip_host(target);
	slice_next(&target, '?', &head->path);
	head->query = target;
	return head->is_old || slice_is(line, "HTTP/1.1");
}

/* ---- fields ---- */

static bool has_word(struct slice list, const char *word)
{
	struct slice part;

	while (slice_next(&list, ',', &part)) {
		if (slice_is_nocase(slice_trim(part), word)) {
			return true;
		}
	}
	return false;
}

/* Where the body ends. Said twice, it is said differently. */
static bool read_framing(
	bool is_length, struct slice value, struct http_head *head, bool *is_framed)
{
	bool is_first = !*is_framed;

	*is_framed = true;
	head->is_chunked = !is_length;
	return is_first && (is_length ? parse_u64(value, &head->n_body_bytes)
				      : slice_is_nocase(value, "chunked") && !head->is_old);
}

static bool read_field(
	struct slice name, struct slice value, struct http_head *head, bool *is_framed)
{
	bool is_length = slice_is_nocase(name, "Content-Length");

	if (is_length || slice_is_nocase(name, "Transfer-Encoding")) {
		return read_framing(is_length, value, head, is_framed);
	}
	if (slice_is_nocase(name, "Expect")) {
		head->expects_continue = slice_is_nocase(value, "100-continue") && !head->is_old;
	} else if (slice_is_nocase(name, "Connection") && has_word(value, "close")) {
		head->is_last = true;
	}
	return true;
}

bool http_head_read(struct slice text, struct http_head *ret_head)
{
	struct http_head head = {.method = HTTP_OTHER};
	bool is_framed = false;
	struct slice line, name;

	if (!next_line(&text, &line) || !read_request_line(line, &head)) {
		return false;
	}
	head.fields = text;
	while (next_line(&text, &line)) {
		if (line.len == 0) {
			*ret_head = head;
			return true;
		}
		if (!slice_next(&line, ':', &name) || !is_token(name) || line.data == NULL ||
			!is_printable(line, ' ') ||
			!read_field(name, slice_trim(line), &head, &is_framed)) {
			return false;
		}
	}
	return false;
}

struct slice http_head_find(const struct http_head *head, const char *name)
{
	struct slice rest = head->fields;
	struct slice line, key;

	while (next_line(&rest, &line) && slice_next(&line, ':', &key)) {
		if (slice_is_nocase(key, name)) {
			return slice_trim(line);
		}
	}
	return (struct slice){NULL, 0};
}

/* ---- chunks ---- */

bool http_chunk_read(struct slice line, uint64_t *ret_n_bytes)
{
	static const char digits[] = "0123456789abcdef";
	uint64_t n = 0;
	struct slice size;

	slice_next(&line, ';', &size);
	size = slice_trim(size);
	for (size_t i = 0; i < size.len; i++) {
		char c = size.data[i];
		const char *digit = memchr(
			digits, c >= 'A' && c <= 'F' ? c - 'A' + 'a' : c, sizeof(digits) - 1);

		if (digit == NULL) {
			return false;
		}
		n = n * 16 + (uint64_t)(digit - digits);
	}
	*ret_n_bytes = n;
	return size.len > 0 && size.len <= 8;
}
