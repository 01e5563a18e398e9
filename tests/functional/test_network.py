"""A server on another host, and a network that goes away in silence."""

import pytest

from harness import assert_adds_up, network, programs, wait_until

PORT = 6379


@pytest.fixture
def host():
    reason = network.why_not()
    if reason is not None:
        pytest.skip(reason)
    with network.Host() as host:
        yield host


@pytest.fixture
def far_server(host, make_server, make_directory):
    """Its Unix socket is the way of the test itself, whatever the network does."""
    program = host.program(make_directory(), programs.REDIS_SERVER)
    return make_server(program=program, lines=[f"bind {host.address}", f"port {PORT}"])


def configuration(host, *others):
    return [{"id": "r-test", "address": f"{host.address}:{PORT}"}, *others]


IMPATIENT = {"defaults": {"connect-timeout": "300ms", "command-timeout": "500ms"}}


def test_the_network_goes_away(host, far_server, server, make_daemon, make_clients):
    """A server that does not answer is not asked again; the other one is not affected."""
    clients = make_clients(far_server, total=50)
    daemon = make_daemon(
        configuration(host, {"id": "near", "address": server.address}), settings=IMPATIENT
    )
    host.pull()
    answer = daemon.kill("r-test", timeout="5s")
    assert (answer.status, answer.json["state"]) == (500, "failed")
    assert answer.json["nodes"][0]["error"] == "no answer to CLIENT LIST within 500 ms"
    assert_adds_up(answer.json)
    assert daemon.kill("near").json["state"] == "done"
    assert clients.status()["open"] == 50
    wait_until(
        lambda: daemon.node()["last_error"] == "cannot connect: no answer in time",
        "the daemon to try again",
    )

    host.plug_again()
    wait_until(lambda: daemon.node()["state"] == "ready", "the link")
    assert daemon.kill("r-test").json["state"] == "done"
    clients.wait_for(closed_by_server=50)


def test_the_network_goes_away_in_the_middle(host, far_server, make_daemon, make_clients):
    """What was killed is killed, what was not lives, and the report knows no more than it heard."""
    clients = make_clients(far_server, total=4000, named={"app": 4000})
    daemon = make_daemon(configuration(host), settings=IMPATIENT)
    pending = daemon.begin_kill("r-test", match="name = app", pace="gentle", stall_budget="1ms")
    wait_until(lambda: clients.status()["closed_by_server"] > 0, "the first to be killed")
    host.pull()
    report = pending.response().json
    assert_adds_up(report)
    ended = clients.status()["closed_by_server"]
    assert report["killed"] <= ended <= 4000
    # Unless it was faster than the hand that pulled.
    if report["state"] != "done":
        assert report["state"] in ("partial", "failed")
        assert "no answer to CLIENT " in report["nodes"][0]["error"]
        assert report["survivors"] > 0
    records = [r for r in daemon.audit() if r.get("request_id") == report["request_id"]]
    assert [record["event"] for record in records] == ["intent", "outcome"]

    host.plug_again()
    wait_until(lambda: daemon.node()["state"] == "ready", "the link")
    assert daemon.kill("r-test", match="name = app").json["state"] == "done"
    clients.wait_for(closed_by_server=4000)


def test_the_network_is_not_there_yet(host, far_server, make_daemon, make_clients):
    """Whoever asks for a kill waits for it."""
    clients = make_clients(far_server, total=50)
    host.pull()
    daemon = make_daemon(configuration(host), settings=IMPATIENT, wait="socket")
    wait_until(
        lambda: daemon.node()["last_error"] == "cannot connect: no answer in time",
        "the daemon to have tried",
    )
    pending = daemon.begin_kill("r-test", timeout="20s")
    wait_until(daemon.kills, "the kill to be accepted")
    host.plug_again()
    assert pending.response().json["state"] == "done"
    clients.wait_for(closed_by_server=50)
