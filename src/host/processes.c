/*
 * Processes, and the sockets that they have open. They come and go meanwhile: one that is gone is
 * passed over, and what is read of one is read below its directory, which never becomes that of
 * another.
 */
#include "host/processes.h"

#include <dirent.h>
#include <errno.h>
#include <event2/event.h>
#include <event2/util.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/account.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/parse.h"
#include "base/priority.h"
#include "host/diag.h"
#include "host/procfs.h"
#include "model/intern.h"

/* Between two looks at the clock. */
#define STEPS_PER_LOOK 8
#define MAX_NAME_BYTES 64
#define MAX_CGROUPS_BYTES 4096

#define DENIED                                                                                 \
	"sesskilld may not look into all processes; those of other users take CAP_SYS_PTRACE " \
	"and CAP_DAC_READ_SEARCH: see local-clients.conf"

struct processes {
	struct event *turn;  /* the next slice */
	struct event *limit; /* the end, in any case */
	void (*done_fn)(void *context);
	void *context;
	char error[ERR_MAX_BYTES];

	int diag_fd; /* -1: none */
	bool has_unix;
	char buffer[DIAG_MAX_BYTES]; /* for a datagram */

	DIR *all;             /* /proc; NULL: not open */
	DIR *descriptors;     /* of the process that is looked at; NULL: none is */
	int process_fd;       /* its directory */
	int32_t pid;          /* its number */
	uint32_t n_processes; /* that have a socket, up to the last one */
	uint32_t n_denied;    /* that were not to be looked at */

	struct intern inodes; /* with the numbers of `sockets` */
	struct processes_socket *sockets;
	size_t sockets_capacity;
	struct program *processes; /* without a user */
	size_t processes_capacity;
	struct intern owners; /* a process and a user each, with the numbers of `programs` */
	struct program *programs;
	size_t programs_capacity;
};

/* Why somebody may not be known. The first words stay. */
static void note_error(struct processes *processes, const char *words)
{
	if (processes->error[0] == '\0') {
		snprintf(processes->error, sizeof(processes->error), "%s", words);
	}
}

/* ---- sockets ---- */

#define KEY_OF(number) ((struct slice){(const char *)&(number), sizeof(number)})

/* NULL: there is no room. */
static struct processes_socket *add_socket(struct processes *processes, uint32_t inode)
{
	size_t n = processes->inodes.n;
	uint32_t number;

	if (n >= PROCESSES_MAX_SOCKETS) {
		note_error(processes, "there are more sockets than sesskilld looks at");
		return NULL;
	}
	number = intern_add(&processes->inodes, KEY_OF(inode));
	if (number == n) {
		processes->sockets = mem_grow_array(processes->sockets, n,
			&processes->sockets_capacity, sizeof(struct processes_socket));
		processes->sockets[n] =
			(struct processes_socket){0, DIAG_NO_UID, INTERN_NONE, false};
	}
	return &processes->sockets[number];
}

static void read_unix(struct processes *processes, struct slice payload)
{
	struct diag_unix local;
	struct processes_socket *socket = NULL;

	if (diag_read_unix(payload, &local) && local.inode != 0) {
		socket = add_socket(processes, local.inode);
	}
	if (socket != NULL) {
		socket->peer = local.peer;
		socket->uid = local.uid;
	}
}

/* A datagram of the list of Unix sockets. */
static void step_unix(struct processes *processes)
{
	ssize_t n_bytes = diag_receive(processes->diag_fd, processes->buffer);
	struct slice rest = {processes->buffer, n_bytes > 0 ? (size_t)n_bytes : 0};
	enum diag_message message = DIAG_FAILED;
	struct slice payload;
	int error = (int)-n_bytes;
	struct err err;

	while (n_bytes > 0 && (message = diag_next(&rest, &payload, &error)) == DIAG_SOCKET) {
		read_unix(processes, payload);
	}
	processes->has_unix = message != DIAG_NEXT && error != EAGAIN && error != EINTR;
	if (message == DIAG_FAILED && processes->has_unix) {
		err_set_errno(&err, error, "ask the kernel for its sockets");
		note_error(processes, err.text);
	}
}

/* ---- processes ---- */

