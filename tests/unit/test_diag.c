/*
 * Netlink messages, whole and broken.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>

#include "base/macros.h"
#include "host/diag.h"

/* A datagram that is being put together. */
struct datagram {
	char bytes[1024];
	size_t n;
};

static void append(struct datagram *datagram, const void *data, size_t n_bytes)
{
	memcpy(datagram->bytes + datagram->n, data, n_bytes);
	datagram->n += n_bytes;
	while (datagram->n % NLMSG_ALIGNTO != 0) {
		datagram->bytes[datagram->n++] = 0;
	}
}

static void append_message(
	struct datagram *datagram, uint16_t type, const void *payload, size_t n_bytes)
{
	struct nlmsghdr header = {.nlmsg_len = (uint32_t)NLMSG_LENGTH(n_bytes), .nlmsg_type = type};

	append(datagram, &header, sizeof(header));
	append(datagram, payload, n_bytes);
}

static void append_attribute(struct datagram *datagram, uint16_t type, uint32_t value)
{
	struct nlattr attribute = {.nla_len = NLA_HDRLEN + sizeof(value), .nla_type = type};

	append(datagram, &attribute, sizeof(attribute));
	append(datagram, &value, sizeof(value));
}

static struct slice whole(const struct datagram *datagram)
{
	return (struct slice){datagram->bytes, datagram->n};
}

static void test_messages(void **state UNUSED)
{
	struct datagram datagram = {.n = 0};
	int32_t error = -EPERM;
	struct slice rest, payload;
	int number = 0;

	append_message(&datagram, SOCK_DIAG_BY_FAMILY, "abcde", 5);
	append_message(&datagram, SOCK_DIAG_BY_FAMILY, "", 0);
	append_message(&datagram, NLMSG_DONE, "", 0);
	append_message(&datagram, NLMSG_ERROR, &error, sizeof(error));
	rest = whole(&datagram);
	assert_int_equal(diag_next(&rest, &payload, &number), DIAG_SOCKET);
	assert_true(slice_is(payload, "abcde"));
	assert_int_equal(diag_next(&rest, &payload, &number), DIAG_SOCKET);
	assert_int_equal(payload.len, 0);
	assert_int_equal(diag_next(&rest, &payload, &number), DIAG_DONE);
	assert_int_equal(diag_next(&rest, &payload, &number), DIAG_FAILED);
	assert_int_equal(number, EPERM);
	assert_int_equal(diag_next(&rest, &payload, &number), DIAG_NEXT);
}

/* Cut anywhere: the last message is refused, and nothing behind the end is read. */
static void test_cut(void **state UNUSED)
{
	struct datagram datagram = {.n = 0};
	struct slice rest, payload;
	int number;

	append_message(&datagram, SOCK_DIAG_BY_FAMILY, "abcdefgh", 8);
	for (size_t n = 1; n < datagram.n; n++) {
		char *copy = malloc(n);

		memcpy(copy, datagram.bytes, n);
		rest = (struct slice){copy, n};
		assert_int_equal(diag_next(&rest, &payload, &number), DIAG_FAILED);
		assert_int_equal(number, EPROTO);
		free(copy);
	}
}

static void test_lies(void **state UNUSED)
{
	static const uint32_t lengths[] = {0, 1, NLMSG_HDRLEN - 1, 25, UINT32_MAX};
	int32_t odd_errors[] = {0, 5, INT32_MIN};
	struct slice rest, payload;
	int number;

	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
		struct datagram datagram = {.n = 0};

		append_message(&datagram, SOCK_DIAG_BY_FAMILY, "abcdefgh", 8);
		memcpy(datagram.bytes, &lengths[i], sizeof(lengths[i]));
		rest = whole(&datagram);
		assert_int_equal(diag_next(&rest, &payload, &number), DIAG_FAILED);
	}
	for (size_t i = 0; i < ARRAY_SIZE(odd_errors); i++) {
		struct datagram datagram = {.n = 0};

		append_message(&datagram, NLMSG_ERROR, &odd_errors[i], sizeof(odd_errors[i]));
		rest = whole(&datagram);
		assert_int_equal(diag_next(&rest, &payload, &number), DIAG_FAILED);
		assert_int_equal(number, EPROTO);
	}
}

