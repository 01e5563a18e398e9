/*
 * The kills that have begun and not ended, in a small file beside the record: FILE.open. A record
 * is rotated away, and packed, while a kill runs; what a crash leaves open is found here all the
 * same. Who holds this file is the one process that writes the record.
 *
 * It has the intents as they stand there; of one that has ended the first byte is another. It is
 * emptied when nothing is open, and written anew when most of it has ended, so that it stays short.
 * When the daemon goes over to another record its open kills go with it, and what stays says so.
 * What is written outlives the process at once; a crash of the system from the next
 * unfinished_sync() on, which is due before the record goes on in another file: until then the
 * record itself has all that is here.
 */
#ifndef RECORD_UNFINISHED_H
#define RECORD_UNFINISHED_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/macros.h"

struct unfinished;

struct unfinished *unfinished_new(void); /* holds nothing yet */
/* Removes the file when nothing is open. NULL is fine. */
void unfinished_free(struct unfinished *unfinished);

/*
 * Holds the file of that record from now on, and the one from before no longer, whose open kills
 * go over. 0, -EBUSY when another process writes that record, or another negative errno; with
 * words. On failure nothing changes.
 */
NODISCARD int unfinished_claim(struct unfinished *unfinished, const char *record, struct err *err);

/*
 * For the next: what is in the file, as it stands: intents without an end by an earlier process.
 * -1 when none is held.
 */
int unfinished_fd(const struct unfinished *unfinished);
/* One of these is, at that place. */
void unfinished_mark(struct unfinished *unfinished, int64_t offset);
/*
 * All of that is settled. What stays besides what this process has begun: `elsewhere` are intents
 * of the record that have their ends in another one.
 */
void unfinished_clear(struct unfinished *unfinished, json_t *elsewhere);
/* Takes the ids of those that this process has begun out of `intents`. */
void unfinished_take_own(const struct unfinished *unfinished, json_t *intents);

/* A kill begins; `line` is its intent as the record has it. 0 or a negative errno with words. */
NODISCARD int unfinished_add(
	struct unfinished *unfinished, const char *request_id, const char *line, struct err *err);
/* Has it begun and not ended? */
bool unfinished_has(const struct unfinished *unfinished, const char *request_id);
/* One has ended, and the record says so. Needs no room on the disk. */
void unfinished_end(struct unfinished *unfinished, const char *request_id);

NODISCARD int unfinished_sync(struct unfinished *unfinished, struct err *err);

#endif
