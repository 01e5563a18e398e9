/*
 * The floor: what a kill costs when a program sends the very commands that are needed, on a
 * connection that is open already, and does nothing else. No other way to end these sessions on
 * this server and to see that they ended can be much faster.
 *
 *   floor SOCKET all                      list, kill by type, list
 *   floor SOCKET name NAME IDS_PER_KILL   list, kill by id (ascending), list those ids
 *   floor SOCKET list                     list, and kill nobody
 *
 * Prints one line of JSON: the time, how many were killed, how many of them are left.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/parse.h"
#include "wire.h"

/* Ids in one CLIENT LIST ID. */
#define IDS_PER_LIST 5000

#define LIST_ALL SLICE_LITERAL("CLIENT LIST\r\n")
#define KILL_NORMAL SLICE_LITERAL("CLIENT KILL TYPE normal SKIPME yes\r\n")
#define KILL_PUBSUB SLICE_LITERAL("CLIENT KILL TYPE pubsub SKIPME yes\r\n")
#define OWN_ID SLICE_LITERAL("CLIENT ID\r\n")

struct ids {
	uint64_t *items;
	size_t n;
	size_t capacity;
};

struct outcome {
	int64_t n_killed;
	size_t n_left;
};

static struct wire_reply ask(struct wire *wire, struct slice command)
{
	wire_send(wire, command);
	return wire_receive(wire);
}

static uint64_t read_id(struct slice line)
{
	struct slice word;
	uint64_t id;

	if (!slice_next(&line, ' ', &word) || !parse_u64(slice_skip(word, strlen("id=")), &id)) {
		wire_die("not a line of a listing: %.*s", SLICE_ARG(line));
	}
	return id;
}

/* The ids of the lines that hold `wanted`, or all. */
static void read_ids(struct slice listing, struct slice wanted, struct ids *ret_ids)
{
	struct slice line;

	*ret_ids = (struct ids){0};
	while (slice_next(&listing, '\n', &line)) {
		if (line.len == 0 || memmem(line.data, line.len, wanted.data, wanted.len) == NULL) {
			continue;
		}
		ret_ids->items = mem_grow_array(
			ret_ids->items, ret_ids->n, &ret_ids->capacity, sizeof(uint64_t));
		ret_ids->items[ret_ids->n++] = read_id(line);
	}
}

static int compare_ids(const void *a, const void *b)
{
	uint64_t left = *(const uint64_t *)a;
	uint64_t right = *(const uint64_t *)b;

	return (left > right) - (left < right);
}

static uint64_t highest(const struct ids *ids)
{
	uint64_t highest = 0;

	for (size_t i = 0; i < ids->n; i++) {
		highest = MAX(highest, ids->items[i]);
	}
	return highest;
}

/* ---- all ---- */

static struct outcome kill_all(struct wire *wire, uint64_t own_id)
{
	struct outcome outcome = {0};
	struct ids ids;
	uint64_t watermark;

	read_ids(ask(wire, LIST_ALL).text, slice_of(""), &ids);
	watermark = highest(&ids);
	free(ids.items);
	outcome.n_killed = ask(wire, KILL_NORMAL).integer + ask(wire, KILL_PUBSUB).integer;
	read_ids(ask(wire, LIST_ALL).text, slice_of(""), &ids);
	for (size_t i = 0; i < ids.n; i++) {
		outcome.n_left += ids.items[i] <= watermark && ids.items[i] != own_id;
	}
	free(ids.items);
	return outcome;
}

/* ---- by name ---- */

/* Commands "CLIENT VERB ID ..." for all ids, `n_each` in one; returns how many commands. */
static size_t compose(
	struct wire_text *text, struct slice verb, const struct ids *ids, size_t n_each)
{
	size_t n_commands = 0;

	for (size_t first = 0; first < ids->n; first += n_each) {
		size_t end = MIN(first + n_each, ids->n);

		wire_text_begin(text, 3 + end - first);
		wire_text_argument(text, SLICE_LITERAL("CLIENT"));
		wire_text_argument(text, verb);
		wire_text_argument(text, SLICE_LITERAL("ID"));
		for (size_t i = first; i < end; i++) {
			wire_text_id(text, ids->items[i]);
		}
		n_commands++;
	}
	return n_commands;
}

static int64_t kill_ids(struct wire *wire, const struct ids *ids, size_t n_each)
{
	struct wire_text text = {0};
	size_t n_commands = compose(&text, SLICE_LITERAL("KILL"), ids, n_each);
	int64_t n_killed = 0;

	wire_send(wire, (struct slice){text.data, text.len});
	for (size_t i = 0; i < n_commands; i++) {
		n_killed += wire_receive(wire).integer;
	}
	free(text.data);
	return n_killed;
}

static size_t count_left(struct wire *wire, const struct ids *ids)
{
	struct wire_text text = {0};
	size_t n_commands = compose(&text, SLICE_LITERAL("LIST"), ids, IDS_PER_LIST);
	size_t n_left = 0;

	wire_send(wire, (struct slice){text.data, text.len});
	for (size_t i = 0; i < n_commands; i++) {
		struct ids left;

		read_ids(wire_receive(wire).text, slice_of(""), &left);
		n_left += left.n;
		free(left.items);
	}
	free(text.data);
	return n_left;
}

static struct outcome kill_by_name(struct wire *wire, const char *name, size_t n_each)
{
	CLEANUP(mem_free_p) char *wanted = mem_printf(" name=%s ", name);
	struct outcome outcome = {0};
	struct ids ids;

	read_ids(ask(wire, LIST_ALL).text, slice_of(wanted), &ids);
	qsort(ids.items, ids.n, sizeof(uint64_t), compare_ids);
	outcome.n_killed = kill_ids(wire, &ids, n_each);
	outcome.n_left = count_left(wire, &ids);
	free(ids.items);
	return outcome;
}

static struct outcome list_only(struct wire *wire)
{
	(void)ask(wire, LIST_ALL);
	return (struct outcome){0};
}

static struct outcome run(struct wire *wire, int argc, char **argv)
{
	uint64_t own_id = (uint64_t)ask(wire, OWN_ID).integer;
	const char *what = argc > 2 ? argv[2] : "";
	uint64_t n_each;

	if (argc == 3 && slice_is(slice_of(what), "all")) {
		return kill_all(wire, own_id);
	}
	if (argc == 3 && slice_is(slice_of(what), "list")) {
		return list_only(wire);
	}
	if (argc == 5 && slice_is(slice_of(what), "name") &&
		parse_u64(slice_of(argv[4]), &n_each) && n_each > 0) {
		return kill_by_name(wire, argv[3], (size_t)n_each);
	}
	wire_die("usage: floor SOCKET (all | name NAME IDS_PER_KILL | list)");
}

int main(int argc, char **argv)
{
	struct outcome outcome;
	struct wire wire;
	int64_t begin_us;

	wire_open(&wire, argc > 1 ? argv[1] : "");
	begin_us = clock_monotonic_us();
	outcome = run(&wire, argc, argv);
	printf("{\"us\": %lld, \"killed\": %lld, \"left\": %zu}\n",
		(long long)(clock_monotonic_us() - begin_us), (long long)outcome.n_killed,
		outcome.n_left);
	wire_close(&wire);
	return EXIT_SUCCESS;
}
