/*
 * The codec: replies of every kind cut at every byte, listings among them, limits, and what is no
 * RESP2.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <event2/buffer.h>

#include "base/macros.h"
#include "base/mem.h"
#include "redis/resp.h"

/* ---- replies as text ---- */

static void print_reply(struct evbuffer *out, const struct reply *reply)
{
	switch (reply->type) {
	case REPLY_NIL:
		evbuffer_add_printf(out, "nil");
		break;
	case REPLY_STATUS:
		evbuffer_add_printf(out, "+%.*s", SLICE_ARG(reply->text));
		break;
	case REPLY_ERROR:
		evbuffer_add_printf(out, "-%.*s", SLICE_ARG(reply->text));
		break;
	case REPLY_INTEGER:
		evbuffer_add_printf(out, ":%lld", (long long)reply->integer);
		break;
	case REPLY_TEXT:
		evbuffer_add_printf(out, "\"%.*s\"", SLICE_ARG(reply->text));
		break;
	case REPLY_ARRAY:
		evbuffer_add_printf(out, "[");
		for (size_t i = 0; i < reply->n_elements; i++) {
			print_reply(out, reply->elements[i]);
			evbuffer_add_printf(out, i + 1 < reply->n_elements ? " " : "");
		}
		evbuffer_add_printf(out, "]");
		break;
	case REPLY_LISTING:
		evbuffer_add_printf(out, "listing");
		break;
	}
}

static void on_line(void *context, struct slice line)
{
	evbuffer_add_printf(context, "<%.*s>", SLICE_ARG(line));
}

struct reading {
	struct resp *resp;
	struct evbuffer *input;
	struct evbuffer *out;
	const char *listings; /* a letter for each reply to come: 'l' is asked for as a listing */
	struct err err;
};

static struct reading reading_new(const char *listings)
{
	return (struct reading){
		.resp = resp_new(),
		.input = evbuffer_new(),
		.out = evbuffer_new(),
		.listings = listings,
	};
}

/* Reads all that is there. */
static enum resp_result read_on(struct reading *reading)
{
	for (;;) {
		bool is_listing = reading->listings[0] == 'l';
		struct reply *reply = NULL;
		enum resp_result result = resp_read(reading->resp, reading->input,
			is_listing ? on_line : NULL, reading->out, &reply, &reading->err);

		if (result != RESP_REPLY) {
			assert_null(reply);
			return result;
		}
		print_reply(reading->out, reply);
		evbuffer_add_printf(reading->out, "\n");
		resp_release(reply);
		reading->listings += reading->listings[0] != '\0';
	}
}

static enum resp_result feed(struct reading *reading, const char *data, size_t len)
{
	evbuffer_add(reading->input, data, len);
	return read_on(reading);
}

static char *printed(struct reading *reading)
{
	size_t len = evbuffer_get_length(reading->out);

	return mem_copy_text((char *)evbuffer_pullup(reading->out, -1), len);
}

static void reading_free(struct reading *reading)
{
	resp_free(reading->resp);
	evbuffer_free(reading->input);
	evbuffer_free(reading->out);
}

/* ---- what is understood ---- */

struct row {
	const char *name;
	const char *bytes;
	const char *listings;
	const char *expected;
};

static const struct row rows[] = {
	{"status", "+OK\r\n", "", "+OK\n"},
	{"empty status", "+\r\n", "", "+\n"},
	{"error", "-ERR no\r\n", "", "-ERR no\n"},
	{"integer", ":-42\r\n", "", ":-42\n"},
	{"text", "$5\r\nhello\r\n", "", "\"hello\"\n"},
	{"text with line feeds", "$8\r\na\nb\r\nc\n\n\r\n", "", "\"a\nb\r\nc\n\n\"\n"},
	{"empty text", "$0\r\n\r\n", "", "\"\"\n"},
	{"nil", "$-1\r\n", "", "nil\n"},
	{"nil array", "*-1\r\n", "", "nil\n"},
	{"empty array", "*0\r\n", "", "[]\n"},
	{"array", "*3\r\n:1\r\n$2\r\nab\r\n-E\r\n", "", "[:1 \"ab\" -E]\n"},
	{"arrays in arrays", "*2\r\n*2\r\n:1\r\n*1\r\n+x\r\n*0\r\n", "", "[[:1 [+x]] []]\n"},
	{"deepest array", "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n:1\r\n", "", "[[[[[[:1]]]]]]\n"},
	{"several", "+a\r\n:1\r\n$1\r\nb\r\n", "", "+a\n:1\n\"b\"\n"},
	{"listing", "$10\r\nid=1\nid=2\n\r\n", "l", "<id=1><id=2>listing\n"},
	{"listing without a last line feed", "$9\r\nid=1\nid=2\r\n", "l", "<id=1><id=2>listing\n"},
	{"empty listing", "$0\r\n\r\n", "l", "listing\n"},
	{"error instead of a listing", "-NOPERM no\r\n", "l", "-NOPERM no\n"},
	{"nil instead of a listing", "$-1\r\n", "l", "nil\n"},
	{"array instead of a listing", "*1\r\n$2\r\nab\r\n", "l", "[\"ab\"]\n"},
	{"listing between replies", "+a\r\n$5\r\nid=1\n\r\n:7\r\n", ".l.",
		"+a\n<id=1>listing\n:7\n"},
	{"listing behind a text", "$3\r\na\nb\r\n$5\r\nid=1\n\r\n$1\r\nc\r\n", ".l.",
		"\"a\nb\"\n<id=1>listing\n\"c\"\n"},
	{"two listings", "$5\r\nid=1\n\r\n$5\r\nid=2\n\r\n", "ll",
		"<id=1>listing\n<id=2>listing\n"},
	{"error between listings", "$5\r\nid=1\n\r\n-ERR x\r\n$5\r\nid=2\n\r\n", "lll",
		"<id=1>listing\n-ERR x\n<id=2>listing\n"},
	{"what looks like a reply in a listing", "$11\r\n+OK\r\n$1\r\n\n\n\r\n+x\r\n", "l",
		"<+OK\r><$1\r>listing\n+x\n"},
};

