/*
 * The command line of `clients`.
 */
#include "options.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/parse.h"

#define DEFAULT_WINDOW 100

static const char HELP[] =
	"Usage: clients (--unix PATH | --port PORT [--host HOST]) [CLASS]... [OPTION]...\n"
	"\n"
	"Opens client sessions on a Redis-compatible server and tells which of them the server\n"
	"closed. Prints `ready N` when the server has answered each of them (N are set up), then\n"
	"obeys the lines on standard input: `status` prints a line of JSON, `quit` or the end of\n"
	"the input ends the program.\n"
	"\n"
	"Classes; COUNT is a number, or with --total a share such as 10%:\n"
	"  --total N                 N sessions altogether: what no class takes is idle\n"
	"  --subscribed COUNT        subscribed to channels\n"
	"  --blocked COUNT           blocked in BLPOP, each on a key of its own\n"
	"  --monitoring COUNT        in MONITOR\n"
	"  --multi COUNT             in MULTI, with one command queued\n"
	"  --named NAME=COUNT        with that client name (repeatable)\n"
	"  --user USER:PASS=COUNT    logged in as that user (repeatable)\n"
	"\n"
	"Options:\n"
	"  --channels K              channels of each subscriber (1)\n"
	"  --auth [USER:]PASS        log in with this, all classes but --user\n"
	"  --resp3                   speak RESP3\n"
	"  --source ADDRESS          connect from this local address\n"
	"  --reconnect               whoever is closed or refused comes back, at once and for "
	"ever\n"
	"  --window N                unanswered connections at a time (100); must stay below the\n"
	"                            server's backlog\n"
	"  --hold-until-closed K     print the status and end when the server has closed K; the "
	"end\n"
	"                            of the input does not end the program then\n"
	"  --help\n"
	"\n"
	"The status: open, closed_by_server (were set up, ended by the server), reset (those of\n"
	"them that saw a reset instead of an orderly end), errors (attempts that were refused or\n"
	"ended before the answer), reconnects, last_error, and the numbers of each class.\n"
	"\n"
	"Exit status: 0; 1 for lack of descriptors; 2 for a wrong command line.\n";

enum {
	OPTION_UNIX = 1,
	OPTION_HOST,
	OPTION_PORT,
	OPTION_SOURCE,
	OPTION_TOTAL,
	OPTION_SUBSCRIBED,
	OPTION_BLOCKED,
	OPTION_MONITORING,
	OPTION_MULTI,
	OPTION_NAMED,
	OPTION_USER,
	OPTION_CHANNELS,
	OPTION_AUTH,
	OPTION_RESP3,
	OPTION_RECONNECT,
	OPTION_WINDOW,
	OPTION_HOLD,
	OPTION_HELP,
};

static const struct option LONG_OPTIONS[] = {
	{"unix", required_argument, NULL, OPTION_UNIX},
	{"host", required_argument, NULL, OPTION_HOST},
	{"port", required_argument, NULL, OPTION_PORT},
	{"source", required_argument, NULL, OPTION_SOURCE},
	{"total", required_argument, NULL, OPTION_TOTAL},
	{"subscribed", required_argument, NULL, OPTION_SUBSCRIBED},
	{"blocked", required_argument, NULL, OPTION_BLOCKED},
	{"monitoring", required_argument, NULL, OPTION_MONITORING},
	{"multi", required_argument, NULL, OPTION_MULTI},
	{"named", required_argument, NULL, OPTION_NAMED},
	{"user", required_argument, NULL, OPTION_USER},
	{"channels", required_argument, NULL, OPTION_CHANNELS},
	{"auth", required_argument, NULL, OPTION_AUTH},
	{"resp3", no_argument, NULL, OPTION_RESP3},
	{"reconnect", no_argument, NULL, OPTION_RECONNECT},
	{"window", required_argument, NULL, OPTION_WINDOW},
	{"hold-until-closed", required_argument, NULL, OPTION_HOLD},
	{"help", no_argument, NULL, OPTION_HELP},
	{NULL, 0, NULL, 0},
};

/* What can only be put together once all of the command line is read. */
struct draft {
	struct options *options;
	const char *unix_path;
	const char *host;
	const char *port;
	const char *source;
	struct credentials credentials;
	size_t total; /* 0: the sum of the classes */
};

