"""All sessions of an instance end, and nobody else's."""

import pytest
import redis

from harness import assert_adds_up, counts_of, wait_until

MIXED = {
    "subscribed": "10%",
    "blocked": "10%",
    "monitoring": 5,
    "multi": "5%",
    "named": {"app": 500, "with=sign": 20},
}
MANY = 5000
SUCCESS = {"Code": "200", "Message": "Successful", "Data": "None", "Success": "true"}


def assert_only_the_daemon_is_left(server, daemon):
    assert server.session_ids() == daemon.own_ids()


@pytest.mark.parametrize("tcp", [False, True], ids=["unix", "tcp"])
def test_many_mixed_sessions(server, make_clients, make_daemon, tcp):
    address = server.tcp_address if tcp else server.address
    daemon = make_daemon([{"id": "r-test", "address": address}])
    clients = make_clients(server, tcp=tcp, total=MANY, **MIXED)
    own_ids = daemon.own_ids()
    answer = daemon.das("KillInstanceAllSession", InstanceId="r-test")
    assert answer.status == 200, answer.text
    assert {**answer.json, "RequestId": ""} == {**SUCCESS, "RequestId": ""}
    # It is verified: nobody is left on the server at the time of the answer.
    assert_only_the_daemon_is_left(server, daemon)
    status = clients.wait_for(closed_by_server=MANY)
    assert (status["open"], status["errors"]) == (0, 0)
    assert daemon.own_ids() == own_ids

    report = daemon.http("GET", f"/v1/kills/{answer.json['RequestId']}").json
    assert_adds_up(report)
    assert report["state"] == "done"
    # All of them, and the control connection of the test; the daemon's own two are kept.
    names = ("matched", "killed", "gone", "survivors", "unmatched", "protected", "extra")
    assert counts_of(report, *names) == dict(zip(names, (MANY + 1, MANY + 1, 0, 0, 0, 2, 0)))
    assert sum(source["killed"] for source in report["sources"]) == report["killed"]


def test_nobody_is_there(server, daemon):
    server.redis().close()
    report = daemon.kill("r-test").json
    assert report["state"] == "done"
    assert_adds_up(report)
    assert_only_the_daemon_is_left(server, daemon)


def test_who_connects_after_the_answer_lives_on(server, make_clients, daemon):
    old = make_clients(server, total=200, subscribed=50)
    assert daemon.das("KillInstanceAllSession", InstanceId="r-test").status == 200
    new = make_clients(server, total=200, subscribed=50, blocked=50)
    old.wait_for(closed_by_server=200)
    # A whole further round of the daemon's dealings with the server changes nothing for them.
    assert daemon.kill("r-test", dry_run=True).json["matched"] >= 200
    status = new.status()
    assert (status["open"], status["closed_by_server"]) == (200, 0)


def test_each_kill_ends_those_of_its_time(server, make_clients, daemon):
    for _ in range(5):
        clients = make_clients(server, total=50, monitoring=2, multi=5)
        assert daemon.das("KillInstanceAllSession", InstanceId="r-test").status == 200
        clients.wait_for(closed_by_server=50)


def test_one_server_in_two_instances(server, make_clients, make_daemon):
    addresses = {"first": server.address, "second": server.tcp_address}
    daemon = make_daemon([{"id": name, "address": at} for name, at in addresses.items()])
    own_ids = {name: daemon.own_ids(name) for name in addresses}
    all_ids = own_ids["first"] | own_ids["second"]
    assert len(all_ids) == 4
    for name in addresses:
        clients = make_clients(server, total=300, subscribed=30)
        report = daemon.kill(name).json
        assert report["state"] == "done"
        assert_adds_up(report)
        # Its own connections, two of each instance, are what it kept.
        assert report["protected"] == 4
        clients.wait_for(closed_by_server=300)
        assert {name: daemon.own_ids(name) for name in addresses} == own_ids
        assert server.session_ids() == all_ids


def test_own_connection_that_is_still_shaking_hands(server, make_relay, make_clients, make_daemon):
    """Where it leads to is not known yet; that it is there is enough to be careful."""
    relay = make_relay(server)
    relay.hold(b"INFO")
    daemon = make_daemon(
        [{"id": "first", "address": server.address}, {"id": "second", "address": relay.address}],
        wait="socket",
    )
    relay.wait_until_held()
    first = daemon.own_ids("first")

    def own_sessions():
        everybody = server.redis().client_list()
        return {int(s["id"]) for s in everybody if s["name"].startswith("sesskilld:")}

    # The one that asks how filters combine comes and goes.
    wait_until(lambda: len(own_sessions()) == 3, "two connections, and the one that is held")
    named = own_sessions()
    assert first < named
    clients = make_clients(server, total=100)
    report = daemon.kill("first").json
    assert report["state"] == "done" and report["protected"] == 3, report
    clients.wait_for(closed_by_server=100)
    relay.release()
    assert named - first < daemon.own_ids("second")
    assert daemon.own_ids("first") == first


def test_a_full_server(make_server, make_clients, make_daemon):
    """Nobody can log in any more, and whoever is closed comes back at once."""
    server = make_server(lines=["maxclients 100"])
    daemon = make_daemon([server])
    own_ids = daemon.own_ids()
    # Two places are the daemon's, one the control connection's.
    clients = make_clients(server, total=97, reconnect=True)
    with pytest.raises(redis.exceptions.ConnectionError):
        server.redis(client_name="too-late").ping()
    for _ in range(3):
        answer = daemon.das("KillInstanceAllSession", InstanceId="r-test")
        assert answer.status == 200, answer.text
    wait_until(lambda: clients.status()["reconnects"] >= 97, "everybody to come back")
    assert daemon.own_ids() == own_ids


def test_while_the_server_sleeps(make_server, make_clients, make_daemon):
    """The kill waits for a command that takes long, within its time-out."""
    server = make_server(lines=["enable-debug-command local"])
    daemon = make_daemon([server])
    clients = make_clients(server, total=20)
    sleeper = server.redis(single_connection_client=True)
    sleeper.connection.send_command("DEBUG", "SLEEP", "0.5")
    report = daemon.kill("r-test").json
    assert (report["state"], report["survivors"]) == ("done", 0)
    assert report["elapsed_ms"] < 5000
    clients.wait_for(closed_by_server=20)
    sleeper.close()


def test_a_busy_script_is_named(make_server, make_clients, make_daemon):
    server = make_server(lines=["busy-reply-threshold 50", "lua-time-limit 50"])
    daemon = make_daemon([server])
    clients = make_clients(server, total=20)
    runner = server.redis(single_connection_client=True)
    runner.connection.send_command("EVAL", "while true do end", "0")
    wait_until(lambda: is_busy(server), "the script to be over its limit")
    answer = daemon.kill("r-test", timeout="5s")
    assert answer.status == 500
    assert "BUSY" in answer.json["nodes"][0]["error"]
    assert answer.json["elapsed_ms"] < 5000
    server.redis().script_kill()
    assert clients.status()["closed_by_server"] == 0
    assert daemon.kill("r-test").json["state"] == "done"
    clients.wait_for(closed_by_server=20)
    runner.close()


def is_busy(server):
    try:
        return not server.redis().ping()
    except redis.exceptions.ResponseError as error:
        assert "busy" in str(error).lower()
        return True
