"""SIGHUP: all or nothing, and nobody who is served meanwhile notices."""

import json
import os
import signal
import socket
import subprocess

import pytest

from harness import Caller, assert_adds_up, programs, wait_until
from harness.exposition import Exposition

NOBODY = 65534
DONE = "the configuration is reloaded"
FAILED = "the configuration is not reloaded"


def reload(daemon, words=DONE):
    """Sends SIGHUP and waits until it is dealt with; what was logged about it."""
    before = daemon.log()
    daemon.signal(signal.SIGHUP)
    wait_until(lambda: words in daemon.log()[len(before) :], daemon.explain)
    return daemon.log()[len(before) :]


def configure(daemon, **settings):
    """Changes these top-level keys of the file."""
    with open(daemon.config_path, encoding="utf-8") as file:
        config = json.load(file)
    if "instances" in settings:
        settings["instances"] = [daemon.instance_keys(keys) for keys in settings["instances"]]
    daemon.write_config(json.dumps({**config, **settings}))


def instance(name, server, **settings):
    return {"id": name, "address": server.address, **settings}


def metric(daemon, name, **labels):
    return Exposition(daemon.http("GET", "/metrics").text).get(name, **labels)


# What stays


def test_nothing_has_changed(server, daemon):
    before = daemon.node()
    log = reload(daemon)
    assert "1 kept with their connections, 0 replaced, 0 added, 0 removed" in log
    after = daemon.node()
    assert (after["own_id"], after["state"]) == (before["own_id"], "ready")
    assert after["link_age_ms"] >= before["link_age_ms"]
    assert [record["event"] for record in daemon.audit()] == ["start", "reload"]
    assert server.session_ids() == daemon.own_ids()


def test_links_stay_warm_over_many_reloads(server, make_clients, daemon):
    own_id = daemon.node()["own_id"]
    for number in range(5):
        configure(daemon, instances=[instance("r-test", server, protect=[f"name = a{number}"])])
        reload(daemon)
        assert daemon.node()["own_id"] == own_id
        assert daemon.kill("r-test").json["state"] == "done"
    clients = make_clients(server, total=5)
    assert daemon.kill("r-test").json["state"] == "done"
    clients.wait_for(closed_by_server=5)
    # The counters go on.
    assert metric(daemon, "sesskill_kills_total", instance="r-test", state="done") == 6
    labels = {"instance": "r-test", "node": server.unix_path}
    assert metric(daemon, "sesskill_link_reconnects_total", **labels) == 0


def test_connections_of_callers_and_reports_stay(daemon):
    request_id = daemon.kill("r-test").json["request_id"]
    with daemon.connect() as caller:
        reload(daemon)
        caller.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert caller.recv(4096).startswith(b"HTTP/1.1 200 ")
    assert daemon.http("GET", f"/v1/kills/{request_id}").json["state"] == "done"


# What changes


def test_protection_holds_from_the_next_kill_on(server, make_clients, daemon):
    clients = make_clients(server, total=30, named={"app": 10})
    configure(daemon, instances=[instance("r-test", server, protect=["name = app"])])
    reload(daemon)
    report = daemon.kill("r-test").json
    assert report["protected"] == 12  # with the daemon's own two
    assert clients.wait_for(closed_by_server=20)["classes"]["named:app"]["open"] == 10
    configure(daemon, instances=[instance("r-test", server)])
    reload(daemon)
    assert daemon.kill("r-test").json["killed"] == 10
    clients.wait_for(closed_by_server=30)


def test_instances_come_and_go(make_server, make_daemon, make_clients):
    servers = [make_server() for _ in range(3)]
    daemon = make_daemon([instance("a", servers[0]), instance("b", servers[1])])
    own_id = daemon.node("a")["own_id"]
    configure(daemon, instances=[instance("c", servers[2]), instance("a", servers[0])])
    assert "1 kept with their connections, 0 replaced, 1 added, 1 removed" in reload(daemon)
    assert [one["id"] for one in daemon.http("GET", "/v1/instances").json["instances"]] == [
        "c",
        "a",
    ]
    assert daemon.node("a")["own_id"] == own_id
    wait_until(lambda: daemon.node("c")["state"] == "ready", "the new one")
    assert daemon.kill("b").status == 404
    wait_until(lambda: not servers[1].sessions(), "its connection to be closed")
    clients = make_clients(servers[2], total=5)
    assert daemon.kill("c").json["killed"] == 6  # with the control connection
    clients.wait_for(closed_by_server=5)


