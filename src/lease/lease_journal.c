/*
 * The journal: one file, whole or as it was, of one daemon.
 */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>

#include "base/claim.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "lease/lease.h"
#include "record/json.h"

/* ---- reading ---- */

/* It stays to be read: nothing is written over what names who is off. */
static int put_aside(const char *path, struct err *err)
{
	CLEANUP(mem_free_p) char *aside = mem_printf("%s.bad", path);
	int r = rename(path, aside) < 0 ? -errno : 0;

	if (r < 0) {
		err_set_errno(err, -r, "%s cannot be understood, nor be put aside", path);
		return r;
	}
	log_error("%s cannot be understood, and is %s now: users that are off stay so, until "
		  "somebody says ACL SETUSER NAME on; addresses are let in",
		path, aside);
	return 0;
}

/* A negative errno with words: there may be something in it. */
static int load(struct leases *leases, struct err *err)
{
	json_error_t error;
	FILE *file = fopen(leases->state_path, "re");
	json_auto_t *root = NULL;
	int r = file == NULL ? -errno : 0;

	if (file == NULL) {
		err_set_errno(err, -r, "cannot read %s", leases->state_path);
		return r == -ENOENT ? 0 : r;
	}
	root = json_loadf(file, 0, &error);
	r = ferror(file) != 0 ? -EIO : 0;
	fclose(file);
	if (r < 0) {
		err_set_errno(err, -r, "cannot read %s", leases->state_path);
		return r;
	}
	if (lease_state_take(leases, root)) {
		return 0;
	}
	leases->may_have_bans = true;
	return put_aside(leases->state_path, err);
}

/* ---- whose it is ---- */

/* It is ours, and what it has is known; or a negative errno with words. */
static int hold(struct leases *leases, struct err *err)
{
	CLEANUP(mem_free_p) char *path = NULL;
	int r;

	if (leases->claim.path != NULL) {
		return 0;
	}
	if (leases->state_path == NULL) {
		err_set(err, "there is no state directory: who is kept out would stay out if the "
			     "daemon ended");
		return -ENOENT;
	}
	path = mem_printf("%s.lock", leases->state_path);
	r = claim_take(path, &leases->claim, err);
	if (r == -ENOENT) { /* the directory is missing */
		r = file_replace(path, "", err);
		r = r < 0 ? r : claim_take(path, &leases->claim, err);
	}
	if (r == -EBUSY) {
		CLEANUP(mem_free_p) char *words = mem_printf("%s", err->text);

		err_set(err, "the journal %s is another daemon's: %s", leases->state_path, words);
	}
	r = r < 0 ? r : load(leases, err);
	if (r < 0) {
		claim_leave(&leases->claim);
	}
	return r;
}

void lease_journal_load(struct leases *leases)
{
	struct err err;

	if (leases->state_path != NULL && hold(leases, &err) < 0) {
		log_warning("leases: %s; nobody can be kept out", err.text);
	}
}

/* ---- saving ---- */

static int save(struct leases *leases, struct err *err)
{
	json_auto_t *root = NULL;
	CLEANUP(mem_free_p) char *text = NULL;
	int r = hold(leases, err);

	if (r < 0) {
		return r;
	}
	root = lease_state_json(leases);
	text = json_print(root);
	return file_replace(leases->state_path, text, err);
}

int lease_journal_save(struct leases *leases, struct err *err)
{
	int r = save(leases, err);

	leases->is_unsaved = r < 0;
	return r;
}

void lease_save(struct leases *leases)
{
	struct err err;
	int64_t now_ms = clock_monotonic_ms();

	if (lease_journal_save(leases, &err) < 0 &&
		(leases->told_ms == 0 || now_ms - leases->told_ms >= LEASE_TELL_MS)) {
		log_error("leases: the journal is behind, and tried again: %s", err.text);
		leases->told_ms = now_ms;
	}
}
