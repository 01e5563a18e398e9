/*
 * Saved listings.
 */
#include "cli/command/saved.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "cli/field.h"
#include "cli/listing.h"
#include "cli/print/print.h"
#include "model/protection.h"
#include "record/json.h"

struct saved {
	const char *path;
	const struct saved_request *request;
	struct goal_book book;
	struct goal_candidate *candidates; /* each owns its line */
	size_t n;
	size_t capacity;
	uint64_t n_found;
	uint64_t n_unreadable;
	uint64_t given_fields;
};

/* Which server wrote it is not known: flags mean what they mean to most. */
static bool is_selected(const struct saved *saved, const struct session *session)
{
	static const struct selectors none = {0};
	const struct protection protection = {.configured = &none};

	return protection_test(&protection, session) == SELECTOR_NO &&
	       selectors_test_all(&saved->request->match, session) == SELECTOR_YES &&
	       selectors_test_any(&saved->request->except, session) == SELECTOR_NO;
}

static void take_line(struct saved *saved, struct slice text)
{
	struct session_line line;
	struct goal_candidate *candidate;

	text = slice_trim(text);
	if (text.len == 0) {
		return;
	}
	saved->n_found++;
	session_read_line(&line, text, SERVER_REDIS, SLICE_LITERAL(""));
	if (!line.is_readable || memchr(text.data, '\0', text.len) != NULL) {
		saved->n_unreadable++;
		return;
	}
	saved->given_fields |= session_given_fields(&line.session);
	if (!is_selected(saved, &line.session)) {
		return;
	}
	candidate = mem_append(
		&saved->candidates, &saved->n, &saved->capacity, sizeof(struct goal_candidate));
	*candidate = (struct goal_candidate){
		.mark = goals_mark(&saved->book, &line.session),
		.id = line.session.id,
		.owner = slice_copy(text),
	};
}

static void free_line(char **line)
{
	free(*line);
}

/* Without what ends it, as whatever system has written it. */
static bool read_lines(struct saved *saved, FILE *file)
{
	CLEANUP(free_line) char *line = NULL;
	size_t capacity = 0;
	ssize_t n;

	while ((n = getline(&line, &capacity, file)) > 0) {
		struct slice text = {line, (size_t)n};

		while (text.len > 0 && strchr("\r\n", text.data[text.len - 1]) != NULL) {
			text.len--;
		}
		take_line(saved, text);
	}
	return ferror(file) == 0;
}

/* Those that are chosen first, and no others. */
static void choose(struct saved *saved)
{
	const struct goals *goals = &saved->request->goals;
	uint64_t n_needed = goals_needed(goals, saved->request->max_clients, saved->n_found, 0);
	size_t n_chosen = 0;

	goals_choose(&saved->book, saved->candidates, saved->n, &n_needed,
		goals->has_limit ? goals->limit : UINT64_MAX);
	for (size_t i = 0; i < saved->n; i++) {
		if (saved->candidates[i].is_chosen) {
			saved->candidates[n_chosen++] = saved->candidates[i];
		} else {
			free(saved->candidates[i].owner);
		}
	}
	saved->n = n_chosen;
}

static char *print_head(const struct saved *saved)
{
	json_auto_t *head = json_object();
	json_t *nodes = json_array();
	json_t *node = json_object();

	json_set(node, "address", json_text_of(saved->path));
	json_set_number(node, "found", saved->n_found);
	json_set_number(node, "matched", saved->n);
	json_set_number(node, "unreadable", saved->n_unreadable);
	json_add(nodes, node);
	json_set_number(head, "found", saved->n_found);
	json_set_number(head, "matched", saved->n);
	json_set_number(head, "listed", saved->n);
	json_set(head, "nodes", nodes);
	json_set(head, "warnings", json_array());
	return json_print(head);
}

static char *print_session(const struct goal_candidate *candidate)
{
	json_auto_t *object = json_object();

	json_set_session(object, slice_of(candidate->owner), SERVER_REDIS, SLICE_LITERAL(""));
	return json_print(object);
}

