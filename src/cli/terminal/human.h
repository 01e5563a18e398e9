/*
 * Numbers as people read them.
 */
#ifndef CLI_TERMINAL_HUMAN_H
#define CLI_TERMINAL_HUMAN_H

#include <stdint.h>

#define HUMAN_BYTES 32

/* "18,000", whatever the locale. `buffer` holds HUMAN_BYTES and is returned. */
const char *human_count(uint64_t value, char *buffer);

/* By so many more or fewer: "+120", "-3", "0". */
const char *human_growth(double difference, char *buffer);

/* "0.4 ms", "312 ms", "1.2 s", "3m 20s", "2h 05m", "4d 03h"; less than nothing is "0 ms". */
const char *human_duration(double ms, char *buffer);

/* Of whole seconds: "0 s", "59 s", then as a duration. */
const char *human_seconds(uint64_t seconds, char *buffer);

/* "512 B", "20.5 KB", "1.2 GB", in powers of 1024 as the servers count. */
const char *human_size(uint64_t n_bytes, char *buffer);

#endif
