"""Servers that are not to be had here: fake peers (harness/fake_server.py) that say what those are
known to say, and kill as they are known to kill.
"""

import pytest

from harness import wait_until

OTHERS = {"addr": "10.0.0.9:6379"}


def make_pair(make_daemon, server, n_links=1):
    return make_daemon(
        [{"id": "r-test", "address": server.address, "links": n_links}], has_least_user=False
    )


def old_redis(version, **traits):
    """Before 5.0 there is neither CLIENT ID nor HELLO, nor CLIENT LIST ID."""
    return {"info": [f"redis_version:{version}", "run_id:" + "a" * 40], "has_id": False, **traits}


@pytest.mark.parametrize("n_links", [1, 2])
@pytest.mark.parametrize(
    ("version", "types"),
    [
        ("2.8.12", ("normal", "slave", "pubsub")),
        ("3.0.7", ("normal", "slave", "pubsub")),
        ("3.2.13", ("normal", "slave", "pubsub", "master")),
        ("4.0.14", ("normal", "slave", "pubsub", "master")),
    ],
)
def test_redis_that_tells_nobody_his_id(make_fake_server, make_daemon, version, types, n_links):
    server = make_fake_server(**old_redis(version, types=types))
    kept = server.add(flags="S", cmd="replconf", **OTHERS)
    # To a server before 3.2 the link to its master is one of type normal.
    kept += server.add(flags="M", cmd="ping", **OTHERS)
    server.add(30)
    server.add(5, flags="P", cmd="subscribe")
    daemon = make_pair(make_daemon, server, n_links)
    before = daemon.own_ids()
    assert len(before) == n_links and server.made_up() == sorted(server.made_up())
    report = daemon.kill("r-test").json
    assert (report["state"], report["killed"], report["extra"]) == ("done", 35, 0)
    assert server.made_up() == kept and daemon.own_ids() == before
    has_sets = bool(server.told("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"))
    assert has_sets == ("master" in types and n_links == 1)


def test_redis_without_ids(make_fake_server, make_daemon):
    """They came with 2.8.12."""
    line = "addr={addr} fd=8 name={name} age=5 idle=5 flags={flags} db=0 cmd={cmd}"
    server = make_fake_server(**old_redis("2.8.9", line=line))
    daemon = make_daemon(
        [{"id": "r-test", "address": server.address}], wait="socket", has_least_user=False
    )
    wait_until(lambda: daemon.node()["last_error"] not in (None, "not connected yet"), "the word")
    assert daemon.node()["last_error"].startswith("Redis 2.8.9 is too old: ")
    assert not server.told("CLIENT", "KILL") and not server.told("CLIENT", "LIST")
