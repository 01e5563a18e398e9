"""What 0.1.0 has left behind: its configuration, its record, a kill that its end cut off.

tests/data/0.1.0 has its sample and its largest good configuration, and a record that it wrote: a kill, a dry
run, a denied one, and a kill during which it was killed itself.
"""

import json
import shutil
import subprocess

import pytest

from harness import programs, wait_until
from harness.cli import run

DATA = programs.ROOT / "tests/data/0.1.0"
CUT_OFF = "8374DC54-E8B6-4479-BF50-275721CECF7D"


@pytest.fixture
def record(make_directory):
    path = f"{make_directory()}/audit.jsonl"
    shutil.copy(DATA / "audit.jsonl", path)
    return path


def read(path):
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def test_its_sample_is_a_configuration():
    done = subprocess.run(
        [programs.SESSKILLD, "-c", DATA / "sesskilld.yaml", *programs.CHECK],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_its_keys_are_known():
    """What is wrong with it is what is not on this host: files and groups, but no key."""
    done = subprocess.run(
        [programs.SESSKILLD, "-c", DATA / "full.yaml", *programs.CHECK],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "unknown key" not in done.stderr


def test_a_kill_that_it_could_not_end_is_told_as_interrupted(server, make_daemon, record):
    before = read(record)
    daemon = make_daemon([server], settings={"audit": {"file": record}})
    after = read(record)
    assert after[: len(before)] == before
    told = [line for line in after[len(before) :] if line["event"] == "interrupted"]
    assert [line["request_id"] for line in told] == [CUT_OFF]
    assert told[0]["user"] == "root" and told[0]["reason"] == "while upgraded"
    daemon.stop()
    daemon.start("ready")
    assert [line["event"] for line in read(record)].count("interrupted") == 1


def test_its_record_is_shown(record):
    done = run("audit", "--file", record, "--utc")
    assert done.returncode == 0
    titles, *lines = done.out.splitlines()
    assert len(lines) == len(read(record)) and "WHAT" in titles
    assert sum("name = pool: done, killed 0" in line for line in lines) == 1
    assert sum("denied" in line for line in lines) == 1
    done = run("report", CUT_OFF[:8], "--file", record, socket="/nonexistent/control.sock")
    assert done.returncode == 0 and "while upgraded" in done.out


def test_it_is_written_on(server, make_daemon, make_clients, record):
    daemon = make_daemon([server], settings={"audit": {"file": record}})
    crowd = make_clients(server, total=3)
    n = len(read(record))
    assert daemon.kill("r-test").json["state"] == "done"
    crowd.wait_for(open=0)
    wait_until(lambda: len(read(record)) == n + 2, "the new lines")
    assert [line["event"] for line in read(record)[n:]] == ["intent", "outcome"]
