/*
 * ssh as a child.
 */
#include "cli/remote/ssh.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"

/* ssh's own limit on connecting, where nobody waits at a terminal. */
#define SSH_CONNECT_TIMEOUT "-oConnectTimeout=10"
/* How long a child may take to see that its work is done, and then to obey. */
#define SSH_PATIENCE_MS 2000

#define SSH_MAX_ARGS 16

/* What the shell and ssh say of themselves. */
enum exit_status {
	EXIT_NO_DAEMON = 4, /* of the far stdio-bridge */
	EXIT_NO_PROGRAM = 127,
};

extern char **environ;

void ssh_init(struct ssh *ssh, const char *host, const char *socket, bool is_batch)
{
	*ssh = (struct ssh){
		.host = host,
		.socket = socket,
		.is_batch = is_batch,
		.listener = -1,
		.words_fd = -1,
		.kept = -1,
	};
}

/* ssh joins its arguments by blanks for a shell over there: as one word of that. */
static char *quote(const char *text)
{
	size_t n_bytes = strlen(text);
	char *quoted = mem_alloc(n_bytes * 4 + 3); /* ' is '\'' */
	char *end = quoted;

	*end++ = '\'';
	for (; *text != '\0'; text++) {
		if (*text == '\'') {
			end = mempcpy(end, "'\\'", 3);
		}
		*end++ = *text;
	}
	*end = '\'';
	return quoted;
}

static void make_argv(const struct ssh *ssh, const char *quoted_socket, const char **argv)
{
	size_t n = 0;

	argv[n++] = "ssh";
	argv[n++] = "-xT";
	if (ssh->is_batch) {
		argv[n++] = "-oBatchMode=yes";
		argv[n++] = SSH_CONNECT_TIMEOUT;
	}
	argv[n++] = "--"; /* whatever a name looks like, it is no option */
	argv[n++] = ssh->host;
	argv[n++] = "sesskill";
	if (quoted_socket != NULL) {
		argv[n++] = "--socket";
		argv[n++] = quoted_socket;
	}
	argv[n++] = "stdio-bridge";
	argv[n] = NULL;
}

/*
 * With Ctrl-C ignored, as ssh leaves it then: it reaches all programs of a terminal, and a kill's
 * connection must outlive the question what is meant. While ssh asks for a password it sees to the
 * terminal all the same. Whatever is blocked here is not in the child.
 */
static int spawn(const char *const *argv, int stdio, int words, pid_t *ret_pid)
{
	struct sigaction ignored = {.sa_handler = SIG_IGN}, before;
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t none;
	int r;

	sigemptyset(&none);
	posix_spawnattr_init(&attributes);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
	posix_spawnattr_setsigmask(&attributes, &none);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, stdio, STDIN_FILENO);
	posix_spawn_file_actions_adddup2(&actions, stdio, STDOUT_FILENO);
	posix_spawn_file_actions_adddup2(&actions, words, STDERR_FILENO);
	sigaction(SIGINT, &ignored, &before);
	r = posix_spawnp(ret_pid, argv[0], &actions, &attributes, (char *const *)argv, environ);
	sigaction(SIGINT, &before, NULL);
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attributes);
	return r;
}

/* Its end of the connection and the other one's of its stderr are closed here, whatever comes. */
static void start(struct ssh *ssh, int stdio)
{
	CLEANUP(mem_free_p) char *socket_there = ssh->socket != NULL ? quote(ssh->socket) : NULL;
	const char *argv[SSH_MAX_ARGS];
	int words[2], r;

	if (pipe2(words, O_CLOEXEC) < 0) {
		r = errno;
	} else {
		make_argv(ssh, socket_there, argv);
		r = spawn(argv, stdio, words[1], &ssh->pid);
		fcntl(words[0], F_SETFL, O_NONBLOCK);
		ssh->words_fd = words[0];
		close(words[1]);
	}
	close(stdio);
	if (r != 0) {
		ssh->pid = 0;
		snprintf(ssh->last, sizeof(ssh->last), "cannot run ssh: %s", strerror(r));
	}
}

/* ---- the connection ---- */

/* The socket file is needed until libcurl has connected, and that is at once. */
static void stop_listening(struct ssh *ssh)
{
	close(ssh->listener);
	ssh->listener = -1;
	unlink(ssh->path);
	rmdir(ssh->directory);
}

static bool listen_at(struct ssh *ssh)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	snprintf(ssh->path, sizeof(ssh->path), "%s/s", ssh->directory);
	memcpy(address.sun_path, ssh->path, sizeof(ssh->path));
	ssh->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	return ssh->listener >= 0 &&
	       bind(ssh->listener, (const struct sockaddr *)&address, sizeof(address)) == 0 &&
	       listen(ssh->listener, 1) == 0;
}

