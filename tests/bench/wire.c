/*
 * Blocking RESP2.
 */
#include "wire.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/parse.h"

#define READ_BYTES ((size_t)1 << 20)

void wire_die(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	exit(EXIT_FAILURE);
}

void wire_open(struct wire *wire, const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	size_t len = strlen(path);

	*wire = (struct wire){.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
	if (len >= sizeof(address.sun_path)) {
		wire_die("%s: the path is too long for a Unix socket", path);
	}
	memcpy(address.sun_path, path, len);
	if (wire->fd < 0 ||
		connect(wire->fd, (const struct sockaddr *)&address, sizeof(address)) < 0) {
		wire_die("%s: %s", path, strerror(errno));
	}
}

void wire_close(struct wire *wire)
{
	close(wire->fd);
	free(wire->input);
}

/* ---- out ---- */

void wire_text_add(struct wire_text *text, struct slice piece)
{
	if (text->len + piece.len > text->capacity) {
		text->capacity = (text->len + piece.len) * 2;
		text->data = mem_resize_array(text->data, text->capacity, 1);
	}
	memcpy(text->data + text->len, piece.data, piece.len);
	text->len += piece.len;
}

static void add_number(struct wire_text *text, char mark, size_t number)
{
	char line[32];
	int len = snprintf(line, sizeof(line), "%c%zu\r\n", mark, number);

	wire_text_add(text, (struct slice){line, (size_t)len});
}

void wire_text_begin(struct wire_text *text, size_t argc)
{
	add_number(text, '*', argc);
}

void wire_text_argument(struct wire_text *text, struct slice argument)
{
	add_number(text, '$', argument.len);
	wire_text_add(text, argument);
	wire_text_add(text, SLICE_LITERAL("\r\n"));
}

void wire_text_id(struct wire_text *text, uint64_t id)
{
	char digits[24];
	int len = snprintf(digits, sizeof(digits), "%llu", (unsigned long long)id);

	wire_text_argument(text, (struct slice){digits, (size_t)len});
}

void wire_send(struct wire *wire, struct slice bytes)
{
	while (bytes.len > 0) {
		ssize_t n = send(wire->fd, bytes.data, bytes.len, MSG_NOSIGNAL);

		if (n < 0) {
			wire_die("send: %s", strerror(errno));
		}
		bytes = slice_skip(bytes, (size_t)n);
	}
}

/* ---- in ---- */

static void read_more(struct wire *wire)
{
	ssize_t n;

	if (wire->begin > 0) {
		memmove(wire->input, wire->input + wire->begin, wire->end - wire->begin);
		wire->end -= wire->begin;
		wire->begin = 0;
	}
	if (wire->capacity - wire->end < READ_BYTES) {
		wire->capacity = wire->capacity * 2 + READ_BYTES;
		wire->input = mem_resize_array(wire->input, wire->capacity, 1);
	}
	n = read(wire->fd, wire->input + wire->end, wire->capacity - wire->end);
	if (n <= 0) {
		wire_die("the server ended the connection: %s", n < 0 ? strerror(errno) : "");
	}
	wire->end += (size_t)n;
}

static struct slice receive_line(struct wire *wire)
{
	struct slice line;

	for (;;) {
		const char *begin = wire->input + wire->begin;
		const char *feed = wire->end > wire->begin
					   ? memchr(begin, '\n', wire->end - wire->begin)
					   : NULL;

		if (feed != NULL) {
			line = slice_range(begin, feed - 1);
			wire->begin += line.len + 2;
			return line;
		}
		read_more(wire);
	}
}

static struct slice receive_bulk(struct wire *wire, size_t n_bytes)
{
	struct slice bulk;

	while (wire->end - wire->begin < n_bytes + 2) {
		read_more(wire);
	}
	bulk = (struct slice){wire->input + wire->begin, n_bytes};
	wire->begin += n_bytes + 2;
	return bulk;
}

struct wire_reply wire_receive(struct wire *wire)
{
	struct slice line = receive_line(wire);
	struct wire_reply reply = {.type = line.len > 0 ? line.data[0] : '\0'};
	struct slice rest = slice_skip(line, 1);
	uint64_t n_bytes;

	if (reply.type == '$' && parse_u64(rest, &n_bytes)) {
		reply.text = receive_bulk(wire, (size_t)n_bytes);
	} else if (reply.type == '+') {
		reply.text = rest;
	} else if (reply.type != ':' || !parse_i64(rest, &reply.integer)) {
		wire_die("the server answered: %.*s", SLICE_ARG(line));
	}
	return reply;
}
