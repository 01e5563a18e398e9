/*
 * Files that decide what the daemon does or knows: nobody but the administrator and the service may
 * have a hand in them. What is wrong with one is told in words that follow its name, on the heap;
 * NULL: nothing.
 *
 * Right is an owner who is root, the user that runs this process or, for root, the service's user;
 * nothing that the group may write; and nothing for others, but that they may read what is no
 * secret.
 */
#ifndef CONFIG_TRUST_H
#define CONFIG_TRUST_H

/* The configuration itself, once opened; a pipe or a terminal is its caller's affair. */
char *trust_config_fault(int fd);

/*
 * What is in a secret is never read here: that the file is there, fit for its purpose and hidden
 * from others is all that a configuration can promise.
 */
char *trust_secret_fault(const char *path);
/* The key of a certificate. One that is not there yet is told when it is needed. */
char *trust_key_fault(const char *path);
/* A file that is written to. Whoever may make links there would choose it. */
char *trust_record_fault(const char *path);

#endif
