#!/bin/bash
# Everybody against the daemon at once, for a while: tests/hostile.sh [MINUTES]   (10)
#
# Three users without privileges do all that a caller can do to hold others up, while root ends 1,000
# real sessions every second: each of these kills is answered, and the slowest takes no more than three
# times as long as usual. Then the descriptors and the disk run out as well, and the clock jumps. As root.
# Ends with figures and "N passed, N failed". SESSKILL_BUILD names a build with -Dfaults=true; else one is
# made in build-hostile/.
set -euo pipefail
top=$(cd "$(dirname "$0")/.." && pwd)
# shellcheck source=tests/lib/packages.sh
. "$top/tests/lib/packages.sh"
if [ "$(id -u)" -ne 0 ]; then
	echo "tests/hostile.sh: only root can act as several users" >&2
	exit 2
fi
need_packages $BUILD_PACKAGES $DEMO_PACKAGES $TEST_PACKAGES
if [ -z "${SESSKILL_BUILD:-}" ]; then
	export SESSKILL_BUILD=$top/build-hostile
	[ -f "$SESSKILL_BUILD/build.ninja" ] ||
		meson setup "$SESSKILL_BUILD" "$top" -Dfaults=true >/dev/null
	ninja -C "$SESSKILL_BUILD" >/dev/null
fi
# A mount namespace of its own: what is mounted here goes with it, whatever happens.
SESSKILL_HOSTILE_MINUTES=${1:-10} exec unshare --mount --propagation private \
	/usr/bin/python3 -B "$top/tests/hostile.py"
