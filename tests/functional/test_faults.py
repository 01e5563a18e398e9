"""Servers that die, hang and come back in the middle of a kill, and a daemon that does."""

import signal
import time

import pytest

from harness import assert_adds_up, wait_until

ACTION = "KillInstanceAllSession"
# On this server each id is a command of its own.
BY_ID = {"match": "name = app"}
N_APPS = 1000


@pytest.fixture
def setting(server, make_relay, make_daemon):
    """A server, a relay before it, a daemon that knows only the relay."""
    relay = make_relay(server)
    daemon = make_daemon(
        # One connection: what becomes of two is the matter of test_stays_in.py.
        [{"id": "r-test", "address": relay.address, "links": 1}],
        settings={"defaults": {"command-timeout": "500ms"}},
    )
    return server, relay, daemon


def assert_recorded(daemon, request_id, state):
    """Intent and outcome, and the same in the list of kills."""
    records = [r for r in daemon.audit() if r.get("request_id") == request_id]
    assert [record["event"] for record in records] == ["intent", "outcome"]
    assert records[1]["state"] == state
    assert daemon.http("GET", f"/v1/kills/{request_id}").json["state"] == state


# The server is killed


def test_server_killed_in_the_middle(setting, make_clients):
    server, relay, daemon = setting
    clients = make_clients(server, total=N_APPS, named={"app": N_APPS})
    relay.hold(b"KILL", after=400)
    pending = daemon.begin_kill("r-test", timeout="1s", **BY_ID)
    relay.wait_until_held()
    wait_until(lambda: clients.status()["closed_by_server"] >= 399, "some to be killed")
    server.kill()
    relay.release()
    answer = pending.response()
    assert (answer.status, answer.json["state"]) == (500, "partial")
    assert answer.json["matched"] == N_APPS
    assert_adds_up(answer.json)
    # What the server said that it killed counts, and nothing else is claimed.
    assert 0 < answer.json["killed"] <= 400
    assert "no connection before the deadline" in answer.json["nodes"][0]["error"]
    assert_recorded(daemon, answer.json["request_id"], "partial")
    # And when it is back, so is everything.
    server.start()
    again = make_clients(server, total=10)
    assert daemon.das(ACTION, InstanceId="r-test").status == 200
    again.wait_for(closed_by_server=10)


@pytest.mark.parametrize("word", [b"LIST", b"KILL"], ids=["while listing", "while killing"])
def test_server_restarted_during_a_kill(setting, make_clients, word):
    """The old sessions have ended with the old process, and the new ones are nobody's victims."""
    server, relay, daemon = setting
    old = make_clients(server, total=50)
    run_id = daemon.node()["run_id"]
    relay.hold(word)
    pending = daemon.begin_kill("r-test")
    relay.wait_until_held()
    server.kill()
    server.start()
    new = make_clients(server, total=50)
    relay.release()
    report = pending.response().json
    assert_adds_up(report)
    assert report["state"] == "done"
    assert_recorded(daemon, report["request_id"], "done")
    assert daemon.node()["run_id"] != run_id
    old.wait_for(closed_by_server=50)
    if word == b"KILL":
        assert any("restarted" in warning for warning in report["warnings"])
        # With the control connection. The server never got a command.
        assert (report["matched"], report["killed"], report["gone"]) == (51, 0, 51)
        assert (new.status()["open"], new.status()["closed_by_server"]) == (50, 0)
    else:
        # Nothing was listed before: it is the new process that is asked about its sessions.
        new.wait_for(closed_by_server=50)


def test_server_restarted_before_ids_are_killed(setting, make_clients):
    """The new process gives the same ids to sessions of the same name: they are not those."""
    server, relay, daemon = setting
    old = make_clients(server, total=50, named={"app": 50})
    old_ids = server.session_ids()
    relay.hold(b"KILL")
    pending = daemon.begin_kill("r-test", **BY_ID)
    relay.wait_until_held()
    server.kill()
    server.start()
    new = make_clients(server, total=50, named={"app": 50})
    assert len(server.session_ids() & old_ids) > 25
    relay.release()
    report = pending.response().json
    assert report["state"] == "done", report
    assert_adds_up(report)
    assert (new.status()["open"], new.status()["closed_by_server"]) == (50, 0)
    assert any("restarted" in warning for warning in report["warnings"])
    # Killed is whom the server said it killed: none.
    assert (report["matched"], report["killed"], report["gone"]) == (50, 0, 50)
    assert sum(source["killed"] for source in report["sources"]) == 0
    old.wait_for(closed_by_server=50)


def test_server_restarted_between_two_kills(server, daemon, make_clients):
    make_clients(server, total=5)
    assert daemon.das(ACTION, InstanceId="r-test").status == 200
    server.stop()
    server.start()
    clients = make_clients(server, total=5)
    assert daemon.das(ACTION, InstanceId="r-test").status == 200
    clients.wait_for(closed_by_server=5)


