/*
 * What this process takes from the host, as the kernel has it.
 */
#ifndef RECORD_PROCESS_H
#define RECORD_PROCESS_H

#include <stdio.h>

/* Its samples, under the names that all programs use; those that the kernel does not tell are left
 * out. */
void process_print(FILE *out);

#endif
