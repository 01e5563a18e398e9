"""A master and its replicas, as Sentinels know them, through fail-over."""

import contextlib
import os

import pytest

from harness import wait_until
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


def test_sentinels_that_are_down_in_turn(group, orders):
    _, _, sentinels = group
    for sentinel in sentinels[:2]:
        sentinel.stop()
    assert orders.kill(NAME).json["state"] == "done"
    assert len(roles(orders)) == 2


def test_nobody_knows_the_master(make_server, make_sentinel, make_daemon):
    sentinel = make_sentinel(make_server(), quorum=1)
    daemon = make_daemon(
        [{"id": NAME, "sentinel": {"master": "nobody", "addresses": [sentinel.address]}}],
        wait="socket",
    )
    wait_until(lambda: "does not know" in (daemon.instance(NAME)["error"] or ""), "the error")
    answer = daemon.kill(NAME, timeout="300ms")
    assert answer.status == 503 and "does not know the master" in answer.json["error"]


def test_an_account_at_the_sentinels(make_server, make_sentinel, make_daemon, make_directory):
    """With the permissions that are documented, and no more."""
    sentinel = make_sentinel(
        make_server(),
        quorum=1,
        lines=[
            "user default off",
            "user sesskill on >secret -@all +auth +hello +info +client|id +client|setname "
            "+sentinel|masters +sentinel|replicas",
        ],
    )
    path = f"{make_directory()}/password"
    with open(path, "w", encoding="utf-8", opener=private) as file:
        file.write("secret\n")
    daemon = make_daemon(
        [
            {
                "id": NAME,
                "sentinel": {
                    "master": NAME,
                    "addresses": [sentinel.address],
                    "username": "sesskill",
                    "password-file": path,
                },
            }
        ]
    )
    assert list(roles(daemon).values()) == ["master"]


def private(path, flags):
    return os.open(path, flags, 0o600)
