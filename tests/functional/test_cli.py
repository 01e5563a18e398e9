"""The command-line client against a fake daemon: exit statuses, outputs, the question, Ctrl-C."""

import functools
import json
import os
import re
import subprocess
import threading

import pytest

from harness import programs
from harness.cli import environment, run
from harness.fake_daemon import REQUEST_ID, Answer, FakeDaemon, Stream

KILL = "/v1/instances/r-1/kill"
TIMEOUT_S = 20
NOBODY = 65534

COUNTS = {
    "found": 18003,
    "unmatched": 2000,
    "protected": 3,
    "matched": 16000,
    "killed": 15990,
    "gone": 10,
    "survivors": 0,
}
NODE = {
    "address": "127.0.0.1:6379",
    "role": "master",
    "server": "redis 7.0.15",
    "run_id": "f" * 40,
    **COUNTS,
    "commands": 4,
    "max_stall_ms": 12.5,
    "plan": [],
    "error": None,
}
REPORT = {
    "request_id": REQUEST_ID,
    "instance": "r-1",
    "state": "done",
    "started_at": "2026-11-24T05:50:23.123Z",
    "elapsed_ms": 312,
    **COUNTS,
    "reconnected": 0,
    "warnings": [],
    "nodes": [NODE],
    "sources": [
        {"address": "10.0.0.7", "user": "app", "name": "pool", "lib": "jedis", "found": 15000,
         "killed": 15000, "reconnected": 0},
        {"address": "10.0.0.8", "user": "app", "name": "", "lib": "", "found": 1000,
         "killed": 990, "reconnected": 0},
    ],
}  # fmt: skip
DRY_RUN = {
    **REPORT,
    "state": "dry_run",
    "killed": 0,
    "gone": 0,
    "nodes": [
        {**NODE, "killed": 0, "gone": 0,
         "plan": [{"command": "CLIENT KILL TYPE normal USER app SKIPME yes", "expect": 16000}]}
    ],
}  # fmt: skip
INSTANCES = {
    "instances": [
        {"id": "r-1", "kind": "standalone", "nodes": [
            {"address": "127.0.0.1:6379", "role": "master", "server": "redis 7.0.15",
             "state": "ready", "clients": 18003, "maxclients": 20000, "link_age_ms": 7500000,
             "user": "agent", "missing_permissions": ["client|no-evict"], "capabilities": ["user", "laddr"],
             "last_error": None, "run_id": "f" * 40, "own_id": 7}]},
        {"id": "orders", "kind": "standalone", "nodes": [
            {"address": "10.0.0.1:6379", "role": "", "server": "", "state": "failed",
             "clients": None, "maxclients": None, "link_age_ms": 0, "missing_permissions": [],
             "capabilities": [], "last_error": "ERR max number of clients reached"}]},
    ]
}  # fmt: skip
KILLS = {"kills": [REPORT, {**REPORT, "request_id": "x" * 36, "state": "running"}]}

HOSTILE = "evil\x1b[2J\x07\x7f\u009b31m\r\n\u202eabc\u2028\u200b\x00end"
ESCAPE = re.compile(r"\x1b\[(?:[0-9;]*m|K)")


def error(code, message):
    return {"error": {"code": code, "message": message}, "request_id": REQUEST_ID}


def event(name, **fields):
    return {"event": name, "request_id": REQUEST_ID, **fields}


def stream_of(*events):
    return Stream(lambda: iter(events))


@pytest.fixture
def at_terminal(fake, make_terminal):
    """at_terminal(arguments...): a Terminal, closed with the test."""
    return functools.partial(make_terminal, fake.socket_path)


