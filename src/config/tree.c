/*
 * The one place that knows libyaml. Its event interface rather than its document one: a document
 * has lost where its aliases stood, and nesting can be refused before memory is spent on it.
 */
#include "config/tree.h"

#include <stdint.h>
#include <stdlib.h>
#include <yaml.h>

#include "base/mem.h"

struct builder {
	yaml_parser_t parser;
	struct slice bytes;
	struct mistakes *mistakes;
	struct tree_node *root;
	/* From the root to the innermost; they stay in place, since only the innermost grows. */
	struct tree_node *open[TREE_MAX_DEPTH];
	size_t depth;
	size_t n_documents;
};

enum progress {
	GO_ON,
	DONE,
	FAILED, /* with a mistake */
};

static struct position position_of(yaml_mark_t mark)
{
	return (struct position){mark.line + 1, mark.column + 1};
}

static bool is_continuation(char c)
{
	return ((unsigned char)c & 0xc0) == 0x80; /* of a UTF-8 character */
}

static struct position position_at(struct slice bytes, size_t offset)
{
	struct position at = {1, 1};

	for (size_t i = 0; i < offset && i < bytes.len; i++) {
		if (bytes.data[i] == '\n') {
			at = (struct position){at.line + 1, 1};
		} else if (!is_continuation(bytes.data[i])) {
			at.column++;
		}
	}
	return at;
}

/* The byte at the `index`th character; NUL behind the end. */
static char byte_at(struct slice bytes, size_t index)
{
	for (size_t i = 0; i < bytes.len; i++) {
		if (!is_continuation(bytes.data[i]) && index-- == 0) {
			return bytes.data[i];
		}
	}
	return '\0';
}

/* The new node goes behind the others of the innermost open one. */
static struct tree_node *add_node(struct builder *builder, enum tree_kind kind, yaml_mark_t mark)
{
	struct tree_node *node = builder->root;

	if (builder->depth > 0) {
		struct tree_node *parent = builder->open[builder->depth - 1];

		node = mem_append(
			&parent->items, &parent->n_items, &parent->capacity, sizeof(*node));
	}
	*node = (struct tree_node){.kind = kind, .at = position_of(mark)};
	return node;
}

/* Anchors and tags are mistakes, but the value behind them can still be read. */
static void refuse_decoration(struct builder *builder, yaml_mark_t mark, const yaml_char_t *anchor,
	const yaml_char_t *tag)
{
	if (anchor != NULL) {
		mistakes_add(builder->mistakes, position_of(mark),
			"anchor \"&%.64s\"; expected the value alone, anchors and aliases are not "
			"known "
			"here",
			(const char *)anchor);
	}
	if (tag != NULL) {
		mistakes_add(builder->mistakes, position_of(mark),
			"tag \"%.64s\"; expected the value alone, tags are not known here",
			(const char *)tag);
	}
}

static void add_alias(struct builder *builder, const yaml_event_t *event)
{
	add_node(builder, TREE_REFUSED, event->start_mark);
	mistakes_add(builder->mistakes, position_of(event->start_mark),
		"alias \"*%.64s\"; expected the value itself, anchors and aliases are not known "
		"here",
		(const char *)event->data.alias.anchor);
}

static void add_scalar(struct builder *builder, const yaml_event_t *event)
{
	struct slice text = {(const char *)event->data.scalar.value, event->data.scalar.length};
	struct tree_node *node = add_node(builder, TREE_SCALAR, event->start_mark);

	refuse_decoration(
		builder, event->start_mark, event->data.scalar.anchor, event->data.scalar.tag);
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.data[i];

		if (c < 0x20 || c == 0x7f) {
			node->kind = TREE_REFUSED;
			mistakes_add(builder->mistakes, node->at,
				"control character 0x%02x in the value; expected text on one line",
				c);
			return;
		}
	}
	node->is_plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	node->text = (struct slice){slice_copy(text), text.len};
}

static enum progress open_node(struct builder *builder, enum tree_kind kind,
	const yaml_event_t *event, const yaml_char_t *anchor, const yaml_char_t *tag)
{
	if (builder->depth == TREE_MAX_DEPTH) {
		mistakes_add(builder->mistakes, position_of(event->start_mark),
			"nested more than %d deep; expected what the sample file shows",
			TREE_MAX_DEPTH);
		return FAILED;
	}
	refuse_decoration(builder, event->start_mark, anchor, tag);
	builder->open[builder->depth] = add_node(builder, kind, event->start_mark);
	builder->depth++;
	return GO_ON;
}

static enum progress start_document(struct builder *builder, const yaml_event_t *event)
{
	if (builder->n_documents++ > 0) {
		mistakes_add(builder->mistakes, position_of(event->start_mark),
			"a second document; expected one");
		return FAILED;
	}
	return GO_ON;
}

