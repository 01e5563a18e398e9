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
#include "base/mem.h"
#include "record/audit_scan.h"
#include "record/json.h"

#define SUFFIX ".open"
/* Grown by this much since it was last made short, it is made short again. */
#define SLACK_BYTES ((size_t)1024 * 1024)

struct unfinished {
	struct claim claim;
	json_t *open;   /* ids of those that this process has begun */
	size_t n_bytes; /* that it has written since the file was short */
	bool is_dirty;  /* since the last sync */
};

struct unfinished *unfinished_new(void)
{
	struct unfinished *unfinished = mem_new(struct unfinished);

	unfinished->claim.fd = -1;
	unfinished->open = json_object();
	return unfinished;
}

void unfinished_free(struct unfinished *unfinished)
{
	if (unfinished == NULL) {
		return;
	}
	if (json_object_size(unfinished->open) == 0 &&
		lseek(unfinished->claim.fd, 0, SEEK_END) == 0) {
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

/* ---- writing ---- */

/* The line feed in front ends what a full disk may have left of a line. */
static int append(struct unfinished *unfinished, const char *line)
{
	CLEANUP(mem_free_p) char *text = mem_printf("\n%s\n", line);
	size_t n = strlen(text);
	int r = FAULT(RECORD_OPEN, NULL) ? -ENOSPC : file_write(unfinished->claim.fd, text, n);

	unfinished->n_bytes += n;
	unfinished->is_dirty = true;
	return r;
}

static void empty(struct unfinished *unfinished)
{
	unfinished->n_bytes = 0;
	unfinished->is_dirty = true;
	/* What would stay are intents whose ends stay with them, or are in the record. */
	(void)!ftruncate(unfinished->claim.fd, 0);
}

/* The intents that have no end in the file, as lines; NULL when it cannot be read. */
static char *read_open(int fd)
{
	json_auto_t *open = NULL;
	const char *id;
	json_t *offset;
	char *text = NULL;
	size_t size = 0;
	FILE *out;

	if (audit_scan(fd, NULL, &open, NULL) < 0) {
		return NULL;
	}
	out = open_memstream(&text, &size);
	CHECK(out != NULL);
	json_object_foreach(open, id, offset)
	{
		json_auto_t *intent = audit_scan_load(fd, json_integer_value(offset));
		CLEANUP(mem_free_p) char *line = json_print(intent);

		fprintf(out, "%s\n", line);
	}
	CHECK(fclose(out) == 0);
	return text;
}

/*
 * Written over from the front and then cut. Killed in between, the file has them twice, and behind
 * them the rest of what was there, in which every intent that ended comes before its end.
 */
static void make_short(struct unfinished *unfinished)
{
	int fd = unfinished->claim.fd;
	CLEANUP(mem_free_p) char *text = read_open(fd);
	size_t n;

	if (text == NULL) {
		return;
	}
	n = strlen(text);
	(void)fcntl(fd, F_SETFL, 0); /* with O_APPEND even pwrite() writes to the end */
	if (pwrite(fd, text, n, 0) == (ssize_t)n) {
		(void)!ftruncate(fd, (off_t)n);
	}
	(void)fcntl(fd, F_SETFL, O_APPEND);
	unfinished->n_bytes = 0;
}

int unfinished_add(
	struct unfinished *unfinished, const char *request_id, const char *line, struct err *err)
{
	int r;

	if (unfinished->n_bytes > SLACK_BYTES) {
		make_short(unfinished);
	}
	r = append(unfinished, line);
	if (r < 0) {
		err_set_errno(err, -r, "cannot write to %s", unfinished->claim.path);
		return r;
	}
	json_set(unfinished->open, request_id, json_true());
	return 0;
}

void unfinished_end(struct unfinished *unfinished, const char *request_id)
{
	CLEANUP(mem_free_p)
	char *line = mem_printf(
		"{\"time\":\"\",\"event\":\"outcome\",\"request_id\":\"%s\"}", request_id);

	if (json_object_del(unfinished->open, request_id) < 0) {
		return; /* it was begun when nothing could be written */
	}
	if (json_object_size(unfinished->open) == 0) {
		empty(unfinished);
	} else {
		(void)!append(unfinished, line);
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

void unfinished_clear(struct unfinished *unfinished)
{
	if (json_object_size(unfinished->open) == 0) {
		empty(unfinished);
	}
}

/* ---- holding ---- */

static int move_open(const struct unfinished *from, struct unfinished *to, struct err *err)
{
	CLEANUP(mem_free_p) char *text = read_open(from->claim.fd);
	int r = text != NULL ? append(to, text) : -EIO;

	if (r < 0) {
		err_set_errno(err, -r, "cannot write to %s", to->claim.path);
		return r;
	}
	return unfinished_sync(to, err);
}

static void replace(struct unfinished *unfinished, const struct unfinished *next)
{
	json_t *open = unfinished->open;

	claim_remove(&unfinished->claim);
	*unfinished = *next;
	unfinished->open = open;
}

int unfinished_claim(struct unfinished *unfinished, const char *record, struct err *err)
{
	CLEANUP(mem_free_p) char *path = mem_printf("%s" SUFFIX, record);
	struct unfinished next = {.claim = {.fd = -1}};
	int r;

	if (unfinished->claim.path != NULL && strcmp(unfinished->claim.path, path) == 0 &&
		claim_is_in_place(&unfinished->claim)) {
		return 0;
	}
	r = claim_take(path, &next.claim, err);
	if (r == -EBUSY) {
		err_prefix(err, "%s: another process writes this record", record);
	}
	if (r == 0 && json_object_size(unfinished->open) > 0) {
		r = move_open(unfinished, &next, err);
		if (r < 0) {
			claim_leave(&next.claim);
		}
	}
	if (r == 0) {
		replace(unfinished, &next);
	}
	return r;
}
