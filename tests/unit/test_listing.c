/*
 * Listings: lines whole, cut at every byte, too long, without a last line feed, and what comes
 * behind them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <event2/buffer.h>

#include "base/macros.h"
#include "base/mem.h"
#include "redis/listing.h"

/* Lines as they were handed over, each with a '|' behind it. */
struct heard {
	struct evbuffer *text;
	size_t n_lines;
	size_t longest;
};

static void on_line(void *context, struct slice line)
{
	struct heard *heard = context;

	evbuffer_add(heard->text, line.data, line.len);
	evbuffer_add(heard->text, "|", 1);
	heard->n_lines++;
	heard->longest = MAX(heard->longest, line.len);
}

static struct heard heard_new(void)
{
	return (struct heard){.text = evbuffer_new()};
}

static void assert_heard(struct heard *heard, const char *expected)
{
	evbuffer_add(heard->text, "", 1);
	assert_string_equal((char *)evbuffer_pullup(heard->text, -1), expected);
	evbuffer_free(heard->text);
}

struct row {
	const char *name;
	const char *body;
	const char *expected;
};

static const struct row rows[] = {
	{"empty", "", ""},
	{"one", "id=1 addr=a\n", "id=1 addr=a|"},
	{"two", "id=1\nid=2\n", "id=1|id=2|"},
	{"no last line feed", "id=1\nid=2", "id=1|id=2|"},
	{"empty lines", "\n\nid=1\n\n", "id=1|"},
	{"blanks stay", " id=1  x= \n", " id=1  x= |"},
	{"carriage returns stay", "id=1\r\nid=2\r\n", "id=1\r|id=2\r|"},
};

static void test_rows_cut_at_every_byte(void **state UNUSED)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		size_t len = strlen(rows[i].body);

		for (size_t cut = 0; cut <= len; cut++) {
			struct heard heard = heard_new();
			struct evbuffer *input = evbuffer_new();
			struct listing listing = {0};

			listing_begin(&listing, len);
			evbuffer_add(input, rows[i].body, cut);
			assert_int_equal(
				listing_read(&listing, input, on_line, &heard), cut == len);
			if (cut < len) {
				evbuffer_add(input, rows[i].body + cut, len - cut);
				assert_true(listing_read(&listing, input, on_line, &heard));
			}
			assert_int_equal(evbuffer_get_length(input), 0);
			assert_heard(&heard, rows[i].expected);
			evbuffer_free(input);
		}
	}
}

static void test_byte_by_byte(void **state UNUSED)
{
	const char *body = "id=1 name=a\nid=22 name=bb\n\nid=333";
	struct heard heard = heard_new();
	struct evbuffer *input = evbuffer_new();
	struct listing listing = {0};

	listing_begin(&listing, strlen(body));
	for (size_t i = 0; body[i] != '\0'; i++) {
		evbuffer_add(input, body + i, 1);
		assert_int_equal(
			listing_read(&listing, input, on_line, &heard), body[i + 1] == '\0');
	}
	assert_heard(&heard, "id=1 name=a|id=22 name=bb|id=333|");
	evbuffer_free(input);
}

static void test_what_follows_stays(void **state UNUSED)
{
	struct heard heard = heard_new();
	struct evbuffer *input = evbuffer_new();
	struct listing listing = {0};

	listing_begin(&listing, 10);
	evbuffer_add(input, "id=1\nid=2\n\r\n+OK\r\n", 17);
	assert_true(listing_read(&listing, input, on_line, &heard));
	assert_int_equal(evbuffer_get_length(input), 7);
	assert_heard(&heard, "id=1|id=2|");
	evbuffer_free(input);
}

/* "id=7 name=", `n` times 'x', " cmd=get" in pieces of `n_piece` bytes. */
static void read_long_value(struct heard *heard, size_t n, size_t n_piece)
{
	CLEANUP(mem_free_p) char *value = mem_alloc(n);
	CLEANUP(mem_free_p) char *body = NULL;
	struct evbuffer *input = evbuffer_new();
	struct listing listing = {0};
	size_t len;

	memset(value, 'x', n);
	body = mem_printf("id=7 name=%.*s cmd=get\n", (int)n, value);
	len = strlen(body);
	listing_begin(&listing, len);
	for (size_t at = 0; at < len; at += n_piece) {
		size_t take = MIN(n_piece, len - at);

		evbuffer_add(input, body + at, take);
		assert_int_equal(listing_read(&listing, input, on_line, heard), at + take == len);
	}
	evbuffer_free(input);
}

/* The cut is the same, however the bytes arrive; the fields behind it are kept. */
static void test_long_values_are_cut(void **state UNUSED)
{
	static const size_t pieces[] = {1, 7, 4096, 1 << 20};
	static const struct {
		size_t n, expected;
	} values[] = {
		{LISTING_MAX_VALUE_BYTES - 6, LISTING_MAX_VALUE_BYTES - 6},
		{LISTING_MAX_VALUE_BYTES - 5, LISTING_MAX_VALUE_BYTES - 5},
		{LISTING_MAX_VALUE_BYTES - 4, LISTING_MAX_VALUE_BYTES - 5},
		{100000, LISTING_MAX_VALUE_BYTES - 5},
	};

	for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
		CLEANUP(mem_free_p) char *value = mem_alloc(values[i].expected);
		CLEANUP(mem_free_p) char *expected = NULL;

		memset(value, 'x', values[i].expected);
		expected = mem_printf("id=7 name=%.*s cmd=get|", (int)values[i].expected, value);
		for (size_t k = 0; k < ARRAY_SIZE(pieces); k++) {
			struct heard heard = heard_new();

			read_long_value(&heard, values[i].n, pieces[k]);
			assert_heard(&heard, expected);
		}
	}
}

/* Many values, each short: the line as a whole has a limit too. */
static void test_long_lines_are_cut(void **state UNUSED)
{
	struct heard heard = heard_new();
	struct evbuffer *input = evbuffer_new();
	struct listing listing = {0};

	for (int i = 0; i < 20000; i++) {
		evbuffer_add(input, "a=bcd ", 6);
	}
	evbuffer_add(input, "\nid=2\n", 6);
	listing_begin(&listing, evbuffer_get_length(input));
	assert_true(listing_read(&listing, input, on_line, &heard));
	assert_int_equal(heard.n_lines, 2);
	assert_int_equal(heard.longest, LISTING_MAX_LINE_BYTES);
	evbuffer_free(heard.text);
	evbuffer_free(input);
}

static void test_given_up_in_the_middle(void **state UNUSED)
{
	struct heard heard = heard_new();
	struct evbuffer *input = evbuffer_new();
	struct listing listing = {0};

	listing_begin(&listing, UINT64_MAX);
	evbuffer_add(input, "id=1\nid=", 8);
	assert_false(listing_read(&listing, input, on_line, &heard));
	listing_finish(&listing);
	assert_null(listing.carry);
	/* The next one starts afresh. */
	listing_begin(&listing, 5);
	evbuffer_add(input, "id=3\n", 5);
	assert_true(listing_read(&listing, input, on_line, &heard));
	assert_heard(&heard, "id=1|id=3|");
	evbuffer_free(input);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows_cut_at_every_byte),
		cmocka_unit_test(test_byte_by_byte),
		cmocka_unit_test(test_what_follows_stays),
		cmocka_unit_test(test_long_values_are_cut),
		cmocka_unit_test(test_long_lines_are_cut),
		cmocka_unit_test(test_given_up_in_the_middle),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
