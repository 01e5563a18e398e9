/*
 * One answer out of many: the lists of the same name are put behind each other, each row with its
 * host, and printed as the answer of one daemon is.
 */
#include "cli/remote/merge.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "cli/field.h"
#include "cli/print/print.h"
#include "cli/terminal/text.h"

/* Enough for the figures, and 0.1 stays 0.1. */
#define JSON_DIGITS 15

static const struct kind {
	const char *list;
	cli_print_fn print;
} KINDS[] = {
	{"instances", print_instances},
	{"kills", print_kills},
	{"guards", print_guards},
	{"sessions", print_listing},
	{"groups", print_listing},
	{"reports", print_summary},
};

/* From the best to the worst: what was done, what was not, whose doing is not even known. */
static const struct {
	enum status status;
	const char *words;
} RANKS[] = {
	{STATUS_DONE, "done"},
	{STATUS_BACK, "done, but they came back"},
	{STATUS_PARTIAL, "partial"},
	{STATUS_FAILED, "failed"},
	{STATUS_USAGE, "not understood"},
	{STATUS_DENIED, "denied"},
	{STATUS_UNREACHABLE, "not reachable"},
};

static size_t rank_of(enum status status)
{
	size_t rank = 0;

	while (rank < ARRAY_SIZE(RANKS) - 1 && RANKS[rank].status != status) {
		rank++;
	}
	return rank;
}

/* All documents of the body, as an array; what is no JSON ends it. */
static json_t *load(struct slice body)
{
	json_t *documents = json_array();

	while (body.len > 0) {
		json_error_t error;
		json_t *document = json_loadb(
			body.data, body.len, JSON_ALLOW_NUL | JSON_DISABLE_EOF_CHECK, &error);

		if (document == NULL || error.position <= 0) {
			json_decref(document);
			break;
		}
		json_array_append_new(documents, document);
		body = slice_skip(body, (size_t)error.position);
	}
	return documents;
}

/* ---- as JSON ---- */

static json_t *describe(const struct merge_answer *answer, json_t *documents)
{
	json_t *host = json_pack("{s:s, s:i}", "host", answer->host, "status", (int)answer->status);
	size_t n = json_array_size(documents);

	if (n == 1) {
		json_object_set(host, "answer", json_array_get(documents, 0));
	} else if (n > 1) {
		json_object_set(host, "answer", documents);
	}
	if (answer->words.len > 0) {
		struct slice words = answer->words;
		json_t *text;

		while (words.len > 0 && words.data[words.len - 1] == '\n') {
			words.len--;
		}
		text = json_stringn(words.data, words.len);
		json_object_set_new(host, "error",
			text != NULL ? text : json_string("what it said is no UTF-8"));
	}
	return host;
}

static void show_json(const struct merge_answer *answers, size_t n)
{
	json_auto_t *hosts = json_array();
	json_auto_t *all = json_pack("{s:O}", "hosts", hosts);
	CLEANUP(mem_free_p) char *text = NULL;

	for (size_t i = 0; i < n; i++) {
		json_auto_t *documents = load(answers[i].body);

		json_array_append_new(hosts, describe(&answers[i], documents));
	}
	text = json_dumps(all, JSON_COMPACT | JSON_REAL_PRECISION(JSON_DIGITS));
	cli_put_json(slice_of(text));
	cli_put_json(SLICE_LITERAL("\n"));
}

/* ---- for people ---- */

/* The rows behind those that are there, each with its host. */
static void add_rows(json_t *merged, const char *list, const json_t *rows, const char *host)
{
	json_t *row;
	size_t i;

	if (rows == NULL) {
		return;
	}
	if (json_object_get(merged, list) == NULL) {
		json_object_set_new(merged, list, json_array());
	}
	json_array_foreach(rows, i, row)
	{
		if (json_is_object(row)) {
			json_object_set_new(row, "host", json_string(host));
			json_array_append(json_object_get(merged, list), row);
		}
	}
}

static void add_row(json_t *merged, const char *list, json_t *row, const char *host)
{
	json_auto_t *rows = json_pack("[O]", row);

	add_rows(merged, list, rows, host);
}

static void add_count(json_t *merged, const json_t *document, const char *key)
{
	json_int_t sum = json_integer_value(json_object_get(merged, key)) +
			 json_integer_value(json_object_get(document, key));

	json_object_set_new(merged, key, json_integer(sum));
}

static void add_warnings(json_t *merged, const json_t *document, const char *host)
{
	const json_t *warning;
	size_t i;

	json_array_foreach(json_object_get(document, "warnings"), i, warning)
	{
		CLEANUP(mem_free_p)
		char *text = mem_printf("%s: %.*s", host, SLICE_ARG(field_slice(warning)));

		if (json_object_get(merged, "warnings") == NULL) {
			json_object_set_new(merged, "warnings", json_array());
		}
		json_array_append_new(json_object_get(merged, "warnings"), json_string(text));
	}
}

