"""Kills that keep out by address, on a host of its own: the kernel's firewall is that one's."""

import itertools
import os
import shutil
import signal
import subprocess
import sys
import time

import pytest

from harness import network, wait_until
from harness.cli import run
from harness.knocking import Knockers
from harness.lan import Lan

POOL, OTHER, REPLICA = 1, 2, 3
N_SOURCES = 5


def why_not():
    if shutil.which("nft") is None:
        return "no nft"
    return network.why_not()


@pytest.fixture
def lan():
    reason = why_not()
    if reason is not None:
        pytest.skip(reason)
    with Lan(3, N_SOURCES) as lan:
        yield lan


@pytest.fixture
def middle(lan, make_server):
    """A server that all hosts reach."""
    return make_server(wrapper=lan.on(0), lines=["bind 0.0.0.0 ::", "protected-mode no"])


@pytest.fixture
def make_keeper(lan, make_daemon):
    """make_keeper(server): a daemon that may change the firewall there."""

    def make(server, **keys):
        return make_daemon([{"id": "r-test", "address": server.tcp_address, **keys}], wrapper=lan.on(0))

    return make


@pytest.fixture
def knock(lan, make_directory):
    """knock(host, server, n): clients that come back for ever."""
    knockers = []

    def start(host, server, n, is_v6=False, n_sources=N_SOURCES):
        sources = [lan.address(host, number, is_v6) for number in range(n_sources)]
        knockers.append(Knockers(lan, host, make_directory(), n, server.port, sources, is_v6))
        knockers[-1].wait_until_in()
        return knockers[-1]

    yield start
    for each in knockers:
        each.end()


def keep_out(daemon, for_s=3600, **parameters):
    answer = daemon.kill("r-test", keep_out=f"{for_s}s", **parameters)
    assert answer.status == 200, answer.text
    return answer.json


def lease_of(daemon):
    leases = daemon.http("GET", "/v1/leases").json["leases"]
    return leases[0] if leases else None


def from_pool(lan, is_v6=False):
    """A selection of all addresses of the pool's host."""
    return f"addr = {lan.address(POOL, 0, is_v6).rsplit(':' if is_v6 else '.', 1)[0]}" + (
        ":0/112" if is_v6 else ".0/24"
    )


def most_in_a_second(moments):
    return max(
        (sum(1 for _ in itertools.takewhile(lambda at: at < first + 1, moments[i:]))
         for i, first in enumerate(moments)),
        default=0,
    )  # fmt: skip


def test_they_stay_out(lan, middle, make_keeper, knock):
    """Both families, several addresses; bystanders lose nothing, and all come back by themselves."""
    daemon = make_keeper(middle)
    pool = [knock(POOL, middle, 100), knock(POOL, middle, 50, is_v6=True)]
    other = knock(OTHER, middle, 20)
    report = keep_out(daemon, 4, match=[f"{from_pool(lan)},{from_pool(lan, True)[7:]}"])
    done = time.monotonic()
    assert report["killed"] == 150 and report["survivors"] == 0
    lease = lease_of(daemon)
    assert lease["by"] == "address" and lease["state"] == "closed"
    assert len(lease["sources"]) == 2 * N_SOURCES
    for each in pool:
        each.wait_until_in()
    entries = sorted(at for each in pool for at in each.events("in", done))
    assert entries[0] >= done + 4, f"in after {entries[0] - done} s"
    assert sum(len(each.events("refused", done)) for each in pool) > 150
    assert other.events("out") == []
    wait_until(lambda: lease_of(daemon) is None, "the lease to be over")
    release = daemon.audit("release")[-1]
    assert release["refused"] > 150 and len(release["sources"]) == 2 * N_SOURCES
    assert "ban_" not in lan.firewall()


def refused(daemon, **parameters):
    """Beforehand: nobody was ended, and nothing is left."""
    answer = daemon.kill("r-test", **{"keep_out": "1h", **parameters})
    assert answer.status == 409 and answer.json["error"]["code"] == "NotExact", answer.text
    assert lease_of(daemon) is None
    return answer.json["error"]["message"]


