/*
 * Names of capabilities and server families.
 */
#include "model/caps.h"

const char *caps_name(enum cap cap)
{
	static const char *const names[] = {
#define CAP(suffix, name, meaning) [CAP_##suffix] = (name),
		CAPS_TABLE(CAP)
#undef CAP
	};

	return names[cap];
}

const char *server_family_name(enum server_family family)
{
	static const char *const names[SERVER_N_FAMILIES] = {
		[SERVER_REDIS] = "redis",
		[SERVER_VALKEY] = "valkey",
		[SERVER_KEYDB] = "keydb",
		[SERVER_KVROCKS] = "kvrocks",
		[SERVER_DRAGONFLY] = "dragonfly",
		[SERVER_GARNET] = "garnet",
	};

	return names[family];
}
