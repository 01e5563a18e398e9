/*
 * sesskill guards: what the daemon's guards do, holding them, and what one would do.
 */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/parse.h"
#include "cli/command/kill.h"
#include "cli/command/saved.h"
#include "cli/field.h"
#include "cli/form.h"
#include "cli/options.h"
#include "cli/print/print.h"
#include "cli/terminal/text.h"
#include "control/names.h"

#define MAX_CONFIG_JSON_BYTES ((size_t)4 * 1024 * 1024)

extern char **environ;

static enum status ask(const struct cli *cli, const char *method, const char *path)
{
	static const struct args none = {0};

	return cli_ask(cli, method, path, &none, stdout, print_guards);
}

/* ---- what one would do: by the daemon ---- */

static const json_t *find_guard(const json_t *answer, const char *name, size_t *index)
{
	const json_t *guards = json_object_get(answer, "guards");

	for (; *index < json_array_size(guards); (*index)++) {
		const json_t *guard = json_array_get(guards, *index);

		if (slice_is(field_text(guard, "name"), name)) {
			(*index)++;
			return guard;
		}
	}
	return NULL;
}

static void add_texts(char **form, const char *name, const json_t *texts)
{
	for (size_t i = 0; i < json_array_size(texts); i++) {
		form_add(form, name, json_string_value(json_array_get(texts, i)));
	}
}

/* As the API takes it, what a guard asks for; as the daemon tells it. */
static char *make_form(const json_t *request)
{
	static const char *const numbers[] = {"limit", "free", "keep", "rate", "max"};
	static const char *const words[] = {"per", "sort"};
	char *form = NULL;

	form_add(&form, "dry_run", "true");
	if (json_is_true(json_object_get(request, "all"))) {
		form_add(&form, "all", "true");
	}
	add_texts(&form, "match", json_object_get(request, "match"));
	add_texts(&form, "except", json_object_get(request, "except"));
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
		if (field_has(request, numbers[i])) {
			CLEANUP(mem_free_p)
			char *text = mem_printf(
				"%llu", (unsigned long long)field_count(request, numbers[i]));

			form_add(&form, numbers[i], text);
		}
	}
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		if (field_has(request, words[i])) {
			form_add(&form, words[i], field_text(request, words[i]).data);
		}
	}
	if (field_has(request, "over_ms")) {
		CLEANUP(mem_free_p)
		char *text =
			mem_printf("%llums", (unsigned long long)field_count(request, "over_ms"));

		form_add(&form, "over", text);
	}
	return form;
}

static enum status try_guard(const struct cli *cli, const json_t *guard)
{
	CLEANUP(mem_free_p) char *form = make_form(json_object_get(guard, "request"));
	struct kill_order order = {
		.instance = field_text(guard, "instance").data,
		.form = form,
		.timeout_ms = kill_answer_ms(KILL_DEFAULT_TIMEOUT_MS, 0),
	};

	return kill_run(cli, &order);
}

static enum status test_by_daemon(const struct cli *cli, const char *name)
{
	CLEANUP(api_answer_finish) struct api_answer answer = {0};
	struct api_request request = cli_request(cli, "GET", NAMES_PATH_GUARDS);
	enum status status = STATUS_DONE;
	const json_t *guard;
	size_t index = 0;
	struct err err;

	if (api_call(&request, &answer, &err) != API_OK) {
		cli_error("%s", err.text);
		return STATUS_UNREACHABLE;
	}
	if (answer.status != 200) {
		cli_show_error(cli, &answer);
		return cli_status_of_answer(&answer);
	}
	guard = find_guard(answer.json, name, &index);
	if (guard == NULL) {
		cli_error("there is no guard \"%s\": see sesskill guards", name);
		return STATUS_USAGE;
	}
	while (guard != NULL) {
		enum status of_one = try_guard(cli, guard);

		status = MAX(status, of_one);
		if (cli->is_json) {
			fputc('\n', stdout);
		}
		guard = find_guard(answer.json, name, &index);
	}
	return status;
}

/* ---- on a listing: by the configuration alone ---- */

static char *read_all(int fd)
{
	char *text = mem_alloc(MAX_CONFIG_JSON_BYTES + 1);
	size_t used = 0;
	ssize_t n;

	while (used < MAX_CONFIG_JSON_BYTES &&
		((n = read(fd, text + used, MAX_CONFIG_JSON_BYTES - used)) > 0 ||
			(n < 0 && errno == EINTR))) {
		used += n > 0 ? (size_t)n : 0;
	}
	return text;
}

/* Only the daemon's program can read its configuration; it prints what it has read, and ends. The
 * descriptor to read that from; -1 with words. */
