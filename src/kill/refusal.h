/*
 * Error replies that stand for the whole node: what was refused is refused for every command.
 */
#ifndef KILL_REFUSAL_H
#define KILL_REFUSAL_H

#include <stdbool.h>
#include <stddef.h>

struct listing_result;
struct reply;

/* NOPERM, NOAUTH, BUSY, LOADING and their like; not "ERR ...", which is about one command. */
bool refusal_is_final(const struct reply *reply);

/* The server's words, and what to do about it where that is known. */
void refusal_print(const struct reply *reply, char *buffer, size_t n_bytes);

/* The same of a listing that is not whole, whatever it failed of. */
void refusal_print_listing(const struct listing_result *result, char *buffer, size_t n_bytes);

#endif
