"""Fixtures: servers, client sessions and daemons that end with the test, checked as they do."""

import contextlib
import os
import shutil
import tempfile

import pytest

from harness import Clients, Daemon, Relay, Server, least_user
from harness.cli import command, environment
from harness.fake_daemon import FakeDaemon
from harness.fake_server import FakeServer
from harness.manual import read_tables
from harness.programs import raise_descriptor_limit
from harness.terminal import Terminal
from harness.tmux import Tmux

LOGS = pytest.StashKey()
LOG_TAIL_LINES = 200


def pytest_configure(config):
    raise_descriptor_limit()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A failed test shows the logs of all that it started and that is still there."""
    outcome = yield
    report = outcome.get_result()
    if report.failed:
        for source in item.stash.get(LOGS, []):
            tail = source.log().splitlines()[-LOG_TAIL_LINES:]
            if tail:
                report.sections.append((source.title, "\n".join(tail)))


@pytest.fixture
def make_directory():
    """make_directory(): a private directory with a path short enough for Unix sockets."""
    with contextlib.ExitStack() as stack:

        def make():
            directory = tempfile.mkdtemp(prefix="sesskill-")
            stack.callback(shutil.rmtree, directory)
            return directory

        yield make


@pytest.fixture
def logs(request):
    """What has a title and a log(), to be shown if the test fails."""
    request.node.stash[LOGS] = []
    return request.node.stash[LOGS]


@pytest.fixture
def has_least_user(request):
    """Whether daemons log in as the manual's least user, where the test says nothing else."""
    return least_user.IS_WANTED and request.node.get_closest_marker("own_accounts") is None


@pytest.fixture
def make_server(make_directory, logs, has_least_user):
    """make_server(**options): see harness.server.Server."""
    with contextlib.ExitStack() as stack:

        def make(**options):
            options.setdefault("has_least_user", has_least_user)
            server = Server(make_directory(), **options)
            stack.callback(server.stop)
            logs.append(server)
            server.start()
            return server

        yield make


@pytest.fixture
def server(make_server):
    return make_server()


@pytest.fixture
def make_fake_server(make_directory):
    """make_fake_server(kind=FakeServer, **traits): see harness.fake_server."""
    with contextlib.ExitStack() as stack:

        def make(kind=FakeServer, **traits):
            server = kind(make_directory(), **traits)
            stack.callback(server.stop)
            return server

        yield make


@pytest.fixture
def make_clients():
    """make_clients(server, **options): see harness.clients.Clients."""
    with contextlib.ExitStack() as stack:

        def make(server, **options):
            clients = Clients(server, **options)
            stack.callback(clients.quit)
            clients.start()
            return clients

        yield make


@pytest.fixture
def make_relay(make_directory):
    """make_relay(server, **options): see harness.relay.Relay."""
    with contextlib.ExitStack() as stack:

        def make(server, **options):
            relay = Relay(make_directory(), server, **options)
            stack.callback(relay.stop)
            return relay

        yield make


@pytest.fixture
def make_daemon(make_directory, logs, has_least_user):
    """make_daemon(instances, **options): see harness.daemon.Daemon; `wait` is for its start()."""
    with contextlib.ExitStack() as stack:

        def make(instances=(), *, wait="ready", **options):
            options.setdefault("has_least_user", has_least_user)
            daemon = Daemon(make_directory(), instances, **options)
            stack.callback(daemon.stop)
            logs.append(daemon)
            daemon.start(wait)
            return daemon

        yield make


@pytest.fixture
def make_secret(make_directory):
    """make_secret(password): the path of a file that holds it."""

    def make(password):
        path = f"{make_directory()}/pass"
        with open(path, "w", encoding="utf-8") as file:
            file.write(password)
        os.chmod(path, 0o600)
        return path

    return make


@pytest.fixture
def daemon(make_daemon, server):
    """A daemon that looks after `server` as the instance `r-test`."""
    return make_daemon([server])


@pytest.fixture
def fake(make_directory):
    """A daemon that answers as the test wants."""
    daemon = FakeDaemon(make_directory())
    yield daemon
    daemon.stop()


@pytest.fixture
def make_terminal():
    """make_terminal(socket_path, arguments...): `sesskill` at a terminal of its own."""
    with contextlib.ExitStack() as stack:

        def start(socket_path, *arguments, env=None, **options):
            argv = command(socket_path, *arguments)
            terminal = Terminal(argv, env=env or environment(), **options)
            stack.callback(terminal.close)
            return terminal

        yield start


@pytest.fixture(scope="session")
def tables():
    """The tables of the sources, see tests/tools/tables.c."""
    return read_tables()


@pytest.fixture
def make_tmux(make_directory):
    """make_tmux(env=, columns=, lines=): a shell in a tmux of its own, see harness.tmux.Tmux."""
    with contextlib.ExitStack() as stack:

        def start(*, env=None, **options):
            tmux = Tmux(make_directory(), env=env or environment(), **options)
            stack.callback(tmux.stop)
            return tmux

        yield start