def test_another_address(make_server, make_daemon):
    servers = [make_server(), make_server()]
    daemon = make_daemon([servers[0]])
    configure(daemon, instances=[instance("r-test", servers[1])])
    assert "0 kept with their connections, 1 replaced" in reload(daemon)
    wait_until(lambda: daemon.node()["state"] == "ready", "the other server")
    assert daemon.node()["address"] == servers[1].unix_path
    wait_until(lambda: not servers[0].sessions(), "the old connection to be closed")


@pytest.mark.skipif(os.geteuid() != 0, reason="acts as somebody else")
def test_access(server, make_daemon):
    daemon = make_daemon([server], settings={"control": {"mode": "0666"}})
    os.chmod(daemon.directory, 0o755)
    somebody = Caller(NOBODY, NOBODY)
    assert daemon.http("GET", "/v1/instances", caller=somebody).status == 403
    rule = {"effect": "allow", "actions": ["hdm:Describe*"], "users": [NOBODY]}
    configure(daemon, access=[rule])
    reload(daemon)
    assert daemon.http("GET", "/v1/instances", caller=somebody).status == 200
    # Root is somebody like everybody else now.
    assert daemon.kill("r-test").status == 403
    with open(daemon.config_path, encoding="utf-8") as file:
        config = json.load(file)
    del config["access"]
    daemon.write_config(json.dumps(config))
    reload(daemon)
    assert daemon.http("GET", "/v1/instances", caller=somebody).status == 403
    assert daemon.kill("r-test").status == 200


def test_another_record(daemon):
    other = f"{daemon.directory}/other.jsonl"
    configure(daemon, audit={"file": other, "required": True})
    reload(daemon)
    daemon.kill("r-test")
    assert [record["event"] for record in daemon.audit()] == ["start"]
    daemon.audit_path = other
    assert [record["event"] for record in daemon.audit()] == ["reload", "intent", "outcome"]


def test_the_record_after_rotation(daemon):
    os.rename(daemon.audit_path, f"{daemon.audit_path}.1")
    reload(daemon)
    daemon.kill("r-test")
    assert [record["event"] for record in daemon.audit()] == ["reload", "intent", "outcome"]


def test_what_takes_a_restart_is_said(server, daemon):
    control = {
        "socket": f"{daemon.directory}/elsewhere.sock",
        "mode": "0600",
        "group": "daemon",
        "max-connections": 7,
    }
    configure(daemon, control=control, instances=[instance("r-new", server)])
    log = reload(daemon)
    for key in control:
        assert f"control.{key} has changed: that takes a restart" in log
    # The rest has taken effect, and the socket is where it was.
    assert daemon.http("GET", "/v1/instances/r-new").status == 200
    assert not os.path.exists(control["socket"])
    # It is said again as long as it is so, and not when it is not.
    assert "control.mode" in reload(daemon)
    configure(daemon, control={"socket": daemon.socket_path})
    assert "restart" not in reload(daemon)


# All or nothing

BROKEN = {
    "no YAML": "instances: [",
    "unknown key": "instances: [{id: r-test, address: 'localhost:1', colour: red}]",
    "no instances": "audit: {required: false}",
    "empty": "",
}


@pytest.mark.parametrize("text", BROKEN.values(), ids=BROKEN)
def test_a_bad_file_changes_nothing(server, make_clients, daemon, text):
    before = daemon.node()
    os.rename(daemon.audit_path, f"{daemon.audit_path}.1")
    daemon.write_config(text)
    log = reload(daemon, FAILED)
    assert f"{daemon.config_path}:" in log
    assert daemon.node()["own_id"] == before["own_id"]
    # The record was rotated all the same, and does not speak of a reload.
    assert daemon.audit() == []
    clients = make_clients(server, total=5)
    assert daemon.kill("r-test").json["state"] == "done"
    clients.wait_for(closed_by_server=5)
    assert metric(daemon, "sesskill_config_last_reload_successful") == 0


