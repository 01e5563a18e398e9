"""A master and its replicas, as Sentinels know them, through fail-over."""

import contextlib

import pytest
import redis

from harness import assert_adds_up, least_user, wait_until
from harness.fake_server import FakeSentinel
from harness.groups import Sentinel

NAME = "orders"


@pytest.fixture
def make_sentinel(make_directory, logs):
    with contextlib.ExitStack() as stack:

        def make(master, quorum=2, **options):
            sentinel = Sentinel(make_directory(), master, NAME, quorum, **options)
            stack.callback(sentinel.stop)
            logs.append(sentinel)
            return sentinel

        yield make


@pytest.fixture
def group(make_server, make_sentinel):
    """(primary, replica, Sentinels), all of which know each other."""
    primary = make_server()
    replica = make_server(primary=primary)
    sentinels = [make_sentinel(primary) for _ in range(3)]
    for sentinel in sentinels:
        wait_until(
            lambda s=sentinel: len(s.ask("REPLICAS", NAME)) == 1
            and len(s.ask("SENTINELS", NAME)) == 2,
            "the Sentinels to know each other and the replica",
        )
    return primary, replica, sentinels


@pytest.fixture
def orders(make_daemon, group):
    primary, replica, sentinels = group
    addresses = ["127.0.0.1:1"] + [sentinel.address for sentinel in sentinels]
    daemon = make_daemon(
        [{"id": NAME, "sentinel": {"master": NAME, "addresses": addresses}}]
    )
    wait_until(
        lambda: roles(daemon) == {primary.tcp_address: "master", replica.tcp_address: "replica"},
        lambda: f"both nodes; there are {daemon.instance(NAME)}",
    )
    return daemon


def roles(daemon):
    return {
        node["address"]: node["role"]
        for node in daemon.instance(NAME)["nodes"]
        if node["state"] == "ready"
    }


def test_master_and_replicas_are_killed_on(group, orders, make_clients):
    primary, replica, _ = group
    crowds = [make_clients(node, total=50) for node in (primary, replica)]
    answer = orders.kill(NAME)
    assert answer.status == 200 and answer.json["state"] == "done", answer.text
    assert orders.instance(NAME)["kind"] == "sentinel"
    for crowd in crowds:
        crowd.wait_for(closed_by_server=50)
    assert replica.is_in_sync()


def test_fail_over(group, orders, make_clients):
    primary, replica, sentinels = group
    primary.pause_process()
    wait_until(
        lambda: sentinels[0].ask("GET-MASTER-ADDR-BY-NAME", NAME)[1] == str(replica.port),
        "the replica to be promoted",
    )
    # The demoted node comes back with the sessions that it had.
    primary.resume_process()
    wait_until(
        lambda: roles(orders)
        == {primary.tcp_address: "replica", replica.tcp_address: "master"},
        lambda: f"the new roles; there are {orders.instance(NAME)}",
    )
    crowds = [make_clients(node, total=50) for node in (primary, replica)]
    answer = orders.kill(NAME)
    assert answer.json["state"] == "done", answer.text
    for crowd in crowds:
        crowd.wait_for(closed_by_server=50)


def begins_fail_over(sentinel):
    try:
        return sentinel.ask("FAILOVER", NAME)
    except redis.exceptions.ResponseError as error:
        assert "NOGOODSLAVE" in str(error)
        return False


def is_demoted(server):
    try:
        return server.redis().role()[0] == "slave" and server.is_in_sync()
    except redis.exceptions.ConnectionError:
        return False  # Sentinel cuts off all sessions, this one too


