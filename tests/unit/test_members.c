/*
 * Who belongs to a group, as Sentinels and cluster nodes tell it: nobody is left out in silence.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <event2/buffer.h>

#include "base/mem.h"
#include "redis/members.h"
#include "redis/resp.h"

#define ID_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define ID_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define ID_C "cccccccccccccccccccccccccccccccccccccccc"

static const struct members_asked asked = {"127.0.0.1", ID_A};

static const char *trouble_of(const struct members *members, const char *label)
{
	const struct member *member = members_find(members, label);

	if (member == NULL) {
		for (size_t i = 0; i < members->n; i++) {
			print_error("there is \"%s\"\n", members->items[i].label);
		}
		fail_msg("no member \"%s\"", label);
	}
	return member->trouble;
}

static void test_nodes(void **state UNUSED)
{
	static const char text[] =
		ID_A " :7000@17000 myself,master - 0 0 1 connected 0-16383\n" ID_B
		     " 10.0.0.2:7000@17000,redis-2 slave " ID_A " 0 0 1 connected\n" ID_C
		     " :7399@17399 master,fail - 1 1 0 disconnected\n"
		     "dddd 10.0.0.4:7000@17000 handshake - 0 0 0 connected\n"
		     "eeee 10.0.0.5:0@0 master,noaddr - 0 0 0 disconnected\n"
		     "ffff ::1:7001@17001 slave - 0 0 0 connected\n"
		     "gggg 10.0.0.6:0@10000 slave - 0 0 0 connected\n"
		     "hhhh 10.0.0.2:7000@17000 slave - 0 0 0 connected\n";
	struct members members = {0};
	struct err err;

	assert_true(members_read_cluster_nodes(slice_of(text), &asked, &members, &err));
	assert_int_equal(members.n, 7);
	/* Who answers is where he was asked; nobody guesses that of others. */
	assert_null(trouble_of(&members, "127.0.0.1:7000"));
	assert_string_equal(members_find(&members, "127.0.0.1:7000")->id, ID_A);
	assert_null(trouble_of(&members, "10.0.0.2:7000"));
	assert_null(trouble_of(&members, "[::1]:7001"));
	assert_string_equal(trouble_of(&members, "node " ID_C), "its address is not known");
	assert_string_equal(trouble_of(&members, "node eeee"), "its address is not known");
	assert_string_equal(
		trouble_of(&members, "10.0.0.6 (node gggg)"), "it has no port for clients");
	assert_string_equal(trouble_of(&members, "10.0.0.2:7000 (node hhhh)"),
		"it has the same address as another node");
	members_finish(&members);
	assert_true(slice_is(members_own_id(slice_of(text)), ID_A));
	assert_int_equal(members_own_id(slice_of("x 10.0.0.1:1@2 master - 0 0\n")).len, 0);
}

static struct reply *read_reply(const char *text)
{
	struct evbuffer *input = evbuffer_new();
	struct resp *resp = resp_new();
	struct reply *reply = NULL;
	struct err err;

	evbuffer_add(input, text, strlen(text));
	assert_int_equal(resp_read(resp, input, NULL, NULL, &reply, &err), RESP_REPLY);
	resp_free(resp);
	evbuffer_free(input);
	return reply;
}

#define SHARD_NODE(id, endpoint, ip)                                                \
	"*8\r\n$2\r\nid\r\n$40\r\n" id "\r\n$4\r\nport\r\n:7000\r\n$2\r\nip\r\n" ip \
	"$8\r\nendpoint\r\n" endpoint

static void test_shards(void **state UNUSED)
{
	struct members members = {0};
	struct err err;
	struct reply *reply = read_reply("*1\r\n*2\r\n$5\r\nnodes\r\n*3\r\n" SHARD_NODE(ID_A,
		"$1\r\n?\r\n", "$0\r\n\r\n") SHARD_NODE(ID_B, "$-1\r\n", "$9\r\n127.0.0.2\r\n")
			SHARD_NODE(ID_C, "$0\r\n\r\n", "$0\r\n\r\n"));

	assert_true(members_read_cluster_shards(reply, &asked, false, &members, &err));
	assert_int_equal(members.n, 3);
	assert_null(trouble_of(&members, "127.0.0.1:7000"));
	assert_null(trouble_of(&members, "127.0.0.2:7000"));
	assert_string_equal(trouble_of(&members, "node " ID_C), "its address is not known");
	members_finish(&members);
	resp_release(reply);
}

