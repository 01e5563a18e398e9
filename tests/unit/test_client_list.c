/*
 * The listing that is shared: who gets which one, and how it ends.
 */
#include "link_fixture.h"
#include "redis/client_list.h"

#define LISTING "$26\r\nid=1 flags=N\nid=2 flags=N\n\r\n"

struct reader {
	struct listing_reader reader; /* first */
	struct fixture *fixture;
	int n_started;
	int n_sessions;
	int n_unreadable;
	int n_done;
	enum listing_end end;
	char words[256];
	struct reader *joins; /* when it is done */
};

static void join(struct fixture *fixture, struct reader *reader);

static void on_started(void *context)
{
	((struct reader *)context)->n_started++;
}

static void on_session(void *context, const struct session_line *line)
{
	struct reader *reader = context;

	reader->n_sessions += line->is_readable;
	reader->n_unreadable += !line->is_readable;
}

static void on_done(void *context, const struct listing_result *result)
{
	struct reader *reader = context;

	assert_null(reader->reader.link);
	reader->n_done++;
	reader->end = result->end;
	if (result->words != NULL) {
		snprintf(reader->words, sizeof(reader->words), "%s", result->words);
	}
	if (result->end == LISTING_REFUSED) {
		snprintf(reader->words, sizeof(reader->words), "%.*s",
			SLICE_ARG(result->reply->text));
	}
	if (reader->joins != NULL) {
		join(reader->fixture, reader->joins);
	}
}

static void join(struct fixture *fixture, struct reader *reader)
{
	reader->fixture = fixture;
	reader->reader = (struct listing_reader){
		.started_fn = on_started,
		.session_fn = on_session,
		.done_fn = on_done,
		.context = reader,
	};
	assert_int_equal(client_list_join(fixture->link, &reader->reader), 0);
}

static void start(struct fixture *fixture)
{
	fixture_start(fixture);
	peer_on(fixture->peer, "CLIENT LIST", LISTING);
}

/* Not the probes, which have more words. */
static size_t n_listings(const struct fixture *fixture)
{
	return peer_n_commands(fixture->peer, "CLIENT LIST") -
	       peer_n_commands(fixture->peer, "CLIENT LIST ID");
}

/* Who asks while one is on its way shares the next one, and no more than two are ever needed. */
static void test_shared(void **state)
{
	struct fixture *fixture = *state;
	struct reader readers[5] = {0};

	start(fixture);
	for (size_t i = 0; i < ARRAY_SIZE(readers); i++) {
		join(fixture, &readers[i]);
		assert_int_equal(readers[i].n_started, i == 0);
	}
	fixture_wait(fixture, readers[4].n_done == 1);
	for (size_t i = 0; i < ARRAY_SIZE(readers); i++) {
		assert_int_equal(readers[i].n_started, 1);
		assert_int_equal(readers[i].n_sessions, 2);
		assert_int_equal(readers[i].n_done, 1);
		assert_int_equal(readers[i].end, LISTING_WHOLE);
	}
	assert_int_equal(n_listings(fixture), 2);
}

static void test_joined_at_the_end_of_another(void **state)
{
	struct fixture *fixture = *state;
	struct reader second = {0};
	struct reader first = {.joins = &second};

	start(fixture);
	join(fixture, &first);
	fixture_wait(fixture, second.n_done == 1);
	assert_int_equal(first.n_sessions + second.n_sessions, 4);
	assert_int_equal(n_listings(fixture), 2);
}

/* The one who was waited for has left: what comes is not for those who asked later. */
static void test_left(void **state)
{
	struct fixture *fixture = *state;
	struct reader first = {0}, second = {0}, third = {0};

	start(fixture);
	join(fixture, &first);
	join(fixture, &second);
	join(fixture, &third);
	client_list_leave(&first.reader);
	client_list_leave(&second.reader);
	client_list_leave(&second.reader);
	fixture_wait(fixture, third.n_done == 1);
	assert_int_equal(first.n_sessions + first.n_done, 0);
	assert_int_equal(second.n_sessions + second.n_done, 0);
	assert_int_equal(third.n_sessions, 2);
	assert_int_equal(n_listings(fixture), 2);
}

