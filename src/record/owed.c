#include "record/owed.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

void owed_init(struct owed *owed)
{
	TAILQ_INIT(&owed->lines);
	owed->n_bytes = 0;
}

void owed_finish(struct owed *owed)
{
	while (owed_first(owed) != NULL) {
		owed_drop_first(owed);
	}
}

bool owed_add(struct owed *owed, const char *request_id, const char *text)
{
	size_t n_bytes = strlen(text);
	struct owed_line *line;

	if (owed->n_bytes + n_bytes > OWED_MAX_BYTES) {
		return false;
	}
	line = mem_new(struct owed_line);
	line->request_id = mem_copy_text(request_id, strlen(request_id));
	line->text = mem_copy_text(text, n_bytes);
	owed->n_bytes += n_bytes;
	TAILQ_INSERT_TAIL(&owed->lines, line, entry);
	return true;
}

const struct owed_line *owed_first(const struct owed *owed)
{
	return TAILQ_FIRST(&owed->lines);
}

void owed_drop_first(struct owed *owed)
{
	struct owed_line *line = TAILQ_FIRST(&owed->lines);

	TAILQ_REMOVE(&owed->lines, line, entry);
	owed->n_bytes -= strlen(line->text);
	free(line->request_id);
	free(line->text);
	free(line);
}
