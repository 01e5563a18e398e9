/*
 * The types.
 */
#include <errno.h>
#include <string.h>
#include <sys/types.h>
#include <sys/un.h>

#include "base/mem.h"
#include "base/parse.h"
#include "base/account.h"
#include "config/keys.h"
#include "config/trust.h"
#include "kill/instance.h"
#include "redis/reach.h"

/* ---- parts of the tree ---- */

const struct value_type value_section = {
	"mapping", "a mapping of keys and values", .read_fn = NULL};
const struct value_type value_sections = {
	"list of mappings", "a list with at least one mapping", .read_fn = NULL};

/* ---- numbers, and words that are one of a few ---- */

static bool parse_duration(struct slice text, int64_t *ret_number)
{
	return parse_duration_ms(text, 0, ret_number);
}

static bool parse_count(struct slice text, int64_t *ret_number)
{
	return !slice_has_prefix(text, "-") && parse_i64(text, ret_number);
}

/* Octal, whether or not it begins with 0; quoted or not. */
static bool parse_mode(struct slice text, int64_t *ret_number)
{
	int64_t number = 0;

	if (text.len < 3 || text.len > 5) {
		return false;
	}
	for (size_t i = 0; i < text.len; i++) {
		if (text.data[i] < '0' || text.data[i] > '7') {
			return false;
		}
		number = number * 8 + (text.data[i] - '0');
	}
	*ret_number = number;
	return true;
}

static bool parse_switch(struct slice text, int64_t *ret_number)
{
	*ret_number = slice_is(text, "true");
	return slice_is(text, "true") || slice_is(text, "false");
}

static bool parse_effect(struct slice text, int64_t *ret_number)
{
	*ret_number = slice_is(text, "deny");
	return slice_is(text, "deny") || slice_is(text, "allow");
}

static bool parse_pace(struct slice text, int64_t *ret_number)
{
	*ret_number = slice_is(text, "fast") ? PACE_FAST : PACE_GENTLE;
	return slice_is(text, "fast") || slice_is(text, "gentle");
}

static bool parse_kernel(struct slice text, int64_t *ret_number)
{
	*ret_number = slice_is(text, "never");
	return slice_is(text, "never") || slice_is(text, "auto");
}

#define NUMBER(parse, type) .read_fn = value_read_number, .parse_fn = parse, .n_bytes = sizeof(type)

const struct value_type value_bool = {
	"switch", "true or false", NUMBER(parse_switch, bool), .is_unquoted = true};
const struct value_type value_count = {
	"whole number", "digits", NUMBER(parse_count, unsigned), .is_unquoted = true};
const struct value_type value_duration = {
	"duration", "a number with ms, s, m, h or d, such as 5s", NUMBER(parse_duration, int64_t)};
const struct value_type value_mode = {
	"file mode", "octal digits up to \"0777\", such as \"0660\"", NUMBER(parse_mode, unsigned)};
const struct value_type value_effect = {"effect", "allow or deny", NUMBER(parse_effect, bool)};
const struct value_type value_pace = {"pace", "fast or gentle", NUMBER(parse_pace, enum pace)};
const struct value_type value_kernel = {
	"use of the kernel", "auto or never", NUMBER(parse_kernel, bool)};

/* ---- texts ---- */

#define ALPHANUMERIC "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