static int spawn_reader(const char *config, pid_t *ret_pid)
{
	const char *argv[] = {
		"sesskilld", "--print-guards", config != NULL ? "-c" : NULL, config, NULL};
	posix_spawn_file_actions_t actions;
	int ends[2], r;

	if (pipe2(ends, O_CLOEXEC) < 0) {
		cli_error("cannot make a pipe: %s", strerror(errno));
		return -1;
	}
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
	r = posix_spawnp(ret_pid, argv[0], &actions, NULL, (char *const *)argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	close(ends[1]);
	if (r != 0) {
		cli_error("cannot run sesskilld, which reads the configuration: %s", strerror(r));
		close(ends[0]);
		return -1;
	}
	return ends[0];
}

static json_t *load_guards(const char *config)
{
	CLEANUP(mem_free_p) char *text = NULL;
	json_t *guards = NULL;
	pid_t pid;
	int status = -1;
	int fd = spawn_reader(config, &pid);

	if (fd < 0) {
		return NULL;
	}
	text = read_all(fd);
	close(fd); /* before it is waited for: it may have more to say */
	waitpid(pid, &status, 0);
	if (WIFEXITED(status) && WEXITSTATUS(status) != 0) {
		return NULL; /* it has said why */
	}
	guards = field_load(slice_of(text));
	if (guards == NULL) {
		cli_error("what sesskilld says of the guards was not understood, or is too long");
	}
	return guards;
}

static bool add_all(struct selectors *to, const json_t *texts, struct err *err)
{
	for (size_t i = 0; i < json_array_size(texts); i++) {
		if (!selectors_add(to, field_slice(json_array_get(texts, i)), err)) {
			return false;
		}
	}
	return true;
}

static bool set_goals(struct goals *goals, const json_t *request, struct err *err)
{
	static const char *const names[] = {"limit", "free", "keep", "per", "sort"};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		const json_t *value = json_object_get(request, names[i]);
		CLEANUP(mem_free_p)
		char *number = json_is_integer(value)
				       ? mem_printf("%lld", (long long)json_integer_value(value))
				       : NULL;

		if (value != NULL &&
			!goals_set(goals, slice_of(names[i]),
				number != NULL ? slice_of(number) : field_slice(value), err)) {
			return false;
		}
	}
	return true;
}

static bool read_request(
	const json_t *from, const struct args *args, struct saved_request *request, struct err *err)
{
	const char *max_clients = args_value(args, "max-clients");

	saved_request_init(request);
	if (max_clients != NULL && (!parse_i64(slice_of(max_clients), &request->max_clients) ||
					   request->max_clients < 0)) {
		err_set(err, "--max-clients: \"%s\" is no number", max_clients);
		return false;
	}
	return add_all(&request->match, json_object_get(from, "match"), err) &&
	       add_all(&request->except, json_object_get(from, "except"), err) &&
	       set_goals(&request->goals, from, err);
}

static enum status test_on_listing(const struct cli *cli, const struct args *args, const char *name)
{
	json_auto_t *guards = load_guards(args_value(args, "config"));
	struct saved_request request;
	const json_t *guard;
	size_t index = 0;
	struct err err;
	bool is_fine;

	if (guards == NULL) {
		return STATUS_USAGE;
	}
	guard = find_guard(guards, name, &index);
	if (guard == NULL) {
		cli_error("there is no guard \"%s\" in the configuration", name);
		return STATUS_USAGE;
	}
	is_fine = read_request(json_object_get(guard, "request"), args, &request, &err);
	return saved_show(cli, args_value(args, "listing"), &request, is_fine ? NULL : &err);
}

/* ---- the command ---- */

static enum status run(const struct cli *cli, const struct args *args)
{
	const char *word = args->n_words > 0 ? args->words[0] : "";
	bool is_test = strcmp(word, "test") == 0;

	if (!is_test && (args_has(args, "listing") || args_has(args, "config"))) {
		cli_error("--listing and --config go with test NAME");
		return STATUS_USAGE;
	}
	if (args->n_words == 0) {
		return ask(cli, "GET", NAMES_PATH_GUARDS);
	}
	if (is_test && args->n_words == 2) {
		return args_has(args, "listing") ? test_on_listing(cli, args, args->words[1])
						 : test_by_daemon(cli, args->words[1]);
	}
	if (args->n_words == 1 && strcmp(word, "hold") == 0) {
		return ask(cli, "POST", NAMES_PATH_GUARDS "/hold");
	}
	if (args->n_words == 1 && strcmp(word, "resume") == 0) {
		return ask(cli, "POST", NAMES_PATH_GUARDS "/resume");
	}
	cli_error("expected nothing, hold, resume or test NAME");
	return STATUS_USAGE;
}

const struct command cmd_guards = {
	.name = "guards",
	.usage = "[hold | resume | test NAME [--listing FILE]]",
	.summary = "show the standing rules, hold them, or try one",
	.options_of = OF_GUARDS,
	.max_words = 2,
	.no_daemon = "listing",
	.details = "hold: no guard acts until resume, whatever happens to the daemon meanwhile.\n"
		   "test: whom it would kill now; or of a saved listing, without any daemon:\n"
		   "  redis-cli CLIENT LIST > FILE; sesskill guards test NAME --listing FILE\n",
	.run = run,
	.find_column = print_find_guard_column,
};
