"""Nobody can hold others up: not by many connections or requests, not by waiting, not by not reading.

ANN may kill by a selector and list, STRANGER may do nothing, root may do everything.
"""

import contextlib
import grp
import os
import socket

import pytest

from harness import Caller, programs, wait_until
from harness.crowd import Crowd
from harness.fake_server import EndlessServer

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can act as somebody else")

ANN = Caller(uid=12345, gid=12345)
STRANGER = Caller(uid=12346, gid=12346)
ACCESS = [
    {"effect": "allow", "users": ["0"], "actions": ["*"]},
    {
        "effect": "allow",
        "users": ["12345"],
        "actions": ["hdm:Get*", "hdm:CreateKillInstanceSessionTask"],
    },
]
MAX_REMEMBERED = 100


@pytest.fixture
def open_daemon(make_daemon):
    """open_daemon(instances): everybody can connect to its socket."""

    def make(instances, access=tuple(ACCESS), **options):
        control = {"mode": "0666", "group": str(grp.getgrnam("daemon").gr_gid)}
        settings = {"control": control, "access": list(access)}
        daemon = make_daemon(instances, settings=settings, **options)
        os.chmod(daemon.directory, 0o755)
        return daemon

    return make


@pytest.fixture
def half_dead(make_server, open_daemon):
    """A daemon for one instance of two servers, of which one is gone; and the one that lives."""
    servers = [make_server(), make_server()]
    daemon = open_daemon([{"id": "r-test", "address": [s.address for s in servers]}])
    servers[1].kill()
    wait_until(lambda: daemon.http("GET", "/healthz").status == 503, "the loss to be seen")
    return daemon, servers[0]


def order(daemon, caller, **params):
    """A kill whose answer is not waited for."""
    return daemon.begin("POST", "/v1/instances/r-test/kill", body=params, caller=caller)


def states(daemon):
    return sorted(kill["state"] for kill in daemon.kills())


@pytest.fixture
def many():
    """Things that are closed at the end."""
    with contextlib.ExitStack() as stack:
        yield stack


# Places


def test_callers_who_leave_hold_no_place(server, open_daemon):
    """Their kills go on."""
    daemon = open_daemon([server])
    n_before = len(os.listdir(f"/proc/{daemon.pid}/fd"))
    for number in range(64):
        selector = f"name = nobody-{number}"
        kill = order(daemon, ANN, match=selector, watch="10m", timeout="10m")
        wait_until(lambda n=number: len(daemon.kills()) > n, "it to be accepted")
        kill.hang_up()
    assert states(daemon) == ["running"] * 64
    assert daemon.http("GET", "/healthz", caller=STRANGER).status == 200
    assert daemon.kill("r-test").json["state"] == "done"
    wait_until(lambda: len(os.listdir(f"/proc/{daemon.pid}/fd")) <= n_before + 2, "the places")
    # More of them are the business of whoever has so many.
    refused = order(daemon, ANN, match="name = one-more").response()
    assert (refused.status, refused.json["error"]["code"]) == (429, "Throttling.User")
    assert daemon.kill("r-test", match="name = another").json["state"] == "done"
    for kill in daemon.kills():
        daemon.http("DELETE", f"/v1/kills/{kill['request_id']}")


def test_retries_on_a_dead_node(half_dead):
    """As SDK clients do: three seconds, and again. The answers to others do not wait."""
    daemon, _ = half_dead
    for _ in range(10):
        form = {"Action": "KillInstanceAllSession", "InstanceId": "r-test"}
        calls = [daemon.begin("POST", "/", body=form) for _ in range(8)]
        for call in calls:
            call.hang_up()
    assert daemon.http("GET", "/healthz").status == 503
    assert daemon.http("GET", "/v1/kills").status == 200


def test_a_thousand_who_come_and_go(server, open_daemon):
    daemon = open_daemon([server])
    for _ in range(1000):
        daemon.connect(STRANGER).close()
    assert daemon.http("GET", "/healthz").status == 200
    wait_until(lambda: len(os.listdir(f"/proc/{daemon.pid}/fd")) < 50, "the descriptors")


@pytest.mark.parametrize("piece", [b"", b"POST /v1/inst"], ids=["silent", "half a line"])
def test_strangers_by_the_thousand(server, open_daemon, make_clients, many, piece):
    daemon = open_daemon([server])
    clients = make_clients(server, total=20)
    for _ in range(2000):
        stranger = many.enter_context(contextlib.closing(daemon.connect(STRANGER)))
        with contextlib.suppress(OSError):
            stranger.send(piece)
    answer = order(daemon, ANN, match="id > 1000000").response()
    assert answer.json["state"] == "done"
    assert daemon.kill("r-test").json["killed"] >= 20
    clients.wait_for(closed_by_server=20)


