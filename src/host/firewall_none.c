/*
 * Where libnftables is not built in: nobody can be kept out by address, in words.
 */
#include <errno.h>

#include "base/mem.h"
#include "host/firewall.h"

struct firewall {
	int unused;
};

struct firewall *firewall_new(void)
{
	return mem_new(struct firewall);
}

void firewall_free(struct firewall *firewall)
{
	free(firewall);
}

int firewall_probe(struct firewall *firewall UNUSED, struct err *err)
{
	err_set(err, "this sesskilld is built without libnftables");
	return -EOPNOTSUPP;
}

int firewall_begin(
	struct firewall *firewall, const struct firewall_ban *ban UNUSED, struct err *err)
{
	return firewall_probe(firewall, err);
}

int firewall_add(struct firewall *firewall, const struct firewall_ban *ban UNUSED,
	const struct ends_address *sources UNUSED, size_t n_sources UNUSED,
	const struct ends_address *servers UNUSED, size_t n_servers UNUSED, struct err *err)
{
	return firewall_probe(firewall, err);
}

int firewall_readmit(struct firewall *firewall, const char *name UNUSED, struct err *err)
{
	return firewall_probe(firewall, err);
}

int firewall_remove(struct firewall *firewall, const char *name UNUSED, struct err *err)
{
	return firewall_probe(firewall, err);
}

int firewall_each(struct firewall *firewall,
	void (*name_fn)(void *context, const char *name) UNUSED, void *context UNUSED,
	struct err *err)
{
	return firewall_probe(firewall, err);
}

int firewall_look(struct firewall *firewall,
	void (*sight_fn)(void *context, const char *name, const struct firewall_sight *sight)
		UNUSED,
	void *context UNUSED, struct err *err)
{
	return firewall_probe(firewall, err);
}
