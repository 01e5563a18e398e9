"""`sesskill top` in tmux, with a real daemon, real servers and real sessions. The screens that are
expected are files in tests/data/screens/."""

import difflib
import json
import os
import re
import signal
import socket
import urllib.parse

import pytest

from harness import programs, wait_until
from harness.cli import command, environment, run
from harness.fake_daemon import Answer

SCREENS = programs.ROOT / "tests/data/screens"
NOBODY = {"user": 65534, "group": 65534, "extra_groups": []}
HOSTILE = "evil\x1b[2J\x07\x7f\u009b31m\r\n\u202eabc\u2028\u200b\x00end"


def normalise(screen):
    """Without what differs from run to run: the pace, and how full it was."""
    screen = re.sub(r"^(last 5m) .* up to [\d,]+$", r"\1", screen, flags=re.M)
    return re.sub(r" +every [\d.]+ m?s(: a listing takes .*)?$", "", screen, flags=re.M)


def expect_screen(tmux, name):
    """Waits until the screen is that of the file."""
    expected = (SCREENS / f"{name}.txt").read_text(encoding="utf-8").rstrip("\n")
    seen = []

    def is_so():
        seen[:] = [normalise(tmux.screen())]
        return seen[0] == expected

    def explain():
        lines = difflib.unified_diff(expected.split("\n"), seen[0].split("\n"), lineterm="")
        return f"the screen {name}:\n" + "\n".join(lines)

    wait_until(is_so, explain)


@pytest.fixture
def crowd(server, make_clients):
    """35 sessions: 12 named pool-a, 3 named other, 20 without a name, 10 of them by TCP."""
    return {
        "unix": make_clients(server, total=25, named={"pool-a": 12, "other": 3}),
        "tcp": make_clients(server, total=10, tcp=True),
    }


@pytest.fixture
def start_top(make_tmux):
    """start_top(daemon, options..., **of_tmux): it has shown its first screen."""

    def start(daemon, *options, **of_tmux):
        tmux = make_tmux(**of_tmux)
        tmux.run(command(daemon.socket_path, "top", "r-test", "--interval", "200ms", *options))
        tmux.expect("r-test  standalone")
        return tmux

    return start


def test_grouping_sorting_and_marking(daemon, crowd, start_top):
    tmux = start_top(daemon)
    expect_screen(tmux, "by-source")
    tmux.press("3")
    expect_screen(tmux, "by-name")
    tmux.press("j", "Down", "k")
    expect_screen(tmux, "marked")
    tmux.press("s")
    tmux.expect("the fastest growing first")
    tmux.press("s")
    expect_screen(tmux, "in-order")
    tmux.press("?")
    expect_screen(tmux, "help")
    tmux.press("x")
    expect_screen(tmux, "in-order")
    tmux.press("b")
    tmux.expect("LIB-NAME")


def test_any_field(daemon, crowd, start_top):
    tmux = start_top(daemon, "--by", "type", "--except", "name = sesskilld:*")
    expect_screen(tmux, "by-type")
    tmux.press("1")
    tmux.expect("  ADDR")
    tmux.press("6")
    tmux.expect("  TYPE")


def test_filter(daemon, crowd, start_top):
    tmux = start_top(daemon, "--by", "name", "--match", "type = normal")
    tmux.press("/")
    tmux.type("nam = pool-*")
    tmux.press("Enter")
    expect_screen(tmux, "bad-selector")
    tmux.press(*["BSpace"] * len(" = pool-*"))
    tmux.type("e = pool-*")
    tmux.press("Enter")
    expect_screen(tmux, "filtered")
    tmux.press("/")
    tmux.type("xyz")
    tmux.expect("match: name = pool-*xyz")
    tmux.press("Escape")
    expect_screen(tmux, "filtered")
    tmux.press("/", *["BSpace"] * len("name = pool-*"), "Enter")
    tmux.expect("only      type = normal\n")
    tmux.expect("(none)")


def test_sizes(daemon, crowd, start_top):
    tmux = start_top(daemon, "--by", "name", columns=40, lines=10)
    expect_screen(tmux, "small")
    tmux.resize(120, 30)
    expect_screen(tmux, "large")
    tmux.resize(60, 12)
    expect_screen(tmux, "medium")
    tmux.press("G")
    tmux.expect("> sesskilld")
    tmux.resize(20, 4)
    tmux.expect("r-test  standalone")


def test_ascii(daemon, crowd, start_top):
    tmux = start_top(daemon, "--by", "name", env=environment(LC_ALL="C", NO_COLOR="1"))
    expect_screen(tmux, "ascii")