static void test_rows_cut_at_every_byte(void **state UNUSED)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		size_t len = strlen(rows[i].bytes);

		for (size_t cut = 0; cut <= len; cut++) {
			struct reading reading = reading_new(rows[i].listings);
			CLEANUP(mem_free_p) char *text = NULL;

			assert_int_equal(feed(&reading, rows[i].bytes, cut), RESP_AGAIN);
			assert_int_equal(
				feed(&reading, rows[i].bytes + cut, len - cut), RESP_AGAIN);
			text = printed(&reading);
			if (strcmp(text, rows[i].expected) != 0) {
				fail_msg("%s, cut at %zu: %s", rows[i].name, cut, text);
			}
			assert_int_equal(evbuffer_get_length(reading.input), 0);
			reading_free(&reading);
		}
	}
}

static void test_all_rows_byte_by_byte(void **state UNUSED)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct reading reading = reading_new(rows[i].listings);
		CLEANUP(mem_free_p) char *text = NULL;

		for (const char *at = rows[i].bytes; *at != '\0'; at++) {
			assert_int_equal(feed(&reading, at, 1), RESP_AGAIN);
		}
		text = printed(&reading);
		assert_string_equal(text, rows[i].expected);
		reading_free(&reading);
	}
}

/* Given up with half a reply inside: nothing leaks. */
static void test_freed_at_every_byte(void **state UNUSED)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		for (size_t cut = 0; cut < strlen(rows[i].bytes); cut++) {
			struct reading reading = reading_new(rows[i].listings);

			assert_int_equal(feed(&reading, rows[i].bytes, cut), RESP_AGAIN);
			reading_free(&reading);
		}
	}
}

/* ---- what is refused ---- */

struct refused {
	const char *name;
	const char *bytes;
	const char *listings;
	const char *words; /* the beginning */
};

#define NO_RESP "the server does not speak RESP"

static const struct refused refused[] = {
	{"http", "HTTP/1.1 400 Bad Request\r\n", "", NO_RESP},
	{"no type", "\r\n", "", NO_RESP},
	{"map", "%1\r\n+a\r\n:1\r\n", "", NO_RESP},
	{"set", "~1\r\n:1\r\n", "", NO_RESP},
	{"push", ">1\r\n:1\r\n", "", NO_RESP},
	{"double", ",1.5\r\n", "", NO_RESP},
	{"true", "#t\r\n", "", NO_RESP},
	{"verbatim", "=5\r\ntxt:a\r\n", "", NO_RESP},
	{"verbatim listing", "=9\r\ntxt:id=1\n\r\n", "l", NO_RESP},
	{"big number", "(123\r\n", "", NO_RESP},
	{"double in an array", "*2\r\n:1\r\n,1.5\r\n", "", NO_RESP},
	{"map in an array", "*1\r\n%1\r\n+a\r\n:1\r\n", "", NO_RESP},
	{"text of less than nothing", "$-2\r\n", "", NO_RESP},
	{"array of less than nothing", "*-2\r\n", "", NO_RESP},
	{"length that is no number", "$x\r\n", "", NO_RESP},
	{"length with junk", "*1x\r\n", "", NO_RESP},
	{"array of too many", "*16385\r\n", "", NO_RESP},
	{"array of 2^31", "*2147483648\r\n", "", NO_RESP},
	{"array of 2^63 - 1", "*9223372036854775807\r\n", "", NO_RESP},
	{"array of more than a number holds", "*99999999999999999999\r\n", "", NO_RESP},
	{"too deep", "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n:1\r\n", "", NO_RESP},
	{"listing with a bad length", "$1x\r\n", "l", NO_RESP},
	{"listing without end", "$1073741825\r\nid=1\n", "l",
		"the server announced a listing of 1073741825 bytes"},
	{"listing longer than it said", "$4\r\nid=1\n\r\n", "l",
		"the server's listing is longer than it said"},
	{"listing with a signed length", "$-5\r\n", "l", NO_RESP},
};

