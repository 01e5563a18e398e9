/*
 * Leases as the journal has them.
 *
 *     {"leases": [{"id", "instance", "caller", "reason", "since_ms", "until_ms", "until_boot_ms",
 *       "saved_boot_ms", "is_over", "is_void", "is_closing", "users": [NAME],
 *       "doors": [{"address", "user", "digest", "is_late"}],
 *       "ban": null or {"sources": [ADDRESS], "servers": [ADDRESS:PORT], "holds", "readmit",
 *         "place", "is_raising", "gap", "kernel_out_ms", "kernel_until_ms", "n_before"}}]}
 */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/parse.h"
#include "lease/lease.h"
#include "record/json.h"

/* ---- out ---- */

/* Those that are ours to open, or may be. */
static json_t *doors_json(const struct lease *lease)
{
	json_t *list = json_array();

	for (size_t i = 0; i < lease->n_doors; i++) {
		const struct door *door = lease->doors[i];
		CLEANUP(mem_free_p) char *digest = mem_printf("%" PRIu64, door->digest);
		json_t *object;

		if (!door->is_ours) {
			continue;
		}
		object = json_object();
		json_set(object, "address", json_text_of(door->address));
		json_set(object, "user", json_text_of(door->user));
		json_set(object, "digest", json_text_of(digest));
		json_set(object, "is_late",
			json_boolean(door->late_ms > 0 || door->kill_id[0] != '\0'));
		json_add(list, object);
	}
	return list;
}

static json_t *addresses_json(const struct ends_address *addresses, size_t n)
{
	json_t *list = json_array();

	for (size_t i = 0; i < n; i++) {
		json_add(list, json_text_of(ends_address_print(&addresses[i]).text));
	}
	return list;
}

static json_t *ban_json(const struct ban *ban)
{
	json_t *object = json_object();

	json_set(object, "sources", addresses_json(ban->sources, ban->n_sources));
	json_set(object, "servers", addresses_json(ban->servers, ban->n_servers));
	json_set(object, "holds", json_boolean(ban->holds));
	json_set(object, "readmit", json_integer((json_int_t)ban->readmit));
	json_set(object, "place", json_integer(ban->whole));
	json_set(object, "is_raising",
		json_boolean(ban->state == BAN_RAISING || ban->state == BAN_FAILED));
	json_set(object, "kernel_out_ms", json_integer(ban->kernel_out_ms));
	json_set(object, "kernel_until_ms", json_integer(ban->kernel_until_ms));
	json_set(object, "gap", json_text_of(ban->gap));
	json_set(object, "n_before", json_integer((json_int_t)ban->n_before));
	return object;
}

static json_t *lease_json(const struct lease *lease)
{
	json_t *object = json_object();

	json_set(object, "id", json_text_of(lease->id));
	json_set(object, "instance", json_text_of(lease->instance));
	json_set(object, "caller", json_text_of(lease->caller));
	json_set(object, "reason", json_text_of(lease->reason));
	json_set(object, "since_ms", json_integer(lease->since_wall_ms));
	json_set(object, "until_ms", json_integer(lease->until_wall_ms));
	json_set(object, "until_boot_ms", json_integer(lease->until_boot_ms));
	json_set(object, "saved_boot_ms", json_integer(clock_boottime_ms()));
	json_set(object, "is_over", json_boolean(lease->is_over));
	json_set(object, "is_void", json_boolean(lease->is_void));
	json_set(object, "is_closing", json_boolean(lease->is_closing));
	json_set(object, "users", json_texts(lease->users, lease->n_users));
	json_set(object, "doors", doors_json(lease));
	json_set(object, "ban", lease->ban != NULL ? ban_json(lease->ban) : json_null());
	return object;
}

json_t *lease_state_json(const struct leases *leases)
{
	json_t *root = json_object();
	json_t *list = json_array();
	const struct lease *lease;

	TAILQ_FOREACH(lease, &leases->list, entry)
	{
		if (lease_stands(lease)) {
			json_add(list, lease_json(lease));
		}
	}
	json_set(root, "leases", list);
	return root;
}

/* ---- in ---- */

static const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text != NULL ? text : "";
}

