/*
 * Numbers as people read them, and bars: a share as a length, in eighths of a column where the
 * terminal has characters for them.
 */
#ifndef CLI_TERMINAL_HUMAN_H
#define CLI_TERMINAL_HUMAN_H

#include <stddef.h>
#include <stdint.h>

/* The longest bar, and the shortest that still shows something. */
#define BAR_MAX_COLUMNS 40
#define BAR_MIN_COLUMNS 8

/*
 * Words by value: `human_count(n).text` lives to the end of the expression that it stands in. Long
 * enough for the longest bar, of characters of three bytes.
 */
struct human {
	char text[BAR_MAX_COLUMNS * 3 + 1];
};

/* "18,000", whatever the locale. */
struct human human_count(uint64_t value);

/* By so many more or fewer: "+120", "-3", "0". */
struct human human_growth(double difference);

/* "0.4 ms", "312 ms", "1.2 s", "3m 20s", "2h 05m", "4d 03h"; less than nothing is "0 ms". */
struct human human_duration(double ms);

/* Of whole seconds: "0 s", "59 s", then as a duration. */
struct human human_seconds(uint64_t seconds);

/* "512 B", "20.5 KB", "1.2 GB", in powers of 1024 as the servers count. */
struct human human_size(uint64_t n_bytes);

/*
 * A bar of `share` (0 to 1) of `columns`, of which BAR_MAX_COLUMNS at most count; 0: no bar. Few is
 * not none: any other bar shows at least a sliver.
 */
struct human human_bar(double share, size_t columns);

#endif
