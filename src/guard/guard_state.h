/*
 * What guards have to remember beyond a restart, in one file: whether they are held, by whom, and
 * when they have acted. A file that cannot be read means held: nobody knows what it said.
 */
#ifndef GUARD_GUARD_STATE_H
#define GUARD_GUARD_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/macros.h"
#include "model/caller.h"

struct guard_state;

/* `path` NULL: nothing is remembered. Never NULL. */
struct guard_state *guard_state_load(const char *path);
void guard_state_free(struct guard_state *state);

bool guard_state_is_held(const struct guard_state *state);
/* Who has held them and when, or why they count as held; "" they are not. Borrowed. */
const char *guard_state_words(const struct guard_state *state);

/* Each is on the disk on return; else a negative errno with words, and in force all the same as
 * long as the daemon lives, but for an act, which is then not taken. */
NODISCARD int guard_state_hold(
	struct guard_state *state, const struct caller *caller, struct err *err);
NODISCARD int guard_state_resume(struct guard_state *state, struct err *err);
/* A guard acts on an instance, at that wall-clock time; what is older than `keep_ms` is forgotten.
 */
NODISCARD int guard_state_act(struct guard_state *state, const char *guard, const char *instance,
	int64_t wall_ms, int64_t keep_ms, struct err *err);
/* The last one has come to nothing: nobody was killed. */
void guard_state_take_back(struct guard_state *state, const char *guard, const char *instance);
/* How often it has done so since then; a time that is still to come counts, too. */
unsigned guard_state_n_acts(const struct guard_state *state, const char *guard,
	const char *instance, int64_t since_wall_ms);

#endif
