/*
 * What a crash left open is found among everything that a file may hold.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>

#include "record/audit_scan.h"
#include "record/json.h"
#include "scratch.h"

#define LINE(event, id, rest)                                                                 \
	"{\"time\":\"2026-11-24T05:50:23.123Z\",\"event\":\"" event "\",\"request_id\":\"" id \
	"\"" rest

#define INTENT(id) LINE("intent", id, ",\"all\":true}\n")
#define OUTCOME(id) LINE("outcome", id, ",\"nodes\":[{\"error\":null}]}\n")

static json_t *scan_file(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	json_t *open_intents = NULL;
	struct err err;

	assert_true(fd >= 0);
	assert_int_equal(audit_scan(fd, NULL, &open_intents, &err), 0);
	close(fd);
	return open_intents;
}

static void test_scan(void **state)
{
	static const struct {
		const char *name;
		const char *content;
		const char *expected; /* {id: offset} */
	} rows[] = {
		{"empty file", "", "{}"},
		{"closed", INTENT("A") OUTCOME("A"), "{}"},
		{"interrupted before", INTENT("A") LINE("interrupted", "A", "}\n"), "{}"},
		{"open", INTENT("A"), "{\"A\":0}"},
		{"oldest first", INTENT("B") INTENT("A"), "{\"B\":0,\"A\":81}"},
		{"one of three", INTENT("A") INTENT("B") INTENT("C") OUTCOME("A") OUTCOME("C"),
			"{\"B\":81}"},
		{"outcome of nobody", OUTCOME("A") INTENT("B"), "{\"B\":96}"},
		{"other events", LINE("denied", "A", "}\n") INTENT("B") LINE("denied", "B", "}\n"),
			"{\"B\":70}"},
		{"event without request", "{\"time\":\"T\",\"event\":\"start\"}\n", "{}"},
		{"torn intent", LINE("intent", "A", ",\"all\":tr\n"), "{}"},
		{"torn intent at the end", LINE("intent", "A", ",\"all\":tr"), "{}"},
		{"only its line feed is torn", LINE("intent", "A", "}"), "{\"A\":0}"},
		{"torn outcome", INTENT("A") LINE("outcome", "A", ",\"nodes\":[{}\n"), "{\"A\":0}"},
		{"torn in a string", INTENT("A") LINE("outcome", "A", ",\"user\":\"}\n"),
			"{\"A\":0}"},
		{"torn behind an escape", INTENT("A") LINE("outcome", "A", ",\"user\":\"\\\"}\n"),
			"{\"A\":0}"},
		{"brackets in strings", INTENT("A") LINE("outcome", "A", ",\"user\":\"{[\\\\\"}\n"),
			"{}"},
		{"two on one line", LINE("intent", "A", "}") INTENT("B"), "{}"},
		{"no JSON", "hello\n\n}}}\n]\n\"\n" INTENT("A"), "{\"A\":15}"},
		{"not in front", " " INTENT("A"), "{}"},
		{"forged in a text", "{\"reason\":" INTENT("A"), "{}"},
		{"no id", INTENT(""), "{}"},
		{"id too long",
			INTENT("012345678901234567890123456789012345678901234567890123456789012345"
			       "6"),
			"{}"},
		{"id is no UTF-8", INTENT("\xff"), "{}"},
		{"carriage return", LINE("intent", "A", "}\r\n"), "{}"},
	};
	struct scratch *scratch = *state;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		json_auto_t *found = NULL;
		char *text CLEANUP(mem_free_p) = NULL;

		scratch_write(scratch->path, rows[i].content);
		found = scan_file(scratch->path);
		text = json_print(found);
		if (strcmp(text, rows[i].expected) != 0) {
			fail_msg("%s: %s instead of %s", rows[i].name, text, rows[i].expected);
		}
	}
}

/* Lines across every border of what is read at once, and the limit of what is remembered. */
static void test_scan_of_many(void **state)
{
	struct scratch *scratch = *state;
	FILE *stream = fopen(scratch->path, "w");
	json_auto_t *found = NULL;

	assert_non_null(stream);
	for (int i = 0; i < AUDIT_SCAN_MAX_OPEN + 5; i++) {
		fprintf(stream, LINE("intent", "closed-%d", "}\n"), i);
		fprintf(stream, LINE("outcome", "closed-%d", ",\"error\":\"%.*s\"}\n"), i, i % 997,
			"a long text that makes lines of different lengths");
	}
	for (int i = 0; i < AUDIT_SCAN_MAX_OPEN + 5; i++) {
		fprintf(stream, LINE("intent", "open-%d", "}\n"), i);
	}
	assert_int_equal(fclose(stream), 0);
	found = scan_file(scratch->path);
	assert_int_equal(json_object_size(found), AUDIT_SCAN_MAX_OPEN);
	assert_non_null(json_object_get(found, "open-0"));
	assert_null(json_object_get(found, "open-200000"));
}

static void test_load(void **state)
{
	struct scratch *scratch = *state;
	json_auto_t *found = NULL;
	json_auto_t *intent = NULL;
	int fd;

	scratch_write(scratch->path, OUTCOME("A") INTENT("B") "{not JSON}\n" INTENT("C"));
	found = scan_file(scratch->path);
	fd = open(scratch->path, O_RDONLY | O_CLOEXEC);
	intent = audit_scan_load(fd, json_integer_value(json_object_get(found, "B")));
	assert_string_equal(json_string_value(json_object_get(intent, "request_id")), "B");
	assert_true(json_is_true(json_object_get(intent, "all")));
	/* Where {not JSON} starts. */
	assert_null(audit_scan_load(fd, 177));
	assert_null(audit_scan_load(fd, 1000000));
	close(fd);
	assert_null(audit_scan_load(fd, 0));
}

static void test_scan_fails(void **state)
{
	json_t *found = NULL;
	struct err err = {""};

	(void)state;
	assert_int_equal(audit_scan(-1, NULL, &found, &err), -EBADF);
	assert_null(found);
	assert_string_equal(err.text, "cannot read: Bad file descriptor");
}

#define ROW(function) cmocka_unit_test_setup_teardown(function, scratch_setup, scratch_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ROW(test_scan),
		ROW(test_scan_of_many),
		ROW(test_load),
		ROW(test_scan_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
