/*
 * The listing that is shared.
 */
#include "redis/client_list.h"

#include <errno.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/mem.h"
#include "redis/link/link_internal.h"
#include "redis/timer.h"

/* Its lines, each with its line feed. */
struct kept_listing {
	char *text;
	size_t n_bytes;
	size_t capacity;
	bool is_too_large;
	void *note;
	const struct client_list_note *kind;                       /* of the note */
	char run_id[sizeof(((struct link_server *)NULL)->run_id)]; /* whose it is */
	int64_t at_ms; /* monotonic: when it was asked for; 0: there is none */
};

struct client_list {
	struct link *link;
	struct calls calls;                  /* the one that is on its way; none */
	struct listing_readers current;      /* who gets it */
	struct listing_readers next;         /* who gets the one behind it */
	struct listing_readers told;         /* who is being told that it has ended */
	enum server_family family;           /* of the server when it began */
	char *node;                          /* the address then */
	bool is_kept;                        /* the last whole one is */
	const struct client_list_note *note; /* of the next one; NULL: none */
	struct kept_listing kept;
	struct kept_listing coming; /* the one that is on its way */
	/* Its note is being made: it is sent when that is whole. NULL: it never was. */
	struct event *preparing;
	bool is_preparing;
	uint64_t marks[CLIENT_LIST_MARKS];
};

static void forget(struct kept_listing *kept)
{
	if (kept->note != NULL) {
		kept->kind->free_fn(kept->note);
	}
	free(kept->text);
	*kept = (struct kept_listing){.at_ms = 0};
}

static void list_free(void *object)
{
	struct client_list *list = object;

	CHECK(TAILQ_EMPTY(&list->current) && TAILQ_EMPTY(&list->next) && TAILQ_EMPTY(&list->told));
	free(list->node);
	forget(&list->kept);
	forget(&list->coming);
	if (list->preparing != NULL) {
		event_free(list->preparing);
	}
	free(list);
}

/* ---- keeping the last one ---- */
static void begin_to_keep(struct client_list *list)
{
	forget(&list->coming);
	list->coming.at_ms = clock_monotonic_ms();
	memcpy(list->coming.run_id, link_server(list->link)->run_id, sizeof(list->coming.run_id));
	if (list->note != NULL) {
		list->coming.kind = list->note;
		list->coming.note = list->note->begin_fn(list->link);
		list->note = NULL;
	}
}

static void keep_line(struct client_list *list, struct slice text)
{
	struct kept_listing *coming = &list->coming;
	size_t n_bytes = coming->n_bytes + text.len + 1;

	coming->is_too_large |= n_bytes > CLIENT_LIST_MAX_KEPT_BYTES;
	if (!list->is_kept || coming->is_too_large) {
		return;
	}
	if (n_bytes > coming->capacity) {
		coming->capacity = MAX(n_bytes, 2 * coming->capacity);
		coming->text = mem_resize_array(coming->text, coming->capacity, 1);
	}
	memcpy(coming->text + coming->n_bytes, text.data, text.len);
	coming->text[n_bytes - 1] = '\n';
	coming->n_bytes = n_bytes;
}

static void end_keeping(struct client_list *list)
{
	forget(&list->kept);
	if (list->is_kept && !list->coming.is_too_large) {
		list->kept = list->coming;
		list->coming = (struct kept_listing){.at_ms = 0};
	}
	forget(&list->coming);
}

/* ---- reading ---- */

static void move(struct listing_readers *to, struct listing_readers *from)
{
	struct listing_reader *reader;

	TAILQ_FOREACH(reader, from, entry)
	{
		reader->queue = to;
	}
	TAILQ_CONCAT(to, from, entry);
}

static void on_line(void *context, struct slice text)
{
	struct client_list *list = context;
	struct listing_reader *reader;
	struct session_line line;

	keep_line(list, text);
	if (TAILQ_EMPTY(&list->current)) {
		return;
	}
	session_read_line(&line, text, list->family, slice_of(list->node));
	TAILQ_FOREACH(reader, &list->current, entry)
	{
		reader->session_fn(reader->context, &line);
	}
}

/* Who is told may leave, join again, and take others with him. */
static void tell(struct client_list *list, const struct listing_result *result)
{
	struct listing_reader *reader;

	move(&list->told, &list->current);
	while ((reader = TAILQ_FIRST(&list->told)) != NULL) {
		client_list_leave(reader);
		reader->done_fn(reader->context, result);
	}
}

static void start(struct client_list *list);

static bool is_idle(const struct client_list *list)
{
	return calls_is_empty(&list->calls) && !list->is_preparing;
}

/* Who waits for the next one is told the same, or else why there is nobody to ask. */
static void give_up_next(struct client_list *list, const struct listing_result *result)
{
	const struct listing_result lost = {LISTING_LOST, NULL, link_error(list->link)};

	move(&list->current, &list->next);
	tell(list, result->words != NULL ? result : &lost);
}

/* Those who wait for the next one go on, unless there is nobody to ask. */
static void go_on(struct client_list *list, const struct listing_result *result)
{
	struct link *link = link_ref(list->link);

	tell(list, result);
	if (is_idle(list) && !TAILQ_EMPTY(&list->next)) {
		if (link_state(link) == LINK_READY) {
			start(list);
		} else {
			give_up_next(list, result);
		}
	}
	link_unref(link);
}

