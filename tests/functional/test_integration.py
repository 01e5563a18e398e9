"""What man/sesskill-integration.7 shows runs as it stands there, but for what is this host's own: the
place of the socket, a port, a user; and the sessions of a test are not idle for minutes."""

import http.client
import json
import os
import re
import subprocess
import sys
import urllib.parse

import pytest

from harness import programs, wait_until
from harness.cli import environment
from harness.manual import API, INTEGRATION, RUNBOOK, Page
from harness.server import free_port

PAGE = Page(INTEGRATION)
SOCKET = "/run/sesskill/control.sock"
INSTANCE = "cache"
TIMEOUT_S = 30


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
    script = at(cache, PAGE.the_literal("import http.client"))
    for expected in ("20 killed 0 gone\n", "0 killed 0 gone\n"):
        assert run([sys.executable, "-c", script]).stdout == expected
        clients.wait_for(open=10)


def test_python_fails_when_not_all_is_done(cache, clients):
    script = at(cache, PAGE.the_literal("import http.client")).replace("1000", "10")
    done = run([sys.executable, "-c", script], check=False)
    assert done.returncode == 1 and "more than max 10" in done.stderr
    clients.wait_for(open=30)


def test_das_by_curl(cache, clients):
    shown = PAGE.the_literal("$ curl --unix-socket")
    command, printed = re.split(r"\n(?={)", shown.removeprefix("$ "))
    answer = json.loads(run(["sh", "-c", at(cache, command)]).stdout)
    expected = json.loads(printed)
    assert len(answer.pop("RequestId")) == len(expected.pop("RequestId"))
    assert answer == expected
    clients.wait_for(closed_by_server=30)


def test_native_by_curl(cache, clients):
    dry, real, groups = re.split(r"\n(?=curl)", at(cache, PAGE.the_literal("curl -sS")))
    report = json.loads(run(["sh", "-c", dry]).stdout)
    assert (report["state"], report["matched"]) == ("dry_run", 20)
    clients.wait_for(open=30)
    events = [json.loads(line) for line in run(["sh", "-c", real]).stdout.splitlines()]
    assert events[0]["event"] == "accepted"
    assert (events[-1]["event"], events[-1]["state"]) == ("report", "done")
    clients.wait_for(open=10)
    assert json.loads(run(["sh", "-c", groups]).stdout)["groups"]


# A stock SDK of the DAS API: what it sends, through the page's socat

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
    """A daemon that lets the user of socat do what the page lets it do, and nothing else."""
    [shown] = [
        statement
        for text in PAGE.literals()
        for statement in re.split(r"^  - ", text, flags=re.M)
        if "users: [das]" in statement
    ]
    actions = re.findall(r'"(hdm:\w+)"', shown)
    assert actions and f"instances: [{INSTANCE}]" in shown
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


@pytest.fixture
def port(guarded):
    port = free_port()
    line = at(guarded, PAGE.the_literal("socat TCP-LISTEN")).replace("9632", str(port))
    user = ",su=nobody" if os.geteuid() == 0 else ""
    line = line.replace("\\\n", " ").replace(",su=das", user)
    with subprocess.Popen(line.split()) as process:
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


# What is for other programs


def test_metrics_are_known():
    """Those of the rules, and of whatever else there is."""
    named = set(re.findall(r"\bsesskill_\w+", PAGE.text))
    assert len(named) >= 5
    assert named <= set(Page(API).part("METRICS").named("Va"))


@pytest.mark.parametrize("start", ["access:", "guards:"])
def test_configurations_are_taken(make_directory, start):
    """Parts of one, but for users whom this host does not have."""
    texts = [text for page in (PAGE, Page(RUNBOOK)) for text in page.literals()]
    texts = [text for text in texts if text.startswith(start)]
    assert texts
    for number, text in enumerate(texts):
        path = f"{make_directory()}/{number}.yaml"
        with open(path, "w", encoding="utf-8") as file:
            file.write(f"instances: [{{id: {INSTANCE}, address: '127.0.0.1:6379'}}]\n{text}")
        done = subprocess.run(
            [programs.SESSKILLD, *programs.CHECK, "-c", path],
            capture_output=True, text=True, env=environment(), check=False,
        )  # fmt: skip
        for line in done.stderr.splitlines():
            assert "of this host" in line, line


def test_shell_commands_can_be_read(make_directory):
    """None of these has a quote or a line's end that a shell would stumble over."""
    starts = ("sudo ", "setfacl ", "redis-cli ", "# Redis", "# no port", "ssh ", "curl ", "socat ")
    texts = [text for text in PAGE.literals() if text.startswith(starts)]
    assert len(texts) >= 7
    for text in texts:
        done = subprocess.run(["bash", "-n"], input=text, text=True, capture_output=True, check=False)
        assert (done.returncode, done.stderr) == (0, ""), text
