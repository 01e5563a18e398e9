/*
 * Verification: what a later listing says about the sessions of a snapshot.
 */
#include "model/snapshot_internal.h"

/* Whom the last listing brought is found like the others from now on. */
static void seal_late(struct snapshot *snapshot)
{
	if (snapshot->n > snapshot->n_sealed) {
		snapshot_seal(snapshot);
	}
}

void snapshot_verify_begin(struct snapshot *snapshot)
{
	/* The last listing may have ended with its connection. */
	seal_late(snapshot);
	snapshot->n_looked_at = 0;
	for (size_t i = 0; i < snapshot->n; i++) {
		snapshot->entries[i].is_listed = false;
		snapshot->entries[i].is_dying = false;
	}
}

/* NULL when there is no room for it. */
static struct snapshot_entry *take_up(struct snapshot *snapshot, const struct session_line *line)
{
	size_t n_before = snapshot->n;

	(void)snapshot_add(snapshot, line);
	if (snapshot->n == n_before) {
		return NULL;
	}
	if (snapshot->book != NULL && snapshot->entries[n_before].class == REQUEST_MATCHED) {
		/* Goals have chosen, and he was not among those. */
		snapshot_change_class(snapshot, &snapshot->entries[n_before], REQUEST_SPARED);
	}
	return &snapshot->entries[n_before];
}

/*
 * It is what it is now. One that is on its way out was hit, whatever it looks like; and of a line
 * that cannot be read nothing new is known.
 */
static void judge_again(
	struct snapshot *snapshot, struct snapshot_entry *entry, const struct session_line *line)
{
	const struct session *session = &line->session;
	bool is_spared = entry->class == REQUEST_SPARED;
	enum request_class class;

	if ((entry->class != REQUEST_MATCHED && !is_spared) || entry->is_dying || entry->is_cut ||
		!line->is_readable) {
		return;
	}
	class = request_judge(snapshot->request, snapshot->protection, session);
	entry->type = (uint8_t)session->type;
	entry->cell = snapshot_find_cell(snapshot, session);
	snapshot_note_mark(snapshot, entry, session);
	if (class == REQUEST_MATCHED) {
		return;
	}
	if (class == REQUEST_OPEN) {
		class = REQUEST_PROTECTED; /* a value is too long to be compared */
	}
	snapshot_change_class(snapshot, entry, class);
	snapshot->n_released += !is_spared;
	if (class == REQUEST_PROTECTED) {
		snapshot_note_kept(snapshot, entry, session);
	}
}

void snapshot_verify(struct snapshot *snapshot, const struct session_line *line)
{
	const struct session *session = &line->session;
	struct snapshot_entry *entry;

	snapshot->n_looked_at++;
	if (session->id == 0) {
		return;
	}
	entry = snapshot_find(snapshot, session->id);
	if (entry == NULL && session->id <= snapshot->watermark) {
		entry = take_up(snapshot, line);
	}
	if (entry != NULL) {
		entry->is_listed = true;
		entry->is_dying =
			line->is_readable && session_is_dying(session, snapshot->caps->family);
		judge_again(snapshot, entry, line);
	}
}

void snapshot_look(struct snapshot *snapshot, const struct session_line *line)
{
	struct snapshot_entry *entry = snapshot_find(snapshot, line->session.id);

	if (entry != NULL) {
		entry->is_listed = true;
		entry->is_moved = line->is_readable &&
				  entry->cell != snapshot_known_cell(snapshot, &line->session);
		entry->is_retyped = line->is_readable && entry->cell != INTERN_NONE &&
				    snapshot->cells[entry->cell].type != line->session.type;
	}
}

void snapshot_doubt_cuts(struct snapshot *snapshot)
{
	for (size_t i = 0; i < snapshot->n; i++) {
		snapshot->entries[i].is_cut = false;
	}
}

void snapshot_look_again_end(struct snapshot *snapshot)
{
	snapshot_point_cells(snapshot);
}

struct snapshot_remains snapshot_count_remains(const struct snapshot *snapshot)
{
	struct snapshot_remains remains = {0};

	for (size_t i = 0; i < snapshot->n; i++) {
		const struct snapshot_entry *entry = &snapshot->entries[i];

		if (snapshot_is_victim(entry) && (entry->is_dying || entry->is_cut)) {
			remains.dying++;
		} else if (snapshot_is_victim(entry)) {
			remains.alive++;
		}
	}
	return remains;
}

struct snapshot_remains snapshot_verify_end(struct snapshot *snapshot)
{
	seal_late(snapshot);
	snapshot_point_cells(snapshot);
	for (size_t i = 0; i < snapshot->n; i++) {
		struct snapshot_entry *entry = &snapshot->entries[i];

		/* Where nobody was to be looked for nobody was listed. */
		if (entry->class == REQUEST_SPARED && !entry->is_listed &&
			snapshot->n_looked_at > 0) {
			entry->fate = SNAPSHOT_GONE;
		}
		if (entry->class != REQUEST_MATCHED) {
			continue;
		}
		if (!entry->is_listed) {
			/* Gone stays gone. */
			if (entry->fate == SNAPSHOT_PENDING) {
				entry->fate = entry->is_missed ? SNAPSHOT_GONE : SNAPSHOT_ENDED;
			}
			continue;
		}
		/* Listed: whatever was claimed before, it is there. */
		entry->fate = SNAPSHOT_PENDING;
	}
	return snapshot_count_remains(snapshot);
}
