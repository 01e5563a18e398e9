/*
 * Histograms.
 */
#include "record/histogram.h"

#include "base/check.h"
#include "base/macros.h"
#include "base/mem.h"

#define MAX_LABELS 4

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
