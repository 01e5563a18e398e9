"""Clients that come back for ever, in a process of their own: python3 knocking.py --help."""

import argparse
import errno
import itertools
import os
import random
import selectors
import signal
import socket
import subprocess
import sys
import time

from harness.waiting import wait_until

CONNECTING = (errno.EINPROGRESS, errno.EAGAIN)
PAUSE_S = 0.05
PING = b"PING\r\n"


class Client:
    """One session at a time; told by a line: the time, and `in`, `refused` or `out`.

    A busy one asks again and again: `pong`, and how long that took.
    """

    def __init__(self, selector, source, server, tell, is_busy):
        self._selector, self._source, self._server, self._tell = selector, source, server, tell
        self._is_busy = is_busy
        self._asked = 0
        self._socket = None
        self.is_in = False
        self.ask_at = None
        self.due = time.monotonic() + random.random() * PAUSE_S

    def connect(self):
        self.due = None
        is_v6 = ":" in self._source
        self._socket = socket.socket(socket.AF_INET6 if is_v6 else socket.AF_INET)
        self._socket.setblocking(False)
        self._socket.bind((self._source, 0))
        if self._socket.connect_ex(self._server) not in (0, *CONNECTING):
            self._end()
            return
        self._selector.register(self._socket, selectors.EVENT_WRITE, self)

    def _end(self):
        try:
            self._selector.unregister(self._socket)
        except KeyError:
            pass
        self._socket.close()
        self.ask_at = None
        self._tell("out" if self.is_in else "refused")
        self.is_in = False
        self.due = time.monotonic() + PAUSE_S * (0.5 + random.random())

    def _ask(self):
        self.ask_at = None
        self._asked = time.monotonic()
        self._socket.send(PING)

    def ask_again(self):
        try:
            self._ask()
        except OSError:
            self._end()

    def on_event(self):
        try:
            if self._selector.get_key(self._socket).events == selectors.EVENT_WRITE:
                if self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) != 0:
                    self._end()
                    return
                self._ask()
                self._selector.modify(self._socket, selectors.EVENT_READ, self)
                return
            text = self._socket.recv(256)
        except OSError:
            self._end()
            return
        if not text:
            self._end()
        elif not self.is_in:
            self.is_in = True
            self._tell("in")
        if text and self._is_busy:
            self._tell(f"pong {time.monotonic() - self._asked:.6f}")
            self.ask_at = time.monotonic() + PAUSE_S


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--busy", action="store_true")
    parser.add_argument("n", type=int)
    parser.add_argument("host")
    parser.add_argument("port", type=int)
    parser.add_argument("sources", nargs="+")
    options = parser.parse_args()
    selector = selectors.DefaultSelector()

    def tell(what):
        sys.stdout.write(f"{time.monotonic():.6f} {what}\n")

    clients = [
        Client(selector, source, (options.host, options.port), tell, options.busy)
        for source in itertools.islice(itertools.cycle(options.sources), options.n)
    ]
    while True:
        now = time.monotonic()
        for client in clients:
            if client.due is not None and client.due <= now:
                client.connect()
            elif client.ask_at is not None and client.ask_at <= now:
                client.ask_again()
        for key, _ in selector.select(0.01):
            key.data.on_event()
        sys.stdout.flush()


class Knockers:
    """`n` such clients on a host of a Lan; what they say goes to a file in `directory`."""

    def __init__(self, lan, host, directory, n, port, sources, is_v6=False, is_busy=False):
        self._path = f"{directory}/knocks-{host}-{is_v6}"
        self.n = n
        with open(self._path, "wb") as out:
            self._process = subprocess.Popen(
                [*lan.on(host), sys.executable, "-m", "harness.knocking",
                 *(["--busy"] if is_busy else []), str(n),
                 lan.server_address(host, is_v6), str(port), *sources],
                stdout=out, stderr=subprocess.DEVNULL,
                env={**os.environ, "PYTHONPATH": os.path.dirname(os.path.dirname(__file__))},
            )  # fmt: skip

    def events(self, what, since=0):
        """The moments of those since then, as time.monotonic() tells them."""
        return [at for at, said, *_ in self._lines() if said == what and at >= since]

    def _lines(self):
        with open(self._path, encoding="utf-8") as file:
            for line in file:
                if line.endswith("\n"):
                    at, *words = line.split()
                    yield float(at), *words

    def waits(self):
        """How long each answer took."""
        return [float(words[0]) for _, said, *words in self._lines() if said == "pong"]

    def n_in(self):
        return len(self.events("in")) - len(self.events("out"))

    def wait_until_in(self):
        wait_until(lambda: self.n_in() == self.n, lambda: f"all of {self.n} to be in: {self.n_in()}")

    def end(self):
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()


if __name__ == "__main__":
    main()
