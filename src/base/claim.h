/*
 * What only one process may have: a file that is locked as long as it is held. The kernel gives the
 * lock up with the process, however that ends.
 */
#ifndef BASE_CLAIM_H
#define BASE_CLAIM_H

#include <stdbool.h>

#include "base/err.h"
#include "base/macros.h"

struct claim {
	int fd;     /* the file may be written to and read */
	char *path; /* NULL: nothing is held */
};

/*
 * Takes `path`, which is made when it is missing (mode 0640; a regular file, no link is followed).
 * -EBUSY with words that name the process that holds it, another negative errno with words.
 */
NODISCARD int claim_take(const char *path, struct claim *ret_claim, struct err *err);

/* Somebody may have removed the file: then nobody is kept out any more. */
bool claim_is_in_place(const struct claim *claim);

/* The file has that name from now on, in place of whatever has it. 0 or a negative errno. */
NODISCARD int claim_rename(struct claim *claim, const char *path);

/* Zeroed is fine. The file stays, for whoever holds it next; or goes. */
void claim_leave(struct claim *claim);
void claim_remove(struct claim *claim);

#endif
