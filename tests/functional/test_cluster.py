"""A cluster is killed as one: all masters and replicas, whoever joins or leaves."""

import contextlib

import pytest
import redis

from harness import assert_adds_up, wait_until
from harness.groups import Cluster, raw


@pytest.fixture
def cluster(make_server):
    return Cluster(make_server, masters=2, replicas=1)


@pytest.fixture
def cart(make_daemon, cluster):
    """One of the two seeds does not exist."""
    daemon = make_daemon(
        [
            {
                "id": "cart",
                "cluster": {"addresses": ["127.0.0.1:1", cluster.masters[1].tcp_address]},
            }
        ]
    )
    wait_for_nodes(daemon, cluster.nodes)
    return daemon


def states(daemon):
    return {node["address"]: node["state"] for node in daemon.instance("cart")["nodes"]}


def wait_for_nodes(daemon, servers):
    """These, no others, and all of them ready."""
    expected = {server.tcp_address: "ready" for server in servers}
    wait_until(
        lambda: states(daemon) == expected,
        lambda: f"{expected}; there are {daemon.instance('cart')}",
    )


def test_all_nodes_are_killed_on(cluster, cart, make_clients):
    assert cart.instance("cart")["kind"] == "cluster"
    crowds = [make_clients(node, total=100, subscribed=20) for node in cluster.nodes]
    before = [raw(node, "CLUSTER", "NODES").count("connected") for node in cluster.nodes]

    answer = cart.kill("cart")

    assert answer.status == 200 and answer.json["state"] == "done", answer.text
    assert_adds_up(answer.json)
    assert len(answer.json["nodes"]) == 4
    assert sorted(node["role"] for node in answer.json["nodes"]) == ["master"] * 2 + ["replica"] * 2
    for crowd in crowds:
        crowd.wait_for(closed_by_server=100)
    after = [raw(node, "CLUSTER", "NODES").count("connected") for node in cluster.nodes]
    assert after == before
    for replica in cluster.replicas:
        assert replica.is_in_sync()


def test_who_joins_and_who_leaves(cluster, cart, make_clients):
    joined = cluster.add_replica(cluster.masters[0])
    wait_for_nodes(cart, cluster.nodes + [joined])
    own_ids = {node["address"]: node["own_id"] for node in cart.instance("cart")["nodes"]}

    left = cluster.replicas[0]
    left_id = left.redis().execute_command("CLUSTER", "MYID")
    stayed = [node for node in cluster.nodes + [joined] if node is not left]
    left.kill()
    for node in stayed:
        # The newest one may not have heard of it.
        with contextlib.suppress(redis.exceptions.ResponseError):
            node.redis().execute_command("CLUSTER", "FORGET", left_id)
    wait_for_nodes(cart, stayed)
    # The links of those that stayed were kept warm.
    for node in cart.instance("cart")["nodes"]:
        assert node["own_id"] == own_ids[node["address"]]

    crowd = make_clients(joined, total=10)
    assert cart.kill("cart").json["state"] == "done"
    crowd.wait_for(closed_by_server=10)


def test_a_dead_node_is_no_secret(cluster, cart, make_clients):
    dead, *others = cluster.replicas + cluster.masters
    crowds = [make_clients(node, total=10) for node in others]
    dead.kill()

    answer = cart.kill("cart", timeout="1500ms")

    assert answer.status == 500 and answer.json["state"] == "partial", answer.text
    errors = {node["address"]: node["error"] for node in answer.json["nodes"]}
    assert "no connection before the deadline" in errors.pop(dead.tcp_address)
    assert set(errors.values()) == {None}
    for crowd in crowds:
        crowd.wait_for(closed_by_server=10)


def test_nodes_that_do_not_know_their_address(make_server, make_daemon, make_clients):
    cluster = Cluster(
        make_server,
        masters=2,
        replicas=0,
        lines=["cluster-preferred-endpoint-type unknown-endpoint"],
    )
    daemon = make_daemon(
        [{"id": "cart", "cluster": {"addresses": [cluster.masters[0].tcp_address]}}]
    )
    wait_for_nodes(daemon, cluster.nodes)
    crowd = make_clients(cluster.masters[1], total=10)
    assert daemon.kill("cart").json["state"] == "done"
    crowd.wait_for(closed_by_server=10)


def test_no_seed_answers(make_daemon):
    daemon = make_daemon(
        [{"id": "cart", "cluster": {"addresses": ["127.0.0.1:1"]}}], wait="socket"
    )
    answer = daemon.kill("cart", timeout="300ms")
    assert answer.status == 503, answer.text
    assert answer.json["state"] == "failed"
    assert "127.0.0.1:1" in answer.json["error"]
    das = daemon.http("GET", "/healthz")
    assert das.status == 503 and "cart" in das.text
