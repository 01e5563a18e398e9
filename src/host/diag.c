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

int diag_ask(int fd, enum diag_list list)
{
	struct question question = {.header = {
					    .nlmsg_type = SOCK_DIAG_BY_FAMILY,
					    .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP,
				    }};

	if (list == DIAG_UNIX) {
		question.header.nlmsg_len = NLMSG_LENGTH(sizeof(question.local));
		question.local = (struct unix_diag_req){
			.sdiag_family = AF_UNIX,
			.udiag_states = CONNECTION_STATES,
			.udiag_show = UDIAG_SHOW_PEER | UDIAG_SHOW_UID,
		};
	} else {
		question.header.nlmsg_len = NLMSG_LENGTH(sizeof(question.tcp));
		question.tcp = (struct inet_diag_req_v2){
			.sdiag_family = list == DIAG_TCP4 ? AF_INET : AF_INET6,
			.sdiag_protocol = IPPROTO_TCP,
			.idiag_states = CONNECTION_STATES,
		};
	}
	return send_question(fd, &question);
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
	};
	return true;
}

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
