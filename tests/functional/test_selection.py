"""Exactly what was asked for: every way to select, protect and verify, on any server version.

The one suite that tests/servers/run.sh runs against each of them; each test is a row of its table.
"""

import pytest

from harness import assert_adds_up, counts_of, wait_until

USERS = ["app on >a ~* +@all", "batch on >b ~* +@all"]


@pytest.fixture
def server(make_server):
    return make_server(users=USERS)


def has_cap(daemon, name):
    return name in daemon.node()["capabilities"]


def kill(daemon, status=200, **params):
    """The report of a kill, which adds up."""
    answer = daemon.kill("r-test", **params)
    assert answer.status == status, answer.text
    assert_adds_up(answer.json)
    return answer.json


def assert_kills(daemon, crowd, victims, **params):
    """Exactly `victims` of the crowd end, by a dry run's word as well as in fact."""
    total = crowd.status()["open"]
    planned = kill(daemon, dry_run=True, **params)
    assert planned["matched"] == victims, planned
    assert sum(step["expect"] for node in planned["nodes"] for step in node["plan"]) == victims
    assert crowd.status()["closed_by_server"] == 0

    report = kill(daemon, **params)
    assert counts_of(report, "matched", "killed", "gone", "survivors", "extra") == {
        "matched": victims,
        "killed": victims,
        "gone": 0,
        "survivors": 0,
        "extra": 0,
    }
    status = crowd.wait_for(closed_by_server=victims)
    assert status["open"] == total - victims
    return report


def test_all(server, daemon, make_clients):
    crowd = make_clients(server, total=400, subscribed=40, blocked=40, monitoring=4, multi=20)
    report = kill(daemon)
    assert report["state"] == "done" and report["killed"] >= 400
    assert report["unmatched"] == 0 and report["survivors"] == 0
    crowd.wait_for(closed_by_server=400, open=0)
    # TYPE for everybody of a type: a command or two, whatever the number.
    assert report["nodes"][0]["commands"] <= 5


def test_all_with_resp3(server, daemon, make_clients):
    crowd = make_clients(server, total=60, subscribed=20, resp3=True)
    assert kill(daemon)["state"] == "done"
    crowd.wait_for(closed_by_server=60)


def test_by_user(server, daemon, make_clients):
    crowd = make_clients(server, users={"app:a": 120, "batch:b": 80})
    report = assert_kills(daemon, crowd, 120, match="user = app")
    assert [(row["user"], row["killed"]) for row in report["sources"]] == [("app", 120)]


def test_by_user_with_wildcard_and_exception(server, daemon, make_clients):
    crowd = make_clients(server, users={"app:a": 50, "batch:b": 50})
    assert_kills(daemon, crowd, 50, match="user = app,bat*", **{"except": "user = batch"})


def test_by_name(server, daemon, make_clients):
    crowd = make_clients(server, named={"leak": 150, "leak=2": 30, "other": 40})
    assert_kills(daemon, crowd, 180, match="name = leak*")


def test_by_exact_name(server, daemon, make_clients):
    crowd = make_clients(server, named={"leak": 150, "leak=2": 30})
    assert_kills(daemon, crowd, 30, match="name = leak=2")


def test_by_address(make_server, make_daemon, make_clients):
    server = make_server(users=USERS)
    daemon = make_daemon([{"id": "r-test", "address": server.tcp_address}])
    make_clients(server, tcp=True, total=20)
    crowd = make_clients(server, tcp=True, total=70, source="127.0.0.9")
    assert_kills(daemon, crowd, 70, match="addr = 127.0.0.9")


def test_by_network(make_server, make_daemon, make_clients):
    server = make_server(users=USERS)
    daemon = make_daemon([{"id": "r-test", "address": server.tcp_address}])
    bystanders = make_clients(server, tcp=True, total=20, source="127.0.1.1")
    crowd = make_clients(server, tcp=True, total=60, source="127.0.2.7")
    assert_kills(daemon, crowd, 60, match="addr = 127.0.2.0/24")
    assert bystanders.status()["closed_by_server"] == 0


def test_by_unix_socket(make_server, make_daemon, make_clients):
    server = make_server(users=USERS)
    daemon = make_daemon([{"id": "r-test", "address": server.tcp_address}])
    bystanders = make_clients(server, tcp=True, total=20)
    make_clients(server, total=30)
    report = kill(daemon, match="addr = unix")
    assert report["killed"] >= 30 and report["survivors"] == 0
    assert bystanders.status()["closed_by_server"] == 0