static bool parse_count(struct slice text, size_t min, size_t *ret_count)
{
	uint64_t count;

	if (!parse_u64(text, &count) || count < min || count > OPTIONS_MAX_SESSIONS) {
		return false;
	}
	*ret_count = (size_t)count;
	return true;
}

static bool parse_share(struct slice text, struct session_class *class)
{
	size_t percent;

	if (!slice_has_suffix(text, "%")) {
		return parse_count(text, 0, &class->n_sessions);
	}
	text.len--;
	if (!parse_count(text, 1, &percent) || percent > 100) {
		return false;
	}
	class->share_percent = (unsigned)percent;
	return true;
}

/* Splits at the last '=': what is in front may hold some itself. */
static bool split_count(struct slice text, struct slice *ret_front, struct slice *ret_count)
{
	size_t at = text.len;

	while (at > 0 && text.data[at - 1] != '=') {
		at--;
	}
	if (at < 2) {
		return false;
	}
	*ret_front = (struct slice){text.data, at - 1};
	*ret_count = slice_skip(text, at);
	return true;
}

static struct credentials parse_credentials(struct slice text)
{
	struct credentials credentials = {.password = text};

	if (slice_has_char(text, ':')) {
		(void)slice_next(&credentials.password, ':', &credentials.user);
	}
	return credentials;
}

/* The next free class, zeroed; NULL when there are too many. */
static struct session_class *add_class(struct options *options, enum class_kind kind)
{
	struct session_class *class;

	if (options->n_classes == OPTIONS_MAX_CLASSES) {
		return NULL;
	}
	class = &options->classes[options->n_classes++];
	class->kind = kind;
	return class;
}

static bool add_kind(struct options *options, enum class_kind kind, const char *label, char *count)
{
	struct session_class *class = add_class(options, kind);

	if (class == NULL) {
		return false;
	}
	class->label = mem_printf("%s", label);
	return parse_share(slice_of(count), class);
}

/* A label goes into JSON as it is. */
static bool is_plain(struct slice text)
{
	for (size_t i = 0; i < text.len; i++) {
		if (text.data[i] <= ' ' || text.data[i] > '~' || text.data[i] == '"' ||
			text.data[i] == '\\') {
			return false;
		}
	}
	return text.len > 0;
}

static bool add_named(struct options *options, char *argument)
{
	struct session_class *class = add_class(options, CLASS_IDLE);
	struct slice count;

	if (class == NULL || !split_count(slice_of(argument), &class->name, &count) ||
		!is_plain(class->name)) {
		return false;
	}
	class->label = mem_printf("named:%.*s", SLICE_ARG(class->name));
	return parse_share(count, class);
}

static bool add_user(struct options *options, char *argument)
{
	struct session_class *class = add_class(options, CLASS_IDLE);
	struct slice front;
	struct slice count;

	if (class == NULL || !split_count(slice_of(argument), &front, &count)) {
		return false;
	}
	class->credentials = parse_credentials(front);
	if (!is_plain(class->credentials.user)) {
		return false;
	}
	class->label = mem_printf("user:%.*s", SLICE_ARG(class->credentials.user));
	return parse_share(count, class);
}

/* False: the argument is not what the option wants. */
static bool take_option(struct draft *draft, int option, char *argument)
{
	struct options *options = draft->options;

	switch (option) {
	case OPTION_UNIX:
		draft->unix_path = argument;
		return true;
	case OPTION_HOST:
		draft->host = argument;
		return true;
	case OPTION_PORT:
		draft->port = argument;
		return true;
	case OPTION_SOURCE:
		draft->source = argument;
		return true;
	case OPTION_TOTAL:
		return parse_count(slice_of(argument), 1, &draft->total);
	case OPTION_SUBSCRIBED:
		return add_kind(options, CLASS_SUBSCRIBED, "subscribed", argument);
	case OPTION_BLOCKED:
		return add_kind(options, CLASS_BLOCKED, "blocked", argument);
	case OPTION_MONITORING:
		return add_kind(options, CLASS_MONITORING, "monitoring", argument);
	case OPTION_MULTI:
		return add_kind(options, CLASS_MULTI, "multi", argument);
	case OPTION_NAMED:
		return add_named(options, argument);
	case OPTION_USER:
		return add_user(options, argument);
	case OPTION_CHANNELS:
		return parse_count(slice_of(argument), 1, &options->n_channels);
	case OPTION_AUTH:
		draft->credentials = parse_credentials(slice_of(argument));
		return draft->credentials.password.len > 0;
	case OPTION_RESP3:
		options->is_resp3 = true;
		return true;
	case OPTION_RECONNECT:
		options->does_reconnect = true;
		return true;
	case OPTION_WINDOW:
		return parse_count(slice_of(argument), 1, &options->window);
	case OPTION_HOLD:
		return parse_count(slice_of(argument), 1, &options->hold_until_closed);
	default:
		return false;
	}
}