static int64_t number_of(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

/*
 * After a reboot the clock that nobody sets has begun anew, which shows when it is behind what it
 * was at the last word; then the wall clock has to do, for no longer than the lease was for.
 */
static void take_time(struct lease *lease, const json_t *object)
{
	int64_t now_boot_ms = clock_boottime_ms();
	int64_t left_ms = lease->until_wall_ms - clock_wall_ms();

	if (now_boot_ms < number_of(object, "saved_boot_ms")) {
		left_ms = MIN(left_ms, lease->until_wall_ms - lease->since_wall_ms);
		lease->until_boot_ms = now_boot_ms + MAX(left_ms, INT64_C(0));
	}
}

static void take_doors(struct lease *lease, const json_t *object)
{
	const json_t *door_json;
	size_t i;

	json_array_foreach(json_object_get(object, "doors"), i, door_json)
	{
		struct door *door = lease_add_door(
			lease, text_of(door_json, "address"), text_of(door_json, "user"));

		door->is_ours = true;
		door->state = DOOR_CLOSED;
		door->late_ms = json_is_true(json_object_get(door_json, "is_late"));
		(void)!parse_u64(slice_of(text_of(door_json, "digest")), &door->digest);
	}
}

/* The number of addresses; false: some could not be read. */
static bool read_addresses(const json_t *list, struct ends_address **ret_list, size_t *ret_n)
{
	struct ends_address *addresses =
		mem_alloc_array(json_array_size(list) + 1, sizeof(struct ends_address));
	const json_t *item;
	size_t i;

	json_array_foreach(list, i, item)
	{
		const char *text = json_string_value(item);

		if (text == NULL || !ends_address_read(slice_of(text), &addresses[i])) {
			free(addresses);
			return false;
		}
	}
	*ret_list = addresses;
	*ret_n = json_array_size(list);
	return true;
}

/*
 * The kernel has it still, or it is made anew. One that was never closed is of a kill that was
 * never carried out: it is over.
 */
static void take_ban(struct lease *lease, const json_t *object)
{
	struct ban *ban;

	if (!json_is_object(object)) {
		return;
	}
	ban = lease->ban = ban_new(lease);
	lease->leases->may_have_bans = true;
	(void)!read_addresses(json_object_get(object, "sources"), &ban->sources, &ban->n_sources);
	(void)!read_addresses(json_object_get(object, "servers"), &ban->servers, &ban->n_servers);
	ban->holds = json_is_true(json_object_get(object, "holds"));
	ban->readmit = (uint64_t)number_of(object, "readmit");
	ban->whole = (enum ban_place)number_of(object, "place");
	snprintf(ban->gap, sizeof(ban->gap), "%s", text_of(object, "gap"));
	ban->is_doubled = true;
	ban->kernel_out_ms = number_of(object, "kernel_out_ms");
	ban->kernel_until_ms = number_of(object, "kernel_until_ms");
	ban->n_before = (uint64_t)number_of(object, "n_before");
	ban->state = ban->n_sources == 0                                   ? BAN_NONE
		     : json_is_true(json_object_get(object, "is_raising")) ? BAN_FAILED
									   : BAN_CLOSED;
	lease->is_over |= ban->whole == BAN_NOWHERE && ban->n_sources > 0;
}

static void take_lease(struct leases *leases, const json_t *object)
{
	const json_t *users = json_object_get(object, "users");
	struct lease *lease = lease_new(leases, text_of(object, "id"));

	lease->instance = mem_printf("%s", text_of(object, "instance"));
	lease->caller = mem_printf("%s", text_of(object, "caller"));
	lease->reason = mem_printf("%s", text_of(object, "reason"));
	lease->since_wall_ms = number_of(object, "since_ms");
	lease->until_wall_ms = number_of(object, "until_ms");
	lease->until_boot_ms = number_of(object, "until_boot_ms");
	/* Its kill has not begun. */
	lease->is_over = json_is_true(json_object_get(object, "is_over")) ||
			 json_is_true(json_object_get(object, "is_closing"));
	lease->is_void = json_is_true(json_object_get(object, "is_void")) ||
			 json_is_true(json_object_get(object, "is_closing"));
	lease->is_kill_over = true;
	lease->users = mem_alloc_array(json_array_size(users), sizeof(char *));
	for (size_t i = 0; i < json_array_size(users); i++) {
		lease->users[lease->n_users++] =
			mem_printf("%s", json_string_value(json_array_get(users, i)));
	}
	take_time(lease, object);
	take_doors(lease, object);
	take_ban(lease, json_object_get(object, "ban"));
}

/* ---- is it one? ---- */

static bool is_text(const json_t *object, const char *key)
{
	return json_string_length(json_object_get(object, key)) > 0;
}

static bool is_ban(const json_t *object)
{
	struct ends_address *addresses = NULL;
	size_t n;
	bool is_sound = number_of(object, "place") >= BAN_HERE &&
			number_of(object, "place") <= BAN_NOWHERE &&
			json_is_integer(json_object_get(object, "place")) &&
			read_addresses(json_object_get(object, "sources"), &addresses, &n);

	free(addresses);
	addresses = NULL;
	is_sound = is_sound && read_addresses(json_object_get(object, "servers"), &addresses, &n);
	free(addresses);
	return is_sound;
}

static bool are_users(const json_t *users)
{
	const json_t *user;
	size_t i;

	json_array_foreach(users, i, user)
	{
		if (json_string_length(user) == 0) {
			return false;
		}
	}
	return json_array_size(users) > 0;
}

static bool are_doors(const json_t *doors)
{
	const json_t *door;
	size_t i;

	json_array_foreach(doors, i, door)
	{
		if (!is_text(door, "address") || !is_text(door, "user")) {
			return false;
		}
	}
	return json_is_array(doors);
}

static bool is_lease(const json_t *object)
{
	static const char *const times[] = {"since_ms", "until_ms", "until_boot_ms"};

	for (size_t i = 0; i < ARRAY_SIZE(times); i++) {
		if (!json_is_integer(json_object_get(object, times[i]))) {
			return false;
		}
	}
	return is_text(object, "id") && is_text(object, "instance") &&
	       (is_ban(json_object_get(object, "ban")) ||
		       are_users(json_object_get(object, "users"))) &&
	       are_doors(json_object_get(object, "doors"));
}

static bool is_sound(const json_t *root)
{
	const json_t *leases = json_object_get(root, "leases");
	const json_t *object;
	size_t i;

	json_array_foreach(leases, i, object)
	{
		if (!is_lease(object)) {
			return false;
		}
	}
	return json_is_array(leases);
}

bool lease_state_take(struct leases *leases, const json_t *root)
{
	const json_t *object;
	size_t i;

	if (!is_sound(root)) {
		return false;
	}
	json_array_foreach(json_object_get(root, "leases"), i, object)
	{
		take_lease(leases, object);
	}
	return true;
}
