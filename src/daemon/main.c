/*
 * sesskilld: the command line. Runs in the foreground and logs to stderr.
 */
#include <getopt.h>
#include <malloc.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/account.h"
#include "base/fault.h"
#include "base/log.h"
#include "base/mem.h"
#include "build_config.h"
#include "config/config.h"
#include "control/names.h"
#include "daemon/daemon.h"
#include "record/json.h"

#define EXIT_BAD_USAGE 2

#if HAVE_FAULTS
#define FAULTS_NOTE " with fault points, for tests only"
#else
#define FAULTS_NOTE ""
#endif

/* Buffers from this size on are given back to the system when they are freed. */
#define LARGE_BUFFER_BYTES (128 * 1024)

static const char usage[] =
	"usage: sesskilld [-c FILE] [--check [--as USER]] [--debug] [--version] [--help]\n"
	"\n"
	"Ends client sessions on Redis-compatible servers on request, and proves it.\n"
	"Runs in the foreground and logs to stderr.\n"
	"\n"
	"  -c, --config FILE  the configuration; default " SESSKILL_CONFIG ",\n"
	"                     and where that does not exist a built-in one: the instance\n"
	"                     \"local\" at 127.0.0.1:6379\n"
	"      --check        read the configuration, say what is wrong, exit 0 or 2\n"
	"      --as USER      with --check: read as this user; default, for root, the one of the\n"
	"                     service, " NAMES_SERVICE_USER "\n"
	"      --print-guards read the configuration, print its guards as JSON\n"
	"      --debug        log what the links and sweeps do\n"
	"      --version      print the version\n"
	"      --help         print this\n";

struct arguments {
	const char *config;
	const char *as; /* NULL: not given */
	int is_check;
	int is_print;
};

enum {
	OPTION_AS = 256,
	OPTION_VERSION,
	OPTION_HELP,
};

static void refuse(const char *format, ...) PRINTF_LIKE(1, 2) __attribute__((noreturn));

static void refuse(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputs(usage, stderr);
	exit(EXIT_BAD_USAGE);
}

static void refuse_nonsense(const struct arguments *arguments, const char *word)
{
	if (word != NULL) {
		refuse("sesskilld: unexpected argument \"%s\"\n", word);
	}
	if (arguments->as != NULL && !arguments->is_check) {
		refuse("sesskilld: --as goes with --check\n");
	}
}

/* Exits by itself for --help, --version and what it does not understand. */
static struct arguments read_arguments(int argc, char **argv)
{
	struct arguments arguments = {0};
	int level = LOG_LEVEL_INFO;
	const struct option options[] = {
		{"config", required_argument, NULL, 'c'},
		{"check", no_argument, &arguments.is_check, 1},
		{"as", required_argument, NULL, OPTION_AS},
		{"print-guards", no_argument, &arguments.is_print, 1},
		{"debug", no_argument, &level, LOG_LEVEL_DEBUG},
		{"version", no_argument, NULL, OPTION_VERSION},
		{"help", no_argument, NULL, OPTION_HELP},
		{NULL, 0, NULL, 0},
	};
	int option;

	while ((option = getopt_long(argc, argv, "c:", options, NULL)) != -1) {
		switch (option) {
		case 0:
			break;
		case 'c':
			arguments.config = optarg;
			break;
		case OPTION_AS:
			arguments.as = optarg;
			break;
		case OPTION_VERSION:
			puts("sesskilld " SESSKILL_VERSION FAULTS_NOTE "\n" SESSKILLD_BUILT_WITH);
			exit(EXIT_SUCCESS);
		case OPTION_HELP:
			fputs(usage, stdout);
			exit(EXIT_SUCCESS);
		default:
			refuse("%s", "");
		}
	}
	refuse_nonsense(&arguments, argv[optind]);
	log_set_level((enum log_level)level);
	return arguments;
}

/* The file that was named, else the usual one if it exists, else NULL for the built-in one. */
static const char *choose_config(const struct arguments *arguments)
{
	if (arguments->config != NULL) {
		return arguments->config;
	}
	return access(SESSKILL_CONFIG, F_OK) == 0 ? SESSKILL_CONFIG : NULL;
}

static struct config *load_config(const char *path)
{
	struct config_errors errors = {0};
	struct config *config = config_load(path, &errors);

	for (size_t i = 0; i < errors.n; i++) {
		fprintf(stderr, "%s\n", errors.lines[i]);
	}
	config_errors_finish(&errors);
	return config;
}