def test_the_link_is_killed_in_the_middle(setting, make_clients):
    """Somebody else's CLIENT KILL: the daemon comes back and finishes."""
    server, relay, daemon = setting
    clients = make_clients(server, total=N_APPS, named={"app": N_APPS})
    own_id = daemon.node()["own_id"]
    relay.hold(b"KILL", after=400)
    pending = daemon.begin_kill("r-test", **BY_ID)
    relay.wait_until_held()
    assert server.redis().client_kill_filter(_id=own_id) == 1
    wait_until(lambda: daemon.node()["state"] != "ready", "the link to be lost")
    relay.release()
    report = pending.response().json
    assert_adds_up(report)
    assert (report["state"], report["survivors"]) == ("done", 0)
    assert any("opened again" in warning for warning in report["warnings"])
    clients.wait_for(closed_by_server=N_APPS)
    assert daemon.node()["own_id"] not in (None, own_id)


# The server stands still


def test_stopped_server(server, make_server, make_daemon, make_clients):
    """An answer within the time-out of a command; other instances do not notice."""
    other = make_server()
    daemon = make_daemon(
        [
            {"id": "r-test", "address": server.address},
            {"id": "r-other", "address": other.address},
        ],
        settings={"defaults": {"command-timeout": "1500ms"}},
    )
    clients = make_clients(server, total=20)
    server.pause_process()
    begin = time.monotonic()
    pending = daemon.begin("POST", "/", body={"Action": ACTION, "InstanceId": "r-test"})
    wait_until(daemon.kills, "the kill to be accepted")
    others = make_clients(other, total=20)
    assert daemon.das(ACTION, InstanceId="r-other").status == 200
    others.wait_for(closed_by_server=20)
    states = {kill["instance"]: kill["state"] for kill in daemon.kills()}
    assert states == {"r-test": "running", "r-other": "done"}

    answer = pending.response()
    assert 1 < time.monotonic() - begin < 5
    assert answer.status == 500 and answer.json["Code"] == "InternalError"
    assert "no answer to CLIENT LIST within 1500 ms" in answer.json["Message"]
    assert_recorded(daemon, answer.json["RequestId"], "failed")
    # Now there is no link, and a request waits for one as long as it may.
    assert daemon.kill("r-test", timeout="300ms").status == 503

    server.resume_process()
    wait_until(lambda: daemon.http("GET", "/healthz").status == 200, "the server to be back")
    # Nobody was killed by what it found in its socket.
    assert clients.status()["open"] == 20
    assert daemon.das(ACTION, InstanceId="r-test").status == 200
    clients.wait_for(closed_by_server=20)


def test_stopped_before_the_kill_command_is_read(setting, make_clients):
    """It carries it out when it goes on; but on nobody who came after that."""
    server, relay, daemon = setting
    clients = make_clients(server, total=50)
    relay.hold(b"TYPE")
    pending = daemon.begin_kill("r-test")
    relay.wait_until_held()
    server.pause_process()
    relay.release()
    answer = pending.response()
    assert (answer.status, answer.json["state"]) == (500, "failed")
    assert "no answer to CLIENT KILL" in answer.json["nodes"][0]["error"]
    assert_adds_up(answer.json)
    server.resume_process()
    wait_until(lambda: daemon.node()["state"] == "ready", "the link to be back")
    new = make_clients(server, total=50)
    # Whatever became of the old ones is over: the link that carried the commands is gone.
    assert (clients.status()["open"]) in (0, 50)
    assert new.status()["open"] == 50


def test_stopped_while_verifying(setting, make_clients):
    """All are dead, but nobody has seen it: that is not done."""
    server, relay, daemon = setting
    clients = make_clients(server, total=50)
    relay.hold(b"LIST", after=1)
    pending = daemon.begin_kill("r-test")
    relay.wait_until_held()
    clients.wait_for(closed_by_server=50)
    report = pending.response().json
    assert report["state"] == "partial"
    assert "no answer to CLIENT LIST" in report["nodes"][0]["error"]
    assert_adds_up(report)
    # What the server itself has counted is told all the same.
    assert report["killed"] == 51


# One of several nodes


