/*
 * Requests and the judgement by them.
 */
#include "model/request.h"

#include "base/mem.h"

void request_init(struct request *request)
{
	*request = (struct request){.timeout_ms = REQUEST_DEFAULT_TIMEOUT_MS};
	goals_init(&request->goals);
}

void request_finish(struct request *request)
{
	selectors_finish(&request->match);
	selectors_finish(&request->except);
	free(request->ids);
	for (size_t i = 0; i < request->n_nodes; i++) {
		free(request->nodes[i]);
	}
	free(request->nodes);
	free(request->run_id);
	free(request->reason);
	memset(request, 0, sizeof(*request));
}

void request_move(struct request *to, struct request *from)
{
	*to = *from;
	memset(from, 0, sizeof(*from));
}

bool request_is_for_everybody(const struct request *request)
{
	if (request->is_all) {
		return true;
	}
	for (size_t i = 0; i < request->match.n; i++) {
		if (!selector_is_for_everybody(request->match.items[i])) {
			return false;
		}
	}
	return request->match.n > 0 && request->n_ids == 0;
}

/* ---- ids ---- */

static int compare_ids(const void *a, const void *b)
{
	uint64_t left = *(const uint64_t *)a;
	uint64_t right = *(const uint64_t *)b;

	return (left > right) - (left < right);
}

void request_set_ids(struct request *request, uint64_t *ids, size_t n)
{
	size_t n_kept = 0;

	if (n > 0) {
		qsort(ids, n, sizeof(uint64_t), compare_ids);
	}
	for (size_t i = 0; i < n; i++) {
		if (n_kept == 0 || ids[i] != ids[n_kept - 1]) {
			ids[n_kept++] = ids[i];
		}
	}
	free(request->ids);
	request->ids = ids;
	request->n_ids = n_kept;
}

bool request_find_id(const struct request *request, uint64_t id, size_t *ret_place)
{
	const uint64_t *found = NULL;

	if (request->n_ids > 0) {
		found = bsearch(&id, request->ids, request->n_ids, sizeof(uint64_t), compare_ids);
	}
	if (found == NULL) {
		return false;
	}
	*ret_place = (size_t)(found - request->ids);
	return true;
}

/* ---- comparison ---- */

const struct selector *request_users(const struct request *request)
{
	bool is_whole = !request->is_all && request->match.n == 1 && request->except.n == 0 &&
			request->n_ids == 0 && request->n_nodes == 0 && request->run_id == NULL &&
			!request->has_max && !goals_is_bounded(&request->goals);
	const struct selector *selector = is_whole ? request->match.items[0] : NULL;

	return selector != NULL && selector_is_exact_list(selector) &&
			       selector_field(selector) == SESSION_USER
		       ? selector
		       : NULL;
}

/* Who does not log in is of the user default, as others are. */
static bool names_default(const struct selector *users)
{
	for (size_t i = 0; i < selector_n_values(users); i++) {
		struct slice user = selector_listed_value(users, i);

		if (user.len == 0 || slice_is(user, "default")) {
			return true;
		}
	}
	return false;
}

bool request_is_kept_out_by_user(const struct request *request)
{
	const struct selector *users = request_users(request);

	return request->keep_out_ms > 0 && users != NULL &&
	       (request->keep_out_by == KEEP_OUT_USER ||
		       (request->keep_out_by == KEEP_OUT_ANY && !names_default(users)));
}

static bool has_same_ids(const struct request *a, const struct request *b)
{
	return a->n_ids == b->n_ids &&
	       (a->n_ids == 0 || memcmp(a->ids, b->ids, a->n_ids * sizeof(uint64_t)) == 0);
}

static bool has_same_nodes(const struct request *a, const struct request *b)
{
	if (a->n_nodes != b->n_nodes) {
		return false;
	}
	for (size_t i = 0; i < a->n_nodes; i++) {
		if (strcmp(a->nodes[i], b->nodes[i]) != 0) {
			return false;
		}
	}
	return true;
}

bool request_is_same(const struct request *a, const struct request *b)
{
	return a->is_all == b->is_all && a->is_dry_run == b->is_dry_run &&
	       a->has_max == b->has_max && a->max == b->max && a->pace == b->pace &&
	       a->stall_budget_ms == b->stall_budget_ms && a->timeout_ms == b->timeout_ms &&
	       a->break_busy == b->break_busy && a->via == b->via && a->wants_cut == b->wants_cut &&
	       a->watch_ms == b->watch_ms && a->wants_results == b->wants_results &&
	       a->keep_out_ms == b->keep_out_ms && a->keep_out_by == b->keep_out_by &&
	       a->is_whole_source == b->is_whole_source && a->holds == b->holds &&
	       a->readmit == b->readmit && a->wants_processes == b->wants_processes &&
	       a->has_timeout == b->has_timeout && goals_is_equal(&a->goals, &b->goals) &&
	       has_same_ids(a, b) && has_same_nodes(a, b) &&
	       slice_is_same_text(a->run_id, b->run_id) &&
	       selectors_is_equal(&a->match, &b->match) &&
	       selectors_is_equal(&a->except, &b->except);
}

/* ---- judgement ---- */

/* YES if any of the two says so; OPEN if neither is sure. */
static enum selector_verdict either(enum selector_verdict a, enum selector_verdict b)
{
	if (a == SELECTOR_YES || b == SELECTOR_YES) {
		return SELECTOR_YES;
	}
	return a == SELECTOR_OPEN || b == SELECTOR_OPEN ? SELECTOR_OPEN : SELECTOR_NO;
}

/* NO for whoever is not among the ids; of a set of sessions no more is known than that. */
static enum selector_verdict test_ids(const struct request *request, const struct session *session)
{
	size_t place;

	if (request->n_ids == 0) {
		return SELECTOR_YES;
	}
	if ((session->open_fields & (UINT64_C(1) << SESSION_ID)) != 0) {
		return SELECTOR_OPEN;
	}
	return request_find_id(request, session->id, &place) ? SELECTOR_YES : SELECTOR_NO;
}

static enum selector_verdict test_selected(
	const struct request *request, const struct session *session)
{
	enum selector_verdict by_id;
	enum selector_verdict by_match;

	if (request->is_all) {
		return SELECTOR_YES;
	}
	if (request->n_ids == 0 && request->match.n == 0) {
		return SELECTOR_NO; /* nothing asked for is not everything */
	}
	by_id = test_ids(request, session);
	if (by_id == SELECTOR_NO) {
		return SELECTOR_NO;
	}
	by_match = selectors_test_all(&request->match, session);
	return by_match == SELECTOR_YES ? by_id : by_match;
}

enum request_class request_judge(const struct request *request, const struct protection *protection,
	const struct session *session)
{
	enum selector_verdict selected = test_selected(request, session);
	enum selector_verdict kept;

	if (selected == SELECTOR_NO) {
		return REQUEST_UNMATCHED;
	}
	kept = either(protection_test(protection, session),
		selectors_test_any(&request->except, session));
	if (selected == SELECTOR_OPEN || kept == SELECTOR_OPEN) {
		return REQUEST_OPEN;
	}
	return kept == SELECTOR_YES ? REQUEST_PROTECTED : REQUEST_MATCHED;
}
