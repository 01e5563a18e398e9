#!/bin/bash
# Servers of other versions, unpacked beside the system from the packages of other Debian suites.
#
#   tests/servers/get-server.sh NAME     fetches it once, prints the path of its server program
#   tests/servers/get-server.sh --list   prints the names
#
# The command-line client lies next to the server. Nothing is installed, and nothing outside
# SESSKILL_SERVERS_DIR (/var/tmp/sesskill-servers) is changed: each suite has a private apt root,
# with lists, a cache and a dpkg status of its own, so that apt resolves within that suite. The
# packages come from the mirror in the system's own apt sources, checked with Debian's keyring.
set -euo pipefail

# name          suite               package        program
SERVERS='
redis-6.0       bullseye            redis-server   redis
redis-7.0       bookworm            redis-server   redis
redis-8.0       trixie              redis-server   redis
redis-sid       sid                 redis-server   redis
valkey-8.0      bookworm-backports  valkey-server  valkey
valkey-8.1      trixie              valkey-server  valkey
valkey-sid      sid                 valkey-server  valkey
redict-7.3      bookworm-backports  redict-server  redict
'

# Of all that the package depends on, what a server needs to run: itself, libraries, Lua modules.
WANTED_PACKAGES='^(redis|valkey|redict|lib|lua-|zlib|openssl-provider)'
# Libraries that only the packages' installation scripts need.
UNWANTED_PACKAGES='^lib(pam|apt|debconf|db|semanage|sepol|audit|locale|perl|gdbm)'

SERVERS_DIR=${SESSKILL_SERVERS_DIR:-/var/tmp/sesskill-servers}
KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg

fail() {
	echo "get-server.sh: $*" >&2
	exit 1
}

# mirror_of SUITE: the first address that the system's apt sources give for it; else nothing.
mirror_of() {
	local suite=$1
	apt-get indextargets --format '$(SITE) $(RELEASE) $(CODENAME)' 'Created-By: Packages' |
		awk -v suite="$suite" '$2 == suite || $3 == suite { print $1; exit }'
}

# sources_of SUITE: the lines of its private sources.list.
sources_of() {
	local suite=$1 base=${1%-backports} host main security
	host=$(. /etc/os-release && echo "$VERSION_CODENAME")
	main=$(mirror_of "$host")
	security=$(mirror_of "$host-security")
	[ -n "$main" ] || fail "no Debian mirror in the apt sources of this system"
	echo "deb [signed-by=$KEYRING] $main $base main"
	if [ "$suite" != "$base" ]; then
		echo "deb [signed-by=$KEYRING] $main $suite main"
	fi
	if [ "$base" != sid ] && [ -n "$security" ]; then
		echo "deb [signed-by=$KEYRING] $security $base-security main"
	fi
}

# Sets APT, the apt-get that sees nothing but this suite, and updates its lists once.
make_apt_root() {
	local suite=$1 root=$SERVERS_DIR/.apt/$1 arch
	arch=$(dpkg --print-architecture)
	APT=(apt-get
		-o "Dir::State::Lists=$root/lists" -o "Dir::State::status=$root/status"
		-o "Dir::Cache=$root/cache" -o "Dir::Etc::sourcelist=$root/sources.list"
		-o "Dir::Etc::sourceparts=$root/parts" -o "Dir::Etc::preferences=$root/preferences"
		-o "Dir::Etc::preferencesparts=$root/prefs" -o "APT::Architecture=$arch"
		-o "APT::Architectures::=$arch" -o APT::Install-Recommends=0
		-o APT::Sandbox::User=root -o Acquire::Languages=none -o Acquire::Retries=3
		-o Debug::NoLocking=1)
	if [ "$suite" != "${suite%-backports}" ]; then
		APT+=(-o "APT::Default-Release=$suite")
	fi
	if [ -e "$root/updated" ]; then
		return
	fi
	mkdir -p "$root"/{lists/partial,cache/archives/partial,parts,prefs}
	: >"$root/status"
	: >"$root/preferences"
	sources_of "$suite" >"$root/sources.list"
	"${APT[@]}" -qq update >&2 || fail "cannot read the package lists of $suite"
	touch "$root/updated"
}

# unpack PACKAGE DIRECTORY: it and what it needs, from the suite of APT.
unpack() {
	local package=$1 directory=$2 wanted deb
	wanted=$("${APT[@]}" -s -qq install "$package" |
		awk '$1 == "Inst" { gsub(/[()]/, "", $3); print $2 "=" $3 }' |
		grep -E "$WANTED_PACKAGES" | grep -Ev "$UNWANTED_PACKAGES") ||
		fail "cannot resolve $package"
	mkdir -p "$directory/debs" "$directory/root"
	# shellcheck disable=SC2086 # a list of words
	(cd "$directory/debs" && "${APT[@]}" -qq download $wanted >&2)
	for deb in "$directory"/debs/*.deb; do
		dpkg-deb -x "$deb" "$directory/root"
	done
	rm -r "$directory/debs"
}

# The suite's own loader; it may lie in different places, as suites differ in merged /usr.
loader_of() {
	local root=$1 file
	for file in "$root"/{,usr/}{lib64,lib/*-linux-gnu*}/ld-linux*.so.*; do
		if [ -e "$file" ]; then
			readlink -f "$file"
			return
		fi
	done
}

# wrap PROGRAM ROOT WRAPPER: a script that runs it on the libraries of this system, or when those
# are too old on those of its suite.
wrap() {
	local program=$1 root=$2 wrapper=$3 loader libraries
	if "$program" --version >/dev/null 2>&1; then
		printf '#!/bin/sh\nexec %q "$@"\n' "$program" >"$wrapper.new"
	else
		loader=$(loader_of "$root")
		libraries=$(printf '%s:' "$root"/{,usr/}lib/*-linux-gnu*)
		printf '#!/bin/sh\nexec %q --inhibit-cache --library-path %q %q "$@"\n' \
			"$loader" "${libraries%:}" "$program" >"$wrapper.new"
	fi
	chmod +x "$wrapper.new"
	"$wrapper.new" --version >/dev/null || fail "$program does not start"
	mv "$wrapper.new" "$wrapper"
}

if [ "${1:-}" = --list ]; then
	awk 'NF { print $1 }' <<<"$SERVERS"
	exit
fi
[ $# -eq 1 ] || fail "usage: get-server.sh NAME | --list"
row=$(awk -v name="$1" '$1 == name' <<<"$SERVERS")
[ -n "$row" ] || fail "unknown server: $1 (see --list)"
read -r name suite package program <<<"$row"

server=$SERVERS_DIR/$name/$program-server
if [ ! -x "$server" ]; then
	make_apt_root "$suite"
	unpack "$package" "$SERVERS_DIR/$name"
	bin=$SERVERS_DIR/$name/root/usr/bin
	# The server last: that it is there says that all is.
	wrap "$bin/$program-cli" "$SERVERS_DIR/$name/root" "$SERVERS_DIR/$name/$program-cli"
	wrap "$bin/$program-server" "$SERVERS_DIR/$name/root" "$server"
fi
echo "$server"
