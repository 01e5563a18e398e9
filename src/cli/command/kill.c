/*
 * The question before a kill, and the kill itself:
 *
 *     watching --Ctrl-C--> asking --c--> cancelling (goes on until the report comes)
 *        ^                 |  |
 *        +----- Enter -----+  +--l, Ctrl-C, end of input--> left
 *
 * The question never holds up the stream: it is open while events go on coming, and a report that
 * comes first makes it void.
 */
#include "cli/command/kill.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "cli/command/causes.h"
#include "cli/command/nobody.h"
#include "cli/field.h"
#include "cli/form.h"
#include "cli/print/print.h"
#include "cli/remote/ssh.h"
#include "cli/terminal/progress.h"
#include "cli/terminal/term.h"
#include "cli/terminal/text.h"
#include "control/names.h"

/* Beyond what the daemon may take: it answers even after its own time-out. */
#define KILL_GRACE_MS 10000
#define KILL_MAX_ID_BYTES 512

static char *path_of(const struct kill_order *order)
{
	CLEANUP(mem_free_p) char *instance = form_path(NAMES_PATH_INSTANCES, order->instance);

	return mem_printf("%s/kill", instance);
}

static bool on_preview_tick(void *context)
{
	struct causes *causes = context;
	struct screen screen = term_screen(stderr);

	causes_tell(causes, &screen);
	return true;
}

/* ---- what came of it ---- */

static void show_outcome(
	const struct cli *cli, const struct kill_order *order, const struct api_answer *answer)
{
	uint64_t found = field_count(answer->json, "found");

	cli_show(cli, answer, stdout, print_outcome);
	if (order->args == NULL || cli->is_json || found == 0) {
		return;
	}
	fflush(stdout);
	if (field_count(answer->json, "unmatched") == found) {
		nobody_explain(cli, order->instance, order->args, "match");
	}
	if (slice_is(field_text(answer->json, "state"), "dry_run")) {
		nobody_explain(cli, order->instance, order->args, "except");
	}
}

/* ---- the question ---- */

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

/* What nobody can be shown before it is done. */
static void explain_cut(void)
{
	text_line(stderr,
		"Where a server does not answer, the kernel is to end its TCP sessions. Who they "
		"are cannot be asked then: all but sesskilld's own are ended, and those that a "
		"listing of the last minute tells as replication or kept. It cannot be verified, "
		"and commands that the server had received before may still be carried out.");
}

/* Is there anything to be asked about? Else it is said, and the status is that of the answer. */
static bool is_preview(
	const struct cli *cli, const struct kill_order *order, const struct api_answer *answer)
{
	struct slice state = field_text(answer->json, "state");

	if (state.data == NULL) {
		cli_show_error(cli, answer);
		return false;
	}
	if (slice_is(state, "partial") || (slice_is(state, "failed") && order->wants_cut) ||
		(slice_is(state, "dry_run") && field_count(answer->json, "matched") > 0)) {
		return true;
	}
	show_outcome(cli, order, answer);
	return false;
}

/* All that a person ought to know before the yes. */
static void show_preview(
	const struct cli *cli, const struct kill_order *order, const json_t *report)
{
	struct screen screen = term_screen(stderr);

	if (cli->ssh != NULL) {
		term_format(&screen, TERM_BOLD, "On %s: ", cli->ssh->host);
	}
	print_preview(report, &screen);
	if (order->args != NULL) {
		nobody_explain(cli, order->instance, order->args, "except");
	}
	if (order->wants_cut) {
		explain_cut();
	}
}

bool kill_is_wanted(const struct cli *cli, const struct kill_order *order, enum status *ret_status)
{
	CLEANUP(mem_free_p) char *form = mem_printf("%s&dry_run=true", order->form);
	CLEANUP(mem_free_p) char *path = path_of(order);
	CLEANUP(api_answer_finish) struct api_answer answer = {0};
	struct causes causes = causes_of(cli, order->instance);
	struct api_request request = {
		.socket = cli->socket,
		.ssh = cli->ssh,
		.method = "POST",
		.path = path,
		.form = form,
		.timeout_ms = order->timeout_ms,
		.on_tick = on_preview_tick,
		.context = &causes,
	};
	struct err err;

	if (api_call(&request, &answer, &err) != API_OK) {
		cli_error("%s. Nothing was killed", err.text);
		*ret_status = STATUS_UNREACHABLE;
		return false;
	}
	*ret_status = cli_status_of_answer(&answer);
	if (!is_preview(cli, order, &answer)) {
		return false;
	}
	show_preview(cli, order, answer.json);
	if (!is_confirmed(order->instance)) {
		text_line(stderr, "That is not the id: nothing was killed.");
		*ret_status = STATUS_FAILED;
		return false;
	}
	return true;
}

