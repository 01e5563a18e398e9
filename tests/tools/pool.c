/*
 * The sessions. Each goes round in these states; `in flight` is what the window bounds, so that
 * the server's backlog never overflows:
 *
 *   QUEUED --connect--> SENDING --all sent--> ASKED --answered--> OPEN --closed--> ENDED
 *      ^                   |                    |                                    |
 *      |                   +---- in flight -----+----refused, closed---------------->|
 *      +------------------------------- --reconnect --------------------------------+
 */
#include "pool.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/mem.h"
#include "counts.h"
#include "setup.h"

#define BATCH_EVENTS 256
#define READ_BYTES (16 * 1024)
#define LINE_MAX_BYTES 95 /* of a reply; what is longer is cut */
#define RETRY_MS 10       /* when the server is not there or its backlog is full */
#define SPARE_DESCRIPTORS 64

enum session_state {
	SESSION_QUEUED,
	SESSION_SENDING,
	SESSION_ASKED,
	SESSION_OPEN,
	SESSION_ENDED,
};

struct session {
	int fd;
	enum session_state state;
	unsigned class_index;
	bool was_tried;     /* set up or refused at least once */
	unsigned n_answers; /* of the lines that its class waits for */
	size_t n_sent;      /* bytes of its commands */
	size_t line_len;
	char line[LINE_MAX_BYTES + 1]; /* the reply line that is coming in; only until it is open */
};

struct pool {
	const struct options *options;
	int epoll_fd;
	struct session *sessions;
	size_t *queue; /* ring of numbers of QUEUED sessions, n_sessions long */
	size_t queue_head;
	size_t n_queued;
	size_t n_in_flight;
	size_t n_untried;
	int64_t retry_at_ms; /* connecting makes no sense before */
	struct counts counts[OPTIONS_MAX_CLASSES];
	struct setup_text text; /* scratch */
	char last_error[LINE_MAX_BYTES + 1];
};

static int raise_descriptor_limit(size_t n_sessions, struct err *err)
{
	struct rlimit limit;
	rlim_t needed = (rlim_t)n_sessions + SPARE_DESCRIPTORS;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0) {
		err_set_errno(err, errno, "getrlimit");
		return -errno;
	}
	if (limit.rlim_cur >= needed) {
		return 0;
	}
	limit.rlim_cur = needed;
	limit.rlim_max = MAX(limit.rlim_max, needed);
	if (setrlimit(RLIMIT_NOFILE, &limit) < 0) {
		int saved = errno;

		err_set_errno(err, saved, "%zu sessions need %zu descriptors", n_sessions,
			(size_t)needed);
		return -saved;
	}
	return 0;
}

static void enqueue(struct pool *pool, size_t index)
{
	size_t n = pool->options->n_sessions;

	CHECK(pool->n_queued < n);
	pool->queue[(pool->queue_head + pool->n_queued++) % n] = index;
	pool->sessions[index].state = SESSION_QUEUED;
}

static size_t dequeue(struct pool *pool)
{
	size_t index = pool->queue[pool->queue_head];

	CHECK(pool->n_queued > 0);
	pool->queue_head = (pool->queue_head + 1) % pool->options->n_sessions;
	pool->n_queued--;
	return index;
}

int pool_new(const struct options *options, struct pool **ret_pool, struct err *err)
{
	struct pool *pool;
	size_t index = 0;
	int r = raise_descriptor_limit(options->n_sessions, err);

	if (r < 0) {
		return r;
	}
	pool = mem_new(struct pool);
	pool->options = options;
	pool->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	CHECK(pool->epoll_fd >= 0);
	pool->sessions = mem_alloc_array(options->n_sessions, sizeof(*pool->sessions));
	pool->queue = mem_alloc_array(options->n_sessions, sizeof(*pool->queue));
	pool->n_untried = options->n_sessions;
	for (unsigned i = 0; i < options->n_classes; i++) {
		for (size_t j = 0; j < options->classes[i].n_sessions; j++, index++) {
			pool->sessions[index].fd = -1;
			pool->sessions[index].class_index = i;
			enqueue(pool, index);
		}
	}
	*ret_pool = pool;
	return 0;
}