static bool has_only(struct slice text, const char *letters)
{
	return strspn(text.data, letters) == text.len;
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

static bool is_id(struct slice text)
{
	return text.len <= INSTANCE_MAX_ID_BYTES && has_only(text, ALPHANUMERIC "._-");
}

static bool is_absolute(struct slice text)
{
	return slice_has_prefix(text, "/");
}

static bool is_path(struct slice text)
{
	return is_absolute(text) && !slice_has_suffix(text, "/");
}

static bool is_socket_path(struct slice text)
{
	return is_path(text) && text.len < sizeof(((struct sockaddr_un *)NULL)->sun_path);
}

/* Its name, also where its number is written. */
static bool read_group_name(const struct value *value, void *field)
{
	struct slice text;
	char *name;

	if (!value_scalar(value, &text)) {
		return false;
	}
	if (account_find_group_name(text.data, &name) != 0) {
		value_refuse(value);
		return false;
	}
	value_set_text(field, name);
	return true;
}

/* systemd.exec(5), CREDENTIALS: a directory with one file per credential. */
static bool read_credential(const struct value *value, void *field)
{
	const char *directory = getenv("CREDENTIALS_DIRECTORY");
	CLEANUP(mem_free_p) char *fault = NULL;
	struct slice name;
	char *path;

	if (!value_scalar(value, &name)) {
		return false;
	}
	if (slice_has_char(name, '/') || slice_is(name, ".") || slice_is(name, "..")) {
		value_refuse(value);
		return false;
	}
	if (directory == NULL || directory[0] != '/') {
		mistakes_add(value->mistakes, value->node->at,
			"credential \"%s\", but CREDENTIALS_DIRECTORY is not set; expected a start "
			"by the service manager with LoadCredential=%s",
			name.data, name.data);
		return false;
	}
	path = mem_printf("%s/%s", directory, name.data);
	value_set_text(field, path);
	fault = trust_secret_fault(path);
	if (fault != NULL) {
		mistakes_add(value->mistakes, value->node->at, "\"%s\" %s", path, fault);
	}
	return fault == NULL;
}

#define TEXT .read_fn = value_read_text

const struct value_type value_text = {"text", "some text", TEXT};
const struct value_type value_word = {"command name",
	"printable characters without blanks, such as CLIENT", TEXT, .is_fine_fn = is_word};
const struct value_type value_id = {"instance id",
	"up to 128 letters, digits, dots, dashes and underscores", TEXT, .is_fine_fn = is_id};
const struct value_type value_path = {"path of a file",
	"an absolute path, such as /var/log/sesskill/audit.jsonl", TEXT, .is_fine_fn = is_path};
const struct value_type value_socket = {"path of a socket",
	"an absolute path of at most 107 bytes, such as /run/sesskill/control.sock", TEXT,
	.is_fine_fn = is_socket_path};
const struct value_type value_key_file = {"path of a key file",
	"an absolute path, such as /etc/sesskill/key.pem", TEXT, .is_fine_fn = is_path,
	.find_fault_fn = trust_key_fault};
const struct value_type value_record_file = {"path of a file",
	"an absolute path, such as /var/log/sesskill/audit.jsonl", TEXT, .is_fine_fn = is_path,
	.find_fault_fn = trust_record_fault};
const struct value_type value_secret_file = {"path of a password file",
	"an absolute path, such as /etc/sesskill/password", TEXT, .is_fine_fn = is_absolute,
	.find_fault_fn = trust_secret_fault};
const struct value_type value_credential = {
	"name of a credential", "a name without slashes", .read_fn = read_credential};
const struct value_type value_group = {
	"group of this host", "the name or number of one", .read_fn = read_group_name};

/* ---- lists ---- */

/* The letters of what they are to match, and the wildcards. */
static bool is_action_pattern(struct slice text)
{
	return has_only(text, ALPHANUMERIC ":*?");
}

static bool is_id_pattern(struct slice text)
{
	return has_only(text, ALPHANUMERIC "._-*?");
}

/* Says why a user or group cannot be used; true when there is nothing to say. */
static bool is_found(int result, const struct value *value)
{
	if (result == ACCOUNT_E_UNKNOWN) {
		value_refuse(value);
	} else if (result < 0) {
		mistakes_add(value->mistakes, value->node->at,
			"\"%s\" cannot be looked up: %s; expected a %s", value->node->text.data,
			strerror(-result), value->type->noun);
	}
	return result == 0;
}

static bool read_user(const struct value *value, void *field)
{
	struct slice name;

	return value_scalar(value, &name) && is_found(account_find_user(name.data, field), value);
}

static bool read_group(const struct value *value, void *field)
{
	struct slice name;

	return value_scalar(value, &name) && is_found(account_find_group(name.data, field), value);
}

/* True, or the mistake with the words of whoever could not read it. */
static bool is_taken(bool is_taken, const struct value *value, const struct err *err)
{
	if (!is_taken) {
		mistakes_add(value->mistakes, value->node->at, "%s", err->text);
	}
	return is_taken;
}

static bool read_address(const struct value *value, void *field)
{
	struct slice text;
	struct err err;

	return value_scalar(value, &text) &&
	       is_taken(endpoint_parse(text, field, &err), value, &err);
}

static void refuse_twins(const struct endpoint *endpoints, const struct value *value)
{
	const struct tree_node *nodes = value->node->items;

	for (size_t i = 1; i < value->node->n_items; i++) {
		for (size_t j = 0; j < i; j++) {
			if (endpoints[i].port == endpoints[j].port &&
				slice_is_same_text(endpoints[i].host, endpoints[j].host) &&
				slice_is_same_text(endpoints[i].path, endpoints[j].path)) {
				mistakes_add(value->mistakes, nodes[i].at,
					"the address \"%s\" a second time, the first is in line "
					"%zu; expected every server once",
					nodes[i].text.data, nodes[j].at.line);
				break;
			}
		}
	}
}

static bool read_addresses(const struct value *value, void *field)
{
	struct endpoint **endpoints = field;

	if (!value_read_list(value, field)) {
		return false;
	}
	refuse_twins(*endpoints, value);
	return true;
}

static bool add_selector(const struct value *value, void *field)
{
	CLEANUP(mem_free_p) char *quoted = NULL;
	struct slice text;
	struct err err;

	if (!value_scalar(value, &text)) {
		return false;
	}
	if (!selectors_add(field, text, &err)) {
		quoted = value_quote(text);
		mistakes_add(value->mistakes, value->node->at, "%s: %s", quoted, err.text);
		return false;
	}
	return true;
}

static const struct value_type action = {"action",
	"one such as hdm:KillInstanceAllSession or \"hdm:Get*\"", TEXT,
	.is_fine_fn = is_action_pattern, .n_bytes = sizeof(char *)};
static const struct value_type id_pattern = {"pattern of instance ids",
	"an id, with * and ? as wildcards, such as \"r-*\"", TEXT, .is_fine_fn = is_id_pattern,
	.n_bytes = sizeof(char *)};
static const struct value_type user = {"user of this host", "the name or number of one",
	.read_fn = read_user, .n_bytes = sizeof(uid_t)};
static const struct value_type group = {"group of this host", "the name or number of one",
	.read_fn = read_group, .n_bytes = sizeof(gid_t)};
static const struct value_type address = {"address", "host:port, unix:///path, or a list of these",
	.read_fn = read_address, .n_bytes = sizeof(struct endpoint)};
static const struct value_type selector = {
	"selector", "one such as \"user = admin\"", .read_fn = add_selector};

const struct value_type value_actions = {"list of actions", "a list such as [\"hdm:Get*\"]",
	.read_fn = value_read_list, .element = &action};
const struct value_type value_patterns = {"list of instance ids", "a list such as [\"r-*\"]",
	.read_fn = value_read_list, .element = &id_pattern};
const struct value_type value_users = {"list of users",
	"a list of names or numbers, such as [oncall]", .read_fn = value_read_list,
	.element = &user};
const struct value_type value_groups = {"list of groups",
	"a list of names or numbers, such as [sre]", .read_fn = value_read_list, .element = &group};
const struct value_type value_addresses = {"address", "host:port, unix:///path, or a list of these",
	.read_fn = read_addresses, .element = &address, .may_be_alone = true};
const struct value_type value_selectors = {"list of selectors", "a list such as [\"user = admin\"]",
	.read_fn = value_read_each, .element = &selector};

/* ---- where discovery may go: what an instance says replaces what `defaults` say ---- */

static bool add_place(const struct value *value, void *field)
{
	struct slice text;
	struct err err;

	return value_scalar(value, &text) &&
	       is_taken(reach_add_pattern(field, text, &err), value, &err);
}

static bool read_nodes(const struct value *value, void *field)
{
	reach_clear_patterns(field);
	return value_read_each(value, field);
}

static const struct value_type place = {"place of nodes",
	"a network such as 10.0.0.0/8 or a host such as \"redis-*\"", .read_fn = add_place};
const struct value_type value_nodes = {"list of places of nodes",
	"a list of networks and hosts, such as [10.0.0.0/8, \"redis-*\"]", .read_fn = read_nodes,
	.element = &place};

static bool add_mapping(const struct value *map, const struct tree_node *pair, struct reach *reach)
{
	static const struct value_type type = {"address", "a host or host:port", .read_fn = NULL};
	struct value from = {&type, &pair[0], NULL, map->mistakes};
	struct value to = {&type, &pair[1], NULL, map->mistakes};
	struct slice texts[2];
	struct err err;

	return value_scalar(&from, &texts[0]) && value_scalar(&to, &texts[1]) &&
	       is_taken(reach_add_mapping(reach, texts[0], texts[1], &err), &from, &err);
}

static bool read_address_map(const struct value *value, void *field)
{
	const struct tree_node *node = value->node;
	bool is_good = true;

	if (node->kind != TREE_MAPPING || node->n_items == 0 ||
		node->n_items > 2 * VALUE_MAX_ITEMS) {
		value_refuse(value);
		return false;
	}
	reach_clear_mappings(field);
	for (size_t i = 0; i + 1 < node->n_items; i += 2) {
		is_good &= add_mapping(value, &node->items[i], field);
	}
	return is_good;
}

const struct value_type value_address_map = {"mapping of addresses",
	"one such as {\"10.0.0.5:7000\": \"127.0.0.1:17000\"}", .read_fn = read_address_map};
