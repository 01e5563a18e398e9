/*
 * Selectors: whatever somebody types is compiled or refused with a column, and what is compiled
 * judges every kind of session without surprise.
 */
#include <stdlib.h>

#include "base/check.h"
#include "base/mem.h"
#include "model/selector.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

static const char *const lines[] = {
	"id=3 addr=127.0.0.1:54321 laddr=127.0.0.1:6379 fd=8 name=leak age=90 idle=3 flags=N db=0 "
	"sub=0 psub=0 ssub=0 multi=-1 qbuf=26 omem=0 tot-mem=22298 events=r cmd=client|list "
	"user=default redir=-1 resp=2 lib-name=jedis lib-ver=5.1",
	"id=4 addr=/run/my redis.sock:0 laddr=/run/my redis.sock:0 fd=9 name= age=0 idle=0 "
	"flags=PU "
	"db=0 sub=3 psub=0",
	"id=5 addr=[::1]:40000 fd=9 name=a=b age=1 idle=0 flags=xb user=app",
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
	struct err err = {""};
	struct selector *selector = selector_new((struct slice){(const char *)data, n_bytes}, &err);
	int64_t bound;

	if (selector == NULL) {
		CHECK(slice_has_prefix(slice_of(err.text), "column "));
		return 0;
	}
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		struct session session;

		CHECK(session_parse(slice_of(lines[i]), SERVER_REDIS, SLICE_LITERAL("n:1"),
			      &session, NULL) == 0);
		CHECK(selector_test(selector, &session) != SELECTOR_OPEN);
		session.open_fields = ~UINT64_C(0);
		session.least_age_s = 5;
		session.least_idle_s = 5;
		(void)selector_test(selector, &session);
	}
	(void)!selector_lower_bound(selector, &bound);
	selector_free(selector);
	return 0;
}
