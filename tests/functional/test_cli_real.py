"""The command-line client with a real daemon and real servers: every command and exit status."""

import getpass
import json
import os
import re
import subprocess

import pytest

from harness import wait_until
from harness.cli import command, environment, run
from harness.waiting import DEFAULT_TIMEOUT_S

NOBODY = {"user": 65534, "group": 65534, "extra_groups": []}
CROWD = {"total": 40, "subscribed": 5, "blocked": 3, "monitoring": 2, "multi": 4}


def words_of(line):
    return re.split("  +", line.strip())


def rows_of(text):
    """The lines below the titles, as dictionaries by title; every cell must have a text."""
    titles, *rows = [words_of(line) for line in text.splitlines()]
    return [dict(zip(titles, row)) for row in rows]


# list


def test_list_shows_every_session(server, daemon, make_clients):
    make_clients(server, named={"pool-a": 12}, **CROWD)
    done = daemon.cli("list", "r-test")
    ids = [int(line.split()[0]) for line in done.stdout.splitlines()[1:]]
    assert done.returncode == 0
    assert ids == sorted(ids)
    assert set(ids) - {server.redis().client_id()} == server.session_ids()
    run_id = f"{daemon.node()['address']}: run id {daemon.node()['run_id']}"
    assert done.stderr == f"{len(ids)} sessions\n{run_id}\n"
    for state, count in [("pubsub", 5), ("blocked", 3), ("monitor", 2), ("in MULTI", 4)]:
        assert len(re.findall(f"  {state}  ", done.stdout)) == count


def test_list_selects_sorts_and_limits(server, daemon, make_clients):
    make_clients(server, total=20, named={"pool-a": 12})
    done = daemon.cli(
        "list", "r-test", "--match", "name = pool-*", "--except", "type = pubsub",
        "--sort", "-id", "--limit", "3",
    )  # fmt: skip
    rows = rows_of(done.stdout)
    assert [row["NAME"] for row in rows] == ["pool-a"] * 3
    pool = [int(each["id"]) for each in server.sessions() if each["name"] == "pool-a"]
    assert [int(row["ID"]) for row in rows] == sorted(pool)[:-4:-1]
    found = len(server.sessions())
    assert re.fullmatch(rf"({found}|{found + 1}) sessions, 12 selected, 3 shown\n.*\n", done.stderr)


def test_list_in_groups(server, daemon, make_clients):
    make_clients(server, tcp=True, total=30, named={"pool-a": 12})
    done = daemon.cli("list", "r-test", "--group-by", "name", "--match", "addr = 127.0.0.1")
    assert (done.returncode, done.stderr[-28:]) == (0, "30 selected, 2 groups shown\n"[-28:])
    rows = [line.split() for line in done.stdout.splitlines()]
    assert rows[0] == ["NAME", "SESSIONS", "SHARE"]
    assert [row[:3] for row in rows[1:]] == [["(none)", "18", "60.0%"], ["pool-a", "12", "40.0%"]]


def test_list_json_is_what_the_daemon_says(server, daemon, make_clients):
    make_clients(server, **CROWD)
    done = daemon.cli("--json", "list", "r-test", "--limit", "300")
    answer = json.loads(done.stdout)
    direct = daemon.http("GET", "/v1/instances/r-test/sessions", params={"limit": 300}).json
    assert (done.returncode, done.stderr) == (0, "")
    assert list(answer) == list(direct)
    ids, expected = ([each["id"] for each in one["sessions"]] for one in (answer, direct))
    assert ids == expected


def test_list_of_several_nodes(make_server, make_daemon):
    one, other = make_server(), make_server()
    for _ in range(5):  # ids are a node's own: the link of the first has the higher one
        one.redis(db=0).client_id()
    both = {"id": "pair", "address": [one.address, other.address]}
    daemon = make_daemon([both])
    done = daemon.cli("list", "pair", "--match", "name = sesskilld:*")
    assert done.returncode == 0
    nodes = [one.unix_path] * 2 + [other.unix_path] * 2
    assert [row["NODE"] for row in rows_of(done.stdout)] == nodes
    other.kill()
    wait_until(lambda: daemon.instance("pair")["nodes"][1]["state"] != "ready", "the loss")
    done = daemon.cli("list", "pair", "--match", "name = sesskilld:*")
    assert done.returncode == 5
    assert [row["NODE"] for row in rows_of(done.stdout)] == [one.unix_path] * 2
    assert f"not listed: {other.unix_path}: " in done.stderr


def test_names_that_clients_choose(server, daemon, make_clients):
    control = server.redis()
    control.client_setname("a=b")
    done = daemon.cli("list", "r-test", "--match", "name = a=b")
    assert [row["NAME"] for row in rows_of(done.stdout)] == ["a=b"]


