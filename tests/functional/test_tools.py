"""The ground the other tests stand on: the `clients` program and the server wrapper."""

import subprocess
import time

import pytest

from harness import wait_until
from harness.programs import CLIENTS

MIXED = {"subscribed": 12, "blocked": 11, "monitoring": 2, "multi": 7, "named": {"app=1": 5}}


def run_clients(*arguments):
    return subprocess.run(
        [str(CLIENTS), *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def count_flags(server):
    """How many sessions the server shows for each text of flags, a Unix socket's U left out."""
    counts = {}
    for session in server.sessions():
        flags = session["flags"].replace("U", "") or "N"
        counts[flags] = counts.get(flags, 0) + 1
    return counts


@pytest.mark.parametrize("tcp", [False, True], ids=["unix", "tcp"])
def test_each_class_is_what_the_server_sees(server, make_clients, tcp):
    clients = make_clients(server, tcp=tcp, total=100, **MIXED)
    assert clients.n_ready == 100
    assert count_flags(server) == {"N": 68, "P": 12, "b": 11, "O": 2, "x": 7}
    names = [session["name"] for session in server.redis().client_list() if session["name"]]
    # The control library cuts values at the second '='.
    assert len(names) == 5 and names[0].startswith("app")
    status = clients.status()
    assert (status["open"], status["closed_by_server"], status["errors"]) == (100, 0, 0)
    assert {label: counts["open"] for label, counts in status["classes"].items()} == {
        "subscribed": 12,
        "blocked": 11,
        "multi": 7,
        "named:app=1": 5,
        "idle": 63,
        "monitoring": 2,
    }


@pytest.mark.parametrize("tcp", [False, True], ids=["unix", "tcp"])
def test_who_is_closed_is_counted_by_class(server, make_clients, tcp):
    clients = make_clients(server, tcp=tcp, total=100, **MIXED)
    assert server.redis().client_kill_filter(_type="pubsub") == 12
    status = clients.wait_for(closed_by_server=12)
    assert status["open"] == 88
    assert status["classes"]["subscribed"]["closed_by_server"] == 12
    assert status["classes"]["subscribed"]["open"] == 0
    assert server.redis().client_kill_filter(_type="normal", skipme=True) == 88
    status = clients.wait_for(closed_by_server=100)
    assert status["open"] == 0
    assert all(counts["open"] == 0 for counts in status["classes"].values())
    assert status["reconnects"] == 0
    assert server.sessions() == []


def test_shares_of_the_total(server, make_clients):
    clients = make_clients(server, total=200, subscribed="10%", multi="25%")
    counts = clients.status()["classes"]
    assert counts["subscribed"]["open"] == 20
    assert counts["multi"]["open"] == 50
    assert counts["idle"]["open"] == 130


@pytest.mark.parametrize("resp", [2, 3])
def test_channels_of_each_subscriber(server, make_clients, resp):
    options = {"resp3": True} if resp == 3 else {}
    make_clients(server, subscribed=10, channels=50, **options)
    sessions = server.sessions()
    assert [session["sub"] for session in sessions] == ["50"] * 10
    assert {session["resp"] for session in sessions} == {str(resp)}
    assert dict(server.redis().pubsub_numsub("sesskill-clients:49")) == {"sesskill-clients:49": 10}


def test_every_class_speaks_resp3(server, make_clients):
    clients = make_clients(server, total=100, resp3=True, **MIXED)
    assert clients.n_ready == 100
    assert {session["resp"] for session in server.sessions()} == {"3"}


@pytest.mark.parametrize("resp", [2, 3])
def test_users_and_passwords(make_server, make_clients, resp):
    server = make_server(password="top:secret", users=["bob on >b0b ~* &* +@all"])
    options = {"resp3": True} if resp == 3 else {}
    clients = make_clients(
        server,
        total=20,
        monitoring=2,
        subscribed=3,
        users={"bob:b0b": 5},
        auth="default:top:secret",
        **options,
    )
    assert clients.n_ready == 20
    users = [session["user"] for session in server.sessions()]
    assert (users.count("bob"), users.count("default")) == (5, 15)
    assert server.redis().client_kill_filter(user="bob") == 5
    status = clients.wait_for(closed_by_server=5)
    assert status["classes"]["user:bob"]["closed_by_server"] == 5


def test_a_refused_password_is_an_error(make_server, make_clients):
    server = make_server(password="secret")
    clients = make_clients(server, total=3, auth="wrong")
    assert clients.n_ready == 0
    status = clients.status()
    assert (status["open"], status["errors"], status["closed_by_server"]) == (0, 3, 0)
    assert status["last_error"].startswith("WRONGPASS")


def test_sessions_come_from_the_source_address(server, make_clients):
    make_clients(server, tcp=True, total=4, source="127.0.0.2")
    assert {session["addr"].split(":")[0] for session in server.sessions()} == {"127.0.0.2"}


def test_who_is_closed_comes_back(server, make_clients):
    clients = make_clients(server, total=50, subscribed=10, reconnect=True)
    before = server.session_ids()
    for round_number in (1, 2, 3):
        server.redis().client_kill_filter(_type="normal", skipme=True)
        server.redis().client_kill_filter(_type="pubsub")
        status = clients.wait_for(closed_by_server=50 * round_number, open=50)
        assert status["reconnects"] == 50 * round_number
    after = server.session_ids()
    assert len(after) == 50 and not before & after


def test_they_come_back_after_a_crash_of_the_server(server, make_clients):
    clients = make_clients(server, tcp=True, total=20, reconnect=True)
    server.kill()
    clients.wait_for(open=0, closed_by_server=20)
    server.start()
    clients.wait_for(open=20)


def test_a_storm_against_a_full_server_goes_on(make_server, make_clients):
    server = make_server(lines=["maxclients 40"])
    server.redis().ping()
    clients = make_clients(server, total=60, reconnect=True)
    first = clients.status()
    assert first["open"] == 39 and first["errors"] >= 21
    assert first["last_error"] == "ERR max number of clients reached"
    wait_until(lambda: clients.status()["errors"] > first["errors"] + 100, "the storm to go on")
    server.redis().config_set("maxclients", 100)
    clients.wait_for(open=60)


def test_holds_until_enough_are_closed(server):
    process = subprocess.Popen(
        [str(CLIENTS), "--unix", server.unix_path, "--total", "9", "--hold-until-closed", "9"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout.readline() == "ready 9\n"
        assert process.poll() is None
        server.redis().client_kill_filter(_type="normal", skipme=True)
        assert '"closed_by_server":9,' in process.stdout.read()
        assert process.wait(10) == 0


def test_many_are_cheap(server, make_clients):
    begin = time.monotonic()
    clients = make_clients(server, total=9000, subscribed="10%", blocked="10%")
    assert clients.n_ready == 9000
    # Two seconds at most on an idle machine, sanitizers included; the bound is for a busy one.
    assert time.monotonic() - begin < 30
    assert len(server.sessions()) == 9000


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "sessions, please"),
        (["--total", "5"], "either --unix or --port"),
        (["--unix", "/x", "--port", "1", "--total", "5"], "either --unix or --port"),
        (["--unix", "/x", "--total", "0"], "wrong argument: 0"),
        (["--unix", "/x", "--total", "5x"], "wrong argument: 5x"),
        (["--unix", "/x", "--subscribed", "10%"], "a share needs --total"),
        (["--unix", "/x", "--total", "5", "--multi", "6"], "more than --total"),
        (["--unix", "/x", "--total", "5", "--named", "app"], "wrong argument: app"),
        (["--unix", "/x", "--total", "5", "--user", "bob=3"], "wrong argument: bob=3"),
        (["--unix", "/x" * 60, "--total", "5"], "too long for a Unix socket"),
        (["--unix", "/x", "--total", "5", "more"], "what is more?"),
    ],
)
def test_wrong_command_lines(arguments, words):
    done = run_clients(*arguments)
    assert done.returncode == 2
    assert words in done.stderr
    assert done.stdout == ""


def test_help_names_every_option(server):
    done = run_clients("--help")
    assert done.returncode == 0
    for option in ("--total", "--subscribed", "--blocked", "--monitoring", "--multi", "--named"):
        assert option in done.stdout
    for option in ("--user", "--reconnect", "--resp3", "--source", "--hold-until-closed"):
        assert option in done.stdout


def test_a_replica_is_in_sync(server, make_server):
    replica = make_server(primary=server)
    server.redis().set("key", "value")
    wait_until(lambda: replica.redis().get("key") == "value", "the key on the replica")
    assert [s["flags"] for s in server.sessions() if "S" in s["flags"]] == ["S"]


def test_wait_until_says_what_it_waited_for():
    with pytest.raises(AssertionError, match=r"not within 0\.05 s: pigs to fly"):
        wait_until(lambda: False, "pigs to fly", timeout=0.05)
