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

# paste_in STEP: into an interactive shell of root; its last status is that of the step.
paste_in() {
	{
		cat "/opt/steps/$1"
		echo 'exit $?'
	} >/tmp/pasted
	bash --norc --noprofile -i </tmp/pasted >"/tmp/step-$1" 2>&1
}
printed() { grep -qE -- "$2" "/tmp/step-$1"; }
stays() { redis-cli -a 'hush hush' --no-auth-warning ACL GETUSER sesskill | grep -q 'client|kill'; }

for step in 1 2 3 4 5 6; do
	check "step $step" paste_in "$step"
	tail -n 25 "/tmp/step-$step" >/tmp/check.log
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
