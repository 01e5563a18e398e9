"""Sessions from the server's own host: whose they are, by process, user and unit, when asked."""

import contextlib
import json
import os
import pwd
import socket
import subprocess
import sys

import pytest
import redis

from harness import wait_until

AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="takes root")
WITHOUT_CAPABILITIES = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"]
USER = pwd.getpwuid(os.geteuid()).pw_name

# A client that calls itself what it is told to, and stays until its input ends.
NAMED_CLIENT = """
import socket, sys
open("/proc/self/comm", "wb").write(bytes.fromhex(sys.argv[2]))
client = socket.socket(socket.AF_UNIX)
client.connect(sys.argv[1])
client.sendall(b"PING\\r\\n")
client.recv(100)
print("ready", flush=True)
sys.stdin.read()
"""

# A client in another network, whose loopback it raises first, from a port of its own.
CLIENT_FROM_PORT = """
import fcntl, socket, struct, sys
client = socket.socket()
fcntl.ioctl(client, 0x8914, struct.pack("16sh14x", b"lo", 1))  # SIOCSIFFLAGS, IFF_UP
client.bind(("127.0.0.1", int(sys.argv[2])))
client.connect(("127.0.0.1", int(sys.argv[1])))
client.sendall(b"PING\\r\\n")
client.recv(100)
print("ready", flush=True)
sys.stdin.read()
"""


