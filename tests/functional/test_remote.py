"""Commands on other hosts: sesskill -H, through an ssh that is a script, to real daemons."""

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import threading
import time

import pytest

from harness import programs, wait_until
from harness.cli import run
from harness.fake_daemon import Answer, FakeDaemon
from harness.fake_ssh import FakeSsh
from harness.waiting import DEFAULT_TIMEOUT_S
from test_cli_real import rows_of


@pytest.fixture
def ssh(make_directory):
    return FakeSsh(make_directory())


@pytest.fixture
def sesskill(ssh):
    """sesskill(ARGUMENTS..., ENVIRONMENT=...): the program to its end."""

    def call(*arguments, **env):
        return run(*arguments, env=ssh.environment(**env))

    return call


@pytest.fixture
def start(ssh):
    """start(ARGUMENTS...): the program, which goes on."""
    with contextlib.ExitStack() as stack:

        def call(*arguments):
            process = subprocess.Popen(
                [programs.SESSKILL, *arguments],
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                text=True, env=ssh.environment(),
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
            )  # fmt: skip
            stack.callback(process.wait)
            stack.callback(process.kill)
            return process

        yield call


@pytest.fixture
def db1(ssh, daemon):
    """The daemon of `db1`, which looks after `server`."""
    ssh.add("db1", daemon)
    return daemon


@pytest.fixture
def two(ssh, db1, make_server, make_daemon):
    """Two hosts, each with its own server: [(host, server, daemon)]; the first is `server`."""
    other = make_server()
    daemon = make_daemon([other])
    ssh.add("db2", daemon)
    return other, daemon


def children_of(process):
    with open(f"/proc/{process.pid}/task/{process.pid}/children", encoding="utf-8") as file:
        return file.read().split()


