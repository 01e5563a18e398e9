#include "kill/id_list.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"

/* Of a 64-bit number. */
#define ID_TEXT_BYTES 24
/* CLIENT LIST ID */
#define N_WORDS 3

struct id_list id_list_new(size_t n_most, struct slice client_command)
{
	struct id_list ids = {
		.argv = mem_alloc_array(N_WORDS + n_most, sizeof(struct slice)),
		.bytes = mem_alloc_array(n_most, ID_TEXT_BYTES),
	};

	ids.argv[0] = client_command;
	ids.argv[1] = SLICE_LITERAL("LIST");
	ids.argv[2] = SLICE_LITERAL("ID");
	return ids;
}

void id_list_add(struct id_list *ids, uint64_t id)
{
	char *text = ids->bytes + ids->n * ID_TEXT_BYTES;
	int len = snprintf(text, ID_TEXT_BYTES, "%llu", (unsigned long long)id);

	ids->argv[N_WORDS + ids->n++] = (struct slice){text, (size_t)len};
}

size_t id_list_argc(const struct id_list *ids)
{
	return N_WORDS + ids->n;
}

void id_list_finish(struct id_list *ids)
{
	free(ids->argv);
	free(ids->bytes);
}
