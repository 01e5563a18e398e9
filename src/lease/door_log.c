/*
 * How often somebody who is kept out has knocked, by ACL LOG: as far as the server remembers (128
 * entries unless it is configured otherwise), and if the daemon may ask.
 *
 * Facts, as seen with Redis 6.0 to 8.0 and Valkey 7.2 to 9.1: each entry is a list of pairs; who
 * logs in as a user that is off is in one with the reason `auth`, whose `count` grows for a minute,
 * as its `age-seconds` begins anew.
 */
#include <string.h>

#include "base/clock.h"
#include "base/parse.h"
#include "lease/lease.h"
#include "redis/link.h"
#include "redis/reply.h"

/* Between two questions. */
#define ASK_MS 5000

/* Whoever gets no answer asks again; what is on its way is nobody's concern. */
static void on_late(struct calls *calls, const char *words UNUSED)
{
	calls_drop(calls);
}

void door_log_init(struct door *door)
{
	calls_init(&door->log_calls, on_late);
	door->n_refused = -1;
}

void door_log_finish(struct door *door)
{
	calls_drop(&door->log_calls);
}

/* NULL: it has no such key. */
static const struct reply *find(const struct reply *entry, const char *key)
{
	for (size_t i = 0; i + 1 < entry->n_elements; i += 2) {
		if (slice_is(entry->elements[i]->text, key)) {
			return entry->elements[i + 1];
		}
	}
	return NULL;
}

static bool has_text(const struct reply *entry, const char *key, const char *text)
{
	const struct reply *value = find(entry, key);

	return value != NULL && slice_is(value->text, text);
}

/* Since the door was closed? In whole seconds: "12.0040000000000000001". */
static bool is_new(const struct door *door, const struct reply *entry)
{
	const struct reply *age = find(entry, "age-seconds");
	struct slice text = age != NULL ? age->text : SLICE_LITERAL("");
	const char *point = memchr(text.data, '.', text.len);
	uint64_t age_s;

	if (point != NULL) {
		text.len = (size_t)(point - text.data);
	}
	return parse_u64(text, &age_s) &&
	       (int64_t)age_s * 1000 <= clock_wall_ms() - door->lease->since_wall_ms;
}

static void on_log(void *context, const struct reply *reply, const char *lost UNUSED)
{
	struct door *door = context;
	int64_t n = 0;

	if (reply == NULL || reply->type != REPLY_ARRAY) {
		return; /* it may not ask */
	}
	for (size_t i = 0; i < reply->n_elements; i++) {
		const struct reply *entry = reply->elements[i];
		const struct reply *count = find(entry, "count");

		if (count != NULL && has_text(entry, "reason", "auth") &&
			has_text(entry, "username", door->user) && is_new(door, entry)) {
			n += count->integer;
		}
	}
	/* What the server has forgotten was so all the same. */
	door->n_refused = MAX(door->n_refused, n);
}

void door_log_ask(struct door *door, struct link *link)
{
	static const struct slice argv[] = {{"ACL", 3}, {"LOG", 3}};
	int64_t now_ms = clock_monotonic_ms();
	struct link_command command = {
		.argv = argv,
		.argc = ARRAY_SIZE(argv),
		.reply_fn = on_log,
		.context = door,
		.owner = &door->log_calls,
	};

	if (door->state == DOOR_CLOSED && now_ms >= door->ask_log_ms) {
		door->ask_log_ms = now_ms + ASK_MS;
		(void)!link_send(link, &command);
	}
}
