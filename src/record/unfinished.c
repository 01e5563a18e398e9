/*
 * FILE.open.
 */
#include "record/unfinished.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "base/claim.h"
#include "base/fault.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "record/audit_scan.h"
#include "record/json.h"

#define SUFFIX ".open"
#define NEXT_SUFFIX ".new"
/* Without its first byte a line is none. */
#define ENDED "-"
/* So much of ended intents is left there, and as much as there is of open ones. */
#define SLACK_BYTES ((size_t)64 * 1024)

/* Where the line of an intent is. */
struct place {
	off_t offset;
	size_t n_bytes;
};

struct unfinished {
	struct claim claim;
	json_t *open;   /* of each that this process has begun, by its id: a struct place */
	size_t n_open;  /* bytes of their lines */
	size_t n_ended; /* bytes that are there of others, about */
	off_t n_base;   /* bytes at the front that stay: see unfinished_clear() */
	bool is_dirty;  /* since the last sync */
};

struct unfinished *unfinished_new(void)
{
	struct unfinished *unfinished = mem_new(struct unfinished);

	unfinished->claim.fd = -1;
	unfinished->open = json_object();
	return unfinished;
}

static off_t size_of(const struct unfinished *unfinished)
{
	return lseek(unfinished->claim.fd, 0, SEEK_END);
}

void unfinished_free(struct unfinished *unfinished)
{
	if (unfinished == NULL) {
		return;
	}
	if (json_object_size(unfinished->open) == 0 && size_of(unfinished) == 0) {
		claim_remove(&unfinished->claim);
	}
	claim_leave(&unfinished->claim);
	json_decref(unfinished->open);
	free(unfinished);
}

int unfinished_fd(const struct unfinished *unfinished)
{
	return unfinished->claim.path != NULL ? unfinished->claim.fd : -1;
}

/* ---- places ---- */

static struct place read_place(const json_t *value)
{
	return (struct place){
		.offset = (off_t)json_integer_value(json_array_get(value, 0)),
		.n_bytes = (size_t)json_integer_value(json_array_get(value, 1)),
	};
}

static void set_place(json_t *open, const char *id, struct place place)
{
	json_t *value = json_array();

	json_add(value, json_integer(place.offset));
	json_add(value, json_integer((json_int_t)place.n_bytes));
	json_set(open, id, value);
}

/* ---- writing ---- */

/*
 * The line feed in front ends what a machine that crashed may have left of a line. On failure
 * nothing of it is there.
 */
static int append(struct unfinished *unfinished, const char *line, struct place *ret_place)
{
	CLEANUP(mem_free_p) char *text = mem_printf("\n%s\n", line);
	off_t end = size_of(unfinished);
	int r = end < 0 ? -errno : 0;

	if (r == 0) {
		r = FAULT(RECORD_OPEN, NULL) ? -ENOSPC
					     : file_write(unfinished->claim.fd, text, strlen(text));
	}
	if (r < 0 && end >= 0) {
		(void)!ftruncate(unfinished->claim.fd, end);
	}
	unfinished->is_dirty = true;
	*ret_place = (struct place){end + 1, strlen(line)};
	return r;
}

/* That intent is not open in this record: its end is in another one. */
static int append_marker(struct unfinished *unfinished, const char *request_id)
{
	CLEANUP(mem_free_p)
	char *line = mem_printf(
		"{\"time\":\"\",\"event\":\"outcome\",\"request_id\":\"%s\"}", request_id);
	struct place place;

	return append(unfinished, line, &place);
}

static int append_markers(struct unfinished *unfinished, json_t *ids)
{
	const char *id;
	json_t *ignored;
	int r = 0;

	json_object_foreach(ids, id, ignored)
	{
		r = r == 0 ? append_marker(unfinished, id) : r;
	}
	return r;
}

static int copy_line(const struct unfinished *from, struct place from_place, struct unfinished *to,
	const char *id)
{
	CLEANUP(mem_free_p) char *line = mem_alloc(from_place.n_bytes + 1);
	struct place place;
	int r;

	if (pread(from->claim.fd, line, from_place.n_bytes, from_place.offset) !=
		(ssize_t)from_place.n_bytes) {
		return -EIO;
	}
	r = append(to, line, &place);
	if (r == 0) {
		set_place(to->open, id, place);
		to->n_open += place.n_bytes;
	}
	return r;
}

/* The intents of this process, which are all that `to` has of them. */
static int copy_open(const struct unfinished *from, struct unfinished *to)
{
	const char *id;
	json_t *value;
	int r = 0;

	json_object_foreach(from->open, id, value)
	{
		r = r == 0 ? copy_line(from, read_place(value), to, id) : r;
	}
	return r;
}

/* `next`, which is held, in its place. */
static void become(struct unfinished *unfinished, const struct unfinished *next)
{
	claim_leave(&unfinished->claim);
	json_decref(unfinished->open);
	*unfinished = *next;
}

static int write_anew(
	struct unfinished *unfinished, json_t *markers, struct unfinished *next, struct err *err)
{
	int r = ftruncate(next->claim.fd, 0) < 0 ? -errno : append_markers(next, markers);

	if (r == 0) {
		next->n_base = size_of(next);
		r = copy_open(unfinished, next);
	}
	/* It is durable before it takes the place of the other. */
	r = r == 0 ? unfinished_sync(next, err) : r;
	return r == 0 ? claim_rename(&next->claim, unfinished->claim.path) : r;
}

/*
 * With these and the open intents alone. Beside the old one, which it then replaces: whenever the
 * process is killed, one of them is there and whole.
 */
