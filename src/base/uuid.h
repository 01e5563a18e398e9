/*
 * Random UUIDs (RFC 4122, version 4) in the form the DAS API uses: upper case.
 */
#ifndef BASE_UUID_H
#define BASE_UUID_H

#include <stdbool.h>

#include "base/slice.h"

#define UUID_TEXT_BYTES 37 /* with the NUL */

/* `buffer` holds UUID_TEXT_BYTES. From the kernel's random source; ends the process without it. */
void uuid_make(char *buffer);

#endif
