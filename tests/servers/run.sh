#!/bin/bash
# Runs the suite of selections against every server: tests/servers/run.sh [NAME]...
#
# Fetches what is missing, runs tests/functional/test_selection.py (test_goals.py, test_replication.py,
# test_kernel.py, and one of test_cluster.py) against each, with the account that the manual says is
# enough for its version, prints a table of the results, and with all servers writes it into tests/README.md. Ends with "N passed, N failed". Takes a build
# from SESSKILL_BUILD, or makes one in build-servers/.
set -euo pipefail
top=$(cd "$(dirname "$0")/../.." && pwd)
cd "$top"
# shellcheck source=tests/lib/packages.sh
. tests/lib/packages.sh
need_packages $BUILD_PACKAGES $DEMO_PACKAGES $TEST_PACKAGES

if [ -z "${SESSKILL_BUILD:-}" ]; then
	export SESSKILL_BUILD=$top/build-servers
	[ -f "$SESSKILL_BUILD/build.ninja" ] || meson setup "$SESSKILL_BUILD" >/dev/null
	ninja -C "$SESSKILL_BUILD" >/dev/null
fi

names=("$@")
if [ ${#names[@]} -eq 0 ]; then
	mapfile -t names < <(tests/servers/get-server.sh --list)
fi
results=$(mktemp -d)
trap 'rm -rf "$results"' EXIT

for name in "${names[@]}"; do
	program=$(tests/servers/get-server.sh "$name")
	"$program" --version >"$results/$name.version"
	echo "== $name"
	REDIS_SERVER=$program SESSKILL_TEST_LEAST_USER=1 /usr/bin/python3 -m pytest -q -p no:cacheprovider \
		--junitxml="$results/$name.xml" tests/functional/test_selection.py \
		tests/functional/test_goals.py \
		tests/functional/test_replication.py \
		tests/functional/test_kernel.py \
		tests/functional/test_cluster.py::test_a_cluster_of_two >"$results/$name.log" 2>&1 ||
		grep -E '^(FAILED|E  )' "$results/$name.log" | head -20 || true
done
readme=
[ $# -gt 0 ] || readme=tests/README.md
/usr/bin/python3 tests/servers/table.py "$results" "$readme" "${names[@]}"
