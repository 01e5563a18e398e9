/*
 * The text format of Prometheus, version 0.0.4, a sample at a time. What the format asks for is
 * kept here: HELP and TYPE once before the samples of a metric, label values escaped and in UTF-8
 * (a scrape with a single bad byte is refused as a whole). Names, units and that no series comes
 * twice are up to the callers.
 */
#ifndef RECORD_EXPOSITION_H
#define RECORD_EXPOSITION_H

#include <stdint.h>
#include <stdio.h>

#define EXPOSITION_CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"

enum exposition_type {
	EXPOSITION_COUNTER,
	EXPOSITION_GAUGE,
	EXPOSITION_HISTOGRAM,
};

struct exposition_label {
	const char *name;
	const char *value;
};

/* Labels in place, ended as the functions below want it: LABELS({"instance", id}). */
#define EXPOSITION_LABELS(...) ((const struct exposition_label[]){__VA_ARGS__, {NULL, NULL}})

/* The lines before the first sample of `name`; `help` is one line without backslashes. */
void exposition_begin(FILE *out, enum exposition_type type, const char *name, const char *help);

/* One sample. `labels` end with a name that is NULL; NULL: none. */
void exposition_number(
	FILE *out, const char *name, const struct exposition_label *labels, int64_t value);
/* Alone of its name; nothing where it is negative, which is: not known. */
void exposition_gauge(FILE *out, const char *name, const char *help, int64_t value);
void exposition_seconds(
	FILE *out, const char *name, const struct exposition_label *labels, int64_t us);

/*
 * How long something took, in buckets: from a tenth of a millisecond, which a small listing takes,
 * to the half minute that a request has unless it says otherwise.
 */
#define HISTOGRAM_N_BOUNDS 12

/* Zeroed: nothing was observed. */
struct histogram {
	uint64_t n[HISTOGRAM_N_BOUNDS + 1]; /* each bucket by itself; the last has no bound */
	int64_t sum_us;
};

void histogram_add(struct histogram *histogram, int64_t us);
/* All samples of `name` with these labels (at most 4); seconds. */
void histogram_print(const struct histogram *histogram, FILE *out, const char *name,
	const struct exposition_label *labels);

#endif
