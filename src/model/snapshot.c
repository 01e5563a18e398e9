/*
 * Snapshots: the listing line by line, and what became of the sessions.
 */
#include "model/snapshot.h"

#include <stdio.h>

#include "base/mem.h"
#include "model/snapshot_internal.h"

void snapshot_init(struct snapshot *snapshot, const struct request *request,
	const struct protection *protection, const struct caps *caps, struct slice node,
	struct sources *sources, uint64_t link_id)
{
	*snapshot = (struct snapshot){
		.request = request,
		.protection = protection,
		.caps = caps,
		.node = node,
		.sources = sources,
		.link_id = link_id,
		.n_connections = -1,
		.cell_texts.seed = sources->keys.seed,
	};
	snapshot->key_mask = snapshot_choose_keys(snapshot);
}

void snapshot_finish(struct snapshot *snapshot)
{
	free(snapshot->entries);
	free(snapshot->cells);
	free(snapshot->marks);
	intern_finish(&snapshot->cell_texts);
	memset(snapshot, 0, sizeof(*snapshot));
}

void snapshot_want_results(struct snapshot *snapshot, struct results *results)
{
	snapshot->results = results;
	results_forget(results, snapshot->node);
}

/* ---- results, where they are wanted ---- */

/* Of a session that is protected: by whom. */
static enum result_fate kept_by(const struct snapshot *snapshot, const struct session *session)
{
	const struct protection *protection = snapshot->protection;

	if (protection_is_own(protection, session) ||
		session_is_replication_or_internal(session, protection->family) ||
		session_is_replica_handshake(session)) {
		return RESULT_SYSTEM;
	}
	return selectors_test_any(&snapshot->request->except, session) == SELECTOR_YES
		       ? RESULT_IGNORED
		       : RESULT_PROTECTED;
}

void snapshot_note_kept(const struct snapshot *snapshot, struct snapshot_entry *entry,
	const struct session *session)
{
	if (snapshot->results != NULL) {
		entry->kept_by = (uint8_t)kept_by(snapshot, session);
	}
}

static void note_result(struct snapshot *snapshot, const struct session *session)
{
	struct snapshot_entry *entry = &snapshot->entries[snapshot->n - 1];
	struct result *result;

	if (snapshot->results == NULL || entry->class == REQUEST_UNMATCHED) {
		return;
	}
	if (session != NULL && entry->class == REQUEST_PROTECTED) {
		snapshot_note_kept(snapshot, entry, session);
	}
	result = results_add(snapshot->results, snapshot->node, entry->id);
	if (result != NULL && session != NULL) {
		results_describe(snapshot->results, result, session);
	}
}

/* ---- lines ---- */

static void set_aside(struct snapshot *snapshot, struct slice line, const char *why)
{
	if (snapshot->n_unreadable++ == 0) {
		snprintf(snapshot->first_unreadable, sizeof(snapshot->first_unreadable),
			"%.60s: %.*s", why, (int)MIN(line.len, (size_t)80), line.data);
	}
}

/* The count that sessions of that class are in, none of which is OPEN any more. */
static uint64_t *count_of(struct counts *counts, enum request_class class)
{
	return class == REQUEST_MATCHED     ? &counts->matched
	       : class == REQUEST_SPARED    ? &counts->spared
	       : class == REQUEST_PROTECTED ? &counts->is_protected
					    : &counts->unmatched;
}

/* Of an entry that is counted nowhere yet. */
static void set_class(
	struct snapshot *snapshot, struct snapshot_entry *entry, enum request_class class)
{
	entry->class = (uint8_t) class;
	snapshot->counts.found++;
	(*count_of(&snapshot->counts, class))++;
}

void snapshot_change_class(
	struct snapshot *snapshot, struct snapshot_entry *entry, enum request_class class)
{
	(*count_of(&snapshot->counts, (enum request_class)entry->class))--;
	snapshot->counts.found--;
	set_class(snapshot, entry, class);
}

void snapshot_spare(struct snapshot *snapshot, struct snapshot_entry *entry)
{
	snapshot_change_class(snapshot, entry, REQUEST_SPARED);
}

static void note_age(struct snapshot *snapshot, const struct session *session)
{
	int64_t age_s;

	if (session_number(session, SESSION_AGE, &age_s)) {
		snapshot->oldest_age_s = MAX(snapshot->oldest_age_s, age_s);
	}
}

