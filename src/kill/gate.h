/*
 * What stands between the start of a kill and its first look at a server: whoever is to be kept out
 * afterwards is kept out before, so that nobody comes through in between. Implemented by a layer to
 * the right (src/lease).
 */
#ifndef KILL_GATE_H
#define KILL_GATE_H

#include <stdbool.h>

struct instance;
struct request;
struct sources;

/* The door is closed, or the kill must not be. Borrowed for the call. */
struct gate_answer {
	const char *failure; /* why it must not be; NULL: the door is closed */
	bool is_inexact;     /* because it would shut out somebody whom the request does not end */
	bool is_closed;      /* somebody is kept out; else there was nobody to be */
	const char *warning; /* whom it shuts out besides, as was accepted; NULL: nobody */
};

typedef void (*gate_done_fn)(void *context, const struct gate_answer *answer);

struct gate {
	/*
	 * For a kill with keep_out; of a dry run it only says whether it could. `done_fn` is called
	 * once, from the event loop, unless the gate is told to forget it.
	 */
	void (*close_fn)(void *context, const char *request_id, const struct instance *instance,
		const struct request *request, gate_done_fn done_fn, void *done_context);
	/* The kill is cancelled before that: what it has closed is opened again. */
	void (*forget_fn)(void *context, const char *request_id);
	/*
	 * A kill that has passed it has ended: whom from where. Called before with NULL, when it is
	 * over but for looking who comes back. False: nobody is kept out.
	 */
	bool (*ended_fn)(void *context, const char *request_id, const struct sources *sources);
	void *context;
};

#endif
