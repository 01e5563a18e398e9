/*
 * Making the plan: which sets are exact, what they cost the server, and which are worth it.
 */
#include "model/plan.h"

#include "base/check.h"
#include "base/mem.h"

/* A session that is older than so many times the time-out was there before the kill began. */
#define NEWCOMER_MARGIN 2
/* The server's word is taken up to here: it must not make the estimates overflow. */
#define MAX_SUBSCRIPTIONS UINT64_C(1000000000)

/*
 * The fields that a newcomer may have. One that this server gives for nobody will not appear, but
 * for those that Garnet leaves out while they are unset.
 */
static uint64_t possible_fields(const struct snapshot *snapshot)
{
	uint64_t fields = snapshot->given_fields;

	if (snapshot->caps->family == SERVER_GARNET) {
		fields |= (UINT64_C(1) << SESSION_NAME) | (UINT64_C(1) << SESSION_USER);
	}
	return fields;
}

/*
 * A session of which nothing is known but what the filters of a set command say: the question to
 * request_judge() is then whether every such session, now or later, is to be killed.
 */
static void make_set_session(
	const struct plan *plan, const struct snapshot_cell *cell, struct session *ret_session)
{
	const struct snapshot *snapshot = plan->snapshot;

	*ret_session = (struct session){
		.type = cell->type,
		.least_age_s = plan->least_age_s,
		.least_idle_s = plan->least_idle_s,
		.open_fields = possible_fields(snapshot) | (UINT64_C(1) << SESSION_ID),
	};
	ret_session->values[SESSION_TYPE] = slice_of(session_type_name(cell->type));
	ret_session->values[SESSION_NODE] = snapshot->node;
	ret_session->open_fields &=
		~((UINT64_C(1) << SESSION_TYPE) | (UINT64_C(1) << SESSION_NODE));
}

static void fix_keys(struct session *session, const struct snapshot_cell *cell)
{
	static const enum session_field fields[SNAPSHOT_N_KEYS] = {
#define KEY(field, cap, word) SESSION_##field,
		SNAPSHOT_KEYS(KEY)
#undef KEY
	};

	for (unsigned key = 0; key < SNAPSHOT_N_KEYS; key++) {
		if (cell->keys[key].data != NULL) {
			session->values[fields[key]] = cell->keys[key];
			session->open_fields &= ~(UINT64_C(1) << fields[key]);
		}
	}
	session->laddr = address_parse_listed(session->values[SESSION_LADDR]);
}

static bool is_set_exact(const struct plan *plan, const struct session *session)
{
	return request_judge(plan->snapshot->request, plan->snapshot->protection, session) ==
	       REQUEST_MATCHED;
}

/*
 * Does the listing itself show somebody in the cell whom a set command must not hit? Sessions that
 * are not selected only because they are too young do no harm: the command carries the bound.
 */
static bool has_bystanders(const struct plan *plan, const struct snapshot_cell *cell)
{
	bool has_bound = plan->least_age_s >= 0 || plan->least_idle_s >= 0;

	if (plan->snapshot->request->has_max) {
		has_bound = false; /* one more second, and they would be hit beyond the limit */
	}
	return cell->n_kept > 0 || (cell->n_unmatched > 0 && !has_bound);
}

/* Would a command for everybody of this type be exact? */
static bool is_type_exact(const struct plan *plan, enum session_type type)
{
	const struct snapshot *snapshot = plan->snapshot;
	struct snapshot_cell whole = {.type = type};
	struct session session;

	if (snapshot->n_without_cell > 0) {
		return false;
	}
	for (size_t i = 0; i < snapshot->cell_texts.n; i++) {
		if (snapshot->cells[i].type == type && has_bystanders(plan, &snapshot->cells[i])) {
			return false;
		}
	}
	make_set_session(plan, &whole, &session);
	return is_set_exact(plan, &session);
}

static bool is_cell_exact(const struct plan *plan, const struct snapshot_cell *cell)
{
	struct session session;

	if (has_bystanders(plan, cell)) {
		return false;
	}
	make_set_session(plan, cell, &session);
	fix_keys(&session, cell);
	return is_set_exact(plan, &session);
}

