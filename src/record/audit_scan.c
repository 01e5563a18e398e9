/*
 * Reading an audit file for what is open.
 *
 * A file may have grown to gigabytes, and most of it are outcomes with many nodes and sources.
 * Parsing them all would delay the start by seconds for one id each. So a line is looked at byte
 * by byte instead: its first bytes name the event and the request, and the balance of its brackets
 * tells whether it is whole. Only the few intents that stay open are parsed, by their offset.
 */
#include "record/audit_scan.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "base/mem.h"
#include "base/slice.h"

#define CHUNK_BYTES 65536
/* Enough for time, event and request id. */
#define HEAD_BYTES 256
#define MAX_ID_BYTES 64

/* The line that is being read. */
struct line {
	int64_t offset;
	size_t n_bytes;
	char head[HEAD_BYTES]; /* its first bytes */
	size_t depth;          /* of open brackets */
	bool is_in_string;
	bool is_escaped; /* the last byte was the backslash of an escape */
	bool is_broken;  /* no object, or something behind it */
};

static void line_take_outside_string(struct line *line, char byte)
{
	if (byte == '"') {
		line->is_in_string = true;
	} else if (byte == '{' || byte == '[') {
		line->depth++;
	} else if (byte == '}' || byte == ']') {
		line->depth--;
	}
}

static void line_take(struct line *line, char byte)
{
	if (line->n_bytes < HEAD_BYTES) {
		line->head[line->n_bytes] = byte;
	}
	/* Brackets are all closed before the first byte and behind the last one, nowhere else. */
	if (line->depth == 0 && (line->n_bytes > 0 || byte != '{')) {
		line->is_broken = true;
	}
	line->n_bytes++;
	if (line->is_broken) {
		return;
	}
	if (line->is_escaped) {
		line->is_escaped = false;
	} else if (!line->is_in_string) {
		line_take_outside_string(line, byte);
	} else if (byte == '\\') {
		line->is_escaped = true;
	} else if (byte == '"') {
		line->is_in_string = false;
	}
}

static bool line_is_whole(const struct line *line)
{
	return line->n_bytes > 0 && line->depth == 0 && !line->is_broken;
}

/* Takes `literal` and the text up to the next quote off the front of `*rest`. */
static bool take_string_behind(struct slice *rest, const char *literal, struct slice *ret_text)
{
	if (!slice_has_prefix(*rest, literal)) {
		return false;
	}
	*rest = slice_skip(*rest, strlen(literal));
	return slice_next(rest, '"', ret_text) && rest->data != NULL;
}

/* Reads {"time":"T","event":"E","request_id":"R"... as audit.c puts it in front of every line. */
static bool line_read_head(const struct line *line, struct slice *ret_event, struct slice *ret_id)
{
	struct slice rest = {line->head, MIN(line->n_bytes, (size_t)HEAD_BYTES)};
	struct slice time;

	return take_string_behind(&rest, "{\"time\":\"", &time) &&
	       take_string_behind(&rest, ",\"event\":\"", ret_event) &&
	       take_string_behind(&rest, ",\"request_id\":\"", ret_id) && ret_id->len > 0 &&
	       ret_id->len <= MAX_ID_BYTES;
}

/* What is gathered from the lines. */
struct scan {
	json_t *open;  /* intents without an end so far: offsets */
	json_t *other; /* NULL: there is none */
	json_t *ends;  /* NULL: not wanted */
};

static void end_line(const struct line *line, const struct scan *scan)
{
	struct slice event, id;
	char *key CLEANUP(mem_free_p) = NULL;

	if (!line_is_whole(line) || !line_read_head(line, &event, &id)) {
		return;
	}
	key = slice_copy(id);
	if (slice_is(event, "outcome") || slice_is(event, "interrupted")) {
		json_object_del(scan->open, key);
		json_object_del(scan->other, key);
		json_object_set_new(scan->ends, key, json_true());
	} else if (slice_is(event, "intent") &&
		   json_object_size(scan->open) < AUDIT_SCAN_MAX_OPEN) {
		/* Refused only when the key is no UTF-8: then it is none of ours. */
		json_object_set_new(scan->open, key, json_integer(line->offset));
	}
}

/* pread() that survives signals. */
static ssize_t read_at(int fd, void *buffer, size_t n_bytes, int64_t offset)
{
	ssize_t n;

	do {
		n = pread(fd, buffer, n_bytes, offset);
	} while (n < 0 && errno == EINTR);
	return n;
}

static int scan_lines(int fd, int64_t n_most, const struct scan *scan, struct err *err)
{
	char *chunk CLEANUP(mem_free_p) = mem_alloc(CHUNK_BYTES);
	struct line line = {.offset = 0};
	int64_t offset = 0;
	ssize_t n;

	while ((n = read_at(fd, chunk, (size_t)MIN(n_most - offset, (int64_t)CHUNK_BYTES),
			offset)) > 0) {
		for (ssize_t i = 0; i < n; i++) {
			if (chunk[i] == '\n') {
				end_line(&line, scan);
				line = (struct line){.offset = offset + i + 1};
			} else {
				line_take(&line, chunk[i]);
			}
		}
		offset += n;
	}
	if (n < 0) {
		int error_number = errno;

		err_set_errno(err, error_number, "cannot read");
		return -error_number;
	}
	/* Whole but for its line feed: the next append adds that, and from then on it counts. */
	end_line(&line, scan);
	return 0;
}

int audit_scan(int fd, json_t *other, json_t **ret_open, struct err *err)
{
	struct scan scan = {.open = json_object(), .other = other};
	int r;

	CHECK(scan.open != NULL);
	r = scan_lines(fd, INT64_MAX, &scan, err);
	if (r < 0) {
		json_decref(scan.open);
		return r;
	}
	*ret_open = scan.open;
	return 0;
}

int audit_scan_ends(int fd, int64_t n_bytes, json_t **ret_ends)
{
	struct scan scan = {.ends = json_object()};
	struct err err;
	int r = scan_lines(fd, n_bytes, &scan, &err);

	*ret_ends = scan.ends;
	return r;
}

struct source {
	int fd;
	int64_t offset;
};

static size_t feed_parser(void *buffer, size_t n_bytes, void *data)
{
	struct source *source = data;
	ssize_t n = read_at(source->fd, buffer, n_bytes, source->offset);

	if (n < 0) {
		return (size_t)-1; /* what jansson knows as an error */
	}
	source->offset += n;
	return (size_t)n;
}

json_t *audit_scan_load(int fd, int64_t offset)
{
	struct source source = {fd, offset};

	return json_load_callback(feed_parser, &source, JSON_DISABLE_EOF_CHECK, NULL);
}