# Usage


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "Usage: sesskill"),
        (["frobnicate"], 'no command "frobnicate"'),
        (["--frobnicate"], "unknown option --frobnicate"),
        (["kill"], "something is missing"),
        (["kill", "r-1", "r-2", "--all"], "too many words"),
        (["kill", "r-1", "--all", "--yes", "--reason", "-n"], "-n is an option"),
        (["kill", "r-1", "--yes"], "either --all, or --match"),
        (["kill", "r-1", "--yes", "--all", "--match", "user = a"], "either --all, or --match"),
        (["kill", "r-1", "--yes", "--all", "--timeout", "soon"], '"soon" is no duration'),
        (["kill", "r-1", "--yes", "--all", "--watch", "1x"], '"1x" is no duration'),
        (["kill", "r-1", "--yes", "--all", "--max", "1", "--max", "2"], "--max is given twice"),
        (["kill", "r-1", "--all", "--yes=1"], "--yes takes no value"),
        (["instances", "a", "b"], "too many words"),
        (["cancel"], "something is missing"),
        (["kill", "r-1", "--all"], "nothing was killed"),
    ],
)
def test_usage_errors_ask_the_daemon_nothing(fake, arguments, words):
    done = run(*arguments, socket=fake.socket_path)
    assert (done.returncode, done.out) == (2, "")
    assert words in done.err
    assert fake.requests == []


def test_a_broken_terminal_end_is_no_terminal(fake, at_terminal):
    """stdin is a terminal, stderr is not: the question would not be seen."""
    terminal = at_terminal("instances")
    terminal.finish()
    master, slave = os.openpty()
    done = subprocess.run(
        [str(programs.SESSKILL), "-s", fake.socket_path, "kill", "r-1", "--all"],
        stdin=slave, capture_output=True, env=environment(), timeout=TIMEOUT_S, check=False,
    )  # fmt: skip
    os.close(master)
    os.close(slave)
    assert done.returncode == 2 and b"no terminal to ask on" in done.stderr
    assert not [request for request in fake.requests if request.method == "POST"]


def test_help_and_version():
    done = run("--help")
    assert done.returncode == 0 and "Exit status" in done.out and done.err == ""
    for command in ("instances", "list", "kill", "kills", "cancel"):
        assert f"\n  {command} " in done.out
        one = run(command, "--help")
        assert one.returncode == 0 and one.out.startswith(f"Usage: sesskill {command} ")
        assert max(len(line) for line in one.out.splitlines()) <= 80
        assert run("help", command).out == one.out
    assert run("help").out == done.out
    assert run("ls", "--help").out == run("list", "--help").out
    assert re.fullmatch(r"sesskill \d+\.\d+\.\d+\nlibcurl .*, jansson .*\n", run("--version").out)
    assert run("version").out == run("--version").out
    assert run("kill", "r-1", "--all", "--yes", "-V").out == run("--version").out
    unknown = run("help", "lst")
    assert unknown.returncode == 2 and 'no command "lst"' in unknown.err


# Reaching the daemon


def test_no_socket(make_directory):
    done = run("instances", socket=make_directory() + "/none.sock")
    assert done.returncode == 4
    assert "there is no socket" in done.err and "Is sesskilld running" in done.err


def test_stale_socket(make_directory):
    fake = FakeDaemon(make_directory())
    fake.stop()
    done = run("kill", "r-1", "--all", "--yes", socket=fake.socket_path)
    assert done.returncode == 4 and "nobody listens" in done.err


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to be somebody else")
def test_socket_of_another_group(fake):
    os.chmod(os.path.dirname(fake.socket_path), 0o755)
    os.chmod(fake.socket_path, 0o660)
    os.chown(fake.socket_path, 0, 4)
    done = run("instances", socket=fake.socket_path, user=NOBODY, group=NOBODY, extra_groups=[])
    assert done.returncode == 4
    assert "you may not use the socket" in done.err and "usermod -aG adm" in done.err


def test_socket_from_the_environment(fake):
    fake.on("GET", "/v1/instances", Answer(200, INSTANCES))
    assert run("instances", env=environment(SESSKILL_SOCKET=fake.socket_path)).returncode == 0
    elsewhere = environment(SESSKILL_SOCKET="/nowhere/none.sock")
    assert run("instances", env=elsewhere).returncode == 4
    assert run("instances", socket=fake.socket_path, env=elsewhere).returncode == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to be somebody else")
def test_default_socket_of_a_user(make_directory):
    runtime = make_directory()
    os.chmod(runtime, 0o755)
    as_user = {"user": NOBODY, "group": NOBODY, "extra_groups": []}
    env = environment(XDG_RUNTIME_DIR=runtime)
    assert "/run/sesskill/control.sock" in run("instances", env=env, **as_user).err
    os.mkdir(runtime + "/sesskill")
    os.chmod(runtime + "/sesskill", 0o755)
    fake = FakeDaemon(runtime + "/sesskill")
    os.chmod(fake.socket_path, 0o666)
    fake.on("GET", "/v1/instances", Answer(200, INSTANCES))
    done = run("instances", env=env, **as_user)
    fake.stop()
    assert done.returncode == 0, done.err


