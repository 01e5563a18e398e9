/*
 * Keys.
 */
#include "cli/terminal/keys.h"

/* Behind Escape. Terminals differ in the first byte for the arrows, in the number for the ends. */
static const struct sequence_row {
	const char *bytes;
	int key;
} SEQUENCES[] = {
	{"[A", KEY_UP},
	{"OA", KEY_UP},
	{"[B", KEY_DOWN},
	{"OB", KEY_DOWN},
	{"[5~", KEY_PAGE_UP},
	{"[6~", KEY_PAGE_DOWN},
	{"[H", KEY_HOME},
	{"OH", KEY_HOME},
	{"[1~", KEY_HOME},
	{"[F", KEY_END},
	{"OF", KEY_END},
	{"[4~", KEY_END},
};

/* Bytes of the sequence that `text` begins with, whatever it means: "[", parameters, a letter. */
static size_t sequence_bytes(struct slice text)
{
	size_t n = 1;

	if (text.data[0] == 'O') {
		return MIN(text.len, (size_t)2);
	}
	while (n < text.len && text.data[n] >= 0x20 && text.data[n] < 0x40) {
		n++;
	}
	return MIN(n + 1, text.len);
}

static int find_sequence(struct slice bytes)
{
	for (size_t i = 0; i < ARRAY_SIZE(SEQUENCES); i++) {
		if (slice_is(bytes, SEQUENCES[i].bytes)) {
			return SEQUENCES[i].key;
		}
	}
	return KEY_OTHER;
}

bool keys_next(struct slice *rest, int *ret_key)
{
	unsigned char byte;
	size_t n;

	if (rest->len == 0) {
		return false;
	}
	byte = (unsigned char)rest->data[0];
	*rest = slice_skip(*rest, 1);
	if (byte == KEY_ESCAPE && rest->len > 0 && (rest->data[0] == '[' || rest->data[0] == 'O')) {
		n = sequence_bytes(*rest);
		*ret_key = find_sequence((struct slice){rest->data, n});
		*rest = slice_skip(*rest, n);
	} else if (byte == '\n') {
		*ret_key = KEY_ENTER;
	} else if (byte == '\b') {
		*ret_key = KEY_ERASE;
	} else {
		*ret_key = byte;
	}
	return true;
}