/* Two have been seen, C at the place where B is told to be by now. */
static const struct endpoint *find_last_place(const void *context, struct slice id)
{
	static const struct endpoint at_a = {.host = (char *)"10.0.0.9", .port = 7000};
	static const struct endpoint at_b = {.host = (char *)"10.0.0.2", .port = 7000};

	return slice_is(id, "eeee") ? &at_a : slice_is(id, ID_C) ? &at_b : NULL;
}

/* The others have lost its address, which does not move it; unless somebody else is there. */
static void test_lost_addresses(void **state UNUSED)
{
	static const char text[] = ID_C " :0@0 master,noaddr - 0 0 0 disconnected\n" ID_B
					" 10.0.0.2:7000@17000 myself,master - 0 0 1 connected\n"
					"eeee :0@0 slave,noaddr - 0 0 0 disconnected\n"
					"ffff :0@0 slave,noaddr - 0 0 0 disconnected\n";
	struct members members = {.last_place_fn = find_last_place};
	struct err err;

	assert_true(members_read_cluster_nodes(slice_of(text), &asked, &members, &err));
	assert_int_equal(members.n, 4);
	assert_null(trouble_of(&members, "10.0.0.9:7000"));
	assert_string_equal(members_find(&members, "10.0.0.9:7000")->id, "eeee");
	assert_string_equal(members_find(&members, "10.0.0.2:7000")->id, ID_B);
	assert_string_equal(trouble_of(&members, "node " ID_C), "its address is not known");
	assert_string_equal(trouble_of(&members, "node ffff"), "its address is not known");
	members_finish(&members);
	assert_true(members.last_place_fn == find_last_place);
}

static void add(struct members *members, const char *host, uint64_t port, const char *id)
{
	(void)members_add(members, slice_of(host), port, slice_of(id));
}

static void test_odd_ones(void **state UNUSED)
{
	CLEANUP(mem_free_p) char *long_name = mem_alloc_array(LINK_MAX_HOST_BYTES + 1, 1);
	struct members members = {0};

	memset(long_name, 'x', LINK_MAX_HOST_BYTES);
	add(&members, "10.0.0.1", 6379, "");
	add(&members, "10.0.0.1", 6379, ""); /* the same */
	assert_int_equal(members.n, 1);
	add(&members, "10.0.0.1", 65536, "");
	assert_string_equal(trouble_of(&members, "10.0.0.1"), "it has no port for clients");
	add(&members, long_name, 1, "a");
	assert_int_equal(members.n, 3);
	assert_string_equal(members.items[2].trouble, "its name is longer than names can be");
	add(&members, "10.0.0.1\nx", 1, "a");
	assert_string_equal(
		trouble_of(&members, "unreadable (node a)"), "its address cannot be read");
	add(&members, "", 1, "");
	assert_string_equal(
		trouble_of(&members, "a node without an address"), "its address is not known");
	for (unsigned i = 0; i < MEMBERS_MAX + 10; i++) {
		CLEANUP(mem_free_p) char *host = mem_printf("node-%u", i);

		add(&members, host, 1, "");
	}
	assert_int_equal(members.n, MEMBERS_MAX + 1);
	assert_non_null(trouble_of(&members, "further nodes"));
	members_finish(&members);
}

static void map(struct reach *reach, const char *from, const char *to)
{
	struct err err;

	if (!reach_add_mapping(reach, slice_of(from), slice_of(to), &err)) {
		fail_msg("%s", err.text);
	}
}

static void allow(struct reach *reach, const char *pattern)
{
	struct err err;

	if (!reach_add_pattern(reach, slice_of(pattern), &err)) {
		fail_msg("%s", err.text);
	}
}

