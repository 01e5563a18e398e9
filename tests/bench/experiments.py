"""The experiments. Each returns plain numbers: what they mean for the targets is said in
targets.py, how they look in table.py and chart.py."""

import contextlib
import statistics
from dataclasses import dataclass, field

import sides
from harness import Clients, Daemon, Server, wait_until
from harness.crowd import Crowd
from rig import Pinger, ask, directory, memory_kib, running

LEAK = "match=name%20%3D%20leak"
GENTLE = f"{LEAK}&pace=gentle&stall_budget=10ms"


@dataclass(frozen=True)
class Effort:
    """How much is measured."""

    sizes: tuple = (1000, 5000, 10000, 18000)
    rounds: int = 5
    xargs_max: int = 1000
    million: int = 1000000
    fleet: int = 64
    fleet_sessions: int = 200

    @property
    def largest(self):
        return self.sizes[-1]

    @property
    def n_leaked(self):
        return self.largest * 8 // 9


QUICK = Effort(sizes=(500, 2000), rounds=1, xargs_max=500, million=50000, fleet=8)


@dataclass
class Series:
    """What was measured in the rounds, and the middle of it."""

    values: list = field(default_factory=list)

    @property
    def median(self):
        return statistics.median(self.values)


def in_turn(names, round_number):
    """Another one begins each round, so that none is always behind the same one."""
    shift = round_number % len(names)
    return names[shift:] + names[:shift]


# ---- kill all ----

ALL_SIDES = {
    "sesskill": sides.sesskill,
    "floor": sides.floor,
    "CLIENT KILL TYPE": sides.cli_by_type,
    "script --pipe": sides.script_pipe,
    "script": sides.script,
    "xargs": sides.xargs,
}


def kill_all(rig, effort, say):
    """{size: {side: Series}} in seconds."""
    results = {}
    for size in effort.sizes:
        names = [name for name in ALL_SIDES if name != "xargs" or size <= effort.xargs_max]
        results[size] = {name: Series() for name in names}
        for number in range(effort.rounds):
            for name in in_turn(names, number):
                with rig.sessions(size):
                    results[size][name].values.append(ALL_SIDES[name](rig))
        say(f"all {size}", results[size])
    return results


# ---- by name ----


def _watched(rig, query):
    pinger = Pinger(rig.server)
    seconds, report = rig.kill(query)
    seen = pinger.stop()
    return seconds, seen["longest_us"] / 1e6, report["nodes"][0]["max_stall_ms"] / 1e3


def kill_by_name(rig, effort, say):
    """{measure: Series} in seconds; `fast` and `gentle` are with a bystander that pings."""
    names = ["sesskill", "floor", "fast", "gentle"]
    extra = [f"{name}, {what}" for name in ("fast", "gentle") for what in ("ping", "stall")]
    results = {name: Series() for name in names + extra}
    for number in range(effort.rounds):
        for name in in_turn(names, number):
            with rig.sessions(effort.largest, named={"leak": effort.n_leaked}):
                if name == "floor":
                    results[name].values.append(sides.floor_by_name(rig, "leak"))
                elif name == "sesskill":
                    results[name].values.append(rig.kill(LEAK)[0])
                else:
                    found = _watched(rig, LEAK if name == "fast" else GENTLE)
                    keys = (name, f"{name}, ping", f"{name}, stall")
                    for key, value in zip(keys, found):
                        results[key].values.append(value)
    say(f"{effort.n_leaked} of {effort.largest} by name", results)
    return results


# ---- a million sessions ----


def _kill_crowd(n, query):
    """(seconds, KiB at the peak) of a fresh daemon."""
    with contextlib.ExitStack() as stack:
        path = stack.enter_context(directory())
        crowd = stack.enter_context(running(Crowd(path, n)))
        instance = {"id": "bench", "address": crowd.address}
        daemon = stack.enter_context(running(Daemon(path, [instance])))
        target = f"/v1/instances/bench/kill?{query}&timeout=120s"
        ((status, seconds, report),) = ask(daemon, target)
        assert status == 200 and report["survivors"] == 0 and report["found"] == n + 1, report
        return seconds, memory_kib(daemon.pid, "VmHWM")


def kill_million(effort, say):
    """{query: {seconds: Series, kib: Series}}"""
    results = {}
    for name, query in (("all", "all=true"), ("name", LEAK)):
        seconds, kib = Series(), Series()
        for _ in range(effort.rounds):
            took, peak = _kill_crowd(effort.million, query)
            seconds.values.append(took)
            kib.values.append(peak)
        results[name] = {"seconds": seconds, "kib": kib}
        say(f"{effort.million} sessions, {name}", {"time": seconds})
    return results


# ---- a fleet ----

FLEET_LINES = ["maxclients 1000", "repl-backlog-size 16kb", "databases 1"]


@contextlib.contextmanager
def _fleet_sessions(servers, n):
    with contextlib.ExitStack() as stack:
        all_clients = []
        for server in servers:
            clients = Clients(server, total=n)
            all_clients.append(stack.enter_context(running(clients)))
            assert clients.n_ready == n
        for clients in all_clients:
            clients.pause_process()
        try:
            yield
        finally:
            for clients in all_clients:
                clients.resume_process()


def _kill_fleet(daemon, n, how):
    targets = [f"/v1/instances/r-{i}/kill?all=true&timeout=20s" for i in range(n)]
    return ask(daemon, *targets, how=how)


def _last_good(answers):
    """When the last of them had ended all that it should."""
    good = [seconds for status, seconds, _ in answers if status == 200]
    return len(good), max(good)


def _measure_fleet(servers, daemon, effort, name):
    stopped = servers[0] if name == "one stopped" else None
    with _fleet_sessions(servers, effort.fleet_sessions):
        wait_until(lambda: daemon.http("GET", "/healthz").status == 200, "the daemon to be ready")
        if stopped is not None:
            stopped.pause_process()
        try:
            how = "--in-turn" if name == "in turn" else "--at-once"
            n_good, seconds = _last_good(_kill_fleet(daemon, len(servers), how))
        finally:
            if stopped is not None:
                stopped.resume_process()
    assert n_good == len(servers) - (stopped is not None)
    return seconds


def kill_fleet(kind, effort, say):
    """{in turn, at once, one stopped: Series} in seconds."""
    with contextlib.ExitStack() as stack:
        servers = []
        for _ in range(effort.fleet):
            path = stack.enter_context(directory())
            server = Server(path, tcp=False, lines=FLEET_LINES, program=kind.server)
            servers.append(stack.enter_context(running(server)))
        instances = [{"id": f"r-{i}", "address": s.address} for i, s in enumerate(servers)]
        settings = {"control": {"max-connections": 2 * effort.fleet}}
        path = stack.enter_context(directory())
        daemon = stack.enter_context(running(Daemon(path, instances, settings=settings)))
        results = {name: Series() for name in ("in turn", "at once", "one stopped")}
        for number in range(effort.rounds):
            for name in in_turn(list(results), number):
                results[name].values.append(_measure_fleet(servers, daemon, effort, name))
        say(f"{effort.fleet} servers", results)
        return results
