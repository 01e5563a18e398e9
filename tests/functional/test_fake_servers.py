"""Servers that are not to be had here: fake peers (harness/fake_server.py) that say what those are
known to say, and kill as they are known to kill.
"""

import pytest

from harness import wait_until

OTHERS = {"addr": "10.0.0.9:6379"}
NOBODY = 2**63 - 1


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


# Kvrocks 2.3.0, which says it is Redis 4.0.0, ORs filters, and leaves out those that run MONITOR.
KVROCKS = {
    "info": ["redis_version:4.0.0", "process_id:4711", "connected_clients:5"],
    "hello": {"server": "redis", "version": "4.0.0"},
    "line": "id={id} addr={addr} fd=8 name={name} age=5 idle=5 flags={flags} namespace=__namespace "
    "qbuf=0 obuf=0 cmd={cmd}",
    "has_list_id": False,
    "is_or": True,
    "is_listed": lambda session: session.cmd != "monitor",
}


def questions(server):
    """Of the one that asks how filters combine."""
    return [words for words in server.told("CLIENT", "KILL") if "ADDR" in words]


@pytest.mark.parametrize("n_links", [1, 2])
def test_a_server_that_ors_filters(make_fake_server, make_daemon, n_links):
    server = make_fake_server(**KVROCKS)
    others = server.add(20, name="other") + server.add(3, flags="P") + server.add(flags="S")
    daemon = make_pair(make_daemon, server, n_links)
    wait_until(lambda: questions(server), "the question how filters combine")
    before = daemon.own_ids()
    wait_until(lambda: len(server.sessions) == len(others) + n_links, "the asker to end")
    # Nobody is hit by the start.
    assert server.made_up() == others
    jobs = server.add(5, name="job")
    report = daemon.kill("r-test", match="name = job").json
    assert (report["state"], report["killed"]) == ("done", 5)
    assert server.made_up() == others
    report = daemon.kill("r-test").json
    assert (report["state"], report["killed"], report["extra"]) == ("done", 23, 0)
    assert server.made_up() == others[-1:] and daemon.own_ids() == before
    asked = questions(server)
    assert [words[4:] for words in asked] == [["ADDR", "0.0.0.0:0", "SKIPME", "no"]]
    ids = set()
    for words in server.told("CLIENT", "KILL"):
        # One id, and nothing that anybody else could fit.
        assert words[2] == "ID" and (words[4:] in ([], ["SKIPME", "yes"]) or words in asked)
        ids.add(int(words[3]))
    assert ids - {int(words[3]) for words in asked} - {NOBODY} == set(others[:-1] + jobs)


def test_monitors_that_are_not_listed(make_fake_server, make_daemon):
    info = [*KVROCKS["info"], "monitor_clients:0"]
    server = make_fake_server(**{**KVROCKS, "info": info})
    daemon = make_pair(make_daemon, server)
    server.add(4)
    assert daemon.kill("r-test").json["warnings"] == []
    monitors = server.add(2, cmd="monitor")
    server.add(4)
    info[-1] = "monitor_clients:2"
    # Not by what was known before.
    for kill in ({"dry_run": True}, {}):
        report = daemon.kill("r-test", **kill).json
        (warning,) = report["warnings"]
        assert "2 sessions run MONITOR and are not in the server's listing" in warning
    assert (report["state"], report["killed"]) == ("done", 4)
    assert server.made_up() == monitors


def test_monitors_that_are_listed(make_fake_server, make_daemon):
    server = make_fake_server(
        info=["redis_version:7.0.15", "run_id:" + "b" * 40, "monitor_clients:2"]
    )
    daemon = make_pair(make_daemon, server)
    server.add(2, flags="O", cmd="monitor")
    report = daemon.kill("r-test").json
    assert (report["state"], report["killed"], report["warnings"]) == ("done", 2, [])


def test_a_renamed_valkey(make_fake_server, make_daemon):
    """Its migrations of slots go over ordinary sessions but for a flag; I is no such flag there."""
    server = make_fake_server(
        info=["redis_version:7.2.4", "server_name:kv", "kv_version:9.0.0", "run_id:" + "c" * 40],
        hello={"server": "kv", "version": "9.0.0"},
        line="id={id} addr={addr} laddr=10.0.0.9:6379 fd=8 name={name} age=5 idle=5 flags={flags} "
        "capa= db=0 sub=0 psub=0 ssub=0 multi=-1 watch=0 qbuf=0 omem=0 events=r cmd={cmd} "
        "user=default redir=-1 resp=2 lib-name= lib-ver= tot-net-in=0 tot-net-out=0 tot-cmds=0",
    )
    kept = server.add(flags="i") + server.add(flags="E")
    server.add(3, flags="I")
    server.add(3)
    daemon = make_pair(make_daemon, server)
    report = daemon.kill("r-test").json
    assert (report["state"], report["killed"], report["protected"]) == ("done", 6, 3)
    (warning,) = report["warnings"]
    assert "2 sessions are kept for a flag, i or E, that on some servers means" in warning
    assert server.made_up() == kept
