#!/bin/bash
# The part of tests/package.sh that runs inside the container, as root, under its systemd: the life of
# the package, from /opt/first to /opt/second, a higher version, and out again.
set -u
# shellcheck source=tests/lib/inside.sh
. /opt/lib.sh
export DEBIAN_FRONTEND=noninteractive

# No network: all that the package depends on is here, or the installation fails.
install() { apt-get install -y -o Dpkg::Use-Pty=0 "$1"/sesskill_*.deb; }
is_active() { systemctl is-active --quiet "$1"; }
is_enabled() { test "$(systemctl is-enabled "$1")" = enabled; }
version_of() { dpkg-query -W -f '${Version}' sesskill; }
# Files wherever a package may leave some; the accounts stay, and so do what dpkg itself notes and
# the journal.
files() {
	find /etc /usr /var /run/sesskill /run/systemd/generator* -xdev ! -type d \
		! -path '/var/lib/dpkg/*' ! -path '/var/log/journal/*' ! -path '/var/log/apt/*' \
		! -path '/var/cache/*' ! -path '/var/lib/apt/*' ! -path '/var/tmp/*' \
		! -path /var/lib/logrotate/status ! -path '/var/lib/PackageKit/*' 2>/dev/null
	find /etc /usr /var /run -xdev -name '*sesskill*' ! -name 'sesskill-test*' \
		! -path '/var/lib/dpkg/info/*'
}
no_process() { ! ps -eo user,comm | grep -q sesskill; }
no_unit() {
	test -z "$(systemctl list-unit-files --no-legend 'sesskilld*')" &&
		test -z "$(systemctl list-units --no-legend --all --state=loaded 'sesskilld*')"
}
as() { # USER COMMAND...
	local user=$1
	shift
	setpriv --reuid="$user" --regid="$user" --init-groups "$@"
}

systemctl start dbus.socket
# What the accounts' tools leave behind at their first use is none of the package's.
start_server --port 6379 --bind 127.0.0.1
useradd --system stranger
userdel stranger
useradd --system stranger
files | sort >/tmp/before

check "it installs" install /opt/first
check "all files are as packed" dpkg --verify sesskill
check "the account is made" getent passwd sesskill
check "the socket is enabled" is_enabled sesskilld.socket
check "the socket listens" is_active sesskilld.socket
check "the socket belongs to its group" test "$(stat -c '%G %a' $socket)" = "sesskill 660"
check "the service is enabled" is_enabled sesskilld.service
check "the service runs, to be there before it is needed" is_active sesskilld.service

systemctl stop sesskilld.service 2>/dev/null
check "the daemon is stopped" test "$(main_pid)" = 0
check "a request starts it" sesskill instances local
check "by the socket" is_active sesskilld.service
check "it is connected to the server of the sample" wait_for is_ready
start_clients 200
check "a kill works" sesskill kill local --all --yes
check "all sessions are closed" are_closed
check "the record is written" grep -q '"event":"outcome"' /var/log/sesskill/audit.jsonl
check "logs are rotated" logrotate --force /etc/logrotate.d/sesskill
check "and written anew" wait_for test -s /var/log/sesskill/audit.jsonl

usermod -a -G sesskill redis-test
check "a member of the group may kill" as redis-test sesskill kill local --all --yes
check "a stranger cannot connect" test "$(as stranger sesskill instances >/dev/null 2>&1; echo $?)" = 4

# The administrator's: it must outlive upgrade and removal.
sed -i 's/^  - id: local$/  - id: mine/' /etc/sesskill/sesskilld.yaml
check "the change is taken" systemctl reload sesskilld.service
check "it counts" wait_for sesskill instances mine
pid=$(main_pid)
inode=$(stat -c %i $socket)
(while [ ! -e /tmp/upgraded ]; do kill_all mine; echo; done) >/tmp/answers 2>&1 &
asking=$!
check "it is upgraded" install /opt/second
touch /tmp/upgraded
wait $asking
check "to the higher version" test "$(version_of)" = "$(cat /opt/second/version)"
check "the daemon is the new one" test "$(main_pid)" != "$pid"
check "the socket is the old one" test "$(stat -c %i $socket)" = "${inode:-none}"
check "there were requests meanwhile" test -s /tmp/answers
check "each was answered" test -z "$(grep -v '"Success":"true"' /tmp/answers)"
check "the administrator's configuration is in force" sesskill instances mine

check "it is removed" apt-get remove -y sesskill
check "no process is left" no_process
check "no unit is left" no_unit
check "no socket is left" test ! -e /run/sesskill
check "the configuration is left" grep -q 'id: mine' /etc/sesskill/sesskilld.yaml
check "it is installed again" install /opt/second
check "it goes on as before" wait_for is_ready
check "with the configuration" sesskill instances mine
check "the socket is enabled again" is_enabled sesskilld.socket

echo hush >/etc/sesskill/password
check "it is purged" apt-get purge -y sesskill
files | sort >/tmp/after
check "no file is left" diff /tmp/before /tmp/after
check "no process is left by that" no_process
check "no unit is left by that" no_unit
check "it installs after a purge" install /opt/second
check "with the sample again" wait_for sesskill instances local
finish
