/*
 * Seeds: runs them one after the other, each in this process; the first one that fails is made
 * smaller, and told. See README.md of tests/.
 */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/check.h"
#include "base/mem.h"
#include "base/parse.h"
#include "sim.h"

/* How a process ends whose daemon has died by an accident; sim_fail() ends with 10. */
#define EXIT_ACCIDENT 11

static const struct sim_size full = {100, 100, 100, 100};

/* What a child tells before it dies. */
struct progress {
	uint64_t seed;
	uint64_t n_done;
	uint64_t n_events;
	uint64_t hash; /* of the last one */
	bool is_over;  /* all of its part */
};

static struct progress *progress;

/* Of builds that measure coverage (-Db_coverage=true). */
extern void __gcov_dump(void) __attribute__((weak));

static void leave(void) __attribute__((noreturn));

static void leave(void)
{
	fflush(stdout);
	if (__gcov_dump != NULL) {
		__gcov_dump();
	}
	_exit(0);
}

/* The daemon has died, by a CHECK for instance: what led to that is told, as by an oracle. */
static void on_accident(int number)
{
	alarm(5); /* should even that not go well */
	printf("FAILED crash: the daemon has died by signal %d\n", number);
	sim_print_log(40);
	fflush(stdout);
	_exit(EXIT_ACCIDENT);
}

/* The sanitizers tell of their own ones themselves. */
static void watch_accidents(void)
{
	signal(SIGABRT, on_accident);
#ifndef __SANITIZE_ADDRESS__
	signal(SIGSEGV, on_accident);
	signal(SIGBUS, on_accident);
	signal(SIGFPE, on_accident);
#endif
}

static void run_seeds(uint64_t first, uint64_t step, uint64_t n, const struct sim_size *size)
{
	for (uint64_t i = 0; i < n; i++) {
		progress->seed = first + i * step;
		scenario_run(progress->seed, size);
		progress->n_done++;
		progress->n_events += sim_n_events();
		progress->hash = sim_log_hash();
	}
}

/* True: it went well. */
static bool run_child(uint64_t seed, const struct sim_size *size, bool is_quiet)
{
	int status = 0;
	pid_t child;

	fflush(stdout);
	child = fork();
	if (child == 0) {
		if (is_quiet) {
			CHECK(freopen("/dev/null", "w", stdout) != NULL);
			CHECK(freopen("/dev/null", "w", stderr) != NULL);
		}
		run_seeds(seed, 1, 1, size);
		leave();
	}
	CHECK(waitpid(child, &status, 0) == child);
	scenario_clear(child);
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static struct sim_size shrink(uint64_t seed)
{
	static const unsigned percents[] = {0, 10, 25, 50, 75};
	struct sim_size size = full;
	unsigned *const parts[] = {&size.servers, &size.faults, &size.sessions, &size.length};

	for (size_t k = 0; k < ARRAY_SIZE(parts); k++) {
		unsigned whole = *parts[k];

		for (size_t i = 0; i < ARRAY_SIZE(percents); i++) {
			*parts[k] = percents[i];
			if (!run_child(seed, &size, true)) {
				break;
			}
			*parts[k] = whole;
		}
	}
	return size;
}

static void tell(uint64_t seed)
{
	struct sim_size size = shrink(seed);

	printf("seed %llu fails; at its smallest: --seed %llu --size %u,%u,%u,%u\n",
		(unsigned long long)seed, (unsigned long long)seed, size.servers, size.sessions,
		size.faults, size.length);
	(void)run_child(seed, &size, false);
}

struct options {
	uint64_t seed, n;
	unsigned jobs;
	struct sim_size size;
	bool is_one, is_echoed, is_replay, is_brief;
};

static uint64_t number(const char *text)
{
	uint64_t value;

	CHECK(parse_u64(slice_of(text), &value));
	return value;
}

static struct options read_options(int argc, char **argv)
{
	static const struct option table[] = {
		{"seed", required_argument, NULL, 's'},
		{"count", required_argument, NULL, 'n'},
		{"jobs", required_argument, NULL, 'j'},
		{"size", required_argument, NULL, 'z'},
		{"log", no_argument, NULL, 'l'},
		{"replay", no_argument, NULL, 'r'},
		{"brief", no_argument, NULL, 'b'},
		{NULL, 0, NULL, 0},
	};
	struct options options = {.seed = 1, .n = 1, .jobs = 1, .size = full};
	int option;

	while ((option = getopt_long(argc, argv, "", table, NULL)) != -1) {
		switch (option) {
		case 's':
			options.seed = number(optarg);
			break;
		case 'n':
			options.n = number(optarg);
			break;
		case 'j':
			options.jobs = (unsigned)number(optarg);
			break;
		case 'z':
			CHECK(sscanf(optarg, "%u,%u,%u,%u", &options.size.servers,
				      &options.size.sessions, &options.size.faults,
				      &options.size.length) == 4);
			options.is_one = true;
			break;
		case 'l':
			options.is_echoed = true;
			break;
		case 'b':
			options.is_brief = true;
			break;
		case 'r':
			options.is_replay = true;
			break;
		default:
			exit(2);
		}
	}
	return options;
}

/* Twice the same seed is twice the same. */
static bool replays(uint64_t seed)
{
	uint64_t hash;

	CHECK(run_child(seed, &full, true));
	hash = progress->hash;
	CHECK(run_child(seed, &full, true));
	if (progress->hash != hash) {
		printf("seed %llu does not replay\n", (unsigned long long)seed);
	}
	return progress->hash == hash;
}

/* Which oracle was not satisfied, as it said itself: "FAILED exact: ..." */
static bool tell_oracle(FILE *output)
{
	char line[512];

	rewind(output);
	while (fgets(line, sizeof(line), output) != NULL) {
		if (strncmp(line, "FAILED ", 7) == 0) {
			line[strcspn(line, ":\n")] = '\0';
			printf(": %s\n", line + 7);
			return true;
		}
	}
	return false;
}

/* Several may have failed at once, of which one has said so. */
static void tell_briefly(uint64_t seed, uint64_t n_done, FILE *const *outputs, unsigned n)
{
	bool is_told = false;

	printf("found by seed %llu, after %llu seeds", (unsigned long long)seed,
		(unsigned long long)n_done);
	for (unsigned i = 0; i < n && !is_told; i++) {
		is_told = tell_oracle(outputs[i]);
	}
	if (!is_told) {
		printf(": crash\n");
	}
}

/* The rest is not waited for once one has failed. */
static void wait_for_all(const pid_t *children, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		int status;

		scenario_clear(wait(&status));
		if (WIFSIGNALED(status) && WTERMSIG(status) != SIGKILL) {
			printf("a process of several seeds has died by signal %d\n",
				WTERMSIG(status));
		}
		if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
			for (unsigned k = 0; k < n; k++) {
				kill(children[k], SIGKILL);
			}
		}
	}
}

