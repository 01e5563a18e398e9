"""The command line in the fingers of who knows other tools: what is understood, what is said."""

import json
import os
import re
import subprocess
import time

import pytest

from harness import programs, wait_until
from harness.cli import environment, run
from test_cli_real import rows_of


def at_80_columns(make_terminal, daemon, *arguments, status=0, env=None):
    """The lines that a terminal would show; none of them may be cut in the middle of a word."""
    terminal = make_terminal(daemon.socket_path, *arguments, env=env)
    assert terminal.finish() == status, terminal.output
    lines = re.sub(r"\x1b\[[0-9;]*m", "", terminal.output).split("\n")
    for line in lines:
        is_one_word = " " not in line.strip()
        assert len(line.split("\r")[-1].removeprefix("\x1b[K")) <= 80 or is_one_word, line
    return "\n".join(lines)


def test_words_of_the_screen(server, daemon, make_clients):
    make_clients(server, total=6, named={"leaky": 4})
    for words in (
        ["memory > 1"], ["tot_mem > 1"], ["MEMORY > 1"], ["command = *"], ["source = unix"],
        ["Name = leaky"], ["library = *"],
    ):  # fmt: skip
        done = daemon.cli("list", "r-test", "--match", *words)
        assert done.returncode == 0, done
    for words, meant in [
        ("idel > 1", '"idle"'), ("usr = x", '"user"'), ("state = blocked", "flags and type"),
        ("process = x", "no selector"),
    ]:  # fmt: skip
        done = daemon.cli("list", "r-test", "--match", words)
        assert done.returncode == 2 and meant in done.stderr, done
    for argument in ("--group-by", "--sort"):
        done = daemon.cli("list", "r-test", argument, "idel")
        assert done.returncode == 2 and 'did you mean "idle"?' in done.stderr
        assert daemon.cli("list", "r-test", argument, "memory").returncode == 0


def test_one_expression_each(server, daemon, make_clients):
    crowd = make_clients(server, total=5, named={"leaky": 5})
    for words in ("name = leaky and idle > 1h", "idle < 1h && name=leaky", "name=x or user=y"):
        done = daemon.cli("kill", "r-test", "--match", words, "--yes")
        assert (done.returncode, done.stdout) == (2, "")
        assert "does not join expressions" in done.stderr and "column" in done.stderr
    assert crowd.status()["open"] == 5
    assert daemon.cli("list", "r-test", "--match", "name = salt and pepper").returncode == 0


