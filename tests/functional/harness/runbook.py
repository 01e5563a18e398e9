"""The runbook of the manual: incidents, provoked on real servers and dealt with at a terminal.

What the reader gets to see is what was typed and what it printed. Only this is replaced:

- The ports: 6379 and 6380 stand for others of four digits.
- The daemon's socket is private, and named in the environment instead of with `-s`.
- What a line on the terminal showed for a while and wiped again, as progress is, is left out.
- What is too long for a page is broken at blanks.
"""

import contextlib
import getpass
import os
import random
import re
import shutil
import socket
import tempfile
import textwrap

from harness import programs
from harness.cli import environment
from harness.clients import Clients
from harness.daemon import Daemon
from harness.groups import Sentinel
from harness.incidents import INCIDENTS
from harness.server import Server
from harness.terminal import Terminal

COLUMNS = 72  # with the margin of a page they are within 80
FURTHER = " " * 8  # in front of what did not fit into the line
MORE = "> "  # in front of a further line of a command
QUESTION = "Type the id of the instance to kill them: "
WIPED = re.compile(r"[^\n]*\r(?!\n)(?:\x1b\[K)?")


def short_port():
    """A free one of four digits, so that columns are as wide as with 6379."""
    while True:
        port = random.randrange(1024, 10000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


class Scene:
    """Servers, sessions and a daemon for one incident, and the terminal of who deals with it."""

    def __init__(self, stack):
        self._stack = stack
        self._ports = {}
        self._socket_path = None
        self.text = ""

    # What is there

    def directory(self):
        path = tempfile.mkdtemp(prefix="sesskill-")
        self._stack.callback(shutil.rmtree, path)
        return path

    def server(self, port=6379, **options):
        """`port` is the one that the reader sees."""
        server = Server(self.directory(), has_least_user=False, **options)
        self._stack.callback(server.stop)
        server.port = short_port()
        server.start()
        self._ports[str(port)] = str(server.port)
        return server

    def sentinel(self, *arguments, **options):
        sentinel = Sentinel(self.directory(), *arguments, has_least_user=False, **options)
        self._stack.callback(sentinel.stop)
        return sentinel

    def daemon(self, instance):
        # What the kernel may do, and where, is not the same for everybody who reads it.
        instance = {"kernel": "never", **instance}
        daemon = Daemon(self.directory(), [instance], has_least_user=False)
        self._stack.callback(daemon.stop)
        daemon.start()
        self._socket_path = daemon.socket_path
        return daemon

    def clients(self, server, host, **options):
        """Sessions by TCP from 127.0.0.`host`, a host of its own to the server."""
        server.redis().connection_pool.disconnect()  # a session of ours would be listed with them
        clients = Clients(server, tcp=True, source=f"127.0.0.{host}", **options)
        self._stack.callback(clients.quit)
        clients.start()
        return clients

    def workers(self, server, host, name, n):
        """Sessions that work: they do so in each call of the function that this returns."""
        server.redis().connection_pool.disconnect()
        connections = []
        for _ in range(n):
            address = ("127.0.0.1", server.port)
            connection = socket.create_connection(address, source_address=(f"127.0.0.{host}", 0))
            self._stack.callback(connection.close)
            connections.append(connection)

        def work(command="PING"):
            for connection in connections:
                connection.sendall(f"{command}\r\n".encode())
            for connection in connections:
                assert connection.recv(100)

        work(f"CLIENT SETNAME {name}")
        return work

    # What is said and typed

    def say(self, text):
        """mdoc(7)."""
        self.text += f".Pp\n{text.strip()}\n" if self.text else f"{text.strip()}\n"

    def type(self, line, answer=None):
        """Runs a shell's command line at a terminal; `answer` is for its question."""
        argv = ["bash", "-c", self._private(line)]
        terminal = Terminal(argv, env=self._environment(), columns=COLUMNS)
        try:
            if answer is not None:
                terminal.expect(QUESTION)
                terminal.type(answer + "\n")
            terminal.finish()
        finally:
            terminal.close()
        shown = line.replace("\n", f"\n{MORE}")
        self._show(f"$ {shown}\n{self._public(terminal.output)}")

    def _private(self, line):
        for public, private in self._ports.items():
            line = re.sub(rf"\b{public}\b", private, line)
        return line

    def _environment(self):
        return environment(
            NO_COLOR="1",
            LC_ALL="C",
            SESSKILL_SOCKET=self._socket_path,
            PATH=f"{programs.SESSKILL.parent}:{os.environ['PATH']}",
        )

    def _public(self, output):
        output = WIPED.sub("", output)
        for public, private in self._ports.items():
            output = re.sub(rf"\b{private}\b", public, output)
        return "".join(f"{fitted(line)}\n" for line in output.splitlines())

    def _show(self, text):
        lines = [literal(line.rstrip()) for line in text.rstrip().split("\n")]
        self.text += "\n".join([".Bd -literal", *lines, ".Ed"]) + "\n"


def fitted(line):
    return textwrap.fill(line, COLUMNS, subsequent_indent=FURTHER, drop_whitespace=False) or ""


def literal(line):
    """A line of a literal block of mdoc(7)."""
    line = line.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq")
    return f"\\&{line}" if line.startswith(".") else line


def play(title):
    """The section of an incident, as the page has it."""
    with contextlib.ExitStack() as stack:
        scene = Scene(stack)
        INCIDENTS[title](scene)
        return f".Ss {title}\n{scene.text}"


# The page

NAME = "sesskill-runbook.7"
BEGIN = '.\\" runbook: written by tests/runbook.sh\n'
END = '.\\" end of runbook\n'
PAGE = programs.ROOT / "man" / NAME

# What differs from run to run, and what follows from it.
VARYING = [
    # The kernel's list of sockets may lack one while others come and go.
    (re.compile(r"^ *(processes: not known of|\?  ).*\n", re.MULTILINE), ""),
    (re.compile(r"[0-9A-F]{8}(\\-[0-9A-F]{4}){3}\\-[0-9A-F]{12}"), "ID"),
    (re.compile(r"\b[0-9a-f]{40}\b"), "ID"),  # run ids
    (re.compile(r"[\d.,]+ (us|ms|s|min|h)\b"), "TIME"),
    (re.compile(rf"\n{FURTHER} *"), " "),
    (re.compile(r"[\s,]*\S*~"), ""),  # cut here or there
    (re.compile(r"\d[\d.,]*"), "N"),
    (re.compile(r"#+"), ""),  # bars
    (re.compile(r"  +"), "  "),
    (re.compile(r" +$", re.MULTILINE), ""),
    (re.compile(rf"\b(clients  (?:N  )?){getpass.getuser()}\b"), r"\1root"),
]


def split_page():
    """What is in front of the runbook, the runbook, and what is behind."""
    head, begin, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    runbook, end, tail = rest.partition(END)
    assert begin and end, f"man/{NAME} has no place for the runbook: {BEGIN}{END}"
    return head + begin, runbook, end + tail


def written(title):
    """The section of the incident in the page; "" when there is none."""
    _, runbook, _ = split_page()
    sections = re.split(r"^(?=\.Ss )", runbook, flags=re.MULTILINE)
    return next((each for each in sections if each.startswith(f".Ss {title}\n")), "")


def normalized(text):
    for pattern, word in VARYING:
        text = pattern.sub(word, text)
    return text