def test_a_failure_is_mended(server, daemon):
    read_at = metric(daemon, "sesskill_config_last_reload_success_timestamp_seconds")
    assert metric(daemon, "sesskill_config_last_reload_successful") == 1
    with open(daemon.config_path, encoding="utf-8") as file:
        good = file.read()
    daemon.write_config("nonsense")
    reload(daemon, FAILED)
    assert metric(daemon, "sesskill_config_last_reload_success_timestamp_seconds") == read_at
    daemon.write_config(good)
    reload(daemon)
    assert metric(daemon, "sesskill_config_last_reload_success_timestamp_seconds") > read_at
    assert metric(daemon, "sesskill_config_last_reload_successful") == 1


def test_a_missing_file(daemon):
    os.rename(daemon.config_path, f"{daemon.config_path}.away")
    assert "cannot be read" in reload(daemon, FAILED)
    assert daemon.kill("r-test").status == 200


def test_a_record_that_cannot_be_opened(server, daemon):
    """The instances of that file do not come without its record."""
    configure(
        daemon,
        audit={"file": f"{daemon.directory}/none/audit.jsonl"},
        instances=[instance("r-new", server)],
    )
    assert "none/audit.jsonl" in reload(daemon, FAILED)
    assert daemon.http("GET", "/v1/instances/r-new").status == 404
    daemon.kill("r-test")
    assert [record["event"] for record in daemon.audit()] == ["start", "intent", "outcome"]


# In the middle of a kill


@pytest.fixture
def held(server, make_relay, make_daemon, make_clients):
    """A kill that stands still before a chosen word, and the 20 sessions of its server."""

    class Held:
        relay = make_relay(server)
        daemon = make_daemon([{"id": "r-test", "address": relay.address}])
        clients = make_clients(server, total=20, named={"app": 10})

        def start(self, word=b"KILL", **params):
            self.relay.hold(word)
            self.pending = self.daemon.begin_kill("r-test", **params)
            self.relay.wait_until_held()

        def end(self):
            self.relay.release()
            return self.pending.response()

    return Held()


def test_a_running_kill_is_not_touched(held):
    """It goes by what was in force when it began, on the same connection."""
    held.start()
    settings = {"id": "r-test", "address": held.relay.address, "protect": ["name = app"]}
    configure(held.daemon, instances=[settings])
    assert "1 kept" in reload(held.daemon)
    report = held.end().json
    assert_adds_up(report)
    assert (report["state"], report["warnings"]) == ("done", [])
    held.clients.wait_for(closed_by_server=20)


def test_a_waiting_kill_goes_by_what_is_new(held):
    held.start(b"LIST", match="name = nobody")
    waiting = held.daemon.begin_kill("r-test")
    wait_until(lambda: len(held.daemon.kills()) == 2, "the second to wait")
    settings = {"id": "r-test", "address": held.relay.address, "protect": ["name = app"]}
    configure(held.daemon, instances=[settings])
    reload(held.daemon)
    held.end()
    report = waiting.response().json
    assert report["state"] == "done"
    status = held.clients.wait_for(closed_by_server=10)
    assert status["classes"]["named:app"]["open"] == 10


@pytest.mark.parametrize("successor", [False, True], ids=["removed", "replaced"])
def test_a_running_kill_keeps_its_links(held, server, make_server, successor):
    """The instance is gone or elsewhere, and the kill that runs on it ends as it should."""
    other = make_server()
    held.start()
    left = [instance("r-test" if successor else "r-other", other)]
    configure(held.daemon, instances=left)
    reload(held.daemon)
    if not successor:
        assert held.daemon.kill("r-test").status == 404
    # Its progress can still be seen.
    assert held.daemon.kills()[-1]["state"] == "running"
    report = held.end().json
    assert_adds_up(report)
    assert (report["state"], report["warnings"]) == ("done", [])
    assert report["nodes"][0]["address"] == held.relay.unix_path
    held.clients.wait_for(closed_by_server=20)
    # Now its connection is not needed any more.
    wait_until(lambda: not server.sessions(), "its connection to be closed")
    assert [record["event"] for record in held.daemon.audit()[-3:]] == [
        "intent",
        "reload",
        "outcome",
    ]