/* "" where it may not go. */
static void check(const struct reach *reach, const char *host, uint16_t port, const char *expected)
{
	struct endpoint endpoint = {0};
	CLEANUP(mem_free_p) char *address = NULL;

	if (reach_find(reach, slice_of(host), port, &endpoint)) {
		address = endpoint_print(&endpoint);
		endpoint_finish(&endpoint);
	}
	assert_string_equal(address != NULL ? address : "", expected);
}

static void test_reach(void **state UNUSED)
{
	struct reach reach = {0};
	struct reach copy;

	check(&reach, "203.0.113.1", 1, "203.0.113.1:1");
	allow(&reach, "10.0.0.0/8");
	allow(&reach, "2001:db8::/32");
	allow(&reach, "192.0.2.7");
	allow(&reach, "redis-?.example");
	check(&reach, "10.255.0.1", 7000, "10.255.0.1:7000");
	check(&reach, "11.0.0.1", 7000, "");
	check(&reach, "2001:db8::1", 7000, "[2001:db8::1]:7000");
	check(&reach, "::1", 7000, "");
	check(&reach, "::ffff:10.0.0.1", 7000, "[::ffff:10.0.0.1]:7000");
	check(&reach, "192.0.2.7", 1, "192.0.2.7:1");
	check(&reach, "192.0.2.8", 1, "");
	check(&reach, "redis-1.example", 1, "redis-1.example:1");
	check(&reach, "redis-12.example", 1, "");
	check(&reach, "10.0.0.1.example", 1, "");

	map(&reach, "172.17.0.2", "203.0.113.9");
	map(&reach, "172.17.0.2:6379", "[::1]:16379");
	map(&reach, "fe80::2", "v6.example");
	check(&reach, "172.17.0.2", 6379, "[::1]:16379");
	check(&reach, "172.17.0.2", 6380, "203.0.113.9:6380");
	check(&reach, "fe80::2", 1, "v6.example:1");

	reach_copy(&copy, &reach);
	map(&reach, "a", "b");
	check(&reach, "a", 1, "b:1");
	check(&copy, "a", 1, "");
	check(&copy, "redis-1.example", 1, "redis-1.example:1");
	check(&copy, "172.17.0.2", 6379, "[::1]:16379");
	check(&copy, "172.17.0.2", 6380, "203.0.113.9:6380");
	reach_finish(&copy);
	reach_finish(&reach);
}

static void test_no_places(void **state UNUSED)
{
	static const char *const patterns[] = {"", "10.0.0.0/33", "10.0.0.1:6379", "a b", "10.0.0",
		"10.0.0.1/8", "redis/8", "re\ndis"};
	static const char *const mappings[][2] = {
		{"a", "b:1"},
		{"a:1", "b"},
		{"", "b"},
		{"a", ""},
		{"unix:///x", "b"},
		{"a:0", "b:1"},
		{"redis://a:1", "b:1"},
		{"[::1", "b"},
	};
	struct reach reach = {0};
	struct err err;

	for (size_t i = 0; i < ARRAY_SIZE(patterns); i++) {
		if (reach_add_pattern(&reach, slice_of(patterns[i]), &err)) {
			fail_msg("\"%s\" is taken", patterns[i]);
		}
	}
	for (size_t i = 0; i < ARRAY_SIZE(mappings); i++) {
		if (reach_add_mapping(
			    &reach, slice_of(mappings[i][0]), slice_of(mappings[i][1]), &err)) {
			fail_msg("\"%s\" to \"%s\" is taken", mappings[i][0], mappings[i][1]);
		}
	}
	assert_int_equal(reach.n_patterns + reach.n_mappings, 0);
	reach_finish(&reach);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nodes),
		cmocka_unit_test(test_shards),
		cmocka_unit_test(test_lost_addresses),
		cmocka_unit_test(test_odd_ones),
		cmocka_unit_test(test_reach),
		cmocka_unit_test(test_no_places),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
