/*
 * Commands out of bytes. The peer is the daemon under test: what is not RESP ends the program.
 */
#include "requests.h"

#include <unistd.h>

#include "base/check.h"
#include "base/mem.h"
#include "base/parse.h"

#define READ_BYTES 65536

bool requests_fill(struct requests *requests, int fd)
{
	ssize_t n;

	if (requests->begin > 0) {
		memmove(requests->input, requests->input + requests->begin,
			requests->end - requests->begin);
		requests->end -= requests->begin;
		requests->begin = 0;
	}
	if (requests->capacity - requests->end < READ_BYTES) {
		requests->capacity = requests->capacity * 2 + READ_BYTES;
		requests->input = mem_resize_array(requests->input, requests->capacity, 1);
	}
	n = read(fd, requests->input + requests->end, requests->capacity - requests->end);
	if (n <= 0) {
		return false;
	}
	requests->end += (size_t)n;
	return true;
}

/* "MARK number CR LF" at the front of `*rest`, taken off. False: not yet whole. */
static bool take_number(struct slice *rest, char mark, uint64_t *ret_number)
{
	const char *feed = rest->len > 0 ? memchr(rest->data, '\n', rest->len) : NULL;
	size_t len;

	if (feed == NULL) {
		return false;
	}
	len = (size_t)(feed - rest->data);
	CHECK(len > 2 && rest->data[0] == mark);
	CHECK(parse_u64((struct slice){rest->data + 1, len - 2}, ret_number));
	*rest = slice_skip(*rest, len + 1);
	return true;
}

static void add_argument(struct requests *requests, struct slice argument)
{
	requests->argv = mem_grow_array(
		requests->argv, requests->argc, &requests->argv_capacity, sizeof(struct slice));
	requests->argv[requests->argc++] = argument;
}

bool requests_next(struct requests *requests)
{
	struct slice rest = {requests->input + requests->begin, requests->end - requests->begin};
	uint64_t argc;
	uint64_t len;

	requests->argc = 0;
	if (!take_number(&rest, '*', &argc)) {
		return false;
	}
	for (uint64_t i = 0; i < argc; i++) {
		if (!take_number(&rest, '$', &len) || rest.len < len + 2) {
			return false;
		}
		add_argument(requests, (struct slice){rest.data, (size_t)len});
		rest = slice_skip(rest, (size_t)len + 2);
	}
	requests->begin = requests->end - rest.len;
	return true;
}

bool requests_is(const struct requests *requests, size_t i, const char *word)
{
	return i < requests->argc && slice_is_nocase(requests->argv[i], word);
}

void requests_finish(struct requests *requests)
{
	free(requests->input);
	free(requests->argv);
}
