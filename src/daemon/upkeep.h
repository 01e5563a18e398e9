/*
 * What the daemon looks after once a second: that callers find its socket, and that what was only
 * counted comes into the record.
 */
#ifndef DAEMON_UPKEEP_H
#define DAEMON_UPKEEP_H

struct daemon;

/* The last directory of the socket's path, which /run does not keep over a restart. */
void upkeep_make_directory(const char *socket);

/* From now on, until daemon->upkeep is freed. */
void upkeep_start(struct daemon *daemon);
/* At once. */
void upkeep_run(struct daemon *daemon);

#endif
