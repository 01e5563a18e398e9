/*
 * The native API: leases, who is kept out and until when.
 */
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "control/native/native.h"
#include "control/permission.h"
#include "record/json.h"

struct lease_params {
	int64_t until_ms; /* from now */
};

static const struct param_row rows[] = {
	{"until", false, params_read_duration, offsetof(struct lease_params, until_ms), 1000,
		REQUEST_MAX_KEEP_OUT_MS},
};

const char *native_lease_param_name(size_t index)
{
	return index < ARRAY_SIZE(rows) ? rows[index].name : NULL;
}

/* ---- one lease ---- */

static json_t *time_json(int64_t wall_ms)
{
	char text[CLOCK_RFC3339_BYTES];

	clock_format_rfc3339(wall_ms, text);
	return json_text_of(text);
}

static json_t *doors_json(const struct lease_view *view)
{
	json_t *list = json_array();

	for (size_t i = 0; i < view->n_doors; i++) {
		const struct door_view *door = &view->doors[i];
		json_t *object = json_object();

		json_set(object, "address", json_text_of(door->address));
		json_set(object, "user", json_text_of(door->user));
		json_set(object, "state", json_text_of(door_state_name(door->state)));
		json_set(object, "error", native_text_or_null(door->error));
		json_add(list, object);
	}
	return list;
}

static const char *state_of(const struct lease_view *view)
{
	if (view->is_incomplete) {
		return "incomplete";
	}
	if (view->left_ms > 0) {
		return "closed";
	}
	if (view->is_overdue) {
		return "overdue";
	}
	return view->ban != NULL && view->ban->state == BAN_READMITTING ? "readmitting" : "opening";
}

static void set_ban(json_t *object, const struct ban_view *ban)
{
	bool is_there = ban != NULL;

	json_set(object, "by", json_text_of(is_there ? "address" : "user"));
	json_set(object, "sources",
		is_there ? json_texts(ban->sources, ban->n_sources) : json_array());
	json_set(object, "hold", json_boolean(is_there && ban->holds));
	json_set(object, "readmit",
		is_there && ban->readmit > 0 ? json_integer((json_int_t)ban->readmit)
					     : json_null());
	json_set(object, "error", native_text_or_null(is_there ? ban->error : ""));
}

static json_t *lease_json(const struct lease_view *view)
{
	json_t *object = json_object();

	json_set(object, "id", json_text_of(view->id));
	json_set(object, "instance", json_text_of(view->instance));
	json_set(object, "users", json_texts((char *const *)view->users, view->n_users));
	set_ban(object, view->ban);
	json_set(object, "refused",
		view->n_refused >= 0 ? json_integer(view->n_refused) : json_null());
	json_set(object, "user", json_text_of(view->caller));
	json_set(object, "reason", native_text_or_null(view->reason));
	json_set(object, "since", time_json(view->since_wall_ms));
	/* Of the clock that counts, whatever has been done to the other one. */
	json_set(object, "until", time_json(clock_wall_ms() + view->left_ms));
	json_set(object, "left_ms", json_integer(view->left_ms));
	json_set(object, "state", json_text_of(state_of(view)));
	json_set(object, "doors", doors_json(view));
	return object;
}

/* ---- which ---- */

struct search {
	const struct exchange *exchange;
	struct slice id; /* may be cut short; absent: all */
	json_t *list;
	char *found; /* the whole id of the last one */
};

static bool is_meant(struct slice id, const char *lease)
{
	size_t n = strlen(lease);

	return id.data == NULL || (id.len >= JOBS_MIN_PREFIX_BYTES && id.len <= n &&
					  strncasecmp(lease, id.data, id.len) == 0);
}

static void add_lease(void *context, const struct lease_view *view)
{
	struct search *search = context;

	if (is_meant(search->id, view->id) &&
		permission_has(
			search->exchange, search->exchange->action, slice_of(view->instance))) {
		json_add(search->list, lease_json(view));
		free(search->found);
		search->found = mem_printf("%s", view->id);
	}
}

static struct search search(const struct exchange *exchange, struct slice id)
{
	struct search search = {exchange, id, json_array(), NULL};

	leases_each(exchange->control->in.leases, add_lease, &search);
	return search;
}

/* The one in the path; its whole id is on the heap. NULL when the exchange was answered. */
static char *find(struct exchange *exchange, json_t **ret_lease)
{
	struct search found = search(exchange, exchange->id);
	char *id = json_array_size(found.list) == 1 ? found.found : NULL;

	if (id == NULL) {
		free(found.found);
		exchange_fail(exchange, EXCHANGE_NOT_FOUND, "no lease of that id stands");
	} else if (ret_lease != NULL) {
		*ret_lease = json_incref(json_array_get(found.list, 0));
	}
	json_decref(found.list);
	return id;
}

/* `r` is not 0: there is none, or what was done with it is not in the journal. */
static void fail(struct exchange *exchange, int r, const char *done, const struct err *err)
{
	if (r > 0) {
		exchange_fail(exchange, EXCHANGE_NOT_FOUND, "%s", err->text);
		return;
	}
	log_error("leases: %s", err->text);
	exchange_fail(exchange, EXCHANGE_INTERNAL,
		"it is %s, but not in the journal yet, should the daemon end: %s", done, err->text);
}

/* ---- handlers ---- */

void native_leases(struct exchange *exchange)
{
	struct search all = search(exchange, (struct slice){NULL, 0});
	json_t *body = json_object();

	json_set(body, "leases", all.list);
	free(all.found);
	exchange_answer(exchange, 200, body);
}

void native_lease(struct exchange *exchange)
{
	json_t *lease = NULL;
	CLEANUP(mem_free_p) char *id = find(exchange, &lease);

	if (id != NULL) {
		exchange_answer(exchange, 200, lease);
	}
}

void native_lease_release(struct exchange *exchange)
{
	json_t *lease = NULL;
	CLEANUP(mem_free_p) char *id = find(exchange, &lease);
	struct err err;
	int r;

	if (id == NULL) {
		return;
	}
	r = leases_release(
		exchange->control->in.leases, slice_of(id), &exchange->http->caller, &err);
	if (r == 0) {
		exchange_answer(exchange, 200, lease);
		return;
	}
	json_decref(lease);
	fail(exchange, r, "released", &err);
}

void native_lease_extend(struct exchange *exchange)
{
	CLEANUP(mem_free_p) char *id = find(exchange, NULL);
	struct lease_params params = {0};
	struct err err;
	int r;

	if (id == NULL) {
		return;
	}
	if (!params_read(&exchange->params, rows, ARRAY_SIZE(rows), &params, &err)) {
		exchange_fail(exchange, EXCHANGE_INVALID_PARAMS, "%s", err.text);
		return;
	}
	if (params.until_ms == 0) {
		exchange_fail(exchange, EXCHANGE_INVALID_PARAMS,
			"until is missing: for how long from now, as in until=10m");
		return;
	}
	r = leases_extend(exchange->control->in.leases, slice_of(id), params.until_ms,
		&exchange->http->caller, &err);
	if (r != 0) {
		fail(exchange, r, "extended", &err);
	} else {
		native_lease(exchange);
	}
}
