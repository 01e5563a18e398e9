"""What happened on an instance: the samples of its nodes, and the events."""

import json
import os
import re
import signal
import socket

import pytest

from harness import Caller, cli, wait_until
from harness.fake_daemon import Answer
from test_fault_points import HAS_FAULTS

NOBODY = 65534
PATH = "/v1/instances/r-test/history"
TIME = re.compile(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d\d\dZ")
FIGURES = {"clients", "maxclients", "new", "refused", "blocked"}


def history(daemon, **params):
    answer = daemon.http("GET", PATH, params=params)
    assert answer.status == 200, answer.text
    return answer.json


def samples(daemon, **params):
    """Of its one node."""
    (node,) = history(daemon, **params)["nodes"]
    return node["samples"]


def total(daemon, figure, **params):
    return sum(sample.get(figure, 0) for sample in samples(daemon, **params))


def events(daemon, kind=None):
    return [one for one in history(daemon)["events"] if kind in (None, one["event"])]


def wait_for_event(daemon, kind, n=1):
    found = wait_until(
        lambda: len(events(daemon, kind)) >= n and events(daemon, kind),
        lambda: f"{n} {kind}, not {events(daemon)}; {daemon.explain()}",
    )
    return found[-1]


def wait_for_samples(daemon, **params):
    return wait_until(
        lambda: history(daemon, **params)["nodes"] and samples(daemon, **params), "a sample"
    )


def refuse(server, n):
    """So many connections for which there is no place."""
    for _ in range(n):
        with socket.create_connection(("127.0.0.1", server.port)) as knock:
            assert knock.recv(100).startswith(b"-ERR max number of clients")


@pytest.fixture
def small(make_server):
    return make_server(lines=["maxclients 20"])


@pytest.fixture
def over_tcp(small, make_daemon):
    """A daemon on it, so that the address is the same when it is started again."""
    daemon = make_daemon([{"id": "r-test", "address": small.tcp_address}])
    wait_for_samples(daemon)
    return daemon


# Samples


def test_how_full_it_was(small, over_tcp, make_clients):
    make_clients(small, total=10)
    last = wait_until(
        lambda: [s for s in samples(over_tcp) if s["clients"] >= 13], "the clients to be counted"
    )[-1]
    assert FIGURES >= last.keys() - {"time"} >= {"clients", "maxclients", "blocked"}
    assert (last["maxclients"], last["blocked"]) == (20, 0) and last["clients"] <= 20
    wait_until(lambda: total(over_tcp, "new") >= 10, "the new connections")
    answer = history(over_tcp)
    assert (answer["instance"], answer["step_ms"]) == ("r-test", 5000)
    (node,) = answer["nodes"]
    assert (node["address"], node["role"], node["former"]) == (small.tcp_address, "master", False)
    times = [answer["since"], *(sample["time"] for sample in node["samples"])]
    assert times == sorted(set(times)) and all(TIME.fullmatch(time) for time in times)
    # The same by the minute: the largest, and the sum.
    (minute, *more) = samples(over_tcp, since="24h")
    assert len(more) <= 1
    assert max(s["clients"] for s in [minute, *more]) == max(s["clients"] for s in node["samples"])
    assert history(over_tcp, since="2h")["step_ms"] == 60000


def test_refused_connections(small, over_tcp, make_clients):
    wait_until(lambda: any("refused" in sample for sample in samples(over_tcp)), "a comparison")
    assert total(over_tcp, "refused") == 0
    n_free = 20 - int(small.redis().info("clients")["connected_clients"])
    make_clients(small, total=n_free)
    refuse(small, 7)
    wait_until(lambda: total(over_tcp, "refused") >= 7, "the refused ones")
    assert total(over_tcp, "refused") == total(over_tcp, "refused", since="24h")


def test_blocked_clients(server, daemon):
    wait_for_samples(daemon)
    with socket.socket(socket.AF_UNIX) as waiting:
        waiting.connect(server.unix_path)
        waiting.sendall(b"BLPOP nothing 0\r\n")
        wait_until(lambda: any(s["blocked"] == 1 for s in samples(daemon)), "the blocked one")


def test_it_costs_the_server_nothing(server, daemon):
    """Not a command more than the connections are kept alive by."""
    wait_for_samples(daemon)
    before = server.redis().info("commandstats")
    n_before = len(samples(daemon))
    wait_until(lambda: len(samples(daemon)) > n_before, "the next step")
    after = server.redis().info("commandstats")
    new = {name for name in after if after[name]["calls"] != before.get(name, {}).get("calls")}
    assert new <= {"cmdstat_info", "cmdstat_client|list", "cmdstat_client|kill"}


def test_counters_that_begin_anew(small, over_tcp, make_clients):
    make_clients(small, total=5)
    wait_until(lambda: total(over_tcp, "new") >= 5, "the new connections")
    small.redis().config_resetstat()
    n_steps = len(samples(over_tcp))
    wait_until(lambda: len(samples(over_tcp)) > n_steps + 1, "two steps")
    assert total(over_tcp, "new") < 100 and total(over_tcp, "refused") == 0


@pytest.mark.own_accounts("a server without accounts")
def test_foreign_servers_lack_figures(make_fake_server, make_daemon):
    info = ["redis_version:7.0.15", "run_id:" + "a" * 40, "connected_clients:3"]
    fake = make_fake_server(info=info)
    daemon = make_daemon([{"id": "r-test", "address": fake.address}])
    first = wait_for_samples(daemon)[0]
    assert first.keys() == {"time", "clients"} and first["clients"] == 3


def test_a_gap_is_a_hole(small, over_tcp):
    n_steps = len(samples(over_tcp))
    small.pause_process()
    try:
        lost = wait_for_event(over_tcp, "link_lost")
        assert lost["node"] == small.tcp_address and lost["why"]
        stopped = len(samples(over_tcp))
        begin = history(over_tcp)["since"]
        wait_until(lambda: history(over_tcp)["since"] > begin, "the next step")
        assert len(samples(over_tcp)) <= stopped + 1
    finally:
        small.resume_process()
    wait_for_event(over_tcp, "link_back")
    wait_until(lambda: len(samples(over_tcp)) > n_steps, "samples again")


# Events


def test_a_kill(small, over_tcp, make_clients):
    make_clients(small, total=8, named={"app": 5})
    over_tcp.kill("r-test", match="name = app", dry_run=True)
    assert events(over_tcp) == []
    report = over_tcp.kill("r-test", match="name = app", reason="leak é").json
    (kill,) = events(over_tcp)
    assert TIME.fullmatch(kill.pop("time"))
    assert kill.pop("elapsed_ms") == int(report["elapsed_ms"])
    assert kill == {
        "event": "kill", "request_id": report["request_id"], "state": "done", "killed": 5,
        "user": "root" if os.geteuid() == 0 else kill["user"], "reason": "leak é",
    }  # fmt: skip
    over_tcp.kill("r-test")
    assert [one["reason"] for one in events(over_tcp)] == ["leak é", None]


def test_a_kill_that_runs(server, make_relay, make_daemon, make_clients):
    relay = make_relay(server)
    daemon = make_daemon([{"id": "r-test", "address": relay.address}])
    make_clients(server, total=5)
    relay.hold(b"TYPE")
    pending = daemon.begin_kill("r-test")
    relay.wait_until_held()
    (kill,) = events(daemon)
    assert (kill["state"], kill["killed"]) == ("running", 0)
    relay.release()
    report = pending.response().json
    (kill,) = events(daemon)
    assert (kill["state"], kill["killed"]) == ("done", report["killed"])


def test_a_link_that_is_lost(small, over_tcp):
    small.kill()
    lost = wait_for_event(over_tcp, "link_lost")
    small.start()
    back = wait_for_event(over_tcp, "link_back")
    assert lost["node"] == back["node"] == small.tcp_address and lost["time"] <= back["time"]
    # The new process has counted from nothing.
    assert total(over_tcp, "new") < 100


@pytest.mark.skipif(not HAS_FAULTS, reason="a guard waits for a minute")
def test_a_guard(server, make_daemon, make_clients):
    make_clients(server, total=9, named={"leaky": 4})
    guard = {
        "name": "leak", "instances": ["*"], "match": ["name = leaky"], "when": "always",
        "for": "0s", "every": "1s", "action": "kill",
    }  # fmt: skip
    daemon = make_daemon([server], settings={"guards": [guard]}, faults="guard.early*1000000")
    told = wait_for_event(daemon, "guard")
    assert (told["guard"], told["what"], told["matched"]) == ("leak", "kill", 4)
    (kill,) = events(daemon, "kill")
    assert (kill["request_id"], kill["killed"]) == (told["request_id"], 4)


# Reloads


def test_a_reload_keeps_it(small, over_tcp, make_server):
    over_tcp.kill("r-test")
    before = samples(over_tcp)
    config = json.loads(over_tcp.read_config())
    config["defaults"] = {"pace": "gentle"}
    over_tcp.write_config(json.dumps(config))
    over_tcp.signal(signal.SIGHUP)
    wait_until(lambda: over_tcp.audit("reload"), "the reload")
    assert samples(over_tcp)[: len(before) - 1] == before[:-1] or len(before) == 1
    assert len(events(over_tcp, "kill")) == 1
    # Other servers have another history.
    other = make_server()
    config["instances"][0]["address"] = [other.tcp_address]
    over_tcp.write_config(json.dumps(config))
    over_tcp.signal(signal.SIGHUP)
    wait_until(lambda: len(over_tcp.audit("reload")) == 2, "the reload")
    nodes = wait_until(
        lambda: [n for n in history(over_tcp)["nodes"] if n["address"] == other.tcp_address],
        "the other one to be heard",
    )
    assert not nodes[0]["former"]


def test_a_node_that_is_none_any_more(make_server, make_daemon):
    """Its history is kept for a while: it may be the very one of the incident."""
    one, other = make_server(), make_server()
    daemon = make_daemon([{"id": "r-test", "address": [one.tcp_address, other.tcp_address]}])
    wait_until(lambda: len(history(daemon)["nodes"]) == 2, "both to be heard")

    def apply(*servers):
        config = json.loads(daemon.read_config())
        config["instances"][0]["address"] = [server.tcp_address for server in servers]
        daemon.write_config(json.dumps(config))
        daemon.signal(signal.SIGHUP)

    def former():
        return {node["address"] for node in history(daemon)["nodes"] if node["former"]}

    apply(other)
    wait_until(lambda: former() == {one.tcp_address}, lambda: f"not {former()}")
    present, gone = history(daemon)["nodes"]
    assert (present["address"], gone["role"]) == (other.tcp_address, None) and gone["samples"]
    assert events(daemon) == []
    done = cli.run("history", "r-test", socket=daemon.socket_path)
    assert f"{one.tcp_address} (no node any more): up to " in done.out
    apply(one, other)
    wait_until(lambda: former() == set(), "it to be a node again")
    assert len(history(daemon)["nodes"]) == 2


# The request


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"since": "soon"}, 'since: "soon" is no duration'),
        ({"since": "60"}, 'since: "60" is no duration'),
        ({"since": "2s"}, "since: \"2s\" is out of bounds"),
        ({"since": "25h"}, "since: \"25h\" is out of bounds"),
        ({"since": ""}, "since"),
        ({"till": "1h"}, "till"),
    ],
)
def test_bad_parameters(daemon, params, words):
    answer = daemon.http("GET", PATH, params=params)
    assert (answer.status, answer.json["error"]["code"]) == (400, "InvalidParams")
    assert words in answer.json["error"]["message"]


