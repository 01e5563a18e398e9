/*
 * Numbers as people read them, and bars: a share as a length, in eighths of a column where the
 * terminal has characters for them.
 */
#ifndef CLI_TERMINAL_HUMAN_H
#define CLI_TERMINAL_HUMAN_H

#include <stddef.h>
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

/* The longest bar, and the shortest that still shows something. */
#define BAR_MAX_COLUMNS 40
#define BAR_MIN_COLUMNS 8
/* Columns of the longest character of three bytes each, and a NUL. */
#define BAR_BYTES (BAR_MAX_COLUMNS * 3 + 1)

/*
 * A bar of `share` (0 to 1) of `columns`, of which BAR_MAX_COLUMNS at most count; 0: no bar. Few is
 * not none: any other bar shows at least a sliver. `buffer` holds BAR_BYTES and is returned.
 */
const char *human_bar(double share, size_t columns, char *buffer);

#endif
