/*
 * The door of addresses: a ban at the kernel (host/firewall.h). Its time-outs are the kernel's own,
 * so that it ends even if this process does not live. It is made in slices, between which the event
 * loop goes on, and never changed: who is to be kept out for longer is in a second ban before the
 * first one goes.
 *
 *     NONE --raise--> RAISING --all added--> CLOSED --over--> READMITTING --quiet--> OPEN
 *                        |                     |                                      ^
 *                        +--> FAILED --again   +--------- over, all at once ----------+
 */
#include <arpa/inet.h>
#include <event2/event.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "lease/lease.h"

/* Pairs of addresses in one turn of the loop: some 5 ms. */
#define SLICE_PAIRS 250
/* So long nobody was put off: fewer ask than may pass. */
#define QUIET_MS (30 * 1000)
/* Longer they are not readmitted one by one, nor by the kernel if this process ends. */
#define GENTLE_MS (10 * 60 * 1000)
const char *ban_state_name(enum ban_state state)
{
	static const char *const names[BAN_N_STATES] = {
		[BAN_NONE] = "none",
		[BAN_RAISING] = "waiting",
		[BAN_CLOSED] = "closed",
		[BAN_READMITTING] = "readmitting",
		[BAN_OPEN] = "open",
		[BAN_FAILED] = "failed",
	};

	return names[state];
}

char *lease_print_address(const struct ends_address *address, bool has_port)
{
	char text[INET6_ADDRSTRLEN];
	bool is_ipv6 = address->is_ipv6;

	CHECK(inet_ntop(is_ipv6 ? AF_INET6 : AF_INET, address->bytes, text, sizeof(text)) != NULL);
	return has_port ? mem_printf("%s%s%s:%u", is_ipv6 ? "[" : "", text, is_ipv6 ? "]" : "",
				  (unsigned)address->port)
			: mem_printf("%s", text);
}

/* ---- who ---- */

static void on_next(int fd, short what, void *context);

struct ban *ban_new(struct lease *lease)
{
	struct ban *ban = mem_new(struct ban);

	ban->lease = lease;
	ban->next = event_new(lease->leases->in.loop, -1, 0, on_next, ban);
	CHECK(ban->next != NULL);
	return ban;
}

void ban_free(struct ban *ban)
{
	if (ban == NULL) {
		return;
	}
	event_free(ban->next);
	free(ban->sources);
	free(ban->servers);
	free(ban);
}

static bool has_address(
	const struct ends_address *list, size_t n, const struct ends_address *address)
{
	return n > 0 &&
	       bsearch(address, list, n, sizeof(struct ends_address), ends_address_compare) != NULL;
}

static void add_missing(
	struct ends_address **list, size_t *n, const struct ends_address *more, size_t n_more)
{
	size_t n_before = *n;

	*list = mem_resize_array(*list, *n + n_more + 1, sizeof(struct ends_address));
	for (size_t i = 0; i < n_more; i++) {
		if (!has_address(*list, n_before, &more[i])) {
			(*list)[(*n)++] = more[i];
		}
	}
	qsort(*list, *n, sizeof(struct ends_address), ends_address_compare);
}

void ban_take(struct ban *ban, const struct ends_address *sources, size_t n_sources,
	const struct ends_address *servers, size_t n_servers)
{
	add_missing(&ban->sources, &ban->n_sources, sources, n_sources);
	add_missing(&ban->servers, &ban->n_servers, servers, n_servers);
}

static bool has_all(
	const struct ends_address *list, size_t n, const struct ends_address *asked, size_t n_asked)
{
	for (size_t i = 0; i < n_asked; i++) {
		if (!has_address(list, n, &asked[i])) {
			return false;
		}
	}
	return true;
}

bool ban_has(const struct ban *ban, const struct lease_look_result *result)
{
	return has_all(ban->sources, ban->n_sources, result->sources, result->n_sources) &&
	       has_all(ban->servers, ban->n_servers, result->servers, result->n_servers);
}

/* ---- closing ---- */

static struct firewall *firewall_of(const struct ban *ban)
{
	return ban->lease->leases->firewall;
}

static void tell(const struct ban *ban)
{
	ban->lease->leases->answered_fn(ban->lease->leases);
}

static void fail(struct ban *ban, const char *words)
{
	ban->state = BAN_FAILED;
	snprintf(ban->error, sizeof(ban->error), "%s", words);
	tell(ban);
}

static struct firewall_ban describe(const struct ban *ban, const struct ban_name *name)
{
	return (struct firewall_ban){
		.name = name->text,
		.holds = ban->holds,
		.readmit = ban->readmit,
		.left_ms = MAX(ban->lease->until_boot_ms - clock_boottime_ms(), INT64_C(0)) +
			   BAN_SLACK_MS,
		.gentle_ms = GENTLE_MS,
	};
}

/* A raise that was cut off may have left one more. */
static int remove_before(const struct ban *ban, unsigned generation, struct err *err)
{
	int r = 0;

	for (unsigned back = 1; back <= 2 && back < generation && r == 0; back++) {
		struct ban_name name = ban_name(ban, generation - back);

		r = firewall_remove(firewall_of(ban), name.text, err);
	}
	return r;
}

