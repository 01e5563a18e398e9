/*
 * What the files of the census share.
 */
#ifndef HOST_CENSUS_INTERNAL_H
#define HOST_CENSUS_INTERNAL_H

#include <dirent.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/err.h"
#include "host/census.h"
#include "host/index.h"
#include "model/intern.h"

struct event;

/* Users whose names are looked up; of the others the number must do. */
#define CENSUS_MAX_USERS 256

enum census_state {
	CENSUS_SOCKETS,
	CENSUS_PROCESSES,
	CENSUS_DONE,
};

/* That a process has a socket open. */
struct census_holding {
	uint32_t inode;
	int32_t fd;
	uint32_t process;
};

struct census_process {
	int32_t pid;
	uint32_t name; /* in `texts` */
	uint32_t unit;
};

struct census_user {
	uint32_t uid;
	uint32_t name; /* in `texts` */
};

struct census {
	struct event *turn;  /* the next slice */
	struct event *limit; /* the end, in any case */
	void (*done_fn)(void *context);
	void *context;
	enum census_state state;
	int64_t begun_ms; /* monotonic */
	char error[ERR_MAX_BYTES];

	int diag_fd; /* -1: not open */
	enum diag_list list;
	bool is_asked;
	char *buffer; /* for a datagram */

	DIR *processes;     /* /proc; NULL: not open */
	DIR *descriptors;   /* of the process that is looked at; NULL: none is */
	int process_fd;     /* its directory */
	uint32_t n_denied;  /* processes that were not to be looked at */
	bool is_name_known; /* it is in `all` */

	struct diag_tcp *tcp;
	size_t tcp_capacity;
	struct index tcp_index; /* by both addresses */
	struct diag_unix *local;
	size_t local_capacity;
	struct index local_index; /* by inode */
	struct census_holding *holdings;
	size_t holdings_capacity;
	struct index holdings_index; /* by inode */
	struct census_process *all;
	size_t n_all;
	size_t all_capacity;
	int32_t pid; /* of the process that is looked at */
	struct census_user *users;
	size_t n_users;
	size_t users_capacity;
	struct intern texts;
};

/* Why somebody may not be known. The first words stay. */
void census_note_error(struct census *census, const char *words);
/* The hash of a TCP connection in tcp_index. */
uint64_t census_hash_tcp(const struct ends_address *local, const struct ends_address *remote);

/* ---- census_walk.c: one step each; false: there is nothing left ---- */

bool census_walk_open(struct census *census);
bool census_walk_step(struct census *census);
void census_walk_close(struct census *census);

#endif
