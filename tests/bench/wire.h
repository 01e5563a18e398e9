/*
 * A blocking connection to a server, with nothing between the program and the socket: what the
 * benchmark's own clients are made of. Any failure ends the program with a message: a measurement
 * that went wrong is none.
 */
#ifndef BENCH_WIRE_H
#define BENCH_WIRE_H

#include <stddef.h>
#include <stdint.h>

#include "base/macros.h"
#include "base/slice.h"

/* Bytes on their way out; zeroed is empty, release `data` with free(). */
struct wire_text {
	char *data;
	size_t len;
	size_t capacity;
};

struct wire {
	int fd;
	char *input; /* everything read and not yet taken */
	size_t begin, end, capacity;
};

/* One reply, borrowed until the next call. */
struct wire_reply {
	char type;         /* ':', '$', '+' */
	int64_t integer;   /* ':' */
	struct slice text; /* '$', '+' */
};

NORETURN void wire_die(const char *format, ...) PRINTF_LIKE(1, 2);

void wire_open(struct wire *wire, const char *path); /* a Unix socket */
void wire_close(struct wire *wire);

void wire_text_add(struct wire_text *text, struct slice piece);
/* The start of a command of `argc` arguments, and each of them. */
void wire_text_begin(struct wire_text *text, size_t argc);
void wire_text_argument(struct wire_text *text, struct slice argument);
void wire_text_id(struct wire_text *text, uint64_t id);

void wire_send(struct wire *wire, struct slice bytes);
struct wire_reply wire_receive(struct wire *wire); /* an error reply ends the program */

#endif
