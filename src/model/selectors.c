/*
 * Lists of selectors.
 */
#include "base/mem.h"
#include "model/selector_internal.h"

static void append(struct selectors *list, struct selector *selector)
{
	list->items =
		mem_grow_array(list->items, list->n, &list->capacity, sizeof(struct selector *));
	list->items[list->n++] = selector;
}

bool selectors_add(struct selectors *list, struct slice text, struct err *err)
{
	struct selector *selector = selector_new(text, err);

	if (selector == NULL) {
		return false;
	}
	append(list, selector);
	return true;
}

static size_t count_values(const struct selectors *list, bool with_wildcards_only)
{
	size_t n = 0;

	for (size_t i = 0; i < list->n; i++) {
		for (size_t k = 0; k < list->items[i]->n_values; k++) {
			n += !with_wildcards_only || list->items[i]->values[k].wildcard != NULL;
		}
	}
	return n;
}

bool selectors_add_asked(struct selectors *list, struct slice text, struct err *err)
{
	if (!selectors_add(list, text, err)) {
		return false;
	}
	if (count_values(list, true) > SELECTORS_MAX_WILDCARDS) {
		err_set(err, "more than %d values with wildcards in all", SELECTORS_MAX_WILDCARDS);
	} else if (count_values(list, false) > SELECTORS_MAX_VALUES) {
		err_set(err, "more than %d values in all", SELECTORS_MAX_VALUES);
	} else {
		return true;
	}
	selector_free(list->items[--list->n]);
	return false;
}

void selectors_add_exact(struct selectors *list, enum session_field field, struct slice value)
{
	append(list, selector_new_exact(field, value));
}

void selectors_finish(struct selectors *list)
{
	for (size_t i = 0; i < list->n; i++) {
		selector_free(list->items[i]);
	}
	free(list->items);
	memset(list, 0, sizeof(*list));
}

bool selectors_is_equal(const struct selectors *a, const struct selectors *b)
{
	if (a->n != b->n) {
		return false;
	}
	for (size_t i = 0; i < a->n; i++) {
		if (strcmp(a->items[i]->text, b->items[i]->text) != 0) {
			return false;
		}
	}
	return true;
}

uint64_t selectors_fields(const struct selectors *list)
{
	uint64_t fields = 0;

	for (size_t i = 0; i < list->n; i++) {
		fields |= UINT64_C(1) << list->items[i]->field;
	}
	return fields;
}

bool selectors_name_ids(const struct selectors *list)
{
	return (selectors_fields(list) & (UINT64_C(1) << SESSION_ID)) != 0;
}

/* One that says `decisive` decides; else OPEN if one says that, or the opposite. */
static enum selector_verdict test(const struct selectors *list, const struct session *session,
	enum selector_verdict decisive, enum selector_verdict opposite)
{
	enum selector_verdict verdict = opposite;

	for (size_t i = 0; i < list->n && verdict != decisive; i++) {
		enum selector_verdict one = selector_test(list->items[i], session);

		verdict = one == decisive || one == SELECTOR_OPEN ? one : verdict;
	}
	return verdict;
}

enum selector_verdict selectors_test_all(
	const struct selectors *list, const struct session *session)
{
	return test(list, session, SELECTOR_NO, SELECTOR_YES);
}

enum selector_verdict selectors_test_any(
	const struct selectors *list, const struct session *session)
{
	return test(list, session, SELECTOR_YES, SELECTOR_NO);
}
