/*
 * The codec. Replies are fed to hiredis line by line: every RESP reply ends with a line feed, so
 * that the reader never swallows bytes of the reply behind, which may be a listing.
 */
#include "redis/resp.h"

#include <inttypes.h>
#include <event2/buffer.h>
#include <hiredis/hiredis.h>

#include "base/check.h"
#include "base/mem.h"
#include "base/parse.h"

/* What a bulk still needs when its lines have arrived: nothing, its header, its bytes or the end.
 */
enum listing_phase {
	LISTING_NONE,
	LISTING_BODY,
	LISTING_END, /* the CR LF behind the bytes */
};

struct resp {
	redisReader *reader;
	size_t n_fed; /* bytes of the reply that is being read */
	struct listing listing;
	enum listing_phase phase;
};

/* ---- hiredis builds our replies ---- */

/* A new reply, hung into its parent: hiredis tells the parent and the place in it. */
static struct reply *make(const redisReadTask *task, enum reply_type type)
{
	struct reply *reply = mem_new(struct reply);

	reply->type = type;
	if (task->parent != NULL) {
		struct reply *parent = task->parent->obj;

		CHECK((size_t)task->idx < parent->n_elements);
		parent->elements[task->idx] = reply;
	}
	return reply;
}

/* RESP3 hands over verbatim texts and big numbers here: NULL makes the reader give up. */
static void *make_text(const redisReadTask *task, char *text, size_t len)
{
	struct reply *reply;

	if (task->type == REDIS_REPLY_ERROR) {
		reply = make(task, REPLY_ERROR);
	} else if (task->type == REDIS_REPLY_STATUS) {
		reply = make(task, REPLY_STATUS);
	} else if (task->type == REDIS_REPLY_STRING) {
		reply = make(task, REPLY_TEXT);
	} else {
		return NULL;
	}
	reply->text = (struct slice){mem_copy_text(text, len), len};
	return reply;
}

static int depth_of(const redisReadTask *task)
{
	int depth = 0;

	for (; task->parent != NULL; task = task->parent) {
		depth++;
	}
	return depth;
}

#if HIREDIS_MAJOR >= 1
static void *make_array(const redisReadTask *task, size_t n_elements)
#else
static void *make_array(const redisReadTask *task, int n_elements)
#endif
{
	struct reply *reply;

	/* What is refused here is never allocated. RESP3 has maps, sets and pushes come by, too. */
	if (task->type != REDIS_REPLY_ARRAY || (size_t)n_elements > RESP_MAX_ELEMENTS ||
		depth_of(task) >= RESP_MAX_DEPTH) {
		return NULL;
	}
	reply = make(task, REPLY_ARRAY);
	reply->n_elements = (size_t)n_elements;
	reply->elements = mem_alloc_array((size_t)n_elements, sizeof(struct reply *));
	return reply;
}

static void *make_integer(const redisReadTask *task, long long value)
{
	struct reply *reply = make(task, REPLY_INTEGER);

	reply->integer = value;
	return reply;
}

static void *make_nil(const redisReadTask *task)
{
	return make(task, REPLY_NIL);
}

#if HIREDIS_MAJOR >= 1
/* RESP3 is never asked for: who sends its types is refused. Without these functions hiredis would
 * hand over small numbers as pointers. */
static void *refuse_double(const redisReadTask *task, double value, char *text, size_t len)
{
	return NULL;
}

static void *refuse_bool(const redisReadTask *task, int value)
{
	return NULL;
}
#endif

void resp_release(struct reply *reply)
{
	if (reply == NULL) {
		return;
	}
	for (size_t i = 0; i < reply->n_elements; i++) {
		resp_release(reply->elements[i]);
	}
	free(reply->elements);
	free((char *)reply->text.data);
	free(reply);
}

static void release_object(void *reply)
{
	resp_release(reply);
}

static redisReplyObjectFunctions functions = {
	.createString = make_text,
	.createArray = make_array,
	.createInteger = make_integer,
	.createNil = make_nil,
	.freeObject = release_object,
#if HIREDIS_MAJOR >= 1
	.createDouble = refuse_double,
	.createBool = refuse_bool,
#endif
};

struct resp *resp_new(void)
{
	struct resp *resp = mem_new(struct resp);

	resp->reader = redisReaderCreateWithFunctions(&functions);
	if (resp->reader == NULL) {
		abort(); /* no memory */
	}
	return resp;
}

void resp_free(struct resp *resp)
{
	if (resp == NULL) {
		return;
	}
	redisReaderFree(resp->reader);
	listing_finish(&resp->listing);
	free(resp);
}

/* ---- commands ---- */

static void wipe_and_free(const void *data, size_t len, void *unused)
{
	mem_wipe((void *)data, len);
	free((void *)data);
}

