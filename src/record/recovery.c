#include "record/recovery.h"

#include "record/audit_line.h"
#include "record/audit_scan.h"
#include "record/json.h"

/* All that the intent said, with the time of this discovery; its own is kept aside. */
static int append_interrupted(struct recovery *recovery, json_t *intent, struct err *err)
{
	json_set(intent, "intent_time", json_incref(json_object_get(intent, "time")));
	audit_line_set_now(intent);
	json_set(intent, "event", json_text_of("interrupted"));
	return recovery->append_fn(recovery->context, intent, err);
}

void recovery_finish(struct recovery *recovery)
{
	json_decref(recovery->before);
	json_decref(recovery->places);
	json_decref(recovery->open);
	json_decref(recovery->elsewhere);
}

/*
 * All of `open`, whose offsets are those of lines in `fd`. Each is settled in FILE.open as well, at
 * once: should the disk be full now, and the record another file by then, it is not told twice.
 */
static int append_all_interrupted(struct recovery *recovery, int fd, json_t *open, struct err *err)
{
	const char *request_id;
	json_t *offset;

	json_object_foreach(open, request_id, offset)
	{
		json_auto_t *intent = audit_scan_load(fd, json_integer_value(offset));
		const json_t *place = json_object_get(recovery->places, request_id);
		int r;

		/* Balanced but no JSON after all: nobody's intent. */
		if (!json_is_object(intent)) {
			continue;
		}
		r = append_interrupted(recovery, intent, err);
		if (r < 0) {
			return r;
		}
		if (place != NULL) {
			unfinished_mark(recovery->unfinished, json_integer_value(place));
		}
	}
	return 0;
}

/* Those of `all` that are not in `left`. */
static json_t *without(json_t *all, json_t *left)
{
	json_t *rest = json_object();
	const char *id;
	json_t *value;

	json_object_foreach(all, id, value)
	{
		if (json_object_get(left, id) == NULL) {
			json_set(rest, id, json_incref(value));
		}
	}
	return rest;
}

static int scan_all(struct recovery *recovery, struct err *err)
{
	int fd = unfinished_fd(recovery->unfinished);
	json_auto_t *all = NULL;
	int r = audit_scan(fd, NULL, &recovery->before, err);

	if (r == 0) {
		recovery->places = json_copy(recovery->before);
		r = audit_scan(recovery->record_fd, recovery->before, &recovery->open, err);
	}
	if (r == 0) {
		json_auto_t *ignored = NULL;

		all = json_copy(recovery->open);
		r = audit_scan(fd, recovery->open, &ignored, err);
	}
	if (r == 0) {
		recovery->elsewhere = without(all, recovery->open);
	}
	return r;
}

/*
 * Of a file that is gone over to, only what its own FILE.open has: a kill of this process may have
 * begun in it and ended in another.
 */
static int scan(struct recovery *recovery, struct err *err)
{
	const char *request_id;
	json_t *offset;
	int r = scan_all(recovery, err);

	if (r < 0) {
		err_prefix(err, "%s", recovery->path);
		return r;
	}
	if (!recovery->is_first) {
		json_object_clear(recovery->open);
		unfinished_take_own(recovery->unfinished, recovery->before);
	}
	json_object_foreach(recovery->open, request_id, offset)
	{
		json_object_del(recovery->before, request_id);
	}
	return 0;
}

int recovery_run(struct recovery *recovery, struct err *err)
{
	int r = scan(recovery, err);

	if (r == 0) {
		r = append_all_interrupted(
			recovery, unfinished_fd(recovery->unfinished), recovery->before, err);
	}
	if (r == 0) {
		r = append_all_interrupted(recovery, recovery->record_fd, recovery->open, err);
	}
	return r;
}

void recovery_end(struct recovery *recovery)
{
	unfinished_clear(recovery->unfinished, recovery->elsewhere);
}