def test_by_local_address(make_server, make_daemon, make_clients):
    server = make_server(users=USERS)
    daemon = make_daemon([{"id": "r-test", "address": server.tcp_address}])
    crowd = make_clients(server, tcp=True, total=50)
    if not has_cap(daemon, "kill-laddr"):
        report = kill(daemon, match=f"laddr = {server.tcp_address}")
        assert report["matched"] == 0 and "laddr" in report["warnings"][0]
        assert crowd.status()["closed_by_server"] == 0
        return
    assert_kills(daemon, crowd, 50, match=f"laddr = {server.tcp_address}")


def test_by_age(server, daemon, make_clients):
    old = make_clients(server, total=80)
    youngest = max(server.session_ids())
    control = server.redis()

    def oldest_of_the_crowd():
        ages = [int(s["age"]) for s in control.client_list() if int(s["id"]) <= youngest]
        return min(ages) >= 2

    wait_until(oldest_of_the_crowd, "the sessions to be two seconds old")
    young = make_clients(server, total=40)
    report = kill(daemon, match="age >= 2s", **{"except": "flags = O"})
    assert report["killed"] >= 80 and report["survivors"] == 0
    old.wait_for(closed_by_server=80)
    assert young.status()["closed_by_server"] == 0


def test_by_idle_time(server, daemon, make_clients):
    crowd = make_clients(server, total=50)
    control = server.redis()

    def all_idle():
        return sum(int(s["idle"]) >= 1 for s in control.client_list()) >= 50

    wait_until(all_idle, "the sessions to be idle")
    report = kill(daemon, match=["idle >= 1s", "age < 1h"])
    assert report["killed"] >= 50
    crowd.wait_for(closed_by_server=50)


def test_subscribers(server, daemon, make_clients):
    crowd = make_clients(server, total=100, subscribed=40, channels=5)
    assert_kills(daemon, crowd, 40, match="type = pubsub")


def test_monitors(server, daemon, make_clients):
    crowd = make_clients(server, total=30, monitoring=6)
    assert_kills(daemon, crowd, 6, match="flags = O")


def test_blocked(server, daemon, make_clients):
    crowd = make_clients(server, total=60, blocked=25)
    assert_kills(daemon, crowd, 25, match="flags = b")


def test_in_multi(server, daemon, make_clients):
    crowd = make_clients(server, total=60, multi=15)
    assert_kills(daemon, crowd, 15, match="flags = x")


def test_by_id(server, daemon, make_clients):
    crowd = make_clients(server, total=20)
    ids = sorted(server.session_ids())[-3:]
    assert_kills(daemon, crowd, 3, match="id = " + ",".join(str(i) for i in ids))


def test_protected(make_server, make_daemon, make_clients):
    server = make_server(users=USERS)
    daemon = make_daemon(
        [{"id": "r-test", "address": server.address, "protect": ["user = batch", "name = ops-*"]}]
    )
    kept = make_clients(server, users={"batch:b": 30}, named={"ops-1": 20})
    crowd = make_clients(server, total=100, users={"app:a": 30}, subscribed=10)
    report = kill(daemon)
    assert report["state"] == "done" and report["protected"] >= 51
    crowd.wait_for(closed_by_server=100)
    assert kept.status()["closed_by_server"] == 0


def test_except(server, daemon, make_clients):
    kept = make_clients(server, named={"keep": 25})
    crowd = make_clients(server, total=75)
    report = kill(daemon, **{"all": "true", "except": "name = keep"})
    assert report["protected"] >= 26
    crowd.wait_for(closed_by_server=75)
    assert kept.status()["closed_by_server"] == 0


def test_longer_than_compared(server, daemon, make_clients):
    """A text is compared as a whole or not at all; who hides behind one hides from nothing else."""
    kept = {"except": "name != n*"}
    make_clients(server, named={"n" * 5000: 5})
    assert kill(daemon, match="name = n*")["matched"] == 0
    report = kill(daemon, **kept, all="true")
    assert any('"name" is longer than 4096 bytes' in words for words in report["warnings"])
    assert len([s for s in server.sessions() if s["name"] == "n" * 5000]) == 5
    nodes = daemon.http("GET", "/v1/instances/r-test/sessions?match=name+%3D+n*").json["nodes"]
    assert [(node["matched"], node["unreadable"]) for node in nodes] == [(0, 5)]

    report = kill(daemon, match="idle < 1h", **{"except": "flags = O"})
    assert report["killed"] >= 5 and report["survivors"] == 0
    assert not [s for s in server.sessions() if s["name"] == "n" * 5000]


