/*
 * The command line of `clients`: how many sessions of which class, to which server.
 */
#ifndef TOOLS_OPTIONS_H
#define TOOLS_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/macros.h"
#include "base/slice.h"
#include "target.h"

#define OPTIONS_MAX_CLASSES 64
#define OPTIONS_MAX_SESSIONS 1000000

enum class_kind {
	CLASS_IDLE,
	CLASS_BLOCKED,
	CLASS_MULTI,
	CLASS_SUBSCRIBED,
	CLASS_MONITORING,
};

/* Absent user with a password: the default user. Absent password: no authentication. */
struct credentials {
	struct slice user;
	struct slice password;
};

struct session_class {
	char *label; /* as the status names it: "idle", "named:app", "user:bob"; owned */
	enum class_kind kind;
	struct slice name; /* for CLIENT SETNAME; absent: none */
	struct credentials credentials;
	size_t n_sessions;
	unsigned share_percent; /* n_sessions is yet to be made of the total; 0: it is not */
};

struct options {
	struct target target;
	struct session_class classes[OPTIONS_MAX_CLASSES];
	size_t n_classes;
	size_t n_sessions;        /* of all classes */
	size_t n_channels;        /* per subscriber */
	size_t window;            /* connections that may wait for the server at a time */
	size_t hold_until_closed; /* 0: until told to end */
	bool does_reconnect;
	bool is_resp3;
};

enum options_result { OPTIONS_RUN, OPTIONS_HELP, OPTIONS_WRONG };

/* Explains itself on stdout or stderr unless the result is OPTIONS_RUN. Texts stay in `argv`. */
NODISCARD enum options_result options_parse(struct options *options, int argc, char **argv);
void options_finish(struct options *options);

#endif
