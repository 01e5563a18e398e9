/*
 * Lines for Prometheus.
 */
#include "record/exposition.h"

#include <inttypes.h>

#include "base/check.h"
#include "base/macros.h"
#include "base/mem.h"
#include "base/utf8.h"

#define US_PER_SECOND (1000 * 1000)
/* Of a histogram. */
#define MAX_LABELS 4

void exposition_begin(FILE *out, enum exposition_type type, const char *name, const char *help)
{
	static const char *const types[] = {
		[EXPOSITION_COUNTER] = "counter",
		[EXPOSITION_GAUGE] = "gauge",
		[EXPOSITION_HISTOGRAM] = "histogram",
	};

	fprintf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, types[type]);
}

/* How many bytes at the front stand for themselves. */
static size_t plain_bytes(struct slice value)
{
	size_t n = 0;

	while (n < value.len && (unsigned char)value.data[n] < 0x80 && value.data[n] != '\\' &&
		value.data[n] != '"' && value.data[n] != '\n') {
		n++;
	}
	return n;
}

/* One character that is not plain; its length. */
static size_t print_special(FILE *out, struct slice value)
{
	size_t n = utf8_character_bytes(value);

	if (value.data[0] == '\n') {
		fputs("\\n", out);
	} else if (n == 1) {
		fprintf(out, "\\%c", value.data[0]);
	} else if (n > 1) {
		fwrite(value.data, 1, n, out);
	} else {
		fputs(UTF8_REPLACEMENT, out);
		n = 1;
	}
	return n;
}

static void print_value(FILE *out, struct slice value)
{
	while (value.len > 0) {
		size_t n = plain_bytes(value);

		if (n > 0) {
			fwrite(value.data, 1, n, out);
		} else {
			n = print_special(out, value);
		}
		value = slice_skip(value, n);
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

void exposition_gauge(FILE *out, const char *name, const char *help, int64_t value)
{
	if (value >= 0) {
		exposition_begin(out, EXPOSITION_GAUGE, name, help);
		exposition_number(out, name, NULL, value);
	}
}

/* In integers: a double's own notation would depend on its size, and on the locale. */
void exposition_seconds(
	FILE *out, const char *name, const struct exposition_label *labels, int64_t us)
{
	print_series(out, name, labels);
	fprintf(out, " %" PRId64 ".%06" PRId64 "\n", us / US_PER_SECOND, us % US_PER_SECOND);
}

/* ---- histograms ---- */

static const struct bound {
	int64_t us;
	const char *seconds;
} bounds[] = {
	{100, "0.0001"},
	{500, "0.0005"},
	{1000, "0.001"},
	{5000, "0.005"},
	{10000, "0.01"},
	{50000, "0.05"},
	{100000, "0.1"},
	{500000, "0.5"},
	{1000000, "1"},
	{5000000, "5"},
	{10000000, "10"},
	{30000000, "30"},
};

_Static_assert(ARRAY_SIZE(bounds) == HISTOGRAM_N_BOUNDS, "as many buckets as bounds");

void histogram_add(struct histogram *histogram, int64_t us)
{
	size_t i = 0;

	while (i < HISTOGRAM_N_BOUNDS && us > bounds[i].us) {
		i++;
	}
	histogram->n[i]++;
	histogram->sum_us += us;
}

void histogram_print(const struct histogram *histogram, FILE *out, const char *name,
	const struct exposition_label *labels)
{
	CLEANUP(mem_free_p) char *bucket = mem_printf("%s_bucket", name);
	CLEANUP(mem_free_p) char *sum = mem_printf("%s_sum", name);
	CLEANUP(mem_free_p) char *count = mem_printf("%s_count", name);
	struct exposition_label with_bound[MAX_LABELS + 2] = {{NULL, NULL}};
	uint64_t n = 0;
	size_t n_labels = 0;

	for (; labels[n_labels].name != NULL; n_labels++) {
		CHECK(n_labels < MAX_LABELS);
		with_bound[n_labels] = labels[n_labels];
	}
	/* Each bucket of the format holds those before it. */
	for (size_t i = 0; i <= HISTOGRAM_N_BOUNDS; i++) {
		n += histogram->n[i];
		with_bound[n_labels] = (struct exposition_label){
			"le", i < HISTOGRAM_N_BOUNDS ? bounds[i].seconds : "+Inf"};
		exposition_number(out, bucket, with_bound, (int64_t)n);
	}
	exposition_seconds(out, sum, labels, histogram->sum_us);
	exposition_number(out, count, labels, (int64_t)n);
}
