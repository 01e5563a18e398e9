/*
 * What a server can do, as far as listing and killing go. A pure value: redis/ fills it from the
 * server's answers to harmless probes, plan and verification read it. Never guessed from version
 * numbers (Valkey reports redis_version 7.2.4 for ever).
 */
#ifndef MODEL_CAPS_H
#define MODEL_CAPS_H

#include <stdbool.h>
#include <stdint.h>

/* Decides what letters in `flags` mean and how filters combine; read from INFO server. */
enum server_family {
	SERVER_REDIS, /* and what is compatible to the letter: Redict */
	SERVER_VALKEY,
	SERVER_KEYDB,
	SERVER_KVROCKS,   /* filters are ORed */
	SERVER_DRAGONFLY, /* one filter per command */
	SERVER_GARNET,
	SERVER_N_FAMILIES
};

/* CAP(enum suffix, name shown by the API, what it means). The one table of capabilities. */
#define CAPS_TABLE(CAP)                                                   \
	CAP(MULTI_ID, "multi-id", "CLIENT KILL ID takes several ids")     \
	CAP(KILL_TYPE, "kill-type", "CLIENT KILL TYPE")                   \
	CAP(KILL_USER, "kill-user", "CLIENT KILL USER")                   \
	CAP(KILL_LADDR, "kill-laddr", "CLIENT KILL LADDR")                \
	CAP(KILL_MAXAGE, "kill-maxage", "CLIENT KILL MAXAGE, in seconds") \
	CAP(KILL_NAME, "kill-name", "CLIENT KILL NAME")                   \
	CAP(KILL_IDLE, "kill-idle", "CLIENT KILL IDLE, in seconds")       \
	CAP(KILL_LIB_NAME, "kill-lib-name", "CLIENT KILL LIB-NAME")       \
	CAP(KILL_LIB_VER, "kill-lib-ver", "CLIENT KILL LIB-VER")          \
	CAP(KILL_DB, "kill-db", "CLIENT KILL DB")                         \
	CAP(LIST_ID, "list-id", "CLIENT LIST ID")                         \
	CAP(NO_EVICT, "no-evict", "CLIENT NO-EVICT")                      \
	CAP(SUBSCRIBE, "subscribe", "SUBSCRIBE and UNSUBSCRIBE, for a second connection")

enum cap {
#define CAP(suffix, name, meaning) CAP_##suffix,
	CAPS_TABLE(CAP)
#undef CAP
		CAPS_N
};

struct caps {
	enum server_family family;
	uint32_t bits; /* 1 << enum cap */
};

static inline bool caps_has(const struct caps *caps, enum cap cap)
{
	return (caps->bits & (UINT32_C(1) << cap)) != 0;
}

static inline void caps_set(struct caps *caps, enum cap cap)
{
	caps->bits |= UINT32_C(1) << cap;
}

const char *caps_name(enum cap cap);
const char *server_family_name(enum server_family family);

#endif