/* As GET /v1/guards has them, but for what they do at the moment: they do nothing. */
static void print_guards(const struct config *config)
{
	json_auto_t *root = json_object();
	json_t *list = json_array();
	char *text CLEANUP(mem_free_p) = NULL;

	for (size_t i = 0; i < config->guards.n; i++) {
		const struct guard_opts *opts = &config->guards.items[i];
		json_t *guard = json_object();

		json_set(guard, "name", json_text_of(opts->name));
		json_set(guard, "instances", json_texts(opts->instances, opts->n_instances));
		json_set(guard, "request", guard_opts_json(opts));
		json_add(list, guard);
	}
	json_set(root, "guards", list);
	text = json_print(root);
	puts(text);
}

/* For tests. False, having said why: they are not understood. */
static bool read_faults(void)
{
	struct err err;

	if (FAULT_CAN && fault_set_rules(getenv(FAULT_VARIABLE), &err) != 0) {
		log_error(FAULT_VARIABLE ": %s", err.text);
		return false;
	}
	return true;
}

/*
 * The credentials of the service are there while it runs. From its own ExecReload= the service
 * manager hides them, but not the service (seen with systemd 252).
 */
static void find_credentials(void)
{
	const char *main_pid = getenv("MAINPID");
	CLEANUP(mem_free_p)
	char *path = main_pid != NULL ? mem_printf("/proc/%s/root" NAMES_CREDENTIALS, main_pid)
				      : mem_printf("%s", NAMES_CREDENTIALS);

	if (access(path, F_OK) == 0) {
		setenv("CREDENTIALS_DIRECTORY", path, main_pid != NULL);
	}
}

/*
 * What root can read its service's user may not. *ret_user is the user that was chosen, if nobody
 * said which. False with words said.
 */
static bool become_reader(const char *as, const char **ret_user)
{
	const char *user = as != NULL ? as : NAMES_SERVICE_USER;
	int r;

	*ret_user = NULL;
	if (as == NULL && geteuid() != 0) {
		return true;
	}
	r = account_become(user);
	if (as == NULL && r == ACCOUNT_E_UNKNOWN) {
		return true; /* the service is not installed here */
	}
	if (r != 0) {
		log_error("--as %s: %s", user,
			r == ACCOUNT_E_UNKNOWN ? "no such user" : strerror(-r));
		return false;
	}
	*ret_user = as == NULL ? user : NULL;
	return true;
}

static bool can_check(const struct arguments *arguments, const char **ret_user)
{
	find_credentials();
	return become_reader(arguments->as, ret_user);
}

static int check(const struct arguments *arguments, const char *path)
{
	const char *user = NULL;
	bool is_ready = !arguments->is_check || can_check(arguments, &user);
	struct config *config = is_ready && read_faults() ? load_config(path) : NULL;

	if (config == NULL) {
		if (user != NULL) {
			fprintf(stderr,
				"(read as %s, the user of the service; --as USER for another)\n",
				user);
		}
		return EXIT_BAD_USAGE;
	}
	if (arguments->is_print) {
		print_guards(config);
	}
	config_free(config);
	return EXIT_SUCCESS;
}

/* Takes `config` over. */
static int run(struct config *config, const char *path)
{
	size_t n_instances = config->n_instances;
	struct daemon *daemon;
	struct err err;
	int r = daemon_new(config, path, &daemon, &err);

	if (r != 0) {
		log_error("%s", err.text);
		return EXIT_FAILURE;
	}
	daemon_use_kernel(daemon, kernel_probe());
	log_notice("sesskilld " SESSKILL_VERSION FAULTS_NOTE " looks after %zu instances (%s)",
		n_instances, path != NULL ? path : "built-in configuration");
	r = daemon_run(daemon);
	daemon_free(daemon);
	return r == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char **argv)
{
	/* Passwords pass through this process: no core dump may hold one. */
	static const struct rlimit no_core = {0, 0};
	struct arguments arguments = read_arguments(argc, argv);
	const char *path = choose_config(&arguments);
	struct config *config;

	setrlimit(RLIMIT_CORE, &no_core);
	/* The C library would raise the bound by itself, and keep the memory of one large listing
	 * for ever. */
	mallopt(M_MMAP_THRESHOLD, LARGE_BUFFER_BYTES);
	if (arguments.is_check || arguments.is_print) {
		return check(&arguments, path);
	}
	config = read_faults() ? load_config(path) : NULL;
	return config != NULL ? run(config, path) : EXIT_BAD_USAGE;
}