def test_unknown_instance_and_method(daemon):
    assert daemon.http("GET", "/v1/instances/r-nobody/history").status == 404
    assert daemon.http("POST", PATH).status == 405


def test_before_anything_was_heard(make_daemon, make_directory):
    instance = {"id": "r-test", "address": f"unix://{make_directory()}/none"}
    daemon = make_daemon([instance], wait="socket")
    answer = history(daemon)
    assert (answer["nodes"], answer["events"]) == ([], [])


@pytest.mark.skipif(os.geteuid() != 0, reason="acts as somebody else")
def test_who_may_see_what(server, make_daemon):
    allowed = {"effect": "allow", "instances": ["r-test"]}
    daemon = make_daemon(
        [server],
        settings={
            "control": {"mode": "0666"},
            "access": [
                {"effect": "allow", "actions": ["*"], "users": [0]},
                {**allowed, "actions": ["hdm:DescribeInstances"], "users": [NOBODY]},
            ],
        },
    )
    os.chmod(daemon.directory, 0o755)
    assert daemon.kill("r-test", reason="between us").status == 200
    answer = daemon.http("GET", PATH, caller=Caller(NOBODY, NOBODY))
    (kill,) = [one for one in answer.json["events"] if one["event"] == "kill"]
    assert kill["state"] == "done" and not kill.keys() & {"user", "reason"}
    assert "between us" not in answer.text
    stranger = daemon.http("GET", PATH, caller=Caller(NOBODY - 1, NOBODY - 1))
    assert (stranger.status, stranger.json["error"]["code"]) == (403, "NoPermission")
    assert daemon.audit("denied")[-1]["action"] == "hdm:DescribeInstances"


