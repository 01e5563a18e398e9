/*
 * A listing of those whom a kill with the same goals would kill.
 */
#include <stdio.h>

#include "base/mem.h"
#include "kill/session_list.h"

void session_list_begin_goals(struct session_list_node *node)
{
	const struct session_list *list = node->list;

	if (list->book.goals == NULL) {
		return;
	}
	own_sessions_finish(&node->own);
	node->own = instances_own_sessions(list->opts.instances, node->link);
	node->protection = (struct protection){
		.family = link_server(node->link)->caps.family,
		.configured = &list->instance->opts->protect,
	};
	own_sessions_protect(&node->own, &node->protection);
}

bool session_list_may_choose(const struct session_list_node *node, const struct session *session)
{
	return node->list->book.goals == NULL ||
	       protection_test(&node->protection, session) == SELECTOR_NO;
}

/* By what the server said last of its places, which is a keep-alive ago. */
static uint64_t find_needed(const struct session_list *list, struct session_list_node *node)
{
	const struct link_server *server = link_server(node->link);

	if (list->opts.goals.has_free && server->max_clients < 0) {
		if (node->error[0] == '\0') {
			snprintf(node->error, sizeof(node->error),
				"the server does not tell its maxclients, which free goes by");
		}
		return 0;
	}
	return goals_needed(
		&list->opts.goals, server->max_clients, node->n_found, server->n_bus_links);
}

static struct goal_candidate *make_candidates(struct session_list *list)
{
	struct goal_candidate *candidates =
		mem_alloc_array(list->n_rows + 1, sizeof(struct goal_candidate));

	for (size_t i = 0; i < list->n_rows; i++) {
		candidates[i] = (struct goal_candidate){
			.mark = list->rows[i].mark,
			.id = list->rows[i].id,
			.node = list->rows[i].node,
			.owner = &list->rows[i],
		};
	}
	return candidates;
}

static void take_chosen(
	struct session_list *list, const struct goal_candidate *candidates, size_t n)
{
	struct session_list_row *rows = mem_alloc_array(n + 1, sizeof(struct session_list_row));

	list->n_rows = 0;
	for (size_t i = 0; i < list->n_nodes; i++) {
		list->nodes[i].n_selected = 0;
	}
	for (size_t i = 0; i < n; i++) {
		struct session_list_row *row = candidates[i].owner;

		if (candidates[i].is_chosen) {
			list->nodes[row->node].n_selected++;
		}
		if (candidates[i].is_chosen && list->n_rows < list->opts.limit) {
			rows[list->n_rows++] = *row;
		} else {
			free(row->line);
		}
	}
	free(list->rows);
	list->rows = rows;
	list->rows_capacity = n + 1;
}

void session_list_choose(struct session_list *list)
{
	CLEANUP(mem_free_p) uint64_t *n_needed = mem_alloc_array(list->n_nodes, sizeof(uint64_t));
	CLEANUP(mem_free_p) struct goal_candidate *candidates = make_candidates(list);
	size_t n = list->n_rows;

	for (size_t i = 0; i < list->n_nodes; i++) {
		n_needed[i] = find_needed(list, &list->nodes[i]);
	}
	goals_choose(&list->book, candidates, n, n_needed, UINT64_MAX);
	take_chosen(list, candidates, n);
}
