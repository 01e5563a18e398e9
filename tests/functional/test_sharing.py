"""Many requests at once are few kills, and each of them is served by one that began after it."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from harness import assert_adds_up, wait_until
from harness.server import free_port

ACTION = "KillInstanceAllSession"
N_CALLERS = 20


def outcomes_by_id(daemon):
    return {record["request_id"]: record for record in daemon.audit("outcome")}


def assert_each_run_began_after_its_requests(daemon, request_ids):
    """Returns in how many runs they were served: no two begin and last alike."""
    accepted_at = {record["request_id"]: record["time"] for record in daemon.audit("intent")}
    runs = set()
    for request_id in request_ids:
        report = daemon.http("GET", f"/v1/kills/{request_id}").json
        assert_adds_up(report)
        # Both in the same form, to the millisecond.
        assert accepted_at[request_id] <= report["started_at"]
        runs.add((report["started_at"], report["elapsed_ms"], report["found"]))
    return len(runs)


def test_callers_at_once(server, daemon, make_clients):
    clients = make_clients(server, total=2000, subscribed=200)
    with ThreadPoolExecutor(N_CALLERS) as pool:
        answers = list(
            pool.map(lambda _: daemon.das(ACTION, InstanceId="r-test"), range(N_CALLERS))
        )
    assert [answer.status for answer in answers] == [200] * N_CALLERS
    clients.wait_for(closed_by_server=2000)
    request_ids = {answer.json["RequestId"] for answer in answers}
    assert len(request_ids) == N_CALLERS
    assert request_ids == set(outcomes_by_id(daemon))
    assert assert_each_run_began_after_its_requests(daemon, request_ids) <= N_CALLERS


@pytest.mark.parametrize("word", [b"LIST", b"TYPE"], ids=["listing", "killing"])
def test_those_who_come_during_a_kill_share_the_next(
    server, make_relay, make_daemon, make_clients, word
):
    relay = make_relay(server)
    daemon = make_daemon([{"id": "r-test", "address": relay.address}])
    old = make_clients(server, total=50)
    assert relay.count(b"LIST") == 0
    relay.hold(word)
    first = daemon.begin_kill("r-test")
    relay.wait_until_held()
    new = make_clients(server, total=50)
    others = [
        daemon.begin("POST", "/", body={"Action": ACTION, "InstanceId": "r-test"})
        for _ in range(N_CALLERS)
    ]
    wait_until(lambda: len(daemon.kills()) == N_CALLERS + 1, "all to be accepted")
    relay.release()

    report = first.response().json
    answers = [other.response() for other in others]
    assert report["state"] == "done" and [a.status for a in answers] == [200] * N_CALLERS
    old.wait_for(closed_by_server=50)
    new.wait_for(closed_by_server=50)
    request_ids = [answer.json["RequestId"] for answer in answers]
    assert assert_each_run_began_after_its_requests(daemon, request_ids) == 1
    everything = [report["request_id"], *request_ids]
    assert assert_each_run_began_after_its_requests(daemon, everything) == 2
    # Two kills: each lists twice, and the first may have to kill newcomers it saw again.
    assert 4 <= relay.count(b"LIST") <= 8


def test_who_joins_late_postpones_nobody(make_daemon):
    """They wait for one run; the time of the first is up while it goes on for the others."""
    daemon = make_daemon([{"id": "r-test", "address": f"127.0.0.1:{free_port()}"}], wait="socket")
    ahead = daemon.begin_kill("r-test", timeout="3s")
    wait_until(lambda: len(daemon.kills()) == 1, "the kill to be accepted")
    first = daemon.begin_kill("r-test", timeout="3s")
    wait_until(lambda: len(daemon.kills()) == 2, "the next to be accepted")
    wait_until(lambda: daemon.kills()[-1]["elapsed_ms"] > 1000, "time to pass")
    last = daemon.begin_kill("r-test", timeout="3s")
    wait_until(lambda: len(daemon.kills()) == 3, "the last to be accepted")
    last_id = daemon.audit("intent")[-1]["request_id"]

    assert ahead.response().json["state"] == "failed"
    report = first.response().json
    assert report["state"] == "failed" and report["request_id"] != last_id
    assert daemon.http("GET", f"/v1/kills/{last_id}").json["state"] in ("waiting", "running")
    assert last_id not in outcomes_by_id(daemon)
    assert last.response().json["state"] == "failed"
    assert len(outcomes_by_id(daemon)) == 3


def test_different_requests_do_not_share(server, make_relay, make_daemon, make_clients):
    relay = make_relay(server)
    daemon = make_daemon([{"id": "r-test", "address": relay.address}])
    clients = make_clients(server, total=60, named={"app": 30, "batch": 20})
    relay.hold(b"LIST")
    requests = [
        {"match": "name = nobody"},
        {"match": "name = app"},
        {"match": "name = batch", "reason": "one"},
        {"match": "name = app", "except": "name = app"},
        {"match": "name = batch", "reason": "another"},
    ]
    pending = [daemon.begin_kill("r-test", **requests[0])]
    relay.wait_until_held()
    pending += [daemon.begin_kill("r-test", **request) for request in requests[1:]]
    wait_until(lambda: len(daemon.kills()) == len(requests), "all to be accepted")
    relay.release()
    reports = [one.response().json for one in pending]
    assert [report["state"] for report in reports] == ["done"] * len(requests)
    assert [report["killed"] for report in reports] == [0, 30, 20, 0, 20]
    # Another reason is no other kill, and each keeps its own in the record.
    assert reports[2]["started_at"] == reports[4]["started_at"]
    outcomes = outcomes_by_id(daemon)
    reasons = [outcomes[reports[i]["request_id"]]["reason"] for i in (2, 4)]
    assert reasons == ["one", "another"]
    clients.wait_for(closed_by_server=50)


def test_a_dry_run_waits_for_nobody(server, make_server, make_relay, make_daemon, make_clients):
    """Nor does a kill of another instance."""
    other = make_server()
    relay = make_relay(server)
    daemon = make_daemon(
        [
            {"id": "r-test", "address": [relay.address]},
            {"id": "r-other", "address": other.address},
        ]
    )
    clients = make_clients(other, total=5)
    relay.hold(b"KILL")
    pending = daemon.begin_kill("r-test")
    relay.wait_until_held()
    dry_run = daemon.begin_kill("r-test", dry_run=True)
    wait_until(lambda: len(daemon.kills()) == 2, "both to be accepted")
    assert [kill["state"] for kill in daemon.kills()] == ["running", "running"]
    assert daemon.das(ACTION, InstanceId="r-other").status == 200
    clients.wait_for(closed_by_server=5)
    relay.release()
    assert pending.response().json["state"] == "done"
    assert dry_run.response().json["state"] == "dry_run"


@pytest.mark.parametrize("word", [b"LIST", b"TYPE"], ids=["listing", "killing"])
def test_a_caller_who_hangs_up(server, make_relay, make_daemon, make_clients, word):
    relay = make_relay(server)
    daemon = make_daemon([{"id": "r-test", "address": relay.address}])
    clients = make_clients(server, total=50)
    relay.hold(word)
    first = daemon.begin("POST", "/", body={"Action": ACTION, "InstanceId": "r-test"})
    relay.wait_until_held()
    # One of those who wait leaves as well.
    second = daemon.begin_kill("r-test")
    third = daemon.begin_kill("r-test")
    wait_until(lambda: len(daemon.kills()) == 3, "all to be accepted")
    first.hang_up()
    second.hang_up()
    relay.release()
    assert third.response().json["state"] == "done"
    clients.wait_for(closed_by_server=50)
    assert len(outcomes_by_id(daemon)) == 3
    for record in daemon.audit("intent"):
        outcome = outcomes_by_id(daemon)[record["request_id"]]
        assert outcome["state"] == "done"
        report = daemon.http("GET", f"/v1/kills/{record['request_id']}").json
        assert report["state"] == "done"


def test_callers_who_all_hang_up(server, daemon, make_clients):
    clients = make_clients(server, total=500)
    for _ in range(N_CALLERS):
        daemon.begin_kill("r-test").hang_up()
    # Whoever was heard at all is in the record to the end.
    wait_until(lambda: not clients.status()["open"] or not daemon.kills(), "the sessions to end")
    assert daemon.kill("r-test").json["state"] == "done"
    wait_until(
        lambda: len(daemon.audit("outcome")) == len(daemon.audit("intent")), "all outcomes"
    )
