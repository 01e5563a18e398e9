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

static struct link_opts copy_link(const struct link_opts *opts)
{
	return (struct link_opts){
		.connect_timeout_ms = opts->connect_timeout_ms,
		.command_timeout_ms = opts->command_timeout_ms,
		.username = copy_text(opts->username),
		.password_file = copy_text(opts->password_file),
		.client_command = copy_text(opts->client_command),
		.tls =
			{
				.is_on = opts->tls.is_on,
				.ca_file = copy_text(opts->tls.ca_file),
				.cert_file = copy_text(opts->tls.cert_file),
				.key_file = copy_text(opts->tls.key_file),
				.server_name = copy_text(opts->tls.server_name),
			},
		.is_for_questions = opts->is_for_questions,
	};
}

static void finish_link(struct link_opts *opts)
{
	free(opts->username);
	free(opts->password_file);
	free(opts->client_command);
	free(opts->tls.ca_file);
	free(opts->tls.cert_file);
	free(opts->tls.key_file);
	free(opts->tls.server_name);
}

void options_complete_questions(struct instance_opts *opts)
{
	if (opts->kind == TOPOLOGY_CLUSTER) {
		opts->questions = copy_link(&opts->link);
	} else {
		opts->questions.connect_timeout_ms = opts->link.connect_timeout_ms;
		opts->questions.command_timeout_ms = opts->link.command_timeout_ms;
		opts->questions.client_command = copy_text("CLIENT");
	}
	opts->questions.is_for_questions = true;
}

void options_copy_instance(struct instance_opts *ret_copy, const struct instance_opts *defaults)
{
	*ret_copy = (struct instance_opts){
		.link = copy_link(&defaults->link),
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
	free(opts->master);
	finish_link(&opts->link);
	finish_link(&opts->questions);
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
