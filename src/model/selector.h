/*
 * One expression `FIELD OP VALUE[,VALUE...]`, compiled. The same form serves match, except and
 * protect wherever they are written.
 *
 * Text: = and !=, with * and ? as wildcards that count characters. Addresses: = and != with IP,
 * CIDR, ip:port, unix. Numbers: = != < <= > >=; durations and sizes where the field counts seconds
 * or bytes. Values are alternatives: `=` holds if one of them fits, `!=` if none does.
 */
#ifndef MODEL_SELECTOR_H
#define MODEL_SELECTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/macros.h"
#include "base/slice.h"
#include "model/session.h"

/*
 * Named limits: an expression is typed by a person. A value with wildcards has at most
 * WILDCARD_MAX_CHARACTERS.
 */
#define SELECTOR_MAX_BYTES 4096
#define SELECTOR_MAX_VALUES 256
/*
 * Of a list that a caller writes: each session is tested by all of them. Listings are judged as
 * they arrive, 16 KiB in one turn of the event loop: that takes about 1 ms by the worst that there
 * may be, and 20,000 sessions with usual names 50 ms in all.
 */
#define SELECTORS_MAX_VALUES 1024
#define SELECTORS_MAX_WILDCARDS 16

enum selector_operator {
	SELECTOR_EQUAL,
	SELECTOR_NOT_EQUAL,
	SELECTOR_LESS,
	SELECTOR_LESS_EQUAL,
	SELECTOR_GREATER,
	SELECTOR_GREATER_EQUAL,
};

/* What is known about a session or a set of sessions: see session.open_fields. */
enum selector_verdict {
	SELECTOR_NO,
	SELECTOR_YES,
	SELECTOR_OPEN, /* some could fit, some could not */
};

struct selector;

/* Compiles. NULL with words that name the column (counted from 1) when malformed. */
struct selector *selector_new(struct slice text, struct err *err);
/*
 * `field = value` for a text field and a value that is taken as it is: commas and wildcards in it
 * mean themselves.
 */
struct selector *selector_new_exact(enum session_field field, struct slice value);
void selector_free(struct selector *selector);

const char *selector_text(const struct selector *selector); /* as it was written */
enum session_field selector_field(const struct selector *selector);

/* Is it "field = VALUE[,VALUE...]" of a text, without wildcards? Then these are the values. */
bool selector_is_exact_list(const struct selector *selector);
size_t selector_n_values(const struct selector *selector);
struct slice selector_listed_value(const struct selector *selector, size_t index); /* borrowed */

/* A field that the server did not give never fits, whatever the operator. */
enum selector_verdict selector_test(const struct selector *selector, const struct session *session);

/*
 * Does every session that could be killed fit, on a server that gives the field? That is what
 * `id > 0`, `name = *` and the like say; whoever leaves out a single one does not.
 */
bool selector_is_for_everybody(const struct selector *selector);

/*
 * The least whole number n for which "field >= n" is what this selector says, for `age` and `idle`
 * with > and >=; false otherwise.
 */
NODISCARD bool selector_lower_bound(const struct selector *selector, int64_t *ret_bound);

/* A list of them, in the order they were given. Zeroed is empty. */
struct selectors {
	struct selector **items;
	size_t n;
	size_t capacity;
};

/* Compiles and appends; false with words when malformed (the list is then unchanged). */
NODISCARD bool selectors_add(struct selectors *list, struct slice text, struct err *err);
/* The same for what a caller writes: nor may the list exceed the limits above. */
NODISCARD bool selectors_add_asked(struct selectors *list, struct slice text, struct err *err);
void selectors_add_exact(struct selectors *list, enum session_field field, struct slice value);
void selectors_finish(struct selectors *list);
bool selectors_is_equal(const struct selectors *a, const struct selectors *b); /* by text */
uint64_t selectors_fields(const struct selectors *list);                       /* bits 1 << field */

bool selectors_name_ids(const struct selectors *list); /* does one say `id = N`? */

enum selector_verdict selectors_test_all(
	const struct selectors *list, const struct session *session); /* empty: YES */
enum selector_verdict selectors_test_any(
	const struct selectors *list, const struct session *session); /* empty: NO */

#endif