/* ---- what it costs the server ---- */

static int64_t walk_ns(const struct plan *plan)
{
	return (int64_t)plan->snapshot->n * PLAN_WALK_NS;
}

/* At most; 1 where the server takes no more. */
static size_t ids_per_command(const struct plan *plan)
{
	return caps_has(plan->snapshot->caps, CAP_MULTI_ID) ? PLAN_MAX_IDS_PER_COMMAND : 1;
}

/*
 * What it takes to end one session. Servers before Redis 7.4 and Valkey 8.0 search the list of
 * subscribers of each of its channels (redis#12838: 24 s for 5,000 clients with 100 channels);
 * these are the servers without MAXAGE.
 */
static int64_t end_ns(const struct plan *plan, enum session_type type)
{
	const struct snapshot *snapshot = plan->snapshot;
	uint64_t n_subscriptions = MIN(snapshot->n_subscriptions, MAX_SUBSCRIPTIONS);

	if (type != SESSION_TYPE_PUBSUB || caps_has(snapshot->caps, CAP_KILL_MAXAGE)) {
		return PLAN_END_NS;
	}
	return PLAN_END_NS + (int64_t)n_subscriptions * PLAN_SUBSCRIBER_NS;
}

/* How many victims by id fit into the stall budget, in one command or one burst. */
static size_t ids_within_budget(const struct plan *plan, enum session_type type)
{
	int64_t budget_ns = plan->opts.stall_budget_ms * 1000000;
	int64_t n;

	if (ids_per_command(plan) > 1) {
		n = (budget_ns - walk_ns(plan)) / end_ns(plan, type);
	} else {
		n = budget_ns / (walk_ns(plan) + end_ns(plan, type));
	}
	return n < 1 ? 1 : (size_t)n;
}

/* Subscribers that would stall the server for long are paced even when the rest is not. */
static enum pace pace_of(const struct plan *plan, enum session_type type)
{
	int64_t excess_ns = end_ns(plan, type) - PLAN_END_NS;
	int64_t stall_ns = excess_ns * (int64_t)plan->snapshot->n_subscribers;

	return stall_ns > PLAN_MAX_SUBSCRIBER_STALL_MS * INT64_C(1000000) ? PACE_GENTLE
									  : plan->opts.pace;
}

/* A set command for `n` victims stalls the server for as long as it takes to end them all. */
static bool is_set_within_budget(const struct plan *plan, enum session_type type, uint64_t n)
{
	int64_t stall_ns = walk_ns(plan) + (int64_t)n * end_ns(plan, type);

	return pace_of(plan, type) == PACE_FAST || stall_ns <= plan->opts.stall_budget_ms * 1000000;
}

/* One walk for the cell against the walks that its victims cost by id. */
static bool is_cell_cheaper(const struct plan *plan, uint64_t n_victims)
{
	return n_victims > ids_per_command(plan);
}

/* ---- putting it together ---- */

static struct plan_step *add_step(
	struct plan *plan, enum plan_step_kind kind, enum session_type type)
{
	struct plan_step *step = mem_append(
		&plan->steps, &plan->n_steps, &plan->steps_capacity, sizeof(struct plan_step));

	step->kind = kind;
	step->type = type;
	step->first = plan->n_victims;
	return step;
}

static bool belongs(const struct plan_step *step, const struct snapshot_entry *entry)
{
	switch (step->kind) {
	case PLAN_STEP_TYPE:
		return entry->cell != INTERN_NONE && entry->type == step->type;
	case PLAN_STEP_CELL:
		return entry->cell == step->cell;
	case PLAN_STEP_CUT:
		return entry->socket != INTERN_NONE;
	case PLAN_STEP_IDS:
		break;
	}
	return entry->type == step->type;
}

