"""The soak: see soak.sh. Random, but by a seed that it prints and takes from SESSKILL_SOAK_SEED."""

import contextlib
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "functional"))

import redis  # noqa: E402
from harness import Clients, Daemon, Server, assert_adds_up, wait_until  # noqa: E402
from harness.groups import Cluster, Sentinel  # noqa: E402
from harness.programs import raise_descriptor_limit  # noqa: E402

MINUTES = float(os.environ.get("SESSKILL_SOAK_MINUTES", "10"))
SEED = int(os.environ.get("SESSKILL_SOAK_SEED", random.randrange(1 << 32)))
INSTANCES = ("one", "two", "orders", "cart", "full")
PLACES = 60
GRACE_S = 60


class Soak:
    def __init__(self, stack):
        self.stack = stack
        self.random = random.Random(SEED)
        self.counts = Counter()
        self.crowds = []
        self.one = self.make_server()
        self.two = self.make_server()
        # Never restarted: who is in must stay in, whatever else happens to it.
        self.full = self.make_server(lines=[f"maxclients {PLACES}"], has_least_user=False)
        self.keeper = self.full.redis(socket_timeout=10)
        self.keeper.client_setname("keeper")
        self.primary = self.make_server()
        self.replica = self.make_server(primary=self.primary)
        self.cluster = Cluster(self.make_server, masters=2, replicas=1)
        self.sentinels = [self.make_sentinel() for _ in range(3)]
        self.daemon = Daemon(
            self.directory(),
            [
                {"id": "one", "address": self.one.address},
                {"id": "two", "address": [self.two.address], "protect": ["name = keep"]},
                {
                    "id": "orders",
                    "sentinel": {
                        "master": "orders",
                        "addresses": [sentinel.address for sentinel in self.sentinels],
                    },
                },
                {"id": "cart", "cluster": {"addresses": [self.cluster.masters[0].tcp_address]}},
                self.full_keys(),
            ],
            settings={"defaults": {"command-timeout": "1s"}},
        )
        stack.callback(self.daemon.stop)
        self.daemon.start()

    def directory(self):
        directory = tempfile.mkdtemp(prefix="sesskill-soak-")
        self.stack.callback(shutil.rmtree, directory, ignore_errors=True)
        return directory

    def full_keys(self, **keys):
        return {
            "id": "full", "address": self.full.address, "protect": ["name = keeper"], **keys,
        }  # fmt: skip

    def storm(self):
        """Before the doors of the full server, from now to the end."""
        self.daemon.own_ids("full")
        clients = Clients(self.full, total=200, reconnect=True)
        clients.start()
        self.stack.callback(self.end_crowd, clients)

    def make_server(self, **options):
        server = Server(self.directory(), **options)
        self.stack.callback(server.stop)
        server.start()
        return server

    def make_sentinel(self):
        sentinel = Sentinel(self.directory(), self.primary, "orders", 2)
        self.stack.callback(sentinel.stop)
        return sentinel

    @property
    def servers(self):
        return [self.one, self.two, self.primary, self.replica, *self.cluster.nodes]

    @property
    def standing(self):
        return [*self.servers, self.full]

    # What may happen

    def crowd(self):
        clients = Clients(
            self.random.choice(self.servers),
            total=self.random.randint(100, 250),
            subscribed="20%",
            blocked="10%",
            named={self.random.choice(("leak", "keep", "app")): self.random.randint(1, 50)},
            **({"reconnect": True} if self.random.random() < 0.3 else {}),
        )
        try:
            clients.start()
        except (EOFError, AssertionError, ValueError):
            self.counts["crowds that found nobody"] += 1
        self.crowds.append(clients)
        if len(self.crowds) > 8:
            self.end_crowd(self.crowds.pop(0))

    @staticmethod
    def end_crowd(clients):
        with contextlib.suppress(AssertionError, OSError):
            clients.quit()

    def kill(self):
        parameters = {"timeout": self.random.choice(("1s", "3s", "8s"))}
        if self.random.random() < 0.5:
            parameters["match"] = self.random.choice(
                ("name = leak", "type = pubsub", "age >= 1s", "addr = unix", "user = default")
            )
        if self.random.random() < 0.2:
            parameters["pace"] = "gentle"
        if self.random.random() < 0.2:
            parameters["dry_run"] = True
        if self.random.random() < 0.1:
            parameters["watch"] = "1s"
        instance = self.random.choice(INSTANCES)
        answer = self.daemon.kill(instance, **parameters)
        assert answer.status in (200, 429, 500, 503), answer.text
        if instance == "full":
            self.counts["kills on the full server"] += 1
            self.counts["locked out"] += "max number of clients" in answer.text
        if "nodes" in answer.json and "dry_run" not in parameters:
            assert_adds_up(answer.json)
            self.counts[f"kills: {answer.json['state']}"] += 1

    def hang_up(self):
        self.daemon.begin_kill(self.random.choice(INSTANCES), timeout="3s").hang_up()
        self.counts["callers who hung up"] += 1

    def look(self):
        for target in ("/v1/instances", "/v1/kills", "/metrics", "/v1/instances/one/sessions"):
            assert self.daemon.http("GET", target).status in (200, 503)

    def be_impatient(self):
        for _ in range(5):
            self.daemon.kill("full", timeout="1ms", dry_run=True)
            self.daemon.kill("full", timeout="1ms", match="name = nobody")

    def reload(self):
        """With another key of the full server, that should cost it nothing."""
        keys = self.random.choice(
            ({}, {"command-timeout": "700ms"}, {"connect-timeout": "2s"}, {"pace": "gentle"},
             {"stall-budget": "5ms"}, {"address": [self.full.address]})
        )  # fmt: skip
        with open(self.daemon.config_path, encoding="utf-8") as file:
            config = json.load(file)
        config["instances"][-1] = self.daemon.instance_keys(self.full_keys(**keys))
        self.daemon.write_config(json.dumps(config))
        self.daemon.signal(signal.SIGHUP)
        self.counts["reloads"] += 1

    def restart(self):
        server = self.random.choice([self.one, self.two])
        server.kill()
        server.start()
        self.counts["restarts"] += 1

    def stand_still(self):
        server = self.random.choice(self.standing)
        server.pause_process()
        threading.Timer(self.random.uniform(0.05, 2), server.resume_process).start()
        self.counts["servers that stood still"] += 1

    def fail_over(self):
        with contextlib.suppress(redis.exceptions.RedisError):
            self.sentinels[0].ask("FAILOVER", "orders")
            self.counts["fail-overs"] += 1

    def shoot_the_link(self):
        nodes = self.daemon.instance("one")["nodes"]
        with contextlib.suppress(redis.exceptions.RedisError, IndexError):
            self.one.redis(socket_timeout=2).client_kill_filter(_id=nodes[0]["own_id"] or 1 << 60)
            self.counts["own links shot"] += 1

    def shoot_one_of_two(self):
        """Where nobody gets in any more, while the other one is there."""
        (node,) = self.daemon.instance("full")["nodes"]
        ids = [link["own_id"] for link in node["links"] if link["state"] == "ready"]
        if len(ids) == 2:
            with contextlib.suppress(redis.exceptions.RedisError):
                self.keeper.client_kill_filter(_id=self.random.choice(ids))
                self.counts["own links shot on the full server"] += 1

    def run(self):
        actions = [self.crowd] * 6 + [self.kill] * 12 + [self.hang_up, self.look, self.look]
        actions += [self.reload, self.restart, self.stand_still, self.fail_over]
        actions += [self.shoot_the_link, self.shoot_one_of_two, self.be_impatient]
        self.storm()
        end = time.monotonic() + MINUTES * 60
        while time.monotonic() < end:
            self.random.choice(actions)()
            assert self.daemon.is_running(), self.daemon.explain()

    # What must be true in the end

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.daemon.pid}/fd"))

    def memory_kib(self):
        with open(f"/proc/{self.daemon.pid}/status", encoding="utf-8") as file:
            return int(next(line for line in file if line.startswith("VmRSS")).split()[1])

    def settle(self):
        while self.crowds:
            self.end_crowd(self.crowds.pop())
        wait_until(
            lambda: all(kill["state"] not in ("running", "waiting") for kill in self.daemon.kills()),
            "all kills to end",
            GRACE_S,
        )
        assert self.counts["locked out"] == 0, self.counts["locked out"]
        wait_until(
            lambda: self.daemon.http("GET", "/healthz").status == 200,
            lambda: f"all nodes to be ready: {self.daemon.http('GET', '/healthz').text}",
            GRACE_S,
        )

    def check_sessions(self):
        for instance in INSTANCES:
            report = self.daemon.kill(instance).json
            assert report["state"] == "done", report
        return f"no session too much; locked out: {self.counts['locked out']}"

    def check_descriptors(self, before):
        wait_until(lambda: self.descriptors() <= before, "descriptors to be closed", GRACE_S)
        return f"descriptors: {before} before, {self.descriptors()} after"

    def check_record(self):
        records = self.daemon.audit()
        intents = {r["request_id"] for r in records if r["event"] == "intent"}
        ends = Counter(r["request_id"] for r in records if r["event"] == "outcome")
        assert set(ends) == intents and set(ends.values()) <= {1}
        return f"{len(intents)} intents, each with its outcome"


def main():
    raise_descriptor_limit()
    print(f"seed {SEED}, {MINUTES:g} minutes", flush=True)
    passed = failed = 0
    with contextlib.ExitStack() as stack:
        soak = Soak(stack)
        soak.look()
        soak.settle()
        descriptors, memory = soak.descriptors(), soak.memory_kib()
        checks = [
            ("run", soak.run),
            ("settle", soak.settle),
            ("sessions", soak.check_sessions),
            ("descriptors", lambda: soak.check_descriptors(descriptors)),
            ("record", soak.check_record),
        ]
        for name, check in checks:
            try:
                print(f"ok: {name}: {check() or 'done'}")
                passed += 1
            except AssertionError as error:
                print(f"FAILED: {name}: {error}")
                failed += 1
        for what, n in sorted(soak.counts.items()):
            print(f"  {n:6} {what}")
        print(f"  memory: {memory} KiB before, {soak.memory_kib()} KiB after")
    # The end of the daemon, without a leak, was an assertion of its own.
    print(f"{passed + 1} passed, {failed} failed")
    return 1 if failed else 0


sys.exit(main())
