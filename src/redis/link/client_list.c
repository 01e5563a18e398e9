/*
 * The listing that is shared.
 */
#include "redis/client_list.h"

#include <errno.h>

#include "base/check.h"
#include "base/mem.h"

struct client_list {
	struct link *link;
	struct calls calls;             /* the one that is on its way; none */
	struct listing_readers current; /* who gets it */
	struct listing_readers next;    /* who gets the one behind it */
	struct listing_readers told;    /* who is being told that it has ended */
	enum server_family family;      /* of the server when it began */
	char *node;                     /* the address then */
};

static void list_free(void *object)
{
	struct client_list *list = object;

	CHECK(TAILQ_EMPTY(&list->current) && TAILQ_EMPTY(&list->next) && TAILQ_EMPTY(&list->told));
	free(list->node);
	free(list);
}

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

/* Those who wait for the next one go on, unless there is nobody to ask. */
static void go_on(struct client_list *list, const struct listing_result *result)
{
	struct link *link = link_ref(list->link);

	tell(list, result);
	if (calls_is_empty(&list->calls) && !TAILQ_EMPTY(&list->next)) {
		if (link_state(link) == LINK_READY) {
			start(list);
		} else {
			const struct listing_result lost = {LISTING_LOST, NULL, link_error(link)};

			move(&list->current, &list->next);
			tell(list, result->words != NULL ? result : &lost);
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

static void start(struct client_list *list)
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
	if (calls_is_empty(&list->calls)) {
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
