/*
 * Lines for Prometheus.
 */
#include "record/exposition.h"

#include <inttypes.h>

#include "base/macros.h"
#include "base/utf8.h"

#define US_PER_SECOND (1000 * 1000)

static const char *type_name(enum exposition_type type)
{
	switch (type) {
	case EXPOSITION_COUNTER:
		return "counter";
	case EXPOSITION_GAUGE:
		return "gauge";
	case EXPOSITION_HISTOGRAM:
		return "histogram";
	}
	return "untyped";
}

void exposition_begin(FILE *out, enum exposition_type type, const char *name, const char *help)
{
	fprintf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type_name(type));
}

static void print_character(FILE *out, struct slice character)
{
	switch (character.data[0]) {
	case '\\':
		fputs("\\\\", out);
		break;
	case '"':
		fputs("\\\"", out);
		break;
	case '\n':
		fputs("\\n", out);
		break;
	default:
		fwrite(character.data, 1, character.len, out);
	}
}

static void print_value(FILE *out, struct slice value)
{
	while (value.len > 0) {
		size_t n = utf8_character_bytes(value);

		if (n > 0) {
			print_character(out, (struct slice){value.data, n});
		} else {
			fputs(UTF8_REPLACEMENT, out);
		}
		value = slice_skip(value, MAX(n, (size_t)1));
	}
}

static void print_series(FILE *out, const char *name, const struct exposition_label *labels)
{
	char opening = '{';

	fputs(name, out);
	if (labels == NULL || labels->name == NULL) {
		return;
	}
	for (; labels->name != NULL; labels++) {
		fprintf(out, "%c%s=\"", opening, labels->name);
		print_value(out, slice_of(labels->value));
		fputc('"', out);
		opening = ',';
	}
	fputc('}', out);
}

void exposition_number(
	FILE *out, const char *name, const struct exposition_label *labels, int64_t value)
{
	print_series(out, name, labels);
	fprintf(out, " %" PRId64 "\n", value);
}

/* In integers: a double's own notation would depend on its size, and on the locale. */
void exposition_seconds(
	FILE *out, const char *name, const struct exposition_label *labels, int64_t us)
{
	print_series(out, name, labels);
	fprintf(out, " %" PRId64 ".%06" PRId64 "\n", us / US_PER_SECOND, us % US_PER_SECOND);
}
