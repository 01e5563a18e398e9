"""The record is complete and true, whatever happens to the daemon; and it holds no secret."""

import json
import os
import pwd
import random
import threading
import time
from collections import Counter

from harness import wait_until

MOMENTS = 50
LONGEST_S = 0.03
CROWD = 200
SECRET = "correct-horse-battery-staple"


def audit(daemon, *arguments):
    return daemon.cli("audit", "--file", daemon.audit_path, *arguments)


def assert_closed(daemon):
    """Every intent has one end: an outcome or, after a crash, the word that it was interrupted."""
    records = daemon.audit()
    intents = [record["request_id"] for record in records if record["event"] == "intent"]
    ends = Counter(
        record["request_id"] for record in records if record["event"] in ("outcome", "interrupted")
    )
    assert sorted(ends) == sorted(intents)
    assert set(ends.values()) <= {1}, ends


def test_killed_at_fifty_moments(server, daemon, make_clients):
    moments = random.Random(20)
    pause = threading.Event()
    # As long as one takes on this machine now, and as long again.
    make_clients(server, total=CROWD).status()
    began_s = time.monotonic()
    assert daemon.kill("r-test").json["state"] == "done"
    longest_s = max(2 * (time.monotonic() - began_s), LONGEST_S)
    for _ in range(MOMENTS):
        make_clients(server, total=CROWD).status()
        with daemon.connect() as connection:
            body = "all=true"
            connection.sendall(
                b"POST /v1/instances/r-test/kill HTTP/1.1\r\nHost: x\r\n"
                b"Content-Type: application/x-www-form-urlencoded\r\n"
                + f"Content-Length: {len(body)}\r\n\r\n{body}".encode()
            )
            pause.wait(moments.uniform(0, longest_s))
            daemon.kill_process()
        daemon.start()
        assert_closed(daemon)
    events = Counter(record["event"] for record in daemon.audit())
    # Neither all too early nor all too late: the moments were spread over the kill.
    assert events["interrupted"] > 0 and events["outcome"] > 1, events
    # Its record is the last word: a kill after all that is recorded as ever.
    assert daemon.kill("r-test").json["state"] == "done"
    assert_closed(daemon)


def test_rotated(daemon):
    """A file that was renamed is gone on with until SIGHUP, and nothing is lost in between."""
    first = daemon.kill("r-test").json["request_id"]
    os.rename(daemon.audit_path, f"{daemon.audit_path}.1")
    second = daemon.kill("r-test").json["request_id"]
    daemon.signal(1)
    wait_until(lambda: daemon.audit("reload"), "the reload to be recorded")
    third = daemon.kill("r-test").json["request_id"]
    with open(f"{daemon.audit_path}.1", encoding="utf-8") as file:
        records = [json.loads(line) for line in file] + daemon.audit()
    outcomes = [record["request_id"] for record in records if record["event"] == "outcome"]
    assert outcomes == [first, second, third]


def test_shown_to_people(server, daemon, make_clients):
    make_clients(server, named={"leak": 20})
    daemon.kill("r-test", match="name = leak", reason="too \x1b[31mmany")
    shown = audit(daemon)
    assert shown.returncode == 0
    titles, *lines = shown.stdout.splitlines()
    assert titles.split()[2:] == ["EVENT", "USER", "INSTANCE", "WHAT"]
    assert "start" in lines[0]
    caller = pwd.getpwuid(os.getuid()).pw_name
    assert "intent" in lines[1] and caller in lines[1] and "name = leak" in lines[1]
    assert "outcome" in lines[2] and "done, killed 20, survived 0" in lines[2]
    assert "\x1b" not in shown.stdout

    assert audit(daemon, "--since", "1h").stdout == shown.stdout
    assert audit(daemon, "--since", "2199-01-01").stdout == ""
    assert audit(daemon, "--since", "2199-01-01").stderr == "No such records.\n"
    assert audit(daemon, "--since", "fortnight").returncode == 2
    as_json = daemon.cli("--json", "audit", "--file", daemon.audit_path)
    with open(daemon.audit_path, encoding="utf-8") as file:
        assert as_json.stdout == file.read()
    missing = daemon.cli("audit", "--file", f"{daemon.directory}/none")
    assert missing.returncode == 1 and "cannot read" in missing.stderr


def test_no_secret_anywhere(make_server, make_daemon, make_directory):
    path = f"{make_directory()}/password"
    with open(path, "w", encoding="utf-8") as file:
        file.write(SECRET)
    os.chmod(path, 0o600)
    server = make_server(password=SECRET)
    daemon = make_daemon([{"id": "r-test", "address": server.address, "password-file": path}])
    daemon.das("KillInstanceAllSession", InstanceId="r-test", Signature="s3cr3t-signature")
    process = f"/proc/{daemon.pid}"
    texts = [daemon.log(), json.dumps(daemon.audit()), json.dumps(daemon.instance("r-test"))]
    for name in ("cmdline", "environ"):
        with open(f"{process}/{name}", "rb") as file:
            texts.append(file.read().decode(errors="replace"))
    for text in texts:
        assert SECRET not in text and "s3cr3t" not in text
    with open(f"{process}/limits", encoding="utf-8") as file:
        (core,) = [line for line in file if line.startswith("Max core file size")]
    assert core.split()[4:6] == ["0", "0"]
    # Nor is it left in memory once the link is up.
    wait_until(lambda: daemon.node()["state"] == "ready", "the link to be ready")
    assert SECRET.encode() not in memory_of(daemon.pid)


def memory_of(pid):
    """All that the process may write to."""
    pieces = []
    with open(f"/proc/{pid}/maps", encoding="utf-8") as maps, open(f"/proc/{pid}/mem", "rb") as mem:
        for line in maps:
            place, rights = line.split()[:2]
            begin, end = (int(number, 16) for number in place.split("-"))
            if "w" in rights and end - begin < 1 << 28 and "[v" not in line:
                mem.seek(begin)
                try:
                    pieces.append(mem.read(end - begin))
                except OSError:
                    continue
    return b"".join(pieces)
