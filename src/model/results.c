/*
 * Results session by session.
 */
#include "model/results.h"

#include <stdlib.h>

#include "base/macros.h"
#include "base/mem.h"

void results_finish(struct results *results)
{
	intern_finish(&results->texts);
	free(results->items);
	memset(results, 0, sizeof(*results));
}

static uint32_t add_text(struct results *results, struct slice text)
{
	text.len = MIN(text.len, (size_t)RESULTS_MAX_TEXT_BYTES);
	return text.data != NULL ? intern_add(&results->texts, text) : INTERN_NONE;
}

struct result *results_add(struct results *results, struct slice node, uint64_t id)
{
	struct result *result;

	if (results->n == RESULTS_MAX) {
		return NULL;
	}
	result = mem_append(&results->items, &results->n, &results->capacity, sizeof(*result));
	*result = (struct result){
		.id = id,
		.node = add_text(results, node),
		.user = INTERN_NONE,
		.address = INTERN_NONE,
		.command = INTERN_NONE,
	};
	return result;
}

void results_add_settled(
	struct results *results, struct slice node, uint64_t id, enum result_fate fate)
{
	struct result *result = results_add(results, node, id);

	results->n_by_fate[fate]++;
	if (result != NULL) {
		result->fate = (uint8_t)fate;
	}
}

void results_describe(struct results *results, struct result *result, const struct session *session)
{
	bool has_idle = session_number(session, SESSION_IDLE, &result->idle_s);

	(void)!session_number(session, SESSION_DB, &result->db);
	result->user = add_text(results, session->values[SESSION_USER]);
	result->address = add_text(results, session->values[SESSION_ADDR]);
	result->command = add_text(results, session->values[SESSION_CMD]);
	result->is_active = (has_idle && result->idle_s == 0) || session_has_flag(session, 'b') ||
			    session_has_flag(session, 'x');
}

void results_forget(struct results *results, struct slice node)
{
	uint32_t number = intern_find(&results->texts, node);
	size_t n_kept = 0;

	for (size_t i = 0; i < results->n; i++) {
		if (results->items[i].node != number) {
			results->items[n_kept++] = results->items[i];
		}
	}
	results->n = n_kept;
}

struct slice results_text(const struct results *results, uint32_t number)
{
	return number != INTERN_NONE ? intern_get(&results->texts, number) : SLICE_LITERAL("");
}