static void note_subscriptions(struct snapshot *snapshot, const struct session *session)
{
	static const enum session_field fields[] = {SESSION_SUB, SESSION_PSUB, SESSION_SSUB};
	int64_t number;

	snapshot->n_subscribers++;
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
		if (session_number(session, fields[i], &number) && number > 0) {
			snapshot->n_subscriptions += (uint64_t)number;
		}
	}
}

static struct snapshot_entry *append_entry(struct snapshot *snapshot, uint64_t id)
{
	struct snapshot_entry *entry = mem_append(&snapshot->entries, &snapshot->n,
		&snapshot->capacity, sizeof(struct snapshot_entry));

	*entry = (struct snapshot_entry){.id = id,
		.source = INTERN_NONE,
		.cell = INTERN_NONE,
		.socket = INTERN_NONE,
		.mark = INTERN_NONE};
	snapshot->watermark = MAX(snapshot->watermark, id);
	return entry;
}

/* The verdict hangs on a value that is too long to be compared: kept, and said. */
static void set_long_aside(struct snapshot *snapshot, const struct session_line *line)
{
	uint64_t open = line->session.open_fields;
	char why[64];

	snprintf(why, sizeof(why), "\"%s\" is longer than %d bytes",
		session_field_key((enum session_field)__builtin_ctzll(open)),
		SESSION_MAX_VALUE_BYTES);
	set_aside(snapshot, line->text, why);
}

/* Could it be a link of the replication? Any letter counts, wherever a client might have put it. */
static bool may_be_replication(struct slice line)
{
	struct slice rest = line;
	struct slice token;

	while (slice_next(&rest, ' ', &token)) {
		if (slice_has_prefix(token, "flags=") &&
			(slice_has_char(token, 'S') || slice_has_char(token, 'M'))) {
			return true;
		}
	}
	return false;
}

/*
 * A line that cannot be judged. The id alone makes a victim only where everything is to be killed
 * and no selector protects anybody: otherwise a client could hide behind an odd name.
 */
static void add_unreadable(struct snapshot *snapshot, const struct session_line *line)
{
	struct snapshot_entry *entry = append_entry(snapshot, line->session.id);
	/* Nor can it be put in order. */
	bool is_judged_by_id = snapshot->book == NULL && snapshot->request->except.n == 0 &&
			       snapshot->protection->configured->n == 0 &&
			       !protection_is_own(snapshot->protection, &line->session);

	if (!snapshot->request->is_all) {
		set_class(snapshot, entry, REQUEST_UNMATCHED);
	} else if (is_judged_by_id && !may_be_replication(line->text)) {
		set_class(snapshot, entry, REQUEST_MATCHED);
	} else {
		set_class(snapshot, entry, REQUEST_PROTECTED);
	}
	note_result(snapshot, NULL);
}

static void note_flags(
	struct snapshot *snapshot, const struct session *session, enum request_class class)
{
	enum server_family family = snapshot->protection->family;

	snapshot->n_monitors += session_is_monitor(session, family);
	snapshot->n_doubtful +=
		class == REQUEST_PROTECTED && session_may_be_internal(session, family);
}

bool snapshot_add(struct snapshot *snapshot, const struct session_line *line)
{
	const struct session *session = &line->session;
	struct snapshot_entry *entry;
	enum request_class class;

	if (snapshot->n >= SNAPSHOT_MAX_SESSIONS) {
		snapshot->is_too_large = true;
		return false;
	}
	if (!line->is_readable) {
		set_aside(snapshot, line->text, line->err.text);
		if (session->id != 0) {
			add_unreadable(snapshot, line);
		}
		return false;
	}
	snapshot->given_fields |= session_given_fields(session);
	class = request_judge(snapshot->request, snapshot->protection, session);
	if (class == REQUEST_OPEN) {
		set_long_aside(snapshot, line);
		class = REQUEST_PROTECTED;
	}
	note_flags(snapshot, session, class);
	entry = append_entry(snapshot, session->id);
	set_class(snapshot, entry, class);
	entry->type = (uint8_t)session->type;
	snapshot_note_in_cell(snapshot, session, class);
	snapshot_note_mark(snapshot, entry, session);
	note_result(snapshot, session);
	if (class == REQUEST_MATCHED) {
		entry->source = sources_number(snapshot->sources, session);
		note_age(snapshot, session);
		if (session->type == SESSION_TYPE_PUBSUB) {
			note_subscriptions(snapshot, session);
		}
	}
	return class == REQUEST_MATCHED;
}

