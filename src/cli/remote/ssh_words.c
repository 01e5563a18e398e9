/*
 * What ssh, and by it the far host, say on stderr, line by line.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/slice.h"
#include "cli/remote/ssh.h"
#include "cli/terminal/text.h"

static void end_line(struct ssh *ssh)
{
	struct slice line = {ssh->line, ssh->n_line};

	while (line.len > 0 && line.data[line.len - 1] == '\r') {
		line.len--;
	}
	ssh->n_line = 0;
	if (line.len == 0) {
		return;
	}
	if (!ssh->is_batch && !ssh->is_open) {
		text_line(stderr, "%s: %.*s", ssh->host, SLICE_ARG(line));
	} else {
		memcpy(ssh->last, line.data, line.len);
		ssh->last[line.len] = '\0';
	}
}

static void take_bytes(struct ssh *ssh, struct slice bytes)
{
	for (; bytes.len > 0; bytes = slice_skip(bytes, 1)) {
		if (bytes.data[0] == '\n' || ssh->n_line == sizeof(ssh->line) - 1) {
			end_line(ssh);
		}
		if (bytes.data[0] != '\n') {
			ssh->line[ssh->n_line++] = bytes.data[0];
		}
	}
}

void ssh_read_words(struct ssh *ssh)
{
	char bytes[1024];
	ssize_t n;

	while (ssh->words_fd >= 0) {
		n = read(ssh->words_fd, bytes, sizeof(bytes));
		if (n > 0) {
			take_bytes(ssh, (struct slice){bytes, (size_t)n});
		} else if (n < 0 && errno == EINTR) {
			continue;
		} else if (n < 0 && errno == EAGAIN) {
			return;
		} else {
			end_line(ssh);
			close(ssh->words_fd);
			ssh->words_fd = -1;
		}
	}
}