def test_gently(server, daemon, make_clients):
    crowd = make_clients(server, total=600, subscribed=60)
    report = kill(daemon, pace="gentle", stall_budget="2ms")
    assert report["state"] == "done"
    crowd.wait_for(closed_by_server=600)


def test_at_most(server, daemon, make_clients):
    crowd = make_clients(server, named={"leak": 50})
    answer = daemon.kill("r-test", match="name = leak", max=49)
    assert answer.status == 409 and "50 sessions" in answer.text
    assert crowd.status()["closed_by_server"] == 0
    assert_kills(daemon, crowd, 50, match="name = leak", max=50)


def test_at_most_however_many_connect(server, make_relay, make_daemon, make_clients):
    """Who matches, but came after the listing, is not counted and not killed."""
    relay = make_relay(server)
    daemon = make_daemon([{"id": "r-test", "address": relay.address}])
    crowd = make_clients(server, users={"app:a": 90})
    relay.hold(b"KILL", others_pass=True)
    answer = daemon.begin_kill("r-test", match="user = app", max=100)
    relay.wait_until_held()
    newcomers = make_clients(server, users={"app:a": 500})
    relay.release()
    report = answer.response().json
    assert counts_of(report, "matched", "killed", "extra") == {
        "matched": 90,
        "killed": 90,
        "extra": 0,
    }
    crowd.wait_for(closed_by_server=90)
    assert newcomers.status()["closed_by_server"] == 0


def test_who_left_and_who_came_before_a_set(server, make_relay, make_daemon, make_clients):
    """A command for a type hits newcomers: whom it hit and who had left by himself is told apart."""
    relay = make_relay(server)
    daemon = make_daemon([{"id": "r-test", "address": relay.address, "links": 1}])
    leaving = make_clients(server, total=50)
    staying = make_clients(server, total=50)
    server.redis().connection_pool.disconnect()
    # The first question belongs to the listing, the second comes before the command.
    relay.hold(b"stats", after=1, others_pass=True)
    pending = daemon.begin_kill("r-test")
    relay.wait_until_held()
    ids = server.session_ids()
    leaving.quit()
    wait_until(lambda: len(server.session_ids() & ids) <= len(ids) - 50, "half of them to leave")
    server.redis().connection_pool.disconnect()
    newcomers = make_clients(server, total=50)
    relay.release()
    report = pending.response().json
    staying.wait_for(closed_by_server=50)
    newcomers.wait_for(closed_by_server=50)
    assert_adds_up(report)
    n_others = report["matched"] - 100
    assert report["killed"] + report["gone"] == report["matched"] and n_others <= 2
    assert abs(report["killed"] - 50) <= n_others and abs(report["gone"] - 50) <= n_others
    assert 50 <= report["extra"] <= 52 and report["warnings"] == [], report


def test_a_field_that_is_not_given(server, daemon, make_clients):
    """Only newer servers list the library; where it is missing nobody matches, and it is said."""
    crowd = make_clients(server, total=20)
    report = kill(daemon, match="lib = jedis")
    assert report["matched"] == 0
    listed = "lib-name" in server.redis().client_list()[0]
    assert any("lib-name" in warning for warning in report["warnings"]) == (not listed)
    assert crowd.status()["closed_by_server"] == 0


def test_who_comes_back(server, daemon, make_clients):
    make_clients(server, named={"pool": 40}, reconnect=True)
    report = kill(daemon, match="name = pool", watch="1s")
    assert report["killed"] == 40
    assert report["reconnected"] == 40, report
    assert [(row["name"], row["reconnected"]) for row in report["sources"]] == [("pool", 40)]


def test_verified(server, daemon, make_clients):
    """At the time of the answer the server lists none of them any more."""
    make_clients(server, named={"leak": 300})
    kill(daemon, match="name = leak")
    assert not [s for s in server.sessions() if s["name"] == "leak"]