def test_somebody_else_comes_from_there(lan, middle, make_keeper, knock):
    daemon = make_keeper(middle)
    pool = knock(POOL, middle, 10)
    stranger = middle.redis().execute_command("CLIENT", "LIST").split("\n")
    stranger = next(line for line in stranger if lan.address(POOL) in line)
    number = stranger.split()[0][3:]
    message = refused(daemon, match=[from_pool(lan), f"id != {number}"])
    assert lan.address(POOL) in message and f"id {number}" in message
    assert "1 other sessions" in message and pool.events("out") == []
    selection = {"match": [from_pool(lan), f"id != {number}"], "whole_source": "true"}
    assert "others are kept out as well" in keep_out(daemon, dry_run="true", **selection)["warnings"][0]
    assert pool.events("out") == [] and lease_of(daemon) is None
    report = keep_out(daemon, **selection)
    assert report["killed"] == 9 and lan.address(POOL) in report["warnings"][0]
    assert pool.n_in() == 1


def test_this_host_is_everybody(middle, make_keeper, lan):
    """With those that are accepted, the daemon itself still comes in."""
    daemon = make_keeper(middle)
    client = make_client(lan, middle, "local")
    assert "127.0.0.1 is every program on this host" in refused(daemon, match="name = local")
    keep_out(daemon, match="name = local", whole_source="true")
    client.wait()
    assert not can_connect(lan, middle)
    middle.redis().execute_command("CLIENT", "KILL", "SKIPME", "yes", "TYPE", "normal")
    wait_until(lambda: daemon.node()["state"] == "ready", "the daemon to be back")
    assert daemon.http("DELETE", f"/v1/leases/{lease_of(daemon)['id']}").status == 200
    wait_until(lambda: can_connect(lan, middle), "others to be let in")


def make_client(lan, server, name, host=0, address="127.0.0.1"):
    script = (
        "import socket, sys\n"
        "s = socket.create_connection((sys.argv[1], int(sys.argv[2])))\n"
        "s.send(b'CLIENT SETNAME %s\\r\\n' % sys.argv[3].encode())\n"
        "while s.recv(100): pass\n"
    )
    argv = [*lan.on(host), sys.executable, "-c", script, address, str(server.port), name]
    client = subprocess.Popen(argv, stderr=subprocess.DEVNULL)
    wait_until(
        lambda: f"name={name} " in server.redis().execute_command("CLIENT", "LIST"),
        f"the client {name} to be in",
    )
    return client


def can_connect(lan, server, host=0, address="127.0.0.1"):
    script = "import socket, sys\nsocket.create_connection((sys.argv[1], int(sys.argv[2])), 2)"
    argv = [*lan.on(host), sys.executable, "-c", script, address, str(server.port)]
    return subprocess.run(argv, stderr=subprocess.DEVNULL, check=False).returncode == 0


def test_a_unix_socket_has_no_address(middle, make_keeper, make_clients):
    daemon = make_keeper(middle)
    clients = make_clients(middle, named={"local": 3})
    assert "3 of those" in refused(daemon, match="name = local")
    assert clients.status()["closed_by_server"] == 0


def test_who_is_protected_is_never_shut_out(lan, middle, make_keeper, knock):
    """He comes from where others are to be ended."""
    daemon = make_keeper(middle, protect=["name = ops-*"])
    pool = knock(POOL, middle, 4, n_sources=2)
    client = make_client(lan, middle, "ops-1", POOL, lan.server_address(POOL))
    message = refused(daemon, match=from_pool(lan), whole_source="true")
    assert f"from {lan.address(POOL)} " in message and "ops-1" in message
    assert pool.events("out") == []
    client.kill()
    client.wait()