void pool_free(struct pool *pool)
{
	if (pool == NULL) {
		return;
	}
	for (size_t i = 0; i < pool->options->n_sessions; i++) {
		if (pool->sessions[i].fd >= 0) {
			close(pool->sessions[i].fd);
		}
	}
	close(pool->epoll_fd);
	free(pool->text.data);
	free(pool->queue);
	free(pool->sessions);
	free(pool);
}

static struct counts *counts_of(struct pool *pool, const struct session *session)
{
	return &pool->counts[session->class_index];
}

static size_t index_of(const struct pool *pool, const struct session *session)
{
	return (size_t)(session - pool->sessions);
}

static void watch(struct pool *pool, struct session *session, int operation, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.u64 = index_of(pool, session)};

	CHECK(epoll_ctl(pool->epoll_fd, operation, session->fd, &event) == 0);
}

static bool is_in_flight(const struct session *session)
{
	return session->state == SESSION_SENDING || session->state == SESSION_ASKED;
}

/* Leaves the states in flight, for OPEN or ENDED. */
static void set_landed(struct pool *pool, struct session *session, enum session_state state)
{
	if (is_in_flight(session)) {
		pool->n_in_flight--;
	}
	if (!session->was_tried) {
		session->was_tried = true;
		pool->n_untried--;
	}
	session->state = state;
}

static void end_session(struct pool *pool, struct session *session)
{
	if (session->fd >= 0) {
		close(session->fd);
		session->fd = -1;
	}
	set_landed(pool, session, SESSION_ENDED);
	if (pool->options->does_reconnect) {
		counts_of(pool, session)->n_reconnects++;
		enqueue(pool, index_of(pool, session));
	}
}

/* Keeps the words printable and free of what JSON would need an escape for. */
static void note_error(struct pool *pool, const char *text)
{
	size_t i;

	for (i = 0; i < LINE_MAX_BYTES && text[i] != '\0'; i++) {
		bool is_plain =
			text[i] >= ' ' && text[i] <= '~' && text[i] != '"' && text[i] != '\\';

		pool->last_error[i] = is_plain ? text[i] : '?';
	}
	pool->last_error[i] = '\0';
}

static void refuse(struct pool *pool, struct session *session, const char *words)
{
	note_error(pool, words);
	counts_of(pool, session)->n_errors++;
	end_session(pool, session);
}

static void hold_back(struct pool *pool)
{
	pool->retry_at_ms = clock_monotonic_ms() + RETRY_MS;
}

/* Nobody listens. As against a server that refuses, trying again at once would only spin. */
static void on_nobody(struct pool *pool, struct session *session, int error_number)
{
	refuse(pool, session, strerror(error_number));
	if (pool->options->does_reconnect) {
		hold_back(pool);
	}
}

/* The connection is over: `error_number` 0 for an orderly end. */
static void on_closed(struct pool *pool, struct session *session, int error_number)
{
	struct counts *counts = counts_of(pool, session);

	if (error_number == ECONNREFUSED) {
		on_nobody(pool, session, error_number);
		return;
	}
	if (session->state != SESSION_OPEN) {
		refuse(pool, session,
			error_number != 0 ? strerror(error_number) : "closed before the answer");
		return;
	}
	counts->n_open--;
	counts->n_closed++;
	counts->n_reset += error_number != 0;
	end_session(pool, session);
}

static void on_line(struct pool *pool, struct session *session)
{
	const struct session_class *class = &pool->options->classes[session->class_index];
	struct setup_answer answer = setup_answer(pool->options, class);
	struct slice line = {session->line, session->line_len};

	if (slice_has_prefix(line, "-")) {
		session->line[session->line_len] = '\0';
		refuse(pool, session, session->line + 1);
	} else if (slice_is(line, answer.line) && ++session->n_answers == answer.n_times) {
		counts_of(pool, session)->n_open++;
		set_landed(pool, session, SESSION_OPEN);
	}
}

