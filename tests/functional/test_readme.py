"""What README.md shows of the API runs as it stands there, but for the place of the socket."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

README = Path(__file__).parents[2] / "README.md"
SOCKET = "/run/sesskill/control.sock"
INSTANCE = "cache"


def blocks():
    """The indented blocks of README.md, without their indentation."""
    text = README.read_text(encoding="utf-8")
    found = re.findall(r"(?:^    .*\n|^\n(?=    ))+", text, re.MULTILINE)
    return [re.sub(r"^    ", "", block, flags=re.MULTILINE).strip("\n") for block in found]


def the_block(start):
    """The one block that begins so."""
    [block] = [block for block in blocks() if block.startswith(start)]
    return block


@pytest.fixture
def cache(server, make_daemon):
    return make_daemon([{"id": INSTANCE, "address": server.address}])


def at(daemon, text):
    assert SOCKET in text
    return text.replace(SOCKET, str(daemon.socket_path))


def run(argv, **options):
    return subprocess.run(argv, check=True, capture_output=True, text=True, timeout=30, **options)


def test_python(cache, server, make_clients):
    clients = make_clients(server, total=5)
    script = at(cache, the_block("import http.client"))
    answer = json.loads(run([sys.executable, "-c", script]).stdout)
    assert answer["Code"] == "200" and answer["Success"] == "true"
    clients.wait_for(closed_by_server=5)


def test_das_by_curl(cache, server, make_clients):
    clients = make_clients(server, total=5)
    shown = the_block("$ curl --unix-socket")
    command, _, printed = shown.removeprefix("$ ").rpartition("\n")
    answer = json.loads(run(["sh", "-c", at(cache, command)]).stdout)
    expected = json.loads(printed)
    assert len(answer.pop("RequestId")) == len(expected.pop("RequestId"))
    assert answer == expected
    clients.wait_for(closed_by_server=5)


def test_native_by_curl(cache):
    command = the_block("curl --unix-socket")
    report = json.loads(run(["sh", "-c", at(cache, command)]).stdout)
    assert report["state"] == "dry_run"
