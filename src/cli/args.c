/*
 * Command-line words against a table of options.
 */
#include "cli/args.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "base/nearest.h"
#include "base/slice.h"

/* By its name, or by its letter if that is not 0. */
static const struct option_spec *find_spec(const struct args *args, struct slice name, char letter)
{
	for (size_t i = 0; i < args->n_options; i++) {
		const struct option_spec *spec = &args->options[i];

		if (option_is_of(spec, args->command) &&
			(letter != 0 ? spec->letter == letter : slice_is(name, spec->name))) {
			return spec;
		}
	}
	return NULL;
}

static const struct arg *find_item(const struct args *args, const struct option_spec *spec)
{
	for (size_t i = 0; i < args->n_items; i++) {
		if (args->items[i].spec == spec) {
			return &args->items[i];
		}
	}
	return NULL;
}

/* As a whole, "--name", "--name=value" or flags by letter. */
static bool is_option_word(const struct args *args, const char *word)
{
	const char *letter = word + 1;

	if (word[0] != '-' || word[1] == '\0') {
		return false;
	}
	if (word[1] == '-') {
		return find_spec(args, slice_range(word + 2, strchrnul(word, '=')), 0) != NULL;
	}
	for (; *letter != '\0'; letter++) {
		if (find_spec(args, (struct slice){0}, *letter) == NULL) {
			return false;
		}
	}
	return true;
}

/*
 * `attached` is what stood in the same word (absent: nothing); else the next word of argv is the
 * value, which may start with a dash; but not one that is an option: "--reason -n" would be no dry
 * run.
 */
static bool add_option(struct args *args, const struct option_spec *spec, const char *attached,
	const char *const *argv, size_t *index, struct err *err)
{
	struct arg arg = {spec, NULL};

	if (spec->use != OPTION_SENT_EACH && spec->use != OPTION_OWN_EACH &&
		find_item(args, spec) != NULL) {
		err_set(err, "--%s is given twice", spec->name);
		return false;
	}
	if (spec->argument == NULL && attached != NULL) {
		err_set(err, "--%s takes no value", spec->name);
		return false;
	}
	if (spec->argument != NULL) {
		arg.value = attached != NULL ? attached : argv[*index];
		if (arg.value == NULL) {
			err_set(err, "--%s needs a value: %s", spec->name, spec->argument);
			return false;
		}
		if (attached == NULL && is_option_word(args, arg.value)) {
			err_set(err,
				"--%s needs a value, and %s is an option; --%s=%s if it is meant",
				spec->name, arg.value, spec->name, arg.value);
			return false;
		}
		*index += attached == NULL;
	}
	args->items =
		mem_grow_array(args->items, args->n_items, &args->items_capacity, sizeof(arg));
	args->items[args->n_items++] = arg;
	return true;
}

/* With the option that was probably meant. */
static void explain_unknown(const struct args *args, struct slice name, struct err *err)
{
	struct nearest nearest = nearest_to(name);

	for (size_t i = 0; i < args->n_options; i++) {
		if (option_is_of(&args->options[i], args->command)) {
			nearest_try(&nearest, slice_of(args->options[i].name));
		}
	}
	if (nearest.found.data != NULL) {
		err_set(err, "unknown option --%.*s; did you mean --%.*s?", SLICE_ARG(name),
			SLICE_ARG(nearest.found));
	} else {
		err_set(err, "unknown option --%.*s", SLICE_ARG(name));
	}
}

/* "--name" or "--name=value". */
static bool add_named(struct args *args, const char *word, const char *const *argv, size_t *index,
	struct err *err)
{
	const char *end = strchrnul(word, '=');
	const struct option_spec *spec = find_spec(args, slice_range(word + 2, end), 0);

	if (spec == NULL) {
		explain_unknown(args, slice_range(word + 2, end), err);
		return false;
	}
	return add_option(args, spec, *end != '\0' ? end + 1 : NULL, argv, index, err);
}

/* "-n", "-nvalue", or flags in one word, as in "-yn". */
static bool add_letters(struct args *args, const char *word, const char *const *argv, size_t *index,
	struct err *err)
{
	for (const char *letter = word + 1; *letter != '\0'; letter++) {
		const struct option_spec *spec = find_spec(args, (struct slice){0}, *letter);
		bool has_value = spec != NULL && spec->argument != NULL;
		const char *attached = has_value && letter[1] != '\0' ? letter + 1 : NULL;

		if (spec == NULL) {
			err_set(err, "unknown option -%s", letter);
			return false;
		}
		if (!add_option(args, spec, attached, argv, index, err)) {
			return false;
		}
		if (has_value) {
			break;
		}
	}
	return true;
}

static void add_word(struct args *args, const char *word)
{
	args->words =
		mem_grow_array(args->words, args->n_words, &args->words_capacity, sizeof(word));
	args->words[args->n_words++] = word;
}

bool args_parse(struct args *args, const char *const *argv, size_t *index, bool only_first_word,
	struct err *err)
{
	bool has_ended = false;

	while (argv[*index] != NULL) {
		const char *word = argv[(*index)++];

		if (has_ended || word[0] != '-' || word[1] == '\0') {
			add_word(args, word);
			if (only_first_word) {
				return true;
			}
		} else if (strcmp(word, "--") == 0) {
			has_ended = true;
		} else if (!(word[1] == '-' ? add_named : add_letters)(
				   args, word, argv, index, err)) {
			return false;
		}
	}
	return true;
}

void args_finish(struct args *args)
{
	free(args->items);
	free(args->words);
	*args = (struct args){0};
}

static const struct arg *find_given(const struct args *args, const char *name)
{
	const struct option_spec *spec = find_spec(args, slice_of(name), 0);

	CHECK(spec != NULL);
	return find_item(args, spec);
}

bool args_has(const struct args *args, const char *name)
{
	return find_given(args, name) != NULL;
}

const char *args_value(const struct args *args, const char *name)
{
	const struct arg *item = find_given(args, name);

	return item != NULL ? item->value : NULL;
}
