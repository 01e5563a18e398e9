/*
 * Values that exist, instead of those that were typed.
 */
#include "cli/command/nobody.h"

#include <string.h>

#include "base/mem.h"
#include "base/nearest.h"
#include "cli/field.h"
#include "cli/form.h"
#include "cli/print/print.h"
#include "cli/terminal/human.h"
#include "cli/terminal/text.h"
#include "control/names.h"
#include "model/protection.h"
#include "model/selector.h"

/* Groups that are looked at, and how many are named where none is near. */
#define MAX_GROUPS "1000"
#define MAX_NAMED 3
/* It is only a hint. */
#define NOBODY_TIMEOUT_MS 5000

/* "FIELD = VALUE[,VALUE...]"; false: it says something else. */
static bool read_equal(const char *expression, struct slice *ret_field, struct slice *ret_values)
{
	const char *op = strpbrk(expression, "=!<>");

	if (op == NULL || *op != '=') {
		return false;
	}
	*ret_field = slice_trim(slice_range(expression, op));
	*ret_values = slice_trim(slice_of(op + 1));
	return true;
}

static bool is_text(const char *expression)
{
	struct selector *selector = selector_new(slice_of(expression), NULL);
	enum session_field_kind kind = selector != NULL
					       ? session_field_kind(selector_field(selector))
					       : SESSION_KIND_NUMBER;

	selector_free(selector);
	return kind == SESSION_KIND_TEXT || kind == SESSION_KIND_ADDRESS;
}

static bool ask(
	const struct cli *cli, const char *instance, struct slice field, struct api_answer *answer)
{
	CLEANUP(mem_free_p) char *below = form_path(NAMES_PATH_INSTANCES, instance);
	CLEANUP(mem_free_p) char *name = slice_copy(field);
	CLEANUP(mem_free_p) char *form = NULL;
	CLEANUP(mem_free_p) char *path = NULL;
	struct api_request request;
	struct err err;

	form_add(&form, "group_by", name);
	form_add(&form, "limit", MAX_GROUPS);
	path = mem_printf("%s/sessions?%s", below, form);
	request = cli_request(cli, "GET", path);
	request.timeout_ms = NOBODY_TIMEOUT_MS;
	return api_call(&request, answer, &err) == API_OK && answer->status == 200;
}

/* What is behind "nobody has it", on the heap; NULL: the value exists. */
static char *describe(const json_t *groups, struct slice value)
{
	struct nearest nearest = nearest_to(value);
	CLEANUP(mem_free_p) char *named = mem_printf("%s", "");
	const json_t *group, *near = NULL;
	size_t i, n_named = 0;

	json_array_foreach(groups, i, group)
	{
		struct slice text = print_value(field_text(group, "value"));
		CLEANUP(mem_free_p) char *before = NULL;

		if (slice_is_equal(text, value)) {
			return NULL;
		}
		if (slice_has_prefix(text, PROTECTION_OWN_PREFIX)) {
			continue;
		}
		nearest_try(&nearest, text);
		near = nearest.found.data == text.data && text.data != NULL ? group : near;
		if (n_named++ < MAX_NAMED) {
			before = named;
			named = mem_printf("%s%s%.*s has %s", before, before[0] != '\0' ? ", " : "",
				SLICE_ARG(text), human_count(field_count(group, "count")).text);
		}
	}
	return near != NULL ? mem_printf("%.*s has %s", SLICE_ARG(nearest.found),
				      human_count(field_count(near, "count")).text)
			    : mem_printf("%s", named);
}

static void explain(
	const json_t *groups, const char *option, struct slice field, struct slice values)
{
	bool is_kept = strcmp(option, "except") == 0;
	struct slice value;

	while (slice_next(&values, ',', &value)) {
		CLEANUP(mem_free_p) char *words = NULL;

		value = slice_trim(value);
		value = slice_is(value, "\"\"") ? print_value((struct slice){0}) : value;
		words = describe(groups, value);
		if (words != NULL && words[0] != '\0') {
			text_line(stderr, "%s%.*s = %.*s%s: nobody; %s", is_kept ? "--except " : "",
				SLICE_ARG(field), SLICE_ARG(value), is_kept ? " keeps" : "", words);
		}
	}
}

void nobody_explain(
	const struct cli *cli, const char *instance, const struct args *args, const char *option)
{
	for (size_t i = 0; i < args->n_items; i++) {
		const struct arg *arg = &args->items[i];
		CLEANUP(api_answer_finish) struct api_answer answer = {0};
		struct slice field, values;

		if (strcmp(arg->spec->name, option) == 0 && is_text(arg->value) &&
			read_equal(arg->value, &field, &values) &&
			strpbrk(values.data, "*?") == NULL && ask(cli, instance, field, &answer)) {
			explain(json_object_get(answer.json, "groups"), option, field, values);
		}
	}
}
