/*
 * The peer: connections, commands out of bytes, rules.
 */
#include "peer_script.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <signal.h>
#include <sys/queue.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/check.h"
#include "base/mem.h"
#include "base/parse.h"

#define MAX_RULES 64
#define MAX_ARGS 8192

struct connection {
	TAILQ_ENTRY(connection) entry;
	struct peer *peer;
	struct bufferevent *stream;
	uint64_t number;
	bool is_closing;
};
TAILQ_HEAD(connections, connection);

struct peer {
	struct event_base *loop;
	char *path;
	struct evconnlistener *listener;
	struct connections connections;
	struct peer_rule rules[MAX_RULES];
	size_t n_rules;
	const char *turn_away;
	bool is_stopped;
	uint64_t n_accepted;
	char **commands; /* all that were taken */
	size_t n_commands;
	size_t commands_capacity;
};

/* ---- commands out of bytes ---- */

struct parsed {
	struct slice argv[MAX_ARGS];
	size_t argc;
	size_t n_bytes;
};

/* "*3\r\n" or "$3\r\n" at `*at`. */
static bool parse_length(struct slice input, size_t *at, char kind, uint64_t *ret_length)
{
	const char *begin = input.data + *at;
	const char *feed = memchr(begin, '\n', input.len - *at);

	if (feed == NULL) {
		return false;
	}
	CHECK(begin[0] == kind && feed[-1] == '\r');
	CHECK(parse_u64(slice_range(begin + 1, feed - 1), ret_length));
	*at += (size_t)(feed + 1 - begin);
	return true;
}

/* False: not whole yet. */
static bool parse_command(struct slice input, struct parsed *parsed)
{
	uint64_t argc, length;
	size_t at = 0;

	if (!parse_length(input, &at, '*', &argc)) {
		return false;
	}
	CHECK(argc > 0 && argc <= MAX_ARGS);
	for (parsed->argc = 0; parsed->argc < argc; parsed->argc++) {
		if (!parse_length(input, &at, '$', &length) || input.len - at < length + 2) {
			return false;
		}
		parsed->argv[parsed->argc] = (struct slice){input.data + at, length};
		at += length + 2;
	}
	parsed->n_bytes = at;
	return true;
}

static char *join(const struct parsed *parsed)
{
	struct evbuffer *text = evbuffer_new();
	char *joined;

	for (size_t i = 0; i < parsed->argc; i++) {
		evbuffer_add(text, " ", i > 0);
		evbuffer_add(text, parsed->argv[i].data, parsed->argv[i].len);
	}
	joined = mem_copy_text((char *)evbuffer_pullup(text, -1), evbuffer_get_length(text));
	evbuffer_free(text);
	return joined;
}

/* ---- rules ---- */

void peer_add(struct peer *peer, struct peer_rule rule)
{
	CHECK(peer->n_rules < MAX_RULES);
	peer->rules[peer->n_rules++] = rule;
}

static struct peer_rule take_rule(struct peer *peer, const char *text)
{
	for (size_t i = peer->n_rules; i-- > 0;) {
		struct peer_rule rule = peer->rules[i];

		if (!slice_has_prefix(slice_of(text), rule.prefix)) {
			continue;
		}
		if (rule.times > 0 && --peer->rules[i].times == 0) {
			memmove(&peer->rules[i], &peer->rules[i + 1],
				(peer->n_rules - i - 1) * sizeof(rule));
			peer->n_rules--;
		}
		return rule;
	}
	fail_msg("the peer has no rule for: %s", text);
	return (struct peer_rule){0};
}

/* ---- connections ---- */

static void free_connection(struct connection *connection)
{
	TAILQ_REMOVE(&connection->peer->connections, connection, entry);
	bufferevent_free(connection->stream);
	free(connection);
}

static void on_written(struct bufferevent *stream, void *context)
{
	struct connection *connection = context;

	if (connection->is_closing && evbuffer_get_length(bufferevent_get_output(stream)) == 0) {
		free_connection(connection);
	}
}

/* Once all is written. */
static void close_softly(struct connection *connection)
{
	connection->is_closing = true;
	bufferevent_disable(connection->stream, EV_READ);
	if (evbuffer_get_length(bufferevent_get_output(connection->stream)) == 0) {
		free_connection(connection);
	}
}

static void note_command(struct peer *peer, char *text)
{
	peer->commands = mem_grow_array(
		peer->commands, peer->n_commands, &peer->commands_capacity, sizeof(char *));
	peer->commands[peer->n_commands++] = text;
}

/* False: the connection takes no more for now. */
static bool answer(struct connection *connection, const struct parsed *parsed)
{
	struct peer *peer = connection->peer;
	CLEANUP(mem_free_p) char *text = join(parsed);
	struct peer_rule rule = take_rule(peer, text);
	struct peer_command command = {connection->number, text, parsed->argv, parsed->argc};
	CLEANUP(mem_free_p) char *made = NULL;
	const char *reply = rule.reply;

	if (rule.stops) {
		peer->is_stopped = true;
		return false;
	}
	note_command(peer, mem_copy_text(text, strlen(text)));
	if (rule.reply_fn != NULL) {
		made = rule.reply_fn(rule.context, &command);
		reply = made;
	}
	evbuffer_drain(bufferevent_get_input(connection->stream), parsed->n_bytes);
	if (reply != NULL) {
		bufferevent_write(connection->stream, reply, strlen(reply));
	}
	if (rule.closes) {
		close_softly(connection);
		return false;
	}
	return true;
}

