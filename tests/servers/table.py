"""table.py RESULTS README NAME...: the results of each server as a table; its exit status says
whether all passed. README is a file with a place for the table, or empty."""

import re
import sys
import xml.etree.ElementTree as xml
from pathlib import Path

BEGIN = "<!-- servers: written by tests/servers/run.sh -->\n"
END = "<!-- end of servers -->\n"


def title(case):
    """test_by_user[unix] -> by user (unix)"""
    name = case.get("name").removeprefix("test_")
    name, _, parameter = name.partition("[")
    return name.replace("_", " ") + (f" ({parameter.rstrip(']')})" if parameter else "")


def read(path):
    """{title: "ok", "FAILED" or "skipped"}"""
    results = {}
    if not path.exists():
        return results
    for case in xml.parse(path).iter("testcase"):
        kinds = {child.tag for child in case}
        outcome = "FAILED" if kinds & {"failure", "error"} else "ok"
        results[title(case)] = "skipped" if "skipped" in kinds else outcome
    return results


def version(path):
    """What `--version` said: "Redis server v=7.0.15 ..." or "... version=7.3.6"."""
    found = re.search(r"v(?:ersion)?=([0-9.]+)", path.read_text(encoding="utf-8"))
    return found.group(1) if found else "?"


def make_table(directory, names, results):
    rows = [["", *names], ["---", *["---"] * len(names)]]
    rows.append(["version", *[version(directory / f"{name}.version") for name in names]])
    for test in dict.fromkeys(test for name in names for test in results[name]):
        rows.append([test, *[results[name].get(test, "-") for name in names]])
    return "".join("| " + " | ".join(row) + " |\n" for row in rows)


def main():
    directory, readme, names = Path(sys.argv[1]), sys.argv[2], sys.argv[3:]
    results = {name: read(directory / f"{name}.xml") for name in names}
    table = make_table(directory, names, results)
    print(table)
    if readme:
        text = Path(readme).read_text(encoding="utf-8")
        head, _, rest = text.partition(BEGIN)
        _, _, tail = rest.partition(END)
        Path(readme).write_text(head + BEGIN + table + END + tail, encoding="utf-8")
    outcomes = [outcome for name in names for outcome in results[name].values()]
    passed, failed = outcomes.count("ok"), outcomes.count("FAILED")
    failed += sum(not results[name] for name in names)  # a run that did not even begin
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


sys.exit(main())