# The client


def made_up(**more):
    """An hour of one node that filled up, was not heard for 200 s, and was helped by a kill."""
    samples = [
        {
            "time": f"2026-11-30T{3 + i // 720:02}:{i // 12 % 60:02}:{i % 12 * 5:02}.000Z",
            "clients": 400 if i >= 600 else min(3000 + 15 * i, 10000),
            "maxclients": 10000, "new": 2, "blocked": 0,
            "refused": 10 if 560 <= i < 600 else 0,
        }
        for i in range(720) if not 300 <= i < 340
    ]  # fmt: skip
    node = {"address": "10.0.0.1:6379", "role": "master", "former": False, "samples": samples}
    happened = [
        {"time": "2026-11-30T03:25:00.000Z", "event": "link_lost", "node": node["address"],
         "why": "no answer for 5 s"},
        {"time": "2026-11-30T03:28:20.000Z", "event": "link_back", "node": node["address"]},
        {"time": "2026-11-30T03:30:00.000Z", "event": "guard", "guard": "leak", "what": "spent",
         "request_id": "AAAA0000-1", "matched": 1200},
        {"time": "2026-11-30T03:31:00.000Z", "event": "link_lost", "node": "10.0.0.9:1", "why": "x"},
        {"time": "2026-11-30T03:50:00.000Z", "event": "kill", "request_id": "B6D17591-X",
         "state": "done", "killed": 8123, "elapsed_ms": 200, "user": "root", "reason": "a leak"},
    ]  # fmt: skip
    return {
        "request_id": "x", "instance": "r-1", "since": "2026-11-30T03:00:00.000Z",
        "until": "2026-11-30T04:00:00.000Z", "step_ms": 5000, "events": happened, "nodes": [node],
        **more,
    }  # fmt: skip


