/*
 * sock_diag over netlink. Messages are copied out of the datagram before they are looked at: their
 * sizes are checked here and their alignment is nobody's concern.
 */
#include "host/diag.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>

/* A connection whose other end was closed by a kill a moment ago is still somebody's. */
#define CONNECTION_STATES (1u << TCP_ESTABLISHED | 1u << TCP_CLOSE_WAIT)

int diag_open(int *ret_fd, struct err *err)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_SOCK_DIAG);

	if (fd < 0) {
		int error = errno;

		err_set_errno(err, error, "ask the kernel for its sockets (AF_NETLINK)");
		return -error;
	}
	*ret_fd = fd;
	return 0;
}

struct question {
	struct nlmsghdr header;
	union {
		struct inet_diag_req_v2 tcp;
		struct unix_diag_req local;
	};
};

static int send_question(int fd, const struct question *question)
{
	struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};

	if (sendto(fd, question, question->header.nlmsg_len, MSG_NOSIGNAL,
		    (const struct sockaddr *)&kernel, sizeof(kernel)) < 0) {
		return -errno;
	}
	return 0;
}

static int ask_all_tcp(int fd, enum diag_list list, uint16_t port, uint32_t states)
{
	struct question question = {
		.header = {.nlmsg_len = NLMSG_LENGTH(sizeof(question.tcp)),
			.nlmsg_type = SOCK_DIAG_BY_FAMILY,
			.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
		.tcp = {.sdiag_family = list == DIAG_TCP4 ? AF_INET : AF_INET6,
			.sdiag_protocol = IPPROTO_TCP,
			.idiag_states = states,
			.id = {.idiag_sport = htons(port)}},
	};

	return send_question(fd, &question);
}

int diag_ask_port(int fd, enum diag_list list, uint16_t port)
{
	return ask_all_tcp(fd, list, port, CONNECTION_STATES);
}

int diag_ask_listening(int fd, enum diag_list list)
{
	return ask_all_tcp(fd, list, 0, 1u << TCP_LISTEN);
}

uint64_t diag_cookie(const struct diag_id *id)
{
	struct inet_diag_sockid socket;

	memcpy(&socket, id->bytes, sizeof(socket));
	return (uint64_t)socket.idiag_cookie[1] << 32 | socket.idiag_cookie[0];
}

int diag_ask(int fd, enum diag_list list)
{
	struct question question = {
		.header = {.nlmsg_len = NLMSG_LENGTH(sizeof(question.local)),
			.nlmsg_type = SOCK_DIAG_BY_FAMILY,
			.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
		.local = {.sdiag_family = AF_UNIX,
			.udiag_states = CONNECTION_STATES,
			.udiag_show = UDIAG_SHOW_PEER | UDIAG_SHOW_UID},
	};

	return list == DIAG_UNIX ? send_question(fd, &question) : diag_ask_port(fd, list, 0);
}

ssize_t diag_receive(int fd, void *buffer)
{
	struct sockaddr_nl sender = {0};
	struct iovec part = {buffer, DIAG_MAX_BYTES};
	struct msghdr message = {
		.msg_name = &sender,
		.msg_namelen = sizeof(sender),
		.msg_iov = &part,
		.msg_iovlen = 1,
	};
	ssize_t n_bytes = recvmsg(fd, &message, 0);

	if (n_bytes < 0) {
		return -errno;
	}
	/* Only the kernel has the number 0. */
	if ((message.msg_flags & MSG_TRUNC) != 0 || sender.nl_pid != 0) {
		return -EPROTO;
	}
	return n_bytes;
}

enum diag_message diag_next(struct slice *rest, struct slice *ret_payload, int *ret_error)
{
	struct nlmsghdr header;
	int32_t error = -EPROTO;

	if (rest->len == 0) {
		return DIAG_NEXT;
	}
	*ret_error = EPROTO;
	if (rest->len < sizeof(header)) {
		return DIAG_FAILED;
	}
	memcpy(&header, rest->data, sizeof(header));
	if (header.nlmsg_len < NLMSG_HDRLEN || header.nlmsg_len > rest->len) {
		return DIAG_FAILED;
	}
	*ret_payload =
		(struct slice){rest->data + NLMSG_HDRLEN, header.nlmsg_len - (size_t)NLMSG_HDRLEN};
	*rest = slice_skip(*rest, NLMSG_ALIGN((size_t)header.nlmsg_len));
	switch (header.nlmsg_type) {
	case SOCK_DIAG_BY_FAMILY:
		return DIAG_SOCKET;
	case NLMSG_DONE:
		return DIAG_DONE;
	case NLMSG_ERROR:
		if (ret_payload->len >= sizeof(error)) {
			memcpy(&error, ret_payload->data, sizeof(error));
		}
		*ret_error = error < 0 && error >= -4095 ? -error : EPROTO;
		return DIAG_FAILED;
	default:
		return DIAG_FAILED;
	}
}

bool diag_read_tcp(struct slice payload, struct diag_tcp *ret)
{
	struct inet_diag_msg message;
	bool is_ipv6;

	if (payload.len < sizeof(message)) {
		return false;
	}
	memcpy(&message, payload.data, sizeof(message));
	is_ipv6 = message.idiag_family == AF_INET6;
	if (!is_ipv6 && message.idiag_family != AF_INET) {
		return false;
	}
	*ret = (struct diag_tcp){
		.local = ends_address_make(
			is_ipv6, message.id.idiag_src, ntohs(message.id.idiag_sport)),
		.remote = ends_address_make(
			is_ipv6, message.id.idiag_dst, ntohs(message.id.idiag_dport)),
		.inode = message.idiag_inode,
		.uid = message.idiag_uid,
		.id = {.family = message.idiag_family},
	};
	memcpy(ret->id.bytes, &message.id, sizeof(message.id));
	return true;
}

_Static_assert(sizeof(((struct diag_id *)NULL)->bytes) == sizeof(struct inet_diag_sockid), "all");

static int ask_tcp(int fd, const struct ends_address *local, const struct ends_address *remote)
{
	struct question question = {
		.header = {.nlmsg_len = NLMSG_LENGTH(sizeof(question.tcp)),
			.nlmsg_type = SOCK_DIAG_BY_FAMILY,
			.nlmsg_flags = NLM_F_REQUEST},
		.tcp = {.sdiag_family = local->is_ipv6 ? AF_INET6 : AF_INET,
			.sdiag_protocol = IPPROTO_TCP,
			.id = {.idiag_sport = htons(local->port),
				.idiag_dport = htons(remote->port),
				.idiag_cookie = {INET_DIAG_NOCOOKIE, INET_DIAG_NOCOOKIE}}},
	};

	memcpy(question.tcp.id.idiag_src, local->bytes, sizeof(local->bytes));
	memcpy(question.tcp.id.idiag_dst, remote->bytes, sizeof(remote->bytes));
	return send_question(fd, &question);
}

/* Where there is no such connection the kernel answers with whoever listens there. */
bool diag_find_tcp(int fd, const struct ends_address *local, const struct ends_address *remote,
	struct diag_tcp *ret_tcp)
{
	char buffer[DIAG_MAX_BYTES];
	struct slice payload, rest = {buffer, 0};
	struct diag_tcp tcp;
	ssize_t n_bytes = ask_tcp(fd, local, remote);
	int error;

	if (n_bytes == 0) {
		n_bytes = diag_receive(fd, buffer); /* the kernel has answered at once */
	}
	rest.len = n_bytes > 0 ? (size_t)n_bytes : 0;
	if (diag_next(&rest, &payload, &error) != DIAG_SOCKET || !diag_read_tcp(payload, &tcp) ||
		!ends_address_is_equal(&tcp.local, local) ||
		!ends_address_is_equal(&tcp.remote, remote)) {
		return false;
	}
	*ret_tcp = tcp;
	return true;
}

/* Takes the next attribute off the front; false: there is no further whole one. */
static bool next_attribute(struct slice *rest, uint16_t *ret_type, struct slice *ret_value)
{
	struct nlattr attribute;

	if (rest->len < sizeof(attribute)) {
		return false;
	}
	memcpy(&attribute, rest->data, sizeof(attribute));
	if (attribute.nla_len < NLA_HDRLEN || attribute.nla_len > rest->len) {
		return false;
	}
	*ret_type = attribute.nla_type & NLA_TYPE_MASK;
	*ret_value =
		(struct slice){rest->data + NLA_HDRLEN, attribute.nla_len - (size_t)NLA_HDRLEN};
	*rest = slice_skip(*rest, NLA_ALIGN((size_t)attribute.nla_len));
	return true;
}

static void read_number(struct slice value, uint32_t *ret_number)
{
	if (value.len >= sizeof(*ret_number)) {
		memcpy(ret_number, value.data, sizeof(*ret_number));
	}
}

bool diag_read_unix(struct slice payload, struct diag_unix *ret)
{
	struct unix_diag_msg message;
	struct slice rest, value;
	uint16_t type;

	if (payload.len < sizeof(message)) {
		return false;
	}
	memcpy(&message, payload.data, sizeof(message));
	if (message.udiag_family != AF_UNIX) {
		return false;
	}
	*ret = (struct diag_unix){.inode = message.udiag_ino, .uid = DIAG_NO_UID};
	rest = slice_skip(payload, NLMSG_ALIGN(sizeof(message)));
	while (next_attribute(&rest, &type, &value)) {
		if (type == UNIX_DIAG_PEER) {
			read_number(value, &ret->peer);
		} else if (type == UNIX_DIAG_UID) {
			read_number(value, &ret->uid);
		}
	}
	return true;
}

/* ---- destroying ---- */

/* A request to end a connection is a question of another type, which is answered like an error. */
static void write_end(struct question *question, const struct diag_id *id, uint32_t number)
{
	*question = (struct question){
		.header = {.nlmsg_len = NLMSG_LENGTH(sizeof(question->tcp)),
			.nlmsg_type = SOCK_DESTROY,
			.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK,
			.nlmsg_seq = number},
		.tcp = {.sdiag_family = id->family,
			.sdiag_protocol = IPPROTO_TCP,
			.idiag_states = UINT32_MAX},
	};
	memcpy(&question->tcp.id, id->bytes, sizeof(id->bytes));
}

/* What the kernel says of the connection `*ret_number`. False: it is no such message. */
static bool read_end(struct slice datagram, size_t n, size_t *ret_number, int *ret_error)
{
	struct nlmsghdr header;
	struct slice payload;

	if (datagram.len < sizeof(header)) {
		return false;
	}
	memcpy(&header, datagram.data, sizeof(header));
	*ret_number = header.nlmsg_seq;
	*ret_error = 0;
	if (header.nlmsg_type != NLMSG_ERROR || header.nlmsg_seq >= n) {
		return false;
	}
	(void)diag_next(&datagram, &payload, ret_error);
	/* An acknowledgement is the error 0. */
	if (payload.len >= sizeof(int32_t) && memcmp(payload.data, &(int32_t){0}, 4) == 0) {
		*ret_error = 0;
	}
	return true;
}

/* The kernel has answered all of them before it let go of the datagram. */
static int read_ends(int fd, size_t n, int *errors)
{
	char buffer[DIAG_MAX_BYTES];

	for (size_t n_left = n; n_left > 0; n_left--) {
		ssize_t n_bytes = diag_receive(fd, buffer);
		size_t number;
		int error;

		if (n_bytes < 0) {
			return (int)n_bytes;
		}
		if (!read_end((struct slice){buffer, (size_t)n_bytes}, n, &number, &error)) {
			return -EPROTO;
		}
		errors[number] = error;
	}
	return 0;
}

int diag_destroy(int fd, const struct diag_id *ids, size_t n, int *errors)
{
	struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
	struct question questions[DIAG_MAX_DESTROYED] = {0};

	for (size_t i = 0; i < n; i++) {
		write_end(&questions[i], &ids[i], (uint32_t)i);
	}
	if (sendto(fd, questions, n * sizeof(questions[0]), MSG_NOSIGNAL,
		    (const struct sockaddr *)&kernel, sizeof(kernel)) < 0) {
		return -errno;
	}
	return read_ends(fd, n, errors);
}
