# What the scripts that run inside the container share; they find it as /opt/lib.sh.
# shellcheck shell=bash
passed=0
failed=0
# shellcheck disable=SC2034 # used where this is sourced
socket=/run/sesskill/control.sock

check() { # WHAT COMMAND...
	local what=$1
	shift
	if "$@" >/tmp/check.log 2>&1; then
		echo "ok: $what"
		passed=$((passed + 1))
	else
		echo "FAILED: $what"
		sed 's/^/    /' /tmp/check.log | tail -20
		failed=$((failed + 1))
	fi
}

finish() {
	echo "$passed passed, $failed failed"
}

wait_for() { # COMMAND...: until it succeeds, 10 s at the most
	local end=$((SECONDS + 10))
	until "$@" >/dev/null 2>&1; do
		[ "$SECONDS" -lt "$end" ] || return 1
	done
}

main_pid() { systemctl show -p MainPID --value sesskilld.service; }
kill_all() { # INSTANCE
	curl -sS --max-time 20 --unix-socket $socket http://x/ \
		-d Action=KillInstanceAllSession -d "InstanceId=$1"
}
is_ready() { sesskill --json instances | grep -q '"state":"ready"'; }
says() { grep -q "$1" <<<"$2"; }

# start_server OPTION...: a redis-server at /run/redis/s, as a stranger to the daemon.
start_server() {
	mkdir -p /run/redis
	useradd --system redis-test
	chown redis-test /run/redis
	setpriv --reuid=redis-test --clear-groups redis-server --port 0 --unixsocket /run/redis/s \
		--unixsocketperm 777 --save '' --dir /run/redis --daemonize yes "$@" >/dev/null
}

# start_clients N: so many sessions on that server; the process $clients ends when all are closed.
start_clients() {
	/opt/clients --unix /run/redis/s --total "$1" --hold-until-closed "$1" \
		>/tmp/clients.out 2>&1 </dev/null &
	clients=$!
	wait_for grep -q ready /tmp/clients.out
}
are_closed() { wait_for test ! -d "/proc/$clients"; }
