#!/bin/bash
# The simulation at length, or against bugs that are put in on purpose.
#
#   tests/sim/run.sh HOURS      new seeds for so long, on all cores; stops at the first that fails
#   tests/sim/run.sh --mutants [NAME...]
#                               applies each patch of tests/sim/mutants (those of these names) to a
#                               copy of the sources and looks for a seed that finds it, among the
#                               first 5,000 (of those with goals where its name begins so)
#   tests/sim/run.sh --coverage  lines and branches of kill/ and redis/ that 2,000 seeds reach
# SESSKILL_TEST_BUILD names the place of the builds; else build-sim/.
set -euo pipefail
cd "$(dirname "$0")/../.."
ROOT=$PWD
BUILD=${SESSKILL_TEST_BUILD:-$ROOT/build-sim}
N_SEEDS=5000
# As sim.h has it.
GOALS_FROM_SEED=1000000000
. tests/lib/packages.sh
. tests/lib/build.sh

usage() {
	sed -n '4,9s/^# \{0,1\}//p' "$0" >&2
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

# in_tree PATCH COMMAND...: with the patch applied to the copy of the sources, which is taken back.
in_tree() {
	local patch=$1 status=0
	shift
	if ! patch -s -p1 -d "$BUILD/tree" <"$patch"; then
		echo "does not apply"
		return 1
	fi
	"$@" || status=$?
	patch -s -R -p1 -d "$BUILD/tree" <"$patch"
	return $status
}

# look_for FIRST_SEED: prints which seed tells the program from a right one; fails when none does.
look_for() {
	(cd "$BUILD/tree" && build_in "$BUILD/mutant" tests/sim/sim -Dbuildtype=debugoptimized) || return 1
	local output
	if output=$("$BUILD/mutant/tests/sim/sim" --seed "$1" --count $N_SEEDS --jobs "$(nproc)" --brief); then
		output="LIVES"
	fi
	echo "$output"
	# That the daemon dies of it is luck: an oracle has to say what is wrong.
	case $output in
	LIVES | *": crash") return 1 ;;
	esac
}

# mutants [NAME...]: a line for each.
mutants() {
	local status=0 patch name output first
	rm -rf "$BUILD/tree"
	mkdir -p "$BUILD/tree"
	git ls-files -z | xargs -0 cp --parents -t "$BUILD/tree"
	for patch in tests/sim/mutants/*.patch; do
		name=$(basename "$patch" .patch)
		if [ $# -gt 0 ] && [[ " $* " != *" $name "* ]]; then
			continue
		fi
		case $name in
		goals-*) first=$GOALS_FROM_SEED ;;
		*) first=1 ;;
		esac
		output=$(in_tree "$patch" look_for "$first") || status=1
		echo "$name: ${output##*$'\n'}"
	done
	return $status
}

# Of the files of a layer together.
coverage_of() {
	gcov -b -n "$BUILD/coverage/src/$1"/lib*.a.p/*.gcda | awk -v layer="$1" '
		/^$/ { is_ours = 0 }
		/^File/ { is_ours = index($0, "/src/" layer "/") > 0 }
		is_ours && /^Lines executed/ { split($0, at, /[:%]| of /); lines += at[4]; run += at[2] * at[4] }
		is_ours && /^Taken at least/ { split($0, at, /[:%]| of /); ways += at[4]; taken += at[2] * at[4] }
		END { printf "%s: %.1f %% of %d lines, %.1f %% of %d branches\n", layer, run / lines, lines, taken / ways, ways }'
}

coverage() {
	build_in "$BUILD/coverage" tests/sim/sim -Dbuildtype=debugoptimized -Db_coverage=true
	find "$BUILD/coverage" -name '*.gcda' -delete
	"$BUILD/coverage/tests/sim/sim" --seed 1 --count 2000 --jobs "$(nproc)"
	coverage_of kill
	coverage_of redis
}

[ $# -ge 1 ] || usage
# shellcheck disable=SC2086 # a list of words
need_packages $BUILD_PACKAGES
case $1 in
--mutants)
	shift
	mutants "$@"
	;;
--coverage) coverage ;;
[1-9]*) hours "$1" ;;
*) usage ;;
esac
