"""What the daemon keeps is small, however much it has seen."""

import contextlib

import pytest

from harness import programs
from harness.crowd import Crowd

N_SESSIONS = 200_000
N_KILLS = 6
# A listing of that size takes 30 bytes for each session while it is looked at.
MAX_GROWTH_KIB = 4096


@pytest.fixture
def crowd(make_directory):
    with contextlib.ExitStack() as stack:
        crowd = Crowd(make_directory(), N_SESSIONS)
        stack.callback(crowd.stop)
        crowd.start()
        yield crowd


def resident_kib(daemon):
    with open(f"/proc/{daemon.pid}/status", encoding="ascii") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmRSS:"))


@pytest.mark.skipif(programs.is_sanitized(), reason="a sanitizer keeps what is freed for a while")
def test_remembered_kills_keep_no_listing(make_daemon, crowd):
    # The crowd talks to one connection at a time.
    daemon = make_daemon([{"id": "r-test", "address": crowd.address, "links": 1}])
    before_kib = 0
    for number in range(N_KILLS):
        report = daemon.kill("r-test", dry_run=True).json
        assert report["matched"] == N_SESSIONS
        if number == 0:
            before_kib = resident_kib(daemon)
    assert resident_kib(daemon) - before_kib < MAX_GROWTH_KIB
