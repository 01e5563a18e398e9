/*
 * Audit files in tests: a subject to write about, and the lines read back.
 */
#ifndef TESTS_UNIT_AUDIT_LINES_H
#define TESTS_UNIT_AUDIT_LINES_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "record/audit.h"
#include "record/json.h"
#include "scratch.h"

static const struct caller caller = {
	.uid = 1000, .gid = 100, .pid = 4711, .user = "ann", .exe = "/usr/bin/curl"};

static UNUSED struct audit_subject subject_of(const char *request_id, const struct request *request)
{
	return (struct audit_subject){
		.request_id = request_id,
		.action = "hdm:KillInstanceAllSession",
		.instance = "r-1",
		.caller = &caller,
		.request = request,
	};
}

/* The whole file as an array of its lines, but for those that are no JSON object. */
static json_t *read_whole_lines(const char *path, size_t *ret_torn)
{
	char *text CLEANUP(mem_free_p) = scratch_read(path);
	json_t *lines = json_array();
	struct slice rest, line;

	assert_non_null(text);
	rest = slice_of(text);
	*ret_torn = rest.len > 0 && rest.data[rest.len - 1] != '\n';
	while (slice_next(&rest, '\n', &line) && rest.data != NULL) {
		json_t *object = json_loadb(line.data, line.len, JSON_REJECT_DUPLICATES, NULL);

		if (json_is_object(object)) {
			json_add(lines, object);
		} else {
			json_decref(object);
			++*ret_torn;
		}
	}
	return lines;
}

/* The same, of a file where every line must be one JSON object. */
static UNUSED json_t *read_lines(const char *path)
{
	size_t n_torn;
	json_t *lines = read_whole_lines(path, &n_torn);

	assert_int_equal(n_torn, 0);
	return lines;
}

static const char *text_at(const json_t *lines, size_t i, const char *key)
{
	return json_string_value(json_object_get(json_array_get(lines, i), key));
}

/* "EVENT ID" of all lines, with commas between. */
static UNUSED void assert_events(const json_t *lines, const char *expected)
{
	char seen[512] = "";
	size_t used = 0;

	for (size_t i = 0; i < json_array_size(lines); i++) {
		const char *id = text_at(lines, i, "request_id");

		used += (size_t)snprintf(seen + used, sizeof(seen) - used, "%s%s%s%s",
			used > 0 ? ", " : "", text_at(lines, i, "event"), id != NULL ? " " : "",
			id != NULL ? id : "");
	}
	assert_string_equal(seen, expected);
}

/* The time of a line is now and not compared. */
static UNUSED void assert_line(const json_t *line, const char *expected)
{
	json_auto_t *copy = json_copy((json_t *)line);
	char *text = NULL;
	int same;

	assert_int_equal(strlen(json_string_value(json_object_get(copy, "time"))), 24);
	json_object_del(copy, "time");
	text = json_print(copy);
	same = strcmp(text, expected);
	if (same != 0) {
		print_error("%s\n", text);
	}
	free(text);
	assert_int_equal(same, 0);
}

#define CALLER                                                                                     \
	"\"action\":\"hdm:KillInstanceAllSession\",\"instance\":\"r-1\",\"uid\":1000,\"gid\":100," \
	"\"pid\":4711,\"user\":\"ann\",\"exe\":\"/usr/bin/curl\""

#endif
