/*
 * sesskill report: what became of kills, as a page or as text, for those who were not there.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "cli/cli.h"
#include "cli/field.h"
#include "cli/options.h"
#include "cli/print/print.h"
#include "cli/report/evidence.h"
#include "cli/report/page.h"
#include "cli/terminal/text.h"
#include "control/names.h"

#define MAX_KILLS 100
/* As the daemon takes them. */
#define MIN_ID_BYTES 4

static void print_texts(FILE *out, const char *title, const json_t *texts)
{
	const json_t *text;
	size_t i;

	if (json_array_size(texts) > 0) {
		text_line(out, "%s", "");
		text_line(out, "%s", title);
	}
	json_array_foreach(texts, i, text)
	{
		text_line(out, "  %.*s", SLICE_ARG(field_slice(text)));
	}
}

static void show_text(const struct cli *cli, const struct evidence_list *list)
{
	struct screen screen = cli_screen(cli, stdout);

	for (size_t i = 0; i < list->n; i++) {
		const struct evidence *kill = &list->items[i];
		CLEANUP(mem_free_p) char *headline = page_headline(kill);

		/* The lines of the record have it flat. */
		json_object_set_new(kill->kill, "request", json_copy(kill->kill));
		if (field_has(kill->kill, "state")) {
			print_report(kill->kill, &screen);
		} else {
			text_line(stdout, "%s", headline);
			print_order(kill->kill, &screen);
		}
		json_object_del(kill->kill, "request");
		print_texts(stdout, "In the record:", kill->lines);
	}
	print_texts(stdout, "Besides:", list->around);
	print_texts(stderr, "Not known:", list->missing);
}

/* All of it or nothing: a page that is half there would be believed. */
static bool write_page(const char *path, const struct evidence_list *list)
{
	bool is_stdout = strcmp(path, "-") == 0;
	CLEANUP(mem_free_p) char *temporary = mem_printf("%s.part", path);
	FILE *out = is_stdout ? stdout : fopen(temporary, "we");
	bool is_fine;

	if (out == NULL) {
		cli_error("cannot write %s: %s", temporary, strerror(errno));
		return false;
	}
	page_put(out, list);
	is_fine = fflush(out) == 0 && !ferror(out);
	if (!is_stdout) {
		is_fine = fclose(out) == 0 && is_fine && rename(temporary, path) == 0;
	}
	if (!is_fine) {
		cli_error("cannot write %s: %s", path, strerror(errno));
	}
	return is_fine;
}

static enum status show(
	const struct cli *cli, const struct args *args, const struct evidence_list *list)
{
	const char *html = args_value(args, "html");

	if (html == NULL) {
		show_text(cli, list);
		return STATUS_DONE;
	}
	if (!write_page(html, list)) {
		return STATUS_FAILED;
	}
	if (strcmp(html, "-") != 0) {
		text_line(stderr, "%s is written.", html);
	}
	return STATUS_DONE;
}

static enum status run(const struct cli *cli, const struct args *args)
{
	const char *record = args_value(args, "file");
	struct evidence_source source = {
		.socket = cli->socket,
		.record = record != NULL ? record : NAMES_AUDIT_FILE,
	};
	struct evidence_list list;
	enum status status = STATUS_FAILED;
	struct err err;

	if (cli->is_json) {
		cli_error("a report is for people: sesskill kills --json and sesskill audit --json "
			  "have it for programs");
		return STATUS_USAGE;
	}
	for (size_t i = 0; i < args->n_words; i++) {
		if (strlen(args->words[i]) < MIN_ID_BYTES) {
			cli_error("\"%s\" is no request id; four of its characters at least",
				args->words[i]);
			return STATUS_USAGE;
		}
	}
	if (evidence_collect(&source, args->words, args->n_words, &list, &err)) {
		status = show(cli, args, &list);
	} else {
		print_texts(stderr, "Not known:", list.missing);
		cli_error("%s", err.text);
	}
	evidence_finish(&list);
	return status;
}

const struct command cmd_report = {
	.name = "report",
	.usage = "REQUEST_ID... [--html FILE] [--file PATH]",
	.summary = "what became of kills, for those who were not there",
	.options_of = OF_REPORT,
	.min_words = 1,
	.max_words = MAX_KILLS,
	.hosts = COMMAND_THIS_HOST,
	.details =
		"It is made of the record, of what the daemon still knows, and of the history of\n"
		"the instance. A page is one file that loads nothing, to be mailed or printed.\n",
	.run = run,
};
