# What a bare Debian lacks to build the project, to run its tests and its demonstration. The one
# list of packages; sourced by whoever builds.
# shellcheck shell=bash disable=SC2034 # used where this is sourced

BUILD_PACKAGES="gcc libc6-dev meson ninja-build pkg-config
	libevent-dev libssl-dev libhiredis-dev libyaml-dev libjansson-dev libcurl4-openssl-dev
	libsystemd-dev libnftables-dev libcmocka-dev"
DEMO_PACKAGES="redis-server redis-tools curl"
TEST_PACKAGES="python3 python3-pytest python3-pytest-xdist python3-redis openssl tmux zsh mandoc groff-base iproute2 nftables
	socat"
PACKAGE_PACKAGES="build-essential debhelper lintian"

# need_packages NAME...: installs those that are missing, asks nothing. Fails when it cannot.
need_packages() {
	local missing="" name
	for name in "$@"; do
		case $(dpkg-query -W -f '${db:Status-Abbrev}' "$name" 2>/dev/null) in
		ii*) ;;
		*) missing="$missing $name" ;;
		esac
	done
	if [ -n "$missing" ]; then
		echo "Installing:$missing"
		# shellcheck disable=SC2086 # a list of words
		as_root apt-get update -qq && install_packages $missing || return 1
	fi
}

# install_packages WORD...: options of apt-get and names of packages. A configuration file that is
# there already stays: nobody would see dpkg's question, nor answer it.
install_packages() {
	as_root env DEBIAN_FRONTEND=noninteractive \
		apt-get install -y -qq --no-install-recommends \
		-o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold \
		"$@" </dev/null >/dev/null
}

as_root() {
	if [ "$(id -u)" -eq 0 ]; then
		"$@"
	elif command -v sudo >/dev/null; then
		sudo "$@"
	else
		echo "not root and no sudo: cannot run: $*" >&2
		return 1
	fi
}
