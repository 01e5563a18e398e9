#!/bin/bash
# All tests. Builds twice, as it is released and with sanitizers and fault points, and runs the unit
# tests and the functional tests in both; then the tests of what is neither. Installs what a bare
# Debian lacks. The last line is "N passed, N failed"; the exit status is 1 if any failed.
#
#   tests/run.sh [-k EXPRESSION] [--quick] [--unit] [--no-install]
#     -k EXPRESSION  only the functional tests that pytest selects by it
#     --quick        without the sanitizers
#     --unit         without the functional tests
#     --no-install   install nothing
set -u
cd "$(dirname "$0")/.." || exit 2
ROOT=$PWD
BUILD_ROOT=${SESSKILL_TEST_BUILD:-$ROOT/build-test}
FUNCTIONAL_TIMEOUT_S=900
# Tests side by side: most of them wait for something.
N_JOBS=3
# The version that the sources are formatted with; others differ in details.
FORMATTER_MAJOR=14

. tests/lib/packages.sh
. tests/lib/build.sh

usage() {
	sed -n '6,10s/^# \{0,1\}//p' "$0" >&2
	exit 2
}

selection=""
with_sanitizers=yes
with_functional=yes
with_install=yes
while [ $# -gt 0 ]; do
	case $1 in
	-k)
		[ $# -ge 2 ] || usage
		selection=$2
		shift
		;;
	--quick) with_sanitizers=no ;;
	--unit) with_functional=no ;;
	--no-install) with_install=no ;;
	*) usage ;;
	esac
	shift
done

passed=0
failed=0
skipped=0

# one NAME COMMAND...: a single test; its output is shown when it fails.
one() {
	local name=$1 output
	shift
	if output=$("$@" 2>&1); then
		passed=$((passed + 1))
		echo "ok: $name"
	else
		failed=$((failed + 1))
		echo "FAILED: $name"
		echo "$output" | tail -n 60
	fi
}

# add_results NAME STATUS FILE [LOG]: counts a suite (see lib/junit.py). A suite that failed in no
# single test has failed as a whole, and so has one that left no results.
add_results() {
	local name=$1 status=$2 file=$3 counts="0 0 0" suite_passed suite_failed suite_skipped
	shift 2
	if [ -f "$file" ]; then
		counts=$(/usr/bin/python3 tests/lib/junit.py "$@") || counts="0 0 0"
	elif [ "$status" -eq 0 ]; then
		status=1
	fi
	read -r suite_passed suite_failed suite_skipped <<<"$counts"
	if [ "$status" -ne 0 ] && [ "$suite_failed" -eq 0 ]; then
		suite_failed=1
	fi
	passed=$((passed + suite_passed))
	failed=$((failed + suite_failed))
	skipped=$((skipped + suite_skipped))
	echo "$name: $suite_passed passed, $suite_failed failed, $suite_skipped skipped"
}

unit_tests() {
	local directory=$1 status
	rm -f "$directory/meson-logs/testlog.junit.xml"
	ASAN_OPTIONS=detect_leaks=1 UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 \
		meson test -C "$directory" --no-rebuild --print-errorlogs --timeout-multiplier 4 \
		>"$directory.unit.log" 2>&1
	status=$?
	if [ "$status" -ne 0 ]; then
		tail -n 80 "$directory.unit.log"
	fi
	add_results "unit tests, $(basename "$directory")" "$status" \
		"$directory/meson-logs/testlog.junit.xml" "$directory/meson-logs/testlog.json"
}

# functional_tests DIRECTORY LEAST_USER: 1: the daemon has the account that the manual says is enough.
functional_tests() {
	local directory=$1 results=$1.functional.xml status
	rm -f "$results"
	# Debian's own Python has Debian's modules. SIGINT, so that a run given up still reports.
	SESSKILL_BUILD=$directory SESSKILL_TEST_LEAST_USER=$2 PYTHONDONTWRITEBYTECODE=1 \
		timeout --signal=INT --kill-after=20 "$FUNCTIONAL_TIMEOUT_S" \
		/usr/bin/python3 -m pytest -q -n "$N_JOBS" --durations=5 -k "$selection" \
		--junitxml="$results" tests/functional
	status=$?
	# 5: no test was selected by -k.
	if [ "$status" -eq 5 ] && [ -n "$selection" ]; then
		status=0
	fi
	add_results "functional tests, $(basename "$directory")" "$status" "$results"
}

# suite NAME LEAST_USER OPTION...: one build and all that is tested with it. False when it could not
# be built.
suite() {
	local directory=$BUILD_ROOT/$1 least_user=$2
	shift 2
	echo
	echo "== $(basename "$directory"): meson setup $*"
	if ! build_in "$directory" "" "$@"; then
		failed=$((failed + 1))
		return 1
	fi
	passed=$((passed + 1))
	unit_tests "$directory"
	if [ "$with_functional" = yes ]; then
		functional_tests "$directory" "$least_user"
	fi
	return 0
}

# simulation DIRECTORY SEED COUNT: incidents in a simulated world, see tests/README.md.
simulation() {
	"$1/tests/sim/sim" --seed "$2" --count "$3" --jobs "$(nproc)"
}

