/*
 * Copies and releases options.
 */
#include "config/options.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/mem.h"

void options_complete_questions(struct instance_opts *opts)
{
	if (opts->kind == TOPOLOGY_CLUSTER) {
		link_opts_copy(&opts->questions, &opts->link);
	} else {
		opts->questions.connect_timeout_ms = opts->link.connect_timeout_ms;
		opts->questions.command_timeout_ms = opts->link.command_timeout_ms;
		opts->questions.client_command = slice_copy(SLICE_LITERAL("CLIENT"));
	}
	opts->questions.n_links = 1;
	opts->questions.is_for_questions = true;
}

void options_copy_instance(struct instance_opts *ret_copy, const struct instance_opts *defaults)
{
	*ret_copy = (struct instance_opts){
		.pace = defaults->pace,
		.stall_budget_ms = defaults->stall_budget_ms,
	};
	link_opts_copy(&ret_copy->link, &defaults->link);
	reach_copy(&ret_copy->reach, &defaults->reach);
	for (size_t i = 0; i < defaults->protect.n; i++) {
		struct slice text = slice_of(selector_text(defaults->protect.items[i]));

		CHECK(selectors_add(&ret_copy->protect, text, NULL)); /* it was compiled before */
	}
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
