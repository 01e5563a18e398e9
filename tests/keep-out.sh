#!/bin/bash
# Those whom a kill has ended stay out, at length: tests/keep-out.sh [CLIENTS]   (2000)
#
# Hosts of their own (network namespaces) for the server, a pool, bystanders and a replica. The pool's
# clients come back for ever, by IPv4 and IPv6 and from several addresses; they are killed and kept out
# for 20 s, three times: let in at once, 200 a second, and with the daemon killed meanwhile. Then users
# are kept out of full servers: Redis 7.0 and 8.0, Valkey 9.1. As root; about four minutes. Ends with figures and
# "N passed, N failed". Takes a build from SESSKILL_BUILD, or makes one in build-keep-out/.
set -euo pipefail
top=$(cd "$(dirname "$0")/.." && pwd)
cd "$top"
# shellcheck source=tests/lib/packages.sh
. tests/lib/packages.sh
if [ "$(id -u)" -ne 0 ]; then
	echo "tests/keep-out.sh: only root can make hosts of their own" >&2
	exit 2
fi
need_packages $BUILD_PACKAGES $DEMO_PACKAGES $TEST_PACKAGES
if [ -z "${SESSKILL_BUILD:-}" ]; then
	export SESSKILL_BUILD=$top/build-keep-out
	[ -f "$SESSKILL_BUILD/build.ninja" ] || meson setup "$SESSKILL_BUILD" >/dev/null
	ninja -C "$SESSKILL_BUILD" >/dev/null
fi
servers=()
for name in redis-7.0 redis-8.0 valkey-sid; do
	servers+=("$name=$(tests/servers/get-server.sh "$name")")
done
exec /usr/bin/python3 -B tests/keep_out.py "${1:-2000}" "${servers[@]}"
