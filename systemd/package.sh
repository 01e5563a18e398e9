#!/bin/bash
# Builds the Debian package: systemd/package.sh [OUTPUT-DIRECTORY]
#
# In a private copy of the sources with systemd/debian at its top, by dpkg-buildpackage, which runs the
# unit tests; then lintian, whose errors and warnings are failures. The .deb goes to OUTPUT-DIRECTORY,
# the current one by default. Installs what a bare Debian 12 or 13 lacks for it.
# SESSKILL_PACKAGE_VERSION is the package's version where it shall not be that of the changelog;
# DEB_BUILD_OPTIONS=nocheck leaves out the tests.
set -euo pipefail
top=$(cd "$(dirname "$0")/.." && pwd)
output=$(realpath -e "${1:-.}")
# shellcheck source=tests/lib/packages.sh
. "$top/tests/lib/packages.sh"
# shellcheck disable=SC2086 # lists of words
need_packages $BUILD_PACKAGES $PACKAGE_PACKAGES

# All that git does not ignore, as it is now; without git, in an unpacked release, all.
source_files() {
	local file
	if [ -e .git ] && command -v git >/dev/null; then
		git -c safe.directory="$top" ls-files -z --cached --others --exclude-standard |
			while IFS= read -r -d '' file; do
				# Not what was deleted since.
				if [ -f "$file" ]; then printf '%s\0' "$file"; fi
			done
	else
		find . -type f -not -path './.git/*' -not -path './build*' -print0
	fi
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
chmod 755 "$work"
tree=$work/sesskill
mkdir "$tree"
# With the modes of a strict umask: a configuration that others may write is refused, in tests too.
(cd "$top" && source_files | tar --create --mode=go-w --null --files-from=-) | tar --extract --directory "$tree"
cp -r "$tree/systemd/debian" "$tree/debian"
if [ -n "${SESSKILL_PACKAGE_VERSION:-}" ]; then
	sed -i "1s/(.*)/($SESSKILL_PACKAGE_VERSION)/" "$tree/debian/changelog" "$tree/debian/NEWS"
fi

cd "$tree"
log=$work/build.log
if ! dpkg-buildpackage --build=binary --unsigned-source --unsigned-changes >"$log" 2>&1; then
	grep -A 4 '^not ok' "$log" || true
	tail -n 30 "$log"
	exit 1
fi
if grep -q '^Ok:' "$log"; then
	echo "unit tests: $(sed -n 's/^Ok: *\([0-9]*\).*/\1/p' "$log") ok"
fi
lintian --allow-root --fail-on error,warning "$work"/*.changes
cp "$work"/*.deb "$output/"
for package in "$work"/*.deb; do
	echo "$output/$(basename "$package")"
done
