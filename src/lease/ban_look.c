/*
 * What has become of bans in the kernel: are they there, and how often somebody has knocked.
 */
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "lease/lease.h"

/* What bans have counted is asked for so often, and more seldom the larger they are. */
#define COUNT_MS 5000
#define COUNT_MS_PER_PAIR 5
/* Where there are none, it is looked so often whether there is one that should not be. */
#define TIDY_MS (60 * 1000)
#define MAX_TIDIED 64

#define FNV_OFFSET UINT32_C(2166136261)
#define FNV_PRIME UINT32_C(16777619)

/* ---- their names ---- */

/* Of this daemon's: there may be others, with journals of their own. */
static struct ban_name own_prefix(const struct leases *leases)
{
	struct ban_name prefix;
	uint32_t hash = FNV_OFFSET;

	for (const char *at = leases->state_path; at != NULL && *at != '\0'; at++) {
		hash = (hash ^ (unsigned char)*at) * FNV_PRIME;
	}
	snprintf(prefix.text, sizeof(prefix.text), "%08x_", (unsigned)hash);
	return prefix;
}

/* Of letters, digits and '_'. */
struct ban_name ban_name(const struct ban *ban, enum ban_place place)
{
	struct ban_name prefix = own_prefix(ban->lease->leases);
	struct ban_name name;

	CHECK(place != BAN_NOWHERE);
	snprintf(name.text, sizeof(name.text), "%.9s%.36s_%c", prefix.text, ban->lease->id,
		place == BAN_HERE ? 'a' : 'b');
	for (char *at = name.text; *at != '\0'; at++) {
		*at = *at == '-' ? '_' : *at;
	}
	return name;
}

/* `is_any`: also one that is not whole. */
static struct ban *find(struct leases *leases, const char *text, bool is_any)
{
	struct lease *lease;

	TAILQ_FOREACH(lease, &leases->list, entry)
	{
		struct ban *ban = lease->ban;

		for (enum ban_place place = BAN_HERE; ban != NULL && place <= BAN_THERE; place++) {
			struct ban_name name = ban_name(ban, place);

			if ((is_any || ban->whole == place) && strcmp(name.text, text) == 0) {
				return ban;
			}
		}
	}
	return NULL;
}

/* ---- what they have counted ---- */

static void on_sight(void *context, const char *name, const struct firewall_sight *sight)
{
	struct ban *ban = find(context, name, false);

	if (ban == NULL || ban->state == BAN_RAISING) {
		return;
	}
	if (sight->n_put_off > ban->n_put_off) {
		ban->quiet_ms = clock_monotonic_ms();
	}
	ban->n_refused = sight->n_refused;
	ban->n_put_off = sight->n_put_off;
	ban->is_emptied = sight->n_rules < FIREWALL_N_RULES;
}

void ban_count(struct leases *leases)
{
	struct err err;

	leases->counted_ms = clock_monotonic_ms();
	if (firewall_look(leases->firewall, on_sight, leases, &err) < 0) {
		log_debug("leases: %s", err.text);
	}
}

/* ---- are they there? ---- */

struct looking {
	struct leases *leases;
	struct ban_name prefix;
	char *strays[MAX_TIDIED]; /* of no lease */
	size_t n_strays;
};

static void on_name(void *context, const char *name)
{
	struct looking *looking = context;
	struct ban *ban = find(looking->leases, name, false);

	if (ban != NULL) {
		ban->is_seen = true;
	} else if (find(looking->leases, name, true) == NULL && looking->n_strays < MAX_TIDIED &&
		   strncmp(name, looking->prefix.text, strlen(looking->prefix.text)) == 0) {
		looking->strays[looking->n_strays++] = mem_printf("%s", name);
	}
}

/* Left over by a lost journal, or loaded with an old set of rules. Who has not the journal does not
 * know which leases there are. */
static void remove_strays(struct looking *looking)
{
	struct err err;

	for (size_t i = 0; i < looking->n_strays; i++) {
		if (looking->leases->claim.path != NULL) {
			log_warning("leases: a ban that is of no lease is removed: %s",
				looking->strays[i]);
			if (firewall_remove(looking->leases->firewall, looking->strays[i], &err) <
				0) {
				log_error("leases: %s", err.text);
			}
		}
		free(looking->strays[i]);
	}
}

/* Whoever loads his firewall anew begins by emptying it, and means nobody here. */
static void note_loss(struct ban *ban)
{
	if ((ban->state == BAN_CLOSED || ban->state == BAN_READMITTING) &&
		(!ban->is_seen || ban->is_emptied)) {
		log_warning("lease %s: its ban is gone from the kernel's firewall: it is made anew",
			ban->lease->id);
		ban->state = BAN_FAILED;
		ban->is_emptied = false;
		snprintf(ban->error, sizeof(ban->error), "it is gone from the kernel's firewall");
	}
}

/* Why the kernel does not say whether they are there; NULL: it does. */
static void note_sight(struct ban *ban, const char *words)
{
	if (words != NULL && ban->error[0] == '\0') {
		snprintf(ban->error, sizeof(ban->error),
			"%.400s: it is not known whether they are kept out still", words);
		ban->is_out_of_sight = true;
	} else if (words == NULL && ban->is_out_of_sight) {
		ban->error[0] = '\0';
		ban->is_out_of_sight = false;
	}
}

static bool is_made(const struct lease *lease)
{
	return lease->ban != NULL && lease->ban->state != BAN_NONE;
}

/* All are looked for at once. */
static void look(struct leases *leases)
{
	struct looking looking = {.leases = leases, .prefix = own_prefix(leases)};
	struct lease *lease;
	struct err err;
	int r;

	leases->looked_ms = clock_monotonic_ms();
	TAILQ_FOREACH(lease, &leases->list, entry)
	{
		if (is_made(lease)) {
			lease->ban->is_seen = false;
		}
	}
	r = firewall_each(leases->firewall, on_name, &looking, &err);
	remove_strays(&looking);
	TAILQ_FOREACH(lease, &leases->list, entry)
	{
		if (is_made(lease)) {
			note_sight(lease->ban, r < 0 ? err.text : NULL);
		}
		if (is_made(lease) && r == 0) {
			note_loss(lease->ban);
		}
	}
}

bool ban_look(struct leases *leases)
{
	const struct lease *lease;
	int64_t now_ms = clock_monotonic_ms();
	size_t n_pairs = 0, n_made = 0;

	TAILQ_FOREACH(lease, &leases->list, entry)
	{
		if (is_made(lease)) {
			n_made++;
			n_pairs += lease->ban->n_sources * lease->ban->n_servers;
		}
	}
	if (!leases->may_have_bans ||
		(n_made == 0 && leases->looked_ms != 0 && now_ms - leases->looked_ms < TIDY_MS)) {
		return false;
	}
	leases->count_every_ms = COUNT_MS + (int64_t)n_pairs * COUNT_MS_PER_PAIR;
	if (n_made > 0 && now_ms - leases->counted_ms >= leases->count_every_ms) {
		ban_count(leases);
	}
	look(leases);
	return leases->counted_ms >= now_ms;
}
