#!/bin/bash
# The part of tests/systemd.sh that runs inside the container, as root, under its systemd.
set -u
# shellcheck source=tests/lib/inside.sh
. /opt/lib.sh

status_says() { systemctl status sesskilld.service | grep -q "$1"; }

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
check "a reload of a wrong file fails" test "$(systemctl reload sesskilld.service 2>/dev/null; echo $?)" != 0
check "with the reason in the journal" says 'sesskilld.yaml:[0-9]*:[0-9]*: unknown key "nonsense"' \
	"$(journalctl -u sesskilld.service -n 20 2>/dev/null)"
check "a wrong file changes nothing" sesskill instances second
kill -HUP "$(main_pid)"
check "the status says what is wrong" \
	wait_for status_says 'sesskilld.yaml:[0-9]*:[0-9]*: unknown key "nonsense"'
# Somebody tries again and again, and requests come in meanwhile.
systemctl stop sesskilld.service
for i in $(seq 8); do
	systemctl start sesskilld.service 2>/dev/null || curl -s --max-time 0.1 --unix-socket $socket http://x/healthz
done
sed -i '$d' /etc/sesskill/sesskilld.yaml
check "the mended file is taken at once" systemctl start sesskilld.service
check "and served" wait_for sesskill instances second

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
none_is_lost() { grep -v '"Success":"true"' /tmp/answers; test "$(grep -c '"Success":"true"' /tmp/answers)" = 40; }
check "no request is lost in three restarts" none_is_lost
check "the socket is still there" test -S $socket

check "guards are held" says "held by root" "$(sesskill guards hold 2>&1)"
systemctl restart sesskilld.service
check "and over a restart" says "held by root" "$(sesskill guards 2>&1)"
check "their state is not for everybody" test "$(stat -c '%U %a' /var/lib/sesskill/guards.json)" = "sesskill 640"
check "and go on" test "$(sesskill guards resume 2>&1 | grep -c 'held by')" = 0

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

# The kernel: it obeys with a right that the daemon does not have by itself either.
redis-cli -s /run/redis/s -a hush --no-auth-warning config set port 6379 >/dev/null
echo '  - {id: near, address: "127.0.0.1:6379", credential: redis}' >>/etc/sesskill/sesskilld.yaml
kernel_is() { sesskill instances near 2>/dev/null | grep -q "^  kernel  *$1"; }
systemctl reload sesskilld.service
check "the kernel ends nothing without the right" wait_for kernel_is "no permission"
cp /usr/share/doc/sesskill/kernel.conf /etc/systemd/system/sesskilld.service.d/
systemctl daemon-reload
systemctl restart sesskilld.service
check "with kernel.conf it does" wait_for kernel_is yes
check "no other capability comes with it" grep -q '^CapEff:[[:space:]]*0*1000$' \
	"/proc/$(main_pid)/status"
systemd-run --quiet --unit=worker /opt/clients --port 6379 --auth hush --named leak=20 \
	--hold-until-closed 20
leaked_are_there() { test "$(sesskill list near --match 'name = leak' 2>/dev/null | grep -c leak)" -ge 20; }
wait_for leaked_are_there
check "sessions end at the kernel" says '"cut": *20' \
	"$(sesskill kill near --match 'name = leak' --via kernel --yes --json)"
# And keeps out by address, under all that the unit forbids.
systemd-run --quiet --unit=pool /opt/clients --port 6379 --auth hush --named pool=5 \
	--hold-until-closed 5
pool_is_there() { test "$(sesskill list near --match 'name = pool' 2>/dev/null | grep -c pool)" -ge 5; }
can_connect() { timeout 5 redis-cli -h 127.0.0.1 ping >/dev/null 2>&1; }
wait_for pool_is_there
check "who is ended is kept out by address" says '"kept_out_ms": *60000' "$(sesskill kill near \
	--match 'name = pool' --keep-out 1m --whole-source --yes --json)"
check "nobody can connect any more" test "$(can_connect; echo $?)" = 1
check "but for the daemon" kernel_is yes
sesskill release "$(sesskill leases -o id --no-headings)" >/dev/null
check "until it is released" wait_for can_connect
check "the exposure with kernel.conf is at most 1.7" \
	systemd-analyze security --threshold=17 sesskilld.service
systemd-analyze security sesskilld.service | tail -1
rm /etc/systemd/system/sesskilld.service.d/kernel.conf
systemctl daemon-reload
systemctl restart sesskilld.service
wait_for is_ready
systemctl stop worker.service 2>/dev/null

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
