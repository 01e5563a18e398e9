"""What the project wants to reach, with what was measured. A target is met or it is not: none is
bent. Measurements that were not made give no rows."""

from dataclasses import dataclass

MIB = 1024

QUERY_WORDS = {"all": "type", "name": "id"}


@dataclass(frozen=True)
class Target:
    what: str
    limit: str
    measured: str
    is_met: bool


def _ratio(what, value, limit):
    return Target(what, f"≤ {limit}", f"{value:.2f}", value <= limit)


def _memory(what, kib, limit_mib):
    return Target(what, f"≤ {limit_mib} MB", f"{kib / MIB:.1f} MB", kib <= limit_mib * MIB)


def _of_kill_all(label, by_size):
    size = max(by_size)
    sides = by_size[size]
    took = sides["sesskill"].median
    yield _ratio(f"{label}: all of {size:,}, to the floor", took / sides["floor"].median, 1.15)
    if label.startswith("Redis"):
        for script in ("script", "script --pipe"):
            yield _to_script(f"{label}: all of {size:,}", sides, script)


def _to_script(what, sides, script):
    """Where the floor itself is above the limit, nothing that verifies can be below."""
    ratio = sides["sesskill"].median / sides[script].median
    lowest = sides["floor"].median / sides[script].median
    measured = f"{ratio:.2f} (the floor: {lowest:.2f})"
    return Target(f"{what}, to the {script}", "≤ 0.25", measured, ratio <= 0.25)


def _of_kill_by_name(label, results, effort):
    what = f"{label}: {effort.n_leaked:,} of {effort.largest:,} by name"
    ratio = results["sesskill"].median / results["floor"].median
    yield _ratio(f"{what}, to the floor", ratio, 1.15)
    longest_ms = 1e3 * results["gentle, ping"].median
    what = f"{what}, gentle with a budget of 10 ms: a bystander's longest ping"
    yield Target(what, "< 25 ms", f"{longest_ms:.1f} ms", longest_ms < 25)
    longest_ms = 1e3 * results["listed before, gentle, ping"].median
    what = f"{what}, sessions listed before"
    yield Target(what, "< 25 ms", f"{longest_ms:.1f} ms", longest_ms < 25)


def _of_kernel(label, one, effort):
    what = f"{label}: {effort.n_leaked:,} of {effort.largest:,} by name"
    if label.startswith("Redis"):
        ratio = one["kernel"].median / one["floor"].median
        yield _ratio(f"{what}, by the kernel, to the floor of the protocol", ratio, 0.35)
        ratio = one["kernel, gentle"].median / one["protocol, gentle"].median
        yield _ratio(f"{what}, gentle, by the kernel, to the protocol", ratio, 0.45)
        for name, words in (("kernel, gentle", f"{what}, gentle"), ("all, gentle", "all, gentle")):
            longest_ms = 1e3 * one[f"{name}, ping while killing"].median
            what_of = words if words.startswith(label) else f"{label}: {words}"
            yield Target(
                f"{what_of}: longest ping behind the listing", "≤ 5 ms",
                f"{longest_ms:.1f} ms", longest_ms <= 5,
            )  # fmt: skip
    else:
        # A tenth is what two runs of the same differ by.
        ratio = one["kernel"].median / one["protocol"].median
        yield _ratio(f"{what}, as it chooses, to the protocol", ratio, 1.1)


def _of_server(label, results, effort):
    if "all" in results:
        yield from _of_kill_all(label, results["all"])
    if "name" in results:
        yield from _of_kill_by_name(label, results["name"], effort)
    if "kernel" in results:
        yield from _of_kernel(label, results["kernel"], effort)
    yield _memory(f"{label}: memory, idle", results["idle_kib"], 8)
    yield _memory(f"{label}: memory, peak of all kills", results["peak_kib"], 24)


def _of_fleet(results, effort):
    in_turn, at_once = results["in turn"].median, results["at once"].median
    what = f"{effort.fleet} servers at once"
    yield _ratio(f"{what}, to one after the other", at_once / in_turn, 0.6)
    # A tenth is what two runs of the same differ by.
    ratio = results["one stopped"].median / at_once
    yield _ratio(f"{what}, one of them stopped: the others, to none stopped", ratio, 1.1)


def judge(results):
    """A Target for everything that was measured."""
    effort = results["effort"]
    for label, measured in results["servers"].items():
        yield from _of_server(label, measured, effort)
    for name, measured in (results["million"] or {}).items():
        what = f"{effort.million:,} sessions listed, killed by {QUERY_WORDS[name]}: memory, peak"
        yield _memory(what, measured["kib"].median, 96)
    if results["fleet"] is not None:
        yield from _of_fleet(results["fleet"], effort)
