#!/bin/bash
# It stays in: 20 kills after each of what used to cost the connection to a full server, with stalls of
# longer than command-timeout, which is 5 s, and how often the connections come back when both were killed. Some
# ten minutes. The last line is "N passed, N failed".
#
#   tests/stays-in.sh [TRIALS]
set -u
cd "$(dirname "$0")/.." || exit 2
ROOT=$PWD
BUILD_ROOT=${SESSKILL_TEST_BUILD:-$ROOT/build-test}

. tests/lib/packages.sh
. tests/lib/build.sh

# shellcheck disable=SC2086 # lists of words
need_packages $BUILD_PACKAGES $DEMO_PACKAGES $TEST_PACKAGES &&
	build_in "$BUILD_ROOT/plain" "" -Dwerror=true -Dbuildtype=debugoptimized || {
	echo "0 passed, 1 failed"
	exit 1
}
results=$BUILD_ROOT/stays-in.xml
rm -f "$results"
SESSKILL_BUILD=$BUILD_ROOT/plain SESSKILL_TRIALS=${1:-20} SESSKILL_COMMAND_TIMEOUT_S=5 \
	PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 -m pytest -q -s --durations=0 -o faulthandler_timeout=900 \
	--junitxml="$results" tests/functional/test_stays_in.py
status=$?
counts=$(/usr/bin/python3 tests/lib/junit.py "$results") || counts="0 1 0"
read -r passed failed _ <<<"$counts"
echo "$passed passed, $failed failed"
exit "$status"
