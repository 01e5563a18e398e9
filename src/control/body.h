/*
 * Parameters out of the body of a request: a form or one JSON object, as its Content-Type says.
 * Nothing is guessed: a body that is not understood would be a request without its conditions.
 */
#ifndef CONTROL_BODY_H
#define CONTROL_BODY_H

#include "control/params.h"

enum body_result {
	BODY_READ,
	BODY_MALFORMED,
	BODY_UNSUPPORTED, /* neither a form nor JSON */
};

/*
 * Adds what `body` holds; an empty one holds nothing, whatever its `type` (which may be absent).
 *
 * JSON: strings, numbers and booleans stand for themselves, an array for a parameter that is
 * repeated. `is_lenient`, for an API whose own clients send whatever they like: an array or object
 * is its text, which is how that API writes lists, and null is not given.
 *
 * Else words that name the parameter, or say which Content-Type is wanted.
 */
NODISCARD enum body_result body_read(struct params *params, struct slice type, struct slice body,
	bool is_lenient, struct err *err);

#endif