/* Moves the untaken victims that belong into the last step; `taken` has a byte per entry. */
static void take_victims(struct plan *plan, uint8_t *taken)
{
	struct plan_step *step = &plan->steps[plan->n_steps - 1];

	for (size_t i = 0; i < plan->snapshot->n; i++) {
		const struct snapshot_entry *entry = &plan->snapshot->entries[i];

		if (!taken[i] && snapshot_is_victim(entry) && belongs(step, entry) &&
			(entry->is_due || !plan->opts.only_due)) {
			taken[i] = 1;
			plan->victims[plan->n_victims++] = (uint32_t)i;
		}
	}
	step->n = plan->n_victims - step->first;
	if (step->n == 0) {
		plan->n_steps--;
	}
}

/* The last step is a set: alone in flight, if there is a budget to keep. */
static void pace_set(struct plan *plan, enum session_type type)
{
	struct plan_step *step = &plan->steps[plan->n_steps - 1];

	if (pace_of(plan, type) == PACE_GENTLE) {
		step->victims_per_burst = step->n;
	}
}

static uint64_t n_victims_of_type(const struct plan *plan, enum session_type type)
{
	uint64_t n = 0;

	for (size_t i = 0; i < plan->snapshot->cell_texts.n; i++) {
		if (plan->snapshot->cells[i].type == type) {
			n += plan->snapshot->cells[i].n_victims;
		}
	}
	return n;
}

static void plan_types(struct plan *plan, uint8_t *taken)
{
	static const enum session_type types[] = {SESSION_TYPE_NORMAL, SESSION_TYPE_PUBSUB};

	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		uint64_t n = n_victims_of_type(plan, types[i]);

		if (n > 0 && is_type_exact(plan, types[i]) &&
			is_set_within_budget(plan, types[i], n)) {
			add_step(plan, PLAN_STEP_TYPE, types[i]);
			take_victims(plan, taken);
			pace_set(plan, types[i]);
		}
	}
}

static bool is_type_planned(const struct plan *plan, enum session_type type)
{
	for (size_t i = 0; i < plan->n_steps; i++) {
		if (plan->steps[i].kind == PLAN_STEP_TYPE && plan->steps[i].type == type) {
			return true;
		}
	}
	return false;
}

static void plan_cells(struct plan *plan, uint8_t *taken)
{
	for (uint32_t number = 0; number < plan->snapshot->cell_texts.n; number++) {
		const struct snapshot_cell *cell = &plan->snapshot->cells[number];

		if (is_type_planned(plan, cell->type) || !is_cell_cheaper(plan, cell->n_victims) ||
			!is_set_within_budget(plan, cell->type, cell->n_victims) ||
			!is_cell_exact(plan, cell)) {
			continue;
		}
		add_step(plan, PLAN_STEP_CELL, cell->type)->cell = number;
		take_victims(plan, taken);
		pace_set(plan, cell->type);
	}
}

/* Those of one cell together, ids ascending within: so they fit into few commands. */
static int compare_victims(const void *a, const void *b, void *context)
{
	const struct snapshot *snapshot = context;
	uint32_t left = *(const uint32_t *)a;
	uint32_t right = *(const uint32_t *)b;
	uint32_t left_cell = snapshot->entries[left].cell;
	uint32_t right_cell = snapshot->entries[right].cell;

	if (left_cell != right_cell) {
		return left_cell < right_cell ? -1 : 1;
	}
	return (left > right) - (left < right);
}

static void plan_ids(struct plan *plan, enum session_type type, uint8_t *taken)
{
	struct plan_step *step = add_step(plan, PLAN_STEP_IDS, type);

	step->ids_per_command = ids_per_command(plan);
	if (pace_of(plan, type) == PACE_GENTLE) {
		step->victims_per_burst = ids_within_budget(plan, type);
	}
	take_victims(plan, taken);
	if (step->n > 0 && step->ids_per_command > 1) {
		qsort_r(&plan->victims[step->first], step->n, sizeof(uint32_t), compare_victims,
			(void *)plan->snapshot);
	}
}

/* By id, one walk over all clients for as many as fit into a command. Bursts of the kernel's are
 * smaller than any command for many. */