def test_not_the_daemon(fake):
    fake.on("GET", "/v1/instances", Answer(200, b"<html>", "text/html"))
    done = run("instances", socket=fake.socket_path)
    assert done.returncode == 1 and "was not understood" in done.err


def test_output_that_cannot_be_written(fake):
    fake.on("GET", "/v1/instances", Answer(200, INSTANCES))
    with open("/dev/full", "wb") as full:
        done = run("instances", socket=fake.socket_path, stdout=full)
    assert done.returncode == 1 and "cannot write the output" in done.err


# Exit statuses and JSON

OUTCOMES = [
    (Answer(200, REPORT), 0),
    (Answer(200, DRY_RUN), 0),
    (Answer(200, {**REPORT, "state": "cancelled"}), 1),
    (Answer(500, {**REPORT, "state": "partial", "survivors": 7}), 5),
    (Answer(500, {**REPORT, "state": "failed"}), 1),
    (Answer(503, {**REPORT, "state": "failed"}), 1),
    (Answer(400, error("InvalidParams", "match: column 3: an operator is expected")), 2),
    (Answer(403, error("NoPermission", "uid 65534 may not kill")), 3),
    (Answer(404, error("NotFound", "no instance r-1")), 1),
    (Answer(409, error("TooMany", "16000 would be killed, max is 10")), 1),
    (Answer(429, error("Throttling.User", "too many waiting kills")), 1),
    (Answer(503, error("ServiceUnavailable", "shutting down")), 1),
]
OUTCOME_IDS = [f"{answer.status}-{answer.body.get('state', 'error')}" for answer, _ in OUTCOMES]


@pytest.mark.parametrize(("answer", "status"), OUTCOMES, ids=OUTCOME_IDS)
def test_exit_status_of_a_kill(fake, answer, status):
    fake.on("POST", KILL, answer)
    done = run("kill", "r-1", "--all", "--yes", socket=fake.socket_path)
    is_error = "error" in answer.body
    words = answer.body["error"]["message"] if is_error else answer.body["state"]
    assert (done.returncode, done.out if is_error else done.err) == (status, "")
    assert words.replace("_", " ") in (done.err if is_error else done.out)


@pytest.mark.parametrize(("answer", "status"), OUTCOMES, ids=OUTCOME_IDS)
def test_json_of_a_kill_is_untouched(fake, answer, status):
    body = b'{ "spaced" : 1,\n"text":"\xc2\x9b\xe2\x80\xae", ' + answer.octets[1:] + b"\n\n"
    fake.on("POST", KILL, Answer(answer.status, body))
    done = run("kill", "r-1", "--all", "--yes", "--json", socket=fake.socket_path)
    assert (done.returncode, done.stdout, done.err) == (status, body, "")
    assert fake.requests[0].accept == "application/json"


@pytest.mark.parametrize(
    ("arguments", "method", "path", "body"),
    [
        (["instances"], "GET", "/v1/instances", INSTANCES),
        (["instances", "r-1"], "GET", "/v1/instances/r-1", INSTANCES["instances"][0]),
        (["instances", "a/b ?.."], "GET", "/v1/instances/a%2Fb%20%3F..", INSTANCES["instances"][0]),
        (["instances", ".."], "GET", "/v1/instances/..", INSTANCES["instances"][0]),
        (["kills"], "GET", "/v1/kills", KILLS),
        (["kills", REQUEST_ID], "GET", f"/v1/kills/{REQUEST_ID}", REPORT),
        (["cancel", REQUEST_ID], "DELETE", f"/v1/kills/{REQUEST_ID}", REPORT),
    ],
)
def test_json_of_questions_is_untouched(fake, arguments, method, path, body):
    octets = json.dumps(body, indent=3).encode() + b"\n"
    fake.on(method, path, Answer(200, octets))
    done = run("--json", *arguments, socket=fake.socket_path)
    assert (done.returncode, done.stdout, done.err) == (0, octets, "")
    assert run(*arguments, socket=fake.socket_path).returncode == 0
    refusal = json.dumps(error("NoPermission", "no")).encode()
    fake.on(method, path, Answer(403, refusal))
    done = run(*arguments, "--json", socket=fake.socket_path)
    assert (done.returncode, done.stdout, done.err) == (3, refusal, "")
    done = run(*arguments, socket=fake.socket_path)
    assert (done.returncode, done.out) == (3, "") and "NoPermission" in done.err


