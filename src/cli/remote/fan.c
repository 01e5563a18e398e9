/*
 * Processes, one for each host: this program goes on in each of them, with the answer as JSON on a
 * pipe and what it says on another one. All of ssh's time-outs are in there.
 *
 * Each is the leader of a group of its own, its ssh in it: a Ctrl-C is passed on once to the
 * process alone, as a kill that runs is to be left running and its id told; a second one ends all
 * of them.
 */
#include "cli/remote/fan.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "cli/remote/merge.h"
#include "cli/remote/ssh.h"
#include "cli/terminal/term.h"
#include "cli/terminal/text.h"

#define FAN_MAX_ANSWER_BYTES ((size_t)64 * 1024 * 1024)
#define FAN_MAX_WORDS_BYTES ((size_t)64 * 1024)
#define FAN_PIECE_BYTES 65536 /* all that a pipe holds */
/* Who is waited for is said only when it takes a while. */
#define FAN_SILENCE_MS 1000

struct output {
	int fd; /* -1: has ended */
	char *data;
	size_t n;
	size_t capacity;
	size_t most;
	bool is_too_long;
};

struct child {
	const char *host;
	pid_t pid; /* 0: has ended, or never began */
	struct output answer;
	struct output words;
	enum status status;
};

struct fan {
	const struct command *command;
	const struct args *args;
	struct child *children;
	size_t n;
	struct term_signals signals;
	bool is_interrupted;
	bool has_line; /* the cursor stands behind who is waited for */
};

/* ---- in the child ---- */

/* Never returns. */
static NORETURN void be_child(const struct fan *fan, const char *host, int answer, int words)
{
	struct ssh ssh;
	struct cli cli = {.socket = "", .ssh = &ssh, .is_json = true};
	struct term_signals signals = fan->signals;
	int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
	enum status status;

	setpgid(0, 0);
	dup2(nothing, STDIN_FILENO);
	dup2(answer, STDOUT_FILENO);
	dup2(words, STDERR_FILENO);
	term_let_go(&signals);
	ssh_init(&ssh, host, args_value(fan->args, "socket"), true);
	status = fan->command->run(&cli, fan->args);
	api_close(&ssh);
	_exit(fflush(NULL) == 0 ? (int)status : STATUS_FAILED);
}

/* ---- in the parent ---- */

static void start(const struct fan *fan, struct child *child)
{
	int answer[2], words[2];

	if (pipe2(answer, O_CLOEXEC) < 0) {
		return;
	}
	if (pipe2(words, O_CLOEXEC) < 0) {
		close(answer[0]);
		close(answer[1]);
		return;
	}
	fflush(NULL);
	child->pid = fork();
	if (child->pid == 0) {
		be_child(fan, child->host, answer[1], words[1]);
	}
	close(answer[1]);
	close(words[1]);
	if (child->pid < 0) {
		child->pid = 0;
		close(answer[0]);
		close(words[0]);
		return;
	}
	setpgid(child->pid, child->pid); /* whichever of the two comes first */
	child->answer.fd = answer[0];
	child->words.fd = words[0];
}

static void read_output(struct output *output)
{
	char bytes[FAN_PIECE_BYTES];
	ssize_t n = read(output->fd, bytes, sizeof(bytes));

	if (n == 0 || (n < 0 && errno != EINTR)) {
		close(output->fd);
		output->fd = -1;
	}
	if (n <= 0 || output->is_too_long) {
		return;
	}
	if ((size_t)n > output->most - output->n) {
		output->is_too_long = true; /* the rest is read all the same: it has to end */
		return;
	}
	while (output->n + (size_t)n > output->capacity) {
		output->data = mem_grow_array(output->data, output->capacity, &output->capacity, 1);
	}
	memcpy(output->data + output->n, bytes, (size_t)n);
	output->n += (size_t)n;
}

/* With whatever it has left behind. */
static void reap(struct child *child)
{
	int status = 0;

	while (waitpid(child->pid, &status, 0) < 0 && errno == EINTR) {
	}
	kill(-child->pid, SIGTERM);
	child->pid = 0;
	if (WIFEXITED(status) && WEXITSTATUS(status) <= STATUS_BACK && !child->answer.is_too_long) {
		child->status = (enum status)WEXITSTATUS(status);
	}
}

static void pass_on(struct fan *fan, int number)
{
	for (size_t i = 0; i < fan->n; i++) {
		if (fan->children[i].pid > 0) {
			kill(fan->is_interrupted ? -fan->children[i].pid : fan->children[i].pid,
				fan->is_interrupted ? SIGKILL : number);
		}
	}
	fan->is_interrupted = true;
}