def test_a_replica_is_never_shut_out(lan, middle, make_server, make_keeper, knock):
    replica = make_server(
        wrapper=lan.on(REPLICA),
        lines=[f"replicaof {lan.server_address(REPLICA)} {middle.port}", "repl-timeout 5"],
    )
    wait_until(replica.is_in_sync, "the replica to be in sync")
    daemon = make_keeper(middle)
    knock(REPLICA, middle, 3)
    message = refused(daemon, match=f"addr = {lan.address(REPLICA)}", whole_source="true")
    assert lan.address(REPLICA) in message and "replication" in message
    pool = knock(POOL, middle, 5)
    keep_out(daemon, 2, match=from_pool(lan))
    pool.wait_until_in()
    assert replica.is_in_sync()
    assert int(middle.redis().info("stats")["sync_full"]) == 1


def begin_readmission(lan, daemon):
    """Returns when the pool was killed."""
    keep_out(daemon, 2, match=from_pool(lan), readmit=20)
    done = time.monotonic()
    wait_until(lambda: lease_of(daemon)["state"] == "readmitting", "the lease to be over")
    return done


def test_let_in_one_after_the_other(lan, middle, make_keeper, knock):
    daemon = make_keeper(middle)
    pool = knock(POOL, middle, 100)
    done = begin_readmission(lan, daemon)
    pool.wait_until_in()
    entries = pool.events("in", done)
    assert len(entries) == 100 and most_in_a_second(entries) <= 26
    lease = lease_of(daemon)
    assert lease["readmit"] == 20 and lease["refused"] > 100
    # Who asks for it again has the rest let in at once.
    for _ in range(2):
        assert daemon.http("DELETE", f"/v1/leases/{lease['id']}").status == 200
    assert lease_of(daemon) is None and "ban_" not in lan.firewall()


def test_they_wait(lan, middle, make_keeper, knock):
    daemon = make_keeper(middle)
    pool = knock(POOL, middle, 20)
    keep_out(daemon, 2, match=from_pool(lan), hold="true")
    done = time.monotonic()
    assert lease_of(daemon)["hold"] is True
    pool.wait_until_in()
    assert pool.events("refused", done) == []


def test_the_daemon_dies(lan, middle, make_keeper, knock):
    """The kernel lets them in by itself."""
    daemon = make_keeper(middle)
    pool = knock(POOL, middle, 20)
    keep_out(daemon, 3, match=from_pool(lan))
    done = time.monotonic()
    daemon.kill_process()
    pool.wait_until_in()
    assert min(pool.events("in", done)) >= done + 3
    daemon.start()
    wait_until(lambda: lease_of(daemon) is None, "the lease to be over")
    assert "ban_" not in lan.firewall()


def test_the_next_daemon_goes_on(lan, middle, make_keeper, knock):
    daemon = make_keeper(middle)
    pool = knock(POOL, middle, 20)
    keep_out(daemon, match=from_pool(lan))
    before = lease_of(daemon)
    daemon.kill_process()
    daemon.start()
    lease = lease_of(daemon)
    assert {key: lease[key] for key in ("id", "sources", "by", "state")} == {
        key: before[key] for key in ("id", "sources", "by", "state")
    }
    wait_until(lambda: lease_of(daemon)["refused"] > 0, "them to be counted")
    assert pool.n_in() == 0
    assert daemon.http("DELETE", f"/v1/leases/{lease['id']}").status == 200
    pool.wait_until_in()


def test_the_firewall_is_loaded_anew(lan, middle, make_keeper, knock):
    """By somebody who empties it first: it is told, and they are kept out again."""
    daemon = make_keeper(middle)
    pool = knock(POOL, middle, 10)
    keep_out(daemon, match=from_pool(lan))
    lan.flush_firewall()
    wait_until(lambda: "made anew" in daemon.log(), "the loss to be seen")
    wait_until(lambda: "ban_" in lan.firewall(), "the ban to be back")
    assert not can_connect(lan, middle, POOL, lan.server_address(POOL))
    assert lease_of(daemon)["state"] == "closed"