static void on_reply(void *context, const struct reply *reply, const char *lost)
{
	struct client_list *list = context;
	struct listing_result result = {LISTING_WHOLE, NULL, lost};

	if (lost != NULL) {
		result.end = LISTING_LOST;
	} else if (reply->type != REPLY_LISTING) {
		result.end = LISTING_REFUSED;
		result.reply = reply;
	} else {
		end_keeping(list);
	}
	go_on(list, &result);
}

static void on_late(struct calls *calls, const char *words)
{
	struct client_list *list =
		(struct client_list *)((char *)calls - offsetof(struct client_list, calls));
	struct listing_result result = {LISTING_LATE, NULL, words};

	calls_drop(calls);
	go_on(list, &result);
}

static void send_list(struct client_list *list)
{
	struct slice argv[] = {
		slice_of(link_options(list->link)->client_command), SLICE_LITERAL("LIST")};
	struct link_command command = {
		.argv = argv,
		.argc = ARRAY_SIZE(argv),
		.line_fn = on_line,
		.reply_fn = on_reply,
		.context = list,
		.owner = &list->calls,
	};
	struct listing_reader *reader;
	int r;

	list->family = link_server(list->link)->caps.family;
	free(list->node);
	list->node = mem_printf("%s", link_address(list->link));
	move(&list->current, &list->next);
	TAILQ_FOREACH(reader, &list->current, entry)
	{
		if (reader->started_fn != NULL) {
			reader->started_fn(reader->context);
		}
	}
	r = link_send(list->link, &command);
	CHECK(r == 0);
}

/* Whoever waits may leave meanwhile, and the server as well. */
static void on_preparing(evutil_socket_t fd UNUSED, short what UNUSED, void *context)
{
	struct client_list *list = context;
	struct link *link = link_ref(list->link);

	if (list->coming.kind->read_fn(list->coming.note)) {
		timer_start(list->preparing, 0);
	} else {
		list->is_preparing = false;
		if (TAILQ_EMPTY(&list->next)) {
			forget(&list->coming);
		} else if (link_state(link) == LINK_READY) {
			send_list(list);
		} else {
			forget(&list->coming);
			give_up_next(list, &(struct listing_result){LISTING_LOST, NULL, NULL});
		}
	}
	link_unref(link);
}

static void start(struct client_list *list)
{
	begin_to_keep(list);
	if (list->coming.note == NULL) {
		send_list(list);
		return;
	}
	if (list->preparing == NULL) {
		list->preparing = evtimer_new(list->link->world.loop, on_preparing, list);
	}
	list->is_preparing = true;
	timer_start(list->preparing, 0);
}

static struct client_list *list_of(struct link *link)
{
	struct client_list *list = link_attachment(link);

	if (list == NULL) {
		list = mem_new(struct client_list);
		list->link = link;
		calls_init(&list->calls, on_late);
		TAILQ_INIT(&list->current);
		TAILQ_INIT(&list->next);
		TAILQ_INIT(&list->told);
		link_attach(link, list, list_free);
	}
	return list;
}

int client_list_join(struct link *link, struct listing_reader *reader)
{
	struct client_list *list = list_of(link);

	CHECK(reader->link == NULL);
	if (link_state(link) != LINK_READY) {
		return -ENOTCONN;
	}
	reader->link = link_ref(link);
	reader->queue = &list->next;
	TAILQ_INSERT_TAIL(&list->next, reader, entry);
	if (is_idle(list)) {
		start(list);
	}
	return 0;
}

void client_list_leave(struct listing_reader *reader)
{
	struct link *link = reader->link;

	if (link == NULL) {
		return;
	}
	TAILQ_REMOVE(reader->queue, reader, entry);
	reader->link = NULL;
	link_unref(link);
}

void client_list_keep(struct link *link, const struct client_list_note *note)
{
	struct client_list *list = list_of(link);

	list->is_kept = true;
	if (note != NULL && (list->note == NULL || note->rank >= list->note->rank)) {
		list->note = note;
	}
}

/* One of another process says nothing about this one. */
static bool is_of_this_process(const struct client_list *list)
{
	return strcmp(list->kept.run_id, link_server(list->link)->run_id) == 0;
}

void *client_list_kept_note(struct link *link)
{
	return is_of_this_process(list_of(link)) ? list_of(link)->kept.note : NULL;
}

void client_list_set_mark(struct link *link, unsigned place, uint64_t mark)
{
	list_of(link)->marks[place] = mark;
}

uint64_t client_list_mark(struct link *link, unsigned place)
{
	return list_of(link)->marks[place];
}

void client_list_forget_old(struct link *link)
{
	struct client_list *list = list_of(link);

	if (clock_monotonic_ms() - list->kept.at_ms > CLIENT_LIST_KEPT_MS) {
		forget(&list->kept);
	}
}

bool client_list_tell_kept(struct link *link,
	void (*session_fn)(void *context, const struct session_line *line), void *context)
{
	struct client_list *list = list_of(link);
	struct slice text, rest = {list->kept.text, list->kept.n_bytes};
	struct session_line line;

	client_list_forget_old(link);
	if (list->kept.at_ms == 0 || !is_of_this_process(list)) {
		return false;
	}
	while (slice_next(&rest, '\n', &text) && rest.data != NULL) {
		session_read_line(&line, text, list->family, slice_of(list->node));
		session_fn(context, &line);
	}
	return true;
}
