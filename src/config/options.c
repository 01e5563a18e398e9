/*
 * Copies and releases options.
 */
#include "config/options.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/mem.h"

static char *copy_text(const char *text)
{
	return text != NULL ? slice_copy(slice_of(text)) : NULL;
}

void options_copy_instance(struct instance_opts *ret_copy, const struct instance_opts *defaults)
{
	*ret_copy = (struct instance_opts){
		.link =
			{
				.connect_timeout_ms = defaults->link.connect_timeout_ms,
				.command_timeout_ms = defaults->link.command_timeout_ms,
				.username = copy_text(defaults->link.username),
				.password_file = copy_text(defaults->link.password_file),
				.client_command = copy_text(defaults->link.client_command),
			},
		.pace = defaults->pace,
		.stall_budget_ms = defaults->stall_budget_ms,
	};
	for (size_t i = 0; i < defaults->protect.n; i++) {
		struct slice text = slice_of(selector_text(defaults->protect.items[i]));

		CHECK(selectors_add(&ret_copy->protect, text, NULL)); /* it was compiled before */
	}
}

void options_finish_instance(struct instance_opts *opts)
{
	free(opts->id);
	for (size_t i = 0; i < opts->n_endpoints; i++) {
		endpoint_finish(&opts->endpoints[i]);
	}
	free(opts->endpoints);
	free(opts->link.username);
	free(opts->link.password_file);
	free(opts->link.client_command);
	selectors_finish(&opts->protect);
	*opts = (struct instance_opts){0};
}

void options_finish_statement(struct access_statement *statement)
{
	for (size_t i = 0; i < statement->n_actions; i++) {
		free(statement->actions[i]);
	}
	for (size_t i = 0; i < statement->n_instances; i++) {
		free(statement->instances[i]);
	}
	free(statement->actions);
	free(statement->instances);
	free(statement->users);
	free(statement->groups);
	*statement = (struct access_statement){0};
}
