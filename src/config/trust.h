/*
 * Files that decide what the daemon does or knows: nobody but the administrator and the service may
 * have a hand in them.
 */
#ifndef CONFIG_TRUST_H
#define CONFIG_TRUST_H

#include <stdbool.h>
#include <sys/stat.h>

/*
 * What is wrong with a file of that status, in words that follow its name, on the heap; NULL:
 * nothing. Right is an owner who is root, the user that runs this process or, for root, the
 * service's user; nothing that the group may write; and nothing for others, but that they may read
 * what is no secret.
 */
char *trust_find_fault(const struct stat *status, bool is_secret);

#endif
