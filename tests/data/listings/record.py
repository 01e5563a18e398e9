#!/usr/bin/env python3
"""Records what a real server lists: record.py PROGRAM NAME writes NAME.txt and NAME-replica.txt.

One session of every kind connects to a server with a replica; each tells by its name what it is.
"""

import pathlib
import socket
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
PASSWORD = "recorded"
WAIT_S = 20

# Name, where it connects to, and what it sends behind AUTH and SETNAME.
SESSIONS = [
    ("normal", "ipv4", []),
    ("with=sign", "ipv4", []),
    ("ipv6", "ipv6", []),
    ("unix", "unix", []),
    ("subscribed", "ipv4", ["SUBSCRIBE news"]),
    ("patterns", "unix", ["PSUBSCRIBE a* b*"]),
    ("resp3-subscribed", "ipv4", ["HELLO 3", "SUBSCRIBE news"]),
    ("blocked", "ipv4", ["BLPOP empty 0"]),
    ("monitor", "ipv4", ["MONITOR"]),
    ("multi", "ipv4", ["MULTI", "SET key value"]),
    ("watching", "ipv4", ["WATCH key"]),
    ("tracking", "ipv4", ["HELLO 3", "CLIENT TRACKING ON"]),
    ("database", "ipv4", ["SELECT 5"]),
    ("user", "ipv4", ["AUTH app secret"]),
    ("library", "ipv4", ["CLIENT SETINFO LIB-NAME lib=py", "CLIENT SETINFO LIB-VER 1.2"]),
    ("kept", "ipv4", ["CLIENT NO-EVICT on"]),
    ("", "ipv4", []),
]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until(condition, what):
    deadline = time.monotonic() + WAIT_S
    while not condition():
        if time.monotonic() > deadline:
            sys.exit(f"waited in vain for {what}")


class Server:
    def __init__(self, program, directory, primary=None):
        self.port = free_port()
        self.path = f"{directory}/a socket"
        lines = [
            f"port {self.port}",
            "bind 127.0.0.1 ::1",
            f'unixsocket "{self.path}"',
            f"dir {directory}",
            'save ""',
            f"requirepass {PASSWORD}",
            f"masterauth {PASSWORD}",
            "user app on >secret ~* +@all",
            "repl-diskless-sync-delay 0",
        ]
        if primary is not None:
            lines.append(f"replicaof 127.0.0.1 {primary.port}")
        config = pathlib.Path(directory, "server.conf")
        config.write_text("\n".join(lines) + "\n", encoding="utf-8")
        self.process = subprocess.Popen([program, str(config)], stdout=subprocess.DEVNULL)
        wait_until(lambda: pathlib.Path(self.path).exists(), "the server")

    def connect(self, where):
        if where == "unix":
            connection = socket.socket(socket.AF_UNIX)
            connection.connect(self.path)
        else:
            host = "::1" if where == "ipv6" else "127.0.0.1"
            connection = socket.create_connection((host, self.port))
        connection.settimeout(WAIT_S)
        return connection

    def control(self):
        connection = self.connect("ipv4")
        ask(connection, f"AUTH {PASSWORD}")
        ask(connection, "CLIENT SETNAME control")
        return connection


def ask(connection, command):
    """Sends an inline command and returns the beginning of the answer, if there will be one."""
    connection.sendall(command.encode() + b"\r\n")
    if command.startswith("BLPOP"):
        return b""
    return connection.recv(65536)


def listing(control):
    control.sendall(b"CLIENT LIST\r\n")
    text = b""
    while b"\r\n" not in text:
        text += control.recv(65536)
    head, _, body = text.partition(b"\r\n")
    while len(body) < int(head[1:]) + 2:
        body += control.recv(65536)
    return body[: int(head[1:])]


def open_sessions(server):
    sessions = []
    for name, where, commands in SESSIONS:
        connection = server.connect(where)
        sessions.append(connection)
        if name:
            for command in [f"AUTH {PASSWORD}", f"CLIENT SETNAME {name}", *commands]:
                ask(connection, command)
    return sessions


def record(program, name):
    with tempfile.TemporaryDirectory(prefix="sesskill-") as one, tempfile.TemporaryDirectory(
        prefix="sesskill-"
    ) as two:
        primary = Server(program, one)
        replica = Server(program, two, primary)
        control, other = primary.control(), replica.control()
        wait_until(lambda: b"master_link_status:up" in ask(other, "INFO replication"), "the link")
        sessions = open_sessions(primary)
        wait_until(lambda: b"cmd=blpop" in listing(control), "the blocked session")
        (HERE / f"{name}.txt").write_bytes(listing(control))
        (HERE / f"{name}-replica.txt").write_bytes(listing(other))
        for connection in sessions:
            connection.close()
        for server in (primary, replica):
            server.process.kill()
            server.process.wait()


if __name__ == "__main__":
    record(sys.argv[1], sys.argv[2])
