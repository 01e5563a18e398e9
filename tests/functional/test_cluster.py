"""A cluster is killed as one: all masters and replicas, whoever joins or leaves."""

import contextlib

import pytest
import redis

from harness import assert_adds_up, least_user, wait_until
from harness.groups import N_SLOTS, Cluster, raw


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


def test_who_joins_while_others_are_watched(cluster, cart):
    """For longer than the kill may take; he is not passed over."""
    joined = cluster.new_node()
    pending = cart.begin_kill("cart", timeout="2s", watch="4s")
    wait_until(lambda: len(cart.audit("intent")) == 1, "the kill to begin")
    cluster.meet(joined)
    report = pending.response().json
    swept = {node["address"]: node["error"] for node in report["nodes"]}
    assert len(swept) == len(cluster.nodes) + 1 and joined.tcp_address in swept, swept
    assert (report["state"] == "done") == (swept[joined.tcp_address] is None)


def begins_fail_over(replica):
    """False: the kill that is under way has ended the session that asks for it."""
    try:
        replica.redis().execute_command("CLUSTER", "FAILOVER")
    except redis.exceptions.ConnectionError:
        return False
    return True


def test_fail_over_between_list_and_kill(cluster, make_relay, make_daemon, make_clients):
    """A node's plan holds for its sessions, whichever role it has; the report has all nodes."""
    master, replica = cluster.masters[0], cluster.replicas[0]
    relay = make_relay(master, tcp=True)
    master.redis().config_set("cluster-announce-port", relay.port)
    wait_until(
        lambda: all(f":{relay.port}@" in raw(node, "CLUSTER", "NODES") for node in cluster.nodes),
        "every node to hear of that",
    )
    addresses = {relay.address, *(node.tcp_address for node in cluster.nodes if node is not master)}
    daemon = make_daemon(
        [{"id": "cart", "cluster": {"addresses": [replica.tcp_address]}}],
        settings={"defaults": {"command-timeout": "20s"}},
    )
    ready = dict.fromkeys(addresses, "ready")
    wait_until(lambda: states(daemon) == ready, lambda: f"{ready}; there are {states(daemon)}")
    old = [make_clients(node, total=50) for node in cluster.nodes]

    relay.hold(b"KILL", others_pass=True)
    pending = daemon.begin_kill("cart")
    relay.wait_until_held()
    wait_until(lambda: begins_fail_over(replica), "the fail-over")
    wait_until(lambda: master.redis().role()[0] == "slave", "the fail-over")
    relay.release()

    report = pending.response().json
    assert report["state"] == "done", report
    assert_adds_up(report)
    assert {node["address"] for node in report["nodes"]} == addresses
    for crowd in old:
        crowd.wait_for(closed_by_server=50)
    roles = {relay.address: "replica", replica.tcp_address: "master"}
    wait_until(
        lambda: {
            node["address"]: node["role"]
            for node in daemon.instance("cart")["nodes"]
            if node["address"] in roles
        }
        == roles,
        "the new roles",
    )


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


def knows_names(node, lines):
    """Of all nodes, if they have any."""
    n_names = 2 if any("announce-hostname" in line for line in lines) else 0
    return raw(node, "CLUSTER", "NODES").count(",localhost") == n_names


@pytest.mark.parametrize(
    "lines, host",
    [
        (["cluster-preferred-endpoint-type unknown-endpoint"], "127.0.0.1"),
        (
            ["cluster-preferred-endpoint-type hostname", "cluster-announce-hostname localhost"],
            "localhost",
        ),
        (["cluster-preferred-endpoint-type hostname"], "127.0.0.1"),
    ],
    ids=["unknown", "by name", "by a name that is not set"],
)
def test_endpoints(make_server, make_daemon, make_clients, lines, host):
    """How nodes want to be called, and those that do not know it."""
    cluster = Cluster(make_server, masters=2, replicas=0, lines=lines)
    for node in cluster.nodes:
        wait_until(lambda node=node: knows_names(node, lines), "the names to be known")
    daemon = make_daemon(
        [{"id": "cart", "cluster": {"addresses": [cluster.masters[0].tcp_address]}}]
    )
    expected = {f"{host}:{node.port}": "ready" for node in cluster.nodes}
    wait_until(lambda: states(daemon) == expected, lambda: f"{expected}; {states(daemon)}")
    crowd = make_clients(cluster.masters[1], total=10)
    assert daemon.kill("cart").json["state"] == "done"
    crowd.wait_for(closed_by_server=10)


def test_a_cluster_of_two(make_server, make_daemon, make_clients):
    """By what all versions have: the old ones tell their nodes in another form."""
    nodes = [make_server(lines=["cluster-enabled yes"]) for _ in range(2)]
    nodes[0].redis().execute_command("CLUSTER", "ADDSLOTS", *range(N_SLOTS))
    nodes[0].redis().execute_command("CLUSTER", "MEET", "127.0.0.1", nodes[1].port)
    daemon = make_daemon(
        [{"id": "cart", "cluster": {"addresses": [nodes[0].tcp_address]}}], wait="socket"
    )
    wait_for_nodes(daemon, nodes)
    crowds = [make_clients(node, total=20) for node in nodes]
    assert daemon.kill("cart").json["state"] == "done"
    for crowd in crowds:
        crowd.wait_for(closed_by_server=20)


def test_a_missing_permission_is_named(make_server, make_daemon):
    (node,) = Cluster(make_server, masters=1, replicas=0).nodes
    version = node.redis().info("server")["redis_version"]
    for command in [
        *least_user.commands(version, in_cluster=True),
        f"ACL SETUSER {least_user.NAME} -cluster|shards",
    ]:
        node.redis().execute_command(*command.split())
    daemon = make_daemon(
        [{"id": "cart", "cluster": {"addresses": [node.tcp_address]}}],
        wait="socket",
        has_least_user=True,
    )
    keep = "; to keep it: ACL SAVE or CONFIG REWRITE"
    grant = f"ACL SETUSER {least_user.NAME} +cluster|shards"
    wait_until(
        lambda: (daemon.instance("cart")["error"] or "").endswith(f"grant it with: {grant}{keep}"),
        lambda: f"{grant!r}; there is {daemon.instance('cart')}",
    )
    assert grant in daemon.cli("instances").stdout
    node.redis().execute_command(*grant.split())
    wait_for_nodes(daemon, [node])


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


def test_the_same_asked_often_while_nothing_answers(cluster, make_daemon, make_clients):
    """One run for the first, and one for all the others, as ever."""
    seeds = {"addresses": [cluster.masters[0].tcp_address]}
    daemon = make_daemon([{"id": "cart", "cluster": seeds, "command-timeout": "30s"}])
    wait_until(lambda: set(states(daemon).values()) == {"ready"}, lambda: str(states(daemon)))
    crowds = [make_clients(node, total=20) for node in cluster.nodes]
    for node in cluster.nodes:
        node.pause_process()
    pending = [daemon.begin_kill("cart") for _ in range(6)]
    wait_until(lambda: len(daemon.audit("intent")) == 6, "all to be accepted")
    for node in cluster.nodes:
        node.resume_process()
    reports = [one.response().json for one in pending]
    assert {report["state"] for report in reports} == {"done"}
    assert len({report["started_at"] for report in reports}) <= 2
    for crowd in crowds:
        crowd.wait_for(closed_by_server=20)
