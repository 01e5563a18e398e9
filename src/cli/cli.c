/*
 * What the commands share.
 */
#include "cli/cli.h"

#include <stdarg.h>
#include <stdio.h>

#include "cli/field.h"
#include "cli/terminal/text.h"

void cli_error(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fputs("sesskill: ", stderr);
	text_format_args(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
}

enum status cli_status_of_state(struct slice state)
{
	static const struct {
		const char *state;
		enum status status;
	} STATES[] = {
		{"done", STATUS_DONE},
		{"dry_run", STATUS_DONE},
		{"partial", STATUS_PARTIAL},
	};

	for (size_t i = 0; i < ARRAY_SIZE(STATES); i++) {
		if (slice_is(state, STATES[i].state)) {
			return STATES[i].status;
		}
	}
	return STATUS_FAILED;
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
		return cli_status_of_state(field_text(answer->json, "state"));
	}
	return answer->status / 100 == 2 ? STATUS_DONE : STATUS_FAILED;
}

enum status cli_ask(const struct cli *cli, const char *method, const char *path,
	void (*show)(const struct api_answer *answer))
{
	CLEANUP(api_answer_finish) struct api_answer answer = {0};
	struct api_request request = {
		.socket = cli->socket,
		.method = method,
		.path = path,
		.timeout_ms = API_TIMEOUT_MS,
	};
	struct err err;

	if (api_call(&request, &answer, &err) != API_OK) {
		cli_error("%s", err.text);
		return STATUS_UNREACHABLE;
	}
	if (answer.status / 100 == 2 && answer.json != NULL) {
		show(&answer);
		return STATUS_DONE;
	}
	cli->writer->error(&answer);
	/* A question that was not answered has failed, whatever the error's body holds. */
	return MAX(cli_status_of_answer(&answer), STATUS_FAILED);
}
