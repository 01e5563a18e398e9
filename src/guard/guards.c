/*
 * All guards: which of them look after which instances, and whether they are held.
 */
#include "guard/guards.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "guard/watch.h"
#include "kill/own_caller.h"
#include "record/audit.h"

LIST_HEAD(watch_list, watch);

struct guards {
	struct watch_world world;
	struct watch_list watches;
	char words[512];
};

struct guards *guards_new(const struct guards_inputs *inputs)
{
	struct guards *guards = mem_new(struct guards);

	guards->world.in = *inputs;
	guards->world.state = guard_state_load(inputs->state_path);
	guards->world.caller = own_caller_make();
	guards->world.started_ms = clock_monotonic_ms();
	LIST_INIT(&guards->watches);
	return guards;
}

/* ---- which there are ---- */

static struct watch *take_watch(struct guards *guards, const char *name, const char *instance)
{
	struct watch *watch;

	LIST_FOREACH(watch, &guards->watches, entry)
	{
		if (strcmp(watch->instance, instance) == 0 &&
			strcmp(watch->opts->name, name) == 0) {
			LIST_REMOVE(watch, entry);
			return watch;
		}
	}
	return NULL;
}

static void drop_watches(struct guards *guards)
{
	struct watch *watch;

	while ((watch = LIST_FIRST(&guards->watches)) != NULL) {
		LIST_REMOVE(watch, entry);
		if (watch->is_acting) {
			watch_stop_acting(watch);
			jobs_detach(guards->world.in.jobs, watch->request_id);
		}
		watch_free(watch);
	}
}

void guards_apply(struct guards *guards, const struct guards_opts *opts)
{
	const struct instances *instances = guards->world.in.instances;
	struct watch_list next = LIST_HEAD_INITIALIZER(next);
	struct watch *last = NULL;

	guards->world.hold_file = opts->hold_file;
	for (size_t i = 0; i < opts->n; i++) {
		for (size_t k = 0; k < instances_n(instances); k++) {
			const char *id = instances_get(instances, k)->opts->id;
			struct watch *watch;

			if (!guard_opts_is_for(&opts->items[i], id)) {
				continue;
			}
			watch = take_watch(guards, opts->items[i].name, id);
			if (watch != NULL) {
				/* What it does is by the rules of before. */
				watch_stop_acting(watch);
				watch_change(watch, &opts->items[i]);
			} else {
				watch = watch_new(&guards->world, &opts->items[i], id);
			}
			if (last == NULL) {
				LIST_INSERT_HEAD(&next, watch, entry);
			} else {
				LIST_INSERT_AFTER(last, watch, entry);
			}
			last = watch;
		}
	}
	drop_watches(guards);
	guards->watches = next;
	if (LIST_FIRST(&next) != NULL) {
		LIST_FIRST(&next)->entry.le_prev = &LIST_FIRST(&guards->watches);
	}
}

void guards_stop(struct guards *guards)
{
	guards->world.is_stopped = true;
	drop_watches(guards);
}

void guards_free(struct guards *guards)
{
	if (guards != NULL) {
		drop_watches(guards);
		guard_state_free(guards->world.state);
		free(guards);
	}
}

/* ---- holding ---- */

bool guards_is_held(const struct guards *guards)
{
	return watch_is_held(&guards->world);
}

static void stop_acting(struct guards *guards)
{
	struct watch *watch;

	LIST_FOREACH(watch, &guards->watches, entry)
	{
		watch_stop_acting(watch);
	}
}

void guards_upkeep(struct guards *guards)
{
	if (guards_is_held(guards)) {
		stop_acting(guards);
	}
}

const char *guards_held_words(const struct guards *guards)
{
	struct guards *own = (struct guards *)guards;
	const char *words = guard_state_words(guards->world.state);

	if (words[0] != '\0' || !guards_is_held(guards)) {
		return words;
	}
	snprintf(own->words, sizeof(own->words), "%s is there, or cannot be looked for",
		guards->world.hold_file);
	return own->words;
}

int guards_hold(struct guards *guards, const struct caller *caller, struct err *err)
{
	int r = guard_state_hold(guards->world.state, caller, err);
	int recorded = audit_guards(guards->world.in.audit, "hold", caller, r < 0 ? NULL : err);

	stop_acting(guards);
	return r < 0 ? r : recorded;
}

int guards_resume(struct guards *guards, const struct caller *caller, struct err *err)
{
	int r = guard_state_resume(guards->world.state, err);
	int recorded = audit_guards(guards->world.in.audit, "resume", caller, r < 0 ? NULL : err);

	return r < 0 ? r : recorded;
}

void guards_each(const struct guards *guards,
	void (*view_fn)(void *context, const struct guard_view *view), void *context)
{
	const struct watch *watch;

	LIST_FOREACH(watch, &guards->watches, entry)
	{
		struct guard_view view = watch_view(watch);

		view_fn(context, &view);
	}
}