def is_gone(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
        return file.read().rsplit(")", 1)[1].split()[0] == "Z"


# One host


def test_the_call(ssh, db1, sesskill):
    """No shell, no agent, no port; a name can be no option; ssh may ask for a password."""
    assert sesskill("-H", "db1", "instances").returncode == 0
    assert ssh.calls() == ["-xT -- db1 sesskill stdio-bridge"]


@pytest.mark.parametrize(
    "arguments",
    [
        ["instances"],
        ["instances", "r-test"],
        ["list", "r-test"],
        ["ls", "r-test", "--group-by", "name"],
        ["--json", "list", "r-test", "--match", "name = pool-a"],
        ["kills"],
        ["guards"],
        ["top", "r-test", "--once"],
        ["list", "r-nowhere"],
        ["list", "r-test", "--match", "nonsense"],
    ],
    ids=lambda arguments: " ".join(arguments),
)
def test_what_is_seen_is_what_is_seen_there(server, db1, sesskill, make_clients, arguments):
    make_clients(server, total=30, named={"pool-a": 12})

    def steady(text):
        """Without what changes by itself: times, and what the server has in its buffers."""
        figures = r'[\d.]+ (m?s|K?B)\b|"(age|idle|\w+_ms|rb[sp]|tot_mem)":[\d.]+|"request_id":"[^"]+"|  +'
        return re.sub(figures, " ", text)

    there = db1.cli(*arguments)
    for where in (["-H", "db1", *arguments], [*arguments, "--host=db1"]):
        here = sesskill(*where)
        assert here.returncode == there.returncode
        assert steady(here.out) == steady(there.stdout)
        assert steady(here.err) == steady(there.stderr)


def test_long_listing(server, db1, sesskill, make_clients):
    """Through small buffers, and to its very end."""
    make_clients(server, total=3000)
    done = sesskill("-H", "db1", "--json", "list", "r-test", "--match", "name != sesskilld:*")
    assert (done.returncode, done.err) == (0, "")
    assert len(json.loads(done.out)["sessions"]) >= 3000


def test_kill(ssh, server, db1, sesskill, make_clients):
    clients = make_clients(server, total=30, named={"pool-a": 12})
    done = sesskill("-H", "db1", "kill", "r-test", "--match", "name = pool-a", "--yes")
    assert done.returncode == 0 and "r-test: done (" in done.out + done.err
    clients.wait_for(open=18)
    (intent,) = db1.audit("intent")
    assert intent["uid"] == os.getuid() and intent["exe"].endswith("sesskill")
    report = sesskill("-H", "db1", "kills", intent["request_id"][:8])
    assert report.returncode == 0 and "r-test: done (" in report.out
    assert sesskill("-H", "db1", "cancel", intent["request_id"]).returncode == 1
    assert "--yes" not in "".join(ssh.calls())


def test_the_question_and_one_connection(ssh, server, db1, make_terminal, make_clients):
    """A password would be asked for once."""
    clients = make_clients(server, total=10)
    arguments = ["-H", "db1", "kill", "r-test", "--all"]
    terminal = make_terminal(None, *arguments, env=ssh.environment(NO_COLOR="1"))
    shown = terminal.expect("to kill them: ")
    assert "On db1: This would end 1" in shown
    terminal.type("r-test\n")
    assert terminal.finish() == 0
    clients.wait_for(open=0)
    assert len(ssh.calls()) == 1


def test_a_daemon_that_restarts_before_the_answer(ssh, server, db1, make_terminal, make_clients):
    """The connection that was kept is no more: there is another one, and one kill."""
    clients = make_clients(server, total=10)
    terminal = make_terminal(None, "-H", "db1", "kill", "r-test", "--all", env=ssh.environment())
    terminal.expect("to kill them: ")
    db1.stop()
    db1.start()
    terminal.type("r-test\n")
    assert terminal.finish() == 0, terminal.output
    clients.wait_for(open=0)
    assert len(ssh.calls()) == 2
    assert len(db1.kills()) == 1


@pytest.fixture
def interrupted(ssh, server, db1, make_terminal, make_clients):
    """A kill on the other host that watches, and is asked what Ctrl-C is to mean."""
    make_clients(server, total=5)
    arguments = ["-H", "db1", "kill", "r-test", "--all", "--yes", "--watch", "60s"]
    terminal = make_terminal(None, *arguments, env=ssh.environment())
    terminal.expect("watching")
    terminal.press_interrupt()
    terminal.expect("[c]ancel it, [l]eave it running")
    return terminal


def test_interrupt_and_cancel(ssh, db1, interrupted):
    """Ctrl-C reaches ssh as well, which is not to end the connection."""
    terminal = interrupted
    terminal.type("\n")
    terminal.expect("watching  [")
    terminal.press_interrupt()
    terminal.expect("[c]ancel it, [l]eave it running")
    terminal.type("c\n")
    terminal.expect("Cancelling")
    terminal.finish()
    assert "r-test: " in terminal.output and "broke" not in terminal.output
    (kill,) = db1.kills()
    assert kill["state"] != "running" and kill["killed"] >= 5
    assert len(ssh.calls()) == 2


def test_leave(db1, interrupted):
    terminal = interrupted
    terminal.type("l\n")
    assert terminal.finish() == 1
    (kill,) = db1.kills()
    assert kill["state"] == "running"
    assert f"Look at it with: sesskill -H db1 kills {kill['request_id']}" in terminal.output
    db1.cli("cancel", kill["request_id"])


def test_a_socket_there(ssh, daemon, sesskill, make_directory):
    """Its name comes through two shells as it is."""
    path = f"{make_directory()}/it's $(a) \"so`ck` *et"
    os.symlink(daemon.socket_path, path)
    ssh.add("db1")
    done = sesskill("-s", path, "-H", "db1", "instances")
    assert done.returncode == 0 and "r-test" in done.out
    done = sesskill("-H", "db1", "--socket", path + "x", "instances")
    assert done.returncode == 4
    assert f"db1: sesskill: cannot reach the daemon: there is no socket {path}x" in done.err


# What goes wrong


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ("echo 'ssh: connect to host db1 port 22: No route' >&2; exit 255",
         ["db1: ssh: connect to host db1 port 22: No route\n", "ssh ended with status 255"]),
        ("PATH=/nowhere /bin/sh -c sesskill; exit 127",
         ["not found", "ssh ended with status 127, as there is no sesskill"]),
        ("exec sesskill -s /nowhere/sock stdio-bridge",
         ["there is no socket /nowhere/sock", "ssh ended with status 4"]),
        ("echo Welcome to db1, have fun; exit 0", ["cannot reach the daemon of db1"]),
        ("kill -9 $$", ["ssh was ended by signal 9"]),
        ("exit 0", ["db1"]),
    ],
)  # fmt: skip
def test_not_reached(ssh, sesskill, lines, words):
    ssh.add("db1", lines=lines)
    for arguments in (["instances"], ["kill", "r-test", "--all", "--yes"], ["list", "x"]):
        done = sesskill("-H", "db1", *arguments)
        assert (done.returncode, done.out) == (4, ""), done.err
        assert [word for word in words if word not in done.err] == []
    assert "Nothing was killed" in sesskill("-H", "db1", "kill", "x", "--all", "--yes").err


