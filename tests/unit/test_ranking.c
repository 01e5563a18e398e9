/*
 * Rankings: who has most, whatever texts strangers come with.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/macros.h"
#include "base/mem.h"
#include "model/ranking.h"

static void count(struct ranking *ranking, const char *text, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		ranking_count(ranking, slice_of(text));
	}
}

static void expect(const struct ranking *ranking, const char *text)
{
	struct ranking_place places[RANKING_MAX_PLACES];
	size_t n = ranking_read(ranking, places);
	CLEANUP(mem_free_p) char *all = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&all, &size);

	for (size_t i = 0; i < n; i++) {
		fprintf(out, "%s%s=%d", i > 0 ? " " : "", places[i].text, (int)places[i].n);
	}
	fclose(out);
	assert_string_equal(all, text);
}

static void test_order(void **state UNUSED)
{
	struct ranking ranking = {0};

	expect(&ranking, "");
	count(&ranking, "b", 2);
	count(&ranking, "", 3);
	count(&ranking, "c", 2);
	count(&ranking, "a", 2);
	count(&ranking, "d", 7);
	count(&ranking, "b", 1);
	expect(&ranking, "d=7 =3 b=3 a=2 c=2");
	ranking_finish(&ranking);
	expect(&ranking, "");
}

static void test_many(void **state UNUSED)
{
	struct ranking ranking = {0};
	struct ranking_place places[RANKING_MAX_PLACES];

	for (unsigned i = 0; i < RANKING_MAX_TEXTS + 1000; i++) {
		char text[16];

		snprintf(text, sizeof(text), "%u", i);
		count(&ranking, text, i % 1000 == 77 ? 2 : 1);
	}
	assert_int_equal(ranking.texts.n, RANKING_MAX_TEXTS);
	/* Those that are known go on being counted. */
	count(&ranking, "77", 5);
	assert_int_equal(ranking_read(&ranking, places), RANKING_MAX_PLACES);
	assert_string_equal(places[0].text, "77");
	assert_int_equal(places[0].n, 7);
	for (size_t i = 1; i < RANKING_MAX_PLACES; i++) {
		assert_int_equal(places[i].n, 2);
		assert_true(i == 1 || strcmp(places[i - 1].text, places[i].text) < 0);
	}
	ranking_finish(&ranking);
}

/* Two that would look the same in a metric are one: a series must not come twice. */
static void test_odd_texts(void **state UNUSED)
{
	struct ranking ranking = {0};
	struct ranking_place places[RANKING_MAX_PLACES];
	char text[2 * RANKING_MAX_TEXT_BYTES + 1];

	count(&ranking, "\xff", 1);
	count(&ranking, "\xfe", 1);
	ranking_count(&ranking, (struct slice){"\0", 1});
	count(&ranking, "\xc3\xa9", 2);
	expect(&ranking, "?=3 \xc3\xa9=2");
	ranking_finish(&ranking);
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	count(&ranking, text, 1);
	text[RANKING_MAX_TEXT_BYTES] = 'y';
	count(&ranking, text, 1);
	/* Not in the middle of a character. */
	memcpy(text + RANKING_MAX_TEXT_BYTES - 1, "\xc3\xa9", 2);
	count(&ranking, text, 1);
	assert_int_equal(ranking_read(&ranking, places), 2);
	assert_int_equal(strlen(places[0].text), RANKING_MAX_TEXT_BYTES);
	assert_int_equal(strlen(places[1].text), RANKING_MAX_TEXT_BYTES - 1);
	ranking_finish(&ranking);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_odd_texts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
