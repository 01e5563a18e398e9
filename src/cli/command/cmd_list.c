/*
 * sesskill list: the sessions of an instance, or how many there are of each kind.
 */
#include "base/mem.h"
#include "base/parse.h"
#include "cli/command/nobody.h"
#include "cli/command/saved.h"
#include "cli/field.h"
#include "cli/form.h"
#include "cli/options.h"
#include "cli/listing.h"
#include "cli/print/print.h"
#include "control/names.h"

/* Every node is asked, and what they say may be long. */
#define LIST_TIMEOUT_MS 120000

struct list {
	const struct cli *cli;
	struct listing listing;
};

static void on_line(void *context, struct slice line)
{
	struct list *list = context;

	if (list->cli->is_json) {
		listing_read_head(&list->listing, line);
		cli_put_json(line);
	} else {
		struct screen screen = cli_screen(list->cli, stdout);

		print_sessions(&list->listing, line, &screen);
	}
}

/* The bytes of JSON have said it all. */
static void show_end(struct list *list)
{
	struct screen screen = cli_screen(list->cli, stdout);
	struct screen remarks = term_screen(stderr);

	if (!list->cli->is_json) {
		print_sessions_end(&list->listing, &screen, &remarks);
	}
}

static enum status conclude(struct list *list, const struct api_answer *answer)
{
	const struct listing *listing = &list->listing;

	if (listing->head == NULL) {
		cli_show_error(list->cli, answer);
		return MAX(cli_status_of_answer(answer), STATUS_FAILED);
	}
	show_end(list);
	if (listing->is_broken) {
		cli_error("not all of the daemon's answer was understood: is this program as new "
			  "as sesskilld?");
		return STATUS_FAILED;
	}
	return field_has_failed_node(listing->head) ? STATUS_PARTIAL : STATUS_DONE;
}

/* What has come is shown; that it is not all must not be missed. */
static enum status give_up(struct list *list, const struct err *err)
{
	if (list->listing.head == NULL) {
		cli_error("%s", err->text);
		return STATUS_UNREACHABLE;
	}
	show_end(list);
	cli_error("%s. The listing is not complete: ask again", err->text);
	return STATUS_FAILED;
}

static char *make_path(const struct args *args)
{
	CLEANUP(mem_free_p) char *instance = form_path(NAMES_PATH_INSTANCES, args->words[0]);
	CLEANUP(mem_free_p) char *query = NULL;

	form_add_options(&query, args);
	return mem_printf(
		"%s/sessions%s%s", instance, query != NULL ? "?" : "", query != NULL ? query : "");
}

static enum status ask(const struct cli *cli, const struct args *args)
{
	CLEANUP(mem_free_p) char *path = make_path(args);
	CLEANUP(api_answer_finish) struct api_answer answer = {0};
	struct list list = {.cli = cli};
	struct api_request request = {
		.socket = cli->socket,
		.ssh = cli->ssh,
		.method = "GET",
		.path = path,
		.timeout_ms = LIST_TIMEOUT_MS,
		.on_line = on_line,
		.line_type = NAMES_TYPE_JSON,
		.context = &list,
	};
	enum status status;
	struct err err;

	if (api_call(&request, &answer, &err) == API_OK) {
		status = conclude(&list, &answer);
		if (status == STATUS_DONE && !cli->is_json &&
			field_count(list.listing.head, "matched") == 0) {
			nobody_explain(cli, args->words[0], args, "match");
		}
	} else {
		status = give_up(&list, &err);
	}
	listing_finish(&list.listing);
	return status;
}

/* ---- of a file ---- */

static bool take_option(const struct arg *arg, struct saved_request *request, struct err *err)
{
	struct slice name = slice_of(arg->spec->name);
	struct slice value = slice_of(arg->value);
	bool is_fine = true;

	if (slice_is(name, "match")) {
		is_fine = selectors_add_asked(&request->match, value, err);
	} else if (slice_is(name, "except")) {
		is_fine = selectors_add_asked(&request->except, value, err);
	} else if (goals_is_name(name)) {
		is_fine = goals_set(&request->goals, name, value, err);
	} else if (slice_is(name, "max-clients")) {
		is_fine = parse_i64(value, &request->max_clients) && request->max_clients >= 0;
		err_set(err, is_fine ? "" : "\"%s\" is no number", arg->value);
	} else if (!slice_is(name, "from") && !slice_is(name, "json")) {
		err_set(err, "does not go with --from");
		is_fine = false;
	}
	if (!is_fine) {
		err_prefix(err, "--%s", arg->spec->name);
	}
	return is_fine;
}

static bool read_options(const struct args *args, struct saved_request *request, struct err *err)
{
	saved_request_init(request);
	for (size_t i = 0; i < args->n_items; i++) {
		if (!take_option(&args->items[i], request, err)) {
			return false;
		}
	}
	return goals_check(&request->goals, err);
}

static enum status show_saved(const struct cli *cli, const struct args *args)
{
	struct saved_request request;
	struct err err;
	bool is_fine;

	if (args->n_words > 0) {
		cli_error("--from takes no instance: it is of a file");
		return STATUS_USAGE;
	}
	is_fine = read_options(args, &request, &err);
	return saved_show(cli, args_value(args, "from"), &request, is_fine ? NULL : &err);
}

static enum status run(const struct cli *cli, const struct args *args)
{
	if (cli->form.columns != NULL && args_has(args, "group-by")) {
		cli_error("--output: groups have no columns to choose");
		return STATUS_USAGE;
	}
	if (args_has(args, "from")) {
		return show_saved(cli, args);
	}
	if (args->n_words == 0) {
		cli_error("say which instance, or --from FILE");
		return STATUS_USAGE;
	}
	return ask(cli, args);
}

const struct command cmd_list = {
	.name = "list",
	.alias = "ls",
	.usage = "(ID | --from FILE) [OPTION]...",
	.summary = "show the sessions of an instance, or count them by a field (also: ls)",
	.options_of = OF_LIST,
	.max_words = 1,
	.no_daemon = "from",
	.details = "A FIELD is id, addr, laddr, user, name, lib, lib-ver, cmd, flags, type, node,\n"
		   "db, age, idle, resp, sub, psub, ssub, multi, watch, qbuf, omem, tot-mem, or\n"
		   "another one of the server's listing. An EXPR is FIELD OP VALUE[,VALUE]...:\n"
		   "'user = app,web', 'addr = 10.0.0.0/8', 'name = pool-*', 'idle > 1h'.\n",
	.run = run,
	.find_column = print_find_session_column,
};