def test_without_ssh(sesskill, make_directory):
    done = sesskill("-H", "db1", "instances", PATH=make_directory())
    assert (done.returncode, done.out) == (4, "")
    assert "cannot run ssh: No such file" in done.err


def test_words_of_others_harm_no_terminal(ssh, make_terminal):
    ssh.add("db1", lines=r"printf 'a\033[2Jb\r\nc\001\n' >&2; exit 255")
    ssh.add("db2", lines=r"printf 'a\033[2Jb\n' >&2; exit 255")
    for hosts in (["-H", "db1"], ["-H", "db1", "-H", "db2"]):
        terminal = make_terminal(None, *hosts, "instances", env=ssh.environment(NO_COLOR="1"))
        assert terminal.finish() == 4
        assert "\x1b[2J" not in terminal.output and "\x01" not in terminal.output
        assert "a\\x1b[2Jb" in terminal.output


def test_lost_in_the_middle_of_a_kill(ssh, server, make_relay, make_daemon, start, make_clients):
    """The kill is not sent again, and nobody says that nothing has happened."""
    make_clients(server, total=10)
    relay = make_relay(server)
    daemon = make_daemon([{"id": "r-test", "address": relay.address}])
    ssh.add("db1", daemon, lines=f"echo $$ >>'{daemon.directory}/pids'\nset -- exec $*")
    relay.hold(b"KILL", others_pass=True)
    process = start("-H", "db1", "--json", "kill", "r-test", "--all", "--yes")
    relay.wait_until_held()
    with open(f"{daemon.directory}/pids", encoding="utf-8") as file:
        os.kill(int(file.read()), signal.SIGKILL)
    _, words = process.communicate(timeout=DEFAULT_TIMEOUT_S)
    relay.release()
    assert process.returncode == 1
    assert "the connection to the daemon of db1 broke: ssh was ended by signal 9" in words
    assert "The kill may still run" in words
    wait_until(lambda: daemon.kills()[0]["state"] == "done", "the kill, which goes on")
    assert len(daemon.kills()) == 1 and len(ssh.calls()) == 1


def test_ctrl_c_while_it_connects(ssh, make_terminal):
    ssh.add_hanging("db1")
    arguments = ["-H", "db1", "kill", "r-test", "--all", "--yes"]
    terminal = make_terminal(None, *arguments, env=ssh.environment())
    wait_until(ssh.pids, "ssh to run")
    terminal.press_interrupt()
    assert terminal.finish() == -signal.SIGINT
    assert "The kill" not in terminal.output
    (pid,) = ssh.pids()
    wait_until(lambda: is_gone(pid), "ssh to be gone")


