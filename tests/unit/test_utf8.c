/*
 * UTF-8: what is a character, how long it is, and its code.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/macros.h"
#include "base/utf8.h"

static void test_decode(void **state UNUSED)
{
	static const struct {
		const char *text;
		size_t n; /* 0: no character */
		uint32_t code;
	} rows[] = {
		{"a", 1, 'a'},
		{"\x7f", 1, 0x7f},
		{"\xc2\x80", 2, 0x80},
		{"\xc3\xa9.", 2, 0xe9},
		{"\xdf\xbf", 2, 0x7ff},
		{"\xe0\xa0\x80", 3, 0x800},
		{"\xe2\x82\xac", 3, 0x20ac},
		{"\xed\x9f\xbf", 3, 0xd7ff},
		{"\xef\xbf\xbf", 3, 0xffff},
		{"\xf0\x90\x80\x80", 4, 0x10000},
		{"\xf0\x9f\x90\xb1", 4, 0x1f431},
		{"\xf4\x8f\xbf\xbf", 4, 0x10ffff},
		{"\x80", 0, 0},
		{"\xc0\xaf", 0, 0},
		{"\xc3", 0, 0},
		{"\xc3(", 0, 0},
		{"\xe0\x80\xaf", 0, 0},
		{"\xe2\x82", 0, 0},
		{"\xe2\x82(", 0, 0},
		{"\xed\xa0\x80", 0, 0},
		{"\xf0\x80\x80\xaf", 0, 0},
		{"\xf0\x9f\x90", 0, 0},
		{"\xf4\x90\x80\x80", 0, 0},
		{"\xff", 0, 0},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		uint32_t code = 0;

		if (utf8_decode(slice_of(rows[i].text), &code) != rows[i].n ||
			utf8_character_bytes(slice_of(rows[i].text)) != rows[i].n ||
			code != rows[i].code) {
			fail_msg("row %zu: %u", i, (unsigned)code);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_decode),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