def show(fake, body, *options, path="/v1/instances/r-1/history", env=None):
    fake.on("GET", path, Answer(200, body))
    env = {**(env or cli.environment()), "TZ": "UTC"}
    done = cli.run("history", "r-1", *options, socket=fake.socket_path, env=env)
    assert (done.returncode, done.err) == (0, "")
    return done.out


def rows(text, label):
    return [line for line in text.split("\n") if line[:8].strip() == label]


def test_the_plot(fake):
    out = show(fake, made_up())
    assert out.startswith("10.0.0.1:6379 (master): up to 10,000 of 10,000 clients; 1,360 came, 400 refused\n")
    assert max(map(len, out.split("\nTIME")[0].split("\n"))) <= 80
    (top,) = rows(out, "10,000")
    # The limit is a line, but for where it was reached.
    full = top[9:].strip("\u2504")
    assert full and not set(full) & set(" \u2504")
    (ground,) = rows(out, "0")
    (hole,) = re.finditer(r"\u2500( +)\u2500", ground)
    assert 2 <= len(hole[1]) <= 5
    (refused,) = rows(out, "refused")
    (marks,) = rows(out, "events")
    # The kill ended it; what happened to another node is not here.
    assert [letter for letter in marks[8:] if letter != " "] == ["L", "B", "G", "K"] or (
        [letter for letter in marks[8:] if letter != " "] == ["L", "B", "K"]
    )
    assert len(refused.rstrip()) - marks.index("K") in (0, 1)
    assert hole.start(1) - 1 <= marks.index("L") <= hole.start(1) + 1
    assert rows(out, "blocked") == []
    assert re.search(r"^ {9}03:00 +03:11 +03:22 ", out, re.M)
    assert re.search(r"^11-30 03:50:00  kill +done, 8,123 killed by root: a leak +B6D17591$", out, re.M)
    assert re.search(r"^11-30 03:25:00  link lost  10.0.0.1:6379  no answer for 5 s$", out, re.M)
    assert re.search(r"^11-30 03:30:00  guard +leak: spent, 1,200 selected +AAAA0000$", out, re.M)


