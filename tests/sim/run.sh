#!/bin/bash
# The simulation at length, or against bugs that are put in on purpose.
#
#   tests/sim/run.sh HOURS      new seeds for so long, on all cores; stops at the first that fails
#   tests/sim/run.sh --mutants  applies each patch of tests/sim/mutants to a copy of the sources and
#                               looks for a seed that finds it, among the first 5,000
# SESSKILL_TEST_BUILD names the place of the builds; else build-sim/.
set -euo pipefail
cd "$(dirname "$0")/../.."
ROOT=$PWD
BUILD=${SESSKILL_TEST_BUILD:-$ROOT/build-sim}
N_SEEDS=5000
. tests/lib/packages.sh
. tests/lib/build.sh

usage() {
	sed -n '4,6s/^# \{0,1\}//p' "$0" >&2
	exit 2
}

hours() {
	local until=$(($(date +%s) + $1 * 3600)) seed
	build_in "$BUILD/plain" tests/sim/sim -Dbuildtype=debugoptimized
	while [ "$(date +%s)" -lt "$until" ]; do
		seed=$(date +%s%N)
		"$BUILD/plain/tests/sim/sim" --seed "$seed" --count 10000 --jobs "$(nproc)" || return 1
	done
}

# mutant PATCH: prints a line; fails when no seed finds it.
mutant() {
	local name output
	name=$(basename "$1" .patch)
	rm -rf "$BUILD/tree"
	mkdir -p "$BUILD/tree"
	git ls-files -z | xargs -0 cp --parents -t "$BUILD/tree"
	if ! patch -s -p1 -d "$BUILD/tree" <"$1"; then
		echo "$name: does not apply"
		return 1
	fi
	(cd "$BUILD/tree" && build_in "$BUILD/mutant" tests/sim/sim -Dbuildtype=debugoptimized) || return 1
	if output=$("$BUILD/mutant/tests/sim/sim" --seed 1 --count $N_SEEDS --jobs "$(nproc)" --brief); then
		echo "$name: LIVES after $N_SEEDS seeds"
		return 1
	fi
	echo "$name: $output"
}

mutants() {
	local status=0 patch
	for patch in tests/sim/mutants/*.patch; do
		mutant "$patch" || status=1
	done
	return $status
}

[ $# -eq 1 ] || usage
# shellcheck disable=SC2086 # a list of words
need_packages $BUILD_PACKAGES
case $1 in
--mutants) mutants ;;
[1-9]*) hours "$1" ;;
*) usage ;;
esac
