#!/bin/bash
# The part of tests/systemd.sh that runs inside the container, as root, under its systemd.
set -u
# shellcheck source=tests/lib/inside.sh
. /opt/lib.sh

start_server
mkdir -p /etc/sesskill
cat >/etc/sesskill/sesskilld.yaml <<'YAML'
control: {group: sesskill}
audit: {file: /var/log/sesskill/audit.jsonl, required: true}
instances:
  - {id: cache, address: "unix:///run/redis/s"}
YAML

check "the account is made" systemd-sysusers
check "the account is there" getent passwd sesskill
systemctl daemon-reload
check "the socket starts" systemctl start sesskilld.socket
check "the socket belongs to its group" test "$(stat -c '%G %a' $socket)" = "sesskill 660"
check "the daemon does not run yet" test "$(main_pid)" = 0

start_clients 500
# The first request starts the daemon, and is answered by it.
check "a request starts the daemon and kills" says '"Success":"true"' "$(kill_all cache)"
check "all sessions are closed" are_closed
check "it runs as its own user" test "$(ps -o user= -p "$(main_pid)")" = sesskill
check "without any capability" grep -q '^CapEff:[[:space:]]*0*$' "/proc/$(main_pid)/status"
check "the record is written" grep -q '"event":"outcome"' /var/log/sesskill/audit.jsonl
check "the record is not for everybody" test "$(stat -c %a /var/log/sesskill/audit.jsonl)" = 640

useradd --system member -G sesskill
useradd --system stranger
check "a member of the group may" setpriv --reuid=member --regid=member --init-groups \
	sesskill instances
check "a stranger cannot connect" test "$(setpriv --reuid=stranger --regid=stranger --init-groups \
	sesskill instances >/dev/null 2>&1; echo $?)" = 4

pid=$(main_pid)
echo '  - {id: second, address: "unix:///run/redis/s"}' >>/etc/sesskill/sesskilld.yaml
check "reload" systemctl reload sesskilld.service
check "the reload counts" wait_for sesskill instances second
check "it is the same process" test "$(main_pid)" = "$pid"
echo 'nonsense: 1' >>/etc/sesskill/sesskilld.yaml
systemctl reload sesskilld.service
check "a wrong file changes nothing" sesskill instances second
sed -i '$d' /etc/sesskill/sesskilld.yaml

# A password that only root and the service manager can read.
redis-cli -s /run/redis/s config set requirepass hush >/dev/null
(umask 077 && echo hush >/root/redis-password)
mkdir -p /etc/systemd/system/sesskilld.service.d
printf '[Service]\nLoadCredential=redis:/root/redis-password\n' \
	>/etc/systemd/system/sesskilld.service.d/password.conf
sed -i 's|"unix:///run/redis/s"}|"unix:///run/redis/s", credential: redis}|' /etc/sesskill/sesskilld.yaml
systemctl daemon-reload
systemctl restart sesskilld.service
check "a credential of the service manager opens the server" wait_for is_ready

# Restarted again and again while requests come: the socket keeps them, none is lost.
(for i in $(seq 40); do kill_all cache; echo; done) >/tmp/answers 2>&1 &
asking=$!
for i in 1 2 3; do
	systemctl restart sesskilld.service
done
wait $asking
check "no request is lost in three restarts" test "$(grep -c '"Success":"true"' /tmp/answers)" = 40
check "the socket is still there" test -S $socket

# Clients of this host: a name takes rights that the daemon does not have by itself.
systemd-run --quiet --unit=worker /opt/clients --unix /run/redis/s --auth hush --total 5 \
	--hold-until-closed 5
all_are_there() { test "$(sesskill list cache 2>/dev/null | grep -c ' unix ')" -ge 6; }
wait_for all_are_there
check "nobody is named without the right to look" says CAP_SYS_PTRACE \
	"$(sesskill list cache --processes 2>&1)"
cp /usr/share/doc/sesskill/local-clients.conf /etc/systemd/system/sesskilld.service.d/
systemctl daemon-reload
systemctl restart sesskilld.service
wait_for is_ready
check "the unit of a local client is shown" says "clients .* worker.service" \
	"$(sesskill list cache --processes 2>/dev/null)"
check "nothing is left unknown" test -z \
	"$(sesskill list cache --processes 2>&1 | grep processes:)"
rm /etc/systemd/system/sesskilld.service.d/local-clients.conf
systemctl daemon-reload
systemctl restart sesskilld.service
wait_for is_ready
systemctl stop worker.service

pid=$(main_pid)
check "the watchdog is on" test "$(systemctl show -p WatchdogUSec --value sesskilld.service)" != 0
kill -KILL "$pid"
check "it is started again after a crash" wait_for is_ready
check "by another process" test "$(main_pid)" != "$pid"

systemctl stop sesskilld.service sesskilld.socket
check "stopping leaves no socket" test ! -e $socket
check "the journal has no complaint of the sandbox" \
	test -z "$(journalctl -u sesskilld.service -o cat | grep -iE 'denied by|permission denied|operation not permitted')"
check "the exposure is at most 1.5" systemd-analyze security --threshold=15 sesskilld.service
systemd-analyze security sesskilld.service | tail -1
finish
