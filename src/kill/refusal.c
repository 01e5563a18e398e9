/*
 * Refusals of a server.
 */
#include "kill/refusal.h"

#include <stdio.h>

#include "base/macros.h"
#include "redis/client_list.h"
#include "redis/reply.h"

static const struct refusal_row {
	const char *code;
	const char *remedy;
} rows[] = {
	{"BUSY", "a script or function runs: end it with break_busy, or wait"},
	{"NOPERM", "the instance's user needs +client|list and +client|kill"},
	{"NOAUTH", "the instance needs a password-file or credential"},
	{"LOADING", "the server is still loading its data set: wait"},
	{"MASTERDOWN", "a replica of this version refuses while its master is away"},
};

static const struct refusal_row *find(const struct reply *reply)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		if (reply_is_error(reply, rows[i].code)) {
			return &rows[i];
		}
	}
	return NULL;
}

bool refusal_is_final(const struct reply *reply)
{
	return find(reply) != NULL;
}

void refusal_print(const struct reply *reply, char *buffer, size_t n_bytes)
{
	const struct refusal_row *row = find(reply);

	if (reply->type != REPLY_ERROR) {
		snprintf(buffer, n_bytes, "the server's answer is of an unexpected type");
	} else if (row != NULL) {
		snprintf(buffer, n_bytes, "%.*s (%s)", SLICE_ARG(reply->text), row->remedy);
	} else {
		snprintf(buffer, n_bytes, "%.*s", SLICE_ARG(reply->text));
	}
}

void refusal_print_listing(const struct listing_result *result, char *buffer, size_t n_bytes)
{
	if (result->end == LISTING_REFUSED) {
		refusal_print(result->reply, buffer, n_bytes);
	} else {
		snprintf(buffer, n_bytes, "%s", result->words);
	}
}
