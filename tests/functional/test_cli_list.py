"""`sesskill list` against a fake daemon: tables and shares, hostile clients, broken answers."""

import json
import re
import urllib.parse

import pytest

from harness.cli import environment, run
from harness.fake_daemon import REQUEST_ID, Answer, Stream

LIST = "/v1/instances/r-1/sessions"
HOSTILE = "evil\x1b[2J\x07\x7f\u009b31m\r\n\u202eabc\u2028\u200b\x00end"
ESCAPE = re.compile(r"\x1b\[[0-9;]*m")

SESSION = {
    "node": "127.0.0.1:6379", "id": 1234567, "addr": "10.0.0.7:50123", "laddr": "10.0.0.1:6379",
    "name": "pool-a", "age": 7500, "idle": 3, "flags": "N", "db": 2, "tot_mem": 20992,
    "cmd": "hgetall", "user": "app", "lib_name": "jedis", "lib_ver": "4.2", "type": "normal",
}  # fmt: skip
HEAD = {
    "instance": "r-1", "request_id": REQUEST_ID, "found": 3001, "matched": 1000, "listed": 2,
    "nodes": [{"address": "127.0.0.1:6379", "found": 3001, "matched": 1000, "unreadable": 0,
               "error": None}],
    "warnings": [],
}  # fmt: skip
GROUPS = {**HEAD, "group_by": "user", "groups": [
    {"value": "app", "count": 900}, {"value": "", "count": 90}, {"value": "x" * 90, "count": 10}]
}  # fmt: skip


def listing(*sessions, **head):
    """An answer as the daemon writes it: the head, then a session a line."""
    opening = json.dumps({**HEAD, **head})[:-1] + ', "sessions":['
    lines = ",\n".join(map(json.dumps, sessions))
    return f"{opening}\n{lines}\n]}}\n".encode()


def test_table(fake):
    subscriber = {**SESSION, "id": 5, "flags": "PU", "type": "pubsub", "lib_name": "", "db": 0}
    fake.on("GET", LIST, Answer(200, listing(SESSION, subscriber)))
    done = run("list", "r-1", socket=fake.socket_path)
    assert done.returncode == 0
    assert [re.split("  +", line.strip()) for line in done.out.splitlines()] == [
        ["ID", "ADDRESS", "USER", "NAME", "AGE", "IDLE", "STATE", "COMMAND", "DB", "MEMORY",
         "LIBRARY"],
        ["1234567", "10.0.0.7:50123", "app", "pool-a", "2h 05m", "3 s", "hgetall", "2", "20.5 KB",
         "jedis 4.2"],
        ["5", "unix", "app", "pool-a", "2h 05m", "3 s", "pubsub", "hgetall", "0", "20.5 KB"],
    ]  # fmt: skip
    assert done.err == "3,001 sessions, 1,000 selected, 2 shown\n"


def test_options_become_parameters(fake):
    arguments = [
        "--match", "user = app", "--match=name = pool-*", "--except", "addr = 10.0.0.0/29",
        "--except", "idle < 5s", "--group-by", "addr", "--sort", "-age", "--limit", "7",
    ]  # fmt: skip
    run("list", *arguments, "r/1", socket=fake.socket_path)
    path, _, query = fake.requests[0].path.partition("?")
    assert path == "/v1/instances/r%2F1/sessions"
    assert urllib.parse.parse_qsl(query, strict_parsing=True) == [
        ("match", "user = app"),
        ("match", "name = pool-*"),
        ("except", "addr = 10.0.0.0/29"),
        ("except", "idle < 5s"),
        ("group_by", "addr"),
        ("sort", "-age"),
        ("limit", "7"),
    ]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "say which instance"),
        (["r-1", "r-2"], "too many words"),
        (["r-1", "--limit"], "--limit needs a value"),
        (["r-1", "--sort", "a", "--sort", "b"], "--sort is given twice"),
    ],
)
def test_usage_errors_ask_the_daemon_nothing(fake, arguments, words):
    done = run("list", *arguments, socket=fake.socket_path)
    assert (done.returncode, done.out) == (2, "") and words in done.err
    assert fake.requests == []


ERRORS = [
    (400, "InvalidParams", 2),
    (403, "NoPermission", 3),
    (404, "NotFound", 1),
    (503, "ServiceUnavailable", 1),
]


@pytest.mark.parametrize(("http", "code", "status"), ERRORS)
def test_errors(fake, http, code, status):
    body = json.dumps({"error": {"code": code, "message": "that is so"}}).encode()
    fake.on("GET", LIST, Answer(http, body))
    done = run("list", "r-1", socket=fake.socket_path)
    assert (done.returncode, done.out) == (status, "") and f"that is so ({code})" in done.err
    done = run("list", "r-1", "--json", socket=fake.socket_path)
    assert (done.returncode, done.stdout, done.err) == (status, body, "")


@pytest.mark.parametrize("body", [
    listing(SESSION, SESSION, SESSION),
    listing({**SESSION, "name": "\x9b\u202e"}),
    json.dumps(GROUPS).encode(),
    json.dumps(GROUPS).encode() + b"\n\n",
])  # fmt: skip
def test_json_is_untouched(fake, body):
    """However it is cut on the way."""
    pieces = [body[at : at + 7] for at in range(0, len(body), 7)]
    fake.on("GET", LIST, Stream(lambda: pieces, "application/json"))
    done = run("list", "r-1", "--json", socket=fake.socket_path)
    assert (done.returncode, done.stdout, done.err) == (0, body, "")


