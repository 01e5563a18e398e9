/*
 * How far a kill is: a bar that is drawn over itself on a terminal, one plain line a second
 * elsewhere. Holds figures, reads no clock and no socket.
 */
#ifndef CLI_TERMINAL_PROGRESS_H
#define CLI_TERMINAL_PROGRESS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "cli/terminal/term.h"

#define PROGRESS_PHASE_BYTES 32

struct progress {
	int64_t started_ms;
	int64_t shown_ms; /* when last; 0: never */
	int64_t quiet_ms; /* between two lines: longer while nothing changes */
	uint64_t shown_ended;
	char phase[PROGRESS_PHASE_BYTES];
	uint64_t matched; /* 0: not known yet */
	uint64_t ended;   /* killed, or gone by themselves */
	uint64_t n_back;  /* came back */
	bool has_bar;     /* the cursor stands in a line that is to be cleared */
};

void progress_init(struct progress *progress, int64_t now_ms);

/* Takes what an event of the kill's stream tells; what it does not tell stays. */
void progress_take(struct progress *progress, const json_t *event);

/* Shows it unless that was done just before. */
void progress_show(struct progress *progress, const struct screen *screen, int64_t now_ms);

/* Takes the bar away, so that other text can follow. */
void progress_clear(struct progress *progress, const struct screen *screen);

#endif
