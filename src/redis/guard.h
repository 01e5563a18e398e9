/*
 * Tells an owner when nobody is inside any more: whoever may free objects in callbacks of these
 * very objects marks them, and frees them then. Embedded.
 */
#ifndef REDIS_GUARD_H
#define REDIS_GUARD_H

struct guard {
	unsigned depth;
	void (*idle_fn)(struct guard *guard); /* may free what the guard is in */
};

static inline void guard_enter(struct guard *guard)
{
	guard->depth++;
}

static inline void guard_leave(struct guard *guard)
{
	if (--guard->depth == 0) {
		guard->idle_fn(guard);
	}
}

#endif