def test_one_kill_at_a_time_over_a_reload(held):
    """The old and the new object are one instance."""
    held.start()
    settings = {"id": "r-test", "address": held.relay.address, "stall-budget": "7ms"}
    configure(held.daemon, instances=[settings])
    reload(held.daemon)
    second = held.daemon.begin_kill("r-test", match="name = app")
    wait_until(lambda: len(held.daemon.kills()) == 2, "the second")
    assert [kill["state"] for kill in held.daemon.kills()] == ["waiting", "running"]
    assert held.end().json["state"] == second.response().json["state"] == "done"


def test_connections_of_a_removed_instance_are_never_victims(held, server):
    """Another instance leads to the same server; the running kill still needs its link."""
    held.start(match="name = app")
    configure(held.daemon, instances=[instance("r-other", server)])
    reload(held.daemon)
    wait_until(lambda: held.daemon.node("r-other")["state"] == "ready", "the other one")
    held.daemon.own_ids("r-other")
    report = held.daemon.kill("r-other").json
    # Two connections of each.
    assert report["state"] == "done" and report["protected"] == 4
    first = held.end().json
    assert (first["state"], first["warnings"]) == ("done", [])
    assert (first["gone"], first["killed"]) == (10, 0)


def test_a_node_that_is_gone_is_no_success(make_server, make_relay, make_daemon, make_clients):
    """A kill on two nodes waits; when it starts the instance has only one of them."""
    servers = [make_server(), make_server()]
    relays = [make_relay(server) for server in servers]
    addresses = [relay.address for relay in relays]
    paths = [relay.unix_path for relay in relays]
    daemon = make_daemon([{"id": "r-test", "address": addresses}])
    clients = [make_clients(server, total=5) for server in servers]
    relays[0].hold(b"LIST")
    running = daemon.begin_kill("r-test", match="name = x", node=paths[0])
    relays[0].wait_until_held()
    waiting = daemon.begin_kill("r-test", node=paths)
    wait_until(lambda: len(daemon.kills()) == 2, "the second to wait")
    configure(daemon, instances=[{"id": "r-test", "address": addresses[0]}])
    reload(daemon)
    relays[0].release()
    assert running.response().json["state"] == "done"
    answer = waiting.response()
    assert (answer.status, answer.json["state"]) == (500, "partial")
    errors = {node["address"]: node["error"] for node in answer.json["nodes"]}
    assert errors == {paths[0]: None, paths[1]: "no node of this instance any more"}
    clients[0].wait_for(closed_by_server=5)
    assert clients[1].status()["open"] == 5


def test_a_listing_keeps_its_links(server, make_relay, make_daemon):
    relay = make_relay(server)
    daemon = make_daemon([{"id": "r-test", "address": relay.address}])
    relay.hold(b"LIST")
    listing = daemon.begin("GET", "/v1/instances/r-test/sessions")
    relay.wait_until_held()
    configure(daemon, instances=[instance("r-other", server)])
    reload(daemon)
    relay.release()
    answer = listing.response()
    assert answer.status == 200 and answer.json["found"] >= 1


# The service manager


def test_the_service_manager_is_told(server, make_directory):
    directory = make_directory()
    path = f"{directory}/sesskilld.yaml"
    with open(path, "w", encoding="utf-8") as file:
        json.dump(
            {
                "control": {"socket": f"{directory}/control.sock"},
                "instances": [{"id": "r-test", "address": server.address}],
            },
            file,
        )
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(f"{directory}/notify")
        manager.settimeout(20)
        environment = {**programs.environment(), "NOTIFY_SOCKET": f"{directory}/notify"}
        process = subprocess.Popen([str(programs.SESSKILLD), "-c", path], env=environment)
        try:
            assert manager.recv(4096) == b"READY=1"
            process.send_signal(signal.SIGHUP)
            reloading = dict(line.split("=") for line in manager.recv(4096).decode().splitlines())
            assert reloading["RELOADING"] == "1" and int(reloading["MONOTONIC_USEC"]) > 0
            assert manager.recv(4096) == b"READY=1"
            process.terminate()
            assert manager.recv(4096) == b"STOPPING=1"
            assert process.wait(20) == 0
        finally:
            process.kill()
            process.wait(20)
