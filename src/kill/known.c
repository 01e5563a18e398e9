/*
 * Sessions whose processes are known.
 */
#include "kill/known.h"

#include <event2/util.h>
#include <string.h>

#include "base/mem.h"
#include "host/index.h"
#include "model/intern.h"

#define RUN_ID_CHARS 40

struct known {
	struct known_session {
		uint64_t id;
		uint32_t server; /* numbers in `texts`, likewise the others */
		uint32_t process;
		uint32_t unit;
		uint32_t user;
		uint32_t uid;
		int32_t pid;
	} * sessions;
	size_t capacity;
	struct index index;
	struct intern texts;
};

struct known *known_new(void)
{
	struct known *known = mem_new(struct known);

	evutil_secure_rng_get_bytes(&known->texts.seed, sizeof(known->texts.seed));
	return known;
}

static void forget_all(struct known *known)
{
	uint64_t seed = known->texts.seed;

	index_finish(&known->index);
	intern_finish(&known->texts);
	free(known->sessions);
	*known = (struct known){.texts.seed = seed};
}

void known_free(struct known *known)
{
	if (known == NULL) {
		return;
	}
	forget_all(known);
	free(known);
}

/* What stands in for it on other servers is no more than a process number. */
static bool has_run_id(const char *run_id)
{
	return strlen(run_id) == RUN_ID_CHARS;
}

static uint64_t hash_of(uint32_t server, uint64_t id)
{
	return id ^ (uint64_t)server << 40;
}

static struct known_session *find(const struct known *known, uint32_t server, uint64_t id)
{
	uint32_t i = index_first(&known->index, hash_of(server, id));

	while (i != INDEX_NONE &&
		(known->sessions[i].id != id || known->sessions[i].server != server)) {
		i = index_next(&known->index, i);
	}
	return i != INDEX_NONE ? &known->sessions[i] : NULL;
}

static struct known_session *append(struct known *known, uint32_t server, uint64_t id)
{
	size_t n = known->index.n;

	known->sessions =
		mem_grow_array(known->sessions, n, &known->capacity, sizeof(struct known_session));
	index_add(&known->index, hash_of(server, id));
	return &known->sessions[n];
}

void known_add(
	struct known *known, const char *run_id, uint64_t id, const struct census_client *client)
{
	struct known_session *session;
	uint32_t server;

	if (client->pid == 0 || !has_run_id(run_id)) {
		return;
	}
	server = intern_add(&known->texts, slice_of(run_id));
	session = find(known, server, id);
	if (session == NULL && known->index.n == KNOWN_MAX) {
		forget_all(known);
		server = intern_add(&known->texts, slice_of(run_id));
	}
	if (session == NULL) {
		session = append(known, server, id);
	}
	*session = (struct known_session){
		.id = id,
		.server = server,
		.process = intern_add(&known->texts, client->process),
		.unit = intern_add(&known->texts, client->unit),
		.user = intern_add(&known->texts, client->user),
		.uid = client->uid,
		.pid = client->pid,
	};
}

bool known_find(const struct known *known, const char *run_id, uint64_t id,
	struct census_client *ret_client)
{
	uint32_t server = intern_find(&known->texts, slice_of(run_id));
	const struct known_session *session =
		server != INTERN_NONE ? find(known, server, id) : NULL;

	if (session == NULL) {
		return false;
	}
	*ret_client = (struct census_client){
		.pid = session->pid,
		.process = intern_get(&known->texts, session->process),
		.unit = intern_get(&known->texts, session->unit),
		.user = intern_get(&known->texts, session->user),
		.uid = session->uid,
	};
	return true;
}
