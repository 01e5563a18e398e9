"""The six steps of README.md, pasted into a shell of root on a host of their own.

The host is made of namespaces: /etc is this one's with changes that nobody else sees, the network is
empty but for a server at 127.0.0.1:6379 that wants a password. Step 1, the package, is the matter of
tests/package.sh: what it leaves behind is put there by hand, and `systemctl` can do what step 5 wants.
"""

import os
import re
import shutil
import subprocess

import pytest

from harness import least_user, programs
from harness.cli import environment
from harness.terminal import Terminal
from test_readme import README

UNSHARE = ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc"]

HOST = r"""
set -e
mount -t tmpfs tmpfs "$HOST"
mkdir -m 755 "$HOST/bin" "$HOST/upper" "$HOST/work" "$HOST/server"
mount -t overlay overlay -o "lowerdir=/etc,upperdir=$HOST/upper,workdir=$HOST/work" /etc
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /var/log
ip link set lo up
"""

# What the package leaves behind.
PACKAGE = r"""
cp "$SESSKILLD" "$SESSKILL" "$HOST/bin"
getent group sesskill >/dev/null || echo 'sesskill:x:64999:' >>/etc/group
getent passwd sesskill >/dev/null || echo 'sesskill:x:64999:64999::/:/bin/false' >>/etc/passwd
mkdir -p /etc/sesskill /etc/redis
install -d -o sesskill -g sesskill /run/sesskill /var/log/sesskill "$HOST/state"
sed -e 's|^  #group: sesskill$|  group: sesskill|' \
    -e 's|^  #file: /var/log/sesskill/audit.jsonl$|  file: /var/log/sesskill/audit.jsonl|' \
    "$ROOT/conf/sesskilld.yaml" >/etc/sesskill/sesskilld.yaml
cat >"$HOST/bin/systemctl" <<'END'
#!/bin/sh
[ "$*" = "reload sesskilld" ] && kill -HUP "$(cat "$HOST/pid")"
END
chmod 755 "$HOST/bin/systemctl"
printf '%s\n' 'port 6379' "dir $HOST/server" 'requirepass "hush hush"' 'daemonize yes' \
    >/etc/redis/redis.conf
"$REDIS_SERVER" /etc/redis/redis.conf >/dev/null
export STATE_DIRECTORY="$HOST/state" PATH="$HOST/bin:$PATH"
setpriv --reuid=sesskill --regid=sesskill --clear-groups sesskilld >"$HOST/log" 2>&1 &
echo $! >"$HOST/pid"
until sesskill instances >/dev/null 2>&1; do :; done
exec bash --norc --noprofile -i
"""


def steps():
    """What is to be pasted in each, by its number."""
    section = README.read_text(encoding="utf-8").split("\n## The first kill")[1].split("\n## ")[0]
    found = {}
    for number, text in re.findall(r"^\*\*(\d)\. (.*?)(?=^\*\*\d\. |\Z)", section, re.M | re.S):
        [block] = re.findall(r"(?:^    .*\n)+", text, re.M)
        found[int(number)] = re.sub(r"^    ", "", block, flags=re.M)
    return found


def variables(directory):
    return environment(
        HOST=directory,
        ROOT=str(programs.ROOT),
        SESSKILLD=str(programs.SESSKILLD),
        SESSKILL=str(programs.SESSKILL),
        REDIS_SERVER=programs.REDIS_SERVER,
        TERM="dumb",  # no marks around what is pasted
    )


def why_not(directory):
    """Why there can be no such host here; None when there can."""
    if os.geteuid() != 0:
        return "not root"
    if shutil.which("unshare") is None or shutil.which("ip") is None:
        return "no unshare, or no ip"
    done = subprocess.run(
        [*UNSHARE, "bash", "-c", HOST], env=variables(directory), capture_output=True, text=True, check=False
    )
    return f"no namespaces: {done.stderr.strip()}" if done.returncode != 0 else None


@pytest.fixture
def shell(make_directory):
    """A shell of root on a host of its own, where the package is installed; paste(text) into it."""
    directory = make_directory()
    os.chmod(directory, 0o755)
    if reason := why_not(directory):
        pytest.skip(reason)
    terminal = Terminal(
        [*UNSHARE, "bash", "-c", HOST + PACKAGE], env=variables(directory), columns=120
    )
    n_pasted = 0

    def paste(text):
        """What it printed, the text itself included."""
        nonlocal n_pasted
        n_pasted += 1
        terminal.type(f"{text}echo pasted-$(({n_pasted} + 0))-$?\n")
        return terminal.expect(f"pasted-{n_pasted}-0\r\n", timeout=60).replace("\r\n", "\n")

    yield paste
    terminal.close()


def test_six_steps():
    assert list(steps()) == [1, 2, 3, 4, 5, 6]
    for text in steps().values():
        done = subprocess.run(["bash", "-n"], input=text, text=True, capture_output=True, check=False)
        assert (done.returncode, done.stderr) == (0, ""), text


def test_the_first_step_is_the_package():
    assert steps()[1].split() == [
        "systemd/package.sh", "&&", "apt-get", "install", "-y", "./sesskill_*.deb"
    ]  # fmt: skip
    assert (programs.ROOT / "systemd/package.sh").exists()


def test_the_account_is_the_least():
    """The same words as in the manual, with what is worth having."""
    pasted = steps()[3].replace("'", " ").replace("\\\n", " ").split("reset on ")[1].split("\n")[0]
    granted = " ".join(least_user.commands("7.0.15", gets_aside=True))
    words = [word for word in granted.split() if word[0] in "+-&"]
    assert pasted.split() == words


def test_as_pasted(shell):
    text = steps()
    shell(text[2])
    printed = shell("stat -c 'is %U:%G %a' /etc/sesskill/password; wc -c </etc/sesskill/password\n")
    assert "is root:sesskill 640\n48\n" in printed
    printed = shell(text[3])
    assert len(re.findall("^OK$", printed, re.M)) == 2, printed
    assert "error" not in shell(text[4])
    printed = shell(text[5])
    assert re.search(r"^cache .* ready ", printed, re.M), printed
    printed = shell(text[6])
    assert re.search(r"dry run, nothing was killed.*matched +1 .*cache: done .*killed +1\n", printed, re.S)
    assert "first kill" in shell("sesskill audit --since 1h\n")
    # The account is kept, and the next restart of the server finds it.
    shell('redis-cli SHUTDOWN NOSAVE; "$REDIS_SERVER" /etc/redis/redis.conf >/dev/null\n')
    shell("until sesskill instances | grep -w ready; do sleep 0.1; done\n")
    shell("sesskill kill cache --match 'name = nobody' --yes\n")
