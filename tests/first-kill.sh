#!/bin/bash
# The README's first kill, as it is pasted, on a bare Debian: tests/first-kill.sh [SUITE...]
#
# Makes a system of each suite (bookworm and trixie, if none is named) with nothing but a Redis that wants a
# password, boots it in a container, pastes the six steps into a terminal of root there, and checks what
# they print and what they leave behind. Each takes some four minutes and the network. The container shares
# the network of this host: nothing else may listen at 127.0.0.1:6379. Takes root, and debootstrap.
# Ends with "N passed, N failed".
set -euo pipefail
top=$(cd "$(dirname "$0")/.." && pwd)
# shellcheck source=tests/lib/packages.sh
. "$top/tests/lib/packages.sh"
[ "$(id -u)" -eq 0 ] || { echo "tests/first-kill.sh takes root" >&2; exit 1; }
need_packages debootstrap systemd-container git

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# write_steps DIRECTORY: a file with what is to be pasted in each step, by its number.
write_steps() {
	awk -v directory="$1" '
		/^## / { is_in = /^## The first kill/ }
		is_in && /^\*\*[0-9]\. / { step = substr($0, 3, 1) }
		is_in && step != "" && /^    / { print substr($0, 5) >(directory "/" step) }
	' "$top/README.md"
}

# make_system SUITE ROOT
make_system() {
	debootstrap --variant=minbase --include=systemd,dbus,ca-certificates "$1" "$2" >"$work/$1.log" 2>&1 ||
		{ tail -n 5 "$work/$1.log" >&2; return 1; }
	mkdir -p "$2/root/sesskill" "$2/opt/steps"
	git -C "$top" -c safe.directory="$top" archive HEAD | tar --extract --directory "$2/root/sesskill"
	# As this host gets its packages.
	cp -a /etc/apt/apt.conf.d/. "$2/etc/apt/apt.conf.d/"
	cp -L /etc/resolv.conf "$2/etc/resolv.conf"
	cp "$top/tests/lib/inside.sh" "$2/opt/lib.sh"
	cp "$top/tests/lib/first-kill-inside.sh" "$2/opt/inside.sh"
	write_steps "$2/opt/steps"
	cat >"$2/etc/systemd/system/sesskill-test.service" <<-'UNIT'
		[Unit]
		After=basic.target systemd-user-sessions.service
		[Service]
		Type=oneshot
		WorkingDirectory=/root/sesskill
		Environment=HOME=/root TERM=dumb
		ExecStart=/bin/bash /opt/inside.sh
		ExecStopPost=-/bin/systemctl --quiet --no-block poweroff
		StandardOutput=append:/opt/output
		StandardError=append:/opt/output
		TimeoutStartSec=900
		[Install]
		WantedBy=multi-user.target
	UNIT
	ln -s ../sesskill-test.service "$2/etc/systemd/system/multi-user.target.wants/"
}

passed=0
failed=0
for suite in "${@:-bookworm}" $([ $# -gt 0 ] || echo trixie); do
	echo "== $suite"
	if make_system "$suite" "$work/$suite"; then
		timeout 960 systemd-nspawn --quiet --register=no --keep-unit -D "$work/$suite" -b \
			>"$work/boot.log" 2>&1 || true
	fi
	if ! grep -q '^[0-9]* passed, ' "$work/$suite/opt/output" 2>/dev/null; then
		tail -n 20 "$work/boot.log" "$work/$suite/opt/output" 2>/dev/null
		echo "0 passed, 1 failed" >"$work/result"
	else
		sed '/^[0-9]* passed, /d' "$work/$suite/opt/output"
		grep '^[0-9]* passed, ' "$work/$suite/opt/output" >"$work/result"
	fi
	read -r more_passed _ more_failed _ <"$work/result"
	passed=$((passed + more_passed))
	failed=$((failed + more_failed))
	rm -rf "${work:?}/$suite"
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
