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
#include "record/exposition.h"

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
static void print_memory(FILE *out)
{
	FILE *file = fopen("/proc/self/statm", "re");
	int64_t virtual_bytes = -1, resident_bytes = -1;
	char line[128];
	struct slice rest;

	if (file == NULL) {
		return;
	}
	rest = slice_of(fgets(line, sizeof(line), file));
	fclose(file);
	if (read_pages(&rest, &virtual_bytes)) {
		(void)!read_pages(&rest, &resident_bytes);
	}
	exposition_gauge(out, "process_resident_memory_bytes", "Resident memory size in bytes.",
		resident_bytes);
	exposition_gauge(out, "process_virtual_memory_bytes", "Virtual memory size in bytes.",
		virtual_bytes);
}

static int64_t count_fds(void)
{
	DIR *directory = opendir("/proc/self/fd");
	int64_t n = -1; /* not that of the directory itself */
	const struct dirent *entry;

	if (directory == NULL) {
		return -1;
	}
	while ((entry = readdir(directory)) != NULL) {
		n += entry->d_name[0] != '.';
	}
	closedir(directory);
	return n;
}

static int64_t time_us(const struct timeval *time)
{
	return (int64_t)time->tv_sec * US_PER_SECOND + time->tv_usec;
}

void process_print(FILE *out)
{
	static const char cpu[] = "process_cpu_seconds_total";
	struct rusage usage;
	struct rlimit limit;

	print_memory(out);
	exposition_gauge(out, "process_open_fds", "Number of open file descriptors.", count_fds());
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		exposition_gauge(out, "process_max_fds", "Maximum number of open file descriptors.",
			(int64_t)limit.rlim_cur);
	}
	if (getrusage(RUSAGE_SELF, &usage) == 0) {
		exposition_begin(out, EXPOSITION_COUNTER, cpu,
			"Total user and system CPU time spent in seconds.");
		exposition_seconds(
			out, cpu, NULL, time_us(&usage.ru_utime) + time_us(&usage.ru_stime));
	}
}
