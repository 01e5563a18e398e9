/*
 * Lines of a listing as texts, for tests of what is made of them.
 */
#ifndef TESTS_UNIT_SNAPSHOT_LINES_H
#define TESTS_UNIT_SNAPSHOT_LINES_H

#include "base/macros.h"
#include "model/snapshot.h"

static UNUSED void snapshot_add_line(struct snapshot *snapshot, struct slice text)
{
	struct session_line line;

	session_read_line(&line, text, snapshot->caps->family, snapshot->node);
	snapshot_add(snapshot, &line);
}

static UNUSED void snapshot_verify_line(struct snapshot *snapshot, struct slice text)
{
	struct session_line line;

	session_read_line(&line, text, snapshot->caps->family, snapshot->node);
	snapshot_verify(snapshot, &line);
}

#endif
