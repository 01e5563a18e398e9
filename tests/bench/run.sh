#!/bin/bash
# The benchmark: what a kill costs with sesskill, with a bare program that sends the same commands
# and nothing else (the floor), and with what people use today. Builds an optimized sesskill,
# fetches the servers, measures all sides in turn within one run on this machine, and writes the
# table and the picture to tests/bench/results/ (with --quick: to the build directory).
#
#   tests/bench/run.sh [--quick] [--no-install] [--only NAME]... [--server NAME]...
#     --quick        two sizes, one round: whether it works, not how fast it is
#     --no-install   install nothing
#     --only NAME    only this experiment: all, name, kernel, million, fleet (repeatable)
#     --server NAME  only this server, a name of tests/servers/get-server.sh (repeatable)
#
# Takes about 20 minutes. 18,000 sessions need a limit of 20,000 descriptors (ulimit -Hn).
set -euo pipefail
cd "$(dirname "$0")/../.."

. tests/lib/packages.sh
. tests/lib/build.sh

BUILD=${SESSKILL_TEST_BUILD:-$PWD/build-test}/bench

words=()
with_install=yes
while [ $# -gt 0 ]; do
	case $1 in
	--no-install) with_install=no ;;
	--quick) words+=("$1") ;;
	--only | --server)
		[ $# -ge 2 ] || { echo "run.sh: $1 wants a name" >&2; exit 2; }
		words+=("$1" "$2")
		shift
		;;
	*)
		sed -n '7,11s/^# \{0,1\}//p' "$0" >&2
		exit 2
		;;
	esac
	shift
done

if [ "$with_install" = yes ]; then
	# shellcheck disable=SC2086 # lists of words
	need_packages $BUILD_PACKAGES $DEMO_PACKAGES $TEST_PACKAGES
fi
build_in "$BUILD" "" --buildtype=release -Dbench=true

# Debian's own Python has Debian's modules.
SESSKILL_BUILD=$BUILD PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=tests/functional \
	exec /usr/bin/python3 tests/bench/bench.py "${words[@]}"
