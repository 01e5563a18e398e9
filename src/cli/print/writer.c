/*
 * The forms of output.
 */
#include "cli/print/writer.h"

#include <stdio.h>

#include "cli/cli.h"
#include "cli/field.h"
#include "cli/print/print.h"
#include "cli/terminal/term.h"
#include "cli/terminal/text.h"

/* The next thing to do; NULL: the message says it all. */
static const char *advice(long status)
{
	switch (status) {
	case 400:
		return "See sesskill COMMAND --help for the options, fields and expressions.";
	case 403:
		return "Who may do what stands under access: in sesskilld.yaml; without it root, "
		       "the daemon's own user and the members of its socket's group may do all.";
	case 404:
		return "See sesskill instances for the instances, sesskill kills for the kills.";
	case 409:
		return "Nothing was killed. Select fewer sessions, or allow more with --max.";
	case 429:
		return "Other kills of this instance wait already: see sesskill kills.";
	case 503:
		return "See sesskill instances for the state of each node.";
	default:
		return NULL;
	}
}

static void text_instances(const struct api_answer *answer)
{
	struct screen screen = term_screen(stdout);

	print_instances(answer->json, &screen);
}

static void text_list_line(struct listing *listing, struct slice line)
{
	struct screen screen = term_screen(stdout);

	print_sessions(listing, line, &screen);
}

static void text_list_end(struct listing *listing)
{
	struct screen screen = term_screen(stdout);
	struct screen remarks = term_screen(stderr);

	print_sessions_end(listing, &screen, &remarks);
}

static void text_kills(const struct api_answer *answer)
{
	struct screen screen = term_screen(stdout);

	print_kills(answer->json, &screen);
}

static void text_kill(const struct api_answer *answer)
{
	struct screen screen = term_screen(stdout);

	print_report(answer->json, &screen);
}

static void text_outcome(const struct api_answer *answer)
{
	struct screen screen = term_screen(stderr);
	struct slice state = field_text(answer->json, "state");

	print_report(answer->json, &screen);
	if (slice_is(state, "partial")) {
		text_line(stderr, "What is left can be killed by the same command again. See "
				  "sesskill instances for the state of each node.");
	} else if (slice_is(state, "failed") && !field_has(answer->json, "error")) {
		text_line(stderr, "See sesskill instances for the state of each node.");
	}
}

static void text_cancelled(const struct api_answer *answer)
{
	struct screen screen = term_screen(stderr);

	/* The command in flight still ends: "running" is no failure here. */
	if (field_has(answer->json, "found")) {
		print_report(answer->json, &screen);
	} else {
		text_line(stderr, "cancelled");
	}
}

static void text_error(const struct api_answer *answer)
{
	const json_t *error = json_object_get(answer->json, "error");
	struct slice message = field_text(error, "message");
	struct slice code = field_text(error, "code");
	const char *next = advice(answer->status);

	if (message.data == NULL) {
		cli_error("the daemon's answer (HTTP %ld) was not understood: is it sesskilld that "
			  "serves this socket?",
			answer->status);
		return;
	}
	cli_error("%.*s (%.*s)", SLICE_ARG(message), SLICE_ARG(code));
	if (next != NULL) {
		text_line(stderr, "%s", next);
	}
}

const struct writer writer_text = {
	.is_json = false,
	.instances = text_instances,
	.list_line = text_list_line,
	.list_end = text_list_end,
	.kills = text_kills,
	.kill = text_kill,
	.outcome = text_outcome,
	.cancelled = text_cancelled,
	.error = text_error,
};

/* On a terminal nobody parses the bytes, but names of clients could still play tricks. */
static void put_json(struct slice json)
{
	struct screen screen = term_screen(stdout);

	if (screen.width > 0) {
		text_put_json(stdout, json);
	} else {
		fwrite(json.data, 1, json.len, stdout);
	}
}

static void json_answer(const struct api_answer *answer)
{
	put_json((struct slice){answer->body, answer->n_bytes});
}

static void json_list_line(struct listing *listing, struct slice line)
{
	listing_read_head(listing, line);
	put_json(line);
}

static void json_list_end(struct listing *listing UNUSED)
{
	/* The bytes have said it all. */
}

const struct writer writer_json = {
	.is_json = true,
	.instances = json_answer,
	.list_line = json_list_line,
	.list_end = json_list_end,
	.kills = json_answer,
	.kill = json_answer,
	.outcome = json_answer,
	.cancelled = json_answer,
	.error = json_answer,
};
