/*
 * Measuring this process. Only what is below /proc/self is read: a service may be denied the rest.
 */
#include "record/process.h"

#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/parse.h"

#define US_PER_SECOND (1000 * 1000)

static bool read_pages(struct slice *rest, int64_t *ret_bytes)
{
	struct slice part;
	uint64_t n_pages;

	if (!slice_next(rest, ' ', &part) || !parse_u64(part, &n_pages)) {
		return false;
	}
	*ret_bytes = (int64_t)n_pages * sysconf(_SC_PAGESIZE);
	return true;
}

/* "SIZE RESIDENT ...", in pages. */
static void measure_memory(struct process *process)
{
	FILE *file = fopen("/proc/self/statm", "re");
	char line[128];
	struct slice rest;

	if (file == NULL) {
		return;
	}
	rest = slice_of(fgets(line, sizeof(line), file));
	fclose(file);
	if (read_pages(&rest, &process->virtual_bytes)) {
		(void)!read_pages(&rest, &process->resident_bytes);
	}
}

static void count_fds(struct process *process)
{
	DIR *directory = opendir("/proc/self/fd");
	const struct dirent *entry;

	if (directory == NULL) {
		return;
	}
	/* Not that of the directory itself. */
	process->n_open_fds = -1;
	while ((entry = readdir(directory)) != NULL) {
		process->n_open_fds += entry->d_name[0] != '.';
	}
	closedir(directory);
}

static int64_t time_us(const struct timeval *time)
{
	return (int64_t)time->tv_sec * US_PER_SECOND + time->tv_usec;
}

void process_measure(struct process *ret_process)
{
	struct process process = {-1, -1, -1, -1, -1};
	struct rusage usage;
	struct rlimit limit;

	measure_memory(&process);
	count_fds(&process);
	if (getrusage(RUSAGE_SELF, &usage) == 0) {
		process.cpu_us = time_us(&usage.ru_utime) + time_us(&usage.ru_stime);
	}
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		process.max_fds = (int64_t)limit.rlim_cur;
	}
	*ret_process = process;
}
