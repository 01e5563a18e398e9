"""A host for the servers and the daemon, and others that reach it, each by a cable. Root only."""

import contextlib
import os
import random
import subprocess

from harness.network import ip

V4 = "198.18.{}.{}"
V6 = "fd73:7365:7373::{:x}:{:x}"


class Lan:
    """Hosts are network namespaces; number 0 is in the middle, and all others know only that.

    Each host has `n_addresses` addresses of each family; those of host H begin with address(H).
    """

    def __init__(self, n_hosts, n_addresses=1):
        mark = f"{os.getpid()}-{random.randrange(1 << 20):x}"
        self._names = [f"sesskill-{mark}-{number}" for number in range(n_hosts + 1)]
        self._n_addresses = n_addresses

    def __enter__(self):
        with contextlib.ExitStack() as undo:
            for name in self._names:
                ip("netns", "add", name)
                undo.callback(ip, "netns", "del", name)
                ip("-n", name, "link", "set", "lo", "up")
            for host in range(1, len(self._names)):
                self._lay_cable(host)
            self._undo = undo.pop_all()
        return self

    def __exit__(self, *_):
        self._undo.close()

    @staticmethod
    def address(host, number=0, is_v6=False):
        """Of a host that is not the middle."""
        return (V6 if is_v6 else V4).format(host, 10 + number)

    @staticmethod
    def server_address(host, is_v6=False):
        """That of the middle, as that host reaches it."""
        return (V6 if is_v6 else V4).format(host, 1)

    def _lay_cable(self, host):
        middle, far = self._names[0], self._names[host]
        end = f"eth{host}"
        ip("-n", middle, "link", "add", end, "type", "veth", "peer", "name", "eth0", "netns", far)
        self._number(middle, end, self.server_address(host), self.server_address(host, True))
        for number in range(self._n_addresses):
            self._number(far, "eth0", self.address(host, number), self.address(host, number, True))
        ip("-n", middle, "link", "set", end, "up")
        ip("-n", far, "link", "set", "eth0", "up")

    @staticmethod
    def _number(name, end, v4, v6):
        ip("-n", name, "addr", "add", f"{v4}/24", "dev", end)
        # Without waiting for somebody else who has it.
        ip("-n", name, "addr", "add", f"{v6}/112", "dev", end, "nodad")

    def on(self, host):
        """What starts a program there, to be put in front of it."""
        return ["ip", "netns", "exec", self._names[host]]

    def nft(self, *words):
        """In the middle; what it prints."""
        argv = [*self.on(0), "nft", *words]
        return subprocess.run(argv, check=True, capture_output=True, text=True).stdout

    def firewall(self):
        return self.nft("list", "ruleset")

    def flush_firewall(self):
        self.nft("flush", "ruleset")
