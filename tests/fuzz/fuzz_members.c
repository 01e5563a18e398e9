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
	CHECK(members->n <= MEMBERS_MAX);
	for (size_t i = 0; i < members->n; i++) {
		char *address = endpoint_print(&members->endpoints[i]);

		CHECK(members->endpoints[i].host[0] != '\0' && members->endpoints[i].port > 0);
		free(address);
	}
}

static void read_text(struct slice text)
{
	struct members members = {0};
	struct link_server server = {0};
	struct err err;

	CHECK(members_read_cluster_nodes(text, "own", &members, &err) == (members.n > 0));
	check(&members);
	members_finish(&members);
	server_info_read(text, &server);
	CHECK(memchr(server.version, '\0', sizeof(server.version)) != NULL);
	CHECK(memchr(server.run_id, '\0', sizeof(server.run_id)) != NULL);
	CHECK(memchr(server.role, '\0', sizeof(server.role)) != NULL);
}

static void read_reply(const struct reply *reply)
{
	struct members members = {0};
	uint64_t epoch;
	struct err err;

	CHECK(members_read_cluster_shards(reply, "own", true, &members, &err) == (members.n > 0));
	check(&members);
	members_finish(&members);
	if (members_read_sentinel_master(reply, "orders", &members, &epoch)) {
		members_read_sentinel_replicas(reply, &members);
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
