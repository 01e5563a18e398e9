/*
 * INFO.
 */
#include "redis/server_info.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/macros.h"
#include "base/mem.h"
#include "base/parse.h"

/* INFO tells whole seconds, and takes a moment. */
#define ROUNDING_S 2

static const struct {
	const char *name;
	bool is_needed;
} permissions[] = {
#define PERMISSION(suffix, name, is_needed) {name, is_needed},
	LINK_PERMISSIONS(PERMISSION)
#undef PERMISSION
};

const char *link_permission_name(enum link_permission permission)
{
	return permissions[permission].name;
}

bool link_permission_is_needed(enum link_permission permission)
{
	return permissions[permission].is_needed;
}

/* Copies as much as fits; never out of bounds, always terminated. */
static void copy(char *to, size_t to_bytes, struct slice from)
{
	snprintf(to, to_bytes, "%.*s", SLICE_ARG(from));
}

bool server_info_set_family(struct link_server *server, struct slice name)
{
	for (unsigned family = 0; family < SERVER_N_FAMILIES; family++) {
		const char *known = server_family_name((enum server_family)family);

		if (slice_is_nocase(name, known)) {
			server->caps.family = (enum server_family)family;
			copy(server->name, sizeof(server->name), slice_of(known));
			return true;
		}
	}
	return false;
}

/* " 6379 /run/redis.sock ": of "tcp_port:6379" and, since 7.0, of each
 * "listener0:name=unix,bind=..." */
static void add_listener(struct link_server *server, struct slice place)
{
	size_t used = strlen(server->listeners);

	if (used + place.len + 3 < sizeof(server->listeners)) {
		snprintf(server->listeners + used, sizeof(server->listeners) - used, "%s%.*s ",
			used == 0 ? " " : "", SLICE_ARG(place));
	}
}

static void read_listener(struct link_server *server, struct slice value)
{
	struct slice part, key;

	while (slice_next(&value, ',', &part)) {
		if (slice_next(&part, '=', &key) && part.data != NULL &&
			(slice_is(key, "port") || slice_has_prefix(part, "/"))) {
			add_listener(server, part);
		}
	}
}

bool server_info_listens_at(const struct link_server *server, const struct endpoint *endpoint)
{
	CLEANUP(mem_free_p)
	char *place = endpoint->path != NULL ? mem_printf(" %s ", endpoint->path)
					     : mem_printf(" %u ", (unsigned)endpoint->port);

	return strstr(server->listeners, place) != NULL;
}

bool server_info_is_too_old(const struct link_server *server)
{
	static const uint64_t first[] = {2, 8, 12};
	struct slice rest = slice_of(server->version);

	for (size_t i = 0; i < ARRAY_SIZE(first); i++) {
		struct slice part;
		uint64_t number;

		if (!slice_next(&rest, '.', &part) || !parse_u64(part, &number)) {
			return false;
		}
		if (number != first[i]) {
			return number < first[i];
		}
	}
	return false;
}

static bool read_number(struct slice value, int64_t *ret_number)
{
	int64_t number;
	bool is_number = parse_i64(value, &number);

	if (is_number) {
		*ret_number = number;
	}
	return is_number;
}

/* What INFO of one server says, before it is known which keys count. */
struct info {
	struct slice redis_version, own_version, run_id, process_id, role;
	const char *family; /* the key that only this family has */
	int64_t master_port;
	bool has_child;
	int64_t child_s;
};

/* Of the children the one that has run for longest; -1 of one that there is not. */
static void note_child(struct info *info, struct slice value)
{
	int64_t seconds = 0;

	(void)read_number(value, &seconds);
	info->child_s = MAX(info->child_s, seconds);
}

static void read_version(struct info *info, struct slice key, struct slice value)
{
	static const struct {
		const char *key, *family;
	} versions[] = {
		{"valkey_version", "valkey"},
		{"redict_version", "redis"},
		{"dragonfly_version", "dragonfly"},
		{"kvrocks_version", "kvrocks"},
		{"garnet_version", "garnet"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(versions); i++) {
		if (slice_is(key, versions[i].key)) {
			info->own_version = value;
			info->family = versions[i].family;
		}
	}
	if (slice_is(key, "executable") && slice_has_suffix(value, "keydb-server")) {
		info->family = "keydb";
	}
}

static void read_text(
	struct info *info, struct slice key, struct slice value, struct link_server *server)
{
	const struct {
		const char *key;
		struct slice *text;
	} texts[] = {
		{"redis_version", &info->redis_version},
		{"run_id", &info->run_id},
		{"process_id", &info->process_id},
		{"role", &info->role},
	};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		if (slice_is(key, texts[i].key)) {
			*texts[i].text = value;
		}
	}
	if (slice_is(key, "master_replid")) {
		copy(server->replication.replid, sizeof(server->replication.replid), value);
	} else if (slice_is(key, "master_replid2")) {
		copy(server->replication.replid2, sizeof(server->replication.replid2), value);
	} else if (slice_is(key, "master_host")) {
		copy(server->replication.master_host, sizeof(server->replication.master_host),
			value);
	}
}

