/*
 * Escaping.
 */
#include "cli/report/html.h"

#include <stdarg.h>
#include <stdint.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "cli/terminal/text.h"

static const char *entity_of(uint32_t code)
{
	switch (code) {
	case '&':
		return "&amp;";
	case '<':
		return "&lt;";
	case '>':
		return "&gt;";
	case '"':
		return "&quot;";
	case '\'':
		return "&#39;";
	default:
		return NULL;
	}
}

/* Controls in both of their ranges, and what deceives. */
static bool is_hidden(uint32_t code)
{
	return code < 0x20 || (code >= 0x7f && code < 0xa0) || text_is_deceiving(code);
}

static void put_one(FILE *out, struct slice bytes, uint32_t code)
{
	const char *entity = entity_of(code);

	if (is_hidden(code)) {
		fprintf(out, "\\u%04x", (unsigned)code);
	} else if (entity != NULL) {
		fputs(entity, out);
	} else {
		fwrite(bytes.data, 1, bytes.len, out);
	}
}

void html_text(FILE *out, struct slice text)
{
	while (text.len > 0) {
		uint32_t code;
		size_t n = utf8_decode(text, &code);

		if (n == 0) {
			fprintf(out, "\\x%02x", (unsigned char)text.data[0]);
			n = 1;
		} else {
			put_one(out, (struct slice){text.data, n}, code);
		}
		text = slice_skip(text, n);
	}
}

void html_format(FILE *out, const char *format, ...)
{
	CLEANUP(mem_free_p) char *text = NULL;
	va_list args;

	va_start(args, format);
	text = text_make(format, args);
	va_end(args);
	html_text(out, slice_of(text));
}