@pytest.mark.parametrize("how", ["dead", "stopped"])
def test_two_nodes(make_server, make_daemon, make_clients, how):
    servers = [make_server(), make_server()]
    daemon = make_daemon(
        [{"id": "r-test", "address": [server.address for server in servers]}],
        settings={"defaults": {"command-timeout": "500ms"}},
    )
    clients = make_clients(servers[0], total=50)
    if how == "dead":
        servers[1].kill()
        wait_until(lambda: daemon.http("GET", "/healthz").status == 503, "the loss to be seen")
    else:
        servers[1].pause_process()
    answer = daemon.kill("r-test", timeout="1s")
    assert (answer.status, answer.json["state"]) == (500, "partial")
    assert_adds_up(answer.json)
    good, bad = answer.json["nodes"]
    assert (good["error"], good["killed"], good["survivors"]) == (None, 51, 0)
    assert bad["error"] and bad["killed"] == 0
    clients.wait_for(closed_by_server=50)
    assert_recorded(daemon, answer.json["request_id"], "partial")
    (outcome,) = daemon.audit("outcome")
    assert [node["error"] for node in outcome["nodes"]] == [None, bad["error"]]
    done = daemon.cli("kill", "r-test", "--all", "--yes", "--timeout", "300ms")
    assert done.returncode == 5, done.stderr


# The daemon dies


def test_daemon_killed_in_the_middle(setting, make_clients):
    server, relay, daemon = setting
    clients = make_clients(server, total=N_APPS, named={"app": N_APPS})
    relay.hold(b"KILL", after=400)
    killing = daemon.begin_kill("r-test", reason="the fatal one", **BY_ID)
    relay.wait_until_held()
    waiting = daemon.begin("POST", "/", body={"Action": ACTION, "InstanceId": "r-test"})
    wait_until(lambda: len(daemon.audit("intent")) == 2, "the second to be accepted")
    daemon.kill_process()
    killing.hang_up()
    waiting.hang_up()
    relay.release()
    daemon.start()

    intents, interrupted = daemon.audit("intent"), daemon.audit("interrupted")
    assert [r["request_id"] for r in interrupted] == [r["request_id"] for r in intents]
    assert daemon.audit("outcome") == []
    for intent, end in zip(intents, interrupted):
        # All that the intent said.
        expected = {**intent, "event": "interrupted", "intent_time": intent["time"]}
        assert {**end, "time": intent["time"]} == expected
    assert interrupted[0]["reason"] == "the fatal one"
    # It does not go on by itself; whoever asks again gets the rest.
    assert daemon.kills() == []
    assert daemon.kill("r-test", **BY_ID).json["state"] == "done"
    clients.wait_for(closed_by_server=N_APPS)
    # Once is enough.
    daemon.kill_process()
    daemon.start()
    assert len(daemon.audit("interrupted")) == 2


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["TERM", "INT"])
def test_a_signal_during_a_kill(setting, make_clients, number):
    """It is finished, recorded and answered; nothing new is begun."""
    server, relay, daemon = setting
    clients = make_clients(server, total=50)
    relay.hold(b"TYPE")
    running = daemon.begin_kill("r-test")
    relay.wait_until_held()
    waiting = daemon.begin_kill("r-test")
    wait_until(lambda: len(daemon.kills()) == 2, "the second to wait")
    daemon.signal(number)
    assert waiting.response().json["state"] == "cancelled"
    with pytest.raises(OSError):
        daemon.connect()
    relay.release()
    assert running.response().json["state"] == "done"
    clients.wait_for(closed_by_server=50)
    assert daemon.wait_for_end() == 0
    assert [(r["event"], r.get("state")) for r in daemon.audit()] == [
        ("start", None),
        ("intent", None),
        ("intent", None),
        ("outcome", "cancelled"),
        ("outcome", "done"),
        ("stop", None),
    ]


def test_a_signal_during_a_kill_that_cannot_end(setting, make_clients):
    server, relay, daemon = setting
    clients = make_clients(server, total=50)
    server.pause_process()
    running = daemon.begin_kill("r-test")
    wait_until(daemon.kills, "the kill to be accepted")
    daemon.signal(signal.SIGTERM)
    answer = running.response()
    assert (answer.status, answer.json["state"]) == (500, "failed")
    assert daemon.wait_for_end() == 0
    assert [r["event"] for r in daemon.audit()] == ["start", "intent", "outcome", "stop"]
    server.resume_process()
    assert clients.status()["open"] == 50


def test_a_server_that_stands_still_does_not_hold_up_the_watching(
    make_server, make_daemon, make_clients
):
    """The kill is done, and says when it could no longer look."""
    server = make_server()
    daemon = make_daemon([server], settings={"defaults": {"command-timeout": "60s"}})
    clients = make_clients(server, total=5)
    events = daemon.begin_kill("r-test", watch="500ms", stream=True).events()
    while next(events)["event"] != "verified":
        pass
    server.pause_process()
    *_, report = events
    server.resume_process()
    clients.wait_for(closed_by_server=5)
    assert report["state"] == "done"
    (warning,) = report["warnings"]
    assert "who came back is not known to the end" in warning
    assert "the last listing was not answered in time" in warning
