/*
 * Names of hosts. They become arguments of ssh and stand on the screen, and no name of an account
 * or of a host begins with a dash, or holds a blank or a control character.
 */
#include "cli/remote/hosts.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/slice.h"

#define SEPARATORS " \t\n,"

static bool is_fine(struct slice name, struct err *err)
{
	if (name.len == 0) {
		err_set(err, "--host needs the name of a host");
		return false;
	}
	if (name.len > HOSTS_MAX_NAME_BYTES) {
		err_set(err, "the name of a host is longer than %d bytes", HOSTS_MAX_NAME_BYTES);
		return false;
	}
	for (size_t i = 0; i < name.len; i++) {
		unsigned char c = (unsigned char)name.data[i];

		if (c == ',') {
			err_set(err, "\"%.*s\" is no name of a host; several take a --host each",
				SLICE_ARG(name));
			return false;
		}
		if (c <= ' ' || c == 0x7f || (i == 0 && c == '-')) {
			err_set(err, "\"%.*s\" is no name of a host", SLICE_ARG(name));
			return false;
		}
	}
	return true;
}

static bool add(struct hosts *hosts, struct slice name, struct err *err)
{
	if (!is_fine(name, err)) {
		return false;
	}
	if (hosts->n == HOSTS_MAX) {
		err_set(err, "more than %d hosts at once", HOSTS_MAX);
		return false;
	}
	for (size_t i = 0; i < hosts->n; i++) {
		/* A kill there would be done twice. */
		if (slice_is(name, hosts->names[i])) {
			err_set(err, "the host %.*s is given twice", SLICE_ARG(name));
			return false;
		}
	}
	hosts->names =
		mem_grow_array(hosts->names, hosts->n, &hosts->capacity, sizeof(*hosts->names));
	hosts->names[hosts->n++] = slice_copy(name);
	return true;
}

static bool read_environment(struct hosts *hosts, struct err *err)
{
	const char *rest = getenv("SESSKILL_HOST");

	hosts->is_from_environment = true;
	while (rest != NULL && *(rest += strspn(rest, SEPARATORS)) != '\0') {
		size_t len = strcspn(rest, SEPARATORS);

		if (!add(hosts, (struct slice){rest, len}, err)) {
			err_prefix(err, "SESSKILL_HOST");
			return false;
		}
		rest += len;
	}
	return true;
}

bool hosts_read(struct hosts *hosts, const struct args *args, struct err *err)
{
	*hosts = (struct hosts){0};
	for (size_t i = 0; i < args->n_items; i++) {
		const struct arg *arg = &args->items[i];

		if (strcmp(arg->spec->name, "host") == 0 &&
			!add(hosts, slice_of(arg->value), err)) {
			return false;
		}
	}
	return hosts->n > 0 || read_environment(hosts, err);
}

void hosts_finish(struct hosts *hosts)
{
	for (size_t i = 0; i < hosts->n; i++) {
		free(hosts->names[i]);
	}
	free(hosts->names);
	*hosts = (struct hosts){0};
}