def test_options_become_parameters(fake):
    fake.on("POST", KILL, Answer(200, REPORT))
    done = run(
        "kill", "--match", "user = app", "r-1", "--match=name = pool-*", "--except",
        "addr = 10.0.0.0/29", "--except", "idle < 5s", "--node", "n1:1", "--node", "n2:2",
        "--run-id", "abc-7", "--dry-run", "--max", "10", "--pace", "gentle", "--stall-budget", "25ms", "--timeout",
        "10s", "--watch", "5s", "--break-busy", "--reason", "50% & more + é", "--yes",
        socket=fake.socket_path,
    )  # fmt: skip
    assert done.returncode == 0, done.err
    assert [request.params for request in fake.requests] == [
        [
            ("match", "user = app"),
            ("match", "name = pool-*"),
            ("except", "addr = 10.0.0.0/29"),
            ("except", "idle < 5s"),
            ("node", "n1:1"),
            ("node", "n2:2"),
            ("run_id", "abc-7"),
            ("dry_run", "true"),
            ("max", "10"),
            ("pace", "gentle"),
            ("stall_budget", "25ms"),
            ("timeout", "10s"),
            ("watch", "5s"),
            ("break_busy", "true"),
            ("reason", "50% & more + é"),
        ]
    ]


# What people read


def test_report(fake):
    report = {
        **REPORT,
        "state": "partial",
        "killed": 15983,
        "survivors": 7,
        "warnings": ["tot-mem is not known to redis 6.0.16"],
        "nodes": [{**NODE, "killed": 15983, "survivors": 7, "error": "connection lost"}],
    }
    fake.on("POST", KILL, Answer(500, report))
    done = run("kill", "r-1", "--all", "--yes", socket=fake.socket_path)
    assert done.returncode == 5
    lines = done.out.splitlines()
    assert lines[0] == "r-1: partial (312 ms)"
    assert "  found            18,003  sessions on the servers" in lines
    assert "  survived              7  still there, or not tried" in lines
    assert "  failed on 127.0.0.1:6379: connection lost" in lines
    assert "  warning: tot-mem is not known to redis 6.0.16" in lines
    assert re.search(r"SOURCE +USER +NAME +LIBRARY +SESSIONS +KILLED\n", done.out)
    assert re.search(r"10\.0\.0\.7 +app +pool +jedis +15,000 +15,000\n", done.out)
    assert "reconnected" not in done.out and "CAME BACK" not in done.out
    assert lines[-2] == f"  request id  {REQUEST_ID}"
    assert lines[-1].startswith("What is left can be killed by the same command again")


def test_dry_run_shows_the_plan(fake):
    fake.on("POST", KILL, Answer(200, DRY_RUN))
    done = run("kill", "r-1", "--match", "user = app", "-yn", socket=fake.socket_path)
    assert done.returncode == 0
    assert "nothing was killed" in done.out
    assert "SURVIVED" not in done.out and "LONGEST STALL" not in done.out
    assert re.search(r"CLIENT KILL TYPE normal USER app SKIPME yes +16,000\n", done.out)
    assert fake.requests[0].params == [("match", "user = app"), ("dry_run", "true")]


def test_instances(fake):
    fake.on("GET", "/v1/instances", Answer(200, INSTANCES))
    done = run("instances", socket=fake.socket_path)
    lines = done.out.splitlines()
    assert re.fullmatch(
        r"INSTANCE +KIND +NODE +ROLE +SERVER +STATE +CLIENTS +MAX +CONNECTED", lines[0]
    )
    assert re.fullmatch(
        r"r-1 +standalone +127.0.0.1:6379 +master +redis 7.0.15 +ready +18,003 +20,000 +2h 05m",
        lines[1],
    )
    assert re.fullmatch(r"orders +standalone +10.0.0.1:6379 +failed", lines[2])
    assert lines[3:] == [
        "r-1 127.0.0.1:6379: its user lacks the permission for client|no-evict; "
        "grant it with: ACL SETUSER agent +client|no-evict"
        "; to keep it: ACL SAVE or CONFIG REWRITE",
        "orders 10.0.0.1:6379: ERR max number of clients reached",
    ]