def test_longer(lan, middle, make_keeper, knock):
    daemon = make_keeper(middle)
    pool = knock(POOL, middle, 10)
    begun = time.monotonic()
    keep_out(daemon, 2, match=from_pool(lan))
    done = time.monotonic()
    path = f"/v1/leases/{lease_of(daemon)['id']}?until=4s"
    assert daemon.http("PATCH", path).status == 200
    pool.wait_until_in()
    assert min(pool.events("in", done)) >= begun + 4
    wait_until(lambda: lease_of(daemon) is None, "the lease to be over")
    assert "ban_" not in lan.firewall()


def test_no_permission(lan, middle, make_daemon, knock):
    daemon = make_daemon(
        [{"id": "r-test", "address": middle.tcp_address}],
        wrapper=[*lan.on(0), "setpriv", "--bounding-set", "-net_admin", "--inh-caps", "-net_admin"],
    )
    pool = knock(POOL, middle, 5)
    answer = daemon.kill("r-test", keep_out="1h", match=from_pool(lan))
    assert answer.status == 503 and "CAP_NET_ADMIN" in answer.text
    assert pool.events("out") == [] and lease_of(daemon) is None


def test_a_server_elsewhere(lan, make_server, make_keeper, make_daemon):
    """Of another host's kernel nothing can be asked."""
    far = make_server(wrapper=lan.on(OTHER), lines=["bind 0.0.0.0"])
    address = f"{lan.address(OTHER)}:{far.port}"
    daemon = make_daemon([{"id": "r-test", "address": address}], wrapper=lan.on(0))
    answer = daemon.kill("r-test", keep_out="1h", match="name = nobody")
    assert answer.status == 503 and f"{address} is not on this host" in answer.text


def test_extended_by_many_at_once(lan, middle, make_keeper, knock):
    """And released: nothing of it is left."""
    daemon = make_keeper(middle)
    pool = knock(POOL, middle, 10)
    keep_out(daemon, match=from_pool(lan))
    path = f"/v1/leases/{lease_of(daemon)['id']}"
    pending = [daemon.begin("PATCH", f"{path}?until=2h") for _ in range(8)]
    assert {each.response().status for each in pending} == {200}
    assert daemon.http("DELETE", path).status == 200
    pool.wait_until_in()
    wait_until(lambda: "ban_" not in lan.firewall(), "the firewall to be empty")


def test_shorter_than_its_kill(lan, middle, make_keeper, knock):
    """It counts from the end."""
    daemon = make_keeper(middle)
    pool = knock(POOL, middle, 20)
    keep_out(daemon, 2, match=from_pool(lan), rate=4)
    done = time.monotonic()
    assert pool.n_in() == 0
    pool.wait_until_in()
    assert min(pool.events("in")[20:]) >= done + 2


def test_shortened_while_its_kill_runs(lan, middle, make_keeper, knock):
    """What a person says holds, however long the kill takes."""
    daemon = make_keeper(middle)
    knock(POOL, middle, 12)
    pending = daemon.begin_kill("r-test", keep_out="1h", match=from_pool(lan), rate=3)
    wait_until(lambda: lease_of(daemon) is not None, "the lease")
    path = f"/v1/leases/{lease_of(daemon)['id']}?until=60s"
    wait_until(lambda: daemon.http("PATCH", path).status == 200, "it to stand")
    assert pending.response().json["killed"] == 12
    assert lease_of(daemon)["left_ms"] <= 60000


def test_readmitted_after_a_long_kill(lan, middle, make_keeper, knock):
    """And not while it runs."""
    daemon = make_keeper(middle)
    pool = knock(POOL, middle, 16)
    keep_out(daemon, 1, match=from_pool(lan), rate=2, readmit=50)
    done = time.monotonic()
    pool.wait_until_in()
    assert min(pool.events("in")[16:]) >= done + 1


