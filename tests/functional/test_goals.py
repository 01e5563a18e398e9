"""Goals: of those selected only so many, in an order. Exactly who it should be, by the listing."""

import time

import pytest

from harness import assert_adds_up, counts_of, wait_until


@pytest.fixture
def redis(server):
    return server.redis()


def kill(daemon, status=200, **params):
    answer = daemon.kill("r-test", **params)
    assert answer.status == status, answer.text
    if status == 200:
        assert_adds_up(answer.json)
    return answer.json


def crowd_in_order(server, make_clients, *names, each=3):
    """Sessions of these names, one name after the other: ids in that order."""
    return [make_clients(server, total=each, named={name: each}) for name in names]


def ids_of(server, name=None):
    return sorted(
        int(session["id"])
        for session in server.sessions()
        if session["name"].startswith(name or "x-")
    )


def wait_until_seconds(server, field, least):
    """All of them have so many, as the server lists whole seconds."""

    def is_so():
        sessions = [one for one in server.sessions() if one["name"].startswith("x-")]
        return all(int(one[field]) >= least for one in sessions)

    wait_until(is_so, f"{field} {least}")


def listed_ids(daemon, **params):
    answer = daemon.http("GET", "/v1/instances/r-test/sessions", params=params)
    assert answer.status == 200, answer.text
    return sorted(session["id"] for session in answer.json["sessions"])


def kill_and_see(daemon, server, **params):
    """The ids of those that ended, which are those that the dry run counts."""
    before = set(ids_of(server))
    planned = kill(daemon, dry_run=True, **params)
    assert set(ids_of(server)) == before
    report = kill(daemon, **params)
    assert report["state"] == "done" and report["matched"] == planned["matched"], report
    assert report["spared"] == planned["spared"], (planned, report)
    assert report["killed"] == report["matched"] and report["survivors"] == 0, report
    gone = before - set(ids_of(server))
    assert len(gone) == report["killed"]
    return sorted(gone), report


def test_limit(server, daemon, make_clients):
    crowd_in_order(server, make_clients, "x-a", "x-b")
    ids = ids_of(server)
    gone, report = kill_and_see(daemon, server, match="name = x-*", limit=2, sort="id")
    assert gone == ids[:2]
    assert counts_of(report, "spared", "matched") == {"spared": 4, "matched": 2}
    gone, _ = kill_and_see(daemon, server, match="name = x-*", limit=1, sort="-id")
    assert gone == ids[-1:]
    gone, report = kill_and_see(daemon, server, match="name = x-*", limit=50)
    assert gone == ids[2:-1] and report["spared"] == 0


def test_the_idlest_first(server, daemon, make_clients):
    crowd_in_order(server, make_clients, "x-old", each=2)
    wait_until_seconds(server, "idle", 2)
    crowd_in_order(server, make_clients, "x-new", each=2)
    old = ids_of(server, "x-old")
    assert kill_and_see(daemon, server, match="name = x-*", limit=2)[0] == old


def test_limit_of_all(server, daemon, make_clients):
    """Nothing is unmatched, nobody's connection of the daemon is touched, no set is used."""
    crowd_in_order(server, make_clients, "x-a", "x-b")
    own = daemon.own_ids()
    ids = ids_of(server)
    params = {"except": "name != x-*", "limit": 2, "sort": "id"}
    gone, report = kill_and_see(daemon, server, **params)
    assert gone == ids[:2] and report["unmatched"] == 0
    assert own <= server.session_ids()
    assert all("TYPE normal SKIPME" not in step["command"] or "ID" in step["command"]
               for step in report["nodes"][0]["plan"])  # fmt: skip


def test_keep_per(server, daemon, make_clients):
    crowd_in_order(server, make_clients, "x-a", each=4)
    crowd_in_order(server, make_clients, "x-b", each=1)
    crowd_in_order(server, make_clients, "x-c", each=3)
    a, c = ids_of(server, "x-a"), ids_of(server, "x-c")
    expected = a[:2] + c[:1]
    listed = listed_ids(daemon, match="name = x-*", keep=2, per="name", sort="id")
    assert listed == expected
    gone, report = kill_and_see(daemon, server, match="name = x-*", keep=2, per="name", sort="id")
    assert gone == expected
    assert report["spared"] == 5
    assert kill_and_see(daemon, server, match="name = x-*", keep=4)[0] != []
    assert len(ids_of(server)) == 4
    assert kill_and_see(daemon, server, match="name = x-*", keep=4)[0] == []


def test_keep_and_limit(server, daemon, make_clients):
    crowd_in_order(server, make_clients, "x-a", "x-b", each=4)
    a = ids_of(server, "x-a")
    gone, _ = kill_and_see(
        daemon, server, match="name = x-*", keep=1, per="name", limit=2, sort="name"
    )
    assert gone == a[:2]


