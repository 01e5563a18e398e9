/*
 * Cells of a snapshot: sessions that agree in all that one kill command can filter on.
 */
#include "base/mem.h"
#include "model/snapshot_internal.h"

#define MAX_CELL_TEXT_BYTES 2048

static const struct key_row {
	enum session_field field;
	enum cap cap;
	const char *word;
} key_rows[SNAPSHOT_N_KEYS] = {
#define KEY(field, cap, word) {SESSION_##field, CAP_##cap, (word)},
	SNAPSHOT_KEYS(KEY)
#undef KEY
};

const char *snapshot_key_word(enum snapshot_key key)
{
	return key_rows[key].word;
}

uint32_t snapshot_choose_keys(const struct snapshot *snapshot)
{
	uint64_t asked = selectors_fields(&snapshot->request->match) |
			 selectors_fields(&snapshot->request->except) |
			 selectors_fields(snapshot->protection->configured);
	uint32_t mask = 0;

	if (snapshot->protection->own_user != NULL) {
		/* Sets that others of our connections are in are told apart by it. */
		asked |= UINT64_C(1) << SESSION_USER;
	}
	for (unsigned key = 0; key < SNAPSHOT_N_KEYS; key++) {
		if ((asked & (UINT64_C(1) << key_rows[key].field)) != 0 &&
			caps_has(snapshot->caps, key_rows[key].cap)) {
			mask |= UINT32_C(1) << key;
		}
	}
	return mask;
}

/* What the filter of a key is compared with; absent when the filter cannot say it. */
static struct slice key_value(const struct session *session, enum snapshot_key key)
{
	struct slice value = session->values[key_rows[key].field];
	bool is_said = value.len > 0;

	if (key == SNAPSHOT_KEY_LADDR) {
		is_said =
			session->laddr.kind == ADDRESS_IPV4 || session->laddr.kind == ADDRESS_IPV6;
	}
	return is_said ? value : (struct slice){NULL, 0};
}

/* "T" and, for each key, a mark, the value and a NUL. False when it would be too long. */
static bool write_cell_text(const struct snapshot *snapshot, const struct session *session,
	char *buffer, size_t *ret_len)
{
	size_t used = 0;

	buffer[used++] = (char)('0' + session->type);
	for (unsigned key = 0; key < SNAPSHOT_N_KEYS; key++) {
		struct slice value;

		if ((snapshot->key_mask & (UINT32_C(1) << key)) == 0) {
			continue;
		}
		value = key_value(session, (enum snapshot_key)key);
		if (used + value.len + 2 > MAX_CELL_TEXT_BYTES) {
			return false;
		}
		buffer[used++] = value.data != NULL ? '=' : '-';
		if (value.data != NULL) {
			memcpy(buffer + used, value.data, value.len);
		}
		used += value.len;
		buffer[used++] = '\0';
	}
	*ret_len = used;
	return true;
}

uint32_t snapshot_known_cell(const struct snapshot *snapshot, const struct session *session)
{
	char text[MAX_CELL_TEXT_BYTES];
	struct slice key = {text, 0};

	return write_cell_text(snapshot, session, text, &key.len)
		       ? intern_find(&snapshot->cell_texts, key)
		       : INTERN_NONE;
}

/* INTERN_NONE when there are too many. Known cells go on to be counted in: a command for one of
 * them must not overlook anybody. */
uint32_t snapshot_find_cell(struct snapshot *snapshot, const struct session *session)
{
	char text[MAX_CELL_TEXT_BYTES];
	size_t n_before = snapshot->cell_texts.n;
	struct slice key = {text, 0};
	uint32_t number;

	if (!write_cell_text(snapshot, session, text, &key.len)) {
		return INTERN_NONE;
	}
	if (n_before >= SNAPSHOT_MAX_CELLS) {
		return intern_find(&snapshot->cell_texts, key);
	}
	number = intern_add(&snapshot->cell_texts, key);
	if (number == n_before) {
		snapshot->cells = mem_grow_array(snapshot->cells, n_before,
			&snapshot->cells_capacity, sizeof(struct snapshot_cell));
		snapshot->cells[number] = (struct snapshot_cell){.type = session->type};
	}
	return number;
}

void snapshot_point_cells(struct snapshot *snapshot)
{
	for (uint32_t number = 0; number < snapshot->cell_texts.n; number++) {
		const char *at = intern_get(&snapshot->cell_texts, number).data + 1;

		for (unsigned key = 0; key < SNAPSHOT_N_KEYS; key++) {
			if ((snapshot->key_mask & (UINT32_C(1) << key)) == 0) {
				continue;
			}
			if (*at == '=') {
				snapshot->cells[number].keys[key] = slice_of(at + 1);
			}
			at += strlen(at) + 1;
		}
	}
}

void snapshot_note_in_cell(
	struct snapshot *snapshot, const struct session *session, enum request_class class)
{
	uint32_t number = snapshot_find_cell(snapshot, session);
	struct snapshot_cell *cell;

	snapshot->entries[snapshot->n - 1].cell = number;
	if (number == INTERN_NONE) {
		snapshot->n_without_cell++;
		return;
	}
	cell = &snapshot->cells[number];
	if (class == REQUEST_MATCHED) {
		cell->n_victims++;
	} else if (session->id == snapshot->link_id ||
		   protection_is_out_of_reach(snapshot->protection, session->id)) {
		return; /* SKIPME leaves it alone, or it steps aside */
	} else if (class == REQUEST_PROTECTED ||
		   protection_test(snapshot->protection, session) == SELECTOR_YES) {
		cell->n_kept++;
	} else {
		cell->n_unmatched++;
	}
}