static int make_anew(struct unfinished *unfinished, json_t *markers)
{
	CLEANUP(mem_free_p)
	char *path = mem_printf("%s" NEXT_SUFFIX, unfinished->claim.path);
	struct unfinished next = {.claim = {.fd = -1}, .open = json_object(), .is_dirty = true};
	struct err err;
	int r = claim_take(path, &next.claim, &err);

	if (r == 0) {
		(void)fcntl(next.claim.fd, F_SETFL, 0);
		r = write_anew(unfinished, markers, &next, &err);
	}
	if (r == 0) {
		become(unfinished, &next);
		/* Until then a machine that crashes finds the old one, which has more in it. */
		if (file_sync_directory_of(unfinished->claim.path, &err) < 0) {
			log_warning("%s", err.text);
		}
	} else {
		claim_remove(&next.claim);
		json_decref(next.open);
	}
	return r;
}

/* What stays in front is written again as it is. */
static void make_short(struct unfinished *unfinished)
{
	json_auto_t *markers = NULL;

	if (audit_scan_ends(unfinished->claim.fd, unfinished->n_base, &markers) < 0 ||
		make_anew(unfinished, markers) < 0) {
		/* Not again before as much has come together once more. */
		unfinished->n_ended = 0;
	}
}

static void empty(struct unfinished *unfinished)
{
	unfinished->n_ended = 0;
	unfinished->is_dirty = true;
	/* What would stay are intents whose ends stay with them, or are in the record. */
	(void)!ftruncate(unfinished->claim.fd, unfinished->n_base);
}

int unfinished_add(
	struct unfinished *unfinished, const char *request_id, const char *line, struct err *err)
{
	struct place place;
	int r = append(unfinished, line, &place);

	if (r < 0) {
		err_set_errno(err, -r, "cannot write to %s", unfinished->claim.path);
		return r;
	}
	set_place(unfinished->open, request_id, place);
	unfinished->n_open += place.n_bytes;
	return 0;
}

bool unfinished_has(const struct unfinished *unfinished, const char *request_id)
{
	return json_object_get(unfinished->open, request_id) != NULL;
}

/* Written over, not appended: a full disk has room for it. */
void unfinished_mark(struct unfinished *unfinished, int64_t offset)
{
	unfinished->is_dirty = true;
	if (pwrite(unfinished->claim.fd, ENDED, strlen(ENDED), offset) < 0) {
		log_error("cannot write to %s", unfinished->claim.path);
	}
}

void unfinished_end(struct unfinished *unfinished, const char *request_id)
{
	const json_t *value = json_object_get(unfinished->open, request_id);
	struct place place;

	if (value == NULL) {
		return; /* it was begun when nothing could be written */
	}
	place = read_place(value);
	unfinished->n_open -= place.n_bytes;
	unfinished->n_ended += place.n_bytes;
	json_object_del(unfinished->open, request_id);
	if (json_object_size(unfinished->open) == 0) {
		empty(unfinished);
		return;
	}
	unfinished_mark(unfinished, place.offset);
	if (unfinished->n_ended > SLACK_BYTES && unfinished->n_ended > unfinished->n_open) {
		make_short(unfinished);
	}
}

int unfinished_sync(struct unfinished *unfinished, struct err *err)
{
	if (unfinished->is_dirty && fdatasync(unfinished->claim.fd) < 0) {
		int error_number = errno;

		err_set_errno(err, error_number, "cannot sync %s", unfinished->claim.path);
		return -error_number;
	}
	unfinished->is_dirty = false;
	return 0;
}

void unfinished_take_own(const struct unfinished *unfinished, json_t *intents)
{
	const char *id;
	json_t *ignored;

	json_object_foreach(unfinished->open, id, ignored)
	{
		json_object_del(intents, id);
	}
}

void unfinished_clear(struct unfinished *unfinished, json_t *elsewhere)
{
	if (json_object_size(unfinished->open) == 0 && json_object_size(elsewhere) == 0) {
		unfinished->n_base = 0;
		empty(unfinished);
	} else if (make_anew(unfinished, elsewhere) < 0) {
		log_warning("cannot make %s anew", unfinished->claim.path);
	}
}

/* ---- holding ---- */

static int move_open(const struct unfinished *from, struct unfinished *to, struct err *err)
{
	int r = copy_open(from, to);

	if (r < 0) {
		err_set_errno(err, -r, "cannot write to %s", to->claim.path);
		return r;
	}
	return json_object_size(to->open) > 0 ? unfinished_sync(to, err) : 0;
}

/* It goes on in another file: what stays in this one says that its own intents do. */
static void leave(struct unfinished *unfinished)
{
	if (unfinished->claim.path == NULL) {
		return;
	}
	(void)!append_markers(unfinished, unfinished->open);
	if (size_of(unfinished) == 0) {
		claim_remove(&unfinished->claim);
	}
}

int unfinished_claim(struct unfinished *unfinished, const char *record, struct err *err)
{
	CLEANUP(mem_free_p) char *path = mem_printf("%s" SUFFIX, record);
	struct unfinished next = {.claim = {.fd = -1}, .open = json_object()};
	bool is_same;
	int r;

	is_same = unfinished->claim.path != NULL && strcmp(unfinished->claim.path, path) == 0;
	if (is_same && claim_is_in_place(&unfinished->claim)) {
		json_decref(next.open);
		return 0;
	}
	r = claim_take(path, &next.claim, err);
	if (r == -EBUSY) {
		err_prefix(err, "%s: another process writes this record", record);
	}
	if (r == 0) {
		/* With O_APPEND even pwrite() writes to the end. */
		(void)fcntl(next.claim.fd, F_SETFL, 0);
		r = move_open(unfinished, &next, err);
	}
	if (r < 0) {
		claim_leave(&next.claim);
		json_decref(next.open);
		return r;
	}
	if (!is_same) {
		leave(unfinished);
	}
	become(unfinished, &next);
	return 0;
}
