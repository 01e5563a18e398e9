#include "kill/kernel_use.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/mem.h"
#include "kill/id_list.h"
#include "redis/client_list.h"

/* Numbers of connections that stay with a link. */
enum mark {
	MARK_PROVED,   /* the server has said that it is here */
	MARK_ASKED,    /* it has answered whether it is */
	MARK_ASKING,   /* it was asked */
	MARK_LISTENER, /* the cookie of what takes connections to the address of the one that proved
			*/
};
_Static_assert(MARK_LISTENER < CLIENT_LIST_MARKS, "there is a place for each");

/* The listing of more is too large to be kept. */
#define MAX_SOCKETS 50000

bool kernel_use_is_allowed(const struct instance *instance)
{
	return instance->kernel == KERNEL_YES && !instance->opts->is_kernel_unused;
}

static enum sockets_place find_place(const struct link *link)
{
	return sockets_find_place(link_descriptor(link), link_server(link)->process_id);
}

/* ---- the listing that is kept ---- */

static void free_sockets(void *note)
{
	sockets_finish(note);
	free(note);
}

static void *begin_sockets(struct link *link)
{
	struct sockets *sockets = mem_new(struct sockets);
	const struct link_server *server = link_server(link);

	if (sockets_begin(sockets, link_descriptor(link), server->process_id, NULL, 0)) {
		sockets_read_listeners(sockets);
		return sockets;
	}
	free_sockets(sockets);
	return NULL;
}

static bool read_sockets(void *note)
{
	return sockets_read(note);
}

static bool read_no_sockets(void *note UNUSED)
{
	return false;
}

void kernel_use_keep_listing(const struct instance *instance, struct link *link, bool with_sockets)
{
	static const struct client_list_note whole = {begin_sockets, read_sockets, free_sockets, 1};
	static const struct client_list_note listeners = {
		begin_sockets, read_no_sockets, free_sockets, 0};

	with_sockets &= link_server(link)->n_clients < MAX_SOCKETS;
	if (kernel_use_is_allowed(instance) && find_place(link) == SOCKETS_HERE) {
		client_list_keep(link, with_sockets ? &whole : &listeners);
	}
}

const struct sockets *kernel_use_kept_sockets(struct link *link)
{
	return client_list_kept_note(link);
}

/* ---- is it here? ---- */

static void note_listener(struct link *link)
{
	struct sockets sockets = {0};
	uint64_t cookie = 0;

	if (sockets_begin(
		    &sockets, link_descriptor(link), link_server(link)->process_id, NULL, 0)) {
		sockets_read_listeners(&sockets);
		cookie = sockets.link.is_unix
				 ? 0
				 : sockets_find_listener(&sockets, &sockets.link.server);
	}
	client_list_set_mark(link, MARK_LISTENER, cookie);
	sockets_finish(&sockets);
}

void kernel_use_hear(const struct instance *instance, struct link *link, const struct session *own)
{
	uint64_t serial = link_main_serial(link);

	if (!kernel_use_is_allowed(instance) || own->id != link_server(link)->own_id ||
		client_list_mark(link, MARK_PROVED) == serial) {
		return;
	}
	if (sockets_is_word_true(link_descriptor(link), own)) {
		client_list_set_mark(link, MARK_PROVED, serial);
		note_listener(link);
	} else {
		client_list_set_mark(link, MARK_ASKED, serial);
	}
}

bool kernel_use_is_listener(
	struct link *link, const struct sockets *now, const struct ends_address *server)
{
	const struct sockets *then = kernel_use_kept_sockets(link);
	uint64_t cookie = sockets_find_listener(now, server);

	return cookie != 0 &&
	       (cookie == client_list_mark(link, MARK_LISTENER) ||
		       (then != NULL && cookie == sockets_find_listener(then, server)));
}

int kernel_use_proved_descriptor(struct link *link)
{
	uint64_t serial = client_list_mark(link, MARK_PROVED);

	for (size_t i = 0; i < link_n_connections(link) && serial != 0; i++) {
		struct link_connection connection = link_connection(link, i);

		if (connection.serial == serial && !connection.is_expendable) {
			return connection.descriptor;
		}
	}
	return -1;
}

static const char *words_of_kernel(enum kernel_answer kernel)
{
	switch (kernel) {
	case KERNEL_WITHOUT:
		return "the kernel does not offer it";
	case KERNEL_NO_PERMISSION:
		return "no permission";
	case KERNEL_YES:
		break;
	}
	return "yes";
}

const char *kernel_use_words(const struct instance *instance, struct link *link)
{
	if (instance->opts->is_kernel_unused) {
		return "never";
	}
	if (link_descriptor(link) < 0) {
		return "";
	}
	switch (find_place(link)) {
	case SOCKETS_OTHER_HOST:
		return "not this host";
	case SOCKETS_OTHER_NAMESPACE:
		return "other network namespace";
	case SOCKETS_HERE:
		break;
	}
	if (instance->kernel != KERNEL_YES || kernel_use_proved_descriptor(link) >= 0) {
		return words_of_kernel(instance->kernel);
	}
	return client_list_mark(link, MARK_ASKED) == link_main_serial(link) ? "behind a proxy"
									    : "not known yet";
}

/* ---- asking for it ---- */

struct question {
	const struct instance *instance; /* held */
	struct link *link;               /* held */
	uint64_t serial;
};

static void on_line(void *context, struct slice text)
{
	struct question *question = context;
	struct session_line line;

	session_read_line(&line, text, link_server(question->link)->caps.family, SLICE_LITERAL(""));
	if (line.is_readable) {
		kernel_use_hear(question->instance, question->link, &line.session);
	}
}

static void on_reply(void *context, const struct reply *reply UNUSED, const char *lost UNUSED)
{
	struct question *question = context;

	client_list_set_mark(question->link, MARK_ASKED, question->serial);
	instance_release(question->instance);
	link_unref(question->link);
	free(question);
}

static void ask(const struct instance *instance, struct link *link)
{
	CLEANUP(id_list_finish)
	struct id_list ids = id_list_new(1, slice_of(link_options(link)->client_command));
	struct question *question = mem_new(struct question);
	int r;

	id_list_add(&ids, link_server(link)->own_id);
	*question = (struct question){instance, link_ref(link), link_main_serial(link)};
	instance_hold(instance);
	client_list_set_mark(link, MARK_ASKING, question->serial);
	r = link_send(link, &(struct link_command){
				    .argv = ids.argv,
				    .argc = id_list_argc(&ids),
				    .line_fn = on_line,
				    .reply_fn = on_reply,
				    .context = question,
			    });
	CHECK(r == 0);
}

static bool is_to_be_asked(const struct instance *instance, struct link *link)
{
	uint64_t serial = link_main_serial(link);

	return kernel_use_is_allowed(instance) && link_state(link) == LINK_READY &&
	       caps_has(&link_server(link)->caps, CAP_LIST_ID) &&
	       client_list_mark(link, MARK_PROVED) != serial &&
	       client_list_mark(link, MARK_ASKING) != serial && find_place(link) == SOCKETS_HERE;
}

void kernel_use_upkeep(const struct instances *instances)
{
	for (size_t i = 0; i < instances_n(instances); i++) {
		const struct instance *instance = instances_get(instances, i);

		for (size_t k = 0; k < topology_n_nodes(instance->topology); k++) {
			struct link *link = topology_node(instance->topology, k);

			client_list_forget_old(link);
			if (is_to_be_asked(instance, link)) {
				ask(instance, link);
			}
		}
	}
}
