/*
 * What a snapshot knows for goals.
 */
#include "base/mem.h"
#include "model/snapshot_internal.h"

void snapshot_want_goals(struct snapshot *snapshot, struct goal_book *book)
{
	snapshot->book = book;
}

void snapshot_note_mark(
	struct snapshot *snapshot, struct snapshot_entry *entry, const struct session *session)
{
	if (snapshot->book == NULL ||
		(entry->class != REQUEST_MATCHED && entry->class != REQUEST_SPARED)) {
		return;
	}
	if (entry->mark == INTERN_NONE) {
		entry->mark = (uint32_t)snapshot->n_marks;
		(void)mem_append(&snapshot->marks, &snapshot->n_marks, &snapshot->marks_capacity,
			sizeof(struct goal_mark));
	}
	snapshot->marks[entry->mark] = goals_mark(snapshot->book, session);
}