@pytest.mark.parametrize(
    "kept",
    ['name = "app"', "name == app", "name = 'app'", "name = app, idle > 1h", "name = app idle > 1h"],
)
def test_what_keeps_is_not_misread(server, daemon, make_clients, make_daemon, kept):
    """Else those who were to be kept are killed: on the command line, and in the configuration."""
    crowd = make_clients(server, total=5, named={"app": 3})
    done = daemon.cli("kill", "r-test", "--all", "--except", kept, "--yes")
    assert (done.returncode, done.stdout) == (2, "") and "column" in done.stderr
    assert crowd.status()["open"] == 5
    daemon.write_config(
        json.dumps({"instances": [{"id": "x", "address": server.address, "protect": [kept]}]})
    )
    done = subprocess.run(
        [programs.SESSKILLD, "-c", daemon.config_path, *programs.CHECK],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2 and "column" in done.stderr, done


def test_limits_are_told_with_a_kill(server, daemon, make_clients):
    make_clients(server, total=5)
    daemon.cli("kill", "r-test", "--all", "--yes", "--limit", "3", "--max", "10")
    shown = daemon.cli("kills", daemon.kills()[0]["request_id"]).stdout
    assert "  limits        limit 3, sort -idle, max 10\n" in shown


def test_slips_of_the_fingers(daemon):
    assert 'did you mean "kill"' in run("kil", "x", socket=daemon.socket_path).err
    assert "did you mean --match?" in daemon.cli("list", "r-test", "--mach", "x").stderr


@pytest.mark.parametrize("how", ["list", "dry", "kill"])
def test_nobody_is_selected(server, daemon, make_clients, how):
    make_clients(server, total=9, named={"leaky": 6, "pool": 2})
    arguments = {
        "list": ["list", "r-test"], "dry": ["kill", "r-test", "-n"], "kill": ["kill", "r-test", "-y"],
    }[how]  # fmt: skip
    done = daemon.cli(*arguments, "--match", "name = leeky")
    assert done.returncode == 0
    assert "name = leeky: nobody; leaky has 6\n" in done.stderr
    if how != "list":
        assert done.stdout.splitlines()[1] == "Nobody is selected: there is nothing to kill."
    done = daemon.cli(*arguments, "--match", "name = zzz")
    assert re.search(r"name = zzz: nobody; leaky has 6, .*has \d, .*has \d\n", done.stderr)
    done = daemon.cli(*arguments, "--match", "name = leaky", "--match", "idle > 9h")
    assert "nobody" not in done.stderr


def test_an_exception_that_keeps_nobody(server, daemon, make_clients):
    """Told before anybody is killed by a slip in it."""
    make_clients(server, total=9, named={"leaky": 6, "pool": 2})
    done = daemon.cli("kill", "r-test", "--all", "-n", "--except", "name = leeky")
    assert done.returncode == 0
    assert "--except name = leeky keeps: nobody; leaky has 6\n" in done.stderr
    done = daemon.cli("kill", "r-test", "--all", "-n", "--except", "name = leaky")
    assert "keeps" not in done.stderr


def test_all_who_are_selected_are_kept(server, daemon, make_clients):
    make_clients(server, total=3, named={"leaky": 3})
    done = daemon.cli("kill", "r-test", "-y", "--match", "name = leaky", "--except", "name = l*")
    assert done.stdout.splitlines()[1] == (
        "There is nothing to kill: all 3 that are selected are kept."
    )


def test_the_empty_value(server, daemon, make_clients):
    make_clients(server, total=7, named={"leaky": 4})
    for words in ('name = ""', "name = (none)"):
        done = daemon.cli("--json", "list", "r-test", "--match", words)
        names = {session["name"] for session in json.loads(done.stdout)["sessions"]}
        assert names == {""}


# The form of what is shown


def test_output(server, daemon, make_clients):
    make_clients(server, total=3, named={"leaky": 3})
    done = daemon.cli("list", "r-test", "--match", "name = leaky", "-o", "name,ID,omem,tot-cmds")
    assert done.stdout.splitlines()[0].split() == ["NAME", "ID", "OMEM", "TOT-CMDS"]
    assert [line.split()[0] for line in done.stdout.splitlines()[1:]] == ["leaky"] * 3
    done = daemon.cli("list", "r-test", "--match", "name = leaky", "-o", "id", "--no-headings")
    assert len(done.stdout.split()) == 3 and done.stdout.replace("\n", "").strip().isdigit()
    assert "FLAGS" in daemon.cli("list", "r-test", "-o", "wide").stdout
    as_json = daemon.cli("instances", "-o", "json").stdout
    assert json.loads(as_json)["instances"][0]["id"] == "r-test"
    assert daemon.cli("instances", "-o", "id,state").stdout == (
        "INSTANCE  STATE\nr-test    ready\n"
    )
    for arguments, words in [
        (["instances", "-o", "id,colour"], 'unknown column "colour"; expected some of host, id, kind'),
        (["list", "r-test", "-o", "idel"], 'did you mean "idle"'),
        (["kill", "r-test", "--all", "-y", "-o", "id"], "expected json"),
        (["list", "r-test", "-o", "id", "--group-by", "user"], "no columns"),
    ]:
        done = daemon.cli(*arguments)
        assert done.returncode == 2 and words in done.stderr, done


def test_quiet(server, daemon, make_clients):
    crowd = make_clients(server, total=3, named={"leaky": 3})
    done = daemon.cli("kill", "r-test", "--match", "name = leaky", "-yq")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    crowd.wait_for(open=0)
    make_clients(server, total=3)
    done = daemon.cli("kill", "r-test", "--all", "-yq", "--max", "1")
    assert (done.returncode, done.stdout) == (1, "") and "none was" in done.stderr


def test_times_are_local(daemon, server, make_clients):
    """Of where the reader is: 14 hours and more ahead of UTC, and so tomorrow at times."""
    make_clients(server, total=2)
    daemon.cli("kill", "r-test", "--all", "-y")
    (kill,) = daemon.kills()
    started = time.strptime(kill["started_at"][:19], "%Y-%m-%dT%H:%M:%S")
    far = environment(TZ="XYZ-14:07")
    done = run("kills", kill["request_id"], socket=daemon.socket_path, env=far)
    (words,) = [line for line in done.out.splitlines() if line.startswith("  started ")]
    shown = time.strptime(words.split(maxsplit=1)[1], "%Y-%m-%d %H:%M:%S XYZ")
    assert time.mktime(shown) - time.mktime(started) == 14 * 3600 + 7 * 60
    assert "STARTED (XYZ)" in run("kills", socket=daemon.socket_path, env=far).out
    assert "STARTED (UTC)" in run("kills", "--utc", socket=daemon.socket_path, env=far).out


# The record


@pytest.fixture
def recorded(make_directory):
    """audit(arguments...): of a record with a line an hour, from midnight on, in UTC."""
    path = f"{make_directory()}/audit.jsonl"
    with open(path, "w", encoding="utf-8") as file:
        for hour in range(24):
            line = {
                "time": f"2026-11-24T{hour:02}:00:00.{hour:03}Z", "event": "intent",
                "request_id": f"R{hour}", "action": "hdm:KillInstanceAllSession",
                "instance": "r-1", "uid": 1000 + hour % 2, "user": f"u{hour % 2}", "all": True,
                "reason": "word " * 12,
            }  # fmt: skip
            file.write(json.dumps(line) + "\n")

    def audit(*arguments, **variables):
        done = run("audit", "--file", path, *arguments, env=environment(**variables))
        return done, [line.split()[-1] for line in done.out.splitlines()[1:]]

    return audit


def test_audit_has_headings_and_the_action(recorded):
    done, ids = recorded(TZ="UTC0")
    titles, first, *_ = done.out.splitlines()
    assert titles.split() == ["TIME", "(UTC)", "EVENT", "USER", "INSTANCE", "WHAT"]
    assert first.split()[:6] == [
        "2026-11-24", "00:00:00", "intent", "u0", "r-1", "hdm:KillInstanceAllSession",
    ]  # fmt: skip
    assert len(ids) == 24
    assert recorded("--no-headings", TZ="UTC0")[0].out.splitlines()[0] == first


@pytest.mark.parametrize(
    ("arguments", "variables", "expected"),
    [
        (["--since", "2026-11-24T22:00"], {"TZ": "UTC0"}, ["R22", "R23"]),
        (["--since", "2026-11-24 22:00:01"], {"TZ": "UTC0"}, ["R23"]),
        (["--since", "2026-11-24T22:00Z"], {"TZ": "XYZ-5"}, ["R22", "R23"]),
        (["--since", "2026-11-25T03:00"], {"TZ": "XYZ-5"}, ["R22", "R23"]),
        (["--utc", "--since", "2026-11-24T22:00"], {"TZ": "XYZ-5"}, ["R22", "R23"]),
        (["--until", "2026-11-24T01:30"], {"TZ": "UTC0"}, ["R0", "R1"]),
        (["--until", "2026-11-24T03:30", "--user", "u1"], {"TZ": "UTC0"}, ["R1", "R3"]),
        (["--until", "2026-11-24T03:30", "--user", "1000"], {"TZ": "UTC0"}, ["R0", "R2"]),
        (["--since", "2026-11-24T22:00:00.022Z"], {"TZ": "XYZ-5"}, ["R22", "R23"]),
        (["--since", "1 hour ago"], {}, []),
        (["--since", "1 week ago", "--until", "1 week ago"], {}, []),
        (["--since", "yesterday 03:00"], {}, []),
        (["--since", "2 days 3 hours ago"], {}, []),
        (["--since", "yesterday"], {}, []),
        (["--since", "03:00"], {}, []),
        (["--since", "today", "--until", "now"], {}, []),
    ],
)
def test_audit_of_a_time(recorded, arguments, variables, expected):
    done, ids = recorded(*arguments, **variables)
    assert (done.returncode, done.err) == (0, "" if expected else "No such records.\n")
    assert ids == expected


@pytest.mark.parametrize("when", ["noon", "25:00", "2026-13-01", "2026-02-30", "1 fortnight ago", "yesterday noon", "", "3"])
def test_audit_of_no_time(recorded, when):
    done, _ = recorded("--since", when)
    assert done.returncode == 2 and "expected a time such as" in done.err


def test_a_time_that_was_today_or_yesterday(recorded, make_directory):
    """23:59 at noon is of the day before."""
    path = f"{make_directory()}/audit.jsonl"
    now = time.time()
    with open(path, "w", encoding="utf-8") as file:
        for ago in (60, 3 * 86400):
            stamp = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(now - ago))
            file.write(json.dumps({"time": stamp, "event": "start"}) + "\n")
    later = time.strftime("%H:%M", time.gmtime(now + 3600))
    done = run("audit", "--file", path, "--since", later, env=environment(TZ="UTC0"))
    assert len(done.out.splitlines()) == 2


