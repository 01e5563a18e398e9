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

# What runs in the container when it has booted; its output comes back in a file.
mkdir -p "$work/stage/etc/systemd/system"
cat >"$work/stage/etc/systemd/system/sesskill-test.target" <<'UNIT'
[Unit]
Requires=basic.target
After=basic.target
Wants=sesskill-test.service
UNIT
cat >"$work/stage/etc/systemd/system/sesskill-test.service" <<'UNIT'
[Unit]
DefaultDependencies=no
After=basic.target
[Service]
Type=oneshot
ExecStart=/bin/bash /opt/inside.sh
ExecStopPost=-/bin/systemctl --quiet --no-block poweroff
StandardOutput=append:/opt/output
StandardError=append:/opt/output
TimeoutStartSec=180
UNIT

# A private mount namespace: the overlay is gone with it.
timeout 240 unshare --mount bash -s "$work" <<'MOUNT' >"$work/boot.log" 2>&1 || true
set -e
work=$1
mount --make-rprivate /
mkdir -p "$work/layer" "$work/root"
mount -t tmpfs tmpfs "$work/layer"
mkdir "$work/layer/upper" "$work/layer/work"
cp -a "$work/stage/." "$work/layer/upper/"
mount -t overlay overlay -o "lowerdir=/,upperdir=$work/layer/upper,workdir=$work/layer/work" "$work/root"
: >"$work/root/etc/machine-id"
rm -rf "$work"/root/etc/systemd/system/*.wants
systemd-nspawn --quiet --register=no --keep-unit --private-network -D "$work/root" \
	-b systemd.unit=sesskill-test.target || true
cp "$work/root/opt/output" "$work/output"
MOUNT

if [ ! -f "$work/output" ]; then
	tail -30 "$work/boot.log"
	echo "0 passed, 1 failed"
	exit 1
fi
cat "$work/output"
grep -q ' passed, 0 failed$' "$work/output"
