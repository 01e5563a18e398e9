/*
 * Types that are a text of some form, or one of a few words.
 */
#include <stdint.h>
#include <sys/un.h>

#include "base/parse.h"
#include "config/account.h"
#include "config/keys.h"
#include "kill/instance.h"

/* Texts of all kinds: a test that says which are fine. */
typedef bool (*is_fine_fn)(struct slice text);

static void read_checked(const struct key *key, is_fine_fn is_fine, const struct tree_node *node,
	void *target, struct mistakes *mistakes)
{
	struct slice text;

	if (!value_scalar(node, key->type, mistakes, &text)) {
		return;
	}
	if (!is_fine(text)) {
		value_refuse(node, key->type, mistakes);
		return;
	}
	value_set_text(key, target, slice_copy(text));
}

static bool is_text(struct slice text)
{
	return text.len > 0;
}

static void read_text(const struct key *key, const struct tree_node *node, void *target,
	struct mistakes *mistakes)
{
	read_checked(key, is_text, node, target, mistakes);
}

static bool is_word(struct slice text)
{
	for (size_t i = 0; i < text.len; i++) {
		if (text.data[i] <= ' ' || text.data[i] > '~') {
			return false;
		}
	}
	return true;
}

static void read_word(const struct key *key, const struct tree_node *node, void *target,
	struct mistakes *mistakes)
{
	read_checked(key, is_word, node, target, mistakes);
}

static bool is_id(struct slice text)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				      "0123456789._-";

	return text.len <= INSTANCE_MAX_ID_BYTES && strspn(text.data, letters) == text.len;
}

static void read_id(const struct key *key, const struct tree_node *node, void *target,
	struct mistakes *mistakes)
{
	read_checked(key, is_id, node, target, mistakes);
}

static bool is_path(struct slice text)
{
	return slice_has_prefix(text, "/") && !slice_has_suffix(text, "/");
}

static void read_path(const struct key *key, const struct tree_node *node, void *target,
	struct mistakes *mistakes)
{
	read_checked(key, is_path, node, target, mistakes);
}

static bool is_socket_path(struct slice text)
{
	return is_path(text) && text.len < sizeof(((struct sockaddr_un *)NULL)->sun_path);
}

static void read_socket(const struct key *key, const struct tree_node *node, void *target,
	struct mistakes *mistakes)
{
	read_checked(key, is_socket_path, node, target, mistakes);
}

static void read_group(const struct key *key, const struct tree_node *node, void *target,
	struct mistakes *mistakes)
{
	struct slice text;
	char *name;

	if (!value_scalar(node, key->type, mistakes, &text)) {
		return;
	}
	if (account_find_group_name(text.data, &name) != 0) {
		value_refuse(node, key->type, mistakes);
		return;
	}
	value_set_text(key, target, name);
}

/* Which of `words` it is; false with the mistake when none. */
static bool read_choice(const struct key *key, const struct tree_node *node,
	const char *const *words, size_t n_words, struct mistakes *mistakes, size_t *ret_index)
{
	struct slice text;

	if (!value_scalar(node, key->type, mistakes, &text)) {
		return false;
	}
	for (size_t i = 0; i < n_words; i++) {
		if (slice_is(text, words[i])) {
			*ret_index = i;
			return true;
		}
	}
	value_refuse(node, key->type, mistakes);
	return false;
}

static void read_effect(const struct key *key, const struct tree_node *node, void *target,
	struct mistakes *mistakes)
{
	static const char *const words[] = {"allow", "deny"};
	size_t index;

	if (read_choice(key, node, words, ARRAY_SIZE(words), mistakes, &index)) {
		*(bool *)keys_field(key, target) = index == 1;
	}
}

static void read_pace(const struct key *key, const struct tree_node *node, void *target,
	struct mistakes *mistakes)
{
	static const char *const words[] = {"fast", "gentle"};
	static const enum pace paces[] = {PACE_FAST, PACE_GENTLE};
	size_t index;

	if (read_choice(key, node, words, ARRAY_SIZE(words), mistakes, &index)) {
		*(enum pace *)keys_field(key, target) = paces[index];
	}
}

const struct value_type value_text = {"text", "some text", read_text};
const struct value_type value_word = {
	"command name", "printable characters without blanks, such as CLIENT", read_word};
const struct value_type value_id = {
	"instance id", "up to 128 letters, digits, dots, dashes and underscores", read_id};
const struct value_type value_path = {
	"path of a file", "an absolute path, such as /var/log/sesskill/audit.jsonl", read_path};
const struct value_type value_socket = {"path of a socket",
	"an absolute path of at most 107 bytes, such as /run/sesskill/control.sock", read_socket};
const struct value_type value_effect = {"effect", "allow or deny", read_effect};
const struct value_type value_pace = {"pace", "fast or gentle", read_pace};
const struct value_type value_group = {
	"group of this host", "the name or number of one", read_group};
