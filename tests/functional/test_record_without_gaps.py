"""The record misses nothing: who cancels, who is denied, what rotation and crashes leave behind."""

import json
import os
import signal
import subprocess
from collections import Counter

import pytest

from harness import Caller, programs, wait_until

MANY = 500
ONE_BY_ONE = 10
NOBODY = Caller(uid=12345, gid=12345)


def read_records(path):
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file]


@pytest.fixture
def held(server, make_relay, make_daemon, make_clients):
    """A daemon whose kill stands still at the server, and that kill."""
    relay = make_relay(server)
    access = [
        {"effect": "allow", "users": [0], "actions": ["*"]},
        {"effect": "allow", "users": [NOBODY.uid], "actions": ["*"], "instances": ["r-other"]},
    ]
    daemon = make_daemon(
        [{"id": "r-test", "address": relay.address}],
        settings={"access": access, "control": {"mode": "0666"}},
    )
    os.chmod(daemon.directory, 0o755)
    make_clients(server, total=20)
    relay.hold(b"KILL")
    pending = daemon.begin_kill("r-test")
    relay.wait_until_held()
    yield daemon, daemon.audit("intent")[0]["request_id"]
    relay.release()
    pending.hang_up()


needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can act as somebody else")


def test_a_cancel_is_recorded(held):
    daemon, kill = held
    assert daemon.http("DELETE", f"/v1/kills/{kill}").status == 200
    (record,) = daemon.audit("cancel")
    assert (record["request_id"], record["instance"]) == (kill, "r-test")
    assert (record["uid"], record["pid"]) == (os.getuid(), os.getpid())
    assert (record["kill_uid"], record["kill_user"]) == (os.getuid(), "root")
    assert "kill of root" in daemon.cli("audit", "--file", daemon.audit_path).stdout


@needs_root
@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_a_denied_report_or_cancel_is_recorded(held, method):
    """He does not learn that there is such a kill, but the record does that he asked."""
    daemon, kill = held
    answer = daemon.http(method, f"/v1/kills/{kill}", caller=NOBODY)
    assert answer.status == 404
    (record,) = daemon.audit("denied")
    assert (record["uid"], record["kill"], record["instance"]) == (NOBODY.uid, kill, "r-test")
    assert record["request_id"] == answer.json["request_id"]
    assert daemon.audit("cancel") == []


@pytest.mark.parametrize("is_told", [True, False], ids=["with SIGHUP", "without"])
def test_rotated_in_mid_kill_and_killed(held, is_told):
    """Also twice, and packed: the next start finds the intent all the same."""
    daemon, kill = held
    first = f"{daemon.audit_path}.1"
    os.rename(daemon.audit_path, first)
    if is_told:
        for n_files in (2, 3):
            daemon.signal(signal.SIGHUP)
            wait_until(lambda: daemon.audit("reload"), "the reload to be recorded")
            os.rename(daemon.audit_path, f"{daemon.audit_path}.{n_files}")
    intents = [record for record in read_records(first) if record["event"] == "intent"]
    assert [record["request_id"] for record in intents] == [kill]
    os.unlink(first)
    daemon.kill_process()
    for _ in range(2):
        daemon.start("socket")
        (record,) = daemon.audit("interrupted")
        assert (record["request_id"], record["uid"]) == (kill, os.getuid())
        assert record["intent_time"] == intents[0]["time"]
        daemon.kill_process()
    daemon.start("socket")


def test_rotated_behind_kills_that_ended(server, daemon, make_clients):
    """They are nobody's business at the next start."""
    make_clients(server, total=20)
    for _ in range(3):
        assert daemon.kill("r-test").status == 200
    os.rename(daemon.audit_path, f"{daemon.audit_path}.1")
    daemon.kill_process()
    daemon.start()
    assert [record["event"] for record in daemon.audit()] == ["start"]


def test_a_second_daemon_on_the_same_record(server, daemon, make_daemon, make_directory):
    other = make_daemon([server], settings={"audit": {"file": f"{make_directory()}/a"}})
    config = json.loads(other.read_config())
    config["audit"]["file"] = daemon.audit_path
    other.stop()
    other.write_config(json.dumps(config))
    done = subprocess.run(
        [str(programs.SESSKILLD), "-c", other.config_path],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=20, check=False,
        env=programs.environment(),
    )  # fmt: skip
    assert done.returncode == 1
    assert f"{daemon.audit_path}: another process writes this record" in done.stderr
    assert f"it is held by process {daemon.pid} (sesskilld)" in done.stderr
    assert [record["event"] for record in daemon.audit()] == ["start"]
    # When the first has ended, even violently, the second may.
    daemon.kill_process()
    other.start()
    daemon.start(wait=None)
    assert daemon.wait_for_end() == 1


@needs_root
def test_many_denials_are_counted(server, make_daemon):
    daemon = make_daemon([server], settings={"control": {"mode": "0666"}})
    os.chmod(daemon.directory, 0o755)
    callers = [NOBODY, Caller(uid=12346, gid=12346)]
    answers = Counter()
    for caller in callers:
        for _ in range(MANY):
            answers[daemon.http("GET", "/v1/instances", caller=caller).status] += 1
    assert answers == {403: MANY * len(callers)}

    def counts():
        counted = Counter()
        for record in daemon.audit("denied"):
            counted[record["uid"]] += record.get("repeated", 1)
        return counted

    wait_until(lambda: counts() == {c.uid: MANY for c in callers}, lambda: f"all; {counts()}")
    records = daemon.audit("denied")
    n_seconds = sum("repeated" in record for record in records)
    assert len(records) <= (ONE_BY_ONE + 1) * (n_seconds + len(callers))
    assert len(records) < MANY
    metrics = daemon.http("GET", "/metrics").text
    expected = f'sesskill_requests_denied_total{{action="hdm:DescribeInstances"}} {2 * MANY}'
    assert expected in metrics
    assert "like this" in daemon.cli("audit", "--file", daemon.audit_path).stdout


def test_the_rest_is_counted_at_the_end(server, make_daemon):
    daemon = make_daemon([server], settings={"access": [{"effect": "deny", "actions": ["*"]}]})
    for _ in range(MANY):
        assert daemon.http("GET", "/v1/instances").status == 403
    daemon.stop()
    assert sum(record.get("repeated", 1) for record in daemon.audit("denied")) == MANY
    assert daemon.audit()[-1]["event"] == "stop"
    assert not os.path.exists(f"{daemon.audit_path}.open")


def test_no_link_is_followed(server, make_daemon, make_directory):
    directory = make_directory()
    precious = f"{directory}/precious"
    with open(precious, "w", encoding="utf-8") as file:
        file.write("precious\n")
    daemon = make_daemon([server])
    os.rename(daemon.audit_path, f"{daemon.audit_path}.1")
    os.symlink(precious, daemon.audit_path)
    report = daemon.kill("r-test").json
    daemon.signal(signal.SIGHUP)
    words = f'"{daemon.audit_path}" is a symbolic link; expected a regular file'
    wait_until(lambda: words in daemon.log(), daemon.explain)
    with open(precious, encoding="utf-8") as file:
        assert file.read() == "precious\n"
    # The line is in the file that was moved away: that one is open.
    events = {r["request_id"]: r["event"] for r in read_records(f"{daemon.audit_path}.1")[1:]}
    assert events[report["request_id"]] == "outcome"
    os.unlink(daemon.audit_path)