static void read_figure(
	struct info *info, struct slice key, struct slice value, struct link_server *server)
{
	const struct {
		const char *key;
		int64_t *number;
	} figures[] = {
		{"master_port", &info->master_port},
		{"connected_clients", &server->n_clients},
		{"uptime_in_seconds", &server->uptime_s},
		{"total_connections_received", &server->n_connections},
		{"monitor_clients", &server->n_monitors},
		{"blocked_clients", &server->n_blocked},
		{"maxclients", &server->max_clients},
		{"rejected_connections", &server->n_rejected},
		{"cluster_connections", &server->n_bus_links},
		{"process_id", &server->process_id},
	};

	for (size_t i = 0; i < ARRAY_SIZE(figures); i++) {
		if (slice_is(key, figures[i].key) && read_number(value, figures[i].number) &&
			figures[i].number == &server->n_clients) {
			server->counted_ms = clock_monotonic_ms();
		}
	}
}

static void read_line(
	struct info *info, struct slice key, struct slice value, struct link_server *server)
{
	read_version(info, key, value);
	read_text(info, key, value, server);
	read_figure(info, key, value, server);
	if (slice_is(key, "rdb_bgsave_in_progress") || slice_is(key, "aof_rewrite_in_progress")) {
		info->has_child |= slice_is(value, "1");
	} else if (slice_is(key, "rdb_current_bgsave_time_sec") ||
		   slice_is(key, "aof_current_rewrite_time_sec")) {
		note_child(info, value);
	} else if (slice_is(key, "tcp_port")) {
		add_listener(server, value);
	} else if (slice_has_prefix(key, "listener")) {
		read_listener(server, value);
	}
}

/* "pid-17-4711": its parts. */
static bool split_run_id(const char *run_id, struct slice *ret_pid, int64_t *ret_started_s)
{
	struct slice rest = slice_of(run_id);
	struct slice word;

	return slice_next(&rest, '-', &word) && slice_is(word, "pid") &&
	       slice_next(&rest, '-', ret_pid) && rest.data != NULL &&
	       parse_i64(rest, ret_started_s);
}

bool server_info_is_same_process(const char *a, const char *b)
{
	struct slice pid_a, pid_b;
	int64_t started_a, started_b;

	if (!split_run_id(a, &pid_a, &started_a) || !split_run_id(b, &pid_b, &started_b)) {
		return a[0] != '\0' && strcmp(a, b) == 0;
	}
	return slice_is_equal(pid_a, pid_b) && started_a - started_b <= ROUNDING_S &&
	       started_b - started_a <= ROUNDING_S;
}

void server_info_keep_run_id(struct link_server *server, const char *before)
{
	if (server_info_is_same_process(server->run_id, before)) {
		snprintf(server->run_id, sizeof(server->run_id), "%s", before);
	}
}

/* "pid-17-4711": the process, and when it started by our clock; read again it is the same. */
static void make_run_id(struct slice process_id, struct link_server *server)
{
	char before[sizeof(server->run_id)];
	int64_t started_s = clock_monotonic_ms() / 1000 - server->uptime_s;

	memcpy(before, server->run_id, sizeof(before));
	if (server->uptime_s < 0) {
		snprintf(server->run_id, sizeof(server->run_id), "pid-%.*s", SLICE_ARG(process_id));
		return;
	}
	snprintf(server->run_id, sizeof(server->run_id), "pid-%.*s-%lld", SLICE_ARG(process_id),
		(long long)started_s);
	server_info_keep_run_id(server, before);
}

static void apply(const struct info *info, struct link_server *server)
{
	if (info->own_version.data != NULL || info->redis_version.data != NULL) {
		copy(server->version, sizeof(server->version),
			info->own_version.data != NULL ? info->own_version : info->redis_version);
		server_info_set_family(
			server, slice_of(info->family != NULL ? info->family : "redis"));
	}
	if (info->run_id.len > 0) {
		copy(server->run_id, sizeof(server->run_id), info->run_id);
	} else if (info->process_id.len > 0) {
		make_run_id(info->process_id, server);
	}
	server->has_child = info->has_child;
	if (info->master_port > 0 && info->master_port <= UINT16_MAX) {
		server->replication.master_port = (uint16_t)info->master_port;
	}
	server->child_s = info->child_s;
	if (info->role.len > 0) {
		copy(server->role, sizeof(server->role),
			slice_is(info->role, "slave") ? SLICE_LITERAL("replica") : info->role);
	}
}

void server_info_read(struct slice text, struct link_server *server)
{
	struct info info = {0};
	struct slice rest = text;
	struct slice line, key;
	char listeners[sizeof(server->listeners)];

	/* INFO of one section says nothing of it. */
	memcpy(listeners, server->listeners, sizeof(listeners));
	server->listeners[0] = '\0';
	while (slice_next(&rest, '\n', &line)) {
		if (line.len > 0 && line.data[line.len - 1] == '\r') {
			line.len--;
		}
		if (slice_next(&line, ':', &key) && line.data != NULL) {
			read_line(&info, key, line, server);
		}
	}
	if (server->listeners[0] == '\0') {
		memcpy(server->listeners, listeners, sizeof(listeners));
	}
	apply(&info, server);
}
