"""Those whom a kill has ended stay out, at length: see keep-out.sh."""

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

FUNCTIONAL = Path(__file__).parent / "functional"
sys.path.insert(0, str(FUNCTIONAL))

from harness import Daemon, Server, wait_until  # noqa: E402
from harness.knocking import Knockers  # noqa: E402
from harness.lan import Lan  # noqa: E402
from harness.programs import raise_descriptor_limit  # noqa: E402

POOL, OTHER, REPLICA = 1, 2, 3
N_SOURCES = 10
N_BYSTANDERS = 50
OUT_S = 20
BACK_WITHIN_S = 10
READMIT = 200
MOST_READMITTED = 240
PATIENCE_S = 60

results = []


def check(is_so, words):
    results.append(bool(is_so))
    print(f"{'ok' if is_so else 'FAILED'}: {words}", flush=True)


def most_in_a_second(moments):
    most, first = 0, 0
    for last, at in enumerate(moments):
        while moments[first] <= at - 1:
            first += 1
        most = max(most, last - first + 1)
    return most


class World:
    """The hosts, and what runs on them."""

    def __init__(self, stack, n_clients):
        self.stack = stack
        self.lan = stack.enter_context(Lan(3, N_SOURCES))
        self.server = self.start_server(0, ["bind 0.0.0.0 ::", "maxclients 20000"])
        primary = f"{self.lan.server_address(REPLICA)} {self.server.port}"
        self.replica = self.start_server(REPLICA, [f"replicaof {primary}"])
        wait_until(self.replica.is_in_sync, "the replica to be in sync")
        n_v6 = n_clients // 4
        self.pool = [self.knock(POOL, n_clients - n_v6), self.knock(POOL, n_v6, True)]
        self.bystanders = self.knock(OTHER, N_BYSTANDERS, busy=True)
        self.daemon = Daemon(
            self.directory(),
            [{"id": "r-test", "address": self.server.tcp_address}],
            wrapper=self.lan.on(0),
            has_least_user=False,
        )
        stack.callback(self.daemon.stop)
        self.daemon.start()

    def directory(self):
        directory = tempfile.mkdtemp(prefix="sesskill-")
        self.stack.callback(shutil.rmtree, directory)
        return directory

    def start_server(self, host, lines):
        server = Server(
            self.directory(), wrapper=self.lan.on(host), lines=lines, has_least_user=False
        )
        self.stack.callback(server.stop)
        server.start()
        return server

    def knock(self, host, n, is_v6=False, busy=False):
        sources = [self.lan.address(host, number, is_v6) for number in range(N_SOURCES)]
        knockers = Knockers(
            self.lan, host, self.directory(), n, self.server.port, sources, is_v6, is_busy=busy
        )
        self.stack.callback(knockers.end)
        knockers.wait_until_in()
        return knockers

    def entries(self, since):
        return sorted(at for each in self.pool for at in each.events("in", since))

    def n_refused(self, since):
        return sum(len(each.events("refused", since)) for each in self.pool)

    def n_in(self):
        return sum(each.n_in() for each in self.pool)

    def wait_until_back(self, n):
        wait_until(lambda: self.n_in() == n, lambda: f"{n} to be back: {self.n_in()}", PATIENCE_S)


def keep_out(world, n, title, parameters, meanwhile=lambda: None):
    """Kills the pool and follows it until it is back."""
    world.wait_until_back(n)
    pools = f"addr = {world.lan.address(POOL)[:-2]}0/24,{world.lan.address(POOL, 0, True)[:-1]}0/112"
    begun = time.monotonic()
    answer = world.daemon.kill("r-test", match=pools, keep_out=f"{OUT_S}s", **parameters)
    done = time.monotonic()
    report = answer.json
    check(
        answer.status == 200 and report["killed"] == n and report["survivors"] == 0,
        f"{title}: {report.get('killed')} of {n} ended in {(done - begun) * 1000:.0f} ms, "
        f"{answer.status} {report.get('error')}",
    )
    meanwhile()
    world.wait_until_back(n)
    entries = world.entries(done)
    check(
        entries[0] - done >= OUT_S,
        f"{title}: the first one is in {entries[0] - done:.2f} s after the kill; "
        f"{world.n_refused(done)} tries in vain",
    )
    return entries, done


def test_at_once(world, n):
    entries, done = keep_out(world, n, "let in at once", {})
    check(
        entries[n - 1] - entries[0] <= BACK_WITHIN_S,
        f"let in at once: all are back {entries[n - 1] - entries[0]:.2f} s later",
    )


def test_readmitted(world, n):
    entries, done = keep_out(world, n, "readmitted", {"readmit": READMIT})
    most = most_in_a_second(entries[:n])
    check(most <= MOST_READMITTED, f"readmitted: at most {most} in a second, {READMIT} wanted")
    took = entries[n - 1] - entries[0]
    check(took <= max(n / READMIT, 1) * 1.1, f"readmitted: all are back {took:.2f} s later")
    lease = world.daemon.http("GET", "/v1/leases").json["leases"][0]
    for _ in range(2):
        world.daemon.http("DELETE", f"/v1/leases/{lease['id']}")


def test_daemon_killed(world, n):
    def kill():
        world.daemon.kill_process()

    entries, done = keep_out(world, n, "daemon killed", {}, kill)
    check(
        entries[n - 1] - done <= OUT_S + BACK_WITHIN_S,
        f"daemon killed: all are back {entries[n - 1] - done:.2f} s after the kill, by the kernel",
    )
    world.daemon.start()
    wait_until(
        lambda: world.daemon.http("GET", "/v1/leases").json["leases"] == [], "the lease to be over"
    )
    check("ban_" not in world.lan.firewall(), "daemon killed: the next one has cleaned up")


def test_users(name, program):
    """Of a full server; by the test of the suite, which needs no hosts."""
    tests = ["test_on_a_full_server", "test_the_daemon_is_killed_meanwhile"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider",
         *(str(FUNCTIONAL / "test_leases.py") + f"::{test}" for test in tests)],
        env={**os.environ, "REDIS_SERVER": program}, check=False, capture_output=True, text=True,
    )  # fmt: skip
    check(done.returncode == 0, f"users, {name}: {done.stdout.strip().splitlines()[-1]}")


def main():
    n = int(sys.argv[1])
    raise_descriptor_limit()
    with contextlib.ExitStack() as stack:
        world = World(stack, n)
        for test in (test_at_once, test_readmitted, test_daemon_killed):
            test(world, n)
        check(
            world.bystanders.events("out") == [] and world.bystanders.n_in() == N_BYSTANDERS,
            f"{N_BYSTANDERS} bystanders: none lost its session, "
            f"{len(world.bystanders.events('pong'))} answers, the slowest after "
            f"{max(world.bystanders.waits()) * 1000:.0f} ms",
        )
        n_syncs = world.server.redis().info("stats")["sync_full"]
        check(world.replica.is_in_sync() and n_syncs == 1, "the replica was never out of sync")
    for argument in sys.argv[2:]:
        test_users(*argument.split("=", 1))
    print(f"{results.count(True)} passed, {results.count(False)} failed")
    sys.exit(1 if False in results else 0)


main()
