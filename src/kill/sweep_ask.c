/*
 * What the phases have in common: asking the server, and what follows when it does not answer.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "kill/refusal.h"
#include "kill/sweep_internal.h"
#include "redis/reply.h"

/* How often it is waited for a busy script to end. */
#define MAX_BUSY_PAUSES 100

void sweep_warn(struct sweep *sweep, const char *format, ...)
{
	char text[ERR_MAX_BYTES];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	report_warn(sweep->in.report, "%s: %s", sweep->in.node->address, text);
}

void sweep_send(struct sweep *sweep, struct link_command command)
{
	int r;

	command.context = sweep;
	command.owner = &sweep->calls;
	r = link_send(sweep->in.link, &command);
	CHECK(r == 0);
}

void sweep_ask(struct sweep *sweep, const char *first, const char *second, link_reply_fn reply_fn)
{
	const struct slice argv[] = {slice_of(first), slice_of(second)};

	sweep_send(sweep, (struct link_command){.argv = argv, .argc = 2, .reply_fn = reply_fn});
}

void sweep_drop_calls(struct sweep *sweep)
{
	calls_drop(&sweep->calls);
	client_list_leave(&sweep->reader);
}

void sweep_join_listing(struct sweep *sweep, void (*started_fn)(void *context),
	void (*session_fn)(void *context, const struct session_line *line),
	void (*done_fn)(void *context, const struct listing_result *result))
{
	int r;

	sweep->reader = (struct listing_reader){
		.started_fn = started_fn,
		.session_fn = session_fn,
		.done_fn = done_fn,
		.context = sweep,
	};
	sweep->in.node->n_commands++;
	r = client_list_join(sweep->in.link, &sweep->reader);
	CHECK(r == 0);
}

struct id_list sweep_ids_new(const struct sweep *sweep, size_t n_most)
{
	return id_list_new(n_most, slice_of(link_options(sweep->in.link)->client_command));
}

void sweep_send_list(
	struct sweep *sweep, struct id_list *ids, listing_line_fn line_fn, link_reply_fn reply_fn)
{
	sweep_send(sweep, (struct link_command){
				  .argv = ids->argv,
				  .argc = id_list_argc(ids),
				  .line_fn = line_fn,
				  .reply_fn = reply_fn,
			  });
	sweep->in.node->n_commands++;
	ids->n = 0;
}

/* ---- no answer ---- */

enum sweep_state sweep_fail(struct sweep *sweep, const char *words)
{
	report_node_fail(sweep->in.node, words);
	return SWEEP_DONE;
}

enum sweep_state sweep_silent(struct sweep *sweep, const char *words)
{
	if (!sweep->in.request->wants_cut || sweep->in.request->is_dry_run || sweep->is_cancelled ||
		sweep->silence.words[0] != '\0') {
		return SWEEP_STAY;
	}
	snprintf(sweep->silence.words, sizeof(sweep->silence.words), "%s", words);
	return SWEEP_SILENT;
}

enum sweep_state sweep_fail_silent(struct sweep *sweep, const char *words)
{
	enum sweep_state next = sweep_silent(sweep, words);

	return next != SWEEP_STAY ? next : sweep_fail(sweep, words);
}

enum sweep_state sweep_lost(struct sweep *sweep)
{
	sweep->was_lost = true;
	/* Whatever was asked to end a script may not have been heard. */
	sweep->n_busy_pauses = 0;
	return SWEEP_WAIT_LINK;
}

/* It may be for a script that is to be ended; everything else is the end. */
enum sweep_state sweep_refused(struct sweep *sweep)
{
	const struct request *request = sweep->in.request;

	if (slice_has_prefix(slice_of(sweep->refusal), "BUSY") && request->break_busy &&
		!request->is_dry_run && !sweep->is_cancelled &&
		sweep->n_busy_pauses < MAX_BUSY_PAUSES) {
		sweep->refusal[0] = '\0';
		return SWEEP_BREAK_BUSY;
	}
	/* It answers, but does nothing before its script is through. */
	if (slice_has_prefix(slice_of(sweep->refusal), "BUSY")) {
		return sweep_fail_silent(sweep, sweep->refusal);
	}
	return sweep_fail(sweep, sweep->refusal);
}

enum sweep_state sweep_listing_failed(struct sweep *sweep, const struct listing_result *result)
{
	switch (result->end) {
	case LISTING_LOST:
		return sweep_lost(sweep);
	case LISTING_LATE:
		return sweep_fail_silent(sweep, result->words);
	case LISTING_REFUSED:
		refusal_print(result->reply, sweep->refusal, sizeof(sweep->refusal));
		return sweep_refused(sweep);
	case LISTING_WHOLE:
		break;
	}
	CHECK(!"a whole listing is no failure");
	return SWEEP_STAY;
}

enum sweep_state sweep_on_idle_link(struct sweep *sweep, enum link_state state)
{
	if (state == LINK_READY) {
		return SWEEP_STAY;
	}
	event_del(sweep->pause);
	sweep->was_lost |= state != LINK_LATE;
	return SWEEP_WAIT_LINK;
}

void sweep_release_link(struct sweep *sweep)
{
	if (sweep->is_holding) {
		sweep->is_holding = false;
		link_release(sweep->in.link);
	}
}
