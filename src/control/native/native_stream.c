/*
 * The answer to a kill as a stream of events, one JSON object a line.
 */
#include <event2/event.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "control/names.h"
#include "control/native/native.h"
#include "control/order.h"
#include "record/json.h"

/* Ten looks a second. */
#define PROGRESS_PERIOD_US (100 * 1000)

struct kill_stream {
	struct exchange *exchange;
	struct event *timer;
	struct counts shown; /* by the last event: nothing is said twice */
	enum report_state shown_state;
	bool is_verified; /* that a node is, was said */
};

/* The event with the counts so far. Who does not read gets the last one only. */
static void send_event(
	struct kill_stream *stream, const char *name, const char *id, const struct report *report)
{
	json_t *event;

	if (http_stream_is_slow(stream->exchange->http)) {
		return;
	}
	event = json_object();
	json_set(event, "event", json_text_of(name));
	json_object_update_new(event, json_report_summary(id, report));
	exchange_stream_line(stream->exchange, event);
	stream->shown = report->counts;
	stream->shown_state = report->state;
}

static bool has_news(const struct kill_stream *stream, const struct report *report)
{
	return memcmp(&stream->shown, &report->counts, sizeof(stream->shown)) != 0 ||
	       stream->shown_state != report->state;
}

static void end(struct kill_stream *stream)
{
	exchange_stream_end(stream->exchange);
	event_free(stream->timer);
	free(stream);
}

/* The kill as it is now. False: it is not known any more. */
static bool find_kill(const struct kill_stream *stream, struct jobs_view *ret_view)
{
	const struct exchange *exchange = stream->exchange;

	return jobs_find(exchange->control->in.jobs, slice_of(exchange->request_id), ret_view);
}

static void on_timer(evutil_socket_t fd UNUSED, short what UNUSED, void *context)
{
	struct kill_stream *stream = context;
	struct jobs_view view;

	if (find_kill(stream, &view) && has_news(stream, view.report)) {
		send_event(stream, "progress", view.request_id, view.report);
	}
}

/* The caller has left: nothing is to be answered. */
static void on_gone(void *context)
{
	struct kill_stream *stream = context;

	jobs_detach(stream->exchange->control->in.jobs, stream->exchange->request_id);
	end(stream);
}

static void on_event(
	void *context, const char *request_id, enum job_event event, const struct report *report)
{
	struct kill_stream *stream = context;

	switch (event) {
	case JOB_LISTED:
		send_event(stream, "listed", request_id, report);
		break;
	case JOB_VERIFIED:
		/* A node that was watched for who comes back says so again at its end. */
		if (!stream->is_verified || has_news(stream, report)) {
			send_event(stream, "verified", request_id, report);
			stream->is_verified = true;
		}
		break;
	case JOB_RECONNECTED:
		send_event(stream, "respawn", request_id, report);
		break;
	case JOB_WAITING:
	case JOB_LATE: /* the stream has ended */
	case JOB_DONE:
		break;
	}
}

static void on_done(void *context, const char *request_id, const struct report *report)
{
	struct kill_stream *stream = context;
	json_t *event = json_object();

	json_set(event, "event", json_text_of("report"));
	json_object_update_new(event, json_report(request_id, report));
	exchange_stream_line(stream->exchange, event);
	end(stream);
}

/* The order is accepted: from now on the answer is a stream. */
static void begin(struct kill_stream *stream)
{
	static const struct timeval period = {.tv_usec = PROGRESS_PERIOD_US};
	struct exchange *exchange = stream->exchange;
	struct jobs_view view;
	bool is_known = find_kill(stream, &view);

	CHECK(is_known);
	http_request_on_gone(exchange->http, on_gone, stream);
	exchange_stream_begin(exchange, NAMES_TYPE_NDJSON);
	send_event(stream, "accepted", view.request_id, view.report);
	stream->timer = event_new(exchange->control->in.loop, -1, EV_PERSIST, on_timer, stream);
	CHECK(stream->timer != NULL);
	event_add(stream->timer, &period);
}

void native_stream_kill(
	struct exchange *exchange, const struct instance *instance, struct request *request)
{
	struct kill_stream *stream = mem_new(struct kill_stream);
	struct jobs_order callbacks = {.done_fn = on_done, .event_fn = on_event, .context = stream};

	stream->exchange = exchange;
	if (order_submit(exchange, instance, request, &callbacks)) {
		begin(stream);
	} else {
		free(stream);
	}
}
