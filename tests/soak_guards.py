"""The soak of guards: see soak.sh. A pool that leaks, and a guard that keeps its server open."""

import contextlib
import json
import os
import shutil
import signal
import socket
import sys
import tempfile
import time
from collections import deque
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "functional"))

from harness import Daemon, Server, wait_until  # noqa: E402
from harness.programs import raise_descriptor_limit  # noqa: E402

MINUTES = float(os.environ.get("SESSKILL_SOAK_MINUTES", "10"))
PLACES = 5000
LEAKS_PER_S = 200
N_BUSY = 50
TURN_S = 0.05
HELD_S = 3
MOST_STARTING_S = 120  # no guard acts in the first minute of a daemon
GUARDS = [
    {
        "name": "keeps-open", "instances": ["leaking"], "when": {"clients": "> 60%"},
        "for": "0s", "every": "2s", "match": ["name = leaky", "idle > 4s"],
        "goal": {"free": 3500}, "action": "kill",
    },
    {
        "name": "limited", "instances": ["limited"], "when": {"matched": "> 0"},
        "for": "0s", "every": "1s", "match": ["name = leaky"], "action": "kill", "at-most": "3/h",
    },
]  # fmt: skip


class Leak:
    """Connections that nobody closes, so many a second; and some that are in use."""

    def __init__(self, path):
        self.path = path
        self.idle = deque()
        self.owed = 0.0
        self.n_opened = 0
        self.refused = 0
        self.busy = [self.open() for _ in range(N_BUSY)]
        self.busy_lost = 0

    def open(self):
        client = socket.socket(socket.AF_UNIX)
        client.connect(self.path)
        client.sendall(b"CLIENT SETNAME leaky\r\n")
        if not client.recv(64).startswith(b"+OK"):
            self.refused += 1
        return client

    def turn(self, seconds):
        self.owed += LEAKS_PER_S * seconds
        for _ in range(int(self.owed)):
            self.idle.append(self.open())
            self.n_opened += 1
        self.owed -= int(self.owed)
        for client in self.busy:
            try:
                client.sendall(b"PING\r\n")
                self.busy_lost += client.recv(64) != b"+PONG\r\n"
            except OSError:
                self.busy_lost += 1
        # The descriptors of those that were ended.
        while len(self.idle) > PLACES:
            self.idle.popleft().close()

    def close(self):
        for client in [*self.idle, *self.busy]:
            client.close()


class Soak:
    def __init__(self, stack):
        self.stack = stack
        self.leaking = self.make_server(f"maxclients {PLACES}")
        self.limited = self.make_server()
        directory = self.directory()
        instances = [
            {"id": "leaking", "address": self.leaking.address},
            {"id": "limited", "address": self.limited.address},
        ]
        self.daemon = Daemon(directory, instances, settings={"guards": GUARDS})
        stack.callback(self.daemon.stop)
        self.daemon.start()
        self.failures = []
        self.passed = 0

    def directory(self):
        directory = tempfile.mkdtemp(prefix="sesskill-soak-")
        self.stack.callback(shutil.rmtree, directory, ignore_errors=True)
        return directory

    def make_server(self, *lines):
        server = Server(self.directory(), lines=lines)
        self.stack.callback(server.stop)
        server.start()
        return server

    def check(self, what, is_so, seen):
        self.passed += bool(is_so)
        if not is_so:
            self.failures.append(what)
        print(f"{what:34} {'ok' if is_so else 'FAILED':7} {seen}", flush=True)

    def guard(self, name):
        guards = self.daemon.http("GET", "/v1/guards").json["guards"]
        return next(guard for guard in guards if guard["name"] == name)

    def acts(self, name):
        return [
            line for line in self.daemon.audit("guard")
            if line["guard"] == name and line["what"] == "kill"
        ]  # fmt: skip

    def leak_on(self, leak, seconds):
        until = time.monotonic() + seconds
        last = time.monotonic()
        while time.monotonic() < until:
            now = time.monotonic()
            leak.turn(now - last)
            last = now
            time.sleep(TURN_S)

    def hold(self, leak):
        """Right behind an act, when there is room for so long."""
        n_before = len(self.acts("keeps-open"))
        while len(self.acts("keeps-open")) == n_before:
            self.leak_on(leak, 0.2)
        self.daemon.http("POST", "/v1/guards/hold")
        wait_until(lambda: self.guard("keeps-open")["state"] != "acting", "the end of the last act")
        n_before = len(self.acts("keeps-open"))
        self.leak_on(leak, HELD_S)
        n_after = len(self.acts("keeps-open"))
        self.daemon.http("POST", "/v1/guards/resume")
        return n_after - n_before

    def provoke(self):
        with contextlib.suppress(OSError):
            one = socket.socket(socket.AF_UNIX)
            one.connect(self.limited.unix_path)
            one.sendall(b"CLIENT SETNAME leaky\r\n")
            one.recv(64)
            return one

    def run(self):
        provoked = [self.provoke()]
        wait_until(lambda: self.guard("limited")["acts"] > 0, "an act", MOST_STARTING_S)
        leak = Leak(self.leaking.unix_path)
        self.stack.callback(leak.close)
        begun = time.monotonic()
        n_held = held_acts = most = 0
        while time.monotonic() - begun < MINUTES * 60:
            self.leak_on(leak, 10)
            most = max(most, self.leaking.redis().info("clients")["connected_clients"])
            provoked.append(self.provoke())
            if n_held < 3:
                n_held += 1
                held_acts += self.hold(leak)
            self.daemon.signal(signal.SIGHUP)
        seconds = time.monotonic() - begun
        self.judge(leak, seconds, most, held_acts)

    def judge(self, leak, seconds, most, held_acts):
        info = self.leaking.redis().info("all")
        guard = self.guard("keeps-open")
        refused = info["rejected_connections"]
        self.check("nobody is refused", refused == leak.refused == 0, f"{refused}; {leak.n_opened} opened")
        self.check("places taken at the most", most < PLACES, f"{most} of {PLACES}, seen each 10 s")
        self.check("those in use are untouched", leak.busy_lost == 0, f"{N_BUSY} of them")
        self.check("the guard acts", guard["acts"] > seconds / 30, f"{guard['acts']} kills, {guard['killed']} sessions")
        self.check("held: no act", held_acts == 0, "3 times")
        # Restarted as well: what it has done is not forgotten.
        self.daemon.stop()
        self.daemon.start()
        back = self.provoke()
        wait_until(lambda: self.guard("limited")["state"] == "spent", "its limit", MOST_STARTING_S)
        back.close()
        n = len(self.acts("limited"))
        self.check("at-most, over reload and restart", n == 3, f"{n} kills in {seconds:.0f} s")
        listings = info.get("cmdstat_client|list") or info.get("cmdstat_client") or {"usec": 0}
        looks = info["cmdstat_info"]["usec"]
        print(f"cost of looking: INFO {looks / seconds / 10000:.3f} %, listings (those of the kills "
              f"included) {listings['usec'] / seconds / 10000:.3f} % of the server's time")  # fmt: skip


def main():
    raise_descriptor_limit()
    with contextlib.ExitStack() as stack:
        soak = Soak(stack)
        soak.run()
    print(f"{soak.passed} passed, {len(soak.failures)} failed")
    return 1 if soak.failures else 0


if __name__ == "__main__":
    print(json.dumps(GUARDS), file=sys.stderr)
    sys.exit(main())