def own_address():
    """An address of this host that is not loopback; None: it has none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        with contextlib.suppress(OSError):
            probe.connect(("192.0.2.1", 9))  # sends nothing
            return probe.getsockname()[0]
    return None


def own_name():
    with open("/proc/self/comm", encoding="utf-8") as file:
        return file.read().rstrip("\n")


def own_unit():
    """None: this process belongs to no unit, or it is not this simple to say to which."""
    with open("/proc/self/cgroup", encoding="utf-8") as file:
        names = [name for line in file for name in line.rstrip("\n").split("/")]
    units = {name for name in names if name.endswith((".service", ".scope"))}
    return units.pop() if len(units) == 1 else None


@pytest.fixture
def wide_server(make_server):
    """Listens on all that this host calls itself."""
    address = own_address()
    return make_server(lines=[f"bind 127.0.0.1 -::1{f' -{address}' if address else ''}"])


@pytest.fixture
def connect():
    """connect(server, HOST): the id of a session of this very process there; None: no such host."""
    with contextlib.ExitStack() as stack:

        def make(server, host=None):
            where = {"host": host, "port": server.port}
            client = redis.Redis(**(where if host else {"unix_socket_path": server.unix_path}))
            stack.callback(client.close)
            try:
                return client.client_id()
            except redis.exceptions.ConnectionError:
                return None

        yield make


@pytest.fixture
def make_named_client():
    """make_named_client(server, NAME): the number of a process with this name and a session."""
    with contextlib.ExitStack() as stack:

        def make(server, name):
            process = stack.enter_context(
                subprocess.Popen(
                    [sys.executable, "-c", NAMED_CLIENT, server.unix_path, name.hex()],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                )
            )
            assert process.stdout.readline() == b"ready\n"
            return process.pid

        yield make


LOOK = {"processes": "true"}


def listing(daemon, **parameters):
    parameters = LOOK | parameters
    answer = daemon.http("GET", "/v1/instances/r-test/sessions", params=parameters)
    assert answer.status == 200, answer.text
    return answer.json


def sessions_by_id(daemon):
    return {session["id"]: session for session in listing(daemon)["sessions"]}


def link_of(server, kind):
    address = server.address if kind == "unix" else server.tcp_address
    return {"id": "r-test", "address": address}


# Who they are


@pytest.mark.parametrize("kind", ["unix", "tcp"])
def test_each_kind_of_session(wide_server, make_daemon, make_clients, connect, kind):
    daemon = make_daemon([link_of(wide_server, kind)])
    by_program = {
        make_clients(wide_server, total=3, tcp=tcp).pid: "unix" if not tcp else "tcp"
        for tcp in (False, True)
    }
    hosts = [None, "127.0.0.1", "::1", own_address()]
    mine = [connect(wide_server, host) for host in hosts[:2]]
    mine += [connect(wide_server, host) for host in hosts[2:] if host]
    assert None not in mine[:2]
    found = sessions_by_id(daemon)
    for number in filter(None, mine):
        session = found[number]
        assert (session["pid"], session["process"]) == (os.getpid(), own_name()), session
        assert session["process_user"] == USER
        assert session["unit"] == own_unit()
    for pid in by_program:
        theirs = [session for session in found.values() if session["pid"] == pid]
        assert len(theirs) == 3
        assert {session["process"] for session in theirs} == {"clients"}
    own = [session for session in found.values() if session["name"].startswith("sesskilld:")]
    assert {session["id"] for session in own} == daemon.own_ids()
    assert {session["pid"] for session in own} == {daemon.pid}


def test_everybody_is_counted(server, daemon, make_clients):
    make_clients(server, total=20)
    answer = listing(daemon)
    everybody = {"sessions": answer["found"], "named": answer["found"], "error": None}
    assert answer["found"] > 20 and answer["local"] == everybody
    # A shorter list, or groups of the server's own fields, are of the same sessions.
    assert listing(daemon, limit=5)["local"] == everybody
    assert listing(daemon, group_by="user")["local"] == everybody
    nobody = {"sessions": 0, "named": 0, "error": None}
    assert listing(daemon, match="name = none-of-these")["local"] == nobody


def test_a_dry_run(server, daemon, make_clients):
    make_clients(server, total=40)
    dry = daemon.kill("r-test", match="name = none-of-these", dry_run="true", **LOOK).json
    assert dry["local"]["sessions"] == 0 and dry["local_clients"] == []
    dry = daemon.kill("r-test", all="true", dry_run="true", **LOOK).json
    assert dry["local"] == {"sessions": dry["matched"], "named": dry["matched"], "error": None}
    (row,) = [row for row in dry["local_clients"] if row["process"] == "clients"]
    assert (row["process"], row["process_user"]) == ("clients", USER)
    assert (row["found"], row["killed"]) == (40, 0)


def test_a_dry_run_over_two_nodes(make_server, make_daemon, make_clients):
    """What is the same program is one row."""
    servers = [make_server() for _ in range(2)]
    daemon = make_daemon([{"id": "r-test", "address": [each.address for each in servers]}])
    for each in servers:
        make_clients(each, total=3)
    dry = daemon.kill("r-test", all="true", dry_run="true", **LOOK).json
    assert dry["local"] == {"sessions": dry["matched"], "named": dry["matched"], "error": None}
    assert [row["found"] for row in dry["local_clients"] if row["process"] == "clients"] == [6]


def test_a_node_that_is_not_there(make_server, make_daemon, make_clients, make_directory):
    """It has no word on anybody; the other one's sessions may be as unknown as they like."""
    server = make_server()
    daemon = make_daemon(
        [{"id": "r-test", "address": [server.address, f"unix://{make_directory()}/absent.sock"]}],
        wrapper=WITHOUT_CAPABILITIES if os.geteuid() == 0 else [],
        wait="socket",
    )
    make_clients(server, total=3)
    path = "/v1/instances/r-test/sessions"
    wait_until(lambda: daemon.http("GET", path).status == 200, "the one that is there")
    for parameters in ({}, {"group_by": "process"}):
        wait_until(
            lambda parameters=parameters: listing(daemon, **parameters)["local"]["sessions"] >= 3,
            "its sessions to be looked at",
        )
        answer = listing(daemon, **parameters)
        assert [bool(node["error"]) for node in answer["nodes"]] == [False, True]
        assert answer["local"]["named"] < answer["local"]["sessions"] or os.geteuid() != 0