static void test_nobody_is_left(void **state)
{
	struct fixture *fixture = *state;
	struct reader reader = {0};
	struct outcome outcome;

	start(fixture);
	join(fixture, &reader);
	client_list_leave(&reader.reader);
	fixture_command(fixture, &outcome, "PING", NULL);
	fixture_wait(fixture, outcome.n_replies == 1);
	assert_string_equal(outcome.text, "PONG");
	assert_int_equal(reader.n_done, 0);
	assert_string_equal(fixture->states, "CHR");
}

static void test_refused(void **state)
{
	struct fixture *fixture = *state;
	struct reader reader = {0};

	start(fixture);
	peer_once(fixture->peer, "CLIENT LIST", "-LOADING wait\r\n");
	join(fixture, &reader);
	fixture_wait(fixture, reader.n_done == 1);
	assert_int_equal(reader.end, LISTING_REFUSED);
	assert_string_equal(reader.words, "LOADING wait");
}

/* All hear of it, those who wait for the next one too: there is nobody to ask. */
static void test_late(void **state)
{
	struct fixture *fixture = *state;
	struct reader first = {0}, second = {0}, third = {0};

	start(fixture);
	peer_stop(fixture->peer);
	join(fixture, &first);
	join(fixture, &second);
	fixture_wait(fixture, first.n_done == 1);
	assert_int_equal(first.end, LISTING_LATE);
	assert_string_equal(first.words, "no answer to CLIENT LIST within 150 ms");
	assert_int_equal(second.end, LISTING_LATE);
	third.reader = (struct listing_reader){.session_fn = on_session, .done_fn = on_done};
	assert_int_equal(client_list_join(fixture->link, &third.reader), -ENOTCONN);
	peer_go_on(fixture->peer);
	fixture_wait(fixture, fixture_is(fixture, LINK_READY));
	assert_int_equal(first.n_sessions + second.n_sessions, 0);
	join(fixture, &third);
	fixture_wait(fixture, third.n_done == 1);
	assert_int_equal(third.n_sessions, 2);
	assert_int_equal(peer_n_accepted(fixture->peer), 1);
}

static void test_lost(void **state)
{
	struct fixture *fixture = *state;
	struct reader first = {0}, second = {0};

	start(fixture);
	peer_add(fixture->peer, (struct peer_rule){
					.prefix = "CLIENT LIST",
					.reply = "$1000\r\nid=1 flags=N\nid=2",
					.closes = true,
					.times = 1,
				});
	join(fixture, &first);
	join(fixture, &second);
	fixture_wait(fixture, first.n_done + second.n_done == 2);
	assert_int_equal(first.end, LISTING_LOST);
	assert_int_equal(first.n_sessions, 1);
	assert_int_equal(second.end, LISTING_LOST);
	assert_string_equal(second.words, "the server closed the connection");
}

/* A node that leaves while somebody waits for its sessions: he is told. */
static void test_retired(void **state)
{
	struct fixture *fixture = *state;
	struct reader reader = {0};

	start(fixture);
	peer_stop(fixture->peer);
	join(fixture, &reader);
	link_retire(fixture->link, "no node any more");
	assert_int_equal(reader.n_done, 1);
	assert_int_equal(reader.end, LISTING_LOST);
	assert_string_equal(reader.words, "no node any more");
}

static void test_a_line_that_cannot_be_read(void **state)
{
	struct fixture *fixture = *state;
	struct reader reader = {0};

	start(fixture);
	peer_on(fixture->peer, "CLIENT LIST", "$22\r\nid=1 flags=N\nid=x y=1\n\r\n");
	join(fixture, &reader);
	fixture_wait(fixture, reader.n_done == 1);
	assert_int_equal(reader.n_sessions, 1);
	assert_int_equal(reader.n_unreadable, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FIXTURE_ROW(test_shared),
		FIXTURE_ROW(test_joined_at_the_end_of_another),
		FIXTURE_ROW(test_left),
		FIXTURE_ROW(test_nobody_is_left),
		FIXTURE_ROW(test_refused),
		FIXTURE_ROW(test_late),
		FIXTURE_ROW(test_lost),
		FIXTURE_ROW(test_retired),
		FIXTURE_ROW(test_a_line_that_cannot_be_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