static void end_raising(struct ban *ban)
{
	struct err err;

	if (remove_before(ban, ban->generation, &err) < 0) {
		log_warning("lease %s: %s", ban->lease->id, err.text);
	}
	ban->state = BAN_CLOSED;
	ban->was_closed = true;
	ban->error[0] = '\0';
	ban->kernel_until_ms = MAX(ban->lease->until_boot_ms, clock_boottime_ms()) + BAN_SLACK_MS +
			       (ban->readmit > 0 ? GENTLE_MS : 0);
	tell(ban);
}

static void on_next(evutil_socket_t fd UNUSED, short what UNUSED, void *context)
{
	struct ban *ban = context;
	struct ban_name name = ban_name(ban, ban->generation);
	struct firewall_ban whole = describe(ban, &name);
	size_t n = MAX(SLICE_PAIRS / MAX(ban->n_servers, (size_t)1), (size_t)1);
	struct err err;

	n = MIN(n, ban->n_sources - ban->n_added);
	if (firewall_add(firewall_of(ban), &whole, ban->sources + ban->n_added, n, ban->servers,
		    ban->n_servers, &err) < 0) {
		fail(ban, err.text);
		return;
	}
	ban->n_added += n;
	if (ban->n_added == ban->n_sources) {
		end_raising(ban);
	} else {
		event_active(ban->next, 0, 0);
	}
}

void ban_raise(struct ban *ban)
{
	struct leases *leases = ban->lease->leases;
	struct ban_name name;
	struct firewall_ban whole;
	struct err err;

	if (ban->state == BAN_CLOSED) {
		ban_count(leases);
	}
	ban->n_before += ban->n_refused + ban->n_put_off;
	ban->n_refused = ban->n_put_off = 0;
	ban->generation++;
	ban->n_added = 0;
	ban->state = BAN_RAISING;
	name = ban_name(ban, ban->generation);
	whole = describe(ban, &name);
	/* Should the daemon end meanwhile, it is known what there may be. */
	if (leases->journal_fn(leases, &err) < 0 ||
		firewall_begin(leases->firewall, &whole, &err) < 0) {
		fail(ban, err.text);
		return;
	}
	event_active(ban->next, 0, 0);
}

bool ban_is_busy(const struct ban *ban)
{
	return ban->state == BAN_RAISING;
}

/* ---- opening ---- */

static bool is_quiet(const struct ban *ban)
{
	int64_t over_ms = clock_boottime_ms() - ban->lease->until_boot_ms;

	return clock_monotonic_ms() - ban->quiet_ms >= QUIET_MS || over_ms >= GENTLE_MS;
}

/* True: it goes on. */
static bool readmit(struct ban *ban)
{
	struct ban_name name = ban_name(ban, ban->generation);
	struct err err;

	if (ban->state == BAN_READMITTING) {
		return !is_quiet(ban);
	}
	if (firewall_readmit(firewall_of(ban), name.text, &err) < 0) {
		log_warning("lease %s: they are let in all at once: %s", ban->lease->id, err.text);
		return false;
	}
	ban->state = BAN_READMITTING;
	ban->quiet_ms = clock_monotonic_ms();
	log_notice("lease %s: they are let in again, %llu a second", ban->lease->id,
		(unsigned long long)ban->readmit);
	return true;
}

bool ban_open(struct ban *ban, bool is_at_once)
{
	struct ban_name name = ban_name(ban, ban->generation);
	struct err err;

	event_del(ban->next);
	if (ban->generation == 0 || ban->state == BAN_OPEN) {
		return false;
	}
	if (ban->readmit > 0 && !is_at_once &&
		(ban->state == BAN_CLOSED || ban->state == BAN_READMITTING) && readmit(ban)) {
		return true;
	}
	ban_count(ban->lease->leases);
	if (firewall_remove(firewall_of(ban), name.text, &err) < 0 ||
		remove_before(ban, ban->generation, &err) < 0) {
		snprintf(ban->error, sizeof(ban->error), "%s", err.text);
		/* What is left then keeps nobody out. */
		return clock_boottime_ms() < ban->kernel_until_ms;
	}
	ban->state = BAN_OPEN;
	ban->error[0] = '\0';
	return false;
}

uint64_t ban_n_refused(const struct ban *ban)
{
	return ban->n_before + ban->n_refused + ban->n_put_off;
}

/* Behind the last one there is NULL. */
char **ban_print_sources(const struct ban *ban)
{
	char **sources = mem_alloc_array(ban->n_sources + 1, sizeof(char *));

	for (size_t i = 0; i < ban->n_sources; i++) {
		sources[i] = lease_print_address(&ban->sources[i], false);
	}
	return sources;
}

void ban_free_sources_p(char ***sources)
{
	for (char **source = *sources; source != NULL && *source != NULL; source++) {
		free(*source);
	}
	free(*sources);
}