static void test_refused(void **state UNUSED)
{
	for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
		struct reading reading = reading_new(refused[i].listings);
		enum resp_result result =
			feed(&reading, refused[i].bytes, strlen(refused[i].bytes));

		if (result != RESP_BROKEN) {
			fail_msg("%s: %d", refused[i].name, result);
		}
		assert_memory_equal(reading.err.text, refused[i].words, strlen(refused[i].words));
		reading_free(&reading);
	}
}

/* Who promises more than ever comes is only waited for: the deadline is the link's. */
static void test_promises(void **state UNUSED)
{
	static const struct row promises[] = {
		{"text", "$9223372036854775807\r\nabc", "", ""},
		{"listing", "$1073741824\r\nid=1\nid=2", "l", "<id=1>"},
		{"array", "*16384\r\n:1\r\n", "", ""},
	};

	for (size_t i = 0; i < ARRAY_SIZE(promises); i++) {
		struct reading reading = reading_new(promises[i].listings);
		CLEANUP(mem_free_p) char *text = NULL;

		assert_int_equal(
			feed(&reading, promises[i].bytes, strlen(promises[i].bytes)), RESP_AGAIN);
		text = printed(&reading);
		assert_string_equal(text, promises[i].expected);
		reading_free(&reading);
	}
}

static void test_line_without_end(void **state UNUSED)
{
	CLEANUP(mem_free_p) char *piece = mem_alloc(4096);
	struct reading reading = reading_new("");
	size_t n_fed = 0;
	enum resp_result result;

	memset(piece, 'x', 4096);
	do {
		result = feed(&reading, piece, 4096);
		n_fed += 4096;
	} while (result == RESP_AGAIN && n_fed < 4 * RESP_MAX_LINE_BYTES);
	assert_int_equal(result, RESP_BROKEN);
	assert_int_equal(n_fed, RESP_MAX_LINE_BYTES + 4096);
	assert_string_equal(reading.err.text, "the server sent a line of more than 262144 bytes");
	reading_free(&reading);
}

/* Short lines without end, as one text. */
static void test_reply_without_end(void **state UNUSED)
{
	CLEANUP(mem_free_p) char *piece = mem_alloc(64 * 1024);
	struct reading reading = reading_new("");
	size_t n_fed = 0;
	enum resp_result result = feed(&reading, "$1000000000\r\n", 13);

	for (size_t i = 0; i < 64 * 1024; i++) {
		piece[i] = i % 64 == 63 ? '\n' : 'x';
	}
	while (result == RESP_AGAIN && n_fed < 2 * (size_t)RESP_MAX_REPLY_BYTES) {
		result = feed(&reading, piece, 64 * 1024);
		n_fed += 64 * 1024;
	}
	assert_int_equal(result, RESP_BROKEN);
	assert_int_equal(n_fed, RESP_MAX_REPLY_BYTES);
	assert_string_equal(
		reading.err.text, "the server sent a reply of more than 16777216 bytes");
	reading_free(&reading);
}

/* The limit is one of a reply, not of a connection. */
static void test_many_large_replies(void **state UNUSED)
{
	CLEANUP(mem_free_p) char *lines = mem_alloc(1 << 20);
	struct reading reading = reading_new("");

	for (size_t i = 0; i < 1 << 20; i++) {
		lines[i] = i % 256 == 255 ? '\n' : 'x';
	}
	for (int i = 0; i < 20; i++) {
		assert_int_equal(feed(&reading, "$1048576\r\n", 10), RESP_AGAIN);
		assert_int_equal(feed(&reading, lines, 1 << 20), RESP_AGAIN);
		assert_int_equal(feed(&reading, "\r\n", 2), RESP_AGAIN);
	}
	reading_free(&reading);
}

/* ---- commands ---- */

static void test_commands(void **state UNUSED)
{
	const struct slice argv[] = {
		SLICE_LITERAL("CLIENT"), SLICE_LITERAL(""), {"a\0\r\nb", 5}, SLICE_LITERAL("7")};
	static const char expected[] =
		"*4\r\n$6\r\nCLIENT\r\n$0\r\n\r\n$5\r\na\0\r\nb\r\n$1\r\n7\r\n";

	for (int is_secret = 0; is_secret < 2; is_secret++) {
		struct evbuffer *output = evbuffer_new();

		resp_write_command(output, argv, ARRAY_SIZE(argv), is_secret);
		assert_int_equal(evbuffer_get_length(output), sizeof(expected) - 1);
		assert_memory_equal(evbuffer_pullup(output, -1), expected, sizeof(expected) - 1);
		evbuffer_free(output);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows_cut_at_every_byte),
		cmocka_unit_test(test_all_rows_byte_by_byte),
		cmocka_unit_test(test_freed_at_every_byte),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_promises),
		cmocka_unit_test(test_line_without_end),
		cmocka_unit_test(test_reply_without_end),
		cmocka_unit_test(test_many_large_replies),
		cmocka_unit_test(test_commands),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
