/*
 * UTF-8.
 */
#include "base/utf8.h"

/*
 * The bounds of the second byte (Unicode, table 3-7) keep out overlong forms, surrogates and what
 * is beyond U+10FFFF.
 */
size_t utf8_decode(struct slice text, uint32_t *ret_code)
{
	const unsigned char *b = (const unsigned char *)text.data;
	unsigned char low = 0x80, high = 0xbf;
	uint32_t code;
	size_t n;

	if (b[0] < 0x80) {
		*ret_code = b[0];
		return 1;
	}
	if (b[0] < 0xc2 || b[0] > 0xf4) {
		return 0;
	}
	n = b[0] < 0xe0 ? 2 : b[0] < 0xf0 ? 3 : 4;
	if (b[0] == 0xe0) {
		low = 0xa0;
	} else if (b[0] == 0xed) {
		high = 0x9f;
	} else if (b[0] == 0xf0) {
		low = 0x90;
	} else if (b[0] == 0xf4) {
		high = 0x8f;
	}
	if (text.len < n || b[1] < low || b[1] > high) {
		return 0;
	}
	/* The first byte of two, three, four has 5, 4, 3 bits of the code; the others 6 each. */
	code = (uint32_t)(b[0] & (0x7f >> n)) << 6 | (b[1] & 0x3f);
	for (size_t i = 2; i < n; i++) {
		if (b[i] < 0x80 || b[i] > 0xbf) {
			return 0;
		}
		code = code << 6 | (b[i] & 0x3f);
	}
	*ret_code = code;
	return n;
}

size_t utf8_character_bytes(struct slice text)
{
	uint32_t code;

	return utf8_decode(text, &code);
}
