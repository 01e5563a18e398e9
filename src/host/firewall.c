/*
 * Bans, as commands of nft(8).
 *
 *     table inet sesskill {
 *         set out4_NAME { type ipv4_addr . ipv4_addr . inet_service; flags timeout }
 *         set next4_NAME { the same; for longer }   and out6_NAME, next6_NAME
 *         chain ban_NAME { type filter hook input priority filter - 5
 *             SYN, not marked, @out4_NAME: counter refused_NAME, reject with tcp reset, or drop
 *             SYN, not marked, @next4_NAME: jump rate_NAME
 *         }
 *         chain rate_NAME { over N a second: counter put_off_NAME, reject with tcp reset, or drop }
 *     }
 */
#include "host/firewall.h"

#include <errno.h>
#include <event2/buffer.h>
#include <inttypes.h>
#include <jansson.h>
#include <linux/capability.h>
#include <linux/netlink.h>
#include <nftables/libnftables.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/check.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/slice.h"

#define NO_PERMISSION "no permission: it takes CAP_NET_ADMIN (see kernel.conf)"

#define TABLE_NAME "sesskill"
#define TABLE "inet " TABLE_NAME
#define BAN_PREFIX "ban_"
#define REFUSED_PREFIX "refused_"
#define PUT_OFF_PREFIX "put_off_"
/* Of the readmitted, beside the rate: a tenth of what a second has, or nft's own default. */
#define LEAST_BURST 5
#define BURST_PART 10

struct firewall {
	struct nft_ctx *nft; /* NULL: not asked for yet */
	const char *output;  /* of the last commands */
};

struct firewall *firewall_new(void)
{
	return mem_new(struct firewall);
}

void firewall_free(struct firewall *firewall)
{
	if (firewall != NULL && firewall->nft != NULL) {
		nft_ctx_free(firewall->nft);
	}
	free(firewall);
}

/* ---- asking ---- */

/* libnftables ends the process where it gets no socket (mnl.c, nft_mnl_socket_open()). */
static int open_nft(struct firewall *firewall, struct err *err)
{
	CLEANUP(file_close_p)
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
	int r = fd < 0 ? -errno : 0;

	if (r < 0) {
		err_set_errno(err, -r, "the kernel's firewall (nftables) cannot be asked");
		return r;
	}
	firewall->nft = nft_ctx_new(NFT_CTX_DEFAULT);
	CHECK(firewall->nft != NULL);
	nft_ctx_buffer_output(firewall->nft);
	nft_ctx_buffer_error(firewall->nft);
	nft_ctx_output_set_flags(firewall->nft, NFT_CTX_OUTPUT_JSON | NFT_CTX_OUTPUT_TERSE);
	return 0;
}

/* The first line, which has the reason, without "Error: ". */
static int explain(const char *words, struct err *err)
{
	static const struct {
		const char *words;
		int error;
	} reasons[] = {
		{"No such file or directory", ENOENT},
		{"Operation not permitted", EPERM},
		{"Permission denied", EACCES},
		{"File exists", EEXIST},
	};
	struct slice line = {words, strcspn(words, "\n")};

	for (size_t i = 0; i < ARRAY_SIZE(reasons); i++) {
		if (strstr(words, reasons[i].words) != NULL) {
			bool is_denied = reasons[i].error == EPERM || reasons[i].error == EACCES;

			if (is_denied) {
				err_set(err, NO_PERMISSION);
			} else {
				err_set(err, "nftables: %.*s", SLICE_ARG(line));
			}
			return -reasons[i].error;
		}
	}
	err_set(err, "nftables: %.*s", SLICE_ARG(line));
	return -EIO;
}

/* libnftables would say on stderr that it may not. */
static bool may_ask(void)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {0};

	return syscall(SYS_capget, &head, data) == 0 &&
	       (data[CAP_TO_INDEX(CAP_NET_ADMIN)].effective & CAP_TO_MASK(CAP_NET_ADMIN)) != 0;
}