def test_a_user_who_takes_all_places(server, open_daemon, many):
    """Requests of ANN that wait for their answers fill the daemon; others are served at once."""
    daemon = open_daemon([server])
    kills = []
    for number in range(60):
        selector = f"name = nobody-{number}"
        kills.append(order(daemon, ANN, match=selector, watch="10m", timeout="10m"))
        many.callback(kills[-1].hang_up)
    for _ in range(30):
        many.enter_context(contextlib.closing(daemon.connect(ANN)))
    assert daemon.kill("r-test").json["state"] == "done"
    assert daemon.http("GET", "/healthz", caller=STRANGER).status == 200
    for kill in daemon.kills():
        daemon.http("DELETE", f"/v1/kills/{kill['request_id']}")


# Waiting


def test_who_waits_for_a_dead_node_delays_nobody(half_dead, make_clients):
    daemon, alive = half_dead
    clients = make_clients(alive, total=30)
    waiting = [order(daemon, ANN, match=f"name = nosuch-{i}", timeout="1h") for i in range(15)]
    wait_until(lambda: states(daemon) == ["running"] * 15, "all to wait for the dead node")
    report = daemon.kill("r-test", timeout="2s").json
    assert report["state"] == "partial" and report["killed"] >= 30
    clients.wait_for(closed_by_server=30)
    # Only of the one node: all that it wants is there.
    report = daemon.kill("r-test", node=alive.unix_path).json
    assert report["state"] == "done"
    for kill in waiting:
        kill.hang_up()
    for kill in daemon.kills():
        daemon.http("DELETE", f"/v1/kills/{kill['request_id']}")


def test_who_waits_for_a_server_that_hangs_delays_nobody(make_server, open_daemon, make_clients):
    """It is not known yet that it does: commands may take a minute there."""
    servers = [make_server(), make_server()]
    instance = {"id": "r-test", "address": [s.address for s in servers], "command-timeout": "1m"}
    daemon = open_daemon([instance])
    clients = make_clients(servers[1], total=5)
    servers[0].pause_process()
    first = daemon.begin_kill("r-test", timeout="10m")
    clients.wait_for(closed_by_server=5)
    make_clients(servers[1], named={"late": 5})
    report = daemon.kill("r-test", match="name = late", node=servers[1].unix_path).json
    assert (report["state"], report["killed"]) == ("done", 5)
    assert "running" in states(daemon)
    servers[0].resume_process()
    assert first.response().json["state"] == "done"


@pytest.mark.parametrize("params", [{"all": True}, {"all": True, "dry_run": True}])
def test_a_server_that_never_stops_talking(
    server, make_fake_server, open_daemon, make_clients, params
):
    """Neither a kill on it nor a dry run keeps anybody else from being heard, signals included."""
    # Several: one alone writes hardly faster than it is read.
    endless = [make_fake_server(kind=EndlessServer) for _ in range(4)]
    keys = [{"id": f"r-{i}", "address": each.address} for i, each in enumerate(endless)]
    daemon = open_daemon(
        [{"id": "r-test", "address": server.address}, *keys], has_least_user=False
    )
    for each in endless:
        each.is_endless = True
    body = {**params, "timeout": "1h"}
    pending = [daemon.begin("POST", f"/v1/instances/r-{i}/kill", body=body) for i in range(4)]
    wait_until(lambda: all(each.is_talking for each in endless), "the listings to begin")
    many = make_clients(server, total=300)
    listed = daemon.http("GET", "/v1/instances/r-test/sessions", caller=ANN).json["sessions"]
    assert len(listed) >= 300
    assert daemon.http("GET", "/healthz", caller=STRANGER).status in (200, 503)
    assert daemon.kill("r-test").json["state"] == "done"
    many.wait_for(closed_by_server=300)
    assert any(each.is_talking for each in endless), "the listings were over too early"
    daemon.stop()
    assert all(each.response().json["killed"] == 0 for each in pending)


def test_users_take_turns(server, make_server, make_relay, open_daemon, make_clients):
    """Behind a kill that is at work those of one user wait; root's comes after the first of them."""
    make_clients(server, total=3)
    relay = make_relay(server)
    other = {"id": "r-other", "address": make_server().address}
    daemon = open_daemon([{"id": "r-test", "address": relay.address}, other])
    relay.hold(b"KILL")
    kills = [order(daemon, ANN, match="db = 0", pace="gentle", timeout="1m")]
    relay.wait_until_held()
    kills += [order(daemon, ANN, match=f"name = a-{i}", timeout="1m") for i in range(16)]
    wait_until(lambda: len(daemon.kills()) == 17, "all to be accepted")
    assert order(daemon, ANN, match="name = b").response().status == 429
    roots = daemon.begin_kill("r-test", all=True)
    wait_until(lambda: len(daemon.kills()) == 18, "root's to be accepted")
    # What is answered was recorded, and whatever was accepted before it: root's may begin.
    assert daemon.kill("r-other", dry_run=True).json["state"] == "dry_run"
    relay.release()
    report = roots.response().json
    assert report["state"] == "done"
    others = [kill.response().json for kill in kills]
    assert sum(other["started_at"] < report["started_at"] for other in others) <= 2