def test_the_plot_in_ascii(fake):
    out = show(fake, made_up(), env=cli.environment(LC_ALL="C"))
    assert out.isascii() and set(rows(out, "10,000")[0][9:].strip()) == set("-.:#")
    assert "K" in rows(out, "events")[0]


def test_the_plot_far_below_the_limit(fake):
    body = made_up()
    for sample in body["nodes"][0]["samples"]:
        sample["clients"] = 12
    out = show(fake, body)
    assert rows(out, "10,000") == [] and "up to 12 of 10,000 clients" in out
    assert "\u2588" in rows(out, "12")[0] and "\u2504" not in out


def test_a_history_without_figures(fake):
    body = made_up(events=[])
    body["nodes"][0]["samples"] = [{"time": "2026-11-30T03:59:55.000Z", "clients": 3}]
    out = show(fake, body)
    assert "(master): up to 3 clients; 0 came\n" in out
    for label in ("new", "refused", "events"):
        assert rows(out, label) == []
    assert show(fake, made_up(nodes=[], events=[])) == "no node has said anything so far\n"


@pytest.mark.parametrize("change", [{"since": None}, {"until": "soon"}, {"step_ms": 0}, {"step_ms": -1}])
def test_answers_that_are_none(fake, change):
    assert "kill" in show(fake, made_up(**change))


def test_hostile_texts(fake):
    body = made_up()
    body["events"][-1]["reason"] = "\x1b[31mred\u202e"
    body["nodes"][0]["address"] = "\x1b]0;x\x07"
    out = show(fake, body)
    assert "\x1b" not in out and "\u202e" not in out and "\x07" not in out


@pytest.mark.parametrize("columns", [80, 40, 20, 8])
def test_it_fits_the_terminal(fake, make_terminal, columns):
    fake.on("GET", "/v1/instances/r-1/history", Answer(200, made_up()))
    terminal = make_terminal(fake.socket_path, "history", "r-1", columns=columns)
    assert terminal.finish() == 0
    text = re.sub(r"\x1b\[[0-9;]*m", "", terminal.output)
    assert "\x1b" not in text
    plot = text.split("\nTIME")[0].split("\n")
    assert max(map(len, plot)) <= columns


def test_the_client_asks_a_real_daemon(small, over_tcp, make_clients):
    make_clients(small, total=3)
    over_tcp.kill("r-test", reason="a leak")
    small.kill()
    wait_for_event(over_tcp, "link_lost")
    done = cli.run("history", "r-test", "--since", "5m", socket=over_tcp.socket_path)
    assert (done.returncode, done.err) == (0, "")
    assert f"{small.tcp_address} (master): up to " in done.out
    assert {"K", "L"} >= set(rows(done.out, "events")[0][8:]) - {" "}
    assert re.search(r"  link lost +127.0.0.1", done.out) and "killed" in done.out
    answer = cli.run("history", "r-test", "--json", socket=over_tcp.socket_path)
    assert json.loads(answer.out)["instance"] == "r-test"


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["nobody"], 1, 'no instance "nobody"'),
        (["r-test", "--since", "soon"], 2, 'since: "soon" is no duration'),
        ([], 2, "something is missing"),
        (["r-test", "more"], 2, "too many words"),
    ],
)
def test_exit_status(daemon, arguments, status, words):
    done = cli.run("history", *arguments, socket=daemon.socket_path)
    assert (done.returncode, done.out) == (status, "") and words in done.err
