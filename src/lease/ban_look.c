/*
 * What has become of bans in the kernel: are they there, and how often somebody has knocked.
 */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "lease/lease.h"

/* What bans have counted is asked for so often, and more seldom the larger they are. */
#define COUNT_MS 5000
#define COUNT_MS_PER_PAIR 5

/* Of letters, digits and '_'. */
struct ban_name ban_name(const struct ban *ban, unsigned generation)
{
	struct ban_name name;

	snprintf(name.text, sizeof(name.text), "%.*s_%u", UUID_TEXT_BYTES - 1, ban->lease->id,
		generation);
	for (char *at = name.text; *at != '\0'; at++) {
		*at = *at == '-' ? '_' : *at;
	}
	return name;
}

static struct ban *find(struct leases *leases, const char *text)
{
	struct lease *lease;

	TAILQ_FOREACH(lease, &leases->list, entry)
	{
		struct ban *ban = lease->ban;
		struct ban_name name = {""};

		if (ban != NULL) {
			name = ban_name(ban, ban->generation);
		}
		if (ban != NULL && strcmp(name.text, text) == 0) {
			return ban;
		}
	}
	return NULL;
}

static void on_count(void *context, const char *name, bool is_put_off, uint64_t n)
{
	struct ban *ban = find(context, name);

	if (ban == NULL) {
		return;
	}
	if (is_put_off && n > ban->n_put_off) {
		ban->quiet_ms = clock_monotonic_ms();
	}
	*(is_put_off ? &ban->n_put_off : &ban->n_refused) = n;
}

void ban_count(struct leases *leases)
{
	struct err err;

	leases->counted_ms = clock_monotonic_ms();
	if (firewall_count(leases->firewall, on_count, leases, &err) < 0) {
		log_debug("leases: %s", err.text);
	}
}

static void on_name(void *context, const char *name)
{
	struct ban *ban = find(context, name);

	if (ban != NULL) {
		ban->is_seen = true;
	}
}

/* Whoever loads his firewall anew begins by emptying it, and means nobody here. */
static void note_loss(struct ban *ban)
{
	if (ban->state == BAN_CLOSED && !ban->is_seen) {
		log_warning("lease %s: its ban is gone from the kernel's firewall: it is made anew",
			ban->lease->id);
		ban->state = BAN_FAILED;
		snprintf(ban->error, sizeof(ban->error), "it is gone from the kernel's firewall");
	}
}

/* Why the kernel does not say whether they are there; NULL: it does. */
static void note_sight(struct leases *leases, const char *words)
{
	struct lease *lease;

	TAILQ_FOREACH(lease, &leases->list, entry)
	{
		struct ban *ban = lease->ban;

		if (ban == NULL || ban->generation == 0) {
			continue;
		}
		if (words != NULL && ban->error[0] == '\0') {
			snprintf(ban->error, sizeof(ban->error),
				"%.400s: it is not known whether "
				"they are kept out still",
				words);
			ban->is_out_of_sight = true;
		} else if (words == NULL && ban->is_out_of_sight) {
			ban->error[0] = '\0';
			ban->is_out_of_sight = false;
		}
	}
}

void ban_look(struct leases *leases)
{
	struct lease *lease;
	struct err err;
	size_t n_pairs = 0;
	bool is_any = false;
	int r;

	TAILQ_FOREACH(lease, &leases->list, entry)
	{
		if (lease->ban != NULL && lease->ban->generation > 0) {
			is_any = true;
			n_pairs += lease->ban->n_sources * lease->ban->n_servers;
			lease->ban->is_seen = false;
		}
	}
	if (!is_any) {
		return;
	}
	r = firewall_each(leases->firewall, on_name, leases, &err);
	note_sight(leases, r < 0 ? err.text : NULL);
	if (r < 0) {
		return;
	}
	TAILQ_FOREACH(lease, &leases->list, entry)
	{
		if (lease->ban != NULL && !lease->is_over &&
			lease->until_boot_ms > clock_boottime_ms()) {
			note_loss(lease->ban);
		}
	}
	if (clock_monotonic_ms() - leases->counted_ms >=
		COUNT_MS + (int64_t)n_pairs * COUNT_MS_PER_PAIR) {
		ban_count(leases);
	}
}
