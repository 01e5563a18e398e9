/*
 * Prints the tables of the sources as one JSON object, so that a test can hold the manual to them.
 * What is in no table of C but in what the programs say (options, metrics, answers) is not here:
 * the test asks the programs themselves.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/fault.h"
#include "base/macros.h"
#include "base/wildcard.h"
#include "config/keys.h"
#include "control/session_answer.h"
#include "control/order.h"
#include "control/routes.h"
#include "control/native/native.h"
#include "kill/session_list.h"
#include "record/denials.h"
#include "record/json.h"
#include "redis/link.h"

/* ---- configuration ---- */

static json_t *text_or_null(const char *text)
{
	return text != NULL ? json_text_of(text) : json_null();
}

static json_t *keys(void)
{
	json_t *list = json_array();

	for (size_t i = 0; i < keys_n; i++) {
		const struct key *key = &keys_table[i];
		char *path = keys_path(key);
		json_t *row = json_object();

		json_set(row, "path", json_text_of(path));
		json_set(row, "type", json_text_of(key->type->noun));
		json_set(row, "least", text_or_null(key->least));
		json_set(row, "most", text_or_null(key->most));
		json_set(row, "preset", text_or_null(key->preset));
		json_set(row, "is_section", json_boolean(key->type->read_fn == NULL));
		json_set(row, "is_required", json_boolean(key->is_required));
		json_set(row, "is_reloadable", json_boolean(keys_is_reloadable(key)));
		json_set(row, "help", json_text_of(key->help));
		json_add(list, row);
		free(path);
	}
	return list;
}

/* ---- the socket ---- */

static json_t *routes(void)
{
	size_t n;
	const struct route *table = routes_table(&n);
	json_t *list = json_array();

	for (size_t i = 0; i < n; i++) {
		json_t *row = json_object();

		json_set(row, "method", json_text_of(http_method_name(table[i].method)));
		json_set(row, "path", json_text_of(table[i].path));
		json_set(row, "das_action", text_or_null(table[i].das_action));
		json_set(row, "action", text_or_null(table[i].action));
		json_set(row, "selective_action", text_or_null(table[i].selective_action));
		json_add(list, row);
	}
	return list;
}

static json_t *names(const char *(*name_fn)(size_t index))
{
	json_t *list = json_array();

	for (size_t i = 0; name_fn(i) != NULL; i++) {
		json_add(list, json_text_of(name_fn(i)));
	}
	return list;
}

static json_t *errors(void)
{
	json_t *object = json_object();

#define ERROR(suffix, status, code) json_set(object, (code), json_integer(status));
	EXCHANGE_ERRORS(ERROR)
#undef ERROR
	return object;
}

/* ---- servers and sessions ---- */

static const char *kind_name(enum session_field_kind kind)
{
	switch (kind) {
	case SESSION_KIND_NUMBER:
		return "number";
	case SESSION_KIND_SECONDS:
		return "time";
	case SESSION_KIND_BYTES:
		return "size";
	case SESSION_KIND_TEXT:
		return "text";
	case SESSION_KIND_FLAGS:
		return "letter";
	case SESSION_KIND_ADDRESS:
		return "address";
	}
	return "?";
}

static json_t *fields(void)
{
	json_t *object = json_object();

	for (unsigned i = 0; i < SESSION_N_FIELDS; i++) {
		enum session_field field = (enum session_field)i;

		json_set(object, session_field_key(field),
			json_text_of(kind_name(session_field_kind(field))));
	}
	return object;
}

static json_t *capabilities(void)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < CAPS_N; i++) {
		json_add(list, json_text_of(caps_name((enum cap)i)));
	}
	return list;
}

static json_t *permissions(void)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < LINK_N_PERMISSIONS; i++) {
		json_add(list, json_text_of(link_permission_name((enum link_permission)i)));
	}
	return list;
}

static json_t *states(void)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < REPORT_N_STATES; i++) {
		json_add(list, json_text_of(report_state_name((enum report_state)i)));
	}
	return list;
}

