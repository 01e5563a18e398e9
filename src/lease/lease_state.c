/*
 * The journal: one file, whole or as it was.
 *
 *     {"leases": [{"id", "instance", "caller", "reason", "since_ms", "until_ms", "until_boot_ms",
 *       "saved_boot_ms", "is_over", "users": [NAME], "doors": [{"address", "user", "digest"}]}]}
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
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
		json_add(list, object);
	}
	return list;
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
	json_set(object, "users", json_texts(lease->users, lease->n_users));
	json_set(object, "doors", doors_json(lease));
	return object;
}

int lease_state_save(const struct leases *leases, struct err *err)
{
	json_auto_t *root = json_object();
	json_t *list = json_array();
	CLEANUP(mem_free_p) char *text = NULL;
	const struct lease *lease;

	if (leases->state_path == NULL) {
		err_set(err, "there is no state directory: who is kept out would stay out if the "
			     "daemon ended");
		return -ENOENT;
	}
	TAILQ_FOREACH(lease, &leases->list, entry)
	{
		json_add(list, lease_json(lease));
	}
	json_set(root, "leases", list);
	text = json_print(root);
	return file_replace(leases->state_path, text, err);
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
		(void)!parse_u64(slice_of(text_of(door_json, "digest")), &door->digest);
	}
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
	lease->is_over = json_is_true(json_object_get(object, "is_over"));
	lease->users = mem_alloc_array(json_array_size(users), sizeof(char *));
	for (size_t i = 0; i < json_array_size(users); i++) {
		const char *user = json_string_value(json_array_get(users, i));

		lease->users[lease->n_users++] = mem_printf("%s", user != NULL ? user : "");
	}
	take_time(lease, object);
	take_doors(lease, object);
}

void lease_state_load(struct leases *leases)
{
	json_error_t error;
	FILE *file = leases->state_path != NULL ? fopen(leases->state_path, "re") : NULL;
	json_auto_t *root = file != NULL ? json_loadf(file, 0, &error) : NULL;
	const json_t *object;
	size_t i;

	if (leases->state_path == NULL || (file == NULL && errno == ENOENT)) {
		return;
	}
	if (root == NULL) {
		log_error("%s cannot be read: whoever is kept out stays out, until somebody says "
			  "ACL SETUSER NAME on",
			leases->state_path);
	}
	json_array_foreach(json_object_get(root, "leases"), i, object)
	{
		take_lease(leases, object);
	}
	if (file != NULL) {
		fclose(file);
	}
}
