/*
 * The commands that set a session up.
 */
#include "setup.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include "base/check.h"
#include "base/mem.h"

#define ARGUMENT_MAX_BYTES 64

static void append(struct setup_text *text, struct slice piece)
{
	while (text->capacity - text->len < piece.len) {
		text->data = mem_grow_array(text->data, text->capacity, &text->capacity, 1);
	}
	memcpy(text->data + text->len, piece.data, piece.len);
	text->len += piece.len;
}

static void append_array(struct setup_text *text, size_t n_arguments)
{
	char head[32];
	int n = snprintf(head, sizeof(head), "*%zu\r\n", n_arguments);

	append(text, (struct slice){head, (size_t)n});
}

static void append_argument(struct setup_text *text, struct slice argument)
{
	char head[32];
	int n = snprintf(head, sizeof(head), "$%zu\r\n", argument.len);

	append(text, (struct slice){head, (size_t)n});
	append(text, argument);
	append(text, SLICE_LITERAL("\r\n"));
}

PRINTF_LIKE(2, 3) static void append_formatted(struct setup_text *text, const char *format, ...)
{
	char argument[ARGUMENT_MAX_BYTES];
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(argument, sizeof(argument), format, args);
	va_end(args);
	CHECK(n >= 0 && (size_t)n < sizeof(argument));
	append_argument(text, (struct slice){argument, (size_t)n});
}

static void append_words(struct setup_text *text, const char *const *words, size_t n_words)
{
	append_array(text, n_words);
	for (size_t i = 0; i < n_words; i++) {
		append_argument(text, slice_of(words[i]));
	}
}

#define APPEND_COMMAND(text, ...)                              \
	append_words(text, (const char *const[]){__VA_ARGS__}, \
		ARRAY_SIZE(((const char *const[]){__VA_ARGS__})))

static bool has_password(const struct session_class *class)
{
	return class->credentials.password.data != NULL;
}

static void append_login(
	struct setup_text *text, const struct options *options, const struct session_class *class)
{
	struct slice user = class->credentials.user;

	if (!options->is_resp3 && !has_password(class)) {
		return;
	}
	if (options->is_resp3) {
		append_array(text, has_password(class) ? 5 : 2);
		append_argument(text, SLICE_LITERAL("HELLO"));
		append_argument(text, SLICE_LITERAL("3"));
		if (!has_password(class)) {
			return;
		}
		user = user.data != NULL ? user : SLICE_LITERAL("default");
	} else {
		append_array(text, user.data != NULL ? 3 : 2);
	}
	append_argument(text, SLICE_LITERAL("AUTH"));
	if (user.data != NULL) {
		append_argument(text, user);
	}
	append_argument(text, class->credentials.password);
}

/* All subscribers share their channels: the case that is expensive for servers. */
static void append_subscribe(struct setup_text *text, size_t n_channels)
{
	append_array(text, 1 + n_channels);
	append_argument(text, SLICE_LITERAL("SUBSCRIBE"));
	for (size_t i = 0; i < n_channels; i++) {
		append_formatted(text, "sesskill-clients:%zu", i);
	}
}

static void append_block(struct setup_text *text, size_t index)
{
	append_array(text, 3);
	append_argument(text, SLICE_LITERAL("BLPOP"));
	append_formatted(text, "sesskill-clients:%ld:%zu", (long)getpid(), index);
	append_argument(text, SLICE_LITERAL("0"));
}

void setup_compose(struct setup_text *text, const struct options *options,
	const struct session_class *class, size_t index)
{
	text->len = 0;
	append_login(text, options, class);
	if (class->name.data != NULL) {
		append_array(text, 3);
		append_argument(text, SLICE_LITERAL("CLIENT"));
		append_argument(text, SLICE_LITERAL("SETNAME"));
		append_argument(text, class->name);
	}
	switch (class->kind) {
	case CLASS_IDLE:
		APPEND_COMMAND(text, "PING");
		break;
	case CLASS_BLOCKED:
		/* BLPOP has no answer; the server takes both before it answers the first. */
		APPEND_COMMAND(text, "PING");
		append_block(text, index);
		break;
	case CLASS_MULTI:
		APPEND_COMMAND(text, "MULTI");
		APPEND_COMMAND(text, "PING");
		break;
	case CLASS_SUBSCRIBED:
		append_subscribe(text, options->n_channels);
		APPEND_COMMAND(text, "PING");
		break;
	case CLASS_MONITORING:
		APPEND_COMMAND(text, "MONITOR");
		break;
	}
}

struct setup_answer setup_answer(const struct options *options, const struct session_class *class)
{
	switch (class->kind) {
	case CLASS_IDLE:
	case CLASS_BLOCKED:
		return (struct setup_answer){"+PONG", 1};
	case CLASS_MULTI:
		return (struct setup_answer){"+QUEUED", 1};
	case CLASS_SUBSCRIBED:
		/* In RESP2 a subscriber's PING is answered by an array: "pong" and "". */
		return (struct setup_answer){options->is_resp3 ? "+PONG" : "pong", 1};
	case CLASS_MONITORING:
		/* AUTH, but not HELLO, says OK before MONITOR does. */
		return (struct setup_answer){
			"+OK", !options->is_resp3 && has_password(class) ? 2 : 1};
	}
	CHECK(false);
}