static int run(struct firewall *firewall, const char *commands, struct err *err)
{
	const char *words;
	int r;

	if (!may_ask()) {
		err_set(err, NO_PERMISSION);
		return -EPERM;
	}
	r = firewall->nft == NULL ? open_nft(firewall, err) : 0;
	if (r < 0) {
		return r;
	}
	r = nft_run_cmd_from_buffer(firewall->nft, commands);
	/* What is not fetched stands before the next answer. */
	firewall->output = nft_ctx_get_output_buffer(firewall->nft);
	words = nft_ctx_get_error_buffer(firewall->nft);
	return r == 0 ? 0 : explain(words, err);
}

/* A whole text of commands, which is one transaction; the buffer is emptied. */
static int run_buffer(struct firewall *firewall, struct evbuffer *commands, struct err *err)
{
	int r;

	evbuffer_add(commands, "", 1);
	r = run(firewall, (const char *)evbuffer_pullup(commands, -1), err);
	evbuffer_drain(commands, evbuffer_get_length(commands));
	return r;
}

static void evbuffer_free_p(struct evbuffer **buffer)
{
	evbuffer_free(*buffer);
}

static struct evbuffer *new_buffer(void)
{
	struct evbuffer *buffer = evbuffer_new();

	CHECK(buffer != NULL);
	return buffer;
}

int firewall_probe(struct firewall *firewall, struct err *err)
{
	return run(firewall, "list chains inet", err);
}

/* ---- bans ---- */

static const struct family {
	char digit;
	bool is_ipv6;
	const char *type;
	const char *saddr;
	const char *daddr;
} families[] = {
	{'4', false, "ipv4_addr", "ip saddr", "ip daddr"},
	{'6', true, "ipv6_addr", "ip6 saddr", "ip6 daddr"},
};

/* Of whatever there may be of that name; adding first makes sure that it can be deleted. */
static void add_removal(struct evbuffer *commands, const char *name)
{
	evbuffer_add_printf(commands,
		"add table " TABLE "\n"
		"add chain " TABLE " " BAN_PREFIX "%s\n"
		"flush chain " TABLE " " BAN_PREFIX "%s\n"
		"delete chain " TABLE " " BAN_PREFIX "%s\n"
		"add chain " TABLE " rate_%s\n"
		"flush chain " TABLE " rate_%s\n"
		"delete chain " TABLE " rate_%s\n"
		"add counter " TABLE " " REFUSED_PREFIX "%s\n"
		"delete counter " TABLE " " REFUSED_PREFIX "%s\n"
		"add counter " TABLE " " PUT_OFF_PREFIX "%s\n"
		"delete counter " TABLE " " PUT_OFF_PREFIX "%s\n",
		name, name, name, name, name, name, name, name, name, name);
	for (size_t i = 0; i < ARRAY_SIZE(families); i++) {
		for (size_t k = 0; k < 2; k++) {
			const char *kind = k == 0 ? "out" : "next";
			char digit = families[i].digit;

			evbuffer_add_printf(commands,
				"add set " TABLE " %s%c_%s { type %s . %s . inet_service; "
				"flags timeout; }\n"
				"delete set " TABLE " %s%c_%s\n",
				kind, digit, name, families[i].type, families[i].type, kind, digit,
				name);
		}
	}
}

static void add_rules(
	struct evbuffer *commands, const struct firewall_ban *ban, const struct family *family)
{
	static const char first[] = "tcp flags & (syn|ack) == syn meta mark !=";
	const char *verdict = ban->holds ? "drop" : "reject with tcp reset";