/* Takes replies apart into lines while they matter; an open session's are thrown away. */
static void on_bytes(struct pool *pool, struct session *session, struct slice bytes)
{
	for (size_t i = 0; i < bytes.len && is_in_flight(session); i++) {
		char c = bytes.data[i];

		if (c == '\n') {
			on_line(pool, session);
			session->line_len = 0;
		} else if (c != '\r' && session->line_len < LINE_MAX_BYTES) {
			session->line[session->line_len++] = c;
		}
	}
}

static void on_readable(struct pool *pool, struct session *session)
{
	char buffer[READ_BYTES];
	ssize_t n = read(session->fd, buffer, sizeof(buffer));

	if (n > 0) {
		on_bytes(pool, session, (struct slice){buffer, (size_t)n});
	} else if (n == 0) {
		on_closed(pool, session, 0);
	} else if (errno != EAGAIN && errno != EINTR) {
		on_closed(pool, session, errno);
	}
}

static void on_writable(struct pool *pool, struct session *session)
{
	const struct session_class *class = &pool->options->classes[session->class_index];
	ssize_t n;

	setup_compose(&pool->text, pool->options, class, index_of(pool, session));
	n = send(session->fd, pool->text.data + session->n_sent, pool->text.len - session->n_sent,
		MSG_NOSIGNAL);
	if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
		return;
	}
	session->n_sent += n > 0 ? (size_t)n : 0;
	if (n < 0 || session->n_sent == pool->text.len) {
		/* After an error as well: what the server said before it closed is yet to be read.
		 */
		session->state = SESSION_ASKED;
		watch(pool, session, EPOLL_CTL_MOD, EPOLLIN);
	}
}

static void open_session(struct pool *pool, struct session *session)
{
	int fd = target_connect(&pool->options->target);

	if (fd == -EAGAIN) {
		enqueue(pool, index_of(pool, session));
		hold_back(pool);
		return;
	}
	if (fd < 0) {
		on_nobody(pool, session, -fd);
		return;
	}
	session->fd = fd;
	session->n_answers = 0;
	session->n_sent = 0;
	session->line_len = 0;
	session->state = SESSION_SENDING;
	pool->n_in_flight++;
	watch(pool, session, EPOLL_CTL_ADD, EPOLLIN | EPOLLOUT);
}

static bool has_work(const struct pool *pool)
{
	return pool->n_queued > 0 && pool->n_in_flight < pool->options->window;
}

int pool_fd(const struct pool *pool)
{
	return pool->epoll_fd;
}

int pool_wait_ms(const struct pool *pool)
{
	return has_work(pool) ? (int)MAX(pool->retry_at_ms - clock_monotonic_ms(), 0) : -1;
}

void pool_advance(struct pool *pool)
{
	struct epoll_event events[BATCH_EVENTS];
	int n = epoll_wait(pool->epoll_fd, events, BATCH_EVENTS, 0);

	for (int i = 0; i < n; i++) {
		struct session *session = &pool->sessions[events[i].data.u64];

		if (session->state == SESSION_SENDING && (events[i].events & EPOLLOUT) != 0) {
			on_writable(pool, session);
		}
		if ((events[i].events & ~(uint32_t)EPOLLOUT) != 0) {
			on_readable(pool, session);
		}
	}
	while (has_work(pool) && pool_wait_ms(pool) == 0) {
		open_session(pool, &pool->sessions[dequeue(pool)]);
	}
}

bool pool_is_ready(const struct pool *pool)
{
	return pool->n_untried == 0;
}

static struct counts sum_counts(const struct pool *pool)
{
	return counts_sum(pool->counts, pool->options->n_classes);
}

size_t pool_n_open(const struct pool *pool)
{
	return sum_counts(pool).n_open;
}

size_t pool_n_closed(const struct pool *pool)
{
	return sum_counts(pool).n_closed;
}

void pool_print_status(const struct pool *pool, FILE *out)
{
	struct counts sum = sum_counts(pool);

	fputs("{", out);
	counts_print(&sum, out);
	fprintf(out, ",\"last_error\":\"%s\",\"classes\":{", pool->last_error);
	for (size_t i = 0; i < pool->options->n_classes; i++) {
		fprintf(out, "%s\"%s\":{", i > 0 ? "," : "", pool->options->classes[i].label);
		counts_print(&pool->counts[i], out);
		fputs("}", out);
	}
	fputs("}}\n", out);
}