def test_released_while_it_is_extended(lan, middle, make_keeper, knock):
    """They are let in one after the other all the same."""
    daemon = make_keeper(middle)
    pool = knock(POOL, middle, 60)
    keep_out(daemon, match=from_pool(lan), readmit=20)
    begun = time.monotonic()
    path = f"/v1/leases/{lease_of(daemon)['id']}"
    assert daemon.http("PATCH", f"{path}?until=100s").status == 200
    assert daemon.http("DELETE", path).status == 200
    pool.wait_until_in()
    # Two bans, one after the other, each with a burst of its own.
    assert most_in_a_second(pool.events("in", begun)) <= 32


def test_cancelled_while_the_door_is_closed(lan, middle, make_keeper, knock):
    daemon = make_keeper(middle)
    pool = knock(POOL, middle, 5)
    pending = daemon.begin_kill("r-test", keep_out="1h", match=from_pool(lan))
    wait_until(lambda: "ban_" in lan.firewall(), "the ban")
    os.kill(middle.pid, signal.SIGSTOP)
    kills = daemon.http("GET", "/v1/kills").json["kills"]
    cancelled = daemon.http("DELETE", f"/v1/kills/{kills[0]['request_id']}")
    os.kill(middle.pid, signal.SIGCONT)
    report = pending.response().json
    if cancelled.status == 200 and report["killed"] == 0:
        assert "kept_out_ms" not in report
        wait_until(lambda: lease_of(daemon) is None, "no lease to be left")
        wait_until(lambda: "ban_" not in lan.firewall(), "the firewall to be empty")
        assert pool.events("out") == []
    else:
        assert lease_of(daemon)["state"] == "closed"


def test_another_server_at_the_same_port(lan, middle, make_server, make_keeper, make_daemon, knock):
    """Of the same user, at another address: it stays open, and that is told."""
    address = lan.server_address(OTHER)
    mine = make_server(
        wrapper=lan.on(0), lines=[f"bind 127.0.0.1 {lan.server_address(POOL)}", "protected-mode no"]
    )
    make_server(wrapper=lan.on(0), tcp=False, lines=[f"port {mine.port}", f"bind {address}"])
    daemon = make_keeper(mine)
    knock(POOL, mine, 5)
    report = keep_out(daemon, match=from_pool(lan))
    assert f"{address}:{mine.port} may be another server's" in report["warnings"][0]
    assert f"{address} . {mine.port}" not in lan.firewall()


def test_a_node_that_comes_later(lan, make_server, make_daemon, knock):
    """Its door is closed as soon as it is there."""
    lines = ["bind 0.0.0.0 ::", "protected-mode no"]
    servers = [make_server(wrapper=lan.on(0), lines=lines) for _ in range(2)]
    addresses = [f"{lan.server_address(POOL)}:{server.port}" for server in servers]
    servers[1].kill()
    daemon = make_daemon(
        [{"id": "r-test", "address": addresses}], wrapper=lan.on(0), wait="socket"
    )
    wait_until(lambda: daemon.instance("r-test")["nodes"][0]["state"] == "ready", "the first node")
    knock(POOL, servers[0], 5)
    assert daemon.kill("r-test", keep_out="1h", match=from_pool(lan)).json["killed"] == 5
    assert lease_of(daemon)["state"] == "closed"
    servers[1].start()
    wait_until(lambda: lease_of(daemon)["state"] == "incomplete", "it to be seen")
    assert addresses[1] in lease_of(daemon)["error"]
    wait_until(
        lambda: not can_connect(lan, servers[1], POOL, lan.server_address(POOL)), "it to be closed"
    )


def test_only_the_rules_are_emptied(lan, middle, make_keeper, knock):
    daemon = make_keeper(middle)
    knock(POOL, middle, 5)
    keep_out(daemon, match=from_pool(lan))
    lan.nft("flush", "table", "inet", "sesskill")
    wait_until(lambda: "made anew" in daemon.log(), "the loss to be seen")
    wait_until(
        lambda: not can_connect(lan, middle, POOL, lan.server_address(POOL)), "it to be closed"
    )