# Growth


def test_growth_and_time_until_full(make_server, make_daemon, make_clients, start_top):
    server = make_server(lines=["maxclients 200"])
    tmux = start_top(make_daemon([server]), "--by", "name")
    tmux.expect("per minute, not growing")
    make_clients(server, total=20, named={"leak": 20})
    growth = r"^growth    \+[\d,]+ per minute, full in \d.* at this pace$"
    leak = r"^[> ] leak +20 +\d\d\.\d% +\+[\d,]+ "
    for expected in (growth, leak):
        tmux.expect_match(expected)


# Killing


def names(server):
    return sorted(session["name"] for session in server.sessions())


def mark(tmux, value):
    tmux.press("g")

    def rows():
        lines = tmux.screen().split("\n")
        titles = [at for at, line in enumerate(lines) if "SESSIONS   SHARE" in line]
        return lines[titles[0] + 1 :] if titles else []

    wait_until(lambda: rows()[:1] and rows()[0].startswith("> "), "a mark on the first group")
    (place,) = [at for at, row in enumerate(rows()) if row[2:].startswith(f"{value} ")]
    for _ in range(place):
        tmux.press("j")
    tmux.expect(f"\n> {value} ")


def ask_for_kill(tmux, value):
    mark(tmux, value)
    tmux.press("K")
    return tmux.expect_match(r"Type the id of the instance to kill them:\Z")


def test_kill_takes_the_id_and_exactly_the_group(server, daemon, crowd, start_top):
    tmux = start_top(daemon, "--by", "name", "--except", "db = 7", lines=40)
    screen = ask_for_kill(tmux, "pool-a")
    assert "Sessions of r-test with\n  name = pool-a\n  not db = 7\n" in screen
    assert re.search(r"This would end 12 sessions|matched +12 ", screen)
    before = names(server)
    tmux.type("r-tesT")
    tmux.press("Enter")
    tmux.expect("That is not the id: nothing was killed.\nPress a key")
    assert names(server) == before
    assert daemon.audit("outcome")[-1]["dry_run"] is True
    tmux.press("x")
    wait_until(tmux.is_in_other_screen, "top again")
    ask_for_kill(tmux, "pool-a")
    tmux.type("r-test")
    tmux.press("Enter")
    tmux.expect("r-test: done")
    tmux.expect("Press a key")
    assert names(server) == [name for name in before if name != "pool-a"]
    crowd["unix"].wait_for(open=13, closed_by_server=12)
    assert crowd["tcp"].status()["open"] == 10
    assert daemon.audit("intent")[-1]["match"] == ["name = pool-a"]
    tmux.press("x")
    expect_screen(tmux, "after-kill")


@pytest.mark.parametrize(
    ("by", "value", "n_unix", "n_tcp"),
    [("addr", "127.0.0.1", 25, 0), ("name", "(none)", 15, 0), ("cmd", "ping", 0, 0)],
)
def test_kill_by(server, daemon, crowd, start_top, by, value, n_unix, n_tcp):
    tmux = start_top(daemon, "--by", by)
    ask_for_kill(tmux, value)
    tmux.type("r-test")
    tmux.press("Enter")
    tmux.expect("Press a key")
    crowd["unix"].wait_for(open=n_unix, closed_by_server=25 - n_unix)
    crowd["tcp"].wait_for(open=n_tcp, closed_by_server=10 - n_tcp)


def test_filters_go_along(server, daemon, crowd, start_top):
    tmux = start_top(daemon, "--by", "db", "--match", "addr = unix")
    tmux.press("/")
    tmux.type("name = other")
    tmux.press("Enter")
    tmux.expect("only      addr = unix; name = other")
    screen = ask_for_kill(tmux, "0")
    assert "  db = 0\n  name = other\n  addr = unix\n" in screen
    tmux.type("r-test")
    tmux.press("Enter")
    crowd["unix"].wait_for(open=22, closed_by_server=3)


@pytest.mark.parametrize(
    ("name", "words"), [("a*", "* and ? in a selector"), ("a,b", "a comma in a selector")]
)
def test_a_group_that_no_selector_means_is_not_killed(server, daemon, start_top, name, words):
    control = server.redis()
    control.client_setname(name)
    tmux = start_top(daemon, "--by", "name")
    mark(tmux, name)
    tmux.press("K")
    tmux.expect(f"Not killed: no selector means exactly this name: {words}")
    assert daemon.audit("intent") == []


def test_fields_that_no_selector_means(daemon, start_top):
    tmux = start_top(daemon, "--by", "flags")
    tmux.press("K")
    tmux.expect("Not killed: groups by flags cannot be killed from here")
    assert daemon.audit("intent") == []