	for (size_t k = 0; k < 2; k++) {
		evbuffer_add_printf(commands,
			"add set " TABLE " %s%c_%s { type %s . %s . inet_service; flags timeout; "
			"}\n",
			k == 0 ? "out" : "next", family->digit, ban->name, family->type,
			family->type);
	}
	evbuffer_add_printf(commands,
		"add rule " TABLE " " BAN_PREFIX "%s %s %d %s . %s . tcp dport @out%c_%s "
		"counter name \"" REFUSED_PREFIX "%s\" %s\n"
		"add rule " TABLE " " BAN_PREFIX "%s %s %d %s . %s . tcp dport @next%c_%s jump "
		"rate_%s\n",
		ban->name, first, FIREWALL_MARK, family->saddr, family->daddr, family->digit,
		ban->name, ban->name, verdict, ban->name, first, FIREWALL_MARK, family->saddr,
		family->daddr, family->digit, ban->name, ban->name);
}

int firewall_begin(struct firewall *firewall, const struct firewall_ban *ban, struct err *err)
{
	CLEANUP(evbuffer_free_p) struct evbuffer *commands = new_buffer();

	add_removal(commands, ban->name);
	evbuffer_add_printf(commands,
		"add counter " TABLE " " REFUSED_PREFIX "%s\n"
		"add counter " TABLE " " PUT_OFF_PREFIX "%s\n"
		"add chain " TABLE " rate_%s\n"
		"add chain " TABLE " " BAN_PREFIX
		"%s { type filter hook input priority filter - 5; }\n",
		ban->name, ban->name, ban->name, ban->name);
	for (size_t i = 0; i < ARRAY_SIZE(families); i++) {
		add_rules(commands, ban, &families[i]);
	}
	if (ban->readmit > 0) {
		evbuffer_add_printf(commands,
			"add rule " TABLE " rate_%s limit rate over %" PRIu64
			"/second burst %" PRIu64 " packets counter name \"" PUT_OFF_PREFIX
			"%s\" %s\n",
			ban->name, ban->readmit,
			MAX(ban->readmit / BURST_PART, (uint64_t)LEAST_BURST), ban->name,
			ban->holds ? "drop" : "reject with tcp reset");
	}
	return run_buffer(firewall, commands, err);
}

/* ---- who ---- */

/* True: there are some of that family. */
static bool add_elements(struct evbuffer *commands, const struct family *family, int64_t timeout_ms,
	const struct ends_address *sources, size_t n_sources, const struct ends_address *servers,
	size_t n_servers)
{
	bool is_any = false;

	for (size_t i = 0; i < n_sources; i++) {
		for (size_t k = 0; k < n_servers; k++) {
			if (sources[i].is_ipv6 != family->is_ipv6 ||
				servers[k].is_ipv6 != family->is_ipv6) {
				continue;
			}
			evbuffer_add_printf(commands, "%s%s . %s . %u timeout %" PRId64 "ms",
				is_any ? ", " : "", ends_address_print_host(&sources[i]).text,
				ends_address_print_host(&servers[k]).text,
				(unsigned)servers[k].port, timeout_ms);
			is_any = true;
		}
	}
	return is_any;
}

int firewall_add(struct firewall *firewall, const struct firewall_ban *ban,
	const struct ends_address *sources, size_t n_sources, const struct ends_address *servers,
	size_t n_servers, struct err *err)
{
	CLEANUP(evbuffer_free_p) struct evbuffer *commands = new_buffer();

	for (size_t i = 0; i < ARRAY_SIZE(families); i++) {
		for (size_t k = 0; k < (ban->readmit > 0 ? 2U : 1U); k++) {
			CLEANUP(evbuffer_free_p) struct evbuffer *elements = new_buffer();
			int64_t ms = k == 0 ? ban->left_ms : ban->left_ms + ban->gentle_ms;

			if (ms <= 0 || !add_elements(elements, &families[i], ms, sources, n_sources,
					       servers, n_servers)) {
				continue;
			}
			evbuffer_add_printf(commands, "add element " TABLE " %s%c_%s { ",
				k == 0 ? "out" : "next", families[i].digit, ban->name);
			evbuffer_add_buffer(commands, elements);
			evbuffer_add(commands, " }\n", 3);
		}
	}
	return evbuffer_get_length(commands) > 0 ? run_buffer(firewall, commands, err) : 0;
}