static enum progress take_event(struct builder *builder, const yaml_event_t *event)
{
	switch (event->type) {
	case YAML_NO_EVENT:
	case YAML_STREAM_START_EVENT:
	case YAML_DOCUMENT_END_EVENT:
		return GO_ON;
	case YAML_STREAM_END_EVENT:
		return DONE;
	case YAML_DOCUMENT_START_EVENT:
		return start_document(builder, event);
	case YAML_ALIAS_EVENT:
		add_alias(builder, event);
		return GO_ON;
	case YAML_SCALAR_EVENT:
		add_scalar(builder, event);
		return GO_ON;
	case YAML_SEQUENCE_START_EVENT:
		return open_node(builder, TREE_LIST, event, event->data.sequence_start.anchor,
			event->data.sequence_start.tag);
	case YAML_MAPPING_START_EVENT:
		return open_node(builder, TREE_MAPPING, event, event->data.mapping_start.anchor,
			event->data.mapping_start.tag);
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		builder->depth--;
		return GO_ON;
	}
	return GO_ON;
}

/* What libyaml has to say, at the place it means. */
static void report_problem(struct builder *builder)
{
	const yaml_parser_t *parser = &builder->parser;
	struct position at = position_of(parser->problem_mark);

	if (parser->error == YAML_READER_ERROR) {
		mistakes_add(builder->mistakes, position_at(builder->bytes, parser->problem_offset),
			"%s; expected plain UTF-8 text", parser->problem);
	} else if (byte_at(builder->bytes, parser->problem_mark.index) == '\t') {
		mistakes_add(builder->mistakes, at,
			"a tab where YAML takes none; expected blanks for indentation");
	} else if (parser->context != NULL && parser->context_mark.line + 1 < at.line) {
		mistakes_add(builder->mistakes, at,
			"%s, %s that began in line %zu; expected well-formed YAML", parser->problem,
			parser->context, parser->context_mark.line + 1);
	} else {
		mistakes_add(builder->mistakes, at, "%s; expected well-formed YAML",
			parser->problem != NULL ? parser->problem : "out of memory");
	}
}

static enum progress step(struct builder *builder)
{
	yaml_event_t event;
	enum progress progress;

	if (!yaml_parser_parse(&builder->parser, &event)) {
		report_problem(builder);
		return FAILED;
	}
	progress = take_event(builder, &event);
	yaml_event_delete(&event);
	return progress;
}

static enum progress build(struct builder *builder)
{
	enum progress progress;

	if (!yaml_parser_initialize(&builder->parser)) {
		mistakes_add(builder->mistakes, (struct position){0, 0}, "out of memory");
		return FAILED;
	}
	yaml_parser_set_encoding(&builder->parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(
		&builder->parser, (const unsigned char *)builder->bytes.data, builder->bytes.len);
	do {
		progress = step(builder);
	} while (progress == GO_ON);
	yaml_parser_delete(&builder->parser);
	return progress;
}

bool tree_parse(struct slice bytes, struct tree_node *ret_root, struct mistakes *mistakes)
{
	struct builder builder = {.mistakes = mistakes, .root = ret_root};
	const char *nul;

	/* Where there is no document at all the root is an empty scalar. */
	*ret_root = (struct tree_node){.kind = TREE_SCALAR, .is_plain = true, .at = {1, 1}};
	/* The mark that some editors put in front would shift the columns of the first line. */
	builder.bytes = slice_has_prefix(bytes, "\xef\xbb\xbf") ? slice_skip(bytes, 3) : bytes;
	nul = builder.bytes.len > 0 ? memchr(builder.bytes.data, '\0', builder.bytes.len) : NULL;
	if (nul != NULL) {
		mistakes_add(mistakes,
			position_at(builder.bytes, (size_t)(nul - builder.bytes.data)),
			"a NUL byte; expected plain UTF-8 text");
		return false;
	}
	return build(&builder) == DONE;
}

void tree_finish(struct tree_node *node)
{
	for (size_t i = 0; i < node->n_items; i++) {
		tree_finish(&node->items[i]); /* at most TREE_MAX_DEPTH deep */
	}
	free(node->items);
	free((char *)node->text.data);
	*node = (struct tree_node){0};
}

bool tree_is_null(const struct tree_node *node)
{
	return node->kind == TREE_SCALAR && node->is_plain &&
	       (node->text.len == 0 || slice_is(node->text, "~") || slice_is(node->text, "null"));
}

const struct tree_node *tree_find_key(const struct tree_node *mapping, const char *name)
{
	for (size_t i = 0; mapping->kind == TREE_MAPPING && i + 1 < mapping->n_items; i += 2) {
		const struct tree_node *key = &mapping->items[i];

		if (key->kind == TREE_SCALAR && slice_is(key->text, name)) {
			return key;
		}
	}
	return NULL;
}

const struct tree_node *tree_find(const struct tree_node *mapping, const char *name)
{
	const struct tree_node *key = tree_find_key(mapping, name);

	return key != NULL ? key + 1 : NULL;
}
