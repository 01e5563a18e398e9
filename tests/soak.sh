#!/bin/bash
# Everything at once and at random, for a while: tests/soak.sh [--guards] [MINUTES]   (10)
#
# --guards: a pool that leaks 200 connections a second, and a guard that keeps its server open. Else:
# Kills of all kinds, storms of clients, restarts, stopped servers, fail-overs, reloads and callers who
# hang up, against standalone servers, a Sentinel group and a cluster; under the sanitizers. Ends with
# figures and "N passed, N failed". SESSKILL_BUILD names a build; else one is made in build-soak/.
set -euo pipefail
top=$(cd "$(dirname "$0")/.." && pwd)
# shellcheck source=tests/lib/packages.sh
. "$top/tests/lib/packages.sh"
need_packages $BUILD_PACKAGES $DEMO_PACKAGES $TEST_PACKAGES
if [ -z "${SESSKILL_BUILD:-}" ]; then
	export SESSKILL_BUILD=$top/build-soak
	[ -f "$SESSKILL_BUILD/build.ninja" ] ||
		meson setup "$SESSKILL_BUILD" "$top" -Db_sanitize=address,undefined >/dev/null
	ninja -C "$SESSKILL_BUILD" >/dev/null
fi
program=soak.py
if [ "${1:-}" = --guards ]; then
	program=soak_guards.py
	shift
fi
SESSKILL_SOAK_MINUTES=${1:-10} exec /usr/bin/python3 "$top/tests/$program"