static double seconds_since(const struct timespec *begun)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)(now.tv_sec - begun->tv_sec) + (double)(now.tv_nsec - begun->tv_nsec) / 1e9;
}

static void run_part(const struct options *options, unsigned part, FILE *output)
{
	CHECK(dup2(fileno(output), STDOUT_FILENO) == STDOUT_FILENO);
	run_seeds(options->seed + part, options->jobs,
		(options->n + options->jobs - 1 - part) / options->jobs, &full);
	progress->is_over = true;
	leave();
}

/* A seed that fails only behind others tells what it has said there. */
static void tell_output(FILE *output)
{
	char line[512];

	rewind(output);
	while (fgets(line, sizeof(line), output) != NULL) {
		fputs(line, stdout);
	}
}

static int run_all(const struct options *options)
{
	struct progress *all = mmap(NULL, options->jobs * sizeof(struct progress),
		PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CLEANUP(mem_free_p) pid_t *children = mem_alloc_array(options->jobs, sizeof(pid_t));
	uint64_t n_done = 0, n_events = 0;
	const struct progress *failed = NULL;
	CLEANUP(mem_free_p) FILE **outputs = mem_alloc_array(options->jobs, sizeof(FILE *));
	struct timespec begun;
	double seconds;

	clock_gettime(CLOCK_MONOTONIC, &begun);
	fflush(stdout);
	for (unsigned i = 0; i < options->jobs; i++) {
		outputs[i] = tmpfile();
		CHECK(outputs[i] != NULL);
		children[i] = fork();
		if (children[i] == 0) {
			progress = &all[i];
			run_part(options, i, outputs[i]);
		}
	}
	wait_for_all(children, options->jobs);
	seconds = seconds_since(&begun);
	for (unsigned i = 0; i < options->jobs; i++) {
		n_done += all[i].n_done;
		n_events += all[i].n_events;
		/* Of those that did not get to the end one has failed, the others were stopped. */
		if (!all[i].is_over && (failed == NULL || !run_child(all[i].seed, &full, true))) {
			failed = &all[i];
		}
	}
	if (failed != NULL && options->is_brief) {
		tell_briefly(failed->seed, n_done, outputs, options->jobs);
		return 1;
	}
	if (failed != NULL && run_child(failed->seed, &full, true)) {
		printf("seed %llu fails, and not alone\n", (unsigned long long)failed->seed);
		tell_output(outputs[failed - all]);
	} else if (failed != NULL) {
		tell(failed->seed);
	}
	for (unsigned i = 0; i < options->jobs; i++) {
		fclose(outputs[i]);
	}
	printf("%llu seeds from %llu, %.0f a second, %llu events each: %s\n",
		(unsigned long long)n_done, (unsigned long long)options->seed,
		(double)n_done / seconds, (unsigned long long)(n_done > 0 ? n_events / n_done : 0),
		failed == NULL ? "all well" : "FAILED");
	return failed == NULL ? 0 : 1;
}

int main(int argc, char **argv)
{
	struct options options = read_options(argc, argv);

	setvbuf(stdout, NULL, _IOLBF, 0);
	watch_accidents();
	progress = mmap(
		NULL, sizeof(*progress), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (options.is_replay) {
		for (uint64_t i = 0; i < options.n; i++) {
			if (!replays(options.seed + i)) {
				return 1;
			}
		}
		return 0;
	}
	if (options.is_one || options.is_echoed) {
		sim_echo_log(options.is_echoed);
		return run_child(options.seed, &options.size, false) ? 0 : 1;
	}
	return run_all(&options);
}
