/*
 * The question before a kill.
 */
#include "cli/command/kill_ask.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "cli/field.h"
#include "cli/print/print.h"
#include "cli/terminal/term.h"
#include "cli/terminal/text.h"

#define KILL_MAX_ID_BYTES 512

/* Was the very id typed? Anything else is a no. */
static bool is_confirmed(const char *instance)
{
	char line[KILL_MAX_ID_BYTES];
	bool is_end = false;

	term_drop_input();
	fputs("Type the id of the instance to kill them: ", stderr);
	fflush(stderr);
	if (!term_read_line(line, sizeof(line), -1, &is_end)) {
		is_end = true;
	}
	if (is_end) {
		fputc('\n', stderr);
	}
	return !is_end && strcmp(line, instance) == 0;
}

bool kill_is_wanted(const struct cli *cli, const char *instance, const struct kill_order *order,
	enum status *ret_status)
{
	CLEANUP(mem_free_p) char *form = mem_printf("%s&dry_run=true", order->form);
	CLEANUP(api_answer_finish) struct api_answer answer = {0};
	struct api_request request = {
		.socket = cli->socket,
		.method = "POST",
		.path = order->path,
		.form = form,
		.timeout_ms = order->timeout_ms,
	};
	struct screen screen = term_screen(stderr);
	struct slice state;
	struct err err;

	if (api_call(&request, &answer, &err) != API_OK) {
		cli_error("%s. Nothing was killed", err.text);
		*ret_status = STATUS_UNREACHABLE;
		return false;
	}
	*ret_status = cli_status_of_answer(&answer);
	state = field_text(answer.json, "state");
	if (state.data == NULL) {
		cli_show_error(cli, &answer);
		return false;
	}
	if (!slice_is(state, "dry_run") && !slice_is(state, "partial")) {
		cli_show(cli, &answer, stderr, print_outcome);
		return false;
	}
	if (slice_is(state, "dry_run") && field_count(answer.json, "matched") == 0) {
		cli_show(cli, &answer, stderr, print_outcome);
		text_line(stderr, "No session is selected: there is nothing to kill.");
		return false;
	}
	print_preview(answer.json, &screen);
	if (!is_confirmed(instance)) {
		text_line(stderr, "That is not the id: nothing was killed.");
		*ret_status = STATUS_FAILED;
		return false;
	}
	return true;
}
