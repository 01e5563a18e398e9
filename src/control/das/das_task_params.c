/*
 * Parameters of kill tasks.
 */
#include "control/das/das.h"

#include <jansson.h>

#include "base/mem.h"
#include "base/parse.h"

/* Older clients write a switch as their language does: "True". */
static bool read_switch(
	const struct params *params, const char *name, bool *ret_switch, struct err *err)
{
	struct slice value;

	if (!das_get_param(params, name, &value, err)) {
		return false;
	}
	*ret_switch = slice_is_nocase(value, "true");
	if (value.data != NULL && !*ret_switch && !slice_is_nocase(value, "false")) {
		err_set(err, "%s: \"%.*s\" is neither true nor false", name,
			(int)MIN(value.len, (size_t)64), value.data);
		return false;
	}
	return true;
}

/* A JSON array of at most `most` elements; NULL with words. */
static json_t *read_list(const char *name, struct slice text, size_t most, struct err *err)
{
	json_t *list = json_loadb(text.data, text.len, JSON_REJECT_DUPLICATES, NULL);

	if (!json_is_array(list)) {
		err_set(err, "%s is no JSON array", name);
	} else if (json_array_size(list) > most) {
		err_set(err, "%s: more than %zu elements", name, most);
	} else {
		return list;
	}
	json_decref(list);
	return NULL;
}

/* ---- SessionIds ---- */

/* A number, or a string that holds one. */
static bool read_id(const json_t *element, uint64_t *ret_id)
{
	if (json_is_string(element)) {
		struct slice text = {json_string_value(element), json_string_length(element)};

		return parse_u64(text, ret_id) && *ret_id > 0 && *ret_id <= INT64_MAX;
	}
	*ret_id = (uint64_t)json_integer_value(element);
	return json_integer_value(element) > 0;
}

static bool read_ids(const struct params *params, struct request *request, struct err *err)
{
	CLEANUP(mem_free_p) uint64_t *ids = NULL;
	json_auto_t *list = NULL;
	struct slice value;
	size_t n;

	if (!das_get_param(params, "SessionIds", &value, err)) {
		return false;
	}
	if (value.data == NULL) {
		err_set(err, "SessionIds is missing, and KillAllSessions is not true");
		return false;
	}
	list = read_list("SessionIds", value, REQUEST_MAX_IDS, err);
	if (list == NULL) {
		return false;
	}
	n = json_array_size(list);
	if (n == 0) {
		err_set(err, "SessionIds names no session");
		return false;
	}
	ids = mem_alloc_array(n, sizeof(uint64_t));
	for (size_t i = 0; i < n; i++) {
		if (!read_id(json_array_get(list, i), &ids[i])) {
			err_set(err, "SessionIds: element %zu is no session id", i + 1);
			return false;
		}
	}
	request_set_ids(request, ids, n);
	ids = NULL;
	return true;
}

/* ---- IgnoredUsers ---- */

static bool read_ignored_users(
	const struct params *params, struct request *request, struct err *err)
{
	json_auto_t *list = NULL;
	struct slice value;

	if (!das_get_param(params, "IgnoredUsers", &value, err)) {
		return false;
	}
	if (value.data == NULL) {
		return true;
	}
	list = read_list("IgnoredUsers", value, DAS_MAX_IGNORED_USERS, err);
	for (size_t i = 0; list != NULL && i < json_array_size(list); i++) {
		const json_t *element = json_array_get(list, i);
		struct slice user = {json_string_value(element), json_string_length(element)};

		if (user.data == NULL || user.len == 0) {
			err_set(err, "IgnoredUsers: element %zu is no name of a user", i + 1);
			return false;
		}
		selectors_add_exact(&request->except, SESSION_USER, user);
	}
	return list != NULL;
}

/* ---- all of them ---- */

static bool read_node(const struct params *params, struct request *request, struct err *err)
{
	struct slice value;

	if (!das_get_param(params, "NodeId", &value, err)) {
		return false;
	}
	if (value.data != NULL) {
		request->nodes = mem_alloc_array(1, sizeof(char *));
		request->nodes[request->n_nodes++] = slice_copy(value);
	}
	return true;
}

bool das_read_task(const struct params *params, struct request *ret_request, struct err *err)
{
	ret_request->wants_results = true;
	/* The API ignores the list of ids when all is asked for. */
	return read_switch(params, "KillAllSessions", &ret_request->is_all, err) &&
	       (ret_request->is_all || read_ids(params, ret_request, err)) &&
	       read_ignored_users(params, ret_request, err) && read_node(params, ret_request, err);
}