/* ---- the kill ---- */

enum run_state {
	RUN_WATCHING,
	RUN_ASKING,     /* Ctrl-C was pressed; ends with a line of input */
	RUN_CANCELLING, /* the daemon was told; ends with the report */
	RUN_LEFT,
};

struct run {
	const struct cli *cli;
	const struct kill_order *order;
	enum run_state state;
	struct progress progress;
	struct causes causes;
	struct term_signals signals; /* Ctrl-C */
	struct api_answer answer;
	char *request_id; /* of the stream's first event; NULL: not yet */
	json_t *report;   /* the stream's last event; NULL: not yet */
};

/* The header has it before the first event; a daemon without a stream has only the header. */
static const char *known_id(const struct run *run)
{
	return run->request_id != NULL ? run->request_id : run->answer.request_id;
}

static void tell_how_to_look(const struct run *run)
{
	const struct ssh *ssh = run->cli->ssh;

	text_line(stderr, "Look at it with: sesskill%s%s kills%s%s", ssh != NULL ? " -H " : "",
		ssh != NULL ? ssh->host : "", known_id(run)[0] != '\0' ? " " : "", known_id(run));
}

static void on_line(void *context, struct slice line)
{
	struct run *run = context;
	json_auto_t *event = field_load(line);
	struct slice id = field_text(event, "request_id");

	if (id.len > 0 && run->request_id == NULL) {
		run->request_id = slice_copy(id);
	}
	progress_take(&run->progress, event);
	run->causes.is_told |= slice_is(field_text(event, "event"), "listed");
	if (slice_is(field_text(event, "event"), "report")) {
		json_decref(run->report);
		run->report = json_incref(event);
	}
}

static void cancel(struct run *run)
{
	CLEANUP(mem_free_p) char *path = form_path(NAMES_PATH_KILLS, known_id(run));
	CLEANUP(api_answer_finish) struct api_answer answer = {0};
	struct api_request request = {
		.socket = run->cli->socket,
		.ssh = run->cli->ssh,
		.method = "DELETE",
		.path = path,
		.timeout_ms = API_TIMEOUT_MS,
	};
	struct err err;

	run->state = RUN_WATCHING;
	if (known_id(run)[0] == '\0') {
		text_line(stderr,
			"The daemon has not told the id of the kill yet: see sesskill kills, "
			"and cancel it with sesskill cancel.");
	} else if (api_call(&request, &answer, &err) != API_OK) {
		cli_error("not cancelled: %s", err.text);
	} else if (answer.status / 100 != 2) {
		/* People asked: stdout stays the kill's own, in JSON too. */
		cli_show_error(&(const struct cli){.is_json = false}, &answer);
	} else {
		text_line(stderr, "Cancelling: the command in flight still ends.");
		run->state = RUN_CANCELLING;
	}
}

static void ask(struct run *run, const struct screen *screen)
{
	progress_clear(&run->progress, screen);
	if (!term_can_ask()) {
		run->state = RUN_LEFT;
		return;
	}
	term_drop_input();
	fputs("\nThe kill goes on. [c]ancel it, [l]eave it running, or Enter to go on watching? ",
		stderr);
	fflush(stderr);
	run->state = RUN_ASKING;
}

static void take_answer(struct run *run)
{
	char line[16];
	bool is_end = false;

	if (!term_read_line(line, sizeof(line), 0, &is_end)) {
		return;
	}
	if (is_end || slice_is_nocase(slice_of(line), "l")) {
		run->state = RUN_LEFT;
	} else if (slice_is_nocase(slice_of(line), "c")) {
		cancel(run);
	} else {
		run->state = RUN_WATCHING;
	}
}

