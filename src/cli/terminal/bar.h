/*
 * Bars: a share as a length, in eighths of a column where the terminal has characters for them.
 */
#ifndef CLI_TERMINAL_BAR_H
#define CLI_TERMINAL_BAR_H

#include <stddef.h>

/* The longest bar, and the shortest that still shows something. */
#define BAR_MAX_COLUMNS 40
#define BAR_MIN_COLUMNS 8
/* Columns of the longest character of three bytes each, and a NUL. */
#define BAR_BYTES (BAR_MAX_COLUMNS * 3 + 1)

/*
 * A bar of `share` (0 to 1) of `columns`, of which BAR_MAX_COLUMNS at most count; 0: no bar. Few is
 * not none: any other bar shows at least a sliver. `buffer` holds BAR_BYTES and is returned.
 */
const char *bar_print(double share, size_t columns, char *buffer);

#endif
