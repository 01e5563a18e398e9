"""What is measured on: a server, a daemon that looks after it, and fresh sessions every time."""

import contextlib
import json
import shutil
import subprocess
import tempfile

from harness import Clients, Daemon, Server, programs, wait_until
from harness.waiting import LineReader

# Connections of the harness, the daemon and programs that are about to end.
MAX_OTHER_SESSIONS = 8
OPEN_TIMEOUT_S = 60
KILL_TIMEOUT_S = 120

TOOLS = programs.BUILD / "tests/bench"
GET_SERVER = programs.ROOT / "tests/servers/get-server.sh"


class Kind:
    """One of the servers of get-server.sh: its programs, and what it calls itself."""

    def __init__(self, name):
        fetched = subprocess.run([GET_SERVER, name], check=True, capture_output=True, text=True)
        self.name = name
        self.server = fetched.stdout.strip()
        self.cli = self.server.removesuffix("-server") + "-cli"
        words = self._version_words()
        version = next(word for word in words if word.startswith("v="))
        self.label = f"{words[0]} {version.removeprefix('v=')}"
        # Valkey takes many ids in one command, Redis one.
        self.ids_per_kill = 1000 if words[0] == "Valkey" else 1

    def _version_words(self):
        answer = subprocess.run(
            [self.server, "--version"], check=True, capture_output=True, text=True
        )
        return answer.stdout.split()


@contextlib.contextmanager
def directory():
    path = tempfile.mkdtemp(prefix="sesskill-")
    try:
        yield path
    finally:
        shutil.rmtree(path)


@contextlib.contextmanager
def running(thing):
    """A Server, Daemon or Clients from its start to its end."""
    end = thing.quit if isinstance(thing, Clients) else thing.stop
    thing.start()
    try:
        yield thing
    finally:
        end()


def ask(daemon, *targets, how="--in-turn"):
    """POSTs the targets; for each (status, seconds since the start, answer)."""
    done = subprocess.run(
        [TOOLS / "ask", daemon.socket_path, how, *targets],
        check=True,
        capture_output=True,
        text=True,
    )
    answers = []
    for line in done.stdout.splitlines():
        status, microseconds, body = line.split(" ", 2)
        answers.append((int(status), int(microseconds) / 1e6, json.loads(body)))
    return answers


def memory_kib(pid, key):
    """VmRSS (now) or VmHWM (the most so far) of a process."""
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        for line in file:
            if line.startswith(f"{key}:"):
                return int(line.split()[1])
    raise KeyError(key)


@contextlib.contextmanager
def paused_sessions(server, n, **options):
    """`n` sessions over TCP, whose program stands still: on a small machine it would take the
    processor from those who are measured, as clients on other hosts do not."""
    clients = Clients(server, tcp=True, total=n, **options)
    with running(clients):
        assert clients.n_ready == n, f"{clients.n_ready} of {n} sessions could be opened"
        clients.pause_process()
        try:
            yield clients
        finally:
            clients.resume_process()
    wait_until(
        lambda: server.redis().info("clients")["connected_clients"] <= MAX_OTHER_SESSIONS,
        "the sessions of the last measurement to end",
        OPEN_TIMEOUT_S,
    )


class Pinger:
    """A bystander that pings back to back, until stop() returns what it saw."""

    def __init__(self, server):
        self._process = subprocess.Popen(
            [TOOLS / "pinger", server.unix_path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self._lines = LineReader(self._process.stdout.fileno())
        assert self._lines.read_line() == "ready"

    def stop(self):
        self._process.stdin.close()
        seen = json.loads(self._lines.read_line())
        assert self._process.wait() == 0
        self._process.stdout.close()
        return seen


class Rig:
    """One server and one daemon for all measurements on a kind of server."""

    def __init__(self, kind, server, daemon):
        self.kind = kind
        self.server = server
        self.daemon = daemon
        self.idle_kib = memory_kib(daemon.pid, "VmRSS")

    @contextlib.contextmanager
    def sessions(self, n, **options):
        """As paused_sessions(); the daemon is ready, whoever killed its link before."""
        with paused_sessions(self.server, n, **options):
            wait_until(
                lambda: self.daemon.http("GET", "/healthz").status == 200,
                "the daemon to be ready",
            )
            yield

    def kill(self, query):
        """A kill by the daemon; (seconds, report)."""
        ((status, seconds, report),) = ask(
            self.daemon, f"/v1/instances/bench/kill?{query}&timeout={KILL_TIMEOUT_S}s"
        )
        assert status == 200 and report["survivors"] == 0, report
        return seconds, report

    def peak_kib(self):
        return memory_kib(self.daemon.pid, "VmHWM")


@contextlib.contextmanager
def rig(kind, max_sessions):
    lines = [f"maxclients {max_sessions + 100}"]
    with contextlib.ExitStack() as stack:
        path = stack.enter_context(directory())
        server = stack.enter_context(running(Server(path, lines=lines, program=kind.server)))
        instance = {"id": "bench", "address": server.address}
        path = stack.enter_context(directory())
        daemon = stack.enter_context(running(Daemon(path, [instance])))
        yield Rig(kind, server, daemon)