static bool on_tick(void *context)
{
	struct run *run = context;
	struct screen screen = term_screen(stderr);
	bool is_interrupted = term_take_signal(&run->signals) != 0;

	switch (run->state) {
	case RUN_ASKING:
		if (is_interrupted) {
			run->state = RUN_LEFT;
		} else {
			take_answer(run);
		}
		break;
	case RUN_WATCHING:
	case RUN_CANCELLING:
		if (is_interrupted) {
			ask(run, &screen);
		} else if (!run->cli->is_json && !run->cli->is_quiet) {
			causes_tell(&run->causes, &screen);
			progress_show(&run->progress, &screen, clock_monotonic_ms());
		}
		break;
	case RUN_LEFT:
		break;
	}
	return run->state != RUN_LEFT;
}

/* Quiet: only what went wrong. */
static void show_report(const struct run *run)
{
	struct screen errors = term_screen(stderr);

	if (!run->cli->is_quiet || run->cli->is_json) {
		show_outcome(run->cli, run->order, &run->answer);
	} else if (cli_status_of_answer(&run->answer) != STATUS_DONE) {
		print_problems_of_kill(run->answer.json, &errors);
	}
}

/* The answer is whole: a stream with its report, or a plain report, or an error. */
static enum status conclude(struct run *run)
{
	if (run->report != NULL) {
		run->answer.json = json_incref(run->report);
	} else if (run->answer.json == NULL && run->request_id != NULL) {
		cli_error("the daemon ended its answer without a report");
		tell_how_to_look(run);
		return STATUS_FAILED;
	}
	if (field_has(run->answer.json, "state")) {
		show_report(run);
	} else {
		cli_show_error(run->cli, &run->answer);
	}
	return cli_status_of_answer(&run->answer);
}

static enum status finish(struct run *run, enum api_result result, const struct err *err)
{
	struct screen screen = term_screen(stderr);

	progress_clear(&run->progress, &screen);
	if (run->state == RUN_ASKING) {
		fputc('\n', stderr);
	}
	switch (result) {
	case API_OK:
		return conclude(run);
	case API_UNREACHABLE:
		cli_error("%s", err->text);
		return STATUS_UNREACHABLE;
	case API_TIMED_OUT:
	case API_LOST:
		/* Not "unreachable", which means that nothing has happened. */
		cli_error("%s. The kill may still run", err->text);
		break;
	case API_STOPPED:
		text_line(stderr, "The kill goes on.");
		break;
	}
	tell_how_to_look(run);
	return STATUS_FAILED;
}

int64_t kill_answer_ms(int64_t timeout_ms, int64_t watch_ms)
{
	/* Twice: a kill of the same instance that runs already is waited for. */
	return 2 * timeout_ms + watch_ms + KILL_GRACE_MS;
}

enum status kill_run(const struct cli *cli, const struct kill_order *order)
{
	CLEANUP(mem_free_p) char *path = path_of(order);
	struct run run = {
		.cli = cli,
		.order = order,
		.state = RUN_WATCHING,
		.causes = causes_of(cli, order->instance),
	};
	struct api_request request = {
		.socket = cli->socket,
		.ssh = cli->ssh,
		.method = "POST",
		.path = path,
		.form = order->form,
		/* A stream is not the report; who wants the JSON unchanged gets it in one piece. */
		.accept = cli->is_json ? NAMES_TYPE_JSON : NAMES_TYPE_NDJSON ", " NAMES_TYPE_JSON,
		.timeout_ms = order->timeout_ms,
		.on_line = cli->is_json ? NULL : on_line,
		.line_type = NAMES_TYPE_NDJSON,
		.on_tick = on_tick,
		.context = &run,
	};
	struct err err;
	enum api_result result;
	enum status status;

	/* ssh may have to ask for a password: until then Ctrl-C ends the program as ever. */
	if (cli->ssh != NULL && api_open(cli->ssh, &err) != API_OK) {
		cli_error("%s. Nothing was killed", err.text);
		return STATUS_UNREACHABLE;
	}
	progress_init(&run.progress, clock_monotonic_ms());
	/* Where it cannot be held Ctrl-C keeps ending the program, which harms no kill. */
	(void)term_hold(&run.signals, (const int[]){SIGINT, 0});
	result = api_call(&request, &run.answer, &err);
	term_let_go(&run.signals);
	status = finish(&run, result, &err);
	api_answer_finish(&run.answer);
	json_decref(run.report);
	free(run.request_id);
	return status;
}