def test_json_has_the_exit_status_of_its_nodes(fake):
    nodes = [*HEAD["nodes"], {"address": "n2:1", "error": "not connected"}]
    body = listing(SESSION, nodes=nodes)
    fake.on("GET", LIST, Answer(200, body))
    done = run("list", "r-1", "--json", socket=fake.socket_path)
    assert (done.returncode, done.stdout, done.err) == (5, body, "")


def test_what_is_wrong_is_said(fake):
    lost = {"address": "n2:1", "error": "not connected"}
    nodes = [{**HEAD["nodes"][0], "unreadable": 1200}, lost]
    warnings = ['no session has a field "lib-name"']
    fake.on("GET", LIST, Answer(200, listing(SESSION, nodes=nodes, warnings=warnings)))
    done = run("list", "r-1", socket=fake.socket_path)
    assert done.returncode == 5
    assert done.out.splitlines()[1].startswith("127.0.0.1:6379  1234567  10.0.0.7:50123")
    assert done.err.splitlines() == [
        "127.0.0.1:6379: 1,200 lines could not be read",
        "not listed: n2:1: not connected",
        'warning: no session has a field "lib-name"',
        "3,001 sessions, 1,000 selected, 1 shown",
    ]


def test_an_answer_that_breaks_off(fake):
    body = listing(SESSION, SESSION)
    fake.on("GET", LIST, Stream(lambda: [body[:-20], Stream.CUT], "application/json"))
    for form in ([], ["--json"]):
        done = run("list", "r-1", *form, socket=fake.socket_path)
        assert done.returncode == 1
        assert "The listing is not complete" in done.err
        assert "10.0.0.7:50123" in done.out


def test_an_answer_that_is_no_listing(fake):
    for answer in (
        Answer(200, b"<html>", "text/html"),
        Answer(200, b""),
        Answer(200, b"[]\n"),
        Answer(200, listing(SESSION).replace(b'{"node"', b"{node")),
    ):
        fake.on("GET", LIST, answer)
        done = run("list", "r-1", socket=fake.socket_path)
        assert done.returncode == 1 and "understood" in done.err, answer


def test_a_long_listing_has_its_titles_again(fake):
    fake.on("GET", LIST, Answer(200, listing(*[SESSION] * 10001)))
    lines = run("list", "r-1", socket=fake.socket_path).out.splitlines()
    assert len(lines) == 10003
    assert [at for at, line in enumerate(lines) if "ADDRESS" in line] == [0, 10001]


@pytest.mark.parametrize("columns", [60, 80, 100, 140])
def test_tables_fit_the_terminal(fake, make_terminal, columns):
    wide = {**SESSION, "name": "漢" * 40, "addr": "[2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff]:16379"}
    fake.on("GET", LIST, Answer(200, listing(SESSION, wide)))
    terminal = make_terminal(fake.socket_path, "list", "r-1", columns=columns)
    assert terminal.finish() == 0
    plain = ESCAPE.sub("", terminal.output)
    for row in plain.splitlines():
        assert len(row) + row.count("漢") <= columns, row
    assert "1234567  10.0.0.7:50123" in plain


@pytest.mark.parametrize("columns", [40, 60, 80, 140])
@pytest.mark.parametrize(("locale", "block"), [("C.UTF-8", "█"), ("C", "#")])
def test_bars_fit_the_terminal(fake, make_terminal, columns, locale, block):
    fake.on("GET", f"{LIST}?group_by=user", Answer(200, GROUPS))
    arguments = ["list", "r-1", "--group-by", "user"]
    env = environment(LC_ALL=locale)
    terminal = make_terminal(fake.socket_path, *arguments, columns=columns, env=env)
    assert terminal.finish() == 0
    rows = ESCAPE.sub("", terminal.output).splitlines()
    assert re.match(r"USER +SESSIONS +SHARE$", rows[0])
    assert re.match(r"app +900 +90.0%", rows[1])
    assert re.match(r"\(none\) +90 +9.0%", rows[2])
    assert all(len(row) <= columns for row in rows[:-1])
    assert (block * 8 in rows[1]) == (columns > 60)
    assert rows[-1] == "3,001 sessions, 1,000 selected, 3 groups shown"


def hostile(value):
    if isinstance(value, dict):
        return {key: hostile(each) for key, each in value.items()}
    if isinstance(value, list):
        return [hostile(each) for each in value]
    return HOSTILE if isinstance(value, str) else value


@pytest.mark.parametrize("form", [[], ["--json"]])
@pytest.mark.parametrize("body", [
    listing(hostile(SESSION), {**SESSION, "name": HOSTILE}, **hostile(
        {**HEAD, "warnings": ["x"], "nodes": [*HEAD["nodes"], {"address": "", "error": ""}]})),
    json.dumps(hostile(GROUPS), ensure_ascii=False).encode(),
], ids=["sessions", "groups"])  # fmt: skip
def test_no_control_character_reaches_a_terminal(fake, make_terminal, form, body):
    fake.on("GET", LIST, Answer(200, body))
    terminal = make_terminal(fake.socket_path, "list", "r-1", *form, columns=200)
    terminal.finish()
    text = ESCAPE.sub("", terminal.output)
    assert "evil" in text
    bad = [c for c in text if (ord(c) < 32 and c != "\n") or 0x7F <= ord(c) < 0xA0]
    assert not bad, bad
    assert not re.search("[\u200b\u2028\u202e]", text)