# Who asks, and who does not


def test_only_where_it_is_asked_for(server, daemon, make_clients):
    make_clients(server, total=2)
    listed = daemon.http("GET", "/v1/instances/r-test/sessions").json
    grouped = daemon.http("GET", "/v1/instances/r-test/sessions", params={"group_by": "user"}).json
    dry = daemon.kill("r-test", all="true", dry_run="true").json
    plain = daemon.kill("r-test", all="true").json
    for answer in (listed, grouped, dry, plain, *listed["sessions"]):
        assert {"local", "local_clients", "process", "pid", "unit"} & answer.keys() == set()
    assert not any("local_clients" in record for record in daemon.audit("outcome"))


def test_a_kill_does_not_look(server, daemon, make_clients):
    clients = make_clients(server, total=3)
    answer = daemon.kill("r-test", all="true", **LOOK)
    assert answer.status == 400 and "dry run" in answer.text
    shown = daemon.cli("kill", "r-test", "--all", "--yes", "--processes")
    assert shown.returncode == 2 and "--dry-run" in shown.stderr
    assert clients.status()["open"] == 3


def test_a_descriptor_that_is_used_again(server, daemon, connect, make_clients):
    """The server gives the next session the descriptor of the last one."""
    for _ in range(3):
        clients = make_clients(server, total=10)
        theirs = [s for s in listing(daemon)["sessions"] if s["process"] == "clients"]
        assert {session["pid"] for session in theirs} == {clients.pid}
        assert len(theirs) == 10
        clients.quit()
        wait_until(lambda: server.session_ids() == daemon.own_ids(), "only the daemon is left")


def test_groups(server, daemon, make_clients, connect):
    make_clients(server, total=20)
    make_clients(server, total=5, tcp=True)
    connect(server)

    def groups(field, **parameters):
        answer = listing(daemon, group_by=field, **parameters)
        assert answer["group_by"] == field and answer["listed"] == 0 and answer["warnings"] == []
        return {group["value"]: group["count"] for group in answer["groups"]}

    counts = groups("process")
    assert counts["clients"] == 25 and counts["sesskilld"] == 2 and counts[own_name()] >= 1
    assert groups("process", limit=1) == {"clients": 25}
    assert groups("process_user") == {USER: sum(counts.values())}
    assert groups("unit") == {own_unit() or "": sum(counts.values())}
    assert groups("process", match="addr = 127.0.0.1") == {"clients": 5}
    shown = daemon.cli("list", "r-test", "--group-by", "process").stdout  # asks by its name
    assert any(line.split()[:2] == ["clients", "25"] for line in shown.splitlines())


def test_nothing_to_select_by(daemon, make_clients, server):
    """What is looked up on the side must not decide who is killed."""
    clients = make_clients(server, total=3)
    for field in ("process", "unit", "process_user", "pid"):
        answer = daemon.kill("r-test", match=f"{field} = clients")
        assert answer.status == 400, answer.text
    assert clients.status()["open"] == 3


# Whom nothing is said of


def test_behind_a_proxy(server, make_daemon, make_clients, make_relay):
    """The server's descriptors are not those of the process that the daemon talks to."""
    relay = make_relay(server)
    daemon = make_daemon([{"id": "r-test", "address": relay.address}])
    make_clients(server, total=20)
    make_clients(server, total=20, tcp=True)
    answer = listing(daemon)
    assert answer["local"]["sessions"] == answer["found"]
    assert answer["local"]["named"] == 0
    for session in answer["sessions"]:
        assert {session[key] for key in ("pid", "process", "process_user", "unit")} == {None}


