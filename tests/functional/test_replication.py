"""Replication goes on as if nothing had happened, whichever side is killed."""

import pytest

from harness import wait_until

SYNC_COUNTS = ("sync_full", "sync_partial_ok", "sync_partial_err")


def links(server, flag):
    """The sessions that have this flag, by id."""
    return {
        int(session["id"]): session["addr"]
        for session in server.sessions()
        if flag in session["flags"]
    }


def sync_counts(server):
    stats = server.redis().info("stats")
    return {name: stats[name] for name in SYNC_COUNTS}


@pytest.fixture
def pair(make_server):
    primary = make_server()
    replica = make_server(primary=primary)
    return primary, replica


@pytest.fixture
def pair_daemon(make_daemon, pair):
    primary, replica = pair
    return make_daemon(
        [
            {"id": "primary", "address": primary.address},
            {"id": "replica", "address": replica.address},
        ]
    )


def assert_replicates(primary, replica):
    primary.redis().set("proof", "1")
    primary.redis().incr("proof")
    wait_until(lambda: replica.redis().get("proof") == "2", "the write to reach the replica")


@pytest.mark.parametrize("victim", ["primary", "replica"])
def test_the_link_is_untouched(pair, pair_daemon, make_clients, victim):
    primary, replica = pair
    assert_replicates(primary, replica)
    before = links(primary, "S"), links(replica, "M"), sync_counts(primary)
    assert len(before[0]) == 1 and len(before[1]) == 1

    server = primary if victim == "primary" else replica
    clients = make_clients(server, total=500, subscribed=100, monitoring=5)
    answer = pair_daemon.das("KillInstanceAllSession", InstanceId=victim)
    assert answer.status == 200, answer.text
    clients.wait_for(closed_by_server=500)

    assert (links(primary, "S"), links(replica, "M"), sync_counts(primary)) == before
    assert replica.is_in_sync()
    assert_replicates(primary, replica)
    report = pair_daemon.http("GET", f"/v1/kills/{answer.json['RequestId']}").json
    assert report["protected"] == 3  # the replication link and the daemon's own two
    assert report["nodes"][0]["role"] == ("master" if victim == "primary" else "replica")


def test_a_chain_in_the_middle(make_server, make_daemon, make_clients, pair):
    """A server that is a replica and has one, too: both its links stay."""
    primary, middle = pair
    last = make_server(primary=middle)
    daemon = make_daemon([{"id": "r-test", "address": middle.address}])
    clients = make_clients(middle, total=50)
    before = links(middle, "M"), links(middle, "S"), sync_counts(middle)
    assert daemon.kill("r-test").json["state"] == "done"
    clients.wait_for(closed_by_server=50)
    assert (links(middle, "M"), links(middle, "S"), sync_counts(middle)) == before
    assert_replicates(primary, last)


def test_all_nodes_as_one_instance(pair, make_daemon, make_clients):
    primary, replica = pair
    daemon = make_daemon([{"id": "r-test", "address": [primary.address, replica.address]}])
    clients = [make_clients(primary, total=100), make_clients(replica, total=50)]
    before = links(primary, "S"), links(replica, "M"), sync_counts(primary)
    report = daemon.kill("r-test").json
    assert report["state"] == "done"
    assert [node["role"] for node in report["nodes"]] == ["master", "replica"]
    for sessions, count in zip(clients, (100, 50)):
        sessions.wait_for(closed_by_server=count)
    assert (links(primary, "S"), links(replica, "M"), sync_counts(primary)) == before
