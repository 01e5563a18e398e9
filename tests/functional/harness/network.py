"""A host of its own for a server, at the other end of a cable that can be pulled. Root only."""

import contextlib
import os
import random
import shutil
import subprocess

# For networks between test hosts (RFC 2544); nothing else is ever there.
ADDRESS = "198.18.{}.{}"
MAX_TRIES = 20


def ip(*words):
    return subprocess.run(
        ["ip", *words], check=True, capture_output=True, text=True, timeout=10
    ).stdout


def why_not():
    """Why there can be no such host here; None when there can."""
    if os.geteuid() != 0:
        return "not root"
    if shutil.which("ip") is None:
        return "no ip"
    try:
        with Host():
            return None
    except subprocess.CalledProcessError as error:
        return f"no network namespaces: {error.stderr.strip()}"


class Host:
    """A network namespace with a cable to this one."""

    def __init__(self):
        self.name = f"sesskill-{os.getpid()}-{random.randrange(1 << 20):x}"
        self._cable = f"sk{random.randrange(1 << 32):x}"
        self.address = None

    def __enter__(self):
        with contextlib.ExitStack() as undo:
            ip("netns", "add", self.name)
            undo.callback(ip, "netns", "del", self.name)
            ip("link", "add", self._cable, "type", "veth", "peer", "name", "eth0",
               "netns", self.name)  # fmt: skip
            self._number()
            ip("-n", self.name, "link", "set", "lo", "up")
            ip("-n", self.name, "link", "set", "eth0", "up")
            self.plug()
            self._undo = undo.pop_all()
        return self

    def __exit__(self, *_):
        """The cable goes with its end over there."""
        self._undo.close()

    def _number(self):
        """Addresses that no other run of the tests has at the moment."""
        for _ in range(MAX_TRIES):
            block, net = random.randrange(256), 4 * random.randrange(64)
            near, far = (ADDRESS.format(block, net + i) for i in (1, 2))
            if near not in ip("-4", "addr"):
                break
        ip("addr", "add", f"{near}/30", "dev", self._cable)
        ip("-n", self.name, "addr", "add", f"{far}/30", "dev", "eth0")
        self.address = far

    def plug(self):
        ip("link", "set", self._cable, "up")

    def pull(self):
        """Nothing arrives any more, and nobody is told."""
        ip("-n", self.name, "link", "set", "eth0", "down")

    def plug_again(self):
        ip("-n", self.name, "link", "set", "eth0", "up")

    def program(self, directory, program):
        """A program that runs `program` over there."""
        path = f"{directory}/over-there"
        with open(path, "w", encoding="utf-8") as file:
            file.write(f'#!/bin/sh\nexec ip netns exec {self.name} {program} "$@"\n')
        os.chmod(path, 0o755)
        return path
