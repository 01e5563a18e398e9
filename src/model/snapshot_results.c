/*
 * Results session by session, at the end: what the snapshot says became of them.
 */
#include "base/mem.h"
#include "model/snapshot.h"

_Static_assert(RESULTS_MAX >= REQUEST_MAX_IDS, "who is asked for by id has a place in the list");

/* `left` is the fate of who is still there. */
static enum result_fate fate_of(const struct snapshot_entry *entry, enum result_fate left)
{
	switch ((enum request_class)entry->class) {
	case REQUEST_MATCHED:
		break;
	case REQUEST_PROTECTED:
		return entry->kept_by != RESULT_PENDING ? (enum result_fate)entry->kept_by : left;
	case REQUEST_SPARED:
	case REQUEST_UNMATCHED: /* could not be judged */
	case REQUEST_OPEN:
		return left;
	}
	switch ((enum snapshot_fate)entry->fate) {
	case SNAPSHOT_ENDED:
		return RESULT_KILLED;
	case SNAPSHOT_GONE:
		return RESULT_GONE;
	case SNAPSHOT_PENDING:
		break;
	}
	return left;
}

/* Every session of the listing that was asked for, however many there are. */
static void count_listed(const struct snapshot *snapshot, enum result_fate left)
{
	for (size_t i = 0; i < snapshot->n; i++) {
		if (snapshot->entries[i].class != REQUEST_UNMATCHED) {
			snapshot->results->n_by_fate[fate_of(&snapshot->entries[i], left)]++;
		}
	}
}

static void settle_row(struct snapshot *snapshot, struct result *row, enum result_fate left)
{
	const struct snapshot_entry *entry = snapshot_find(snapshot, row->id);

	row->fate = (uint8_t)(entry != NULL ? fate_of(entry, left) : left);
}

/*
 * Who was asked for by id and is in no row yet: was not listed, or its line could not be judged.
 * There are no more of them than the list holds.
 */
static void add_missing(struct snapshot *snapshot, const uint8_t *has_row, enum result_fate left)
{
	const struct request *request = snapshot->request;

	for (size_t i = 0; i < request->n_ids; i++) {
		bool is_listed = snapshot_find(snapshot, request->ids[i]) != NULL;

		if (!has_row[i]) {
			results_add_settled(snapshot->results, snapshot->node, request->ids[i],
				is_listed ? left : RESULT_GONE);
		}
	}
}

void snapshot_settle_results(struct snapshot *snapshot, enum result_fate left)
{
	struct results *results = snapshot->results;
	const struct request *request = snapshot->request;
	uint32_t node = intern_find(&results->texts, snapshot->node);
	CLEANUP(mem_free_p) uint8_t *has_row = mem_alloc(request->n_ids);

	for (size_t i = 0; i < results->n; i++) {
		size_t place;

		if (results->items[i].node != node) {
			continue;
		}
		settle_row(snapshot, &results->items[i], left);
		if (request_find_id(request, results->items[i].id, &place)) {
			has_row[place] = 1;
		}
	}
	count_listed(snapshot, left);
	add_missing(snapshot, has_row, left);
}
