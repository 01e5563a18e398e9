/*
 * Log lines as they arrive on stderr: level, prefix for the journal, and that no text breaks a line
 * or reaches a terminal.
 */
#include <fcntl.h>
#include <unistd.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/log.h"
#include "base/mem.h"

#define LONGEST 4096

struct capture {
	int saved_stderr;
	int read_end;
};

static int setup(void **state)
{
	struct capture *capture = mem_new(struct capture);
	int ends[2];

	unsetenv("JOURNAL_STREAM");
	capture->saved_stderr = dup(STDERR_FILENO);
	if (capture->saved_stderr < 0 || pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0 ||
		dup2(ends[1], STDERR_FILENO) < 0) {
		return -1;
	}
	close(ends[1]);
	capture->read_end = ends[0];
	*state = capture;
	return 0;
}

static int teardown(void **state)
{
	struct capture *capture = *state;

	dup2(capture->saved_stderr, STDERR_FILENO);
	close(capture->saved_stderr);
	close(capture->read_end);
	unsetenv("JOURNAL_STREAM");
	log_set_level(LOG_LEVEL_INFO);
	free(capture);
	return 0;
}

/* What was written since the last call; `text` holds LONGEST. */
static const char *written(struct capture *capture, char *text)
{
	ssize_t n = read(capture->read_end, text, LONGEST - 1);

	text[n > 0 ? n : 0] = '\0';
	return text;
}

static void test_levels(void **state)
{
	char text[LONGEST];

	log_error("a %d", 1);
	assert_string_equal(written(*state, text), "error: a 1\n");
	log_warning("b");
	log_notice("c");
	log_info("d");
	log_debug("not shown by default");
	assert_string_equal(written(*state, text), "warning: b\nnotice: c\ninfo: d\n");
	log_set_level(LOG_LEVEL_DEBUG);
	log_debug("e");
	assert_string_equal(written(*state, text), "debug: e\n");
	log_set_level(LOG_LEVEL_ERROR);
	log_warning("f");
	assert_string_equal(written(*state, text), "");
}

static void test_journal(void **state)
{
	char text[LONGEST];

	setenv("JOURNAL_STREAM", "8:1", 1);
	log_error("a");
	log_info("b");
	assert_string_equal(written(*state, text), "<3>a\n<6>b\n");
}

static void test_escapes(void **state)
{
	static const struct {
		const char *text;
		const char *expected;
	} rows[] = {
		{"a\nerror: forged", "info: a\\x0aerror: forged\n"},
		{"\x1b[2J\r\t\x7f", "info: \\x1b[2J\\x0d\\x09\\x7f\n"},
		{"\xc2\x9b"
		 "2J",
			"info: \\xc2\\x9b2J\n"}, /* a terminal's CSI in UTF-8 */
		{"caf\xc3\xa9 \xe2\x9c\x93", "info: caf\xc3\xa9 \xe2\x9c\x93\n"},
		{"\xff", "info: \xff\n"},
		{"", "info: \n"},
	};
	char text[LONGEST];

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		log_info("%s", rows[i].text);
		assert_string_equal(written(*state, text), rows[i].expected);
	}
}

/* However long and whatever it holds: one line, which ends. */
static void test_long(void **state)
{
	char longer[3 * LONGEST];
	char text[LONGEST];
	size_t len;

	for (int filler = 0; filler < 2; filler++) {
		memset(longer, filler == 0 ? 'x' : '\x01', sizeof(longer) - 1);
		longer[sizeof(longer) - 1] = '\0';
		log_info("%s", longer);
		len = strlen(written(*state, text));
		assert_in_range(len, 1000, LONGEST - 2);
		assert_ptr_equal(strchr(text, '\n'), text + len - 1);
	}
}

/* A log that nobody reads must not stop the program. */
static void test_full_pipe(void **state UNUSED)
{
	for (int i = 0; i < 100000; i++) {
		log_info("%d", i);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_levels, setup, teardown),
		cmocka_unit_test_setup_teardown(test_journal, setup, teardown),
		cmocka_unit_test_setup_teardown(test_escapes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_long, setup, teardown),
		cmocka_unit_test_setup_teardown(test_full_pipe, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