void snapshot_note_socket(struct snapshot *snapshot, uint32_t socket)
{
	snapshot->entries[snapshot->n - 1].socket = socket;
}

static int compare_ids(const void *a, const void *b)
{
	uint64_t left = ((const struct snapshot_entry *)a)->id;
	uint64_t right = ((const struct snapshot_entry *)b)->id;

	return (left > right) - (left < right);
}

/* One id on two lines: one of them is a forgery of a client whose name the server did not check. */
static void set_twins_aside(struct snapshot *snapshot)
{
	for (size_t i = 1; i < snapshot->n; i++) {
		struct snapshot_entry *twin[2] = {&snapshot->entries[i - 1], &snapshot->entries[i]};
		char text[32];

		if (twin[0]->id != twin[1]->id) {
			continue;
		}
		snprintf(text, sizeof(text), "id=%llu", (unsigned long long)twin[0]->id);
		set_aside(snapshot, slice_of(text), "an id stands twice");
		for (size_t k = 0; k < 2; k++) {
			if (twin[k]->class != REQUEST_MATCHED) {
				continue;
			}
			if (twin[k]->cell != INTERN_NONE) {
				snapshot->cells[twin[k]->cell].n_victims--;
				snapshot->cells[twin[k]->cell].n_kept++;
			}
			snapshot_change_class(snapshot, twin[k],
				snapshot->request->is_all ? REQUEST_PROTECTED : REQUEST_UNMATCHED);
		}
	}
}

void snapshot_seal(struct snapshot *snapshot)
{
	if (snapshot->n > 0) {
		qsort(snapshot->entries, snapshot->n, sizeof(struct snapshot_entry), compare_ids);
	}
	snapshot->n_sealed = snapshot->n;
	set_twins_aside(snapshot);
	snapshot_point_cells(snapshot);
}

struct snapshot_entry *snapshot_find(struct snapshot *snapshot, uint64_t id)
{
	size_t low = 0;
	size_t high = snapshot->n_sealed;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (snapshot->entries[middle].id < id) {
			low = middle + 1;
		} else {
			high = middle;
		}
	}
	return low < snapshot->n_sealed && snapshot->entries[low].id == id ? &snapshot->entries[low]
									   : NULL;
}

/* ---- fates ---- */

void snapshot_end_all(struct snapshot *snapshot, enum snapshot_fate fate)
{
	for (size_t i = 0; i < snapshot->n; i++) {
		if (snapshot_is_victim(&snapshot->entries[i])) {
			snapshot->entries[i].fate = (uint8_t)fate;
		}
	}
}

/* The newest ones first are called gone: those that come and go by themselves are young. */
void snapshot_settle_fates(struct snapshot *snapshot, uint64_t n_killed)
{
	uint64_t n_ended = 0;

	for (size_t i = 0; i < snapshot->n; i++) {
		struct snapshot_entry *entry = &snapshot->entries[i];

		if (entry->class != REQUEST_MATCHED || entry->fate == SNAPSHOT_PENDING) {
			continue;
		}
		if (entry->fate == SNAPSHOT_ENDED && n_ended == n_killed) {
			entry->fate = SNAPSHOT_GONE;
		}
		n_ended += entry->fate == SNAPSHOT_ENDED;
	}
	for (size_t i = 0; i < snapshot->n && n_ended < n_killed; i++) {
		struct snapshot_entry *entry = &snapshot->entries[i];

		if (entry->class == REQUEST_MATCHED && entry->fate == SNAPSHOT_GONE) {
			entry->fate = SNAPSHOT_ENDED;
			n_ended++;
		}
	}
}

uint64_t snapshot_n_pending(const struct snapshot *snapshot)
{
	uint64_t n = 0;

	for (size_t i = 0; i < snapshot->n; i++) {
		n += snapshot_is_victim(&snapshot->entries[i]);
	}
	return n;
}

void snapshot_count_sources(const struct snapshot *snapshot)
{
	for (size_t i = 0; i < snapshot->n; i++) {
		const struct snapshot_entry *entry = &snapshot->entries[i];

		if (entry->class == REQUEST_MATCHED && entry->source != INTERN_NONE) {
			struct source_counts *counts = &snapshot->sources->counts[entry->source];

			counts->found++;
			counts->killed += entry->fate == SNAPSHOT_ENDED;
		}
	}
}

bool snapshot_is_all_matched(const struct snapshot *snapshot)
{
	return snapshot->counts.found - snapshot->counts.matched <= snapshot->protection->n_known;
}