# What goes with no host, or with one only


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["-H", "", "instances"], "needs the name of a host"),
        (["-H", "-oProxyCommand=x", "instances"], 'is no name of a host'),
        (["--host=-x", "instances"], '"-x" is no name of a host'),
        (["--host", "a b", "instances"], 'is no name of a host'),
        (["-H", "a\nb", "instances"], 'is no name of a host'),
        (["-H", "x" * 400, "instances"], "longer than 320 bytes"),
        (["-H", "db1", "-H", "db1", "kill", "r", "--all", "--yes"], "db1 is given twice"),
        ([f"-Hdb{i}" for i in range(65)] + ["instances"], "more than 64 hosts"),
        (["-H", "db1", "audit"], "ssh db1 sesskill audit"),
        (["-H", "db1", "list", "--from", "/dev/null"], "--from asks no daemon"),
        (["-H", "db1", "guards", "test", "x", "--listing", "/dev/null"], "--listing asks no"),
        (["-H", "db1", "version"], "the same on all hosts"),
        (["-H", "db1", "stdio-bridge"], "the same on all hosts"),
        (["-H", "db1", "-H", "db2", "top", "r-test"], "top is of one host at a time"),
        (["-H", "db1", "-H", "db2", "kill", "r-test", "--all"], "nothing was killed"),
        (["-H", "db1", "kill", "r-test", "--yes"], "either --all, or --match"),
        (["-H", "db1", "kill", "r-test", "--all"], "no terminal to ask on"),
        (["-H"], "--host needs a value"),
    ],
)  # fmt: skip
def test_refused_before_anything_is_asked(ssh, sesskill, arguments, words):
    ssh.add("db1")
    done = sesskill(*arguments)
    assert (done.returncode, done.out) == (2, "")
    assert words in done.err
    assert ssh.calls() == []


def test_the_environment(ssh, db1, two, sesskill):
    for value in ("db1", " db1,", "db1\n"):
        done = sesskill("instances", SESSKILL_HOST=value)
        assert done.returncode == 0 and "HOST" not in done.out
    done = sesskill("instances", SESSKILL_HOST="db1, db2")
    assert [row["HOST"] for row in rows_of(done.out)] == ["db1", "db2"]
    n_calls = len(ssh.calls())
    assert n_calls == 5
    assert sesskill("-H", "db2", "instances", SESSKILL_HOST="db1").returncode == 0
    assert ssh.calls()[-1].split()[2] == "db2"
    assert sesskill("instances", SESSKILL_HOST="-x").returncode == 2
    here = sesskill("instances", SESSKILL_HOST="", SESSKILL_SOCKET=db1.socket_path)
    assert here.returncode == 0
    assert len(ssh.calls()) == n_calls + 1


def test_what_needs_no_daemon_does_not_care_for_the_environment(ssh, sesskill, tmp_path):
    listing = tmp_path / "listing"
    listing.write_text("id=3 addr=10.0.0.1:5 name=a age=1 idle=1 flags=N cmd=get\n", encoding="utf-8")
    assert sesskill("version", SESSKILL_HOST="db1").returncode == 0
    assert sesskill("help", "kill", SESSKILL_HOST="db1 -x").returncode == 0
    done = sesskill("list", "--from", str(listing), SESSKILL_HOST="db1")
    assert done.returncode == 0 and "10.0.0.1:5" in done.out
    assert sesskill("audit", SESSKILL_HOST="db1").returncode == 2
    assert ssh.calls() == []


# The far end


def test_the_bridge(daemon):
    """Bytes both ways; the end of the input is passed on, and no answer is lost by it."""
    request = "GET /v1/instances HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    done = daemon.cli("stdio-bridge", stdin=request)
    head, body = done.stdout.split("\n\n", 1)
    assert (done.returncode, done.stderr) == (0, "")
    assert head.startswith("HTTP/1.1 200") and json.loads(body)["instances"]
    assert daemon.cli("stdio-bridge", stdin="").stdout == ""


def test_the_bridge_without_a_daemon(sesskill):
    done = sesskill("-s", "/nowhere/sock", "stdio-bridge", SESSKILL_HOST="db1")
    assert (done.returncode, done.out) == (4, "")
    assert done.err.startswith("sesskill: cannot reach the daemon: there is no socket /nowhere/sock")


