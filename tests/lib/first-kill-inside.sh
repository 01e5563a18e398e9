#!/bin/bash
# The part of tests/first-kill.sh that runs inside the container, as root, in a copy of the sources.
set -u
# shellcheck source=tests/lib/inside.sh
. /opt/lib.sh
export DEBIAN_FRONTEND=noninteractive

# What the README takes for granted.
{
	apt-get update -qq && apt-get install -y -qq --no-install-recommends redis-server redis-tools
	printf 'requirepass "hush hush"\n' >>/etc/redis/redis.conf
	systemctl restart redis-server
} >/tmp/redis.log 2>&1 || cat /tmp/redis.log

# All of them into one interactive shell of root, as a person does: each when the one before has
# ended, and nothing behind it, so that no program reads what is meant for the shell. Its output by
# steps.
paste_all() {
	local step end
	mkfifo /tmp/keys
	exec 3<>/tmp/keys
	bash --norc --noprofile -i </tmp/keys >/tmp/screen 2>&1 3>&- &
	for step in 1 2 3 4 5 6; do
		sed "\$s/\$/; echo step $step ended with \$?/" "/opt/steps/$step" >&3
		end=$((SECONDS + 700))
		until grep -q "^step $step ended with " /tmp/screen || [ "$SECONDS" -ge "$end" ]; do
			sleep 0.2
		done
	done
	awk 'BEGIN { step = 1 } { print >("/tmp/step-" step) } /^step [0-9] ended with / { step++ }' /tmp/screen
}
ended_well() { grep -q "^step $1 ended with 0$" "/tmp/step-$1"; }
printed() { grep -qE -- "$2" "/tmp/step-$1"; }
stays() { redis-cli -a 'hush hush' --no-auth-warning ACL GETUSER sesskill | grep -q 'client|kill'; }

paste_all
for step in 1 2 3 4 5 6; do
	check "step $step" ended_well "$step"
done
check "the package is there" dpkg --verify sesskill
check "the password is not for everybody" test "$(stat -c '%U:%G %a' /etc/sesskill/password)" = "root:sesskill 640"
check "the account is kept" printed 3 '^OK'
check "the instance is ready" printed 5 '^cache .* ready '
check "somebody was found" printed 6 'matched +1 '
check "and killed" printed 6 'killed +1'
check "the server was restarted" systemctl restart redis-server
check "the account has stayed" wait_for stays
check "the daemon is back in" wait_for is_ready
check "the record says why" says '"reason":"first kill"' "$(cat /var/log/sesskill/audit.jsonl)"
for step in 1 2 3 4 5 6; do
	[ "$failed" -eq 0 ] || { echo "-- step $step"; grep -A3 ERROR "/tmp/step-$step"; tail -n 15 "/tmp/step-$step"; }
done
finish
