/*
 * What the commands share.
 */
#include "cli/cli.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "cli/field.h"
#include "cli/form.h"
#include "cli/terminal/text.h"

void cli_error(const char *format, ...)
{
	CLEANUP(mem_free_p) char *words = NULL;
	va_list args;

	va_start(args, format);
	words = text_make(format, args);
	va_end(args);
	fputs("sesskill: ", stderr);
	text_flow(stderr, strlen("sesskill: "), 2, slice_of(words));
}

static enum status status_of_state(struct slice state)
{
	if (slice_is(state, "done") || slice_is(state, "dry_run")) {
		return STATUS_DONE;
	}
	return slice_is(state, "partial") ? STATUS_PARTIAL : STATUS_FAILED;
}

static enum status status_of_report(const json_t *report)
{
	enum status status = status_of_state(field_text(report, "state"));

	return status == STATUS_DONE && field_count(report, "reconnected") > 0 ? STATUS_BACK
									       : status;
}

enum status cli_status_of_answer(const struct api_answer *answer)
{
	if (answer->status == 403) {
		return STATUS_DENIED;
	}
	if (answer->status == 400) {
		return STATUS_USAGE;
	}
	if (answer->json == NULL) {
		return STATUS_FAILED;
	}
	if (field_has(answer->json, "state")) {
		return status_of_report(answer->json);
	}
	return answer->status / 100 == 2 ? STATUS_DONE : STATUS_FAILED;
}

void cli_put_json(struct slice json)
{
	/* On a terminal nobody parses the bytes, but names of clients could still play tricks. */
	if (term_screen(stdout).width > 0) {
		text_put_json(stdout, json);
	} else if (json.len > 0) {
		fwrite(json.data, 1, json.len, stdout);
	}
}

struct api_request cli_request(const struct cli *cli, const char *method, const char *path)
{
	return (struct api_request){
		.socket = cli->socket,
		.ssh = cli->ssh,
		.method = method,
		.path = path,
		.timeout_ms = API_TIMEOUT_MS,
	};
}

struct screen cli_screen(const struct cli *cli, FILE *file)
{
	struct screen screen = term_screen(file);

	screen.form = &cli->form;
	return screen;
}

void cli_show(const struct cli *cli, const struct api_answer *answer, FILE *out, cli_print_fn print)
{
	struct screen screen = cli_screen(cli, out);

	if (cli->is_json) {
		cli_put_json((struct slice){answer->body, answer->n_bytes});
	} else {
		print(answer->json, &screen);
	}
}

/* The next thing to do; NULL: the message says it all. */
static const char *advice_by_code(struct slice code)
{
	static const struct {
		const char *code;
		const char *words;
	} rows[] = {
		{"TooMany", "Nothing was killed. Select fewer sessions, allow more with --max, or "
			    "take the first ones with --limit."},
		{"NotExact",
			"Nothing was killed there. Wait until the server answers, or say whom to "
			"end without --except."},
		{"Restarted", "Nothing was killed. List again: the ids began anew."},
		{"AlreadyDone", "Its report: sesskill kills REQUEST_ID."},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		if (slice_is(code, rows[i].code)) {
			return rows[i].words;
		}
	}
	return NULL;
}

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
	case 429:
		return "Other kills of this instance wait already: see sesskill kills.";
	case 503:
		return "See sesskill instances for the state of each node.";
	default:
		return NULL;
	}
}

void cli_show_error(const struct cli *cli, const struct api_answer *answer)
{
	const json_t *error = json_object_get(answer->json, "error");
	struct slice message = field_text(error, "message");
	struct slice code = field_text(error, "code");
	const char *next = advice_by_code(code);

	if (cli->is_json) {
		cli_put_json((struct slice){answer->body, answer->n_bytes});
		return;
	}
	if (message.data == NULL) {
		cli_error("the daemon's answer (HTTP %ld) was not understood: is it sesskilld that "
			  "serves this socket?",
			answer->status);
		return;
	}
	cli_error("%.*s (%.*s)", SLICE_ARG(message), SLICE_ARG(code));
	next = next != NULL ? next : advice(answer->status);
	if (next != NULL) {
		text_line(stderr, "%s", next);
	}
}

enum status cli_ask(const struct cli *cli, const char *method, const char *path,
	const struct args *args, FILE *out, cli_print_fn print)
{
	CLEANUP(mem_free_p)
	char *below = args->n_words > 0 ? form_path(path, args->words[0]) : NULL;
	CLEANUP(api_answer_finish) struct api_answer answer = {0};
	struct api_request request = cli_request(cli, method, below != NULL ? below : path);
	struct err err;

	if (api_call(&request, &answer, &err) != API_OK) {
		cli_error("%s", err.text);
		return STATUS_UNREACHABLE;
	}
	if (answer.status / 100 == 2 && answer.json != NULL) {
		cli_show(cli, &answer, out, print);
		return STATUS_DONE;
	}
	cli_show_error(cli, &answer);
	/* A question that was not answered has failed, whatever the error's body holds. */
	return MAX(cli_status_of_answer(&answer), STATUS_FAILED);
}