static struct inet_diag_msg tcp_message(int family, const char *from, const char *to)
{
	struct inet_diag_msg message = {
		.idiag_family = (uint8_t)family,
		.id = {.idiag_sport = htons(40000), .idiag_dport = htons(6379)},
		.idiag_uid = 1000,
		.idiag_inode = 4711,
	};

	assert_int_equal(inet_pton(family, from, message.id.idiag_src), 1);
	assert_int_equal(inet_pton(family, to, message.id.idiag_dst), 1);
	return message;
}

static void test_tcp(void **state UNUSED)
{
	struct inet_diag_msg v4 = tcp_message(AF_INET, "127.0.0.1", "10.0.0.1");
	struct inet_diag_msg mapped = tcp_message(AF_INET6, "::ffff:127.0.0.1", "::ffff:10.0.0.1");
	struct inet_diag_msg v6 = tcp_message(AF_INET6, "::1", "fe80::1");
	struct diag_tcp socket, same;

	assert_true(diag_read_tcp((struct slice){(char *)&v4, sizeof(v4)}, &socket));
	assert_int_equal(socket.inode, 4711);
	assert_int_equal(socket.uid, 1000);
	assert_int_equal(socket.local.port, 40000);
	assert_int_equal(socket.remote.port, 6379);
	assert_memory_equal(socket.local.bytes, "\x7f\0\0\1\0\0\0\0\0\0\0\0\0\0\0\0", 16);
	assert_false(socket.local.is_ipv6);
	assert_true(diag_read_tcp((struct slice){(char *)&mapped, sizeof(mapped)}, &same));
	assert_true(ends_address_is_equal(&socket.local, &same.local));
	assert_true(ends_address_is_equal(&socket.remote, &same.remote));
	assert_true(diag_read_tcp((struct slice){(char *)&v6, sizeof(v6)}, &socket));
	assert_true(socket.local.is_ipv6);
	assert_int_equal(socket.local.bytes[15], 1);
	for (size_t n = 0; n < sizeof(v4); n++) {
		assert_false(diag_read_tcp((struct slice){(char *)&v4, n}, &socket));
	}
	v4.idiag_family = AF_UNIX;
	assert_false(diag_read_tcp((struct slice){(char *)&v4, sizeof(v4)}, &socket));
}

static void test_unix(void **state UNUSED)
{
	struct unix_diag_msg message = {.udiag_family = AF_UNIX, .udiag_ino = 4711};
	struct datagram datagram = {.n = 0};
	struct diag_unix socket;

	append(&datagram, &message, sizeof(message));
	append_attribute(&datagram, UNIX_DIAG_SHUTDOWN, 9);
	append_attribute(&datagram, UNIX_DIAG_PEER, 4712);
	append_attribute(&datagram, UNIX_DIAG_UID, 1000);
	assert_true(diag_read_unix(whole(&datagram), &socket));
	assert_int_equal(socket.inode, 4711);
	assert_int_equal(socket.peer, 4712);
	assert_int_equal(socket.uid, 1000);
	for (size_t n = 0; n < datagram.n; n++) {
		bool is_whole = n >= sizeof(message);
		char *copy = malloc(n + 1);

		memcpy(copy, datagram.bytes, n);
		assert_int_equal(diag_read_unix((struct slice){copy, n}, &socket), is_whole);
		if (is_whole) {
			assert_int_equal(socket.uid, DIAG_NO_UID);
			assert_true(socket.peer == 0 || socket.peer == 4712);
		}
		free(copy);
	}
	datagram.bytes[0] = AF_INET;
	assert_false(diag_read_unix(whole(&datagram), &socket));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_messages),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_lies),
		cmocka_unit_test(test_tcp),
		cmocka_unit_test(test_unix),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
