/*
 * Steps of a plan as commands: for the server, and in words.
 */
#include <stdio.h>

#include "base/check.h"
#include "base/mem.h"
#include "model/plan.h"

#define MAX_NUMBER_BYTES 21

static void add_arg(struct plan_command *command, struct slice arg)
{
	command->argv = mem_grow_array(
		command->argv, command->argc, &command->argv_capacity, sizeof(struct slice));
	command->argv[command->argc++] = arg;
}

static void add_word(struct plan_command *command, const char *word)
{
	add_arg(command, slice_of(word));
}

/* The digits go into `slot` of the buffer, which is large enough from the start: no pointer moves.
 */
static void add_number(struct plan_command *command, size_t slot, uint64_t number)
{
	char *end = command->numbers + (slot + 1) * MAX_NUMBER_BYTES;
	char *at = end;

	do {
		*--at = (char)('0' + number % 10);
		number /= 10;
	} while (number > 0);
	add_arg(command, slice_range(at, end));
}

static void begin(struct plan_command *command, struct slice client_command)
{
	command->argc = 0;
	if (command->numbers == NULL) {
		command->numbers = mem_alloc_array(PLAN_MAX_IDS_PER_COMMAND, MAX_NUMBER_BYTES);
	}
	add_arg(command, client_command);
	add_word(command, "KILL");
}

static void add_keys(struct plan_command *command, const struct snapshot_cell *cell)
{
	for (unsigned key = 0; key < SNAPSHOT_N_KEYS; key++) {
		if (cell->keys[key].data != NULL) {
			add_word(command, snapshot_key_word((enum snapshot_key)key));
			add_arg(command, cell->keys[key]);
		}
	}
}

/* Filters of a set command; the first two number slots are theirs. */
static void add_set_filters(
	struct plan_command *command, const struct plan *plan, const struct plan_step *step)
{
	const struct snapshot_cell *cell =
		step->kind == PLAN_STEP_CELL ? &plan->snapshot->cells[step->cell] : NULL;

	add_word(command, "TYPE");
	add_word(command, session_type_name(step->type));
	if (cell != NULL) {
		add_keys(command, cell);
	}
	if (plan->least_age_s > 0) {
		add_word(command, "MAXAGE");
		add_number(command, 0, (uint64_t)plan->least_age_s);
	}
	if (plan->least_idle_s > 0) {
		add_word(command, "IDLE");
		add_number(command, 1, (uint64_t)plan->least_idle_s);
	}
}

/*
 * What the verdict rests on, where the server ANDs its filters: a session that became another since
 * (a replica, of another user) is not hit.
 */
static void add_id_filters(
	struct plan_command *command, const struct plan *plan, const struct snapshot_entry *victim)
{
	if (!caps_has(plan->snapshot->caps, CAP_KILL_TYPE)) {
		return;
	}
	add_word(command, "TYPE");
	add_word(command, session_type_name((enum session_type)victim->type));
	if (victim->cell != INTERN_NONE) {
		add_keys(command, &plan->snapshot->cells[victim->cell]);
	}
}

/* One command has the filters of all its victims. */
static size_t n_alike(
	const struct plan *plan, const struct plan_step *step, size_t offset, size_t most)
{
	uint32_t cell = plan_step_victim(plan, step, offset)->cell;
	size_t n = 1;

	while (n < most && plan_step_victim(plan, step, offset + n)->cell == cell) {
		n++;
	}
	return n;
}

/* Dragonfly takes one filter and nothing else. It is only sent ids, and ours is none of them. */
static bool takes_skipme(const struct plan *plan)
{
	return plan->snapshot->caps->family != SERVER_DRAGONFLY;
}

size_t plan_step_command(const struct plan *plan, const struct plan_step *step, size_t offset,
	size_t most, struct slice client_command, struct plan_command *command)
{
	size_t n = step->n;

	CHECK(offset < step->n);
	begin(command, client_command);
	if (step->kind == PLAN_STEP_IDS) {
		n = n_alike(plan, step, offset,
			MIN(MIN(step->ids_per_command, most), step->n - offset));
		add_word(command, "ID");
		for (size_t i = 0; i < n; i++) {
			add_number(command, i, plan_step_victim(plan, step, offset + i)->id);
		}
		add_id_filters(command, plan, plan_step_victim(plan, step, offset));
	} else {
		add_set_filters(command, plan, step);
	}
	if (takes_skipme(plan)) {
		add_word(command, "SKIPME");
		add_word(command, "yes");
	}
	return n;
}

void plan_command_finish(struct plan_command *command)
{
	free(command->argv);
	free(command->numbers);
	memset(command, 0, sizeof(*command));
}

/* ---- in words ---- */

#define MAX_IDS_SHOWN 5

static void print_args(FILE *out, const struct plan_command *command, size_t from, size_t to)
{
	for (size_t i = from; i < to; i++) {
		fprintf(out, "%s%.*s", i > 0 ? " " : "", SLICE_ARG(command->argv[i]));
	}
}

/* `n_ids` of them stand behind CLIENT KILL ID. */
static void print_ids(FILE *out, const struct plan_command *command, size_t n_ids, size_t n_victims)
{
	size_t n_shown = MIN(n_ids, (size_t)MAX_IDS_SHOWN);
	size_t n_commands;

	CHECK(n_ids > 0);
	n_commands = (n_victims + n_ids - 1) / n_ids;
	print_args(out, command, 0, 3 + n_shown);
	if (n_ids > n_shown) {
		fprintf(out, " ... (%zu ids)", n_ids);
	}
	print_args(out, command, 3 + n_ids, command->argc);
	if (n_commands > 1) {
		fprintf(out, ", and %zu more such commands", n_commands - 1);
	}
}

static char *print_command(
	const struct plan *plan, const struct plan_step *step, struct slice client_command)
{
	struct plan_command command = {0};
	char *text = NULL;
	size_t size = 0;
	size_t most = step->victims_per_burst > 0 ? step->victims_per_burst : SIZE_MAX;
	FILE *out = open_memstream(&text, &size);
	size_t n;

	CHECK(out != NULL);
	n = plan_step_command(plan, step, 0, most, client_command, &command);
	if (step->kind == PLAN_STEP_IDS) {
		print_ids(out, &command, n, step->n);
	} else {
		print_args(out, &command, 0, command.argc);
	}
	CHECK(fclose(out) == 0);
	plan_command_finish(&command);
	return text;
}

char *plan_step_print(
	const struct plan *plan, const struct plan_step *step, struct slice client_command)
{
	return step->kind == PLAN_STEP_CUT ? mem_printf("cut %zu sockets at the kernel", step->n)
					   : print_command(plan, step, client_command);
}