def test_fail_over_between_list_and_kill(
    make_server, make_sentinel, make_relay, make_daemon, make_clients
):
    """The plan was for the master that is none any more: nobody new is hit, nobody old is left."""
    # Neither waits at its end for the other to catch up, which the relay has cut off.
    primary = make_server(lines=["shutdown-timeout 0"])
    relay = make_relay(primary, tcp=True)
    primary.redis().config_set("replica-announce-port", relay.port)
    replica = make_server(lines=["shutdown-timeout 0", f"replicaof 127.0.0.1 {relay.port}"])
    wait_until(replica.is_in_sync, "the replica to be in sync")
    sentinel = make_sentinel(relay, quorum=1)
    # So that it demotes the old master soon, and not after 8 s.
    sentinel.ask("DEBUG", "INFO-PERIOD", 200, "PUBLISH-PERIOD", 200)
    wait_until(lambda: len(sentinel.ask("REPLICAS", NAME)) == 1, "the replica to be known")
    daemon = make_daemon(
        [{"id": NAME, "sentinel": {"master": NAME, "addresses": [sentinel.address]}}],
        settings={"defaults": {"command-timeout": "20s"}},
    )
    both = {relay.address, replica.tcp_address}
    wait_until(lambda: set(roles(daemon)) == both, "both nodes")
    old = [make_clients(node, total=50) for node in (primary, replica)]

    relay.hold(b"KILL", others_pass=True)
    pending = daemon.begin_kill(NAME)
    relay.wait_until_held()
    wait_until(lambda: begins_fail_over(sentinel), "the Sentinel to find the replica good enough")
    aborts = []

    def is_over():
        """Where it has given up, since the replica was slow to answer, it is asked again."""
        if sentinel.log().count("-failover-abort") > len(aborts) and begins_fail_over(sentinel):
            aborts.append(True)
        return is_demoted(primary)

    wait_until(is_over, "the fail-over", 60)
    new = make_clients(primary, total=50)
    relay.release()

    report = pending.response().json
    assert report["state"] == "done", report
    assert_adds_up(report)
    for crowd in old:
        crowd.wait_for(closed_by_server=50)
    assert new.status()["closed_by_server"] == 0
    # Sentinel itself has cut the old master's sessions off, the daemon's among them.
    assert any("opened again" in warning for warning in report["warnings"]), report["warnings"]
    expected = {relay.address: "replica", replica.tcp_address: "master"}
    wait_until(lambda: roles(daemon) == expected, "the new roles")


def test_sentinels_that_are_down_in_turn(group, orders):
    _, _, sentinels = group
    for sentinel in sentinels[:2]:
        sentinel.stop()
    assert orders.kill(NAME).json["state"] == "done"
    assert len(roles(orders)) == 2


def test_a_sentinel_that_stands_still(group, make_server, make_daemon):
    """The others' word is not kept waiting, however long a command may take."""
    primary, replica, sentinels = group
    addresses = [sentinel.address for sentinel in sentinels]
    daemon = make_daemon(
        [{"id": NAME, "sentinel": {"master": NAME, "addresses": addresses}}],
        settings={"defaults": {"command-timeout": "60s"}},
    )
    before = {primary.tcp_address, replica.tcp_address}
    wait_until(lambda: roles(daemon).keys() == before, "both nodes")
    sentinels[0].pause_process()
    for sentinel in sentinels[1:]:
        sentinel.ask("DEBUG", "INFO-PERIOD", 200)
    joined = make_server(primary=primary)
    wait_until(lambda: roles(daemon).keys() == before | {joined.tcp_address}, "the new replica")


def test_nobody_knows_the_master(make_server, make_sentinel, make_daemon):
    sentinel = make_sentinel(make_server(), quorum=1)
    daemon = make_daemon(
        [{"id": NAME, "sentinel": {"master": "nobody", "addresses": [sentinel.address]}}],
        wait="socket",
    )
    wait_until(lambda: "does not know" in (daemon.instance(NAME)["error"] or ""), "the error")
    answer = daemon.kill(NAME, timeout="300ms")
    assert answer.status == 503 and "does not know the master" in answer.json["error"]


