/*
 * Error replies that stand for the whole node: what was refused is refused for every command.
 */
#ifndef KILL_REFUSAL_H
#define KILL_REFUSAL_H

#include <stdbool.h>
#include <stddef.h>

struct reply;

/* NOPERM, NOAUTH, BUSY, LOADING and their like; not "ERR ...", which is about one command. */
bool refusal_is_final(const struct reply *reply);

/* The server's words, and what to do about it where that is known. */
void refusal_print(const struct reply *reply, char *buffer, size_t n_bytes);

#endif