static bool is_cut_cheaper(const struct plan *plan)
{
	int64_t by_id_ns = walk_ns(plan) / (int64_t)ids_per_command(plan) + PLAN_END_NS;

	return plan->opts.wants_kernel || plan->opts.pace == PACE_GENTLE ||
	       by_id_ns > PLAN_CUT_END_NS;
}

static void plan_cut(struct plan *plan, uint8_t *taken)
{
	size_t n_within_budget =
		(size_t)(plan->opts.stall_budget_ms * 1000000 / PLAN_CUT_END_NS) + 1;
	struct plan_step *step = add_step(plan, PLAN_STEP_CUT, SESSION_TYPE_NORMAL);

	step->victims_per_burst = plan->opts.pace == PACE_GENTLE
					  ? MIN(n_within_budget, (size_t)PLAN_MAX_CUT)
					  : PLAN_MAX_CUT;
	take_victims(plan, taken);
}

/* The strongest lower bound that the request itself asks for, if the server can filter on it. */
static int64_t lower_bound(const struct snapshot *snapshot, enum session_field field, enum cap cap)
{
	const struct selectors *match = &snapshot->request->match;
	int64_t strongest = -1;
	int64_t bound;

	for (size_t i = 0; i < match->n && caps_has(snapshot->caps, cap); i++) {
		if (selector_field(match->items[i]) == field &&
			selector_lower_bound(match->items[i], &bound) && bound > 0) {
			strongest = MAX(strongest, bound);
		}
	}
	return strongest;
}

/*
 * With a limit nobody may be hit who was not counted for it. Only an age keeps out whoever connects
 * after the listing, if it is more than the kill has time for, late commands included; and nobody
 * may have been listed who may come to fit, by AUTH or SUBSCRIBE.
 */
static bool may_have_sets(const struct plan *plan)
{
	const struct request *request = plan->snapshot->request;
	bool is_bound = plan->least_age_s > request->timeout_ms * NEWCOMER_MARGIN / 1000 &&
			snapshot_is_all_matched(plan->snapshot);

	/* Lines that could not be read belong to no cell: what a set would hit is not known then.
	 */
	return !plan->opts.by_id_only && !plan->opts.has_goals && !plan->opts.wants_kernel &&
	       plan->snapshot->n_unreadable == 0 && caps_has(plan->snapshot->caps, CAP_KILL_TYPE) &&
	       (is_bound || !request->has_max);
}

void plan_init(struct plan *plan, const struct snapshot *snapshot, const struct plan_opts *opts)
{
	CLEANUP(mem_free_p) uint8_t *taken = mem_alloc(snapshot->n);

	CHECK(opts->pace != PACE_INSTANCE);
	*plan = (struct plan){
		.snapshot = snapshot,
		.opts = *opts,
		.least_age_s = lower_bound(snapshot, SESSION_AGE, CAP_KILL_MAXAGE),
		.least_idle_s = lower_bound(snapshot, SESSION_IDLE, CAP_KILL_IDLE),
		.victims = mem_alloc_array(snapshot->n, sizeof(uint32_t)),
	};
	if (may_have_sets(plan)) {
		plan_types(plan, taken);
		plan_cells(plan, taken);
	}
	if (plan->opts.has_kernel && !plan->opts.by_id_only && is_cut_cheaper(plan)) {
		plan_cut(plan, taken);
	}
	for (unsigned type = 0; type < SESSION_N_TYPES; type++) {
		plan_ids(plan, (enum session_type)type, taken);
	}
}

void plan_finish(struct plan *plan)
{
	free(plan->victims);
	free(plan->steps);
	memset(plan, 0, sizeof(*plan));
}

const struct snapshot_entry *plan_step_victim(
	const struct plan *plan, const struct plan_step *step, size_t offset)
{
	return &plan->snapshot->entries[plan->victims[step->first + offset]];
}

enum session_type plan_step_type(const struct plan_step *step)
{
	return plan_step_is_set(step) ? step->type : SESSION_TYPE_NORMAL;
}

bool plan_has_sets(const struct plan *plan)
{
	for (size_t i = 0; i < plan->n_steps; i++) {
		if (plan_step_is_set(&plan->steps[i])) {
			return true;
		}
	}
	return false;
}