def test_one_instance(fake):
    fake.on("GET", "/v1/instances/r-1", Answer(200, INSTANCES["instances"][0]))
    done = run("instances", "r-1", socket=fake.socket_path)
    assert "  capabilities  user, laddr\n" in done.out
    assert "  own session   7\n" in done.out


def test_kills(fake):
    fake.on("GET", "/v1/kills", Answer(200, KILLS))
    lines = run("kills", "--utc", socket=fake.socket_path).out.splitlines()
    assert re.fullmatch(
        rf"{REQUEST_ID} +r-1 +done +15,990 +Nov 24 05:50 +0 +312 ms", lines[1]
    )
    fake.on("GET", "/v1/kills", Answer(200, {"kills": []}))
    assert run("kills", socket=fake.socket_path).out == "no kills since the daemon started\n"


def test_cancel(fake):
    fake.on("DELETE", f"/v1/kills/{REQUEST_ID}", Answer(200, {**REPORT, "state": "cancelled"}))
    done = run("cancel", REQUEST_ID, socket=fake.socket_path)
    assert (done.returncode, done.err) == (0, "") and "cancelled" in done.out
    done = run("cancel", "nonsense", socket=fake.socket_path)
    assert done.returncode == 1 and "NotFound" in done.err


def hostile(value):
    """Every text of an answer is an attack."""
    if isinstance(value, dict):
        return {
            key: each if key == "state" else hostile(each) for key, each in value.items()
        }
    if isinstance(value, list):
        return [hostile(each) for each in value]
    return HOSTILE if isinstance(value, str) else value


HOSTILE_REPORT = hostile({**DRY_RUN, "warnings": ["x"], "nodes": [
    {**NODE, "plan": DRY_RUN["nodes"][0]["plan"], "error": "x"}]})  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "answer"),
    [
        (["instances"], Answer(200, hostile(INSTANCES))),
        (["instances", "r-1"], Answer(200, hostile(INSTANCES["instances"][0]))),
        (["kills"], Answer(200, hostile(KILLS))),
        (["kills", "x"], Answer(200, HOSTILE_REPORT)),
        (["kill", "r-1", "--all", "--yes"], Answer(200, HOSTILE_REPORT)),
        (["kill", "r-1", "--all", "--yes"], Answer(500, error(HOSTILE, HOSTILE))),
        (["--json", "kills"], Answer(200, json.dumps(hostile(KILLS), ensure_ascii=False).encode())),
    ],
)
@pytest.mark.parametrize("colour", [True, False])
def test_no_control_character_reaches_a_terminal(fake, at_terminal, arguments, answer, colour):
    for method in ("GET", "POST"):
        for path in ("/v1/instances", "/v1/instances/r-1", "/v1/kills", "/v1/kills/x", KILL):
            fake.on(method, path, answer)
    env = environment() if colour else environment(NO_COLOR="1")
    terminal = at_terminal(*arguments, env=env, columns=200)
    terminal.finish()
    text = terminal.output
    assert "evil" in text
    if colour:
        text = ESCAPE.sub("", text)
    elif "kill" in arguments:
        text = text.replace("\r\x1b[K", "")  # a bar is no colour
    bad = [c for c in text if (ord(c) < 32 and c != "\n") or 0x7F <= ord(c) < 0xA0]
    assert not bad, bad
    assert not re.search("[\u200b\u2028\u202e]", text)