bool ssh_listen(struct ssh *ssh, struct err *err)
{
	static const char pattern[] = SSH_DIRECTORY;

	ssh->has_caller = false;
	ssh->n_line = 0;
	ssh->last[0] = '\0';
	memcpy(ssh->directory, pattern, sizeof(pattern));
	if (mkdtemp(ssh->directory) == NULL) {
		err_set_errno(err, errno, "cannot make a directory for a socket");
		return false;
	}
	if (!listen_at(ssh)) {
		err_set_errno(err, errno, "cannot make a socket in %s", ssh->directory);
		stop_listening(ssh);
		return false;
	}
	return true;
}

static void take_caller(struct ssh *ssh)
{
	int fd = accept4(ssh->listener, NULL, NULL, SOCK_CLOEXEC);

	if (fd >= 0) {
		stop_listening(ssh);
		start(ssh, fd);
	}
}

void ssh_fds(const struct ssh *ssh, int *ret_fds)
{
	ret_fds[0] = ssh->listener;
	ret_fds[1] = ssh->words_fd;
}

void ssh_attend(struct ssh *ssh)
{
	if (ssh->listener >= 0) {
		take_caller(ssh);
	}
	ssh_read_words(ssh);
}

/* ---- its end ---- */

/* Waits for that, and takes what it says meanwhile. */
static bool has_ended(struct ssh *ssh, int pidfd, int64_t timeout_ms)
{
	int64_t deadline_ms = clock_monotonic_ms() + timeout_ms;
	int64_t left_ms = timeout_ms;

	while (left_ms >= 0) {
		struct pollfd fds[] = {
			{.fd = pidfd, .events = POLLIN},
			{.fd = ssh->words_fd, .events = POLLIN},
		};

		(void)!poll(fds, ARRAY_SIZE(fds), (int)left_ms);
		ssh_read_words(ssh);
		if (fds[0].revents != 0) {
			return true;
		}
		left_ms = deadline_ms - clock_monotonic_ms();
	}
	return false;
}

static int end(struct ssh *ssh, int64_t patience_ms)
{
	int pidfd, status = -1;

	if (ssh->listener >= 0) {
		stop_listening(ssh);
	}
	if (ssh->pid == 0) {
		return -1;
	}
	pidfd = pidfd_open(ssh->pid, 0);
	if (pidfd < 0 || !has_ended(ssh, pidfd, patience_ms)) {
		kill(ssh->pid, SIGTERM);
	}
	if (pidfd < 0 || !has_ended(ssh, pidfd, SSH_PATIENCE_MS)) {
		kill(ssh->pid, SIGKILL);
	}
	if (pidfd >= 0) {
		close(pidfd);
	}
	while (waitpid(ssh->pid, &status, 0) < 0 && errno == EINTR) {
	}
	ssh_read_words(ssh);
	if (ssh->words_fd >= 0) { /* what it has left behind may hold the other end */
		close(ssh->words_fd);
	}
	ssh->words_fd = -1;
	ssh->pid = 0;
	ssh->is_open = false;
	return status;
}

int ssh_end(struct ssh *ssh)
{
	return end(ssh, ssh->is_open ? SSH_PATIENCE_MS : 0);
}

bool ssh_explain(struct ssh *ssh, struct err *err)
{
	bool was_open = ssh->is_open;
	int status = end(ssh, SSH_PATIENCE_MS);
	bool is_exit = status > 0 && WIFEXITED(status);
	int code = is_exit ? WEXITSTATUS(status) : -1;
	bool is_sure = !was_open || code == EXIT_NO_PROGRAM || code == EXIT_NO_DAEMON;
	/* Where there are several hosts the name stands before it. */
	CLEANUP(mem_free_p)
	char *where =
		mem_printf("%s%s", ssh->is_batch ? "" : " of ", ssh->is_batch ? "" : ssh->host);

	if (is_exit) {
		err_set(err, "ssh ended with status %d%s", code,
			code == EXIT_NO_PROGRAM ? ", as there is no sesskill" : "");
	} else if (status > 0) {
		err_set(err, "ssh was ended by signal %d", WTERMSIG(status));
	} else if (status == 0) {
		err_set(err, "what came is no answer of a daemon");
	}
	if (ssh->last[0] != '\0') {
		CLEANUP(mem_free_p) char *before = mem_copy_text(err->text, strlen(err->text));

		err_set(err, status >= 0 ? "%s: %s" : "%.0s%s", before, ssh->last);
	}
	err_prefix(err,
		is_sure ? "cannot reach the daemon%s" : "the connection to the daemon%s broke",
		where);
	return is_sure;
}
