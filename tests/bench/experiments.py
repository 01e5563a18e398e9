"""The experiments. Each returns plain numbers: what they mean for the targets is said in
targets.py, how they look in table.py and chart.py."""

import contextlib
import statistics
import time
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime

import sides
from harness import Clients, Daemon, Server, wait_until
from harness.crowd import Crowd
from rig import Pinger, ask, directory, memory_kib, running

BY_NAME = "match=name%20%3D%20leak"
PACE = "pace=gentle&stall_budget=10ms"
LEAK = f"{BY_NAME}&via=protocol"
GENTLE = f"{LEAK}&{PACE}"


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


def _watched(rig, act):
    """What `act` returns, and the longest round trip of a bystander meanwhile."""
    pinger = Pinger(rig.server)
    result = act()
    return result, pinger.stop()["longest_us"] / 1e6


def _kill_watched(rig, query):
    (seconds, report), ping = _watched(rig, lambda: rig.kill(query))
    return {"": seconds, ", ping": ping, ", stall": report["nodes"][0]["max_stall_ms"] / 1e3}


def _list_watched(rig):
    """Twice: what the server looks up for its first listing of a session, it remembers."""
    first, first_ping = _watched(rig, lambda: sides.listing(rig))
    again, again_ping = _watched(rig, lambda: sides.listing(rig))
    return {"": first, ", ping": first_ping, " again": again, " again, ping": again_ping}


def _listed_before(rig):
    sides.listing(rig)
    return _kill_watched(rig, GENTLE)


def _measure_in_turn(rig, effort, sides_of):
    """{name + suffix: Series}: in each round all sides, each on sessions of its own."""
    results = defaultdict(Series)
    for number in range(effort.rounds):
        for name in in_turn(list(sides_of), number):
            with rig.sessions(effort.largest, named={"leak": effort.n_leaked}):
                for suffix, value in sides_of[name](rig).items():
                    results[name + suffix].values.append(value)
    return results


BY_NAME_SIDES = {
    "sesskill": lambda rig: {"": rig.kill(LEAK)[0]},
    "floor": lambda rig: {"": sides.floor_by_name(rig, "leak")},
    "fast": lambda rig: _kill_watched(rig, LEAK),
    "gentle": lambda rig: _kill_watched(rig, GENTLE),
    "listed before, gentle": _listed_before,
    "listing": _list_watched,
}


def kill_by_name(rig, effort, say):
    """{measure: Series} in seconds. All but the first two are with a bystander that pings: the
    measures `..., ping` are its longest round trip."""
    results = _measure_in_turn(rig, effort, BY_NAME_SIDES)
    say(f"{effort.n_leaked} of {effort.largest} by name", results)
    return results


# ---- by the kernel ----


def _begin_of_kill(report):
    """Of its commands, by the monotonic clock; the report has it to the millisecond."""
    started = datetime.fromisoformat(report["started_at"].replace("Z", "+00:00")).timestamp()
    phases = report["nodes"][0]["phases_ms"]
    return started - time.time() + time.monotonic() + (phases["list"] + phases["plan"]) / 1e3


def _kill_pinged(rig, query):
    """The time, a bystander's longest ping, and that of those which began behind the listing."""
    pinger = Pinger(rig.server)
    seconds, report = rig.kill(query)
    seen = pinger.stop()
    begin_us = 1e6 * _begin_of_kill(report)
    late = [us for begun_us, us in seen["long"] if begun_us >= begin_us]
    return {
        "": seconds,
        ", ping": seen["longest_us"] / 1e6,
        ", ping while killing": max(late, default=0) / 1e6,
    }


KERNEL_SIDES = {
    "floor": lambda rig: {"": sides.floor_by_name(rig, "leak")},
    "protocol": lambda rig: _kill_pinged(rig, LEAK),
    "kernel": lambda rig: _kill_pinged(rig, BY_NAME),
    "protocol, gentle": lambda rig: _kill_pinged(rig, GENTLE),
    "kernel, gentle": lambda rig: _kill_pinged(rig, f"{BY_NAME}&{PACE}"),
    "all by TYPE": lambda rig: _kill_pinged(rig, "all=true&via=protocol"),
    "all, gentle": lambda rig: _kill_pinged(rig, f"all=true&{PACE}"),
}


def kill_by_kernel(rig, effort, say):
    """{measure: Series} in seconds: `kernel` is what the daemon chooses by itself."""
    results = _measure_in_turn(rig, effort, KERNEL_SIDES)
    say(f"{effort.n_leaked} of {effort.largest}, by the kernel", results)
    return results


# ---- a million sessions ----


def _kill_crowd(n, query):
    """(seconds, KiB at the peak) of a fresh daemon."""
    with contextlib.ExitStack() as stack:
        path = stack.enter_context(directory())
        crowd = stack.enter_context(running(Crowd(path, n)))
        # It takes one connection at a time.
        instance = {"id": "bench", "address": crowd.address, "links": 1}
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