# Waiting, and what is old


def test_what_will_not_change_ends_it(server, make_daemon, make_secret):
    """No waiting for a password to become right."""
    daemon = make_daemon([{"id": "r-test", "address": server.address, "username": "ghost",
                           "password-file": make_secret("wrong")}], wait="socket")  # fmt: skip
    wait_until(lambda: daemon.node()["last_error"], "the refusal")
    done = daemon.cli("kill", "r-test", "--all", "-y", "--timeout", "1h")
    assert done.returncode == 1 and "WRONGPASS" in done.stdout


def test_the_cause_is_told_at_once(server, daemon):
    """Long before the kill gives up, and not in a line a second."""
    server.kill()
    wait_until(lambda: daemon.node()["state"] != "ready", "the loss of the server")
    done = daemon.cli("kill", "r-test", "--all", "-y", "--timeout", "6s")
    assert done.returncode == 1
    cause, *lines = done.stderr.splitlines()
    assert cause.startswith(f"r-test {server.unix_path}: ")
    assert {line.split("  ")[0] for line in lines} == {"listing"}
    assert len(lines) <= 3


def test_counts_of_a_lost_server_are_marked(server, daemon):
    assert rows_of(daemon.cli("instances").stdout)[0]["CLIENTS"].isdigit()
    server.kill()
    wait_until(lambda: daemon.node()["state"] != "ready", "the loss of the server")
    assert re.search(r"  \d+ \(old\)  ", daemon.cli("instances").stdout)