/* Monitors see every command of everybody: they come last, so that the others are quick to open. */
static int compare_classes(const void *left, const void *right)
{
	const struct session_class *a = left;
	const struct session_class *b = right;

	return (a->kind == CLASS_MONITORING) - (b->kind == CLASS_MONITORING);
}

static bool count_sessions(struct draft *draft, struct err *err)
{
	struct options *options = draft->options;
	struct session_class *idle;

	for (size_t i = 0; i < options->n_classes; i++) {
		struct session_class *class = &options->classes[i];

		if (class->share_percent > 0 && draft->total == 0) {
			err_set(err, "a share needs --total");
			return false;
		}
		class->n_sessions += draft->total * class->share_percent / 100;
		options->n_sessions += class->n_sessions;
		if (class->credentials.password.data == NULL) {
			class->credentials = draft->credentials;
		}
	}
	if (draft->total > 0 && options->n_sessions > draft->total) {
		err_set(err, "the classes take %zu sessions, more than --total",
			options->n_sessions);
		return false;
	}
	if (draft->total > options->n_sessions) {
		idle = add_class(options, CLASS_IDLE);
		if (idle == NULL) {
			err_set(err, "too many classes");
			return false;
		}
		idle->label = mem_printf("idle");
		idle->n_sessions = draft->total - options->n_sessions;
		idle->credentials = draft->credentials;
		options->n_sessions = draft->total;
	}
	if (options->n_sessions == 0 || options->n_sessions > OPTIONS_MAX_SESSIONS) {
		err_set(err, "from 1 to %d sessions, please", OPTIONS_MAX_SESSIONS);
		return false;
	}
	qsort(options->classes, options->n_classes, sizeof(*options->classes), compare_classes);
	return true;
}

static bool set_target(struct draft *draft, struct err *err)
{
	struct target *target = &draft->options->target;

	if ((draft->unix_path == NULL) == (draft->port == NULL)) {
		err_set(err, "either --unix or --port, please");
		return false;
	}
	if (draft->unix_path != NULL) {
		return target_set_unix(target, draft->unix_path, err) == 0;
	}
	return target_set_tcp(target, draft->host, draft->port, draft->source, err) == 0;
}

enum options_result options_parse(struct options *options, int argc, char **argv)
{
	struct draft draft = {.options = options, .host = "127.0.0.1"};
	struct err err = {""};
	int option;

	*options = (struct options){.n_channels = 1, .window = DEFAULT_WINDOW};
	while ((option = getopt_long(argc, argv, "", LONG_OPTIONS, NULL)) != -1) {
		if (option == OPTION_HELP) {
			fputs(HELP, stdout);
			return OPTIONS_HELP;
		}
		if (option == '?') { /* getopt_long() has said it */
			return OPTIONS_WRONG;
		}
		if (!take_option(&draft, option, optarg)) {
			fprintf(stderr, "clients: wrong argument: %s\n", optarg);
			return OPTIONS_WRONG;
		}
	}
	if (optind < argc) {
		fprintf(stderr, "clients: what is %s?\n", argv[optind]);
		return OPTIONS_WRONG;
	}
	if (!count_sessions(&draft, &err) || !set_target(&draft, &err)) {
		fprintf(stderr, "clients: %s\n", err.text);
		return OPTIONS_WRONG;
	}
	return OPTIONS_RUN;
}

void options_finish(struct options *options)
{
	for (size_t i = 0; i < options->n_classes; i++) {
		free(options->classes[i].label);
	}
}
