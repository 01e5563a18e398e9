/*
 * Reading a listing line by line:
 *
 *     {"instance":"r-1", ... ,"sessions":[
 *     {"id":3, ...},
 *     {"id":4, ...}
 *     ]}
 *
 * Or only one line, when there are groups instead of sessions.
 */
#include "cli/listing.h"

#include "base/mem.h"
#include "cli/field.h"
#include "cli/print/table.h"

#define LISTING_CLOSING "]}"

void listing_finish(struct listing *listing)
{
	json_decref(listing->head);
	table_free(listing->table);
	*listing = (struct listing){0};
}

/* Without what separates it from the next one. */
static struct slice strip(struct slice line)
{
	while (line.len > 0 && strchr(",\r\n", line.data[line.len - 1]) != NULL) {
		line.len--;
	}
	return line;
}

static json_t *load_head(struct slice line)
{
	CLEANUP(mem_free_p) char *closed = NULL;
	json_t *head = field_load(line);

	if (head == NULL) {
		closed = mem_printf("%.*s" LISTING_CLOSING, SLICE_ARG(line));
		head = field_load(slice_of(closed));
	}
	return head;
}

void listing_read_head(struct listing *listing, struct slice line)
{
	if (listing->head != NULL) {
		return;
	}
	listing->head = load_head(strip(line));
	if (listing->head == NULL) {
		listing->is_broken = true;
		listing->head = json_object();
	}
}

json_t *listing_read(struct listing *listing, struct slice line)
{
	json_t *session;

	if (listing->head == NULL) {
		listing_read_head(listing, line);
		return NULL;
	}
	line = strip(line);
	if (line.len == 0 || slice_is(line, LISTING_CLOSING)) {
		return NULL;
	}
	session = field_load(line);
	listing->is_broken |= session == NULL;
	return session;
}