# Nothing is broken in the middle of a word


def test_reports_at_80_columns(server, daemon, make_clients, make_terminal):
    make_clients(server, total=9, named={"a-name-that-is-longer-than-usual": 6})
    reason = "a pool that leaks since the new version of the batch jobs is there, see incident 9"
    at_80_columns(make_terminal, daemon, "kill", "r-test", "--all", "-n")
    at_80_columns(make_terminal, daemon, "kill", "r-test", "--all", "-y", "--reason", reason)
    (request_id,) = {line["request_id"] for line in daemon.audit("outcome")[1:]}
    shown = at_80_columns(make_terminal, daemon, "kills", request_id)
    assert reason in re.sub(r"\s+", " ", shown)
    at_80_columns(make_terminal, daemon, "kills")
    at_80_columns(make_terminal, daemon, "instances")
    at_80_columns(make_terminal, daemon, "instances", "r-test")
    at_80_columns(make_terminal, daemon, "audit", "--file", daemon.audit_path)
    at_80_columns(make_terminal, daemon, "list", "r-test", "--match", "nome = x", status=2)
    at_80_columns(make_terminal, daemon, "kill", "r-none", "--all", "-y", status=1)


def test_help_at_80_columns(daemon, make_terminal):
    for command in ("instances", "list", "kill", "kills", "audit", "top", "guards", "cancel"):
        at_80_columns(make_terminal, daemon, "help", command)
    at_80_columns(make_terminal, daemon, "help")


def test_problems_at_80_columns(server, make_daemon, make_secret, make_terminal):
    """What its account lacks, with the command that grants it."""
    server.redis().execute_command(
        "ACL", "SETUSER", "weak", "on", ">secret", "-@all", "+auth", "+hello", "+ping", "+client|id",
        "+client|setname",
    )  # fmt: skip
    daemon = make_daemon([{"id": "r-test", "address": server.address, "username": "weak",
                           "password-file": make_secret("secret")}], wait="socket")  # fmt: skip
    wait_until(lambda: daemon.node().get("missing_permissions"), "what it lacks")
    shown = at_80_columns(make_terminal, daemon, "instances")
    assert "ACL SAVE" in shown and "ACL SETUSER weak" in re.sub(r"\s+", " ", shown)
    assert os.path.exists(daemon.socket_path)
