/*
 * Where discovery may go.
 */
#include "redis/reach.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "base/parse.h"
#include "model/address.h"

struct reach_pattern {
	char *text;
	bool is_range; /* else a host with wildcards */
	struct address_range range;
};

struct place {
	char *host;
	uint16_t port; /* 0: any */
};

struct reach_mapping {
	struct place from;
	struct place to;
};

void reach_clear_patterns(struct reach *reach)
{
	for (size_t i = 0; i < reach->n_patterns; i++) {
		free(reach->patterns[i].text);
	}
	reach->n_patterns = 0;
}

void reach_clear_mappings(struct reach *reach)
{
	for (size_t i = 0; i < reach->n_mappings; i++) {
		free(reach->mappings[i].from.host);
		free(reach->mappings[i].to.host);
	}
	reach->n_mappings = 0;
}

void reach_finish(struct reach *reach)
{
	reach_clear_patterns(reach);
	reach_clear_mappings(reach);
	free(reach->patterns);
	free(reach->mappings);
	*reach = (struct reach){0};
}

static void add_pattern(struct reach *reach, const struct reach_pattern *pattern)
{
	reach->patterns = mem_grow_array(reach->patterns, reach->n_patterns,
		&reach->patterns_capacity, sizeof(struct reach_pattern));
	reach->patterns[reach->n_patterns] = *pattern;
	reach->patterns[reach->n_patterns++].text = slice_copy(slice_of(pattern->text));
}

static void add_mapping(struct reach *reach, const struct place *from, const struct place *to)
{
	reach->mappings = mem_grow_array(reach->mappings, reach->n_mappings,
		&reach->mappings_capacity, sizeof(struct reach_mapping));
	reach->mappings[reach->n_mappings++] = (struct reach_mapping){
		.from = {slice_copy(slice_of(from->host)), from->port},
		.to = {slice_copy(slice_of(to->host)), to->port},
	};
}

void reach_copy(struct reach *to, const struct reach *from)
{
	*to = (struct reach){0};
	for (size_t i = 0; i < from->n_patterns; i++) {
		add_pattern(to, &from->patterns[i]);
	}
	for (size_t i = 0; i < from->n_mappings; i++) {
		add_mapping(to, &from->mappings[i].from, &from->mappings[i].to);
	}
}

/* ---- reading ---- */

static bool is_host_letter(char letter)
{
	static const char others[] = "._-*?";

	return (letter >= '0' && letter <= '9') || (letter >= 'a' && letter <= 'z') ||
	       (letter >= 'A' && letter <= 'Z') ||
	       (letter != '\0' && strchr(others, letter) != NULL);
}

static bool is_host_pattern(struct slice text)
{
	bool has_letter = false;

	for (size_t i = 0; i < text.len; i++) {
		has_letter |= text.data[i] > '9' || text.data[i] == '*' || text.data[i] == '?';
		if (!is_host_letter(text.data[i])) {
			return false;
		}
	}
	return has_letter && text.len < LINK_MAX_HOST_BYTES;
}

bool reach_add_pattern(struct reach *reach, struct slice text, struct err *err)
{
	CLEANUP(mem_free_p) char *copy = slice_copy(text);
	struct reach_pattern pattern = {.text = copy};
	struct err ignored;

	if (address_range_parse(text, &pattern.range, &ignored) && !pattern.range.has_port &&
		pattern.range.kind != ADDRESS_UNIX) {
		pattern.is_range = true;
	} else if (!is_host_pattern(text)) {
		err_set(err,
			"\"%.*s\" is no place of nodes; expected a network such as 10.0.0.0/8, an "
			"IP address, or a host with * and ? as wildcards",
			SLICE_ARG(text));
		return false;
	}
	add_pattern(reach, &pattern);
	return true;
}