def test_free(server, daemon, make_clients, redis):
    crowd_in_order(server, make_clients, "x-a", each=20)
    n_listed = len(server.sessions())
    redis.config_set("maxclients", n_listed + 5)
    if daemon.node()["maxclients"] is None:  # before 6.2, and +config|get is not for everybody
        report = daemon.kill("r-test", match="name = x-*", free=5).json
        assert report["killed"] == 0
        assert report["state"] == "done" or "+config|get" in report["nodes"][0]["error"], report
        return
    wait_until(lambda: daemon.node()["maxclients"] == n_listed + 5, "the keep-alive")
    ids = ids_of(server)
    assert listed_ids(daemon, match="name = x-*", free=5, sort="id") in ([], ids[:1])
    assert kill(daemon, match="name = x-*", free=3)["matched"] == 0
    n_listed = len(server.sessions())  # this one's own control connection included
    free = server.redis().config_get("maxclients")["maxclients"]
    n_needed = 12 - (int(free) - n_listed)
    gone, report = kill_and_see(daemon, server, match="name = x-*", free=12, sort="id")
    assert gone == ids[: len(gone)] and abs(len(gone) - n_needed) <= 2, report
    assert int(free) - len(server.sessions()) >= 11


def test_max_counts_what_goals_leave(server, daemon, make_clients):
    crowd_in_order(server, make_clients, "x-a", each=6)
    assert kill(daemon, match="name = x-*", limit=3, max=3)["killed"] == 3
    answer = kill(daemon, 409, match="name = x-*", limit=3, max=2)
    assert answer["error"]["code"] == "TooMany"
    assert len(ids_of(server)) == 3


def test_two_nodes(make_server, make_daemon, make_clients):
    """`limit` and `keep` over the instance, `free` per node."""
    servers = [make_server(), make_server()]
    daemon = make_daemon([{"id": "r-test", "address": [one.address for one in servers]}])
    for server in servers:
        make_clients(server, total=6, named={"x-a": 6})
    report = kill(daemon, match="name = x-*", limit=3)
    assert report["killed"] == 3 and report["spared"] == 9
    report = kill(daemon, match="name = x-*", keep=4, per="name")
    assert report["killed"] == 5 and report["spared"] == 4
    assert sum(len(ids_of(server)) for server in servers) == 4


def test_a_field_that_the_server_does_not_give(make_fake_server, make_server, make_daemon):
    server = make_server()
    daemon = make_daemon([{"id": "r-test", "address": server.address}])
    answer = daemon.kill("r-test", keep=3, per="phase")
    assert answer.json["state"] == "failed" and '"phase"' in answer.json["nodes"][0]["error"]
    assert answer.json["killed"] == 0


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"limit": "0"}, "limit"),
        ({"limit": "some"}, "limit"),
        ({"keep": "-1"}, "keep"),
        ({"free": ""}, "free"),
        ({"per": "name"}, "keep"),
        ({"keep": "1", "per": "nome"}, "nome"),
        ({"sort": "id"}, "sort"),
        ({"limit": "1", "sort": "--id"}, "sort"),
        ({"rate": "0"}, "rate"),
        ({"rate": "5", "over": "10s"}, "exclude"),
        ({"over": "10s", "timeout": "5s"}, "timeout"),
        ({"over": "2d"}, "over"),
        ({"limit": "1", "cut": "true"}, "cut"),
    ],
)
def test_what_is_not_understood(server, daemon, make_clients, params, words):
    crowd = make_clients(server, total=3)
    answer = daemon.kill("r-test", **params)
    assert answer.status == 400 and words in answer.json["error"]["message"], answer.text
    assert crowd.status()["closed_by_server"] == 0


# ---- over a time ----


def test_rate(server, daemon, make_clients):
    crowd = make_clients(server, total=60, named={"x-a": 60})
    begun = time.monotonic()
    report = kill(daemon, match="name = x-*", rate=30)
    took = time.monotonic() - begun
    assert report["state"] == "done" and report["killed"] == 60, report
    assert took > 1.6  # never faster
    crowd.wait_for(closed_by_server=60)


def test_over(server, daemon, make_clients):
    make_clients(server, total=40, named={"x-a": 40})
    begun = time.monotonic()
    report = kill(daemon, match="name = x-*", over="1500ms")
    assert report["killed"] == 40 and time.monotonic() - begun > 1.2


def test_the_time_grows_by_the_spread(server, make_daemon, make_clients):
    crowd = make_clients(server, total=20)
    daemon = make_daemon([{"id": "r-test", "address": server.address}])
    answer = daemon.kill("r-test", rate=5, timeout="2s")
    assert answer.status == 400 and "timeout" in answer.text, answer.text
    assert crowd.status()["closed_by_server"] == 0


def test_cancel_while_it_is_spread(server, daemon, make_clients):
    crowd = make_clients(server, total=30, named={"x-a": 30})
    pending = daemon.begin_kill("r-test", match="name = x-*", rate=5)
    wait_until(lambda: crowd.status()["closed_by_server"] >= 2, "the first")
    (running,) = [one for one in daemon.kills() if one["state"] == "running"]
    daemon.http("DELETE", f"/v1/kills/{running['request_id']}")
    report = pending.response().json
    assert report["state"] == "cancelled" and 2 <= report["killed"] < 30, report
    assert report["survivors"] == 30 - report["killed"]


