/*
 * Untrusted UTF-8, one glyph at a time.
 */
#include "cli/terminal/text.h"

#include <langinfo.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

#include "base/mem.h"
#include "base/utf8.h"

/* Of a terminal that does not know its size. */
#define TEXT_DEFAULT_COLUMNS 80

/* What one character (or one byte that belongs to none) looks like. */
struct glyph {
	uint32_t code;
	bool is_valid; /* else `code` is a byte */
	bool is_shown; /* as it is; else `escape` stands for it */
	struct slice bytes;
	size_t columns;
	char escape[12];
};

struct code_range {
	uint32_t first;
	uint32_t last;
};

/*
 * Characters that wcwidth() lets pass but that hide or reorder their neighbours: a name could look
 * like another one.
 */
static const struct code_range DECEIVING[] = {
	{0x00ad, 0x00ad},   /* soft hyphen */
	{0x061c, 0x061c},   /* Arabic letter mark */
	{0x115f, 0x1160},   /* Hangul fillers */
	{0x180e, 0x180e},   /* Mongolian vowel separator */
	{0x200b, 0x200f},   /* zero width, direction marks */
	{0x2028, 0x202e},   /* line and paragraph separator, embeddings, overrides */
	{0x2060, 0x206f},   /* invisible operators, isolates */
	{0x3164, 0x3164},   /* Hangul filler */
	{0xfe00, 0xfe0f},   /* variation selectors: their width is the terminal's guess */
	{0xfeff, 0xfeff},   /* byte order mark */
	{0xfff9, 0xfffb},   /* interlinear annotation */
	{0xe0000, 0xe0fff}, /* tags, more variation selectors */
};

bool text_is_utf8(void)
{
	return strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
}

bool text_is_deceiving(uint32_t code)
{
	for (size_t i = 0; i < ARRAY_SIZE(DECEIVING); i++) {
		if (code >= DECEIVING[i].first && code <= DECEIVING[i].last) {
			return true;
		}
	}
	return false;
}

/* Columns of a character that may be shown as it is; -1: it may not. */
static int shown_columns(uint32_t code)
{
	if (code < 0x80) {
		return code >= 0x20 && code != 0x7f ? 1 : -1;
	}
	if (!text_is_utf8() || text_is_deceiving(code)) {
		return -1;
	}
	return wcwidth((wchar_t)code);
}

static void make_escape(struct glyph *glyph)
{
	size_t bytes = sizeof(glyph->escape);
	int used;

	if (!glyph->is_valid) {
		used = snprintf(glyph->escape, bytes, "\\x%02x", (unsigned)glyph->code & 0xff);
	} else if (glyph->code == '\n' || glyph->code == '\r' || glyph->code == '\t') {
		char letter = glyph->code == '\n' ? 'n' : glyph->code == '\r' ? 'r' : 't';

		used = snprintf(glyph->escape, bytes, "\\%c", letter);
	} else if (glyph->code < 0x80) {
		used = snprintf(glyph->escape, bytes, "\\x%02x", (unsigned)glyph->code);
	} else if (glyph->code < 0x10000) {
		used = snprintf(glyph->escape, bytes, "\\u%04x", (unsigned)glyph->code);
	} else {
		used = snprintf(glyph->escape, bytes, "\\U%08x", (unsigned)glyph->code);
	}
	glyph->columns = (size_t)used;
}

/* Takes the first glyph off the front; false at the end. */
static bool next_glyph(struct slice *rest, struct glyph *ret_glyph)
{
	struct glyph glyph = {0};
	size_t n;
	int columns;

	if (rest->len == 0) {
		return false;
	}
	n = utf8_decode(*rest, &glyph.code);
	glyph.is_valid = n > 0;
	if (!glyph.is_valid) {
		glyph.code = (unsigned char)rest->data[0];
		n = 1;
	}
	glyph.bytes = (struct slice){rest->data, n};
	columns = glyph.is_valid ? shown_columns(glyph.code) : -1;
	glyph.is_shown = columns >= 0;
	if (glyph.is_shown) {
		glyph.columns = (size_t)columns;
	} else {
		make_escape(&glyph);
	}
	*rest = slice_skip(*rest, n);
	*ret_glyph = glyph;
	return true;
}

/*
 * Takes printable ASCII off the front, at most `max_columns` of it: nearly all of a listing is, and
 * needs no look at each glyph.
 */
static struct slice next_plain(struct slice *rest, size_t max_columns)
{
	struct slice plain = {rest->data, 0};