# What is not read


def resident_kib(daemon):
    with open(f"/proc/{daemon.pid}/status", encoding="ascii") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmRSS:"))


@pytest.mark.parametrize(
    "target",
    ["/v1/instances/r-test/sessions", "/?Action=GetRedisAllSession&InstanceId=r-test"],
    ids=["native", "das"],
)
@pytest.mark.skipif(programs.is_sanitized(), reason="a sanitizer keeps what is freed for a while")
def test_listings_nobody_reads(open_daemon, make_directory, many, target):
    crowd = Crowd(make_directory(), 8000)
    many.callback(crowd.stop)
    crowd.start()
    daemon = open_daemon([{"id": "r-test", "address": crowd.address, "links": 1}])
    before_kib = resident_kib(daemon)
    request = f"GET {target} HTTP/1.1\r\nHost: x\r\n\r\n".encode()
    callers = [many.enter_context(contextlib.closing(daemon.connect(ANN))) for _ in range(60)]
    for caller in callers:
        caller.send(request)
    statuses = [caller.recv(12, socket.MSG_PEEK)[9:] for caller in callers]
    assert set(statuses) == {b"200", b"503"} and statuses.count(b"200") <= 8
    assert resident_kib(daemon) - before_kib < 32 * 1024
    assert daemon.http("GET", "/v1/instances/r-test/sessions").json["listed"] >= 8000
    for caller in callers:
        caller.close()
    wait_until(lambda: resident_kib(daemon) - before_kib < 8 * 1024, "the memory to come back")
    assert len(daemon.http("GET", target, caller=ANN).body) > 1_000_000


# What is remembered


@pytest.mark.skipif(programs.is_sanitized(), reason="a sanitizer keeps what is freed for a while")
def test_watches_hold_no_listing(server, open_daemon, make_clients):
    """What a kill knew of thousands of sessions is not kept while it watches for minutes."""
    daemon = open_daemon([server])
    make_clients(server, total=3000)
    assert daemon.kill("r-test", match="name = nobody").json["state"] == "done"
    before = resident_kib(daemon)
    for number in range(60):
        kill = order(daemon, None, match=f"name = nobody-{number}", watch="10m", timeout="10m")
        wait_until(lambda n=number: states(daemon).count("running") > n, "it to be at work")
        kill.hang_up()
    wait_until(lambda: resident_kib(daemon) < before + 4096, lambda: resident_kib(daemon) - before)


def test_a_listing_that_nobody_reads_locks_out_nobody(make_fake_server, server, open_daemon):
    """A server that claims to be full of sessions makes a user's first listing as large as can be."""
    claims = ["redis_version:7.0.15", "run_id:" + "f" * 40, "connected_clients:900000000"]
    liar = make_fake_server(info=claims)
    liar.add(4000)
    keys = [{"id": "r-test", "address": server.address}, {"id": "r-liar", "address": liar.address}]
    access = [{"effect": "allow", "users": ["0", "12345", "12346"], "actions": ["*"]}]
    daemon = open_daemon(keys, access=access, has_least_user=False)
    wait_until(lambda: daemon.http("GET", "/healthz").status == 200, "both to be ready")
    with daemon.connect(caller=STRANGER) as connection:
        connection.sendall(
            b"GET /v1/instances/r-liar/sessions?limit=200000 HTTP/1.1\r\nHost: x\r\n\r\n"
        )
        assert connection.recv(100).startswith(b"HTTP/1.1 200")
        assert daemon.http("GET", "/v1/instances/r-test/sessions", caller=ANN).status == 200


def test_dry_runs_push_out_nothing(server, open_daemon, make_clients):
    daemon = open_daemon([server])
    make_clients(server, total=3)
    by_root = daemon.kill("r-test", match="name = x").json["request_id"]
    form = {
        "Action": "CreateKillInstanceSessionTask",
        "InstanceId": "r-test",
        "SessionIds": "[1000000]",
    }
    task = daemon.http("POST", "/", body=form, caller=ANN).json["Data"]
    for _ in range(MAX_REMEMBERED + 10):
        answer = order(daemon, ANN, match="name = x", dry_run=True).response()
        assert answer.json["state"] == "dry_run"
    assert len(daemon.kills()) == MAX_REMEMBERED
    assert daemon.http("GET", f"/v1/kills/{by_root}").status == 200
    result = daemon.das(
        "GetKillInstanceSessionTaskResult", caller=ANN, InstanceId="r-test", TaskId=task
    )
    assert result.json["Data"]["TaskState"] == "SUCCESS"
