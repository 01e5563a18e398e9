"""The runbook of the manual prints what the programs print."""

import difflib

import pytest

from harness import runbook
from harness.incidents import INCIDENTS


@pytest.mark.parametrize("title", INCIDENTS)
def test_incident(title):
    was = runbook.normalized(runbook.written(title)).splitlines()
    now = runbook.normalized(runbook.play(title)).splitlines()
    diff = "\n".join(difflib.unified_diff(was, now, runbook.NAME, "this run", lineterm=""))
    assert not diff, f"man/{runbook.NAME} is out of date: run tests/runbook.sh\n{diff}"


def test_every_incident_is_known():
    """What the script would take out again."""
    _, text, _ = runbook.split_page()
    titles = [line.removeprefix(".Ss ") for line in text.splitlines() if line.startswith(".Ss ")]
    assert titles == list(INCIDENTS)
