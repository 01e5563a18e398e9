"""The results as Markdown."""

import os
import platform
from datetime import datetime, timezone

from targets import QUERY_WORDS, judge


def _rows(head, rows):
    yield "| " + " | ".join(head) + " |"
    yield "|---" + "|---:" * (len(head) - 1) + "|"
    for row in rows:
        yield "| " + " | ".join(row) + " |"
    yield ""


def _ms(series):
    return f"{1e3 * series.median:.1f}"


def _processor():
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        for line in file:
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.machine()


def _head(effort):
    n_cores = len(os.sched_getaffinity(0))
    system = platform.freedesktop_os_release()["PRETTY_NAME"]
    yield "# Results"
    yield ""
    yield "Written by `tests/bench/run.sh`; `tests/bench/README.md` says what is measured and how."
    yield ""
    yield f"- {datetime.now(timezone.utc):%Y-%m-%d}, {system}, Linux {platform.release()}"
    yield f"- {_processor()}, {n_cores} cores, of which the sessions take none while it is measured"
    yield f"- rounds: {effort.rounds}; every number is a median, times in ms"
    yield f"- load of the machine at the end: {os.getloadavg()[2]:.1f} over 15 minutes"
    yield ""


def _targets(results):
    yield "## Targets"
    yield ""
    rows = []
    for target in judge(results):
        met = "yes" if target.is_met else "**no**"
        rows.append((target.what, target.limit, target.measured, met))
    yield from _rows(("what", "limit", "measured", "met"), rows)


def _kill_all(label, by_size):
    yield f"## Kill all, {label}"
    yield ""
    names = list(next(iter(by_size.values())))
    rows = []
    for size, sides in by_size.items():
        times = [_ms(sides[name]) if name in sides else "" for name in names]
        ratio = sides["sesskill"].median / sides["floor"].median
        rows.append((f"{size:,}", *times, f"{ratio:.2f}"))
    yield from _rows(("sessions", *names, "sesskill to the floor"), rows)


# What a bystander sees, in the order of the columns.
WATCHED = (
    ("fast", "fast"),
    ("gentle", "gentle, budget 10 ms"),
    ("listed before, gentle", "the same, sessions listed before"),
    ("listing", "`CLIENT LIST` alone, nobody killed"),
    ("listing again", "`CLIENT LIST` again"),
)


def _kill_by_name(servers, effort):
    yield f"## {effort.n_leaked:,} of {effort.largest:,} sessions by name"
    yield ""
    rows = []
    for label, measured in servers.items():
        one = measured["name"]
        ratio = one["sesskill"].median / one["floor"].median
        rows.append((label, _ms(one["sesskill"]), _ms(one["floor"]), f"{ratio:.2f}"))
    yield from _rows(("server", "sesskill", "floor", "to the floor"), rows)
    for label, measured in servers.items():
        yield f"With a bystander that pings, {label}:"
        yield ""
        yield from _watched(measured["name"])


def _watched(one):
    rows = []
    for name, words in WATCHED:
        stall = _ms(one[f"{name}, stall"]) if f"{name}, stall" in one else ""
        rows.append((words, _ms(one[name]), _ms(one[f"{name}, ping"]), stall))
    yield from _rows(("what", "time", "longest ping", "longest burst, as reported"), rows)


KERNEL_ROWS = (
    ("floor", "the floor of the protocol"),
    ("protocol", "by the protocol"),
    ("kernel", "as it chooses"),
    ("protocol, gentle", "by the protocol, gentle, budget 10 ms"),
    ("kernel, gentle", "as it chooses, gentle"),
    ("all by TYPE", "all, by CLIENT KILL TYPE"),
    ("all, gentle", "all, as it chooses, gentle"),
)


def _kernel(servers, effort):
    yield f"## By the kernel: {effort.n_leaked:,} of {effort.largest:,} sessions by name, and all"
    yield ""
    for label, measured in servers.items():
        one = measured["kernel"]
        rows = [
            (
                words,
                _ms(one[name]),
                _ms(one[f"{name}, ping"]) if f"{name}, ping" in one else "",
                _ms(one[f"{name}, ping while killing"]) if f"{name}, ping" in one else "",
            )
            for name, words in KERNEL_ROWS
        ]
        yield f"{label}:"
        yield ""
        yield from _rows(("what", "time", "longest ping", "behind the listing"), rows)


def _million(results, effort):
    yield f"## {effort.million:,} sessions"
    yield ""
    rows = [
        (
            f"killed by {QUERY_WORDS[name]}",
            _ms(one["seconds"]),
            f"{one['kib'].median / 1024:.1f} MB",
        )
        for name, one in results.items()
    ]
    yield from _rows(("a server that is played", "time", "memory, peak"), rows)


def _fleet(results, effort):
    yield f"## {effort.fleet} servers with {effort.fleet_sessions} sessions each"
    yield ""
    rows = [(name, _ms(series)) for name, series in results.items()]
    yield from _rows(("requests", "time"), rows)


def _sections(results):
    effort = results["effort"]
    servers = results["servers"]
    yield from _head(effort)
    yield from _targets(results)
    for label, measured in servers.items():
        if "all" in measured:
            yield from _kill_all(label, measured["all"])
    if any("all" in measured for measured in servers.values()):
        yield "![Time against number of sessions](time.svg)"
        yield ""
    if any("name" in measured for measured in servers.values()):
        yield from _kill_by_name(servers, effort)
    if any("kernel" in measured for measured in servers.values()):
        yield from _kernel(servers, effort)
    if results["million"] is not None:
        yield from _million(results["million"], effort)
    if results["fleet"] is not None:
        yield from _fleet(results["fleet"], effort)


def render(results):
    return "\n".join(_sections(results))
