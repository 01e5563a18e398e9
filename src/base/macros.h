/*
 * Compiler attributes and the cleanup idiom that every layer uses. No functions.
 */
#ifndef BASE_MACROS_H
#define BASE_MACROS_H

#include <stddef.h>

/* The result tells whether it worked: ignoring it is a bug. */
#define NODISCARD __attribute__((warn_unused_result))
#define PRINTF_LIKE(text, first) __attribute__((format(printf, text, first)))
#define NORETURN __attribute__((noreturn))
#define UNUSED __attribute__((unused))

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))

/*
 * CLEANUP(fn): calls fn(&variable) when the variable leaves its scope. Ownership is handed over
 * explicitly: copy the pointer out, set the local to NULL.
 */
#define CLEANUP(fn) __attribute__((cleanup(fn)))

#endif