# Killing


def test_kill_all(server, daemon, make_clients):
    clients = make_clients(server, **CROWD)
    assert rows_of(daemon.cli("instances").stdout)[0]["STATE"] == "ready"
    done = daemon.cli("kill", "r-test", "--all", "--yes", "--reason", "leaked pool")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("r-test: done (")
    clients.wait_for(open=0, closed_by_server=40)
    (intent,) = daemon.audit("intent")
    assert intent["reason"] == "leaked pool" and "sesskill" in intent["exe"]
    (row,) = rows_of(daemon.cli("kills").stdout)
    assert (row["REQUEST"], row["STATE"]) == (intent["request_id"], "done")
    report = daemon.cli("kills", intent["request_id"])
    told = {line.split()[0]: line for line in report.stdout.splitlines() if line}
    assert "  reason        leaked pool" in report.stdout.splitlines()
    assert "  selected      all" in report.stdout.splitlines()
    assert told["ordered"].split()[-1] == getpass.getuser()
    assert all(line in report.stdout for line in done.stdout.splitlines())


def test_kill_by_name_after_a_look(server, daemon, make_clients):
    clients = make_clients(server, total=30, named={"pool-a": 12})
    look = daemon.cli("kill", "r-test", "--match", "name = pool-*", "--dry-run")
    assert look.returncode == 0 and "nothing was killed" in look.stdout
    assert "CLIENT KILL" in look.stdout and clients.status()["open"] == 30
    done = daemon.cli("--json", "kill", "r-test", "--match", "name = pool-*", "--yes")
    report = json.loads(done.stdout)
    assert (done.returncode, done.stderr) == (0, "")
    assert (report["state"], report["killed"]) == ("done", 12)
    clients.wait_for(open=18)


def test_who_comes_back_is_told_while_it_is_watched(server, daemon, make_clients):
    """On no terminal, a plain line a second."""
    make_clients(server, total=10, reconnect=True)
    done = daemon.cli("kill", "r-test", "--all", "--yes", "--watch", "2500ms")
    assert done.returncode == 6 and "\x1b" not in done.stderr
    lines = done.stderr.splitlines()
    assert len(lines) == 2
    # The control connection of this test may be among them.
    assert re.fullmatch(r"watching  1[01] of 1[01]  100%  10 came back  2\.\d s", lines[1]), lines
    assert "  reconnected          10  came back\n" in done.stdout
    assert re.match(r"r-test: done \(\d+\.?\d* ms, then watched for 2\.\d s\)\n", done.stdout)
    assert "10 of those killed came back: whatever makes them come runs on." in done.stdout


def test_the_question(server, daemon, make_terminal, make_clients):
    clients = make_clients(server, total=25, named={"pool-a": 10})
    arguments = ["kill", "r-test", "--match", "name = pool-a"]
    terminal = make_terminal(daemon.socket_path, *arguments)
    shown = terminal.expect("Type the id of the instance to kill them: ")
    assert "This would end 10 sessions of r-test" in shown and "pool-a" in shown
    terminal.type("r-other\n")
    assert terminal.finish() == 1
    assert clients.status()["open"] == 25
    terminal = make_terminal(daemon.socket_path, *arguments)
    terminal.expect("to kill them: ")
    terminal.type("r-test\n")
    assert terminal.finish() == 0
    clients.wait_for(open=15)


def test_interrupt_and_cancel(server, daemon, make_terminal, make_clients):
    """Who comes back is watched for long, until Ctrl-C and c."""
    make_clients(server, total=5)
    arguments = ["kill", "r-test", "--all", "--yes", "--watch", "60s"]
    terminal = make_terminal(daemon.socket_path, *arguments)
    terminal.expect("watching")
    terminal.press_interrupt()
    terminal.expect("[c]ancel it, [l]eave it running")
    terminal.type("c\n")
    terminal.expect("Cancelling")
    terminal.finish()
    (kill,) = daemon.kills()
    assert kill["state"] != "running" and kill["killed"] >= 5


def test_cancel(server, daemon, make_clients):
    make_clients(server, total=5)
    server.pause_process()
    argv = command(daemon.socket_path, "kill", "r-test", "--all", "--yes", "--timeout", "60s")
    with subprocess.Popen(
        argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, env=environment(), text=True
    ) as process:
        wait_until(lambda: daemon.kills() != [], "the kill to be known")
        (row,) = rows_of(daemon.cli("kills").stdout)
        assert row["STATE"] == "running"
        done = daemon.cli("cancel", row["REQUEST"])
        assert (done.returncode, done.stderr) == (0, "")
        server.resume_process()
        words = process.communicate(timeout=DEFAULT_TIMEOUT_S)[0]
    assert process.returncode == 1
    assert "r-test: cancelled (" in words


