/*
 * sesskill top: what its files share. They call each other in this direction:
 *
 *     command/cmd_top.c    options, the loop
 *     top_kill.c           the kill of the marked group
 *     top_ask.c            the requests; while one runs:
 *     top_keys.c           signals and keys
 *     top_draw.c           the screen, below its head
 *     top_head.c           the head: the pace, and who is selected
 */
#ifndef CLI_TOP_TOP_H
#define CLI_TOP_TOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/macros.h"
#include "cli/terminal/canvas.h"
#include "cli/cli.h"
#include "cli/form.h"
#include "cli/terminal/live.h"
#include "cli/top/recent.h"
#include "cli/top/tally.h"

#define TOP_DEFAULT_INTERVAL_MS 2000
/*
 * A listing costs the server time. Waiting so many times longer than the last one took keeps that
 * below 5 %, and below 20 % when a person asks again and again.
 */
#define TOP_REST_FACTOR 20
#define TOP_REST_FACTOR_BY_HAND 4

/* The fields to choose from, and one more that --by may name. */
#define TOP_N_FIELDS 5
#define TOP_MAX_FIELDS (TOP_N_FIELDS + 1)
/* Of what is wrong, on the screen. */
#define TOP_MAX_PROBLEM_LINES 3
/* As long as an expression that is typed need be. */
#define TOP_MAX_FILTER_BYTES 256

struct top {
	const struct cli *cli;
	const struct args *args; /* --match and --except hold all the time */
	const char *instance;
	struct live live;
	struct tally tally;
	struct recent recent;

	const char *fields[TOP_MAX_FIELDS];
	size_t n_fields;
	size_t field; /* that is asked for */

	char *filter; /* one more selector, typed; NULL: none */
	char *trial;  /* one that the daemon has not judged yet; NULL: none */
	bool is_editing;
	char edit[TOP_MAX_FILTER_BYTES + 1];
	size_t n_edit;

	char *problem; /* why there is no news; NULL: there is */
	char *notice;  /* what was refused, until the next key; NULL: nothing */
	bool is_paused;
	bool has_help;
	bool is_stale;   /* what is shown is not what was asked for last */
	bool wants_kill; /* of the marked group */
	bool is_over;

	int64_t interval_ms; /* as wished */
	int64_t began_ms;    /* the last request */
	int64_t ended_ms;
	int64_t took_ms; /* the last listing that came whole; 0: none */
};

/* Takes `text` (on the heap, or NULL) for what was there. */
static inline void top_replace(char **old, char *text)
{
	free(*old);
	*old = text;
}

/* How long to rest behind the last listing. */
int64_t top_rest_ms(const struct top *top);

/* The parameters that select: options, what was typed, and `more` if it is not NULL. */
void top_add_selectors(const struct top *top, char **form, const char *more);

/* In front of an option's selector for people: "not " for --except. */
const char *top_selector_prefix(const struct option_spec *spec);

/*
 * Asks for the instance and its groups, attends to the keys meanwhile, and takes what comes. What
 * went wrong is the `problem`; `ret_answer` is the daemon's last answer. False without news.
 */
NODISCARD bool top_ask(struct top *top, struct api_answer *ret_answer, enum api_result *ret_result);

/* Reads keys and signals, does what they say, draws. False: give up the request that runs. */
NODISCARD bool top_attend(struct top *top);
void top_draw(const struct top *top);
void top_draw_head(struct canvas *canvas, const struct top *top);
/* All of it once, for no terminal. */
void top_print(const struct top *top);

/* One key. */
void top_press(struct top *top, int key);

/*
 * "FIELD = VALUE" on the heap, for a field as the daemon calls it and the value of a group. NULL
 * with words where no selector means these sessions and no others: nothing is ever approximated.
 */
NODISCARD char *top_group_selector(struct slice field, struct slice value, struct err *err);

/* Leaves the screen, asks, kills, shows the report, comes back at a key. */
void top_kill(struct top *top);

#endif
