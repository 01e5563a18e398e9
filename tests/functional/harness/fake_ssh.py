"""`ssh` as a script that comes first in PATH: runs the command on this host, as sshd would.

A host is a file of lines of shell, read before the command: where its daemon is, or why it never
comes to that.
"""

import os
from pathlib import Path

from harness import programs
from harness.cli import environment

SCRIPT = """\
#!/bin/sh
printf '%s\\n' "$*" >>"$FAKE_SSH/calls"
while [ "$1" != -- ]; do
	shift
done
host=$2
shift 2
unset SESSKILL_HOST SESSKILL_SOCKET
. "$FAKE_SSH/hosts/$host"
# As sshd does it: one text, which a shell of the account understands.
exec sh -c "$*"
"""


class FakeSsh:
    def __init__(self, directory):
        self._directory = Path(directory)
        self._bin = self._directory / "bin"
        self._bin.mkdir()
        (self._directory / "hosts").mkdir()
        (self._directory / "calls").touch()
        script = self._bin / "ssh"
        script.write_text(SCRIPT, encoding="utf-8")
        script.chmod(0o755)
        (self._bin / "sesskill").symlink_to(programs.SESSKILL)

    def add(self, name, daemon=None, lines=""):
        """A host whose daemon is this one, after these lines of shell."""
        socket = f"export SESSKILL_SOCKET='{daemon.socket_path}'\n" if daemon else ""
        path = self._directory / "hosts" / name
        path.write_text(f"{socket}{lines}\n", encoding="utf-8")

    def add_hanging(self, name):
        """Its process waits for ever; it is in pids()."""
        fifo = self._directory / "never"
        if not fifo.exists():
            os.mkfifo(fifo)
        lines = f"echo $$ >>'{self._directory}/pids'\nexec cat '{fifo}'"
        self.add(name, lines=lines)

    def pids(self):
        try:
            text = (self._directory / "pids").read_text(encoding="utf-8")
        except FileNotFoundError:
            return []
        return [int(line) for line in text.split()]

    def calls(self):
        """The arguments of each call, as one text."""
        return (self._directory / "calls").read_text(encoding="utf-8").splitlines()

    def environment(self, **more):
        path = f"{self._bin}:{os.environ['PATH']}"
        return environment(**{"PATH": path, "FAKE_SSH": str(self._directory), **more})