/* ---- limits ---- */

static json_t *limits(void)
{
	/* As the manual calls them. */
	static const struct {
		const char *name;
		size_t most;
	} rows[] = {
		{"bytes of headers", HTTP_MAX_HEADER_BYTES},
		{"bytes of a body", HTTP_MAX_BODY_BYTES},
		{"milliseconds for a request", HTTP_REQUEST_TIMEOUT_MS},
		{"milliseconds between requests", HTTP_IDLE_TIMEOUT_MS},
		{"milliseconds without a request", HTTP_GRACE_MS},
		{"reserved places", HTTP_RESERVED_PLACES},
		{"callers who wait for a place", HTTP_MAX_WAITING},
		{"connections of a stranger", HTTP_MAX_OF_STRANGER},
		{"bytes of a stream that nobody reads", HTTP_MAX_PIECE_BYTES},
		{"bytes of answers that nobody reads", HTTP_MAX_UNREAD_BYTES},
		{"parameters", PARAMS_MAX},
		{"bytes of a parameter", PARAMS_MAX_VALUE_BYTES},
		{"bytes of a selector", SELECTOR_MAX_BYTES},
		{"values of a selector", SELECTOR_MAX_VALUES},
		{"characters of a value with wildcards", WILDCARD_MAX_CHARACTERS},
		{"values with wildcards of a list", SELECTORS_MAX_WILDCARDS},
		{"values of a list", SELECTORS_MAX_VALUES},
		{"denied requests a second", DENIALS_ONE_BY_ONE},
		{"denied users a second", DENIALS_MAX_USERS},
		{"bytes of a reason", REQUEST_MAX_REASON_BYTES},
		{"session ids", REQUEST_MAX_IDS},
		{"listed sessions", SESSION_LIST_MAX_LIMIT},
		{"groups", SESSION_LIST_MAX_GROUPS},
		{"listings of a user", SESSION_ANSWERS_MAX},
		{"bytes of listings of a user", SESSION_ANSWERS_MAX_BYTES},
		{"waiting kills of an instance", JOBS_MAX_WAITING},
		{"unfinished kills of an instance", JOBS_MAX_RUNS},
		{"dry runs of an instance", JOBS_MAX_DRY_RUNS},
		{"unanswered kills of an instance", JOBS_MAX_TICKETS},
		{"remembered kills", JOBS_MAX_REMEMBERED},
		{"results of a task", RESULTS_MAX},
		{"remembered results", JOBS_MAX_REMEMBERED_RESULTS},
		{"sources in a report", REPORT_MAX_SOURCES},
		{"warnings in a report", REPORT_MAX_WARNINGS},
	};
	json_t *object = json_object();

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		json_set(object, rows[i].name, json_integer((json_int_t)rows[i].most));
	}
	return object;
}

/* Of every build, whether it has them or not. */
static json_t *faults(void)
{
	static const char *const rows[] = {
#define FAULT_ROW(suffix, name, meaning) name,
		FAULTS_TABLE(FAULT_ROW)
#undef FAULT_ROW
	};
	json_t *list = json_array();

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		json_add(list, json_text_of(rows[i]));
	}
	return list;
}

int main(void)
{
	json_t *tables = json_object();
	char *text;

	json_set(tables, "keys", keys());
	json_set(tables, "routes", routes());
	json_set(tables, "kill_parameters", names(order_param_name));
	json_set(tables, "sessions_parameters", names(native_sessions_param_name));
	json_set(tables, "history_parameters", names(native_history_param_name));
	json_set(tables, "errors", errors());
	json_set(tables, "fields", fields());
	json_set(tables, "capabilities", capabilities());
	json_set(tables, "permissions", permissions());
	json_set(tables, "states", states());
	json_set(tables, "limits", limits());
	json_set(tables, "faults", faults());
	json_set(tables, "has_faults", json_boolean(FAULT_CAN));
	text = json_print(tables);
	puts(text);
	free(text);
	json_decref(tables);
	return ferror(stdout) != 0;
}
