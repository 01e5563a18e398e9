/*
 * A pattern of n characters is a machine of n + 1 states, all of which are tried at once: state k
 * says that what was read so far fits the first k characters. They are bits of a few words, so that
 * one character of the text takes a few instructions. A star behind k characters is a state that
 * stays whatever is read.
 */
#include "base/wildcard.h"

#include <stdint.h>

#include "base/mem.h"
#include "base/utf8.h"

#define N_ASCII 128
/* A byte that is part of no character is one of its own, beyond all those of Unicode. */
#define STRAY_BYTE 0x110000u

/* Bit k: of state k. */
struct states {
	uint64_t words[WILDCARD_WORDS];
};

struct letter {
	uint32_t code;
	struct states takes; /* the states that go on by it */
};

struct wildcard {
	size_t n_characters;
	size_t n_words; /* that have states */
	struct states stays;
	struct states takes_any;
	struct letter *letters; /* that the pattern names, by code */
	size_t n_letters;
	uint8_t ascii[N_ASCII]; /* 1 + the place among the letters; 0: it is none */
};

static void set(struct states *states, size_t k)
{
	states->words[k / 64] |= UINT64_C(1) << (k % 64);
}

static bool has(const struct states *states, size_t k)
{
	return (states->words[k / 64] >> (k % 64) & 1) != 0;
}

/* Takes a character off the front of `*rest`, which is not empty. */
static uint32_t next_code(struct slice *rest)
{
	uint32_t code;
	size_t n = utf8_decode(*rest, &code);

	if (n == 0) {
		code = STRAY_BYTE + (unsigned char)rest->data[0];
		n = 1;
	}
	*rest = slice_skip(*rest, n);
	return code;
}

/* ---- compiling ---- */

bool wildcard_is_in(struct slice text)
{
	return slice_has_char(text, '*') || slice_has_char(text, '?');
}

static size_t count_characters(struct slice pattern)
{
	size_t n = 0;

	while (pattern.len > 0) {
		n += next_code(&pattern) != '*';
	}
	return n;
}

static struct letter *letter_of(struct wildcard *wildcard, uint32_t code)
{
	struct letter *letter;

	for (size_t i = 0; i < wildcard->n_letters; i++) {
		if (wildcard->letters[i].code == code) {
			return &wildcard->letters[i];
		}
	}
	letter = &wildcard->letters[wildcard->n_letters++];
	letter->code = code;
	return letter;
}

static void read_pattern(struct wildcard *wildcard, struct slice pattern)
{
	size_t k = 0;

	while (pattern.len > 0) {
		uint32_t code = next_code(&pattern);

		if (code == '*') {
			set(&wildcard->stays, k);
		} else if (code == '?') {
			set(&wildcard->takes_any, k++);
		} else {
			set(&letter_of(wildcard, code)->takes, k++);
		}
	}
}

static int compare_letters(const void *a, const void *b)
{
	uint32_t left = ((const struct letter *)a)->code;
	uint32_t right = ((const struct letter *)b)->code;

	return (left > right) - (left < right);
}

/* In order; and each takes what any character does, so that one look is enough. */
static void finish_letters(struct wildcard *wildcard)
{
	qsort(wildcard->letters, wildcard->n_letters, sizeof(struct letter), compare_letters);
	for (size_t i = 0; i < wildcard->n_letters; i++) {
		struct letter *letter = &wildcard->letters[i];

		for (size_t w = 0; w < WILDCARD_WORDS; w++) {
			letter->takes.words[w] |= wildcard->takes_any.words[w];
		}
		if (letter->code < N_ASCII) {
			wildcard->ascii[letter->code] = (uint8_t)(i + 1);
		}
	}
}

struct wildcard *wildcard_new(struct slice pattern)
{
	size_t n_characters = count_characters(pattern);
	struct wildcard *wildcard;

	if (n_characters > WILDCARD_MAX_CHARACTERS) {
		return NULL;
	}
	wildcard = mem_new(struct wildcard);
	wildcard->n_characters = n_characters;
	wildcard->n_words = n_characters / 64 + 1;
	wildcard->letters = mem_alloc_array(n_characters + 1, sizeof(struct letter));
	read_pattern(wildcard, pattern);
	finish_letters(wildcard);
	return wildcard;
}

void wildcard_free(struct wildcard *wildcard)
{
	if (wildcard != NULL) {
		free(wildcard->letters);
		free(wildcard);
	}
}

/* ---- matching ---- */

static const struct states *find_letter(const struct wildcard *wildcard, uint32_t code)
{
	struct letter key = {.code = code};
	const struct letter *found;

	if (code < N_ASCII) {
		size_t place = wildcard->ascii[code];

		return place > 0 ? &wildcard->letters[place - 1].takes : &wildcard->takes_any;
	}
	found = bsearch(&key, wildcard->letters, wildcard->n_letters, sizeof(struct letter),
		compare_letters);
	return found != NULL ? &found->takes : &wildcard->takes_any;
}

/* False: no state is left, and nothing that follows can change that. */
static bool step(const struct wildcard *wildcard, struct states *states, const struct states *takes)
{
	uint64_t *words = states->words;
	uint64_t any = 0;

	for (size_t w = wildcard->n_words; w-- > 0;) {
		uint64_t carry = w > 0 ? (words[w - 1] & takes->words[w - 1]) >> 63 : 0;

		words[w] = (words[w] & takes->words[w]) << 1 | carry |
			   (words[w] & wildcard->stays.words[w]);
		any |= words[w];
	}
	return any != 0;
}

bool wildcard_matches(const struct wildcard *wildcard, struct slice text)
{
	struct states states = {.words = {1}};

	while (text.len > 0) {
		if (!step(wildcard, &states, find_letter(wildcard, next_code(&text)))) {
			return false;
		}
	}
	return has(&states, wildcard->n_characters);
}

bool wildcard_matches_all(const struct wildcard *wildcard)
{
	return wildcard->n_characters == 0;
}
