/*
 * CHECK: an assertion that stays on in releases. A failed one is a bug in this program, never a
 * consequence of input; the process ends with the place and the expression on stderr.
 */
#ifndef BASE_CHECK_H
#define BASE_CHECK_H

#include "base/macros.h"

NORETURN void check_failed(const char *expression, const char *file, int line);

#define CHECK(expression) ((expression) ? (void)0 : check_failed(#expression, __FILE__, __LINE__))

#endif
