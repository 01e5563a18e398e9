# What a bare Debian lacks to build the project, to run its tests and its demonstration. The one
# list of packages; sourced by whoever builds.
# shellcheck shell=bash disable=SC2034 # used where this is sourced

BUILD_PACKAGES="gcc libc6-dev meson ninja-build pkg-config
	libevent-dev libssl-dev libhiredis-dev libyaml-dev libjansson-dev libcurl4-openssl-dev
	libsystemd-dev libcmocka-dev"
DEMO_PACKAGES="redis-server redis-tools curl"
TEST_PACKAGES="python3 python3-pytest python3-pytest-xdist python3-redis openssl tmux zsh mandoc groff-base iproute2 socat"
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
	need_safe_libevent
}

# install_packages WORD...: options of apt-get and names of packages.
install_packages() {
	as_root env DEBIAN_FRONTEND=noninteractive \
		apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

# With an older libevent any caller can end the daemon by the name of its own socket
# (CVE-2026-63385), and tests say so.
is_libevent_safe() {
	local version
	version=$(dpkg-query -W -f '${Version}' libevent-dev)
	dpkg --compare-versions "$version" ge 2.1.13 || {
		dpkg --compare-versions "$version" ge 2.1.12-stable-8+deb12u1 &&
			dpkg --compare-versions "$version" lt 2.1.12-stable-9
	}
}

# Debian 12 has the safe one among its security updates only, which a bare tree does not know: they
# are asked for this once, without a change to the system's own sources.
need_safe_libevent() {
	local sources status
	if is_libevent_safe; then
		return 0
	fi
	echo "Updating: libevent-dev"
	sources=$(mktemp --suffix=.list)
	echo "deb $(security_mirror) $(codename)-security main" >"$sources"
	chmod 644 "$sources"
	set -- -o "Dir::Etc::SourceList=$sources" -o Dir::Etc::SourceParts=/dev/null
	as_root apt-get update -qq -o APT::Get::List-Cleanup=false "$@" &&
		install_packages "$@" libevent-dev
	status=$?
	rm -f "$sources"
	return "$status"
}

# The security updates lie beside the packages, on the mirror that the system uses.
security_mirror() {
	local mirror
	mirror=$(apt-get indextargets --format '$(REPO_URI)' "Codename: $(codename)" | head -n 1)
	echo "${mirror%/}-security/"
}

codename() {
	# shellcheck source=/dev/null
	(. /etc/os-release && echo "$VERSION_CODENAME")
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
