/*
 * The door of addresses: a ban at the kernel (host/firewall.h). Its time-outs are the kernel's own,
 * so that it ends even if this process does not live. It is made in slices, between which the event
 * loop goes on, and never changed: what is to be otherwise is made in the other of two places
 * before the first one goes.
 *
 *     NONE --raise--> RAISING --all added--> CLOSED --over--> READMITTING --quiet--> OPEN
 *                        |                     |                                      ^
 *                        +--> FAILED --again   +--------- over, all at once ----------+
 */
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
/* A kernel that readmits for so much longer is told otherwise. */
#define MUCH_LONGER_MS (30 * 1000)

/* ---- who ---- */

static void on_next(int fd, short what, void *context);

struct ban *ban_new(struct lease *lease)
{
	struct ban *ban = mem_new(struct ban);

	ban->lease = lease;
	ban->whole = BAN_NOWHERE;
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

bool ban_has(const struct ban *ban, const struct ends_address *sources, size_t n_sources,
	const struct ends_address *servers, size_t n_servers)
{
	return has_all(ban->sources, ban->n_sources, sources, n_sources) &&
	       has_all(ban->servers, ban->n_servers, servers, n_servers);
}

void ban_tell(struct ban *ban, const char *words)
{
	size_t n = strlen(ban->gap);

	if (strstr(ban->gap, words) == NULL) {
		log_warning("lease %s: %s", ban->lease->id, words);
		snprintf(ban->gap + n, sizeof(ban->gap) - n, "%s%s", n > 0 ? "; " : "", words);
	}
}

const char *ban_words(const struct ban *ban)
{
	return ban->error[0] != '\0' ? ban->error : ban->gap;
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

/* Where the whole one is not. */
static enum ban_place place_to_raise(const struct ban *ban)
{
	return ban->whole == BAN_HERE ? BAN_THERE : BAN_HERE;
}

static int64_t left_ms(const struct ban *ban)
{
	int64_t ms = ban->lease->until_boot_ms - clock_boottime_ms();

	return ban->is_gentle ? 0 : MAX(ms, INT64_C(0)) + BAN_SLACK_MS;
}

static struct firewall_ban describe(const struct ban *ban, const struct ban_name *name)
{
	return (struct firewall_ban){
		.name = name->text,
		.holds = ban->holds,
		.readmit = ban->readmit,
		.left_ms = left_ms(ban),
		.gentle_ms = GENTLE_MS,
	};
}

/* The old one goes when the journal has the new one: whoever starts after a crash begins where
 * the journal says that nothing whole is. */
void ban_settle(struct ban *ban)
{
	struct ban_name name = ban_name(ban, place_to_raise(ban));
	struct err err;

	if (!ban->is_doubled || ban->whole == BAN_NOWHERE || ban->lease->leases->is_unsaved ||
		ban->state == BAN_RAISING) {
		return;
	}
	if (firewall_remove(firewall_of(ban), name.text, &err) < 0) {
		log_debug("lease %s: %s", ban->lease->id, err.text);
	} else {
		ban->is_doubled = false;
	}
}

static void end_raising(struct ban *ban)
{
	struct err err;

	ban->whole = place_to_raise(ban);
	ban->is_doubled = true;
	ban->state = ban->is_gentle ? BAN_READMITTING : BAN_CLOSED;
	ban->error[0] = '\0';
	ban->kernel_out_ms = clock_boottime_ms() + left_ms(ban);
	ban->kernel_until_ms = ban->kernel_out_ms + (ban->readmit > 0 ? GENTLE_MS : 0);
	(void)!ban->lease->leases->journal_fn(ban->lease->leases, &err);
	ban_settle(ban);
	tell(ban);
}

static void on_next(evutil_socket_t fd UNUSED, short what UNUSED, void *context)
{
	struct ban *ban = context;
	struct ban_name name = ban_name(ban, place_to_raise(ban));
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
	struct ban_name name = ban_name(ban, place_to_raise(ban));
	struct firewall_ban whole = describe(ban, &name);
	struct err err;

	if (ban->state == BAN_CLOSED || ban->state == BAN_READMITTING) {
		ban_count(leases);
	}
	ban->n_before += ban->n_refused + ban->n_put_off;
	ban->n_refused = ban->n_put_off = 0;
	ban->n_added = 0;
	ban->state = BAN_RAISING;
	leases->may_have_bans = true;
	/*
	 * Should the daemon end meanwhile, it is known what there may be. What is there already is
	 * in the journal.
	 */
	if ((leases->journal_fn(leases, &err) < 0 && ban->whole == BAN_NOWHERE) ||
		firewall_begin(leases->firewall, &whole, &err) < 0) {
		fail(ban, err.text);
		return;
	}
	ban->error[0] = '\0';
	event_active(ban->next, 0, 0);
}

bool ban_is_busy(const struct ban *ban)
{
	return ban->state == BAN_RAISING;
}

/* ---- opening ---- */

/* What is not whole would refuse some of them. */
static void stop_raising(struct ban *ban)
{
	event_del(ban->next);
	if (ban->state == BAN_RAISING || ban->state == BAN_FAILED) {
		ban->state = BAN_CLOSED;
		ban->is_doubled = true;
	}
}

static void begin_readmission(struct ban *ban)
{
	struct ban_name name = ban_name(ban, ban->whole);
	struct ban_name other = ban_name(ban, place_to_raise(ban));
	struct err err;

	stop_raising(ban);
	log_notice("lease %s: they are let in again, %llu a second", ban->lease->id,
		(unsigned long long)ban->readmit);
	ban->quiet_ms = ban->readmitting_ms = clock_monotonic_ms();
	if (firewall_remove(firewall_of(ban), other.text, &err) < 0 ||
		firewall_readmit(firewall_of(ban), name.text, &err) < 0) {
		log_warning("lease %s: %s", ban->lease->id, err.text);
		ban->readmitting_ms = 0;
		return;
	}
	ban->state = BAN_READMITTING;
	if (ban->kernel_until_ms - clock_boottime_ms() > GENTLE_MS + MUCH_LONGER_MS) {
		ban->is_gentle = true;
		ban_raise(ban);
	}
}

/* Nobody is put off any more, as far as was counted, or for too long. */
static bool is_quiet(const struct ban *ban)
{
	int64_t now_ms = clock_monotonic_ms();
	int64_t quiet_ms = MAX((int64_t)QUIET_MS, 2 * ban->lease->leases->count_every_ms);

	return now_ms - ban->quiet_ms >= quiet_ms || now_ms - ban->readmitting_ms >= GENTLE_MS;
}

/* True: it goes on. */
static bool readmit(struct ban *ban)
{
	if (ban->readmitting_ms == 0) {
		begin_readmission(ban);
	} else if (ban->state == BAN_FAILED && !is_quiet(ban)) {
		/* Somebody has emptied the firewall. */
		ban->is_gentle = true;
		ban_raise(ban);
	}
	return ban->readmitting_ms != 0 && !is_quiet(ban);
}

/* Wherever there may be something of it. */
static int remove_all(const struct ban *ban, struct err *err)
{
	struct ban_name here = ban_name(ban, BAN_HERE);
	struct ban_name there = ban_name(ban, BAN_THERE);
	int r = firewall_remove(firewall_of(ban), here.text, err);

	return r < 0 ? r : firewall_remove(firewall_of(ban), there.text, err);
}

bool ban_open(struct ban *ban, bool is_at_once)
{
	struct err err;

	if (ban->state == BAN_NONE || ban->state == BAN_OPEN) {
		return false;
	}
	if (ban->readmit > 0 && !is_at_once && ban->whole != BAN_NOWHERE && readmit(ban)) {
		return true;
	}
	event_del(ban->next);
	ban_count(ban->lease->leases);
	if (remove_all(ban, &err) < 0) {
		snprintf(ban->error, sizeof(ban->error), "%s", err.text);
		/* What is left then keeps nobody out. */
		return clock_boottime_ms() < ban->kernel_until_ms;
	}
	ban->state = BAN_OPEN;
	ban->error[0] = '\0';
	return false;
}

/* ---- what is told of it ---- */

uint64_t ban_n_refused(const struct ban *ban)
{
	return ban->n_before + ban->n_refused + ban->n_put_off;
}

/* Behind the last one there is NULL. */
char **ban_print_sources(const struct ban *ban)
{
	char **sources = mem_alloc_array(ban->n_sources + 1, sizeof(char *));

	for (size_t i = 0; i < ban->n_sources; i++) {
		sources[i] = mem_printf("%s", ends_address_print_host(&ban->sources[i]).text);
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
