/*
 * Numbers as people read them.
 */
#ifndef CLI_HUMAN_H
#define CLI_HUMAN_H

#include <stdint.h>

#define HUMAN_BYTES 32

/* "18,000", whatever the locale. `buffer` holds HUMAN_BYTES and is returned. */
const char *human_count(uint64_t value, char *buffer);

/* "0.4 ms", "312 ms", "1.2 s", "3m 20s", "2h 05m", "4d 03h"; less than nothing is "0 ms". */
const char *human_duration(double ms, char *buffer);

#endif
