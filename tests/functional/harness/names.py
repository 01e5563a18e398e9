"""A host with names of its own: its /etc/hosts, resolv.conf, nsswitch.conf, name servers. Root only."""

import contextlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

from harness.waiting import DEFAULT_TIMEOUT_S, LineReader

NAME_SERVER = Path(__file__).with_name("name_server.py")
FILES = ("hosts", "resolv.conf", "nsswitch.conf")
# Says so when the files are in place, and holds the namespaces until it is told to end.
HOLDER = """
ip link set lo up
for name in {files}; do mount --bind "$1/$name" "/etc/$name"; done
echo ready
read -r _
"""


def why_not():
    """Why there can be no such host here; None when there can."""
    if os.geteuid() != 0:
        return "not root"
    for program in ("ip", "unshare", "nsenter"):
        if shutil.which(program) is None:
            return f"no {program}"
    probe = ["unshare", "--mount", "--net", "ip", "link", "set", "lo", "up"]
    done = subprocess.run(probe, capture_output=True, text=True, timeout=10, check=False)
    return None if done.returncode == 0 else f"no namespaces: {done.stderr.strip()}"


class Names:
    """Namespaces of mounts and of the network, in which only the loopback addresses are.

    Programs run in it behind `wrapper`.
    """

    def __init__(self, directory):
        self._directory = directory
        self._holder = None
        self._servers = contextlib.ExitStack()
        self.wrapper = None
        self.set_hosts()
        self.set_name_servers()
        self._write("nsswitch.conf", "hosts: files dns\n")

    def _write(self, name, text):
        """In place: the mount is of this very file."""
        with open(f"{self._directory}/{name}", "w", encoding="utf-8") as file:
            file.write(text)

    def set_hosts(self, *lines):
        self._write("hosts", "".join(f"{line}\n" for line in ("127.0.0.1 localhost", *lines)))

    def set_name_servers(self, *addresses):
        """One that is silent is given a second, as it is by libc: 5 by default."""
        lines = [f"nameserver {address}" for address in addresses]
        self._write("resolv.conf", "\n".join([*lines, "options timeout:1 attempts:2\n"]))

    def __enter__(self):
        script = HOLDER.format(files=" ".join(FILES))
        self._holder = subprocess.Popen(
            ["unshare", "--mount", "--net", "sh", "-ec", script, "sh", self._directory],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self._expect_ready(self._holder)
        self.wrapper = [
            "nsenter", f"--target={self._holder.pid}", "--mount", "--net",
            f"--wd={os.getcwd()}", "--",
        ]  # fmt: skip
        return self

    def __exit__(self, *_):
        self._servers.close()
        self._holder.communicate(timeout=DEFAULT_TIMEOUT_S)

    @staticmethod
    def _expect_ready(process):
        assert LineReader(process.stdout.fileno()).read_line() == "ready"

    def run_name_server(self, address, *behaviour):
        """At `address`, until the end: see name_server.py."""
        process = subprocess.Popen(
            [*self.wrapper, sys.executable, str(NAME_SERVER), address, *behaviour],
            stdout=subprocess.PIPE,
        )
        self._servers.callback(process.communicate)
        self._servers.callback(process.kill)
        self._expect_ready(process)

    def program(self, directory, program):
        """A program that runs `program` over there."""
        path = f"{directory}/over-there"
        with open(path, "w", encoding="utf-8") as file:
            file.write(f'#!/bin/sh\nexec {" ".join(self.wrapper)} {program} "$@"\n')
        os.chmod(path, 0o755)
        return path