# Those that have found something, and two that have to replay to the byte.
known_seeds() {
	local seed
	while read -r seed _; do
		[[ $seed == \#* ]] || simulation "$1" "$seed" 1 || return 1
	done <tests/sim/seeds
	"$1/tests/sim/sim" --seed 1 --count 20 --replay
}

is_formatted() {
	git ls-files -z '*.c' '*.h' | xargs -0 -r clang-format --dry-run -Werror
}

has_formatter() {
	command -v clang-format >/dev/null && git rev-parse --git-dir >/dev/null 2>&1 &&
		clang-format --version | grep -q "version $FORMATTER_MAJOR\."
}

# What an administrator gets, tried where it was put.
is_installed_whole() {
	local directory=$BUILD_ROOT/installed
	rm -rf "$directory"
	meson install -C "$BUILD_ROOT/plain" --no-rebuild --destdir "$directory" &&
		"$directory/usr/local/bin/sesskill" --version &&
		"$directory/usr/local/sbin/sesskilld" --check \
			-c "$directory/usr/local/share/doc/sesskill/sesskilld.yaml" &&
		test -f "$directory/usr/local/lib/systemd/system/sesskilld.service" &&
		test -f "$directory/usr/local/lib/systemd/system/sesskilld.socket" &&
		test -f "$directory/usr/local/lib/sysusers.d/sesskill.conf" &&
		test -f "$directory/usr/local/share/man/man1/sesskill.1" &&
		test -f "$directory/usr/local/share/man/man5/sesskilld.yaml.5" &&
		test -f "$directory/usr/local/share/man/man7/sesskill-api.7" &&
		test -f "$directory/usr/local/share/man/man7/sesskill-integration.7" &&
		test -f "$directory/usr/local/share/man/man7/sesskill-runbook.7" &&
		test -f "$directory/usr/local/share/man/man8/sesskilld.8" &&
		test -f "$directory/usr/local/share/zsh/site-functions/_sesskill" &&
		test -n "$(find "$directory" -path '*/completions/sesskilld')"
}

# Without a word of mandoc, of whatever level, and of groff. mandoc looks for pages that others refer
# to only among those of the system: that ours are there is a matter of test_manual.py.
manual_is_clean() {
	local complaints
	complaints=$({
		mandoc -T lint man/*.[1-8]
		groff -mdoc -Tutf8 -ww man/*.[1-8] >/dev/null
	} 2>&1 | grep -v 'STYLE: referenced manual not found: Xr sesskill')
	echo "$complaints"
	[ -z "$complaints" ]
}

# The units as they would be installed, but for the place of the daemon, which must exist.
units_are_clean() {
	local directory=$BUILD_ROOT/units complaints
	rm -rf "$directory"
	mkdir -p "$directory"
	sed -E "s,^(ExecStart|ExecReload)=[^ ]*sesskilld,\\1=$BUILD_ROOT/plain/src/daemon/sesskilld," \
		"$BUILD_ROOT/plain/systemd/sesskilld.service" >"$directory/sesskilld.service" &&
		cp systemd/sesskilld.socket "$directory/" || return 1
	complaints=$(cd "$directory" &&
		systemd-analyze verify --man=no ./sesskilld.service ./sesskilld.socket 2>&1)
	# It exits with 0 when it does not know a key.
	if [ $? -ne 0 ] || [ -n "$complaints" ]; then
		echo "$complaints"
		return 1
	fi
}

units_are_hardened() {
	systemd-analyze security --offline=true --threshold=15 "$BUILD_ROOT/units/sesskilld.service"
}

if [ "$with_install" = yes ]; then
	# shellcheck disable=SC2086 # lists of words
	if ! need_packages $BUILD_PACKAGES $DEMO_PACKAGES $TEST_PACKAGES; then
		echo "0 passed, 1 failed"
		exit 1
	fi
fi

# A configuration that others may write is refused; a clone of a lax umask has some.
chmod -R go-w conf tests/data
is_built=yes
suite plain 0 -Dwerror=true -Dbuildtype=debugoptimized || is_built=no
if [ "$with_sanitizers" = yes ]; then
	suite sanitized 1 -Dwerror=true -Dbuildtype=debugoptimized -Db_sanitize=address,undefined \
		-Dfaults=true
fi

echo
echo "== the rest"
one "src is in order" tests/house.sh
if has_formatter; then
	one "sources are formatted" is_formatted
else
	echo "skipped: formatting (no clang-format $FORMATTER_MAJOR or no repository)"
fi
if command -v mandoc >/dev/null && command -v groff >/dev/null; then
	one "manual is clean" manual_is_clean
else
	echo "skipped: manual (no mandoc or no groff)"
fi
if [ "$is_built" = no ]; then
	echo "skipped: installation and systemd units (not built)"
else
	one "simulation, known seeds" known_seeds "$BUILD_ROOT/plain"
	new_seed=$(date +%s)000000
	one "simulation, seeds from 1" simulation "$BUILD_ROOT/plain" 1 1000
	one "simulation, new seeds from $new_seed" simulation "$BUILD_ROOT/plain" "$new_seed" 1000
	if [ "$with_sanitizers" = yes ]; then
		one "simulation, sanitized" simulation "$BUILD_ROOT/sanitized" 1 200
	fi
	one "installs all that it needs" is_installed_whole
	if command -v systemd-analyze >/dev/null; then
		one "systemd units are clean" units_are_clean
		one "systemd service is hardened" units_are_hardened
	else
		echo "skipped: systemd units (no systemd-analyze)"
	fi
fi

echo
if [ "$skipped" -gt 0 ]; then
	echo "($skipped skipped)"
fi
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