int firewall_readmit(struct firewall *firewall, const char *name, struct err *err)
{
	CLEANUP(mem_free_p)
	char *commands = mem_printf(
		"flush set " TABLE " out4_%s\nflush set " TABLE " out6_%s\n", name, name);

	return run(firewall, commands, err);
}

int firewall_remove(struct firewall *firewall, const char *name, struct err *err)
{
	CLEANUP(evbuffer_free_p) struct evbuffer *commands = new_buffer();

	add_removal(commands, name);
	return run_buffer(firewall, commands, err);
}

/* ---- what it says ---- */

/* Behind `prefix`; NULL: it is no such name. */
static const char *name_of(const json_t *object, const char *prefix)
{
	const char *table = json_string_value(json_object_get(object, "table"));
	const char *name = json_string_value(json_object_get(object, "name"));

	return table != NULL && name != NULL && strcmp(table, TABLE_NAME) == 0 &&
			       strncmp(name, prefix, strlen(prefix)) == 0
		       ? name + strlen(prefix)
		       : NULL;
}

/* The list behind an answer; to be released. */
static int ask(struct firewall *firewall, const char *command, json_t **ret_root, struct err *err)
{
	int r = run(firewall, command, err);

	if (r == 0) {
		*ret_root = json_loads(firewall->output, 0, NULL);
	}
	if (r == 0 && *ret_root == NULL) {
		err_set(err, "nftables: what it lists is no JSON: \"%.200s\"", firewall->output);
		r = -EPROTO;
	}
	return r;
}

int firewall_each(struct firewall *firewall, void (*name_fn)(void *context, const char *name),
	void *context, struct err *err)
{
	json_auto_t *root = NULL;
	const json_t *object;
	size_t i;
	int r = ask(firewall, "list chains inet", &root, err);

	json_array_foreach(json_object_get(root, "nftables"), i, object)
	{
		const char *name = name_of(json_object_get(object, "chain"), BAN_PREFIX);

		if (name != NULL) {
			name_fn(context, name);
		}
	}
	return r;
}

/* Of the counter behind that prefix. */
static uint64_t count_of(const json_t *object, const char *prefix, const char *name)
{
	const json_t *counter = json_object_get(object, "counter");
	const char *counted = name_of(counter, prefix);

	return counted != NULL && strcmp(counted, name) == 0
		       ? (uint64_t)json_integer_value(json_object_get(counter, "packets"))
		       : 0;
}

static bool is_rule_of(const json_t *object, const char *name)
{
	const json_t *rule = json_object_get(object, "rule");
	const char *chain = json_string_value(json_object_get(rule, "chain"));

	return chain != NULL && strncmp(chain, BAN_PREFIX, strlen(BAN_PREFIX)) == 0 &&
	       strcmp(chain + strlen(BAN_PREFIX), name) == 0;
}

static struct firewall_sight sight_of(const json_t *list, const char *name)
{
	struct firewall_sight sight = {0};
	const json_t *object;
	size_t i;

	json_array_foreach(list, i, object)
	{
		sight.n_rules += is_rule_of(object, name);
		sight.n_refused += count_of(object, REFUSED_PREFIX, name);
		sight.n_put_off += count_of(object, PUT_OFF_PREFIX, name);
	}
	return sight;
}

int firewall_look(struct firewall *firewall,
	void (*sight_fn)(void *context, const char *name, const struct firewall_sight *sight),
	void *context, struct err *err)
{
	json_auto_t *root = NULL;
	const json_t *list, *object;
	size_t i;
	int r = ask(firewall, "list table " TABLE, &root, err);

	list = json_object_get(root, "nftables");
	json_array_foreach(list, i, object)
	{
		const char *name = name_of(json_object_get(object, "chain"), BAN_PREFIX);

		if (name != NULL) {
			struct firewall_sight sight = sight_of(list, name);

			sight_fn(context, name, &sight);
		}
	}
	return r == -ENOENT ? 0 : r; /* there is no table: there are none */
}
