"""Prints "PASSED FAILED SKIPPED" of a JUnit file.

Meson's own file tells of a test program that crashed only what it did before: with meson's
testlog.json as the second argument, a program that failed without a failed test counts as one.
"""

import json
import sys
import xml.etree.ElementTree as ElementTree

GOOD_RESULTS = ("OK", "SKIP", "EXPECTEDFAIL")


def outcome(case):
    """The index of the case's outcome among passed, failed, skipped."""
    if case.find("failure") is not None or case.find("error") is not None:
        return 1
    return 2 if case.find("skipped") is not None else 0


def main():
    sums = [0, 0, 0]
    programs_with_failures = set()
    for suite in ElementTree.parse(sys.argv[1]).iter("testsuite"):
        for case in suite.iter("testcase"):
            sums[outcome(case)] += 1
            if outcome(case) == 1:
                programs_with_failures.add(suite.get("name").split(".")[-1])
    if len(sys.argv) > 2:
        with open(sys.argv[2], encoding="utf-8") as log:
            for result in map(json.loads, log):
                name = result["name"].split(" / ")[-1]
                is_good = result["result"] in GOOD_RESULTS
                sums[1] += not is_good and name not in programs_with_failures
    print(*sums)


main()
