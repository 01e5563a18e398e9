/*
 * Log lines as they arrive on stderr: level, prefix for the journal, that no text breaks a line or
 * reaches a terminal, and that lines which nobody takes are lost and counted. An alarm ends the
 * test where logging waits.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"
#include "base/mem.h"

#define LONGEST 4096
#define ALARM_S 20
#define N_FLOOD 20000 /* lines, more than any of the buffers here holds */
#define FLOOD_BYTES ((size_t)N_FLOOD * 16)

struct capture {
	int saved_stderr;
	int read_end;
};

/* A socket takes this much at once. */
static size_t send_limit = SIZE_MAX;

/* In place of the system's, which this hands over to. */
ssize_t send(int fd, const void *bytes, size_t n_bytes, int flags)
{
	if (send_limit == 0) {
		errno = EAGAIN;
		return -1;
	}
	return sendto(fd, bytes, MIN(n_bytes, send_limit), flags, NULL, 0);
}

/* stderr leads to `write_end` from now on. Both are taken over. */
static void redirect(struct capture *capture, int write_end, int read_end)
{
	assert_int_equal(dup2(write_end, STDERR_FILENO), STDERR_FILENO);
	close(write_end);
	if (capture->read_end >= 0) {
		close(capture->read_end);
	}
	/* Of this end only: the other one waits, as that of a shell does. */
	assert_int_equal(fcntl(read_end, F_SETFL, O_NONBLOCK), 0);
	capture->read_end = read_end;
}

static void redirect_to_pipe(struct capture *capture)
{
	int ends[2];

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	redirect(capture, ends[1], ends[0]);
}

/* For a while there is no stderr, and lines are lost; the pipe is for what comes after it. */
static void lose(struct capture *capture, int n_lines)
{
	int ends[2];

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	close(STDERR_FILENO);
	for (int i = 0; i < n_lines; i++) {
		log_info("%d", i);
	}
	redirect(capture, ends[1], ends[0]);
}

