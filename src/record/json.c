/*
 * JSON values out of untrusted text, and JSON text out of values.
 */
#include "record/json.h"

#include <stdint.h>

#include "base/check.h"
#include "base/macros.h"
#include "base/mem.h"
#include "base/utf8.h"

/* "\u001b" */
#define ESCAPE_BYTES 6
/* Enough for every number of microseconds that is less than 30 years, and no rounding noise. */
#define REAL_DIGITS 15

static json_t *repaired_text(struct slice text)
{
	char *valid CLEANUP(mem_free_p) = mem_alloc_array(text.len, sizeof(UTF8_REPLACEMENT) - 1);
	size_t used = 0;

	while (text.len > 0) {
		size_t n = utf8_character_bytes(text);

		if (n > 0) {
			memcpy(valid + used, text.data, n);
			used += n;
		} else {
			memcpy(valid + used, UTF8_REPLACEMENT, sizeof(UTF8_REPLACEMENT) - 1);
			used += sizeof(UTF8_REPLACEMENT) - 1;
		}
		text = slice_skip(text, MAX(n, (size_t)1));
	}
	return json_stringn_nocheck(valid, used);
}

json_t *json_text(struct slice text)
{
	json_t *value = json_stringn(text.data != NULL ? text.data : "", text.len);

	/* Refused means malformed, which is rare: only then the text is copied and repaired. */
	if (value == NULL) {
		value = repaired_text(text);
	}
	CHECK(value != NULL);
	return value;
}

json_t *json_text_of(const char *text)
{
	return json_text(slice_of(text));
}

json_t *json_text_or_null(const char *text)
{
	return text != NULL ? json_text_of(text) : json_null();
}

json_t *json_texts(char *const *texts, size_t n)
{
	json_t *list = json_array();

	for (size_t i = 0; i < n; i++) {
		json_add(list, json_text_of(texts[i]));
	}
	return list;
}

void json_set(json_t *object, const char *key, json_t *value)
{
	CHECK(json_object_set_new(object, key, value) == 0);
}

void json_add(json_t *array, json_t *value)
{
	CHECK(json_array_append_new(array, value) == 0);
}

void json_set_number(json_t *object, const char *key, uint64_t number)
{
	json_set(object, key, json_integer((json_int_t)number));
}

/*
 * The code point at the front of `text` (valid UTF-8) if a terminal or a reader of lines could take
 * it for more than a letter, else 0: DEL and the C1 controls (U+009B starts an escape sequence),
 * the line ends U+0085, U+2028 and U+2029, and what turns the direction of text around. The C0
 * controls are escaped already. `*ret_bytes` is its length.
 */
static uint16_t unsafe_character(const char *text, size_t *ret_bytes)
{
	const unsigned char *b = (const unsigned char *)text;
	uint16_t code;

	if (b[0] == 0x7f) {
		*ret_bytes = 1;
		return b[0];
	}
	if (b[0] == 0xc2 && b[1] <= 0x9f) {
		*ret_bytes = 2;
		return b[1];
	}
	if (b[0] != 0xe2 || (b[1] != 0x80 && b[1] != 0x81)) {
		return 0;
	}
	*ret_bytes = 3;
	code = (uint16_t)(0x2000 + (b[1] - 0x80) * 64 + (b[2] - 0x80));
	return (code >= 0x2028 && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069) ? code : 0;
}

static size_t count_unsafe_characters(const char *text)
{
	size_t n = 0, skipped;

	for (; *text != '\0'; text++) {
		n += unsafe_character(text, &skipped) != 0;
	}
	return n;
}

/* Such characters occur in JSON inside strings only, where an escape means the same. */
static char *escape_unsafe_characters(const char *text, size_t n_unsafe)
{
	char *escaped = mem_alloc(strlen(text) + n_unsafe * ESCAPE_BYTES + 1);
	size_t used = 0;

	while (*text != '\0') {
		size_t n = 0;
		uint16_t code = unsafe_character(text, &n);

		if (code != 0) {
			snprintf(escaped + used, ESCAPE_BYTES + 1, "\\u%04X", code);
			used += ESCAPE_BYTES;
			text += n;
		} else {
			escaped[used++] = *text++;
		}
	}
	return escaped;
}

char *json_print(const json_t *value)
{
	char *text = json_dumps(
		value, JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(REAL_DIGITS));
	size_t n_unsafe;
	char *escaped;

	CHECK(text != NULL);
	n_unsafe = count_unsafe_characters(text);
	if (n_unsafe == 0) {
		return text;
	}
	escaped = escape_unsafe_characters(text, n_unsafe);
	free(text);
	return escaped;
}

void json_print_open(json_t *object, const char *key, FILE *out)
{
	CLEANUP(mem_free_p) char *text = json_print(object);
	size_t len = strlen(text) - 1;

	CHECK(json_object_size(object) > 0);
	json_decref(object);
	fprintf(out, "%.*s,\"%s\":", (int)len, text, key);
}
