/*
 * Command-line words.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/macros.h"
#include "cli/args.h"

#define KILL 1U

static const struct option_spec OPTIONS[] = {
	{"match", 0, KILL, OPTION_SENT_EACH, "EXPR", ""},
	{"all", 'a', KILL, OPTION_SENT, NULL, ""},
	{"since", 0, KILL << 1, OPTION_OWN, "WHEN", ""},
	{"socket", 's', 0, OPTION_OWN, "PATH", ""},
	{"json", 'j', 0, OPTION_OWN, NULL, ""},
};

#define MAX_WORDS 8
#define SHOWN_BYTES 256

/* `expected` shows options as name=value, words in brackets; or it is the error. */
static const struct args_case {
	const char *name;
	const char *argv[MAX_WORDS];
	bool is_good;
	const char *expected;
} CASES[] = {
	{"nothing", {"p"}, true, ""},
	{"words", {"p", "a", "b"}, true, "[a][b]"},
	{"values both ways", {"p", "--match", "x", "--match=y"}, true, "match=x match=y "},
	{"value with an equals sign", {"p", "--match=user = a"}, true, "match=user = a "},
	{"empty value", {"p", "--match="}, true, "match= "},
	{"value like an option", {"p", "--match=--all"}, true, "match=--all "},
	{"value with a dash", {"p", "--match", "-x"}, true, "match=-x "},
	{"value with a dash and letters", {"p", "--match", "-ax"}, true, "match=-ax "},
	{"an option is no value", {"p", "--match", "--all"}, false,
		"--match needs a value, and --all is an option; --match=--all if it is meant"},
	{"nor are letters", {"p", "--match", "-ja"}, false,
		"--match needs a value, and -ja is an option; --match=-ja if it is meant"},
	{"nor one with a value", {"p", "--match", "--socket=x"}, false,
		"--match needs a value, and --socket=x is an option; --match=--socket=x if it is "
		"meant"},
	{"letters", {"p", "-s", "a"}, true, "socket=a "},
	{"letter with its value", {"p", "-sa"}, true, "socket=a "},
	{"common options anywhere", {"p", "x", "--json", "y"}, true, "json [x][y]"},
	{"flags in one word", {"p", "-ja", "x"}, true, "json all [x]"},
	{"and a value behind them", {"p", "-jsx"}, true, "json socket=x "},
	{"or in the next word", {"p", "-js", "x"}, true, "json socket=x "},
	{"end of the options", {"p", "--all", "--", "--all", "-s"}, true, "all [--all][-s]"},
	{"a dash is a word", {"p", "-"}, true, "[-]"},
	{"unknown", {"p", "--mach", "x"}, false, "unknown option --mach; did you mean --match?"},
	{"no abbreviations", {"p", "--mat", "x"}, false, "unknown option --mat"},
	{"of another command", {"p", "--since", "x"}, false, "unknown option --since"},
	{"unknown letter", {"p", "-x"}, false, "unknown option -x"},
	{"unknown among flags", {"p", "-jx"}, false, "unknown option -x"},
	{"no value among flags", {"p", "-js"}, false, "--socket needs a value: PATH"},
	{"no value", {"p", "--match"}, false, "--match needs a value: EXPR"},
	{"a value too many", {"p", "--all=true"}, false, "--all takes no value"},
	{"twice", {"p", "--all", "--all"}, false, "--all is given twice"},
	{"twice by letter and name", {"p", "-sa", "--socket=a"}, false, "--socket is given twice"},
};

static void show(const struct args *args, char *shown)
{
	size_t used = 0;

	shown[0] = '\0';
	for (size_t i = 0; i < args->n_items; i++) {
		used += (size_t)snprintf(shown + used, SHOWN_BYTES - used, "%s%s%s ",
			args->items[i].spec->name, args->items[i].value != NULL ? "=" : "",
			args->items[i].value != NULL ? args->items[i].value : "");
	}
	for (size_t i = 0; i < args->n_words; i++) {
		used += (size_t)snprintf(shown + used, SHOWN_BYTES - used, "[%s]", args->words[i]);
	}
}

static void test_parse(void **state UNUSED)
{
	for (size_t i = 0; i < ARRAY_SIZE(CASES); i++) {
		struct args args = {
			.options = OPTIONS,
			.n_options = ARRAY_SIZE(OPTIONS),
			.command = KILL,
		};
		const char *argv[MAX_WORDS];
		char shown[SHOWN_BYTES];
		const char *result;
		size_t index = 1;
		struct err err;

		memcpy(argv, CASES[i].argv, sizeof(argv));
		assert_int_equal(args_parse(&args, argv, &index, false, &err), CASES[i].is_good);
		show(&args, shown);
		result = CASES[i].is_good ? shown : err.text;
		if (strcmp(result, CASES[i].expected) != 0) {
			fail_msg("%s: %s instead of %s", CASES[i].name, result, CASES[i].expected);
		}
		args_finish(&args);
	}
}

/* As main() does it: the command's own options are known only once its name was read. */
static void test_command_first(void **state UNUSED)
{
	struct args args = {.options = OPTIONS, .n_options = ARRAY_SIZE(OPTIONS)};
	const char *argv[] = {"p", "--json", "kill", "--all", "id", NULL};
	size_t index = 1;
	struct err err;

	assert_true(args_parse(&args, argv, &index, true, &err));
	assert_int_equal(index, 3);
	assert_int_equal(args.n_words, 1);
	assert_string_equal(args.words[0], "kill");
	args.command = KILL;
	assert_true(args_parse(&args, argv, &index, false, &err));
	assert_true(args_has(&args, "json"));
	assert_true(args_has(&args, "all"));
	assert_false(args_has(&args, "match"));
	assert_null(args_value(&args, "socket"));
	assert_int_equal(args.n_words, 2);
	args_finish(&args);
}

static void test_command_options_come_behind_it(void **state UNUSED)
{
	struct args args = {.options = OPTIONS, .n_options = ARRAY_SIZE(OPTIONS)};
	const char *argv[] = {"p", "--all", "kill", NULL};
	size_t index = 1;
	struct err err;

	assert_false(args_parse(&args, argv, &index, true, &err));
	assert_string_equal(err.text, "unknown option --all");
	args_finish(&args);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_command_first),
		cmocka_unit_test(test_command_options_come_behind_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