static int setup(void **state)
{
	struct capture *capture = mem_new(struct capture);

	alarm(ALARM_S);
	unsetenv("JOURNAL_STREAM");
	capture->saved_stderr = dup(STDERR_FILENO);
	capture->read_end = -1;
	if (capture->saved_stderr < 0) {
		return -1;
	}
	/* What a failed test left to be told. */
	redirect_to_pipe(capture);
	log_error("the first line");
	redirect_to_pipe(capture);
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
	send_limit = SIZE_MAX;
	alarm(0);
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

/* All that is there; on the heap. */
static char *read_all(int fd, size_t max_bytes)
{
	char *text = mem_alloc(max_bytes + 1);
	size_t used = 0;
	ssize_t n;

	while ((n = read(fd, text + used, max_bytes - used)) > 0) {
		used += (size_t)n;
	}
	assert_true(used < max_bytes);
	return text;
}

/* "info: 0", "info: 1" and so on, each a whole line, and nothing else: how many there are. */
static int count_numbered(const char *text)
{
	char line[LONGEST];
	int n = 0;

	for (; *text != '\0'; n++) {
		size_t len = (size_t)snprintf(line, sizeof(line), "info: %d\n", n);

		assert_int_equal(strncmp(text, line, len), 0);
		text += len;
	}
	return n;
}

/* Nobody reads until a lot has been logged, and then somebody does. */
static void flood_and_recover(struct capture *capture)
{
	CLEANUP(mem_free_p) char *taken = NULL;
	char expected[LONGEST];
	char text[LONGEST];
	int n_taken;

	for (int i = 0; i < N_FLOOD; i++) {
		log_info("%d", i);
	}
	taken = read_all(capture->read_end, FLOOD_BYTES);
	n_taken = count_numbered(taken);
	assert_in_range(n_taken, 100, N_FLOOD - 1);
	log_error("back");
	snprintf(expected, sizeof(expected),
		"warning: %d lines of the log were lost: nobody read them\nerror: back\n",
		N_FLOOD - n_taken);
	assert_string_equal(written(capture, text), expected);
	/* It is said once. */
	log_info("as before");
	assert_string_equal(written(capture, text), "info: as before\n");
}

static void test_full_pipe(void **state)
{
	flood_and_recover(*state);
	/* The flag is not ours to set: others write there too. */
	assert_int_equal(fcntl(STDERR_FILENO, F_GETFL) & O_NONBLOCK, 0);
}

static void test_full_socket(void **state)
{
	int ends[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	redirect(*state, ends[1], ends[0]);
	flood_and_recover(*state);
	assert_int_equal(fcntl(STDERR_FILENO, F_GETFL) & O_NONBLOCK, 0);
}

/* Who reads has gone. Without the flag this would be the end of the program. */
static void test_closed_socket(void **state)
{
	struct capture *capture = *state;
	char text[LONGEST];
	int ends[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	redirect(capture, ends[1], ends[0]);
	close(capture->read_end);
	capture->read_end = -1;
	log_info("a");
	log_info("b");
	redirect_to_pipe(capture);
	log_info("c");
	assert_string_equal(written(capture, text),
		"warning: 2 lines of the log were lost: nobody read them\ninfo: c\n");
}

/* Wherever a socket cuts, what comes next begins on a line of its own and tells what is missing. */
static void test_short_sends(void **state)
{
	static const struct {
		size_t limits[3];
		const char *expected;
	} rows[] = {
		{{0, 0, SIZE_MAX}, "<4>2 lines of the log were lost: nobody read them\n<6>c\n"},
		{{2, SIZE_MAX, SIZE_MAX},
			"<6\n<4>1 lines of the log were lost: nobody read them\n<6>b\n<6>c\n"},
		/* Only the line feed is missing. */
		{{4, SIZE_MAX, SIZE_MAX},
			"<6>a\n<4>1 lines of the log were lost: nobody read them\n<6>b\n<6>c\n"},
		/* No more than the line feed before the note. */
		{{2, 1, SIZE_MAX}, "<6\n<4>2 lines of the log were lost: nobody read them\n<6>c\n"},
		{{2, 5, SIZE_MAX},
			"<6\n<4>1\n<4>2 lines of the log were lost: nobody read them\n<6>c\n"},
		/* The note, and nothing of the line. */
		{{0, 50, SIZE_MAX}, "<4>1 lines of the log were lost: nobody read them\n"
				    "<4>1 lines of the log were lost: nobody read them\n<6>c\n"},
		{{0, 52, SIZE_MAX}, "<4>1 lines of the log were lost: nobody read them\n<6\n"
				    "<4>1 lines of the log were lost: nobody read them\n<6>c\n"},
	};
	char text[LONGEST];
	int ends[2];

	setenv("JOURNAL_STREAM", "8:1", 1);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	redirect(*state, ends[1], ends[0]);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		send_limit = rows[i].limits[0];
		log_info("a");
		send_limit = rows[i].limits[1];
		log_info("b");
		send_limit = rows[i].limits[2];
		log_info("c");
		assert_string_equal(written(*state, text), rows[i].expected);
	}
}

/* The longest line and the note are as whole as any. */
static void test_note_before_a_long_line(void **state)
{
	char longer[LONGEST];
	char text[LONGEST];

	memset(longer, '\x01', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	lose(*state, 1);
	log_info("%s", longer);
	written(*state, text);
	assert_memory_equal(
		text, "warning: 1 lines of the log were lost: nobody read them\ninfo: \\x01", 60);
	assert_in_range(strlen(text), 2000, LONGEST - 2);
	assert_ptr_equal(strchr(strchr(text, '\n') + 1, '\n'), text + strlen(text) - 1);
}

static void test_closed(void **state)
{
	char text[LONGEST];

	lose(*state, 3);
	log_info("back");
	assert_string_equal(written(*state, text),
		"warning: 3 lines of the log were lost: nobody read them\ninfo: back\n");
}

static void test_file(void **state)
{
	CLEANUP(mem_free_p) char *text = NULL;
	FILE *file = tmpfile();

	assert_non_null(file);
	redirect(*state, dup(fileno(file)), dup(fileno(file)));
	for (int i = 0; i < N_FLOOD; i++) {
		log_info("%d", i);
	}
	rewind(file);
	text = read_all(fileno(file), FLOOD_BYTES);
	assert_int_equal(count_numbered(text), N_FLOOD);
	fclose(file);
}

/* A file that may not grow, as on a full disk. */
static void test_full_file(void **state)
{
	struct rlimit limit, small;
	CLEANUP(mem_free_p) char *text = NULL;
	FILE *file = tmpfile();

	assert_non_null(file);
	redirect(*state, dup(fileno(file)), dup(fileno(file)));
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	small = (struct rlimit){10, limit.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	log_info("a line that is cut");
	log_info("one that is not there at all");
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	log_info("a");
	rewind(file);
	text = read_all(fileno(file), LONGEST);
	assert_string_equal(text,
		"info: a li\nwarning: 2 lines of the log were lost: nobody read them\ninfo: a\n");
	fclose(file);
}

/* A terminal as it comes: it makes "\r\n" of a line feed. The end that logs is returned. */
static int open_terminal(struct capture *capture)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	int terminal;

	assert_true(master >= 0 && grantpt(master) == 0 && unlockpt(master) == 0);
	terminal = open(ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC);
	assert_true(terminal >= 0);
	redirect(capture, terminal, master);
	/* The other way round than pipes: whoever reads may wait for what is under way. */
	assert_int_equal(fcntl(master, F_SETFL, 0), 0);
	return STDERR_FILENO;
}

/* Reads until a line with `words` in it has come; the lines so far, in `text` of `max_bytes`. */
static void read_until(int fd, const char *words, char *text, size_t max_bytes)
{
	size_t used = 0;
	ssize_t n;

	text[0] = '\0';
	while (strstr(text, words) == NULL || text[used - 1] != '\n') {
		n = read(fd, text + used, max_bytes - used - 1);
		assert_true(n > 0);
		used += (size_t)n;
		text[used] = '\0';
	}
}

/* Ctrl-S and Ctrl-Q. */
static void test_stopped_terminal(void **state)
{
	struct capture *capture = *state;
	int terminal = open_terminal(capture);
	char text[LONGEST];

	log_info("a");
	read_until(capture->read_end, "info: a", text, sizeof(text));
	assert_string_equal(text, "info: a\r\n");
	assert_int_equal(tcflow(terminal, TCOOFF), 0);
	log_info("b");
	log_info("c");
	assert_int_equal(tcflow(terminal, TCOON), 0);
	log_info("d");
	read_until(capture->read_end, "info: d", text, sizeof(text));
	assert_string_equal(
		text, "warning: 2 lines of the log were lost: nobody read them\r\ninfo: d\r\n");
}

/* Its room for what nobody reads ends within a line, mostly. */
static void test_full_terminal(void **state)
{
	struct capture *capture = *state;
	CLEANUP(mem_free_p) char *text = mem_alloc(FLOOD_BYTES);
	size_t used = 0;

	open_terminal(capture);
	for (int i = 0; i < 1000; i++) {
		log_info("%0999d", i);
	}
	/* The room comes back some time after the bytes were read. */
	while (strstr(text, " lines of the log were lost: nobody read them\r\ninfo: back\r\n") ==
		NULL) {
		ssize_t n = read(capture->read_end, text + used, FLOOD_BYTES - used - 1);

		assert_true(n > 0);
		used += (size_t)n;
		log_info("back");
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
		cmocka_unit_test_setup_teardown(test_full_socket, setup, teardown),
		cmocka_unit_test_setup_teardown(test_closed_socket, setup, teardown),
		cmocka_unit_test_setup_teardown(test_short_sends, setup, teardown),
		cmocka_unit_test_setup_teardown(test_note_before_a_long_line, setup, teardown),
		cmocka_unit_test_setup_teardown(test_closed, setup, teardown),
		cmocka_unit_test_setup_teardown(test_file, setup, teardown),
		cmocka_unit_test_setup_teardown(test_full_file, setup, teardown),
		cmocka_unit_test_setup_teardown(test_stopped_terminal, setup, teardown),
		cmocka_unit_test_setup_teardown(test_full_terminal, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