# Exit statuses


def test_failed(server, daemon, make_clients):
    make_clients(server, total=5)
    for arguments, words in [
        (["kill", "r-nowhere", "--all", "--yes"], 'no instance "r-nowhere"'),
        (["list", "r-nowhere"], 'no instance "r-nowhere"'),
        (["instances", "r-nowhere"], 'no instance "r-nowhere"'),
        (["kills", "nonsense"], "NotFound"),
        (["cancel", "nonsense"], "NotFound"),
    ]:
        done = daemon.cli(*arguments)
        assert (done.returncode, done.stdout) == (1, "") and words in done.stderr, arguments
    done = daemon.cli("kill", "r-test", "--all", "--yes", "--max", "2")
    assert (done.returncode, done.stderr) == (1, "") and "none was" in done.stdout


def test_failed_because_the_server_is_gone(server, daemon):
    server.kill()
    wait_until(lambda: daemon.node()["state"] != "ready", "the loss of the server")
    done = daemon.cli("kill", "r-test", "--all", "--yes", "--timeout", "300ms")
    assert done.returncode == 1 and f"failed on {server.unix_path}: " in done.stdout
    done = daemon.cli("list", "r-test")
    assert done.returncode == 1 and "See sesskill instances" in done.stderr
    done = daemon.cli("instances")
    assert done.returncode == 0 and f"r-test {server.unix_path}: " in done.stdout


def test_usage(daemon):
    for arguments, words in [
        (["kill", "r-test", "--match", "idle >> 5", "--yes"], "column 7"),
        (["kill", "r-test", "--all", "--yes", "--pace", "slow"], "pace"),
        (["kill", "r-test", "--all"], "nothing was killed"),
        (["list", "r-test", "--match", "nope = 1"], 'unknown field "nope"'),
        (["list", "r-test", "--sort", "nope"], 'unknown field "nope"'),
        (["list", "r-test", "--limit", "many"], "limit"),
    ]:
        done = daemon.cli(*arguments)
        assert (done.returncode, done.stdout) == (2, "") and words in done.stderr, arguments
    assert daemon.audit("intent") == []


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to be somebody else")
def test_denied(server, make_daemon):
    daemon = make_daemon([server], settings={"control": {"mode": "0666"}})
    os.chmod(daemon.directory, 0o755)
    for arguments in (
        ["kill", "r-test", "--all", "--yes"],
        ["list", "r-test"],
        ["instances"],
        ["kills"],
        ["--json", "kill", "r-test", "--all", "--yes"],
    ):
        done = run(*arguments, socket=daemon.socket_path, **NOBODY)
        assert done.returncode == 3 and "NoPermission" in done.out + done.err, arguments
    assert len(daemon.audit("denied")) == 5


def test_not_reachable(daemon):
    daemon.stop()
    for arguments in (["kill", "r-test", "--all", "--yes"], ["list", "r-test"], ["instances"]):
        done = daemon.cli(*arguments)
        assert (done.returncode, done.stdout) == (4, "") and "Is sesskilld running" in done.stderr


def test_partial(make_server, make_daemon, make_clients):
    one, other = make_server(), make_server()
    clients = make_clients(one, total=5)
    daemon = make_daemon([{"id": "pair", "address": [one.address, other.address]}])
    other.pause_process()
    done = daemon.cli("kill", "pair", "--all", "--yes", "--timeout", "500ms")
    other.resume_process()
    assert done.returncode == 5
    assert "pair: partial (" in done.stdout
    assert f"failed on {other.unix_path}: " in done.stdout
    assert "What is left can be killed by the same command again" in done.stdout
    clients.wait_for(open=0)


def test_ids_may_be_cut_short(server, daemon, make_clients):
    """In reports and cancels, as long as it is the beginning of one only."""
    make_clients(server, total=3)
    daemon.cli("kill", "r-test", "--match", "name = nosuch", "--yes")
    (kill,) = daemon.kills()
    assert daemon.cli("kills", kill["request_id"][:8].lower()).returncode == 0
    assert daemon.cli("kills", kill["request_id"][:3]).returncode == 1
    assert daemon.cli("kills", kill["request_id"] + "0").returncode == 1
    done = daemon.cli("cancel", kill["request_id"][:8])
    assert done.returncode == 1 and "Nothing was killed" not in done.stderr, done
    assert "sesskill kills" in done.stderr


def test_none_is_the_empty_value(server, daemon, make_clients):
    """As screens print it."""
    make_clients(server, total=8, named={"x": 3})
    listing = daemon.http(
        "GET", "/v1/instances/r-test/sessions", params={"match": "name = (none)"}
    ).json
    assert listing["matched"] >= 5
    assert all(session["name"] == "" for session in listing["sessions"])