@AS_ROOT
def test_a_container(make_directory, make_server, make_daemon, make_clients):
    """Its loopback is another one, though its Unix socket is here: the same two addresses are
    those of a connection of this process."""
    program = f"{make_directory()}/contained-server"
    with open(program, "w", encoding="utf-8") as file:
        file.write('#!/bin/sh\nexec unshare --net redis-server "$@"\n')
    os.chmod(program, 0o755)
    server = make_server(program=program)
    daemon = make_daemon([server])
    clients = make_clients(server, total=2)
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", server.port)))
        mine = stack.enter_context(socket.create_connection(listener.getsockname()))
        stack.enter_context(listener.accept()[0])
        port = mine.getsockname()[1]
        inside = stack.enter_context(
            subprocess.Popen(
                ["nsenter", f"--net=/proc/{server.pid}/ns/net", sys.executable, "-c",
                 CLIENT_FROM_PORT, str(server.port), str(port)],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            )
        )  # fmt: skip
        assert inside.stdout.readline() == b"ready\n"
        sessions = sessions_by_id(daemon).values()
        (other,) = [s for s in sessions if s["addr"] == f"127.0.0.1:{port}"]
        assert (other["laddr"], other["pid"]) == (f"127.0.0.1:{server.port}", None)
        assert len([s for s in sessions if s["pid"] == clients.pid]) == 2


@AS_ROOT
@pytest.mark.parametrize("kind", ["unix", "tcp"])
def test_without_the_right_to_look(wide_server, make_daemon, make_clients, connect, kind):
    daemon = make_daemon([link_of(wide_server, kind)], wrapper=WITHOUT_CAPABILITIES)
    make_clients(wide_server, total=3)
    mine = connect(wide_server, "127.0.0.1")
    answer = listing(daemon)
    assert "CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH" in answer["local"]["error"]
    theirs = [session for session in answer["sessions"] if not session["name"].startswith("sesskilld:")]
    assert {session[key] for session in theirs for key in ("pid", "process", "unit")} == {None}
    # Whose a TCP socket is the kernel tells everybody.
    (session,) = [session for session in theirs if session["id"] == mine]
    assert session["process_user"] == (USER if kind == "tcp" else None)
    assert "CAP_SYS_PTRACE" in daemon.cli("list", "r-test", "--processes").stderr
    assert "CAP_SYS_PTRACE" not in daemon.cli("list", "r-test").stderr
    report = daemon.kill("r-test", all="true", dry_run="true", **LOOK).json
    assert report["local"]["error"] == answer["local"]["error"]
    assert report["local"]["named"] < report["local"]["sessions"]


# What people see


def test_the_table(server, daemon, make_clients, connect):
    clients = make_clients(server, total=2)
    connect(server)
    assert "PROCESS" not in daemon.cli("list", "r-test").stdout
    shown = daemon.cli("list", "r-test", "--processes")
    head, *rows = [line.split() for line in shown.stdout.splitlines()]
    assert ["PROCESS", "PID"] == head[head.index("PROCESS") : head.index("PROCESS") + 2]
    assert sum("clients" in row and str(clients.pid) in row for row in rows) == 2
    assert "processes:" not in shown.stderr
    assert "LOCAL PROCESS" not in daemon.cli("kill", "r-test", "--all", "--dry-run").stdout
    report = daemon.cli("kill", "r-test", "--all", "--dry-run", "--processes").stdout
    assert "LOCAL PROCESS" in report
    assert any(line.split()[:2] == ["clients", USER] for line in report.splitlines())


def test_a_process_with_an_evil_name(server, daemon, make_named_client):
    pid = make_named_client(server, b"\x1b[31m\nid=1\xff\xe2\x80\xae")
    (session,) = [s for s in listing(daemon)["sessions"] if s["pid"] == pid]
    assert session["process"].startswith("\x1b[31m")
    shown = daemon.cli("list", "r-test", "--processes").stdout
    assert "\x1b" not in shown and "\u202e" not in shown
    assert "\\x1b[31m\\n" in shown
    assert "\x1b" not in daemon.cli("kill", "r-test", "--all", "--dry-run", "--processes").stdout
    assert json.loads(daemon.cli("--json", "list", "r-test", "--processes").stdout)
