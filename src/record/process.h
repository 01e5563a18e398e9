/*
 * What this process takes from the host, as the kernel has it.
 */
#ifndef RECORD_PROCESS_H
#define RECORD_PROCESS_H

#include <stdint.h>

struct process {
	int64_t resident_bytes; /* -1: the kernel does not tell; likewise the others */
	int64_t virtual_bytes;
	int64_t cpu_us; /* user and system */
	int64_t n_open_fds;
	int64_t max_fds;
};

void process_measure(struct process *ret_process);

#endif