/* "host", "host:port", "v6", "[v6]", "[v6]:port". False: none of these. */
static bool read_place(struct slice text, struct place *ret)
{
	CLEANUP(mem_free_p) char *with_port = NULL;
	struct endpoint endpoint;
	struct err ignored;

	if (memmem(text.data, text.len, "://", 3) != NULL) {
		return false;
	}
	if (endpoint_parse(text, &endpoint, &ignored)) {
		*ret = (struct place){endpoint.host, endpoint.port};
		return true;
	}
	with_port = mem_printf(
		slice_has_char(text, ':') && !slice_has_prefix(text, "[") ? "[%.*s]:1" : "%.*s:1",
		SLICE_ARG(text));
	if (!endpoint_parse(slice_of(with_port), &endpoint, &ignored)) {
		return false;
	}
	*ret = (struct place){endpoint.host, 0};
	return true;
}

static bool is_mapped(const struct reach *reach, const struct place *from)
{
	for (size_t i = 0; i < reach->n_mappings; i++) {
		if (reach->mappings[i].from.port == from->port &&
			strcasecmp(reach->mappings[i].from.host, from->host) == 0) {
			return true;
		}
	}
	return false;
}

bool reach_add_mapping(struct reach *reach, struct slice from, struct slice to, struct err *err)
{
	struct place places[2] = {{0}};
	bool is_read = read_place(from, &places[0]) && read_place(to, &places[1]);

	if (!is_read) {
		err_set(err, "\"%.*s\" is no address; expected a host or host:port",
			SLICE_ARG(places[0].host == NULL ? from : to));
	} else if ((places[0].port == 0) != (places[1].port == 0)) {
		err_set(err,
			"\"%.*s\" to \"%.*s\": one has a port and the other has none; expected "
			"both to be hosts, or both host:port",
			SLICE_ARG(from), SLICE_ARG(to));
		is_read = false;
	} else if (is_mapped(reach, &places[0])) {
		err_set(err, "\"%.*s\" is mapped a second time; expected every address once",
			SLICE_ARG(from));
		is_read = false;
	} else {
		add_mapping(reach, &places[0], &places[1]);
	}
	free(places[0].host);
	free(places[1].host);
	return is_read;
}

/* ---- finding ---- */

/* An entry with a port goes before one for the whole host. */
static const struct place *find_mapping(const struct reach *reach, struct slice host, uint16_t port)
{
	const struct place *found = NULL;

	for (size_t i = 0; i < reach->n_mappings; i++) {
		const struct reach_mapping *mapping = &reach->mappings[i];

		if (slice_is_nocase(host, mapping->from.host) &&
			(mapping->from.port == port ||
				(mapping->from.port == 0 && found == NULL))) {
			found = &mapping->to;
			if (mapping->from.port == port) {
				return found;
			}
		}
	}
	return found;
}

static bool is_allowed(const struct reach *reach, struct slice host)
{
	CLEANUP(mem_free_p)
	char *listed =
		mem_printf(slice_has_char(host, ':') ? "[%.*s]:1" : "%.*s:1", SLICE_ARG(host));
	struct address address = address_parse_listed(slice_of(listed));

	for (size_t i = 0; i < reach->n_patterns; i++) {
		const struct reach_pattern *pattern = &reach->patterns[i];

		if (pattern->is_range ? address_range_contains(&pattern->range, &address)
				      : slice_matches_wildcard(host, slice_of(pattern->text))) {
			return true;
		}
	}
	return reach->n_patterns == 0;
}

bool reach_find(const struct reach *reach, struct slice host, uint16_t port, struct endpoint *ret)
{
	const struct place *to = find_mapping(reach, host, port);

	if (to == NULL && !is_allowed(reach, host)) {
		return false;
	}
	*ret = (struct endpoint){
		.host = slice_copy(to != NULL ? slice_of(to->host) : host),
		.port = to != NULL && to->port != 0 ? to->port : port,
	};
	return true;
}

bool reach_is_place(const struct reach *reach, const struct endpoint *endpoint)
{
	for (size_t i = 0; i < reach->n_mappings; i++) {
		const struct place *to = &reach->mappings[i].to;

		if (strcmp(to->host, endpoint->host) == 0 &&
			(to->port == 0 || to->port == endpoint->port)) {
			return true;
		}
	}
	return is_allowed(reach, slice_of(endpoint->host));
}
