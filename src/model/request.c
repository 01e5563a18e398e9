/*
 * Requests and the judgement by them.
 */
#include "model/request.h"

#include "base/mem.h"

void request_init(struct request *request)
{
	*request = (struct request){.timeout_ms = REQUEST_DEFAULT_TIMEOUT_MS};
}

void request_finish(struct request *request)
{
	selectors_finish(&request->match);
	selectors_finish(&request->except);
	for (size_t i = 0; i < request->n_nodes; i++) {
		free(request->nodes[i]);
	}
	free(request->nodes);
	free(request->reason);
	memset(request, 0, sizeof(*request));
}

void request_move(struct request *to, struct request *from)
{
	*to = *from;
	memset(from, 0, sizeof(*from));
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
	       a->break_busy == b->break_busy && a->watch_ms == b->watch_ms &&
	       has_same_nodes(a, b) && selectors_is_equal(&a->match, &b->match) &&
	       selectors_is_equal(&a->except, &b->except);
}

bool request_wants_node(const struct request *request, const char *address)
{
	for (size_t i = 0; i < request->n_nodes; i++) {
		if (strcmp(request->nodes[i], address) == 0) {
			return true;
		}
	}
	return request->n_nodes == 0;
}

/* YES if any of the two says so; OPEN if neither is sure. */
static enum selector_verdict either(enum selector_verdict a, enum selector_verdict b)
{
	if (a == SELECTOR_YES || b == SELECTOR_YES) {
		return SELECTOR_YES;
	}
	return a == SELECTOR_OPEN || b == SELECTOR_OPEN ? SELECTOR_OPEN : SELECTOR_NO;
}

enum request_class request_judge(const struct request *request, const struct protection *protection,
	const struct session *session)
{
	enum selector_verdict selected =
		request->is_all ? SELECTOR_YES : selectors_test_all(&request->match, session);
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
