/*
 * Records, line by line.
 */
#include "cli/record_lines.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/field.h"
#include "cli/when.h"

static void take_line(struct slice line, record_line_fn line_fn, void *context)
{
	json_auto_t *record = field_load(line);
	int64_t ms;

	if (record != NULL && when_read_utc(field_text(record, "time"), &ms)) {
		line_fn(context, record, line, ms);
	}
}

int record_lines_each(const char *path, record_line_fn line_fn, void *context, struct err *err)
{
	FILE *file = fopen(path, "re");
	char *line = NULL;
	size_t capacity = 0;
	ssize_t len;
	int r = 0;

	if (file == NULL) {
		r = -errno;
		err_set_errno(err, errno, "cannot read %s", path);
		return r;
	}
	while ((len = getline(&line, &capacity, file)) > 0) {
		if (line[len - 1] == '\n') {
			len--;
		}
		take_line((struct slice){line, (size_t)len}, line_fn, context);
	}
	if (ferror(file)) {
		r = -errno;
		err_set_errno(err, errno, "cannot read %s", path);
	}
	free(line);
	fclose(file);
	return r;
}
