#include "guard/guard_state.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "record/json.h"

#define MAX_WORDS_BYTES 256
/* A reload may ask for a longer time than before. */
#define LEAST_KEPT_MS (INT64_C(7) * 24 * 60 * 60 * 1000)
#define MOST_KEPT 2000

struct guard_state {
	char *path;
	json_t *root; /* {"held": TEXT or null, "acts": {"GUARD INSTANCE": [MS...]}} */
	bool is_held;
	char words[MAX_WORDS_BYTES];
};

static void set_held(struct guard_state *state, const char *words)
{
	state->is_held = words != NULL;
	snprintf(state->words, sizeof(state->words), "%s", words != NULL ? words : "");
}

static json_t *new_root(void)
{
	json_t *root = json_object();

	json_set(root, "held", json_null());
	json_set(root, "acts", json_object());
	return root;
}

static bool are_times(const json_t *times)
{
	for (size_t i = 0; i < json_array_size(times); i++) {
		if (!json_is_integer(json_array_get(times, i))) {
			return false;
		}
	}
	return json_is_array(times);
}

static bool is_sound(const json_t *root)
{
	const json_t *held = json_object_get(root, "held");
	json_t *acts = json_object_get(root, "acts");
	const char *key;
	json_t *times;

	json_object_foreach(acts, key, times)
	{
		if (!are_times(times)) {
			return false;
		}
	}
	return json_is_object(acts) && (json_is_null(held) || json_string_length(held) > 0);
}

static void load(struct guard_state *state)
{
	char words[MAX_WORDS_BYTES];
	json_error_t error;
	FILE *file = fopen(state->path, "re");
	json_t *root;

	if (file == NULL && errno == ENOENT) {
		return;
	}
	root = file != NULL ? json_loadf(file, 0, &error) : NULL;
	if (file == NULL) {
		snprintf(words, sizeof(words), "%.160s cannot be read: %s", state->path,
			strerror(errno));
	} else if (root == NULL || !is_sound(root)) {
		snprintf(words, sizeof(words), "%.160s cannot be understood", state->path);
	} else {
		json_decref(state->root);
		state->root = json_incref(root);
		snprintf(words, sizeof(words), "%.200s",
			json_is_null(json_object_get(root, "held"))
				? ""
				: json_string_value(json_object_get(root, "held")));
	}
	set_held(state, words[0] != '\0' ? words : NULL);
	json_decref(root);
	if (file != NULL) {
		fclose(file);
	}
}

struct guard_state *guard_state_load(const char *path)
{
	struct guard_state *state = mem_new(struct guard_state);

	state->root = new_root();
	if (path != NULL) {
		state->path = mem_printf("%s", path);
		load(state);
	}
	return state;
}

void guard_state_free(struct guard_state *state)
{
	if (state != NULL) {
		json_decref(state->root);
		free(state->path);
		free(state);
	}
}

bool guard_state_is_held(const struct guard_state *state)
{
	return state->is_held;
}

const char *guard_state_words(const struct guard_state *state)
{
	return state->words;
}

/* ---- writing ---- */

/* Whole, or as it was. */
static int save(const struct guard_state *state, struct err *err)
{
	CLEANUP(mem_free_p) char *text = NULL;

	if (state->path == NULL) {
		err_set(err, "there is no state directory: it does not outlive the daemon");
		return -ENOENT;
	}
	text = json_print(state->root);
	return file_replace(state->path, text, err);
}

int guard_state_hold(struct guard_state *state, const struct caller *caller, struct err *err)
{
	char now[CLOCK_RFC3339_BYTES], words[MAX_WORDS_BYTES];

	clock_format_rfc3339(clock_wall_ms(), now);
	snprintf(words, sizeof(words), "held by %s (uid %u) since %s",
		caller->user[0] != '\0' ? caller->user : "somebody", (unsigned)caller->uid, now);
	set_held(state, words);
	json_set(state->root, "held", json_text_of(words));
	return save(state, err);
}

int guard_state_resume(struct guard_state *state, struct err *err)
{
	set_held(state, NULL);
	json_set(state->root, "held", json_null());
	return save(state, err);
}

/* ---- acts ---- */

static char *make_key(const char *guard, const char *instance)
{
	return mem_printf("%s %s", guard, instance);
}

static json_t *acts_of(const struct guard_state *state, const char *guard, const char *instance)
{
	CLEANUP(mem_free_p) char *key = make_key(guard, instance);

	return json_object_get(json_object_get(state->root, "acts"), key);
}

int guard_state_act(struct guard_state *state, const char *guard, const char *instance,
	int64_t wall_ms, int64_t keep_ms, struct err *err)
{
	CLEANUP(mem_free_p) char *key = make_key(guard, instance);
	json_t *acts = acts_of(state, guard, instance);
	json_t *kept = json_array();

	for (size_t i = 0; i < json_array_size(acts); i++) {
		int64_t at_ms = json_integer_value(json_array_get(acts, i));

		if (at_ms > wall_ms - MAX(keep_ms, (int64_t)LEAST_KEPT_MS) &&
			json_array_size(acts) - i < MOST_KEPT) {
			json_add(kept, json_integer(at_ms));
		}
	}
	json_add(kept, json_integer(wall_ms));
	json_set(json_object_get(state->root, "acts"), key, kept);
	/* Without a state directory there is nothing to remember it by. */
	return state->path == NULL ? 0 : save(state, err);
}

void guard_state_take_back(struct guard_state *state, const char *guard, const char *instance)
{
	json_t *acts = acts_of(state, guard, instance);
	struct err err;

	if (json_array_size(acts) > 0) {
		json_array_remove(acts, json_array_size(acts) - 1);
		/* Should it be remembered all the same, it acts less. */
		(void)(state->path == NULL ? 0 : save(state, &err));
	}
}

unsigned guard_state_n_acts(const struct guard_state *state, const char *guard,
	const char *instance, int64_t since_wall_ms)
{
	const json_t *acts = acts_of(state, guard, instance);
	unsigned n = 0;

	for (size_t i = 0; i < json_array_size(acts); i++) {
		n += json_integer_value(json_array_get(acts, i)) > since_wall_ms;
	}
	return n;
}
