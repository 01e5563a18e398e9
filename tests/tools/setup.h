/*
 * What a session of a class says to the server when it is connected, and by what it knows that the
 * server has answered. Pure: no descriptors.
 */
#ifndef TOOLS_SETUP_H
#define TOOLS_SETUP_H

#include "options.h"

/* Bytes that grow; release `data` with free(). */
struct setup_text {
	char *data;
	size_t len;
	size_t capacity;
};

/*
 * Replaces `text` by the commands for session number `index`: the same every time, so that what the
 * socket did not take at once can be made anew instead of being kept for each session.
 */
void setup_compose(struct setup_text *text, const struct options *options,
	const struct session_class *class, size_t index);

/* The session is set up when `line` has come `n_times`. */
struct setup_answer {
	const char *line;
	unsigned n_times;
};

struct setup_answer setup_answer(const struct options *options, const struct session_class *class);

#endif
