"""Ids belong to a server process: a kill may name the one that was listed, and hits no other."""

import json

from harness import wait_until

NOBODY = "0" * 40


def listed(daemon, name):
    answer = daemon.http("GET", f"/v1/instances/r-test/sessions?match=name+%3D+{name}")
    assert answer.status == 200, answer.text
    return answer.json["sessions"]


def match_ids(sessions):
    return "id = " + ",".join(str(session["id"]) for session in sessions)


def restart(server, daemon):
    """The same place, another process."""
    before = daemon.node()["run_id"]
    server.kill()
    server.start()
    wait_until(
        lambda: daemon.node()["state"] == "ready" and daemon.node()["run_id"] != before,
        "the daemon to be connected to the new process",
    )


def assert_restarted(answer):
    assert answer.status == 409 and answer.json["error"]["code"] == "Restarted", answer.text


def test_only_that_process(server, daemon, make_clients):
    crowd = make_clients(server, named={"leak": 3})
    sessions = listed(daemon, "leak")
    run_id = server.redis().info("server")["run_id"]
    assert {session["run_id"] for session in sessions} == {run_id} == {daemon.node()["run_id"]}

    assert_restarted(daemon.kill("r-test", match=match_ids(sessions), run_id=NOBODY))
    assert_restarted(daemon.kill("r-test", run_id=NOBODY, max=3, dry_run=True))
    assert crowd.status()["closed_by_server"] == 0

    report = daemon.kill("r-test", match=match_ids(sessions), run_id=run_id, max=3).json
    assert (report["state"], report["killed"], report["warnings"]) == ("done", 3, [])
    crowd.wait_for(closed_by_server=3)


def test_restarted_since_the_listing(server, daemon, make_clients):
    make_clients(server, named={"leak": 20})
    sessions = listed(daemon, "leak")
    restart(server, daemon)
    crowd = make_clients(server, total=60)
    assert {s["id"] for s in sessions} & set(server.session_ids())
    params = {"match": match_ids(sessions), "run_id": sessions[0]["run_id"]}
    assert_restarted(daemon.kill("r-test", **params))
    assert crowd.status()["closed_by_server"] == 0


def test_a_young_server_is_said(server, daemon, make_clients):
    """Without a run id, while the ids may be those of the process before."""
    make_clients(server, named={"leak": 2})
    params = {"match": match_ids(listed(daemon, "leak")), "dry_run": True}
    [warning] = daemon.kill("r-test", **params).json["warnings"]
    assert "started" in warning and f"run_id={daemon.node()['run_id']}" in warning
    report = daemon.kill("r-test", run_id=daemon.node()["run_id"], **params).json
    assert (report["matched"], report["warnings"]) == (2, [])
    assert daemon.kill("r-test", match="name = leak").json["warnings"] == []


def test_waits_for_the_connection(server, make_daemon, make_clients):
    """A node that is not reached yet may be the one, until the time is up."""
    run_id = server.redis().info("server")["run_id"]
    make_clients(server, named={"leak": 5})
    server.pause_process()
    daemon = make_daemon([{"id": "r-test", "address": server.address}], wait="socket")
    assert_restarted(daemon.kill("r-test", run_id=run_id, timeout="300ms"))
    pending = daemon.begin_kill("r-test", match="name = leak", run_id=run_id)
    wait_until(lambda: daemon.kills(), "the kill to wait")
    server.resume_process()
    report = pending.response().json
    assert (report["state"], report["killed"]) == ("done", 5), report


def test_restarted_while_it_waits(server, make_relay, make_daemon, make_clients):
    """The process ends between the request and the listing: nobody of the next one is hit."""
    relay = make_relay(server)
    daemon = make_daemon([{"id": "r-test", "address": relay.address}])
    run_id = daemon.node()["run_id"]
    relay.hold(b"LIST", others_pass=True)
    pending = daemon.begin_kill("r-test", run_id=run_id)
    relay.wait_until_held()
    server.kill()
    server.start()
    crowd = make_clients(server, total=5)
    relay.release()
    assert_restarted(pending.response())
    assert crowd.status()["closed_by_server"] == 0


def test_command_line(server, daemon, make_clients):
    make_clients(server, named={"leak": 4})
    run_id = daemon.node()["run_id"]
    shown = daemon.cli("list", "r-test", "--match", "name = leak")
    assert f"run id {run_id}" in shown.stdout + shown.stderr
    grouped = daemon.cli("list", "r-test", "--group-by", "name")
    assert "run id" not in grouped.stdout + grouped.stderr
    whole = json.loads(daemon.cli("--json", "list", "r-test", "--match", "name = leak").stdout)
    assert {session["run_id"] for session in whole["sessions"]} == {run_id}

    refused = daemon.cli("kill", "r-test", "--all", "--yes", "--run-id", NOBODY)
    assert refused.returncode == 1 and NOBODY in refused.stdout
    done = daemon.cli("kill", "r-test", "--match", "name = leak", "--yes", "--run-id", run_id)
    assert done.returncode == 0, done.stderr
