/*
 * Is a door of addresses exact? Who must never be shut out, and who else would be.
 */
#include <string.h>

#include "base/mem.h"
#include "lease/look.h"

/* Whose words are told of those that stand in the way. */
#define MAX_TOLD 3

void look_refuse(struct lease_look *look, bool is_inexact, char *failure)
{
	if (look->failure != NULL) {
		free(failure);
		return;
	}
	look->failure = failure;
	look->is_inexact = is_inexact;
}

static bool is_local(const struct lease_look *look, const struct ends_address *address)
{
	if (ends_address_is_loopback(address)) {
		return true;
	}
	for (size_t i = 0; i < look->local.n; i++) {
		if (ends_address_is_same_host(&look->local.items[i], address)) {
			return true;
		}
	}
	return false;
}

/* By the address that it is connected to, or is configured for. */
static bool is_at(const struct link *link, const struct ends_address *address)
{
	struct ends_address at;

	return (lease_server_of(link, &at) && ends_address_is_same_host(&at, address)) ||
	       (ends_address_read(slice_of(link_address(link)), &at) &&
		       ends_address_is_same_host(&at, address));
}

/* Members of a group connect to each other at any time. */
static bool is_peer(const struct lease_look *look, const struct ends_address *address)
{
	const struct topology *topology = look->instance->topology;
	size_t n = topology_n_nodes(topology);
	bool is_any = false;

	for (size_t i = 0; i < n && (n > 1 || topology_kind(topology) != TOPOLOGY_STANDALONE);
		i++) {
		is_any |= is_at(topology_node(topology, i), address);
	}
	for (size_t i = 0; i < topology_n_others(topology); i++) {
		is_any |= is_at(topology_other(topology, i), address);
	}
	return is_any;
}

/* Who must never be shut out; true: nobody such comes from there. */
static bool check_kept(struct lease_look *look, size_t number)
{
	const struct look_source *source = &look->sources[number];
	const struct ends_address *address = &look->addresses[number];
	struct ends_address_text text = ends_address_print_host(address);

	if (source->n_kept > 0) {
		look_refuse(look, true,
			mem_printf("it would shut out %llu sessions from %s that are never shut "
				   "out: replication, Sentinels or protected (%s)",
				(unsigned long long)source->n_kept, text.text, source->kept));
	} else if (is_peer(look, address)) {
		look_refuse(look, true,
			mem_printf("it would shut out %s, where a member of the instance is",
				text.text));
	}
	return look->failure == NULL;
}

/* Whom it hits besides; NULL: nobody that is known. */
static char *find_others(const struct lease_look *look, size_t number)
{
	const struct look_source *source = &look->sources[number];
	const struct ends_address *address = &look->addresses[number];
	struct ends_address_text text = ends_address_print_host(address);

	if (source->n_others > 0) {
		return mem_printf("%s has %llu other sessions (%s)", text.text,
			(unsigned long long)source->n_others, source->other);
	}
	return is_local(look, address) ? mem_printf("%s is every program on this host", text.text)
				       : NULL;
}

static void judge_others(struct lease_look *look)
{
	CLEANUP(mem_free_p) char *words = mem_printf("%s", "");
	size_t n = 0;

	for (size_t i = 0; i < look->texts.n && look->failure == NULL; i++) {
		char *others = look->sources[i].n_matched > 0 && check_kept(look, i)
				       ? find_others(look, i)
				       : NULL;

		if (others != NULL && ++n <= MAX_TOLD) {
			char *longer = mem_printf("%s%s%s", words, n > 1 ? "; " : "", others);

			free(words);
			words = longer;
		}
		free(others);
	}
	if (n == 0 || look->failure != NULL) {
		return;
	}
	if (look->request->is_whole_source) {
		look->warning = mem_printf("others are kept out as well: %s%s", words,
			n > MAX_TOLD ? "; and more" : "");
	} else {
		look_refuse(look, true,
			mem_printf("it would shut out others as well: %s%s (whole_source=true "
				   "accepts that)",
				words, n > MAX_TOLD ? "; and more" : ""));
	}
}

static void judge_nodes(struct lease_look *look)
{
	for (size_t i = 0; i < look->n_nodes; i++) {
		struct look_node *node = &look->nodes[i];

		if (node->is_listed && !node->is_proved) {
			look_refuse(look, false,
				mem_printf("%s is not on this host, or behind a proxy: nobody can "
					   "be kept out of it by his address",
					link_address(node->link)));
		}
	}
}

static bool has_server_of_family(const struct lease_look *look, bool is_ipv6)
{
	for (size_t i = 0; i < look->servers.n; i++) {
		if (look->servers.items[i].is_ipv6 == is_ipv6) {
			return true;
		}
	}
	return false;
}

/* Redis before 6.2 does not tell at which of its addresses a session came in. */
static void judge_servers(struct lease_look *look)
{
	if (look->servers.is_too_many) {
		look_refuse(look, false,
			mem_printf("the nodes have more than %d addresses together",
				LEASE_MAX_SERVERS));
	}
	for (size_t i = 0; i < look->texts.n; i++) {
		struct ends_address_text text = ends_address_print_host(&look->addresses[i]);

		if (look->sources[i].n_matched > 0 &&
			!has_server_of_family(look, look->addresses[i].is_ipv6)) {
			look_refuse(look, false,
				mem_printf("at which address of the servers %s comes in is not "
					   "known: the server does not say, and the daemon is "
					   "connected by a Unix socket",
					text.text));
		}
	}
}

static void add_warning(struct lease_look *look, char *words)
{
	char *both = look->warning != NULL ? mem_printf("%s; %s", look->warning, words) : words;

	if (both != words) {
		free(look->warning);
		free(words);
	}
	look->warning = both;
}

void look_judge(struct lease_look *look)
{
	judge_nodes(look);
	judge_servers(look);
	if (look->n_without_address > 0) {
		look_refuse(look, true,
			mem_printf("%llu of those that are to be ended have no address to be kept "
				   "out by: they come by a Unix socket",
				(unsigned long long)look->n_without_address));
	}
	if (look->n_unreadable > 0) {
		look_refuse(look, true,
			mem_printf("%llu lines of the listing cannot be read: whom the "
				   "door would close on is not known",
				(unsigned long long)look->n_unreadable));
	}
	judge_others(look);
	if (look->servers.doubt.text[0] != '\0' && look->failure == NULL) {
		add_warning(look, mem_printf("%s may be another server's: it stays open",
					  look->servers.doubt.text));
	}
}