# Trouble


def test_the_daemon_dies_and_comes_back(server, make_daemon, crowd, start_top):
    daemon = make_daemon([server])
    tmux = start_top(daemon, "--by", "name")
    tmux.expect("pool-a")
    daemon.stop()
    screen = tmux.expect_match(r"^no news for [\d.]+ m?s: cannot reach the daemon")
    assert "pool-a" in screen
    daemon.start()
    wait_until(lambda: "cannot reach" not in tmux.screen(), "news")
    tmux.expect("pool-a")
    assert tmux.is_in_other_screen()


def test_a_node_is_lost_and_comes_back(make_server, make_daemon, start_top):
    one, other = make_server(), make_server()
    daemon = make_daemon([{"id": "r-test", "address": [one.address, other.address]}])
    tmux = start_top(daemon)
    tmux.expect("2 of 2 nodes ready")
    tmux.expect_match(r"^fullest   \d of 10,000 +0\.0% +/")
    other.kill()
    tmux.expect("1 of 2 nodes ready")
    tmux.expect(f"{other.unix_path}: ")
    other.start()
    tmux.expect("2 of 2 nodes ready")
    wait_until(lambda: f"{other.unix_path}: " not in tmux.screen(), "the end of the problem")


def test_denied_meanwhile(server, make_daemon, start_top):
    allowed = {"access": [{"effect": "allow", "users": ["root"], "actions": ["hdm:*"]}]}
    daemon = make_daemon([server], settings=allowed)
    tmux = start_top(daemon)
    config = json.loads(open(daemon.config_path, encoding="utf-8").read())
    config["access"][0]["effect"] = "deny"
    daemon.write_config(json.dumps(config))
    daemon.signal(signal.SIGHUP)
    tmux.expect("may not")


# The terminal


@pytest.mark.parametrize("leave", ["q", "C-c", signal.SIGTERM, signal.SIGHUP])
def test_the_terminal_is_given_back(daemon, start_top, leave):
    tmux = start_top(daemon)
    wait_until(tmux.is_in_other_screen, "the other screen")
    if isinstance(leave, str):
        tmux.press(leave)
    else:
        (pid,) = tmux.pids()
        os.kill(pid, leave)
    wait_until(lambda: not tmux.is_in_other_screen(), "the ordinary screen")
    tmux.expect_match(r"\$\Z")
    tmux.type("echo status $?; stty -a\n")
    screen = tmux.expect("noflsh")
    status = 0 if isinstance(leave, str) else 128 + leave
    assert f"\nstatus {status}\n" in screen
    assert not re.search(r"-icanon|-echo\b|-isig", screen)


def test_stop_and_continue(daemon, crowd, start_top):
    tmux = start_top(daemon, "--by", "name")
    tmux.expect("pool-a")
    tmux.press("C-z")
    wait_until(lambda: not tmux.is_in_other_screen(), "the ordinary screen")
    tmux.expect_match(r"\$\Z")
    tmux.type("stty -a\n")
    assert not re.search(r"-icanon|-echo\b", tmux.expect("noflsh"))
    tmux.type("fg\n")
    wait_until(tmux.is_in_other_screen, "the other screen")
    expect_screen(tmux, "by-name")
    tmux.press("q")
    wait_until(lambda: not tmux.is_in_other_screen(), "the ordinary screen")


def groups_of(field, *values):
    return {
        "instance": "r-1", "request_id": "x", "found": 100, "matched": 100, "listed": 0,
        "nodes": [{"address": "n", "found": 100, "matched": 100, "unreadable": 0, "error": None}],
        "warnings": [], "group_by": field,
        "groups": [{"value": value, "count": 10} for value in values],
    }  # fmt: skip


def serve(fake, field, *values):
    node = {"address": "n", "state": "ready", "maxclients": 1000, "last_error": None}
    instance = {"id": "r-1", "kind": "standalone", "nodes": [node]}
    query = urllib.parse.urlencode({"group_by": field, "limit": 1000})
    fake.on("GET", "/v1/instances/r-1", Answer(200, instance))
    fake.on("GET", f"/v1/instances/r-1/sessions?{query}", Answer(200, groups_of(field, *values)))


def test_names_that_clients_choose(fake, make_tmux):
    serve(fake, "name", HOSTILE, "漢字", "é", "x" * 200, "")
    tmux = make_tmux()
    tmux.run(command(fake.socket_path, "top", "r-1", "--by", "name", "--interval", "200ms"))
    tmux.expect("evil")
    expect_screen(tmux, "hostile")


