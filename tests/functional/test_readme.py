"""What README.md shows of the API runs as it stands there, but for what is this host's own: the place
of the socket, a port, a user; and the sessions of a test are not idle for minutes."""

import http.client
import json
import os
import re
import subprocess
import sys
import urllib.parse
from pathlib import Path

import pytest

from harness import wait_until
from harness.server import free_port

README = Path(__file__).parents[2] / "README.md"
SOCKET = "/run/sesskill/control.sock"
INSTANCE = "cache"
TIMEOUT_S = 30


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


@pytest.fixture
def clients(server, make_clients):
    """Those of the examples, and some more."""
    return make_clients(server, total=30, named={"worker": 20})


def at(daemon, text):
    assert SOCKET in text
    return text.replace(SOCKET, str(daemon.socket_path)).replace("idle > 5m", "idle >= 0s")


def run(argv, check=True):
    return subprocess.run(argv, check=check, capture_output=True, text=True, timeout=TIMEOUT_S)


# Python and curl


def test_python(cache, clients):
    script = at(cache, the_block("import http.client"))
    for expected in ("20 killed 0 gone\n", "0 killed 0 gone\n"):
        assert run([sys.executable, "-c", script]).stdout == expected
        clients.wait_for(open=10)


def test_python_fails_when_not_all_is_done(cache, clients):
    script = at(cache, the_block("import http.client")).replace("1000", "10")
    done = run([sys.executable, "-c", script], check=False)
    assert done.returncode == 1 and "more than max 10" in done.stderr
    clients.wait_for(open=30)


def test_das_by_curl(cache, clients):
    shown = the_block("$ curl --unix-socket")
    command, _, printed = shown.removeprefix("$ ").rpartition("\n")
    answer = json.loads(run(["sh", "-c", at(cache, command)]).stdout)
    expected = json.loads(printed)
    assert len(answer.pop("RequestId")) == len(expected.pop("RequestId"))
    assert answer == expected
    clients.wait_for(closed_by_server=30)


def test_native_by_curl(cache, clients):
    dry, real, groups = re.split(r"\n(?=curl)", at(cache, the_block("curl -sS")))
    report = json.loads(run(["sh", "-c", dry]).stdout)
    assert (report["state"], report["matched"]) == ("dry_run", 20)
    clients.wait_for(open=30)
    events = [json.loads(line) for line in run(["sh", "-c", real]).stdout.splitlines()]
    assert events[0]["event"] == "accepted"
    assert (events[-1]["event"], events[-1]["state"]) == ("report", "done")
    clients.wait_for(open=10)
    assert json.loads(run(["sh", "-c", groups]).stdout)["groups"]


# A stock SDK of the DAS API: what it sends, through the README's socat

ACTION = "KillInstanceAllSession"
RPC_QUERY = {
    "Action": ACTION,
    "Format": "json",
    "Version": "2020-01-16",
    "Timestamp": "2026-01-16T12:00:00Z",
    "SignatureNonce": "c2f5b0f4",
    "SignatureMethod": "HMAC-SHA1",
    "SignatureVersion": "1.0",
    "AccessKeyId": "any",
    "Signature": "Pc5WB8gokVn0xfeu/ZV+iNM1dgI=",
}
RPC_HEADERS = {"x-acs-action": ACTION, "x-acs-version": "2020-01-16"}
ACS3_HEADERS = {
    **RPC_HEADERS,
    "x-acs-date": "2026-01-16T12:00:00Z",
    "x-acs-signature-nonce": "c2f5b0f4",
    "x-acs-content-sha256": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "Authorization": "ACS3-HMAC-SHA256 Credential=any,SignedHeaders=host;x-acs-action,Signature=06",
    "accept": "application/json",
}
STYLES = {"RPC": (RPC_QUERY, RPC_HEADERS), "ACS3": ({}, ACS3_HEADERS)}


@pytest.fixture
def guarded(server, make_daemon):
    """A daemon that lets the user of socat do what the README lets it do, and nothing else."""
    shown = next(line for line in the_block_with("users: [das]").splitlines() if "[das]" in line)
    actions = re.findall(r'"(hdm:\w+)"', shown)
    assert f"instances: [{INSTANCE}]" in shown
    user = "nobody" if os.geteuid() == 0 else str(os.geteuid())
    statement = {
        "effect": "allow", "users": [user], "actions": actions, "instances": [INSTANCE]
    }  # fmt: skip
    daemon = make_daemon(
        [{"id": name, "address": server.address} for name in (INSTANCE, "other")],
        settings={"control": {"mode": "0666"}, "access": [statement]},
    )
    os.chmod(daemon.directory, 0o711)
    return daemon


def the_block_with(words):
    [block] = [block for block in blocks() if words in block]
    return block


@pytest.fixture
def port(guarded):
    port = free_port()
    line = at(guarded, the_block("socat TCP-LISTEN")).replace("9632", str(port))
    user = ",su=nobody" if os.geteuid() == 0 else ""
    with subprocess.Popen(line.replace(",su=das", user).split()) as process:
        wait_until(lambda: is_listening(port), "socat to listen")
        yield port
        process.terminate()


def is_listening(port):
    connection = http.client.HTTPConnection("127.0.0.1", port)
    try:
        connection.connect()
    except ConnectionRefusedError:
        return False
    connection.close()
    return True


def ask(port, instance, style):
    query, headers = STYLES[style]
    target = "/?" + urllib.parse.urlencode({**query, "InstanceId": instance})
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_S)
    connection.request("POST", target, headers=headers)
    response = connection.getresponse()
    answer = json.load(response)
    connection.close()
    return response.status, answer["Code"]


@pytest.mark.parametrize("style", STYLES)
def test_a_stock_sdk(port, clients, style):
    assert ask(port, INSTANCE, style) == (200, "200")
    clients.wait_for(closed_by_server=30)
    assert ask(port, "other", style) == (403, "NoPermission")


# The files that it names


def sources_part(title):
    """A section of src/README.md."""
    text = (README.parent / "src/README.md").read_text(encoding="utf-8")
    return text.split(f"\n## {title}\n")[1].split("\n## ")[0]


def test_files_to_change():
    """Where somebody who extends the program is sent to."""
    names = re.findall(r"`([a-z]+/[\w./-]+)[ `]", sources_part("Working on it"))
    assert len(names) > 20
    tops = (README.parent, README.parent / "src")
    assert [name for name in names if not any((top / name).exists() for top in tops)] == []


def test_walks():
    """Four lines of file names; no way through the code comes by a file twice."""
    walks = [re.findall(r"`([\w/]+\.c)`", walk) for walk in sources_part("Four walks").split("\n\n")]
    walks = [walk for walk in walks if walk]
    assert len(walks) == 4
    for walk in walks:
        assert len(walk) == len(set(walk)) > 4
        assert [name for name in walk if not (README.parent / "src" / name).exists()] == []


def test_words_and_folders():
    """A noun a thing, and no more of them than can be kept in mind; a line for each folder."""
    rows = [line for line in sources_part("Words").splitlines() if line.startswith("| ")]
    assert 10 < len(rows) - 1 <= 25
    folders = re.findall(r"^\| `([a-z/]+)/` \|", sources_part("Layers"), re.MULTILINE)
    src = README.parent / "src"
    existing = {str(path.parent.relative_to(src)) for path in src.rglob("*.c")}
    assert set(folders) == existing
