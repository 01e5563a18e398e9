# A real systemd in a container; sourced by systemd.sh and package.sh. Takes root.
# shellcheck shell=bash

# run_in_container STAGE SECONDS: boots this very system with the files of STAGE laid over it, on an
# overlay in memory, so that nothing is written to the host's root. When it has booted it runs STAGE's
# /opt/inside.sh as root, without a network, for SECONDS at the most. Shows what that said, whose last
# line must be "N passed, N failed"; true when none failed.
run_in_container() {
	local stage=$1 seconds=$2 work status
	work=$(mktemp -d)
	cp "$(dirname "${BASH_SOURCE[0]}")/inside.sh" "$stage/opt/lib.sh"
	write_test_units "$stage/etc/systemd/system" "$seconds"
	boot_overlay "$stage" "$work" $((seconds + 60)) >"$work/boot.log" 2>&1 || true
	if [ -f "$work/output" ]; then
		# What systemctl says when the power goes is none of it.
		sed '/^[0-9]* passed, /q' "$work/output"
	else
		tail -n 30 "$work/boot.log"
		: >"$work/output"
		echo "0 passed, 1 failed"
	fi
	status=0
	grep -q '^[0-9]* passed, 0 failed$' "$work/output" || status=1
	rm -rf "$work"
	return "$status"
}

write_test_units() { # DIRECTORY SECONDS
	mkdir -p "$1"
	cat >"$1/sesskill-test.target" <<-'UNIT'
		[Unit]
		Requires=basic.target
		After=basic.target
		Wants=sesskill-test.service
	UNIT
	cat >"$1/sesskill-test.service" <<-UNIT
		[Unit]
		DefaultDependencies=no
		After=basic.target
		[Service]
		Type=oneshot
		ExecStart=/bin/bash /opt/inside.sh
		ExecStopPost=-/bin/systemctl --quiet --no-block poweroff
		StandardOutput=append:/opt/output
		StandardError=append:/opt/output
		TimeoutStartSec=$2
	UNIT
}

# boot_overlay STAGE WORK SECONDS: in a private mount namespace, which takes the overlay with it.
boot_overlay() {
	timeout "$3" unshare --mount bash -s "$1" "$2" <<'MOUNT'
set -e
stage=$1
work=$2
mount --make-rprivate /
mkdir -p "$work/layer" "$work/root"
mount -t tmpfs tmpfs "$work/layer"
mkdir "$work/layer/upper" "$work/layer/work"
cp -a "$stage/." "$work/layer/upper/"
mount -t overlay overlay -o "lowerdir=/,upperdir=$work/layer/upper,workdir=$work/layer/work" "$work/root"
: >"$work/root/etc/machine-id"
rm -rf "$work"/root/etc/systemd/system/*.wants
# A container's image may forbid its packages to start anything.
rm -f "$work/root/usr/sbin/policy-rc.d"
systemd-nspawn --quiet --register=no --keep-unit --private-network -D "$work/root" \
	-b systemd.unit=sesskill-test.target || true
cp "$work/root/opt/output" "$work/output"
MOUNT
}