def test_let_in_slowly_before_the_time(lan, middle, make_keeper, knock):
    """For ten minutes at most, and not for what was left of the hour."""
    daemon = make_keeper(middle)
    knock(POOL, middle, 20)
    keep_out(daemon, match=from_pool(lan), readmit=1)
    assert daemon.http("DELETE", f"/v1/leases/{lease_of(daemon)['id']}").status == 200
    wait_until(lambda: lease_of(daemon)["state"] == "readmitting", "them to be let in")
    wait_until(lambda: "expires 59m" not in lan.firewall(), "the kernel to know")
    assert "expires 9m" in lan.firewall()


def test_a_ban_of_no_lease(lan, middle, make_keeper, knock):
    """The journal was lost: the next daemon lets them in."""
    daemon = make_keeper(middle)
    pool = knock(POOL, middle, 5)
    keep_out(daemon, match=from_pool(lan))
    daemon.kill_process()
    with open(f"{daemon.directory}/state/leases.json", "w", encoding="utf-8") as file:
        file.write("no journal")
    daemon.start()
    pool.wait_until_in()
    assert "is of no lease" in daemon.log() and lease_of(daemon) is None


def test_at_the_terminal(lan, middle, make_keeper, knock):
    daemon = make_keeper(middle)
    pool = knock(POOL, middle, 6, n_sources=2)
    done = run(
        "kill", "r-test", "--match", from_pool(lan), "--keep-out", "1h", "--readmit", "5", "-y",
        socket=daemon.socket_path,
    )  # fmt: skip
    assert done.returncode == 0 and "kept out for 1h 00m afterwards" in done.out, done.out
    listed = run("leases", socket=daemon.socket_path).out
    assert f"{lan.address(POOL)},{lan.address(POOL, 1)}" in listed and "KNOCKED" in listed
    number = lease_of(daemon)["id"]
    for _ in range(2):
        assert run("release", number[:8], socket=daemon.socket_path).returncode == 0
    history = run("history", "r-test", socket=daemon.socket_path).out
    assert "they are kept out" in history and "they are let in at once" in history
    pool.wait_until_in()


def test_where_instances_are_looked_at(lan, middle, make_keeper, knock):
    daemon = make_keeper(middle)
    knock(POOL, middle, 5)
    keep_out(daemon, match=from_pool(lan))
    wait_until(lambda: lease_of(daemon)["refused"] > 0, "them to be counted")
    for command in ("instances", "top"):
        arguments = (command, "r-test", "--once")[: 3 if command == "top" else 1]
        assert "OUT until " in run(*arguments, socket=daemon.socket_path).out
    metrics = daemon.http("GET", "/metrics").text
    assert 'sesskill_leases{instance="r-test"} 1' in metrics
    assert 'sesskill_leases_refused{instance="r-test"} 0' not in metrics


def test_let_in_by_the_next_daemon(lan, middle, make_keeper, knock):
    """As slowly as by the first one; the kernel sees to it meanwhile."""
    daemon = make_keeper(middle)
    pool = knock(POOL, middle, 80)
    done = begin_readmission(lan, daemon)
    daemon.kill_process()
    daemon.start()
    pool.wait_until_in()
    assert lease_of(daemon)["state"] == "readmitting"
    assert most_in_a_second(pool.events("in", done)) <= 26


def test_the_next_daemon_may_not_ask(lan, middle, make_keeper, knock):
    """It says that it does not know, and lets nobody believe that a release has helped."""
    first = make_keeper(middle)
    pool = knock(POOL, middle, 5)
    keep_out(first, 6, match=from_pool(lan))
    first.stop()
    without = ["setpriv", "--bounding-set", "-net_admin", "--inh-caps", "-net_admin"]
    first.wrapper = [*lan.on(0), *without]
    first.start()
    wait_until(lambda: lease_of(first)["state"] == "incomplete", "it to be seen")
    assert "no permission" in lease_of(first)["error"]
    path = f"/v1/leases/{lease_of(first)['id']}"
    assert first.http("DELETE", path).status == 200
    assert lease_of(first)["state"] == "overdue" and pool.n_in() == 0
    pool.wait_until_in()
    wait_until(lambda: lease_of(first) is None, "the kernel's time to be over")
