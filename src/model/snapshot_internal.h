/*
 * Between the files of the snapshot; for them alone.
 */
#ifndef MODEL_SNAPSHOT_INTERNAL_H
#define MODEL_SNAPSHOT_INTERNAL_H

#include "model/snapshot.h"

/* The fields that selectors ask for and the server can filter on: bits 1 << enum snapshot_key. */
uint32_t snapshot_choose_keys(const struct snapshot *snapshot);

/* Puts the last entry into the cell of its session. */
void snapshot_note_in_cell(
	struct snapshot *snapshot, const struct session *session, enum request_class class);

/* As it is now, of one that goals choose from; they know no other ones. */
void snapshot_note_mark(
	struct snapshot *snapshot, struct snapshot_entry *entry, const struct session *session);

/* It is in another class than it was counted in. */
void snapshot_change_class(
	struct snapshot *snapshot, struct snapshot_entry *entry, enum request_class class);

/* Of an entry that is protected now: by whom, if results are wanted. */
void snapshot_note_kept(const struct snapshot *snapshot, struct snapshot_entry *entry,
	const struct session *session);

/* The cell that the session is in now, for the filters of a command that names it by id. */
uint32_t snapshot_find_cell(struct snapshot *snapshot, const struct session *session);

/* The same, if it is one of those that there are. */
uint32_t snapshot_known_cell(const struct snapshot *snapshot, const struct session *session);

/* After the last line the texts stay where they are: lets the cells point into them. */
void snapshot_point_cells(struct snapshot *snapshot);

#endif