void resp_write_command(
	struct evbuffer *output, const struct slice *argv, size_t argc, bool is_secret)
{
	CLEANUP(mem_free_p) const char **texts = mem_alloc_array(argc, sizeof(char *));
	CLEANUP(mem_free_p) size_t *lens = mem_alloc_array(argc, sizeof(size_t));
	char *bytes = NULL;
	int len;

	for (size_t i = 0; i < argc; i++) {
		texts[i] = argv[i].data;
		lens[i] = argv[i].len;
	}
	len = (int)redisFormatCommandArgv(&bytes, (int)argc, texts, lens);
	CHECK(len > 0);
	if (is_secret) {
		/* Not copied: the only place the secret stands in is wiped once it is sent. */
		evbuffer_add_reference(output, bytes, (size_t)len, wipe_and_free, NULL);
		return;
	}
	evbuffer_add(output, bytes, (size_t)len);
	redisFreeCommand(bytes);
}

/* ---- replies ---- */

/* The next line of `input` up to and with its feed; absent when there is none yet. Drain it after.
 */
static struct slice next_line(struct evbuffer *input)
{
	struct evbuffer_ptr feed = evbuffer_search(input, "\n", 1, NULL);
	size_t len = (size_t)(feed.pos + 1);

	if (feed.pos < 0) {
		return (struct slice){NULL, 0};
	}
	return (struct slice){(char *)evbuffer_pullup(input, (ev_ssize_t)len), len};
}

static enum resp_result more_or_broken(const struct evbuffer *input, struct err *err)
{
	if (evbuffer_get_length(input) > RESP_MAX_LINE_BYTES) {
		err_set(err, "the server sent a line of more than %d bytes", RESP_MAX_LINE_BYTES);
		return RESP_BROKEN;
	}
	return RESP_AGAIN;
}

static enum resp_result feed_reader(
	struct resp *resp, struct evbuffer *input, struct reply **ret_reply, struct err *err)
{
	for (;;) {
		struct slice line = next_line(input);
		void *reply = NULL;

		if (line.data == NULL) {
			return more_or_broken(input, err);
		}
		resp->n_fed += line.len;
		if (resp->n_fed > RESP_MAX_REPLY_BYTES) {
			err_set(err, "the server sent a reply of more than %d bytes",
				RESP_MAX_REPLY_BYTES);
			return RESP_BROKEN;
		}
		if (redisReaderFeed(resp->reader, line.data, line.len) != REDIS_OK ||
			redisReaderGetReply(resp->reader, &reply) != REDIS_OK) {
			err_set(err, "the server does not speak RESP: %s", resp->reader->errstr);
			return RESP_BROKEN;
		}
		evbuffer_drain(input, line.len);
		if (reply != NULL) {
			resp->n_fed = 0;
			*ret_reply = reply;
			return RESP_REPLY;
		}
	}
}

/* At the front of `input`: "$LENGTH\r\n" of a listing. False: something else, or not yet whole. */
static bool read_bulk_header(struct evbuffer *input, uint64_t *ret_n_bytes)
{
	struct slice line = next_line(input);

	if (line.len < 4 || line.data[0] != '$' || line.data[line.len - 2] != '\r' ||
		!parse_u64((struct slice){line.data + 1, line.len - 3}, ret_n_bytes)) {
		return false;
	}
	evbuffer_drain(input, line.len);
	return true;
}

static enum resp_result read_listing(struct resp *resp, struct evbuffer *input,
	listing_line_fn line_fn, void *context, struct reply **ret_reply, struct err *err)
{
	char end[2];

	if (resp->phase == LISTING_BODY) {
		if (!listing_read(&resp->listing, input, line_fn, context)) {
			return RESP_AGAIN;
		}
		resp->phase = LISTING_END;
	}
	if (evbuffer_get_length(input) < sizeof(end)) {
		return RESP_AGAIN;
	}
	evbuffer_remove(input, end, sizeof(end));
	if (end[0] != '\r' || end[1] != '\n') {
		err_set(err, "the server's listing is longer than it said");
		return RESP_BROKEN;
	}
	resp->phase = LISTING_NONE;
	*ret_reply = mem_new(struct reply);
	(*ret_reply)->type = REPLY_LISTING;
	return RESP_REPLY;
}

enum resp_result resp_read(struct resp *resp, struct evbuffer *input, listing_line_fn line_fn,
	void *context, struct reply **ret_reply, struct err *err)
{
	uint64_t n_bytes;

	if (line_fn != NULL && resp->phase == LISTING_NONE && resp->n_fed == 0 &&
		read_bulk_header(input, &n_bytes)) {
		if (n_bytes > RESP_MAX_LISTING_BYTES) {
			err_set(err, "the server announced a listing of %" PRIu64 " bytes",
				n_bytes);
			return RESP_BROKEN;
		}
		listing_begin(&resp->listing, n_bytes);
		resp->phase = LISTING_BODY;
	}
	if (resp->phase != LISTING_NONE) {
		return read_listing(resp, input, line_fn, context, ret_reply, err);
	}
	return feed_reader(resp, input, ret_reply, err);
}
