"""The benchmark's order of events; see run.sh. Prints what it measures as it goes."""

import argparse
import contextlib
import sys
from pathlib import Path

import chart
import experiments
import table
from experiments import QUICK, Effort
from harness import programs
from harness.programs import raise_descriptor_limit
from rig import Kind, rig

SERVERS = ("redis-7.0", "redis-8.0", "valkey-sid")
FLEET_SERVER = "redis-7.0"
EXPERIMENTS = ("all", "name", "kernel", "million", "fleet")

RESULTS = Path(__file__).parent / "results"


def say(title, results):
    medians = ", ".join(f"{name} {1e3 * one.median:.1f}" for name, one in results.items())
    print(f"{title}: {medians} ms", file=sys.stderr, flush=True)


def measure_server(kind, only, effort):
    """What is measured on one kind of server, by experiment."""
    results = {}
    with rig(kind, effort.largest) as one:
        print(f"== {kind.label}", file=sys.stderr)
        if "all" in only:
            results["all"] = experiments.kill_all(one, effort, say)
        if "name" in only:
            results["name"] = experiments.kill_by_name(one, effort, say)
        if "kernel" in only:
            results["kernel"] = experiments.kill_by_kernel(one, effort, say)
        results["idle_kib"] = one.idle_kib
        results["peak_kib"] = one.peak_kib()
    return results


def measure(arguments, effort):
    only = arguments.only or EXPERIMENTS
    results = {"effort": effort, "servers": {}, "million": None, "fleet": None}
    if {"all", "name", "kernel"} & set(only):
        for name in arguments.server or SERVERS:
            kind = Kind(name)
            results["servers"][kind.label] = measure_server(kind, only, effort)
    if "million" in only:
        results["million"] = experiments.kill_million(effort, say)
    if "fleet" in only:
        results["fleet"] = experiments.kill_fleet(Kind(FLEET_SERVER), effort, say)
    return results


def write(results, target):
    target.mkdir(parents=True, exist_ok=True)
    text = table.render(results)
    (target / "results.md").write_text(text, encoding="utf-8")
    curves = {
        label: measured["all"]
        for label, measured in results["servers"].items()
        if "all" in measured
    }
    if curves:
        (target / "time.svg").write_text(chart.render(curves), encoding="utf-8")
    print(text)
    print(f"Written to {target}.", file=sys.stderr)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", action="append", choices=EXPERIMENTS)
    parser.add_argument("--server", action="append")
    arguments = parser.parse_args()
    raise_descriptor_limit()
    effort = QUICK if arguments.quick else Effort()
    is_whole = not (arguments.quick or arguments.only or arguments.server)
    with contextlib.suppress(KeyboardInterrupt):
        write(measure(arguments, effort), RESULTS if is_whole else programs.BUILD / "results")


main()