	while (plain.len < rest->len && plain.len < max_columns && rest->data[plain.len] >= ' ' &&
		rest->data[plain.len] <= '~') {
		plain.len++;
	}
	*rest = slice_skip(*rest, plain.len);
	return plain;
}

size_t text_width(struct slice text)
{
	struct glyph glyph;
	size_t columns = next_plain(&text, TEXT_NO_LIMIT).len;

	while (next_glyph(&text, &glyph)) {
		columns += glyph.columns + next_plain(&text, TEXT_NO_LIMIT).len;
	}
	return columns;
}

static size_t put_plain(FILE *out, struct slice *rest, size_t max_columns)
{
	struct slice plain = next_plain(rest, max_columns);

	if (plain.len > 0) {
		fwrite(plain.data, 1, plain.len, out);
	}
	return plain.len;
}

size_t text_put(FILE *out, struct slice text, size_t max_columns)
{
	bool is_cut = max_columns != TEXT_NO_LIMIT && text_width(text) > max_columns;
	size_t room = is_cut && max_columns > 0 ? max_columns - 1 : max_columns;
	size_t columns = put_plain(out, &text, room);
	struct glyph glyph;

	while (next_glyph(&text, &glyph) && glyph.columns <= room - columns) {
		if (glyph.is_shown) {
			fwrite(glyph.bytes.data, 1, glyph.bytes.len, out);
		} else {
			fputs(glyph.escape, out);
		}
		columns += glyph.columns;
		columns += put_plain(out, &text, room - columns);
	}
	if (is_cut && max_columns > 0) {
		fputs(text_is_utf8() ? "\u2026" : "~", out);
		columns++;
	}
	return columns;
}

char *text_make(const char *format, va_list args)
{
	char *text;

	return vasprintf(&text, format, args) >= 0 ? text : NULL;
}

void text_format_args(FILE *out, const char *format, va_list args)
{
	CLEANUP(mem_free_p) char *text = text_make(format, args);

	text_put(out, slice_of(text), TEXT_NO_LIMIT);
}

void text_format(FILE *out, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	text_format_args(out, format, args);
	va_end(args);
}

size_t text_columns(FILE *out)
{
	struct winsize size;
	int fd = fileno(out);

	if (fd < 0 || !isatty(fd)) {
		return 0;
	}
	return ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col
								    : TEXT_DEFAULT_COLUMNS;
}

/* The blanks in front of a word, and the word. */
static struct slice next_word(struct slice *rest, size_t *ret_n_blanks)
{
	struct slice word;
	size_t n = 0;

	while (n < rest->len && rest->data[n] == ' ') {
		n++;
	}
	*ret_n_blanks = n;
	word = slice_skip(*rest, n);
	for (n = 0; n < word.len && word.data[n] != ' '; n++) {
	}
	*rest = slice_skip(word, n);
	word.len = n;
	return word;
}

void text_flow(FILE *out, size_t used, size_t indent, struct slice text)
{
	size_t columns = text_columns(out);
	bool has_word = used > 0;
	size_t n_blanks;

	while (text.len > 0) {
		struct slice word = next_word(&text, &n_blanks);
		size_t width = text_width(word);

		if (columns > 0 && has_word && used + n_blanks + width > columns) {
			fputc('\n', out);
			used = 0;
			n_blanks = MIN(indent, columns / 2);
		}
		fprintf(out, "%*s", (int)n_blanks, "");
		text_put(out, word, TEXT_NO_LIMIT);
		used += n_blanks + width;
		has_word = true;
	}
	fputc('\n', out);
}

void text_line(FILE *out, const char *format, ...)
{
	CLEANUP(mem_free_p) char *text = NULL;
	va_list args;

	va_start(args, format);
	text = text_make(format, args);
	va_end(args);
	text_flow(out, 0, text != NULL ? strspn(text, " ") : 0, slice_of(text));
}

void text_put_json(FILE *out, struct slice json)
{
	struct glyph glyph;

	while (next_glyph(&json, &glyph)) {
		if (glyph.is_shown || glyph.code == '\n' || glyph.code == '\t') {
			fwrite(glyph.bytes.data, 1, glyph.bytes.len, out);
		} else if (!glyph.is_valid || glyph.code == '\r') {
			fputc('?', out); /* not JSON of the daemon */
		} else if (glyph.code < 0x10000) {
			fprintf(out, "\\u%04x", (unsigned)glyph.code);
		} else {
			unsigned rest = (unsigned)glyph.code - 0x10000;

			fprintf(out, "\\u%04x\\u%04x", 0xd800 + (rest >> 10),
				0xdc00 + (rest & 0x3ff));
		}
	}
}