@pytest.mark.parametrize("missing", ["sentinel|masters", "sentinel|replicas"])
def test_a_missing_permission_is_named(make_server, make_sentinel, make_daemon, missing):
    sentinel = make_sentinel(make_server(), quorum=1, has_least_user=True)
    sentinel.run(f"ACL SETUSER {least_user.NAME} -{missing}")
    group = {"master": NAME, "addresses": [sentinel.address]}
    daemon = make_daemon(
        [{"id": NAME, "sentinel": group}], wait="socket", has_least_user=True
    )
    keep = "; to keep it: SENTINEL FLUSHCONFIG"
    grant = f"ACL SETUSER {least_user.NAME} +{missing}"
    wait_until(
        lambda: (daemon.instance(NAME)["error"] or "").endswith(f"grant it with: {grant}{keep}"),
        lambda: f"{grant!r}; there is {daemon.instance(NAME)}",
    )
    assert grant in daemon.cli("instances").stdout
    sentinel.run(grant)
    wait_until(lambda: daemon.instance(NAME)["error"] is None, "all to be known")


def test_an_account_at_the_sentinels(make_server, make_sentinel, make_daemon, make_directory):
    """With the permissions that are documented, and no more; nobody else gets in."""
    users = [line.replace("ACL SETUSER", "user") for line in least_user.sentinel_commands()]
    sentinel = make_sentinel(
        make_server(), quorum=1, lines=["user default off", *users], has_least_user=False
    )
    account = least_user.keys(make_directory())
    group = {"master": NAME, "addresses": [sentinel.address], **account}
    daemon = make_daemon([{"id": NAME, "sentinel": group}])
    assert list(roles(daemon).values()) == ["master"]


@pytest.fixture
def make_fake_sentinel(make_directory):
    with contextlib.ExitStack() as stack:

        def make(master, replicas):
            sentinel = FakeSentinel(make_directory(), NAME, master, replicas)
            stack.callback(sentinel.stop)
            return sentinel

        yield make


def own_ids(server):
    """Of the daemon's connections to it."""
    with server.redis() as client:
        clients = client.client_list()
    return {c["id"] for c in clients if c["name"].startswith("sesskilld:")}


def test_a_failover_between_two_answers(make_server, make_fake_sentinel, make_daemon):
    """What is said of the master is of before it, what is said of the replicas of after it."""
    primary = make_server()
    replica = make_server(primary=primary)
    before = (primary.tcp_address, [replica.tcp_address])
    sentinel = make_fake_sentinel(*before)
    group = {"master": NAME, "addresses": [sentinel.address]}
    daemon = make_daemon([{"id": NAME, "sentinel": group}], has_least_user=False)
    wait_until(lambda: len(roles(daemon)) == 2, "both nodes")
    wait_until(lambda: len(own_ids(replica)) == 2, "both connections")
    there = own_ids(replica)
    with replica.redis() as new, primary.redis() as old:
        new.replicaof("NO", "ONE")
        old.replicaof(*replica.tcp_address.split(":"))
    sentinel.failover = (replica.tcp_address, [primary.tcp_address])
    after = {primary.tcp_address: "replica", replica.tcp_address: "master"}
    wait_until(lambda: roles(daemon) == after, lambda: f"{after}; there is {daemon.instance(NAME)}")
    assert own_ids(replica) == there


def test_a_master_among_its_own_replicas(make_server, make_fake_sentinel, make_daemon):
    """No fail-over, but how that Sentinel is configured."""
    primary = make_server()
    sentinel = make_fake_sentinel(primary.tcp_address, [primary.tcp_address])
    group = {"master": NAME, "addresses": [sentinel.address]}
    daemon = make_daemon([{"id": NAME, "sentinel": group}], has_least_user=False)
    wait_until(
        lambda: roles(daemon) == {primary.tcp_address: "master"},
        lambda: f"the master; there is {daemon.instance(NAME)}",
    )
    assert daemon.kill(NAME).json["state"] == "done"