def test_an_address_that_is_selected_with_another_is_not_killed(fake, make_tmux):
    serve(fake, "addr", "10.0.0.1", "::ffff:10.0.0.1")
    tmux = make_tmux()
    tmux.run(command(fake.socket_path, "top", "r-1"))
    tmux.expect("> 10.0.0.1 ")
    tmux.press("K")
    tmux.expect("Not killed: no selector means exactly this addr: ::ffff:10.0.0.1 is selected")
    tmux.press("j", "K")
    tmux.expect("the plain IPv4 address is\nselected with it")
    assert not [request for request in fake.requests if request.method != "GET"]


def test_no_control_character_reaches_the_terminal(fake, make_terminal):
    serve(fake, "name", HOSTILE)
    terminal = make_terminal(fake.socket_path, "top", "r-1", "--by", "name", columns=200)
    terminal.expect("evil")
    terminal.type("q")
    assert terminal.finish() == 0
    text = re.sub(r"\x1b(\[[0-9;?]*[a-zA-Z])", "", terminal.output)
    assert "evil" in text
    bad = [c for c in text if (ord(c) < 32 and c not in "\r\n") or 0x7F <= ord(c) < 0xA0]
    assert not bad and not re.search("[\u200b\u2028\u202e]", text), text


# Without a screen


def wait_for_history(daemon):
    path = "/v1/instances/r-test/history"
    wait_until(lambda: daemon.http("GET", path).json["nodes"], "the node to be heard")


def test_without_a_terminal_it_is_printed_once(daemon, crowd):
    wait_for_history(daemon)
    done = run("top", "r-test", "--by", "name", socket=daemon.socket_path)
    assert (done.returncode, done.err) == (0, "")
    expected = (SCREENS / "once.txt").read_text(encoding="utf-8")
    assert normalise(done.out) == expected
    assert "\x1b" not in done.out


def test_full(make_server, make_daemon, make_clients):
    server = make_server(lines=["maxclients 20"])
    daemon = make_daemon([server])
    make_clients(server, total=20 - server.redis().info("clients")["connected_clients"])
    wait_for_history(daemon)
    for _ in range(7):
        with socket.create_connection(("127.0.0.1", server.port)) as knock:
            assert knock.recv(100).startswith(b"-ERR max number of clients")

    def once():
        return run("top", "r-test", socket=daemon.socket_path).out

    wait_until(lambda: re.search(r"^ +FULL, \d+ refused in the last minute$", once(), re.M), once)
    assert re.search(r"^last 5m .* up to \d+$", once(), re.M)


def test_a_daemon_without_a_history(fake):
    serve(fake, "addr", "10.0.0.1")
    done = run("top", "r-1", socket=fake.socket_path)
    assert done.returncode == 0 and "last 5m" not in done.out and "growth" in done.out


@pytest.mark.parametrize(
    ("options", "env"), [(["--once"], environment()), ([], environment(TERM="dumb"))]
)
def test_once_at_a_terminal(daemon, make_terminal, options, env):
    terminal = make_terminal(daemon.socket_path, "top", "r-test", *options, env=env)
    assert terminal.finish() == 0
    assert "  ADDR " in re.sub(r"\x1b\[\d*m", "", terminal.output)
    assert not re.search(r"\x1b(?!\[\d*m)", terminal.output)


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["nobody"], 1, 'no instance "nobody"'),
        (["r-test", "--by", "colour"], 2, "colour"),
        (["r-test", "--match", "name"], 2, "column"),
        (["r-test", "--interval", "10ms"], 2, "100ms"),
        (["r-test", "--interval", "soon"], 2, "soon"),
        (["r-test", "--json"], 2, "list ID --group-by"),
        ([], 2, "something is missing"),
    ],
)
def test_exit_status(daemon, arguments, status, words):
    done = run("top", *arguments, socket=daemon.socket_path)
    assert (done.returncode, done.out) == (status, "") and words in done.err


def test_exit_status_without_a_daemon(make_directory):
    done = run("top", "r-test", socket=make_directory() + "/none.sock")
    assert (done.returncode, done.out) == (4, "") and "cannot reach the daemon" in done.err


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_exit_status_when_denied(server, make_daemon):
    access = [{"effect": "allow", "users": ["root"], "actions": ["hdm:*"]}]
    daemon = make_daemon([server], settings={"access": access, "control": {"mode": "0666"}})
    os.chmod(daemon.directory, 0o755)
    done = run("top", "r-test", socket=daemon.socket_path, **NOBODY)
    assert done.returncode == 3