def send_back(peer):
    with peer:
        while piece := peer.recv(65536):
            peer.sendall(piece)


def test_the_bridge_carries_any_bytes(make_directory):
    """More than all buffers hold, both ways at once, against an echo that shuts down half."""
    path = f"{make_directory()}/echo"
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen()
    payload = bytes(range(256)) * 8192
    with subprocess.Popen(
        [programs.SESSKILL, "-s", path, "stdio-bridge"], env=programs.environment(),
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as bridge:  # fmt: skip
        peer, _ = listener.accept()
        echo = threading.Thread(target=send_back, args=[peer])
        echo.start()
        out, err = bridge.communicate(payload, timeout=DEFAULT_TIMEOUT_S)
        echo.join()
    listener.close()
    assert (bridge.returncode, err) == (0, b"")
    assert out == payload


# Several hosts


def test_instances_of_several(ssh, server, two, sesskill):
    done = sesskill("-H", "db1", "-H", "db2", "instances")
    assert done.returncode == 0
    rows = rows_of(done.out)
    assert [(row["HOST"], row["INSTANCE"], row["NODE"]) for row in rows] == [
        ("db1", "r-test", server.unix_path), ("db2", "r-test", two[0].unix_path)]  # fmt: skip
    assert done.err == "2 hosts: 2 done\n"
    assert sorted(ssh.calls()) == [
        f"-xT -oBatchMode=yes -oConnectTimeout=10 -- {host} sesskill stdio-bridge"
        for host in ("db1", "db2")
    ]
    one = sesskill("-H", "db1", "-H", "db2", "instances", "r-test")
    assert [row["HOST"] for row in rows_of(one.out)] == ["db1", "db2"]


def test_listings_of_several(server, two, sesskill, make_clients):
    make_clients(server, named={"pool-a": 3})
    make_clients(two[0], named={"pool-a": 4})
    asked = ["list", "r-test", "--match", "name = pool-a"]
    done = sesskill("-H", "db1", "-H", "db2", *asked)
    assert done.returncode == 0
    assert [row["HOST"] for row in rows_of(done.out)] == ["db1"] * 3 + ["db2"] * 4
    assert re.search(r"^\d+ sessions, 7 selected$", done.err, re.M)
    assert re.search(rf"^db2 {two[0].unix_path}: run id \w+$", done.err, re.M)
    done = sesskill("-H", "db1", "-H", "db2", *asked, "--group-by", "name")
    assert [line.split()[:4] for line in done.out.splitlines()] == [
        ["HOST", "NAME", "SESSIONS", "SHARE"],
        ["db1", "pool-a", "3", "42.9%"],
        ["db2", "pool-a", "4", "57.1%"],
    ]


def test_kill_on_several(server, two, sesskill, make_clients):
    clients = make_clients(server, total=20, named={"pool-a": 3})
    others = make_clients(two[0], total=20, named={"pool-a": 4})
    arguments = ["-H", "db1", "-H", "db2", "kill", "r-test", "--match", "name = pool-a"]
    look = sesskill(*arguments, "--dry-run")
    assert look.returncode == 0
    assert [row["STATE"] for row in rows_of(look.out)[:2]] == ["dry_run"] * 2
    assert clients.status()["open"] == others.status()["open"] == 20
    done = sesskill(*arguments, "--yes")
    assert (done.returncode, done.err) == (0, "2 hosts: 2 done\n")
    rows = {line.split()[0]: line.split() for line in done.out.splitlines()}
    figures = [dict(zip(rows["HOST"], rows[name])) for name in ("db1", "db2")]
    assert [(row["STATE"], row["MATCHED"], row["KILLED"], row["SURVIVED"]) for row in figures] == [
        ("done", "3", "3", "0"), ("done", "4", "4", "0")]  # fmt: skip
    assert rows["total"][2:] == ["7", "7", "0"]
    clients.wait_for(open=17)
    others.wait_for(open=16)
    kills = rows_of(sesskill("-H", "db1", "-H", "db2", "kills").out)
    assert sorted((row["HOST"], row["STATE"]) for row in kills if row["STATE"] == "done") == [
        ("db1", "done"), ("db2", "done")]  # fmt: skip


def test_guards_of_several(two, sesskill):
    done = sesskill("-H", "db1", "-H", "db2", "guards", "hold")
    assert done.returncode == 0
    assert two[1].http("GET", "/v1/guards").json["held"] is True
    assert "no guard acts on db1: " in done.err and "no guard acts on db2: " in done.err
    assert sesskill("-H", "db1", "-H", "db2", "guards", "resume").returncode == 0
    assert two[1].http("GET", "/v1/guards").json["held"] is False


def test_json_of_several(ssh, server, two, sesskill):
    ssh.add("down", lines="echo 'ssh: no route' >&2; exit 255")
    done = sesskill("--json", "-H", "db1", "-H", "down", "-H", "db2", "instances", "r-test")
    assert (done.returncode, done.err) == (4, "")
    one, down, other = json.loads(done.out)["hosts"]
    assert (one["host"], one["status"], one["answer"]["id"]) == ("db1", 0, "r-test")
    assert other["answer"]["nodes"][0]["address"] == two[0].unix_path
    assert (down["host"], down["status"]) == ("down", 4) and "answer" not in down
    assert "ssh ended with status 255: ssh: no route" in down["error"]


def test_one_that_is_down_and_one_that_refuses(ssh, server, two, sesskill, make_clients):
    """The others are done, and all is told."""
    clients = make_clients(server, total=6)
    ssh.add("down", lines="echo 'ssh: no route' >&2; exit 255")
    ssh.add("odd", lines=f"export SESSKILL_SOCKET={two[1].socket_path}x")
    hosts = ["-H", "down", "-H", "db1", "-H", "odd"]
    done = sesskill(*hosts, "kill", "r-test", "--all", "--yes")
    assert done.returncode == 4
    clients.wait_for(open=0)
    assert "down: cannot reach the daemon: ssh ended with status 255: ssh: no route" in done.err
    assert "odd: cannot reach the daemon: ssh ended with status 4: " in done.err
    assert done.err.endswith("3 hosts: 1 done, 2 not reachable\n")
    states = {line.split("  ")[0]: line for line in done.out.splitlines()}
    assert "not reachable" in states["down"] and "done" in states["db1"]
    unknown = sesskill("-H", "db1", "-H", "db2", "kill", "r-nowhere", "--all", "--yes")
    assert unknown.returncode == 1
    assert unknown.err.count('no instance "r-nowhere"') == 2 and unknown.out == ""


REPORT = {"request_id": "x", "instance": "r-1", "found": 9, "matched": 5, "survivors": 0}
WORST = [
    ([("done", 0), ("done", 0)], 0, "2 done"),
    ([("done", 0), ("done", 2)], 6, "1 done, 1 done, but they came back"),
    ([("partial", 0), ("done", 2)], 5, "1 done, but they came back, 1 partial"),
    ([("partial", 0), ("failed", 0)], 1, "1 partial, 1 failed"),
]


@pytest.mark.parametrize(("states", "status", "words"), WORST)
def test_the_worst_status(ssh, sesskill, make_directory, states, status, words):
    with contextlib.ExitStack() as stack:
        for i, (state, back) in enumerate(states):
            fake = FakeDaemon(make_directory())
            stack.callback(fake.stop)
            report = {**REPORT, "state": state, "reconnected": back}
            fake.on("GET", "/healthz", Answer(200, b"{}"))
            fake.on("POST", "/v1/instances/r-1/kill", Answer(200, json.dumps(report).encode()))
            ssh.add(f"db{i}", fake)
        done = sesskill("-H", "db0", "-H", "db1", "kill", "r-1", "--all", "--yes")
    assert done.returncode == status, done.err
    assert done.err == f"2 hosts: {words}\n"


def test_odd_answers_of_several(ssh, sesskill, make_directory, db1):
    fake = FakeDaemon(make_directory())
    try:
        ssh.add("odd", fake)
        fake.on("GET", "/healthz", Answer(200, b"{}"))
        for body in (b"[]", b"nonsense", b'{"instances":[1,null,{"id":"\x1b[2J"}]}',
                     b'{"instances":{}}', b'{"state":7}', b"", b'{"error":{"message":3}}'):  # fmt: skip
            fake.on("GET", "/v1/instances", Answer(200, body))
            done = sesskill("-H", "odd", "-H", "db1", "instances")
            assert "r-test" in done.out and "\x1b" not in done.out + done.err
            assert done.returncode in (0, 1)
            assert json.loads(sesskill("--json", "-H", "odd", "-H", "db1", "instances").out)
    finally:
        fake.stop()


def test_one_that_hangs_delays_no_other(ssh, server, two, start, make_clients):
    """Ctrl-C shows what the others have done."""
    clients = make_clients(server, total=6)
    ssh.add_hanging("stuck")
    process = start("-H", "stuck", "-H", "db1", "-H", "db2", "kill", "r-test", "--all", "--yes")
    clients.wait_for(open=0)
    wait_until(lambda: len(children_of(process)) == 1, "all but one to have answered")
    assert process.poll() is None and two[1].kills()[0]["state"] == "done"
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=DEFAULT_TIMEOUT_S)
    assert process.returncode == 1
    rows = {line.split()[0]: line.split() for line in out.splitlines()}
    assert rows["db1"][2] == "done" and rows["db2"][2] == "done"
    assert "stuck: ended without a word" in err and "3 hosts: 2 done, 1 failed" in err
    wait_until(lambda: all(map(is_gone, ssh.pids())), "ssh to be gone")


