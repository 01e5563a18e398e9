"""Prints "PASSED FAILED SKIPPED", summed over the JUnit files that are named."""

import sys
import xml.etree.ElementTree as ElementTree


def outcome(case):
    """The index of the case's outcome among passed, failed, skipped."""
    if case.find("failure") is not None or case.find("error") is not None:
        return 1
    return 2 if case.find("skipped") is not None else 0


def main():
    sums = [0, 0, 0]
    for path in sys.argv[1:]:
        for case in ElementTree.parse(path).iter("testcase"):
            sums[outcome(case)] += 1
    print(*sums)


main()
