/*
 * Leases as rows: who is kept out, until when, and what is wrong with that.
 */
#include "base/mem.h"
#include "cli/field.h"
#include "cli/print/print.h"
#include "cli/print/table.h"
#include "cli/terminal/human.h"
#include "cli/terminal/text.h"

static const struct table_column COLUMNS[] = {
	{"LEASE", "id", TABLE_TEXT, 0, TABLE_NEEDED},
	{"INSTANCE", "instance", TABLE_TEXT, 8, TABLE_NEEDED},
	{"KEPT OUT", "who", TABLE_TEXT, 8, TABLE_NEEDED},
	{"UNTIL", "until", TABLE_TEXT, 0, TABLE_NEEDED},
	{"LEFT", "left_ms", TABLE_DURATION, 0, TABLE_OPTIONAL},
	{"KNOCKED", "refused", TABLE_COUNT, 0, TABLE_OPTIONAL},
	{"STATE", "state", TABLE_TEXT, 0, TABLE_OPTIONAL},
	{"BY", "user", TABLE_TEXT, 4, TABLE_OPTIONAL},
	{"REASON", "reason", TABLE_TEXT, 8, TABLE_OPTIONAL},
};

bool print_find_lease_column(struct slice word, struct table_column *ret_column, struct err *err)
{
	return table_read_column(COLUMNS, ARRAY_SIZE(COLUMNS), word, ret_column, err);
}

static bool is_bad(const json_t *lease)
{
	struct slice state = field_text(lease, "state");

	return slice_is(state, "overdue") || slice_is(state, "incomplete");
}

/* Their users, or where they come from. */
static char *name_those_out(const json_t *lease, const char *between)
{
	bool is_by_address = slice_is(field_text(lease, "by"), "address");

	return field_join(json_object_get(lease, is_by_address ? "sources" : "users"), between);
}

static void add_lease(struct table *table, const json_t *lease)
{
	CLEANUP(mem_free_p) char *who = name_those_out(lease, ",");

	table_add(table, lease);
	table_set(table, "who", slice_of(who));
	print_time(table, "until", lease);
	table_style(table, "state", is_bad(lease) ? TERM_BAD : TERM_PLAIN);
}

/* With what is to be typed on the server, where the daemon cannot do it. */
static void print_doors(const json_t *lease, const struct screen *screen)
{
	bool is_overdue = slice_is(field_text(lease, "state"), "overdue");
	const json_t *door;
	size_t i;

	if (field_text(lease, "error").len > 0) {
		print_remark(
			screen, TERM_BAD, "", field_text(lease, "id"), field_text(lease, "error"));
	}
	json_array_foreach(json_object_get(lease, "doors"), i, door)
	{
		struct slice address = field_text(door, "address");
		struct slice user = field_text(door, "user");
		struct slice state = field_text(door, "state");
		struct slice error = field_text(door, "error");
		CLEANUP(mem_free_p) char *words = NULL;

		if (slice_is(state, "changed")) {
			words = mem_printf(
				"the user %.*s was changed by somebody else, and is left "
				"as it is",
				SLICE_ARG(user));
		} else if (error.len > 0) {
			words = mem_printf("the user %.*s %s: %.*s; by hand: ACL SETUSER %.*s %s",
				SLICE_ARG(user), is_overdue ? "is still off" : "may not be off",
				SLICE_ARG(error), SLICE_ARG(user), is_overdue ? "on" : "off");
		}
		print_remark(screen, TERM_BAD, "", address, slice_of(words));
	}
}

void print_leases(const json_t *answer, const struct screen *screen)
{
	CLEANUP(table_free_p)
	struct table *table = table_new_form(COLUMNS, ARRAY_SIZE(COLUMNS), screen);
	const json_t *leases = json_object_get(answer, "leases");
	const json_t *lease;
	size_t i;

	if (leases != NULL && json_array_size(leases) == 0) {
		if (screen->form == NULL || screen->form->columns == NULL) {
			text_line(screen->file, "nobody is kept out");
		}
		return;
	}
	print_time_title(table, "until", "UNTIL");
	if (leases == NULL) {
		add_lease(table, answer);
	}
	json_array_foreach(leases, i, lease)
	{
		add_lease(table, lease);
	}
	table_print(table, screen, 0);
	if (leases == NULL) {
		print_doors(answer, screen);
	}
	json_array_foreach(leases, i, lease)
	{
		print_doors(lease, screen);
	}
}

void print_released(const json_t *lease, const struct screen *screen)
{
	CLEANUP(mem_free_p) char *who = name_those_out(lease, ", ");

	text_line(screen->file, "%.*s: %s may come in again",
		SLICE_ARG(field_text(lease, "instance")), who);
}