def test_one_that_hangs_is_given_up(ssh, db1, sesskill):
    ssh.add_hanging("stuck")
    begun = time.monotonic()
    done = sesskill("-H", "stuck", "-H", "db1", "instances")
    took = time.monotonic() - begun
    assert done.returncode == 4 and 19 < took < 40
    assert "stuck: no answer from the daemon of stuck within 20 s" in done.err
    assert [row["HOST"] for row in rows_of(done.out)] == ["db1"]
    assert all(map(is_gone, ssh.pids()))


def test_a_terminal_says_who_is_waited_for(ssh, db1, make_terminal):
    ssh.add_hanging("stuck")
    arguments = ["-H", "stuck", "-H", "db1", "instances"]
    terminal = make_terminal(None, *arguments, env=ssh.environment())
    terminal.expect("waiting for stuck")
    terminal.press_interrupt()
    assert terminal.finish() == 1
    assert "r-test" in terminal.output and "2 hosts: 1 done, 1 failed" in terminal.output


def test_interrupted_kills_go_on(ssh, server, two, start, make_clients):
    """Nobody can be asked: they are left running."""
    make_clients(server, total=6)
    arguments = ["kill", "r-test", "--all", "--yes", "--watch", "60s"]
    process = start("-H", "db1", "-H", "db2", *arguments)
    wait_until(two[1].kills, "the kills to run")
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=DEFAULT_TIMEOUT_S)
    (kill,) = two[1].kills()
    assert kill["state"] == "running"
    assert f"db2: Look at it with: sesskill -H db2 kills\n" in err
    assert process.returncode == 1
    assert two[1].cli("cancel", kill["request_id"]).returncode == 0



def test_the_values_that_exist_are_those_of_the_host(server, db1, sesskill, make_clients):
    """Whoever selects nobody there is told what there is there."""
    make_clients(server, total=3, named={"leaky": 3})
    done = sesskill("-H", "db1", "kill", "r-test", "--match", "name = leeky", "-n")
    assert done.returncode == 0 and "name = leeky: nobody; leaky has 3" in done.err, done
