/*
 * Denied requests beyond a rate: counted for each user, so that nobody fills the disk by being
 * refused. A second is from one denials_take() that finds nothing more to the next. A pure value.
 */
#ifndef RECORD_DENIALS_H
#define RECORD_DENIALS_H

#include <jansson.h>
#include <stdbool.h>
#include <sys/types.h>

/* Of one user in a second: recorded one by one; further ones are counted. */
#define DENIALS_ONE_BY_ONE 10
/* Users that are told apart in a second; all beyond are as one. */
#define DENIALS_MAX_USERS 64

struct denials_user {
	uid_t uid;
	unsigned n;   /* in this second */
	json_t *line; /* of the last that was only counted; NULL: none was */
};

/* Zeroed is empty. */
struct denials {
	struct denials_user users[DENIALS_MAX_USERS];
	size_t n_users;
};

void denials_finish(struct denials *denials);

/* Is one more by that user only to be counted? Then `line` is kept, and the one before it not. */
bool denials_count(struct denials *denials, uid_t uid, json_t *line);

/*
 * The next line that stands for all that were counted, with `repeated`, to be released; NULL: that
 * were all, and a new second begins.
 */
json_t *denials_take(struct denials *denials);

#endif