@pytest.mark.parametrize("columns", [60, 80, 100, 140])
@pytest.mark.parametrize("command", ["instances", "kills", "kill"])
def test_tables_fit_the_terminal(fake, at_terminal, columns, command):
    long = json.loads(json.dumps(INSTANCES))
    long["instances"][0]["id"] = "r-8vbcyr4sw0c4yc0001-in-the-far-away-region"
    long["instances"][0]["nodes"][0]["address"] = "[2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff]:16379"
    fake.on("GET", "/v1/instances", Answer(200, long))
    fake.on("GET", "/v1/kills", Answer(200, {"kills": [{**REPORT, "instance": "漢" * 40}]}))
    fake.on("POST", KILL, Answer(200, REPORT))
    arguments = ["kill", "r-1", "--all", "--yes"] if command == "kill" else [command]
    terminal = at_terminal(*arguments, columns=columns)
    assert terminal.finish() == 0
    plain = ESCAPE.sub("", terminal.output).replace("\r", "")
    rows = [line for line in plain.splitlines() if re.search(r"[\d,]{6}| done", line)]
    assert rows
    for row in rows:
        if ": its user lacks" not in row:
            assert len(row) + row.count("漢") <= columns, row


def test_colour_is_for_terminals(fake, at_terminal):
    fake.on("GET", "/v1/instances", Answer(200, INSTANCES))
    assert "\x1b" not in run("instances", socket=fake.socket_path).out
    for env, has_colour in [
        (environment(), True),
        (environment(NO_COLOR=""), True),
        (environment(NO_COLOR="1"), False),
        (environment(TERM="dumb"), False),
    ]:
        terminal = at_terminal("instances", env=env)
        terminal.finish()
        assert ("\x1b[32mready\x1b[0m" in terminal.output) == has_colour


# The question


def answer_both(params):
    return Answer(200, DRY_RUN if params.get("dry_run") == "true" else REPORT)


def test_the_id_is_to_be_typed(fake, at_terminal):
    fake.on("POST", KILL, answer_both)
    terminal = at_terminal("kill", "r-1", "--match", "user = app")
    shown = terminal.expect("Type the id of the instance")
    assert "This would end 16,000 sessions of r-1" in shown
    assert re.search(r"protected +3 ", shown)
    assert re.search(r"10\.0\.0\.7 +app +pool +jedis +15,000", shown)
    terminal.type("r-1\n")
    assert terminal.finish() == 0
    assert "15,990" in terminal.output
    assert [dict(request.params).get("dry_run") for request in fake.requests] == ["true", None]


@pytest.mark.parametrize("typed", ["\n", "yes\n", "r-1 \n", "r-12\n", "R-1\n", "\x04"])
def test_anything_else_is_a_no(fake, at_terminal, typed):
    fake.on("POST", KILL, answer_both)
    terminal = at_terminal("kill", "r-1", "--all")
    terminal.expect("to kill them: ")
    terminal.type(typed)
    assert terminal.finish() == 1
    assert "nothing was killed" in terminal.output
    assert len(fake.requests) == 1


def test_what_was_typed_before_the_question_does_not_count(fake, at_terminal):
    is_typed = threading.Event()

    def answer(params):
        assert is_typed.wait(TIMEOUT_S)
        return answer_both(params)

    fake.on("POST", KILL, answer)
    terminal = at_terminal("kill", "r-1", "--all")
    terminal.type("r-1\n")
    terminal.expect("r-1\r\n")  # the echo
    is_typed.set()
    terminal.expect("to kill them: ")
    terminal.type("no\n")
    assert terminal.finish() == 1
    assert len(fake.requests) == 1


def test_interrupt_at_the_question_kills_nothing(fake, at_terminal):
    fake.on("POST", KILL, answer_both)
    terminal = at_terminal("kill", "r-1", "--all")
    terminal.expect("to kill them: ")
    terminal.press_interrupt()
    assert terminal.finish() == -2
    assert len(fake.requests) == 1


@pytest.mark.parametrize(
    ("answer", "status", "words"),
    [
        (Answer(403, error("NoPermission", "you may not")), 3, "you may not"),
        (Answer(409, error("TooMany", "16000 are more than 10")), 1, "--max"),
        (Answer(503, {**REPORT, "state": "failed"}), 1, "failed"),
        (Answer(200, {**DRY_RUN, "matched": 0}), 0, "nothing to kill"),
    ],
)
def test_no_question_without_anything_to_kill(fake, at_terminal, answer, status, words):
    fake.on("POST", KILL, answer)
    terminal = at_terminal("kill", "r-1", "--all")
    assert terminal.finish() == status
    assert words in terminal.output and "Type the id" not in terminal.output
    assert len(fake.requests) == 1