def test_who_becomes_another_while_it_is_spread(server, daemon, make_clients, redis):
    """He is not killed by an old listing: one is never older than five seconds."""
    make_clients(server, total=30, named={"x-a": 30})
    keeper = server.redis(single_connection_client=True)
    keeper.client_setname("x-a")
    pending = daemon.begin_kill("r-test", match="name = x-a", rate=5, sort="id")
    wait_until(lambda: len(ids_of(server)) < 30, "the first")
    keeper.client_setname("y")  # his turn is the last, after six seconds
    own_id = keeper.client_id()
    report = pending.response().json
    assert report["state"] == "done" and report["killed"] == 30, report
    assert report["unmatched"] > 0 and keeper.client_id() == own_id


def test_the_record_tells_the_goals(server, daemon, make_clients):
    make_clients(server, total=4, named={"x-a": 4})
    kill(daemon, match="name = x-*", limit=2, sort="-age", rate=100)
    (intent,) = daemon.audit("intent")
    assert (intent["limit"], intent["sort"], intent["rate"]) == (2, "-age", 100)
    (outcome,) = daemon.audit("outcome")
    assert outcome["spared"] == 2 and outcome["killed"] == 2


def kill_own(server, daemon):
    """Both connections of the daemon end, as somebody's hand would end them."""
    redis = server.redis()
    for own_id in daemon.own_ids():
        redis.client_kill_filter(_id=own_id)


@pytest.mark.parametrize("goals", [{"limit": 12, "max": 12}, {"keep": 28}])
def test_a_lost_connection_while_it_is_spread(server, daemon, make_clients, goals):
    """It goes on with those that were chosen, and no others."""
    crowd = make_clients(server, total=40, named={"x-a": 40})
    pending = daemon.begin_kill("r-test", match="name = x-a", rate=10, sort="id", **goals)
    wait_until(lambda: crowd.status()["closed_by_server"] >= 4, "some")
    kill_own(server, daemon)
    report = pending.response().json
    assert report["state"] == "done" and report["killed"] == 12, report
    assert report["extra"] == 0 and crowd.status()["closed_by_server"] == 12


def test_a_restart_while_it_is_spread(server, daemon, make_clients):
    """Nobody of the next process is meant."""
    crowd = make_clients(server, total=30, named={"x-a": 30})
    pending = daemon.begin_kill("r-test", match="name = x-a", rate=10, limit=20)
    wait_until(lambda: crowd.status()["closed_by_server"] >= 4, "some")
    server.stop()
    server.start()
    newcomers = make_clients(server, total=30, named={"x-a": 30})
    report = pending.response().json
    assert "restarted" in report["warnings"][0], report
    assert newcomers.status()["closed_by_server"] == 0


def test_a_slow_spread_goes_by_no_old_listing(server, daemon, make_clients):
    """The next one's turn comes after six seconds; he is another by then."""
    make_clients(server, total=2, named={"x-a": 2})
    keeper = server.redis(single_connection_client=True)
    keeper.client_setname("x-a")
    own_id = keeper.client_id()
    pending = daemon.begin_kill("r-test", match="name = x-a", over="18s", sort="-id")
    wait_until(daemon.kills, "that it runs")
    keeper.client_setname("y")
    wait_until(lambda: len(ids_of(server)) == 1, "the first turn")
    (running,) = [one for one in daemon.kills() if one["state"] == "running"]
    daemon.http("DELETE", f"/v1/kills/{running['request_id']}")
    assert pending.response().json["unmatched"] > 0
    assert keeper.client_id() == own_id


def test_keep_over_two_nodes_for_long(make_server, make_daemon, make_clients):
    """Who stays on a node that is through is counted to the end."""
    servers = [make_server(), make_server()]
    daemon = make_daemon([{"id": "r-test", "address": [one.address for one in servers]}])
    for server in servers:
        make_clients(server, total=30, named={"x-a": 30})
    report = daemon.kill("r-test", match="name = x-a", keep=45, over="6s").json
    assert (report["state"], report["killed"], report["spared"]) == ("done", 15, 45), report


def test_one_order_over_two_nodes(make_server, make_daemon, make_clients):
    servers = [make_server(), make_server()]
    daemon = make_daemon([{"id": "r-test", "address": [one.address for one in servers]}])
    old = make_clients(servers[1], total=8, named={"x-a": 8})
    wait_until_seconds(servers[1], "age", 2)
    young = make_clients(servers[0], total=8, named={"x-a": 8})
    pending = daemon.begin_kill("r-test", match="name = x-a", rate=8, sort="-age")
    wait_until(lambda: old.status()["closed_by_server"] == 8, "the older ones")
    assert young.status()["closed_by_server"] <= 2
    assert pending.response().json["killed"] == 16