/* A list, or the one thing that was asked for. */
static void add_document(json_t *merged, json_t *document, const char *host)
{
	if (field_has(document, "state")) {
		add_row(merged, "reports", document, host);
		return;
	}
	for (size_t i = 0; i < ARRAY_SIZE(KINDS); i++) {
		add_rows(merged, KINDS[i].list, json_object_get(document, KINDS[i].list), host);
	}
	add_warnings(merged, document, host);
	if (field_has(document, "found")) {
		add_rows(merged, "nodes", json_object_get(document, "nodes"), host);
		add_count(merged, document, "found");
		add_count(merged, document, "matched");
		json_object_set(merged, "group_by", json_object_get(document, "group_by"));
	} else if (field_has(document, "kind")) {
		add_row(merged, "instances", document, host);
	}
}

static void show_document(json_t *merged, json_t *document, const char *host)
{
	const json_t *error = json_object_get(document, "error");
	struct screen screen = term_screen(stderr);

	if (json_is_object(error)) {
		text_line(stderr, "%s: %.*s (%.*s)", host, SLICE_ARG(field_text(error, "message")),
			SLICE_ARG(field_text(error, "code")));
		return;
	}
	if (json_is_true(json_object_get(document, "held"))) {
		print_remark(&screen, TERM_WARN, "no guard acts on ", slice_of(host),
			field_text(document, "why"));
	}
	add_document(merged, document, host);
}

static void show_words(const struct merge_answer *answer)
{
	static const char own[] = "sesskill: ";
	struct slice rest = answer->words;
	struct slice line;

	while (slice_next(&rest, '\n', &line)) {
		line = slice_has_prefix(line, own) ? slice_skip(line, sizeof(own) - 1) : line;
		if (line.len > 0) {
			text_line(stderr, "%s: %.*s", answer->host, SLICE_ARG(line));
		}
	}
	if (answer->words.len == 0 && answer->body.len == 0 && answer->status != STATUS_DONE) {
		text_line(stderr, "%s: ended without a word", answer->host);
	}
}

/* "3 hosts: 2 done, 1 not reachable" */
static void show_sums(const struct merge_answer *answers, size_t n)
{
	const char *between = ":";

	text_format(stderr, "%zu hosts", n);
	for (size_t rank = 0; rank < ARRAY_SIZE(RANKS); rank++) {
		size_t count = 0;

		for (size_t i = 0; i < n; i++) {
			count += rank_of(answers[i].status) == rank;
		}
		if (count > 0) {
			text_format(stderr, "%s %zu %s", between, count, RANKS[rank].words);
			between = ",";
		}
	}
	fputc('\n', stderr);
}

/* Where it is about kills, a host that has no report has a line as well. */
static void add_missing(json_t *merged, const struct merge_answer *answer, const json_t *documents)
{
	json_auto_t *row = json_pack("{s:s}", "state", RANKS[rank_of(answer->status)].words);

	if (!field_has(json_array_get(documents, 0), "state")) {
		add_row(merged, "reports", row, answer->host);
	}
}

static void show_tables(const struct cli *cli, const struct merge_answer *answers, size_t n)
{
	json_auto_t *all = json_array();
	json_auto_t *merged = json_object();
	struct screen screen = cli_screen(cli, stdout);
	json_t *document;
	size_t j;

	for (size_t i = 0; i < n; i++) {
		json_array_append_new(all, load(answers[i].body));
		show_words(&answers[i]);
		json_array_foreach(json_array_get(all, i), j, document)
		{
			show_document(merged, document, answers[i].host);
		}
	}
	if (cli->is_quiet) {
		return;
	}
	for (size_t i = 0; i < n && json_object_get(merged, "reports") != NULL; i++) {
		add_missing(merged, &answers[i], json_array_get(all, i));
	}
	for (size_t i = 0; i < ARRAY_SIZE(KINDS); i++) {
		if (json_object_get(merged, KINDS[i].list) != NULL) {
			KINDS[i].print(merged, &screen);
		}
	}
	fflush(stdout);
	show_sums(answers, n);
}

enum status merge_show(const struct cli *cli, const struct merge_answer *answers, size_t n)
{
	size_t worst = 0;

	if (cli->is_json) {
		show_json(answers, n);
	} else {
		show_tables(cli, answers, n);
	}
	for (size_t i = 0; i < n; i++) {
		worst = MAX(worst, rank_of(answers[i].status));
	}
	return RANKS[worst].status;
}
