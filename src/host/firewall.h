/*
 * Who may open connections to servers of this host: a table of nftables of our own, `inet
 * sesskill`, in this network namespace. Nothing else of the firewall is touched. A ban refuses (or
 * leaves unanswered) the first packet of whoever comes from one of some addresses to one of some
 * others, until the kernel's own time-outs end that, whether or not this process lives; what is
 * connected stays connected. Connections of this process, which bear FIREWALL_MARK, always pass.
 *
 * A ban is two chains and four sets, named after it. Behind the time for which all are refused
 * there may be one in which so many a second pass.
 *
 * By libnftables, which takes CAP_NET_ADMIN; it is asked in place, a millisecond for 100 addresses.
 * Rules of nft(8) 1.0.6: an element of a set lapses by itself (`timeout`), on the kernel's jiffies,
 * which no set clock moves.
 */
#ifndef HOST_FIREWALL_H
#define HOST_FIREWALL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/macros.h"
#include "model/ends.h"

/* Of a socket, before it connects (SO_MARK). Kubernetes and VPNs use higher bits. */
#define FIREWALL_MARK 0x73

#define FIREWALL_NAME_BYTES 56

struct firewall;

struct firewall_ban {
	const char *name;  /* letters, digits and '_' */
	bool holds;        /* not refused, but left unanswered: they try again by themselves */
	uint64_t readmit;  /* so many a second pass when it is over; 0: all at once */
	int64_t left_ms;   /* all are refused for so long */
	int64_t gentle_ms; /* and for so long, from now as well, only so many a second pass */
};

/* Never NULL; asks for nothing yet. */
struct firewall *firewall_new(void);
void firewall_free(struct firewall *firewall); /* bans stay; NULL is fine */

/* Can it be asked? 0, or a negative errno with words. */
NODISCARD int firewall_probe(struct firewall *firewall, struct err *err);

/* Makes the ban, of nobody yet; one of that name is removed. 0, or a negative errno with words. */
NODISCARD int firewall_begin(
	struct firewall *firewall, const struct firewall_ban *ban, struct err *err);
/*
 * Adds whoever comes from one of `sources` to one of `servers` of the same family, whose ports
 * count. Likewise.
 */
NODISCARD int firewall_add(struct firewall *firewall, const struct firewall_ban *ban,
	const struct ends_address *sources, size_t n_sources, const struct ends_address *servers,
	size_t n_servers, struct err *err);
/* From now on so many a second pass. Likewise. */
NODISCARD int firewall_readmit(struct firewall *firewall, const char *name, struct err *err);
/* None of that name is fine. Likewise. */
NODISCARD int firewall_remove(struct firewall *firewall, const char *name, struct err *err);
/* Tells the names of all bans; none is removed meanwhile. Likewise. */
NODISCARD int firewall_each(struct firewall *firewall,
	void (*name_fn)(void *context, const char *name), void *context, struct err *err);
/* What there is of a ban. */
struct firewall_sight {
	size_t n_rules;     /* that refuse; FIREWALL_N_RULES unless somebody has removed some */
	uint64_t n_refused; /* first packets, while all were refused */
	uint64_t n_put_off; /* and while some passed */
};

#define FIREWALL_N_RULES 4

/* Tells all of them. That takes 6 us for each address of a ban, too. Likewise. */
NODISCARD int firewall_look(struct firewall *firewall,
	void (*sight_fn)(void *context, const char *name, const struct firewall_sight *sight),
	void *context, struct err *err);

#endif
