/*
 * What Sentinels and cluster nodes say about their groups, and INFO: replies of any shape are read
 * or refused.
 */
#include <event2/buffer.h>

#include "base/check.h"
#include "base/mem.h"
#include "redis/members.h"
#include "redis/resp.h"
#include "redis/server_info.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

static void check(const struct members *members)
{
	CHECK(members->n <= MEMBERS_MAX + 1);
	for (size_t i = 0; i < members->n; i++) {
		const struct member *member = &members->items[i];

		CHECK(member->label[0] != '\0' && members_find(members, member->label) == member);
		CHECK((member->trouble != NULL) == (member->endpoint.host == NULL));
		if (member->trouble == NULL) {
			CHECK(member->endpoint.host[0] != '\0' && member->endpoint.port > 0);
		}
	}
}

static void read_text(struct slice text)
{
	static const struct members_asked asked = {
		"own", "07c37dfeb235213a872192d90877d0cd55635b91"};
	struct members members = {0};
	struct link_server server = {0};
	struct err err;

	CHECK(members_read_cluster_nodes(text, &asked, &members, &err) == (members.n > 0));
	CHECK(members_own_id(text).len < MEMBERS_ID_BYTES);
	check(&members);
	members_finish(&members);
	server_info_read(text, &server);
	CHECK(memchr(server.version, '\0', sizeof(server.version)) != NULL);
	CHECK(memchr(server.run_id, '\0', sizeof(server.run_id)) != NULL);
	CHECK(memchr(server.role, '\0', sizeof(server.role)) != NULL);
}

static void read_reply(const struct reply *reply)
{
	static const struct members_asked asked = {"own", ""};
	static const struct slice no_id = {"", 0};
	struct members members = {0};
	struct slice host;
	uint64_t port;
	struct err err;

	CHECK(members_read_cluster_shards(reply, &asked, true, &members, &err) == (members.n > 0));
	check(&members);
	members_finish(&members);
	if (members_read_sentinel_master(reply, "orders", &host, &port)) {
		(void)members_add(&members, host, port, no_id);
	}
	for (size_t i = 0; members_next_sentinel_replica(reply, &i, &host, &port);) {
		(void)members_add(&members, host, port, no_id);
	}
	check(&members);
	members_finish(&members);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
	struct evbuffer *input = evbuffer_new();
	struct resp *resp = resp_new();
	struct reply *reply = NULL;
	struct err err;

	read_text((struct slice){(const char *)data, n_bytes});
	evbuffer_add(input, data, n_bytes);
	if (resp_read(resp, input, NULL, NULL, &reply, &err) == RESP_REPLY) {
		read_reply(reply);
		resp_release(reply);
	}
	resp_free(resp);
	evbuffer_free(input);
	return 0;
}