static void show_table(const struct cli *cli, const struct saved *saved)
{
	struct screen screen = cli_screen(cli, stdout), remarks = term_screen(stderr);
	CLEANUP(mem_free_p) char *head = print_head(saved);
	struct listing listing = {0};

	listing_read_head(&listing, slice_of(head));
	for (size_t i = 0; i < saved->n; i++) {
		CLEANUP(mem_free_p) char *text = print_session(&saved->candidates[i]);

		print_sessions(&listing, slice_of(text), &screen);
	}
	print_sessions_end(&listing, &screen, &remarks);
	listing_finish(&listing);
}

static void show_json(const struct saved *saved)
{
	CLEANUP(mem_free_p) char *head = print_head(saved);
	struct slice open = slice_of(head);

	open.len--;
	cli_put_json(open);
	cli_put_json(SLICE_LITERAL(",\"sessions\":["));
	for (size_t i = 0; i < saved->n; i++) {
		CLEANUP(mem_free_p) char *text = print_session(&saved->candidates[i]);

		cli_put_json(slice_of(i == 0 ? "\n" : ",\n"));
		cli_put_json(slice_of(text));
	}
	cli_put_json(SLICE_LITERAL("\n]}\n"));
}

void saved_request_init(struct saved_request *request)
{
	*request = (struct saved_request){.max_clients = -1};
	goals_init(&request->goals);
}

static void finish_request(struct saved_request *request)
{
	selectors_finish(&request->match);
	selectors_finish(&request->except);
}

static bool read_file(struct saved *saved)
{
	bool is_stdin = strcmp(saved->path, "-") == 0;
	FILE *file = is_stdin ? stdin : fopen(saved->path, "re");
	bool is_read = file != NULL && read_lines(saved, file);

	if (!is_read) {
		cli_error("%s cannot be read: %s", saved->path, strerror(errno));
	}
	if (file != NULL && !is_stdin) {
		fclose(file);
	}
	return is_read;
}

/* As the daemon does: who is who by a field that nobody has cannot be told. */
static bool is_fit(const struct saved *saved)
{
	const struct goals *goals = &saved->request->goals;
	uint64_t missing = goals_is_bounded(goals) ? goals_fields(goals) & ~saved->given_fields : 0;

	if (saved->n_found > 0 && saved->n_unreadable == saved->n_found) {
		cli_error("%s is no listing: not one of its lines could be read", saved->path);
		return false;
	}
	if (missing != 0 && saved->n_found > 0) {
		cli_error("no session has a field \"%s\", which says who goes first",
			session_field_key((enum session_field)__builtin_ctzll(missing)));
		return false;
	}
	return true;
}

static void show(const struct cli *cli, struct saved *saved)
{
	choose(saved);
	if (cli->is_json) {
		show_json(saved);
	} else {
		show_table(cli, saved);
	}
}

static enum status answer(
	const struct cli *cli, const char *path, const struct saved_request *request)
{
	struct saved saved = {
		.path = path,
		.request = request,
		.book = {.goals = &request->goals},
	};
	enum status status = STATUS_USAGE;

	if (request->goals.has_free && request->max_clients < 0) {
		cli_error("how many places there are is not in a listing: say --max-clients");
		return status;
	}
	status = STATUS_FAILED;
	if (read_file(&saved) && is_fit(&saved)) {
		show(cli, &saved);
		status = STATUS_DONE;
	}
	for (size_t i = 0; i < saved.n; i++) {
		free(saved.candidates[i].owner);
	}
	free(saved.candidates);
	goals_book_finish(&saved.book);
	return status;
}

enum status saved_show(const struct cli *cli, const char *path, struct saved_request *request,
	const struct err *err)
{
	enum status status = STATUS_USAGE;

	if (err != NULL) {
		cli_error("%s", err->text);
	} else {
		status = answer(cli, path, request);
	}
	finish_request(request);
	return status;
}
