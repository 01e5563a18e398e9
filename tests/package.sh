#!/bin/bash
# The release and the Debian package: tests/package.sh [--package]
#
# Makes a release by `meson dist` and runs its own tests where it was unpacked (not with --package),
# builds the package twice, from here and, as a higher version, from the release; and tries the life
# of the package under a real systemd, in a container (lib/container.sh): installation, the socket,
# kills, upgrade, removal, purge.
# Takes root, and about six minutes (with --package two). Ends with "N passed, N failed".
set -uo pipefail
top=$(cd "$(dirname "$0")/.." && pwd)
# shellcheck source=tests/lib/packages.sh
. "$top/tests/lib/packages.sh"
# shellcheck source=tests/lib/container.sh
. "$top/tests/lib/container.sh"
[ "$(id -u)" -eq 0 ] || { echo "tests/package.sh takes root" >&2; exit 1; }
# shellcheck disable=SC2086 # lists of words
need_packages $BUILD_PACKAGES $PACKAGE_PACKAGES $DEMO_PACKAGES $TEST_PACKAGES \
	systemd systemd-container logrotate || exit 1

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
chmod 755 "$work"
passed=0
failed=0

# step WHAT COMMAND...: its output is shown when it fails.
step() {
	local what=$1
	shift
	if "$@" >"$work/step.log" 2>&1; then
		passed=$((passed + 1))
		echo "ok: $what"
	else
		failed=$((failed + 1))
		echo "FAILED: $what"
		tail -n 40 "$work/step.log"
	fi
}

version=$(sed -n "s/^.*[[:space:]]version: '\(.*\)',$/\1/p" "$top/meson.build" | head -n 1)
release=$work/sesskill-$version
stage=$work/stage

# Tests of its own are to come: --no-tests.
make_release() {
	meson setup "$work/build" "$top" && meson dist -C "$work/build" --no-tests --allow-dirty &&
		tar --extract --file "$work/build/meson-dist/sesskill-$version.tar.xz" --directory "$work"
}

test_release() {
	SESSKILL_TEST_BUILD=$work/build-test "$release/tests/run.sh" --quick --no-install
}

is_changelog_current() {
	test "$(dpkg-parsechangelog -l "$top/systemd/debian/changelog" -S Version)" = "$version"
}

# A second package tells nothing new about the unit tests.
build_second() {
	SESSKILL_PACKAGE_VERSION=$(cat "$stage/opt/second/version") DEB_BUILD_OPTIONS=nocheck \
		"$release/systemd/package.sh" "$stage/opt/second"
}

mkdir -p "$stage/opt/first" "$stage/opt/second"
echo "$version+test" >"$stage/opt/second/version"
step "the changelog has the version" is_changelog_current
step "a release is made" make_release
if [ "${1:-}" != --package ]; then
	step "the release passes its tests" test_release
fi
step "the package is built, tested and clean" "$top/systemd/package.sh" "$stage/opt/first"
step "one is built from the release" build_second
step "the program for sessions is built" meson compile -C "$work/build" clients
if [ "$failed" -gt 0 ]; then
	echo "$passed passed, $failed failed"
	exit 1
fi

install "$work/build/tests/tools/clients" "$stage/opt/clients"
install "$top/tests/lib/package-inside.sh" "$stage/opt/inside.sh"
run_in_container "$stage" 300 | tee "$work/output"
read -r more_passed _ more_failed _ <<<"$(tail -n 1 "$work/output")"
passed=$((passed + more_passed))
failed=$((failed + more_failed))
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