static void answer_all(struct connection *connection)
{
	CLEANUP(mem_free_p) struct parsed *parsed = mem_new(struct parsed);
	struct evbuffer *input = bufferevent_get_input(connection->stream);

	while (!connection->peer->is_stopped && evbuffer_get_length(input) > 0) {
		struct slice bytes = {
			(char *)evbuffer_pullup(input, -1), evbuffer_get_length(input)};

		if (!parse_command(bytes, parsed) || !answer(connection, parsed)) {
			return;
		}
	}
}

static void on_readable(struct bufferevent *stream UNUSED, void *context)
{
	answer_all(context);
}

static void on_event(struct bufferevent *stream UNUSED, short what UNUSED, void *context)
{
	free_connection(context);
}

static void on_accept(struct evconnlistener *listener UNUSED, evutil_socket_t fd,
	struct sockaddr *address UNUSED, int address_bytes UNUSED, void *context)
{
	struct peer *peer = context;
	struct connection *connection;

	peer->n_accepted++;
	if (peer->turn_away != NULL) {
		CHECK(write(fd, peer->turn_away, strlen(peer->turn_away)) >= 0);
		close(fd);
		return;
	}
	connection = mem_new(struct connection);
	connection->peer = peer;
	connection->number = peer->n_accepted;
	connection->stream = bufferevent_socket_new(peer->loop, fd, BEV_OPT_CLOSE_ON_FREE);
	bufferevent_setcb(connection->stream, on_readable, on_written, on_event, connection);
	bufferevent_enable(connection->stream, EV_READ | EV_WRITE);
	TAILQ_INSERT_TAIL(&peer->connections, connection, entry);
}

/* ---- the peer ---- */

struct peer *peer_new(struct event_base *loop, const char *path)
{
	struct peer *peer = mem_new(struct peer);

	/* Both ends live in this process, and each hangs up on the other. */
	signal(SIGPIPE, SIG_IGN);
	peer->loop = loop;
	peer->path = mem_copy_text(path, strlen(path));
	TAILQ_INIT(&peer->connections);
	return peer;
}

void peer_free(struct peer *peer)
{
	peer_close(peer);
	peer_hang_up(peer);
	for (size_t i = 0; i < peer->n_commands; i++) {
		free(peer->commands[i]);
	}
	free(peer->commands);
	free(peer->path);
	free(peer);
}

void peer_listen(struct peer *peer)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	CHECK(peer->listener == NULL && strlen(peer->path) < sizeof(address.sun_path));
	memcpy(address.sun_path, peer->path, strlen(peer->path));
	peer->listener = evconnlistener_new_bind(peer->loop, on_accept, peer,
		LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 64, (struct sockaddr *)&address,
		sizeof(address));
	CHECK(peer->listener != NULL);
}

void peer_close(struct peer *peer)
{
	if (peer->listener != NULL) {
		evconnlistener_free(peer->listener);
		peer->listener = NULL;
		unlink(peer->path);
	}
}

void peer_turn_away(struct peer *peer, const char *bytes)
{
	peer->turn_away = bytes;
}

void peer_stop(struct peer *peer)
{
	peer->is_stopped = true;
}

void peer_go_on(struct peer *peer)
{
	struct connection *connection, *next;

	peer->is_stopped = false;
	for (connection = TAILQ_FIRST(&peer->connections); connection != NULL; connection = next) {
		next = TAILQ_NEXT(connection, entry);
		answer_all(connection);
	}
}

bool peer_is_stopped(const struct peer *peer)
{
	return peer->is_stopped;
}

void peer_say(struct peer *peer, const char *bytes)
{
	struct connection *connection;

	TAILQ_FOREACH(connection, &peer->connections, entry)
	{
		bufferevent_write(connection->stream, bytes, strlen(bytes));
	}
}

void peer_hang_up(struct peer *peer)
{
	struct connection *connection;

	while ((connection = TAILQ_FIRST(&peer->connections)) != NULL) {
		free_connection(connection);
	}
}

void peer_say_and_hang_up(struct peer *peer, const char *bytes)
{
	struct connection *connection;

	TAILQ_FOREACH(connection, &peer->connections, entry)
	{
		CHECK(write(bufferevent_getfd(connection->stream), bytes, strlen(bytes)) >= 0);
	}
	peer_hang_up(peer);
}

uint64_t peer_n_accepted(const struct peer *peer)
{
	return peer->n_accepted;
}

size_t peer_n_connections(const struct peer *peer)
{
	const struct connection *connection;
	size_t n = 0;

	TAILQ_FOREACH(connection, &peer->connections, entry)
	{
		n++;
	}
	return n;
}

bool peer_has_connection(const struct peer *peer, uint64_t number)
{
	const struct connection *connection;

	TAILQ_FOREACH(connection, &peer->connections, entry)
	{
		if (connection->number == number) {
			return true;
		}
	}
	return false;
}

size_t peer_n_commands(const struct peer *peer, const char *prefix)
{
	size_t n = 0;

	for (size_t i = 0; i < peer->n_commands; i++) {
		n += slice_has_prefix(slice_of(peer->commands[i]), prefix);
	}
	return n;
}

void peer_turn(struct event_base *loop)
{
	struct timeval most = {.tv_usec = 1000};

	event_base_loopexit(loop, &most);
	event_base_loop(loop, EVLOOP_ONCE);
}
