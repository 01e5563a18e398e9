/*
 * Whose the sessions of a roster are.
 */
#include "kill/roster_internal.h"

#include <event2/event.h>
#include <event2/util.h>

#include "base/mem.h"

/* Rows in one turn of the loop. */
#define ROWS_PER_TURN 512

static void on_census(void *context)
{
	roster_end_part(context);
}

void roster_begin_locals(struct roster *roster)
{
	if (!roster->opts.wants_locals ||
		(roster->opts.has_group && roster->opts.local_group == ROSTER_LOCAL_NONE)) {
		return;
	}
	for (size_t i = 0; i < roster->n_nodes; i++) {
		struct roster_node *node = &roster->nodes[i];

		if (!census_read_witness(link_descriptor(node->link), &node->witness) ||
			!census_is_near(&node->witness)) {
			node->witness = (struct census_witness){0};
		} else if (roster->census == NULL) {
			roster->n_running++;
			roster->census =
				census_new(event_get_base(roster->finished), on_census, roster);
		}
	}
}

static void find_servers(struct roster *roster)
{
	for (size_t i = 0; i < roster->n_nodes; i++) {
		struct roster_node *node = &roster->nodes[i];

		census_find_server(roster->census, &node->witness,
			node->has_own ? &node->own : NULL, node->listed_ms, &node->server);
	}
}

static uint32_t add_text(struct roster *roster, struct slice text)
{
	return text.len > 0 ? intern_add(&roster->local_texts, text) : INTERN_NONE;
}

static bool find_client(struct roster *roster, const struct roster_node *node,
	const struct roster_row *row, struct census_client *ret_client)
{
	struct known *known = roster->instance->known;
	bool is_found =
		census_find_client(roster->census, &node->server, &row->ends, true, ret_client);

	if (is_found && ret_client->pid != 0) {
		known_add(known, node->run_id, row->id, ret_client);
		return true;
	}
	return known_find(known, node->run_id, row->id, ret_client) || is_found;
}

static void name_row(struct roster *roster, struct roster_row *row)
{
	const struct roster_node *node = &roster->nodes[row->node];
	struct census_client client;

	row->is_local = row->is_local && node->witness.inode != 0;
	if (!row->is_local) {
		return;
	}
	roster->local.n_sessions++;
	if (find_client(roster, node, row, &client)) {
		row->local = (struct roster_local){
			.pid = client.pid,
			.process = add_text(roster, client.process),
			.unit = add_text(roster, client.unit),
			.user = add_text(roster, client.user),
		};
	}
	roster->local.n_named += row->local.pid != 0;
}

bool roster_name_locals(struct roster *roster)
{
	size_t end = MIN(roster->n_named + ROWS_PER_TURN, roster->n_rows);
	struct report_local *local = &roster->local;

	if (roster->census == NULL) {
		return false;
	}
	if (roster->n_named == 0) {
		find_servers(roster);
	}
	while (roster->n_named < end) {
		name_row(roster, &roster->rows[roster->n_named++]);
	}
	if (end < roster->n_rows) {
		return true;
	}
	if (local->n_named < local->n_sessions && census_error(roster->census)[0] != '\0') {
		local->error = mem_printf("%s", census_error(roster->census));
	}
	return false;
}

static uint32_t group_text(const struct roster *roster, const struct roster_local *local)
{
	switch (roster->opts.local_group) {
	case ROSTER_LOCAL_PROCESS:
		return local->process;
	case ROSTER_LOCAL_UNIT:
		return local->unit;
	case ROSTER_LOCAL_USER:
		return local->user;
	case ROSTER_LOCAL_NONE:
		break;
	}
	return INTERN_NONE;
}

void roster_count_locals(struct roster *roster)
{
	uint64_t n_others = 0;

	if (roster->opts.local_group == ROSTER_LOCAL_NONE) {
		return;
	}
	for (size_t i = 0; i < roster->n_nodes; i++) {
		n_others += roster->nodes[i].n_selected;
	}
	n_others -= roster->n_rows;
	while (roster->n_rows > 0) {
		const struct roster_row *row = &roster->rows[--roster->n_rows];

		roster_count(roster, roster_local_text(roster, group_text(roster, &row->local)), 1);
		free(row->line);
	}
	if (n_others > 0) {
		roster_count(roster, SLICE_LITERAL(ROSTER_OTHERS), n_others);
	}
}

void roster_finish_locals(struct roster *roster)
{
	for (size_t i = 0; i < roster->n_nodes; i++) {
		census_server_finish(&roster->nodes[i].server);
	}
	intern_finish(&roster->local_texts);
	census_free(roster->census);
	free(roster->local.error);
}

struct slice roster_local_text(const struct roster *roster, uint32_t number)
{
	return number != INTERN_NONE ? intern_get(&roster->local_texts, number) : SLICE_LITERAL("");
}
