#!/bin/bash
# A demonstration that needs nothing and leaves nothing: a throw-away redis-server with 1,000 real
# client sessions, a daemon that looks after it, and the sessions ended twice, by curl and by the
# command-line client. Installs what a bare Debian lacks, builds, and cleans up however it ends.
set -euo pipefail
cd "$(dirname "$0")/.."

. tests/lib/packages.sh
. tests/lib/build.sh

BUILD=${SESSKILL_TEST_BUILD:-$PWD/build-test}/plain
DEADLINE_S=20
N_SESSIONS=1000

directory=""
server_pid=""
daemon_pid=""
clients_pid=""

# shellcheck disable=SC2317 # the trap calls it
clean_up() {
	local status=$?
	trap - EXIT
	for pid in $clients_pid $daemon_pid $server_pid; do
		kill "$pid" 2>/dev/null || true
		wait "$pid" 2>/dev/null || true
	done
	if [ "$status" -ne 0 ] && [ -n "$directory" ]; then
		echo
		echo "The demonstration failed; what the programs said:"
		tail -n 20 "$directory"/*.log 2>/dev/null || true
	fi
	if [ -n "$directory" ]; then
		rm -rf "$directory"
	fi
	exit "$status"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

heading() {
	printf '\n== %s\n\n' "$*"
}

# Shows a command as one would type it, and runs it.
run() {
	printf '$ %s\n' "$*"
	"$@"
}

# wait_for WHAT COMMAND...: until the command succeeds.
wait_for() {
	local what=$1 end=$((SECONDS + DEADLINE_S))
	shift
	until "$@" >/dev/null 2>&1; do
		if [ "$SECONDS" -ge "$end" ]; then
			echo "not within $DEADLINE_S s: $what" >&2
			return 1
		fi
	done
}

start_server() {
	redis-server --port 0 --unixsocket "$directory/redis.sock" --dir "$directory" --save '' \
		>"$directory/redis.log" 2>&1 &
	server_pid=$!
	wait_for "the server to answer" redis-cli -s "$directory/redis.sock" ping
}

start_daemon() {
	cat >"$directory/sesskilld.yaml" <<-YAML
		control:
		  socket: $directory/control.sock
		audit:
		  file: $directory/audit.jsonl
		instances:
		  - id: demo
		    address: unix://$directory/redis.sock
	YAML
	"$BUILD/src/daemon/sesskilld" -c "$directory/sesskilld.yaml" >"$directory/sesskilld.log" 2>&1 &
	daemon_pid=$!
	wait_for "the daemon to be ready" \
		curl --silent --fail --unix-socket "$directory/control.sock" http://localhost/healthz
}

open_sessions() {
	local word number
	coproc CLIENTS {
		exec "$BUILD/tests/tools/clients" --unix "$directory/redis.sock" --total "$N_SESSIONS" \
			--subscribed 10% --blocked 10% --multi 5% --monitoring 2 --named worker=300
	}
	# shellcheck disable=SC2153 # set by coproc
	clients_pid=$CLIENTS_PID
	read -r -t "$DEADLINE_S" word number <&"${CLIENTS[0]}"
	[ "$word" = ready ]
	echo "$number real client sessions are open."
}

# What the program that opened them saw: the other end's view.
close_sessions() {
	local line
	echo status >&"${CLIENTS[1]}"
	read -r -t "$DEADLINE_S" line <&"${CLIENTS[0]}"
	printf 'And the clients themselves say:\n%s\n' "${line%%,\"last_error\"*}}"
	echo quit >&"${CLIENTS[1]}"
	wait "$clients_pid"
	clients_pid=""
}

show_sessions() {
	redis-cli -s "$directory/redis.sock" client list | awk '
		/ name=sesskilld:/ { kind = "the daemon itself" }
		!/ name=sesskilld:/ {
			kind = "idle"
			if (/ flags=[^ ]*P/) kind = "subscribed"
			if (/ flags=[^ ]*b/) kind = "blocked"
			if (/ flags=[^ ]*x/) kind = "in MULTI"
			if (/ flags=[^ ]*O/) kind = "monitoring"
			if (/ name=worker /) kind = "named worker"
			if (/ cmd=client/) next
			total++
		}
		{ count[kind]++ }
		END {
			for (kind in count) printf "  %-18s %5d\n", kind, count[kind] | "sort"
			close("sort")
			printf "  %-18s %5d\n", "client sessions", total
		}'
}

heading "Building"
# shellcheck disable=SC2086 # lists of words
need_packages $BUILD_PACKAGES $DEMO_PACKAGES
build_in "$BUILD" "sesskilld sesskill clients"
echo "Built in $BUILD."
directory=$(mktemp -d /tmp/sesskill-demo.XXXXXX)
export SESSKILL_SOCKET=$directory/control.sock
PATH=$BUILD/src/cli:$PATH

heading "A server, and a daemon that looks after it"
start_server
start_daemon
run sesskill instances

heading "Sessions before"
open_sessions
show_sessions

heading "Kill all through the HTTP API, as any client of the DAS API would"
run curl --silent --show-error --unix-socket "$SESSKILL_SOCKET" http://localhost/ \
	-d Action=KillInstanceAllSession -d InstanceId=demo
echo

heading "Sessions after"
show_sessions
close_sessions

heading "Sessions before, once more"
open_sessions
show_sessions

heading "Kill all through the command line: the report"
run sesskill kill demo --all --yes --reason "demonstration"

heading "Sessions after"
show_sessions
close_sessions

heading "What has been done"
run sesskill kills

heading "The audit log: an intent before, an outcome after each kill"
cat "$directory/audit.jsonl"

heading "Done; nothing is left of it"
