/*
 * Fault points: places where the world can fail in ways that no test can make a real server or disk
 * fail in. Only in builds with the option `faults`, which are not for use; in all others FAULT() is
 * false and leaves nothing behind.
 *
 * Which ones fail is said once, at the start, in the environment variable SESSKILL_FAULTS: rules
 * with commas between them, each POINT[:WORD][@N][*M]. Of the times that the point is passed, with
 * that word if one is given, the N-th (1) and those behind it fail, M (1) in all.
 *
 *      SESSKILL_FAULTS='sweep.reset:KILL'            reset as soon as it kills
 *      SESSKILL_FAULTS='link.lost:CLIENT KILL@3*2'   lose the third answer to a kill, and the next
 */
#ifndef BASE_FAULT_H
#define BASE_FAULT_H

#include <stdbool.h>

#include "base/err.h"
#include "base/macros.h"
#include "build_config.h"

/* FAULT(enum suffix, name, what happens there; the word, if there is one). The one table of points.
 */
#define FAULTS_TABLE(FAULT)                                                                \
	FAULT(DIAL_SILENT, "dial.silent", "a connect is never answered")                   \
	FAULT(DIAL_RESET, "dial.reset", "a new connection ends at once")                   \
	FAULT(LINK_SILENT, "link.silent", "a connection is accepted, and nothing comes")   \
	FAULT(LINK_TRICKLE, "link.trickle", "bytes come and go one by one")                \
	FAULT(LINK_RESET, "link.reset", "reset in this state of the link")                 \
	FAULT(LINK_LOST, "link.lost", "reset instead of the answer to this command")       \
	FAULT(LINK_CUT, "link.cut", "reset in the middle of that answer")                  \
	FAULT(SWEEP_RESET, "sweep.reset", "reset in this state of the sweep")              \
	FAULT(RECORD_WRITE, "record.write", "a line of the record does not fit the disk")  \
	FAULT(RECORD_SYNC, "record.sync", "the disk fails while the record is synced")     \
	FAULT(RECORD_OPEN, "record.open", "a line of what is open does not fit the disk")  \
	FAULT(CLOCK_AHEAD, "clock.ahead", "the wall clock is a day ahead when it is read") \
	FAULT(CLOCK_BEHIND, "clock.behind", "it is a day behind")                          \
	FAULT(GUARD_EARLY, "guard.early", "the daemon counts as long started")

#define FAULT_VARIABLE "SESSKILL_FAULTS"

enum fault {
#define FAULT_ROW(suffix, name, meaning) FAULT_##suffix,
	FAULTS_TABLE(FAULT_ROW)
#undef FAULT_ROW
		FAULTS_N
};

#if HAVE_FAULTS
#define FAULT(suffix, word) fault_strikes(FAULT_##suffix, (word))
#define FAULT_CAN true
#else
#define FAULT(suffix, word) false
#define FAULT_CAN false
#endif

/* Does it strike this time? `word`: NULL where the point has none. By FAULT() only. */
bool fault_strikes(enum fault fault, const char *word);

/* Takes the rules; borrows nothing. 0, or -EINVAL with words. NULL: none. */
NODISCARD int fault_set_rules(const char *rules, struct err *err);

const char *fault_name(enum fault fault);

#endif
