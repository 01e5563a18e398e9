/*
 * Which servers there are. A row each, as the table of facts about servers has them.
 */
#include "sim.h"

#define OLD " ID TYPE ADDR SKIPME "
#define REDIS_6 " ID TYPE ADDR LADDR USER SKIPME "
#define REDIS_74 " ID TYPE ADDR LADDR USER SKIPME MAXAGE "
#define VALKEY_81 " ID TYPE ADDR LADDR USER SKIPME MAXAGE NAME IDLE LIB-NAME LIB-VER DB FLAGS IP "

#define WAS_5 SHAPE_CLIENT_ID
#define WAS_6 (WAS_5 | SHAPE_LIST_ID | SHAPE_ACL)
#define WAS_7 (WAS_6 | SHAPE_NO_EVICT | SHAPE_SHARDS)
#define WAS_VALKEY_8 (WAS_7 | SHAPE_MULTI_ID)

/* Their rows: of INFO redis_version and the key and value of its own; server of HELLO; the key of
 * the process's id; filters; fields; what else; the flag of a slot migration. */
const struct shape shapes[] = {
	{"redis 2.8.17", "2.8.17", NULL, NULL, NULL, "run_id", OLD, "", 0, '\0'},
	{"redis 3.2.13", "3.2.13", NULL, NULL, NULL, "run_id", OLD, "", 0, '\0'},
	{"redis 4.0.14", "4.0.14", NULL, NULL, NULL, "run_id", OLD, "", 0, '\0'},
	{"redis 5.0.14", "5.0.14", NULL, NULL, NULL, "run_id", OLD, "", WAS_5, '\0'},
	{"redis 6.2.16", "6.2.16", NULL, NULL, "redis", "run_id", REDIS_6, "ua", WAS_6, '\0'},
	{"redis 7.0.15", "7.0.15", NULL, NULL, "redis", "run_id", REDIS_6, "uart", WAS_7, '\0'},
	{"redis 7.2.6", "7.2.6", NULL, NULL, "redis", "run_id", REDIS_6, "uartl", WAS_7, '\0'},
	{"redis 7.4.1", "7.4.1", NULL, NULL, "redis", "run_id", REDIS_74, "uartl", WAS_7, '\0'},
	{"redis 8.8.0", "8.8.0", NULL, NULL, "redis", "run_id", REDIS_74, "uartl", WAS_7, 'g'},
	{"valkey 7.2.7", "7.2.4", "valkey_version", "7.2.7", "redis", "run_id", REDIS_6, "uartl",
		WAS_7, '\0'},
	{"valkey 8.1.3", "7.2.4", "valkey_version", "8.1.3", "valkey", "run_id", VALKEY_81, "uartl",
		WAS_VALKEY_8, '\0'},
	{"valkey 9.1.0", "7.2.4", "valkey_version", "9.1.0", "valkey", "run_id", VALKEY_81, "uartl",
		WAS_VALKEY_8, 'i'},
	{"kv 9.1.0", "7.2.4", "kv_version", "9.1.0", "kv", "run_id", VALKEY_81, "uartl",
		WAS_VALKEY_8, 'E'},
	{"keydb 6.3.4", "6.3.4", NULL, NULL, "keydb", "run_id", REDIS_6, "ua", WAS_6, '\0'},
	{"kvrocks 2.3.0", "4.0.0", NULL, NULL, "redis", NULL, OLD, "K",
		SHAPE_CLIENT_ID | SHAPE_ORED | SHAPE_HIDES_MONITORS, '\0'},
	{"dragonfly 1.30", "7.4.0", "dragonfly_version", "df-v1.30.0", "redis", NULL,
		" ID ADDR LADDR ", "D", SHAPE_CLIENT_ID, '\0'},
};
const size_t n_shapes = ARRAY_SIZE(shapes);

const struct shape *shape_pick(void)
{
	return &shapes[sim_roll(n_shapes)];
}

bool shape_has(const struct shape *shape, unsigned what)
{
	return (shape->has & what) != 0;
}
