/*
 * The way to the daemon of another host: ssh as a child that runs `sesskill stdio-bridge` there. No
 * shell on this side; the caller is the account on that host. Knows nothing of HTTP: api.c takes
 * the connection and keeps it from request to request, so that a password is asked for once.
 *
 * libcurl connects by itself (before 8.0 it cannot be given a connection): to a socket in a
 * directory that nobody else may enter, which is gone as soon as it has. The other end is the
 * child's stdin and stdout.
 */
#ifndef CLI_REMOTE_SSH_H
#define CLI_REMOTE_SSH_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/macros.h"

/* Of what ssh says, the longest line; what is longer comes in pieces. */
#define SSH_MAX_LINE_BYTES 256
/* Where the socket is for a moment, as mkdtemp(3) wants it. */
#define SSH_DIRECTORY "/tmp/sesskill-XXXXXX"
/* From the start to the daemon's first word: where a person may have to type a password, and not.
 */
#define SSH_OPEN_TIMEOUT_MS 120000
#define SSH_BATCH_OPEN_TIMEOUT_MS 20000

struct ssh {
	const char *host;
	const char *socket; /* of the daemon there; NULL: the usual one */
	bool is_batch;      /* nobody can be asked: it fails instead */
	bool is_open;       /* the daemon there has answered by this child */
	bool is_in_use;     /* by a request */
	pid_t pid;          /* 0: no child */
	int listener;       /* until libcurl has connected; -1: not listening */
	bool has_caller;    /* it has, or is about to: once is enough */
	int words_fd;       /* the child's stderr; -1: at its end */
	char directory[sizeof(SSH_DIRECTORY)];
	char path[sizeof(SSH_DIRECTORY "/s")]; /* of the socket; also names the connection */
	char line[SSH_MAX_LINE_BYTES];
	size_t n_line;
	char last[SSH_MAX_LINE_BYTES]; /* line that was not shown; "": none */
	void *connections;             /* libcurl's, and api.c's; NULL: none */
	int kept;                      /* the descriptor in there that further requests use; -1 */
};

/* `host` and `socket` are borrowed for the life of `ssh`. */
void ssh_init(struct ssh *ssh, const char *host, const char *socket, bool is_batch);

/* Listens for libcurl. False with words. */
NODISCARD bool ssh_listen(struct ssh *ssh, struct err *err);

/* Descriptors to be watched for reading; -1: none. */
#define SSH_N_FDS 2
void ssh_fds(const struct ssh *ssh, int *ret_fds);
/* When there is something to read: starts the child for who has connected, and takes its words. */
void ssh_attend(struct ssh *ssh);

/*
 * Takes what the child has said. It is shown at once, cleaned, while it is not open and a person
 * looks on; else the last line is kept for ssh_explain().
 */
void ssh_read_words(struct ssh *ssh);

/*
 * Ends the child whose other end is closed already: waits a moment if it was open, and insists.
 * What waitpid(2) says; -1: there is no child.
 */
int ssh_end(struct ssh *ssh);

/*
 * As ssh_end(), and says how it ended in place of the words that are in `err`. True: the far daemon
 * never saw anything.
 */
bool ssh_explain(struct ssh *ssh, struct err *err);

#endif
