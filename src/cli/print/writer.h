/*
 * The forms of output: tables for people, or the daemon's JSON untouched. A command has an answer
 * and names what it is; the writer decides what is written where.
 */
#ifndef CLI_PRINT_WRITER_H
#define CLI_PRINT_WRITER_H

#include <stdbool.h>

#include "cli/api.h"
#include "cli/listing.h"

struct writer {
	bool is_json;
	void (*instances)(const struct api_answer *answer); /* all, or one */
	/* A listing as it arrives, and what is left to say at its end. */
	void (*list_line)(struct listing *listing, struct slice line);
	void (*list_end)(struct listing *listing);
	void (*kills)(const struct api_answer *answer);
	void (*kill)(const struct api_answer *answer);    /* one report that was asked for */
	void (*outcome)(const struct api_answer *answer); /* the report of a kill just done */
	void (*cancelled)(const struct api_answer *answer);
	void (*error)(const struct api_answer *answer);
};

/* Tables on stdout; outcomes and errors on stderr. */
extern const struct writer writer_text;
/* All on stdout, byte by byte. */
extern const struct writer writer_json;

#endif
