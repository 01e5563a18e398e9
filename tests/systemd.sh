#!/bin/bash
# sesskilld under a real systemd: tests/systemd.sh
#
# Boots this very system in a container, on an overlay in memory: nothing is written to the host's
# root. Installs a release build in it and checks there: the account, activation by the socket, a kill
# of a redis-server's sessions, who may and who may not, reload, the watchdog, a new daemon that takes
# over without losing a request on the socket, removal; and prints how exposed the service is.
# Takes root, and half a minute. Ends with "N passed, N failed".
set -euo pipefail
top=$(cd "$(dirname "$0")/.." && pwd)
# shellcheck source=tests/lib/packages.sh
. "$top/tests/lib/packages.sh"
# shellcheck source=tests/lib/container.sh
. "$top/tests/lib/container.sh"
# shellcheck disable=SC2086 # lists of words
need_packages $BUILD_PACKAGES $DEMO_PACKAGES systemd systemd-container
[ "$(id -u)" -eq 0 ] || { echo "tests/systemd.sh takes root" >&2; exit 1; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
build=${SESSKILL_SYSTEMD_BUILD:-$top/build-systemd}
[ -f "$build/build.ninja" ] ||
	meson setup "$build" "$top" --buildtype=release --prefix=/usr --sysconfdir=/etc >/dev/null
ninja -C "$build" >/dev/null
DESTDIR=$work/stage meson install -C "$build" --no-rebuild >/dev/null
install -D "$build/tests/tools/clients" "$work/stage/opt/clients"
install -D "$top/tests/lib/systemd-inside.sh" "$work/stage/opt/inside.sh"

run_in_container "$work/stage" 180