static void leave_process(struct processes *processes)
{
	if (processes->descriptors != NULL) {
		closedir(processes->descriptors);
		processes->descriptors = NULL;
	}
	if (processes->process_fd >= 0) {
		close(processes->process_fd);
		processes->process_fd = -1;
	}
}

/* Of a process that has just ended the kernel says the same. */
static void leave_closed(struct processes *processes, int error)
{
	if ((error == EACCES || error == EPERM) && processes->process_fd >= 0) {
		processes->n_denied += faccessat(processes->process_fd, "comm", F_OK, 0) == 0;
	}
	leave_process(processes);
}

static void enter_process(struct processes *processes, const char *name)
{
	static const int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW;
	int fd;

	processes->process_fd = openat(dirfd(processes->all), name, flags);
	fd = processes->process_fd >= 0 ? openat(processes->process_fd, "fd", flags) : -1;
	if (fd < 0) {
		leave_closed(processes, errno);
		return;
	}
	processes->descriptors = fdopendir(fd);
	CHECK(processes->descriptors != NULL);
}

/* The one that is looked at. Only now, when it has a socket: most have none. */
static uint32_t add_process(struct processes *processes)
{
	char name[MAX_NAME_BYTES], cgroups[MAX_CGROUPS_BYTES];
	uint32_t n = processes->n_processes;
	struct slice text;

	if (n > 0 && processes->processes[n - 1].pid == processes->pid) {
		return n - 1;
	}
	processes->processes = mem_grow_array(
		processes->processes, n, &processes->processes_capacity, sizeof(struct program));
	text = procfs_read(processes->process_fd, "comm", name, sizeof(name));
	text.len -= slice_has_suffix(text, "\n");
	processes->processes[n] = (struct program){.pid = processes->pid};
	processes->processes[n].texts[PROGRAM_PROCESS] = slice_copy(text);
	text = procfs_read(processes->process_fd, "cgroup", cgroups, sizeof(cgroups));
	processes->processes[n].texts[PROGRAM_UNIT] = slice_copy(procfs_find_unit(text));
	return processes->n_processes++;
}

static void add_holder(struct processes *processes, uint32_t inode)
{
	struct processes_socket *socket = add_socket(processes, inode);
	uint32_t process = socket != NULL ? add_process(processes) : INTERN_NONE;

	if (socket != NULL && socket->process == INTERN_NONE) {
		socket->process = process;
	} else if (socket != NULL) {
		socket->is_shared |= socket->process != process;
	}
}

/* The next descriptor of the process, or the next process; false: all are seen. */
static bool step_processes(struct processes *processes)
{
	DIR *directory = processes->descriptors != NULL ? processes->descriptors : processes->all;
	const struct dirent *entry = readdir(directory);
	uint32_t inode;
	uint64_t pid;
	int r;

	if (directory == processes->all) {
		if (entry != NULL && parse_u64(slice_of(entry->d_name), &pid)) {
			processes->pid = (int32_t)pid;
			enter_process(processes, entry->d_name);
		}
		return entry != NULL;
	}
	r = entry != NULL ? procfs_read_link(dirfd(directory), entry->d_name, &inode) : -ENOENT;
	if (r == 0) {
		add_holder(processes, inode);
	} else if (entry == NULL || r == -EACCES || r == -EPERM) {
		leave_closed(processes, -r);
	}
	return true;
}

/* ---- slices ---- */

static void finish(struct processes *processes)
{
	event_del(processes->turn);
	event_del(processes->limit);
	leave_process(processes);
	if (processes->n_denied > 0) {
		note_error(processes, DENIED);
	}
	processes->done_fn(processes->context);
}

static void on_turn(evutil_socket_t fd, short what, void *context)
{
	static const struct timeval at_once = {0};
	struct processes *processes = context;
	int64_t until_us = clock_monotonic_us() + PROCESSES_SLICE_US;

	for (unsigned i = 1; i % STEPS_PER_LOOK != 0 || clock_monotonic_us() < until_us; i++) {
		if (!processes->has_unix) {
			step_unix(processes);
		} else if (processes->all == NULL || !step_processes(processes)) {
			finish(processes);
			return;
		}
	}
	/* Not event_active(): the loop would not look for anything else in between. */
	event_add(processes->turn, &at_once);
}

