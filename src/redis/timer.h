/*
 * Timers in milliseconds.
 */
#ifndef REDIS_TIMER_H
#define REDIS_TIMER_H

#include <event2/event.h>
#include <stdint.h>

/* Once, in `ms` from now; a time that was set before does not hold any more. */
static inline void timer_start(struct event *timer, int64_t ms)
{
	struct timeval time = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};

	evtimer_add(timer, &time);
}

#endif
