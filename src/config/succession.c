/*
 * What a reload leaves as it is: the control socket, which callers are connected to.
 */
#include "config/succession.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "config/keys.h"

/* To make a key of another type not reloadable, say here how its values are compared. */
static bool is_equal(
	const struct key *key, const struct control_opts *a, const struct control_opts *b)
{
	const void *left = (const char *)a + key->offset;
	const void *right = (const char *)b + key->offset;

	if (key->type == &value_socket || key->type == &value_group) {
		const char *left_text = *(char *const *)left;
		const char *right_text = *(char *const *)right;

		return left_text == NULL || right_text == NULL ? left_text == right_text
							       : strcmp(left_text, right_text) == 0;
	}
	CHECK(key->type == &value_mode || key->type == &value_count);
	return *(const unsigned *)left == *(const unsigned *)right;
}

void succession_compare(const struct config *current, const struct config *next,
	void (*differs_fn)(void *context, const char *path), void *context)
{
	size_t n;
	const struct key *keys = keys_table(&n);

	for (size_t i = 0; i < n; i++) {
		if (keys[i].is_reloadable || keys[i].type == &value_section) {
			continue;
		}
		CHECK(keys[i].section == KEYS_CONTROL);
		if (!is_equal(&keys[i], &current->control, &next->control)) {
			CLEANUP(mem_free_p) char *path = keys_path(&keys[i]);

			differs_fn(context, path);
		}
	}
}

/* The group goes with the socket: whom its file lets in and who may do all by default are one. */
void succession_keep(struct config *current, struct config *next)
{
	struct control_opts control = current->control;

	current->control = next->control;
	next->control = control;
	next->access.has_control_gid = current->access.has_control_gid;
	next->access.control_gid = current->access.control_gid;
}