/* Waits for news of anybody. False when there was none for a while. */
static bool take_news(struct fan *fan, struct pollfd *fds)
{
	size_t n = 2 * fan->n;
	int number;

	for (size_t i = 0; i < fan->n; i++) {
		fds[2 * i] = (struct pollfd){.fd = fan->children[i].answer.fd, .events = POLLIN};
		fds[2 * i + 1] = (struct pollfd){.fd = fan->children[i].words.fd, .events = POLLIN};
	}
	fds[n] = (struct pollfd){.fd = fan->signals.fd, .events = POLLIN};
	if (poll(fds, n + 1, FAN_SILENCE_MS) == 0) {
		return false;
	}
	number = term_take_signal(&fan->signals);
	if (number != 0) {
		pass_on(fan, number);
	}
	for (size_t i = 0; i < n; i++) {
		struct child *child = &fan->children[i / 2];

		if (fds[i].revents != 0) {
			read_output(i % 2 == 0 ? &child->answer : &child->words);
		}
		if (child->pid > 0 && child->answer.fd < 0 && child->words.fd < 0) {
			reap(child);
		}
	}
	return true;
}

static void clear_line(struct fan *fan, const struct screen *screen)
{
	if (fan->has_line) {
		fputs("\r\033[K", screen->file);
		fflush(screen->file);
		fan->has_line = false;
	}
}

static void show_line(struct fan *fan)
{
	struct screen screen = term_screen(stderr);
	CLEANUP(mem_free_p) char *line = mem_printf("waiting for");

	if (!screen.has_cursor) {
		return;
	}
	for (size_t i = 0; i < fan->n; i++) {
		if (fan->children[i].pid > 0) {
			CLEANUP(mem_free_p) char *before = line;

			line = mem_printf("%s %s", before, fan->children[i].host);
		}
	}
	clear_line(fan, &screen);
	text_put(screen.file, slice_of(line), screen.width - 1); /* the last may wrap */
	fflush(screen.file);
	fan->has_line = true;
}

static bool is_anybody_left(const struct fan *fan)
{
	for (size_t i = 0; i < fan->n; i++) {
		if (fan->children[i].pid > 0) {
			return true;
		}
	}
	return false;
}

static void watch(struct fan *fan)
{
	CLEANUP(mem_free_p)
	struct pollfd *fds = mem_alloc_array(2 * fan->n + 1, sizeof(struct pollfd));
	struct screen screen = term_screen(stderr);

	while (is_anybody_left(fan)) {
		if (!take_news(fan, fds)) {
			show_line(fan);
		}
	}
	clear_line(fan, &screen);
}

static enum status show(const struct cli *cli, const struct fan *fan)
{
	CLEANUP(mem_free_p)
	struct merge_answer *answers = mem_alloc_array(fan->n, sizeof(struct merge_answer));

	for (size_t i = 0; i < fan->n; i++) {
		const struct child *child = &fan->children[i];

		answers[i] = (struct merge_answer){
			.host = child->host,
			.status = child->status,
			.body = {child->answer.data, child->answer.n},
			.words = {child->words.data, child->words.n},
		};
		if (child->answer.is_too_long) {
			answers[i].body = (struct slice){0};
			answers[i].words = SLICE_LITERAL("its answer is too long");
		}
	}
	return merge_show(cli, answers, fan->n);
}

enum status fan_run(const struct command *command, const struct cli *cli, const struct args *args,
	const struct hosts *hosts)
{
	struct fan fan = {
		.command = command,
		.args = args,
		.children = mem_alloc_array(hosts->n, sizeof(struct child)),
		.n = hosts->n,
	};
	enum status status;

	(void)term_hold(&fan.signals, (const int[]){SIGINT, SIGTERM, SIGHUP, 0});
	for (size_t i = 0; i < fan.n; i++) {
		fan.children[i] = (struct child){
			.host = hosts->names[i],
			.answer = {.fd = -1, .most = FAN_MAX_ANSWER_BYTES},
			.words = {.fd = -1, .most = FAN_MAX_WORDS_BYTES},
			.status = STATUS_FAILED,
		};
		start(&fan, &fan.children[i]);
	}
	watch(&fan);
	term_let_go(&fan.signals);
	status = show(cli, &fan);
	for (size_t i = 0; i < fan.n; i++) {
		free(fan.children[i].answer.data);
		free(fan.children[i].words.data);
	}
	free(fan.children);
	return status;
}