def test_a_partial_dry_run_still_asks(fake, at_terminal):
    fake.on("POST", KILL, lambda params: Answer(500, {**REPORT, "state": "partial", "nodes": [
        NODE, {**NODE, "address": "n2:1", "error": "ERR max number of clients reached"}]})
    )  # fmt: skip
    terminal = at_terminal("kill", "r-1", "--all")
    assert "failed on n2:1" in terminal.expect("to kill them: ")
    terminal.type("r-1\n")
    assert terminal.finish() == 5


def test_the_question_with_json_leaves_stdout_alone(fake, at_terminal):
    fake.on("POST", KILL, answer_both)
    terminal = at_terminal("--json", "kill", "r-1", "--all", stdout=subprocess.PIPE)
    terminal.expect("to kill them: ")
    terminal.type("r-1\n")
    assert terminal.finish() == 0
    assert terminal.process.stdout.read() == Answer(200, REPORT).octets


# While it runs


class SlowKill:
    """A kill that goes on until the test, or a DELETE, ends it."""

    def __init__(self, fake, deleted=Answer(200, {**REPORT, "state": "running"})):
        self.is_listed = threading.Event()
        self._is_over = threading.Event()
        self._state = "done"
        self._deleted = deleted
        fake.on("POST", KILL, Stream(self._events))
        fake.on("DELETE", f"/v1/kills/{REQUEST_ID}", self._cancel)

    def _events(self):
        yield event("accepted", instance="r-1")
        yield event("listed", found=18003, matched=16000, protected=3)
        yield event("progress", killed=7990, gone=10)
        self.is_listed.set()
        assert self._is_over.wait(TIMEOUT_S)
        yield event("verified", killed=15990, gone=10)
        yield event("report", **{**REPORT, "state": self._state})

    def _cancel(self, params):
        if self._deleted.status == 200:
            self.end("cancelled")
        return self._deleted

    def end(self, state="done"):
        self._state = state
        self._is_over.set()


def test_stream(fake):
    fake.on("POST", KILL, stream_of(event("accepted"), event("report", **REPORT)))
    done = run("kill", "r-1", "--all", "--yes", socket=fake.socket_path)
    assert (done.returncode, done.err) == (0, "")
    assert done.out.startswith("r-1: done (312 ms)\n")
    assert "application/x-ndjson" in fake.requests[0].accept


@pytest.mark.parametrize("state", ["partial", "failed", "cancelled"])
def test_exit_status_of_a_stream(fake, state):
    fake.on("POST", KILL, stream_of(event("report", **{**REPORT, "state": state})))
    done = run("kill", "r-1", "--all", "--yes", socket=fake.socket_path)
    assert done.returncode == (5 if state == "partial" else 1)


@pytest.mark.parametrize("last", [[], [Stream.CUT]], ids=["ended", "cut"])
def test_a_stream_without_a_report(fake, last):
    fake.on("POST", KILL, stream_of(event("accepted"), event("listed", matched=5), *last))
    done = run("kill", "r-1", "--all", "--yes", socket=fake.socket_path)
    assert done.returncode == 1
    assert f"sesskill kills {REQUEST_ID}" in done.err


def test_plain_lines_without_a_terminal(fake):
    kill = SlowKill(fake)
    argv = [str(programs.SESSKILL), "-s", fake.socket_path, "kill", "r-1", "--all", "--yes"]
    with subprocess.Popen(
        argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, env=environment(), text=True
    ) as process:
        lines = [process.stderr.readline() for _ in range(2)]
        kill.end()
        rest = process.stdout.read()
    assert process.returncode == 0
    for line in lines:
        assert re.fullmatch(r"killing  8,000 of 16,000  50%  \d\.\d s\n", line), line
    assert rest.startswith("r-1: done") and "\x1b" not in rest


