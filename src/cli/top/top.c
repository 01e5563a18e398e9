/*
 * What all files of sesskill top go by: the pace, and who is selected.
 */
#include "cli/top/top.h"

#include <string.h>

int64_t top_rest_ms(const struct top *top)
{
	int64_t by_hand_ms = TOP_REST_FACTOR_BY_HAND * top->took_ms;
	int64_t rest_ms = MAX(top->interval_ms, TOP_REST_FACTOR * top->took_ms);

	return top->is_stale ? by_hand_ms : rest_ms;
}

void top_add_selectors(const struct top *top, char **form, const char *more)
{
	const char *typed = top->trial != NULL ? top->trial : top->filter;

	form_add_options(form, top->args);
	if (typed != NULL && typed[0] != '\0') {
		form_add(form, "match", typed);
	}
	if (more != NULL) {
		form_add(form, "match", more);
	}
}

const char *top_selector_prefix(const struct option_spec *spec)
{
	return strcmp(spec->name, "except") == 0 ? "not " : "";
}