static void on_limit(evutil_socket_t fd, short what, void *context)
{
	struct processes *processes = context;

	note_error(processes, "looking at all processes took too long");
	finish(processes);
}

static void open_all(struct processes *processes)
{
	struct err err;
	int r = diag_open(&processes->diag_fd, &err);

	processes->all = opendir("/proc");
	if (processes->all == NULL) {
		err_set_errno(&err, errno, "/proc");
		note_error(processes, err.text);
	} else if (r < 0 || diag_ask(processes->diag_fd, DIAG_UNIX) < 0) {
		note_error(processes, r < 0 ? err.text : "the kernel does not tell its sockets");
		processes->has_unix = true; /* as good as */
	}
	/* Processes that are hidden cannot be counted as denied. */
	processes->n_denied += access("/proc/1", F_OK) != 0;
}

struct processes *processes_new(
	struct event_base *loop, void (*done_fn)(void *context), void *context)
{
	static const struct timeval at_once = {0};
	static const struct timeval limit = {
		PROCESSES_LIMIT_MS / 1000, PROCESSES_LIMIT_MS % 1000 * 1000};
	struct processes *processes = mem_new(struct processes);

	processes->done_fn = done_fn;
	processes->context = context;
	processes->process_fd = -1;
	processes->diag_fd = -1;
	processes->turn = evtimer_new(loop, on_turn, processes);
	processes->limit = evtimer_new(loop, on_limit, processes);
	CHECK(processes->turn != NULL && processes->limit != NULL);
	event_priority_set(processes->turn, PRIORITY_PATIENT);
	open_all(processes);
	event_add(processes->turn, &at_once);
	event_add(processes->limit, &limit);
	return processes;
}

void processes_free(struct processes *processes)
{
	if (processes == NULL) {
		return;
	}
	leave_process(processes);
	if (processes->all != NULL) {
		closedir(processes->all);
	}
	if (processes->diag_fd >= 0) {
		close(processes->diag_fd);
	}
	event_free(processes->turn);
	event_free(processes->limit);
	for (size_t i = 0; i < processes->n_processes; i++) {
		program_finish(&processes->processes[i]);
	}
	for (size_t i = 0; i < processes->owners.n; i++) {
		program_finish(&processes->programs[i]);
	}
	intern_finish(&processes->inodes);
	intern_finish(&processes->owners);
	free(processes->sockets);
	free(processes->processes);
	free(processes->programs);
	free(processes);
}

/* ---- what is known ---- */

const struct processes_socket *processes_find_socket(
	const struct processes *processes, uint32_t inode)
{
	uint32_t number = inode != 0 ? intern_find(&processes->inodes, KEY_OF(inode)) : INTERN_NONE;

	return number != INTERN_NONE ? &processes->sockets[number] : NULL;
}

int32_t processes_pid(const struct processes *processes, const struct processes_socket *socket)
{
	return socket != NULL && socket->process != INTERN_NONE
		       ? processes->processes[socket->process].pid
		       : 0;
}

static char *name_user(uint32_t uid)
{
	char *name = uid != DIAG_NO_UID ? account_user_name(uid) : mem_printf("%s", "");

	return name != NULL ? name : mem_printf("%u", (unsigned)uid);
}

uint32_t processes_add_program(struct processes *processes, uint32_t process, uint32_t uid)
{
	static const struct program nobody = {0};
	uint32_t owner[] = {process, uid};
	size_t n = processes->owners.n;
	uint32_t number = intern_add(&processes->owners, KEY_OF(owner));

	if (number == n) {
		processes->programs = mem_grow_array(processes->programs, n,
			&processes->programs_capacity, sizeof(struct program));
		program_copy(&processes->programs[n],
			process != INTERN_NONE ? &processes->processes[process] : &nobody);
		free(processes->programs[n].texts[PROGRAM_USER]);
		processes->programs[n].texts[PROGRAM_USER] = name_user(uid);
	}
	return number;
}

const struct program *processes_program(const struct processes *processes, uint32_t number)
{
	return &processes->programs[number];
}

const char *processes_error(const struct processes *processes)
{
	return processes->error;
}