def test_bar_on_a_terminal(fake, at_terminal):
    kill = SlowKill(fake)
    terminal = at_terminal("kill", "r-1", "--all", "--yes")
    terminal.expect("killing  [")
    bar = terminal.expect("8,000 of 16,000  50%")
    assert re.match(r"(#+)(\.+)\]  ", bar).group(1)
    kill.end()
    assert terminal.finish() == 0
    # The last bar is wiped before the report stands in its place.
    assert re.search(r"\r\x1b\[Kr-1: \x1b\[32mdone", terminal.output)


def test_a_dumb_terminal_gets_lines(fake, at_terminal):
    kill = SlowKill(fake)
    terminal = at_terminal("kill", "r-1", "--all", "--yes", env=environment(TERM="dumb"))
    terminal.expect("killing  8,000 of 16,000  50%")
    kill.end()
    assert terminal.finish() == 0
    assert "\x1b" not in terminal.output


def interrupted(at_terminal, kill, *arguments):
    terminal = at_terminal("kill", "r-1", "--all", "--yes", *arguments)
    assert kill.is_listed.wait(TIMEOUT_S)
    terminal.press_interrupt()
    terminal.expect("[c]ancel it, [l]eave it running")
    return terminal


def test_interrupt_and_cancel(fake, at_terminal):
    terminal = interrupted(at_terminal, SlowKill(fake))
    terminal.type("c\n")
    assert terminal.finish() == 1
    assert "Cancelling" in terminal.output and "cancelled" in terminal.output
    assert [request.method for request in fake.requests] == ["POST", "DELETE"]


def test_interrupt_and_leave(fake, at_terminal):
    kill = SlowKill(fake)
    terminal = interrupted(at_terminal, kill)
    terminal.type("l\n")
    assert terminal.finish() == 1
    assert f"sesskill kills {REQUEST_ID}" in terminal.output
    assert [request.method for request in fake.requests] == ["POST"]
    kill.end()


def test_interrupt_twice_leaves(fake, at_terminal):
    kill = SlowKill(fake)
    terminal = interrupted(at_terminal, kill)
    terminal.press_interrupt()
    assert terminal.finish() == 1
    assert "The kill goes on" in terminal.output
    kill.end()


def test_interrupt_and_watch_on(fake, at_terminal):
    kill = SlowKill(fake)
    terminal = interrupted(at_terminal, kill)
    terminal.type("\n")
    terminal.expect("8,000 of 16,000")
    kill.end()
    assert terminal.finish() == 0
    assert [request.method for request in fake.requests] == ["POST"]


def test_a_report_makes_the_question_void(fake, at_terminal):
    kill = SlowKill(fake)
    terminal = interrupted(at_terminal, kill)
    kill.end()
    assert terminal.finish() == 0
    assert "\nr-1: " in terminal.output


def test_a_cancel_that_is_refused(fake, at_terminal):
    kill = SlowKill(fake, deleted=Answer(403, error("NoPermission", "you may not cancel")))
    terminal = interrupted(at_terminal, kill)
    terminal.type("c\n")
    terminal.expect("you may not cancel")
    kill.end()
    assert terminal.finish() == 0


def test_interrupt_where_nobody_can_be_asked(fake):
    kill = SlowKill(fake)
    argv = [str(programs.SESSKILL), "-s", fake.socket_path, "kill", "r-1", "--all", "--yes"]
    with subprocess.Popen(
        argv, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environment(), text=True
    ) as process:
        assert kill.is_listed.wait(TIMEOUT_S)
        process.send_signal(2)
        rest = process.stderr.read()
    assert process.returncode == 1
    assert f"sesskill kills {REQUEST_ID}" in rest
    assert [request.method for request in fake.requests] == ["POST"]
    kill.end()


def test_json_can_be_interrupted_too(fake, at_terminal):
    kill = threading.Event()
    is_asked = threading.Event()

    def answer(params):
        is_asked.set()
        assert kill.wait(TIMEOUT_S)
        return Answer(200, REPORT)

    fake.on("POST", KILL, answer)
    terminal = at_terminal("--json", "kill", "r-1", "--all", "--yes", stdout=subprocess.PIPE)
    assert is_asked.wait(TIMEOUT_S)
    terminal.press_interrupt()
    terminal.expect("[c]ancel it")
    terminal.type("c\n")
    terminal.expect("has not told the id")
    kill.set()
    assert terminal.finish() == 0
    assert json.loads(terminal.process.stdout.read()) == REPORT
