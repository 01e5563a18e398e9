#!/bin/bash
# Writes the runbook into man/sesskill-runbook.7: tests/runbook.sh
#
# Provokes each incident on real servers, types the commands at a terminal, and puts what they print
# between the markers in the page. Half a minute. tests/functional/harness/incidents.py has the incidents,
# runbook.py beside it what is replaced; test_runbook.py fails when a run prints something else.
# SESSKILL_BUILD names a build; else one is made in build-runbook/.
set -euo pipefail
top=$(cd "$(dirname "$0")/.." && pwd)
# shellcheck source=tests/lib/packages.sh
. "$top/tests/lib/packages.sh"
# shellcheck disable=SC2086 # lists of words
need_packages $BUILD_PACKAGES $DEMO_PACKAGES $TEST_PACKAGES
if [ -z "${SESSKILL_BUILD:-}" ]; then
	export SESSKILL_BUILD=$top/build-runbook
	[ -f "$SESSKILL_BUILD/build.ninja" ] || meson setup "$SESSKILL_BUILD" "$top" >/dev/null
	ninja -C "$SESSKILL_BUILD" >/dev/null
fi
exec /usr/bin/python3 "$top/tests/runbook.py"
