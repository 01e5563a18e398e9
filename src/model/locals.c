/*
 * Sessions within a host.
 */
#include "model/locals.h"

#include <string.h>

#include "base/mem.h"

void locals_add(struct locals *locals, const struct session *session)
{
	struct ends ends;

	if (!ends_of(session, &ends) || !ends_is_one_host(&ends)) {
		return;
	}
	locals->n_all++;
	if (locals->n == LOCALS_MAX) {
		return;
	}
	locals->items = mem_grow_array(
		locals->items, locals->n, &locals->capacity, sizeof(struct locals_session));
	locals->items[locals->n++] = (struct locals_session){session->id, ends};
}

void locals_note_own(struct locals *locals, const struct session *session)
{
	locals->has_own = ends_of(session, &locals->own);
}

void locals_finish(struct locals *locals)
{
	free(locals->items);
	memset(locals, 0, sizeof(*locals));
}
