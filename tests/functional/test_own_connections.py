"""The daemon's other connections while one of them kills: none of them is hit, whatever comes late,
and what was planned for those that were there is not sent when there are others.
"""

import json
import os
import signal
import socket

import pytest

from harness import wait_until

SUBSCRIBE = b"SUBSCRIBE\r\n"


@pytest.fixture
def make_world(make_server, make_clients, make_daemon, make_relay):
    def make(n_clients=50, **keys):
        server = make_server(has_least_user=False)
        relay = make_relay(server)
        keys = {"id": "r-test", "address": relay.address, "command-timeout": "500ms", **keys}
        daemon = make_daemon([keys], has_least_user=False)
        wait_until(lambda: len(ready_ids(daemon)) == 2, "both connections")
        clients = make_clients(server, total=n_clients)
        return server, relay, daemon, clients

    return make


@pytest.fixture
def password_file(make_directory):
    path = f"{make_directory()}/password"
    with open(path, "w", encoding="utf-8") as file:
        file.write("secret\n")
    os.chmod(path, 0o600)
    return path


def links(daemon, instance="r-test"):
    return [
        (link["own_id"], link["state"])
        for node in daemon.instance(instance)["nodes"]
        for link in node["links"]
    ]


def ready_ids(daemon, instance="r-test"):
    return {own_id for own_id, state in links(daemon, instance) if state == "ready"}


def reload(daemon, instances):
    with open(daemon.config_path, encoding="utf-8") as file:
        config = {**json.load(file), "instances": instances}
    n = daemon.log().count("the configuration is reloaded")
    daemon.write_config(json.dumps(config))
    daemon.signal(signal.SIGHUP)
    wait_until(lambda: daemon.log().count("the configuration is reloaded") > n, "the reload")


def own_sessions(server):
    return [session for session in server.sessions() if session["name"].startswith("sesskilld:")]


def n_others(server):
    """Whoever asks here included."""
    return 1 + sum(not session["name"].startswith("sesskilld:") for session in server.sessions())


def test_a_set_command_is_late(make_world):
    """The other connection stays aside until it is answered: it is not hit, and comes back."""
    server, relay, daemon, _ = make_world()
    before, n_victims = ready_ids(daemon), n_others(server)
    relay.hold(b"TYPE", others_pass=True)
    pending = daemon.begin_kill("r-test", timeout="10s")
    relay.wait_until_held()
    report = pending.response().json
    assert (report["state"], report["nodes"][0]["in_flight"]) == ("failed", n_victims)
    assert sorted(session["flags"] for session in own_sessions(server)) == ["PUe", "Ue"]
    # Whoever comes now waits: over the other one his commands would bring it back.
    other = daemon.begin_kill("r-test", dry_run=True, timeout="20s")
    relay.release()
    assert other.response().json["state"] == "dry_run"
    wait_until(lambda: len(daemon.audit("late")) == 1, "the late answer")
    assert daemon.audit("late")[0]["killed"] >= n_victims - 1
    assert ready_ids(daemon) == before
    wait_until(
        lambda: [session["flags"] for session in own_sessions(server)] == ["Ue", "Ue"],
        "the other one to come back",
    )


def test_stepping_aside_is_late(make_world, make_clients):
    """Nobody waits for it any more when it is aside: it comes back, and is not hit as one of them."""
    server, relay, daemon, _ = make_world()
    n_victims = n_others(server)
    relay.hold(SUBSCRIBE, others_pass=True)
    pending = daemon.begin_kill("r-test", timeout="10s")
    relay.wait_until_held()
    report = pending.response().json
    assert (report["state"], report["killed"]) == ("done", n_victims)
    assert "cannot step aside" in report["warnings"][0]
    relay.release()
    # Or another one has taken its place meanwhile.
    wait_until(lambda: [state for _, state in links(daemon)] == ["ready"] * 2, "both connections")
    wait_until(
        lambda: [session["sub"] for session in own_sessions(server)] == ["0", "0"],
        "both to be back",
    )
    before = ready_ids(daemon)
    make_clients(server, total=40, subscribed=30)
    report = daemon.kill("r-test", match="type = pubsub").json
    assert (report["state"], report["killed"], report["extra"]) == ("done", 30, 0)
    assert ready_ids(daemon) == before


@pytest.mark.parametrize("leads_somewhere", [True, False])
def test_a_reload_during_the_listing_of_a_kill(make_world, leads_somewhere):
    """Another spelling of the address, or one where nobody is: it ends where it began."""
    server, relay, daemon, _ = make_world()
    relay.hold(b"LIST\r\n")
    pending = daemon.begin_kill("r-test", timeout="3s")
    relay.wait_until_held()
    port = server.port if leads_somewhere else 1
    reload(daemon, [{"id": "r-test", "address": f"localhost:{port}"}])
    if leads_somewhere:
        wait_until(lambda: len(ready_ids(daemon)) >= 2, "the new address")
    relay.release()
    report = pending.response().json
    assert report["nodes"][0]["address"] == relay.unix_path
    assert (report["state"], report["extra"], report["warnings"]) == ("done", 0, [])
    assert report["killed"] + report["gone"] >= 50
    assert daemon.is_running()


def test_another_server_is_not_swept_in_its_place(make_world, make_server, make_clients):
    """The address is changed, and the connections to the former server are lost, during a kill."""
    _, relay, daemon, _ = make_world()
    other = make_server(has_least_user=False)
    clients = make_clients(other, total=20)
    relay.hold(b"LIST\r\n")
    pending = daemon.begin_kill("r-test", timeout="10s")
    relay.wait_until_held()
    reload(daemon, [{"id": "r-test", "address": other.address}])
    wait_until(lambda: "ready" in dict(links(daemon)).values(), "the new address")
    relay.stop()
    report = pending.response().json
    assert report["nodes"][0]["address"] == relay.unix_path
    # The relay lets through what it holds before it ends: some may have been killed there, or all.
    if report["state"] != "done":
        assert report["state"] in ("failed", "partial")
        assert "after the address was changed" in report["nodes"][0]["error"]
    assert n_others(other) > 20
    # Whoever asks from now on means the new one.
    wait_until(lambda: len(ready_ids(daemon)) == 2, "both connections")
    assert daemon.kill("r-test").json["state"] == "done"
    clients.wait_for(closed_by_server=20)


def test_another_instance_reaches_the_server_before_the_kill(
    make_world, make_server, make_clients, make_daemon
):
    """Listed before, hit by the set command: that is not sent any more."""
    server, other = make_server(has_least_user=False), make_server(has_least_user=False)
    first = {"id": "r-test", "address": [server.address, other.address]}
    daemon = make_daemon([first], has_least_user=False)
    make_clients(server, total=50)
    other.pause_process()
    try:
        # The limit is checked when all nodes are listed.
        pending = daemon.begin_kill("r-test", max=1000, timeout="10s")
        wait_until(
            lambda: daemon.kills() and daemon.kills()[-1]["matched"] >= 50, "the first listing"
        )
        reload(daemon, [first, {"id": "second", "address": server.tcp_address}])
        wait_until(lambda: len(ready_ids(daemon, "second")) == 2, "the second instance")
        before, n_victims = ready_ids(daemon, "second"), n_others(server)
    finally:
        other.resume_process()
    report = pending.response().json
    assert report["nodes"][0]["killed"] == n_victims and report["extra"] == 0
    assert ready_ids(daemon, "second") == before


def test_another_instance_reaches_the_server_during_the_listing(make_world):
    """Its connections are listed, but were not there when that was asked for. By ids."""
    server, relay, daemon, _ = make_world(**{"command-timeout": "10s"})
    first = {"id": "r-test", "address": relay.address, "command-timeout": "10s"}
    relay.hold(b"LIST\r\n")
    pending = daemon.begin_kill("r-test", match="db = 0", timeout="30s")
    relay.wait_until_held()
    reload(daemon, [first, {"id": "second", "address": server.tcp_address}])
    wait_until(lambda: len(ready_ids(daemon, "second")) == 2, "the second instance")
    before = ready_ids(daemon, "second")
    relay.release()
    report = pending.response().json
    assert (report["state"], report["survivors"]) == ("done", 0)
    assert ready_ids(daemon, "second") == before
    assert before <= {int(session["id"]) for session in own_sessions(server)}


def test_the_right_to_kill_is_taken_away_during_the_listing(make_world):
    server, relay, daemon, _ = make_world()
    relay.hold(b"LIST\r\n")
    pending = daemon.begin_kill("r-test", timeout="3s")
    relay.wait_until_held()
    server.redis().execute_command("ACL", "SETUSER", "default", "-client|kill")
    relay.release()
    report = pending.response().json
    assert report["state"] == "failed" and "client|kill" in report["nodes"][0]["error"]
    assert report["killed"] == 0 and daemon.is_running()


def test_an_account_that_may_step_aside(make_server, make_clients, make_daemon, password_file):
    """With what the manual names, one command ends everybody; without it, nobody is hit either."""
    least = "-@all +auth +hello +info +client|list +client|kill +client|id +client|setname"
    server = make_server(
        lines=[
            f"user plain on >secret {least}",
            f"user aside on >secret {least} resetchannels +subscribe +unsubscribe &sesskilld:*",
        ],
        has_least_user=False,
    )
    for username, n_type_commands in (("aside", 1), ("plain", 0)):
        daemon = make_daemon(
            [
                {
                    "id": "r-test",
                    "address": server.address,
                    "username": username,
                    "password-file": password_file,
                }
            ],
            has_least_user=False,
        )
        wait_until(lambda d=daemon: len(ready_ids(d)) == 2, "both connections")
        before = ready_ids(daemon)
        make_clients(server, total=30)
        report = daemon.kill("r-test").json
        commands = [step["command"] for step in report["nodes"][0]["plan"]]
        assert (report["state"], report["extra"]) == ("done", 0)
        assert commands.count("CLIENT KILL TYPE normal SKIPME yes") == n_type_commands
        assert ready_ids(daemon) == before
        daemon.stop()


def test_another_account_after_a_reload_during_the_listing(
    make_server, make_clients, make_daemon, make_relay, password_file
):
    """Sets are told apart by the daemon's own user, which is that of the connections."""
    server = make_server(
        lines=[
            "user first on >secret ~* &* +@all -subscribe",
            "user second on >secret ~* &* +@all -subscribe",
            "user app on >secret ~* &* +@all",
        ],
        has_least_user=False,
    )
    relay = make_relay(server)
    keys = {"id": "r-test", "address": relay.address, "password-file": password_file}
    daemon = make_daemon([{**keys, "username": "first"}], has_least_user=False)
    wait_until(lambda: len(ready_ids(daemon)) == 2, "both connections")
    make_clients(server, total=50, users={"app:secret": 50})
    relay.hold(b"LIST\r\n", others_pass=True)
    pending = daemon.begin_kill("r-test", timeout="10s")
    relay.wait_until_held()
    reload(daemon, [{**keys, "username": "second"}])
    relay.release()
    report = pending.response().json
    assert (report["state"], report["extra"]) == ("done", 0)
    assert report["killed"] + report["gone"] == report["matched"] >= 50


def test_connections_of_two_accounts(make_server, make_clients, make_daemon, password_file):
    """The new account is not let in, and those of the old one kill their own kind: by id."""
    server = make_server(
        lines=[
            "user first on >secret ~* &* +@all -subscribe",
            "user second off >secret ~* &* +@all -subscribe",
        ],
        has_least_user=False,
    )
    keys = {"id": "r-test", "address": server.address, "password-file": password_file}
    daemon = make_daemon([{**keys, "username": "first"}], has_least_user=False)
    wait_until(lambda: len(ready_ids(daemon)) == 2, "both connections")
    before = ready_ids(daemon)
    reload(daemon, [{**keys, "username": "second"}])
    make_clients(server, total=50, users={"first:secret": 50})
    report = daemon.kill("r-test").json
    assert (report["state"], report["extra"]) == ("done", 0)
    assert report["killed"] >= 50 and ready_ids(daemon) == before


def test_a_server_that_claims_to_be_another(
    make_server, make_clients, make_daemon, make_fake_server
):
    """A fake peer tells the run_id of another, and the id of somebody there: it shields nobody."""
    server = make_server(has_least_user=False)
    clients = make_clients(server, total=10)
    (claimed, *_) = sorted(session["id"] for session in server.sessions())
    run_id = server.redis().info("server")["run_id"]
    fake = make_fake_server(
        info=["redis_version:7.0.15", f"run_id:{run_id}"], own_id=int(claimed), is_or=True
    )
    daemon = make_daemon(
        [
            {"id": "r-test", "address": server.address},
            {"id": "fake", "address": fake.address, "links": 1},
        ],
        has_least_user=False,
    )
    assert ready_ids(daemon, "fake") == {int(claimed)}
    before, n_victims = ready_ids(daemon), n_others(server)
    report = daemon.kill("r-test").json
    assert (report["state"], report["killed"], report["protected"]) == ("done", n_victims, 2)
    clients.wait_for(closed_by_server=10)
    assert ready_ids(daemon) == before


@pytest.mark.parametrize("way", ["address", "tcp_address"])
def test_two_instances_of_one_server(make_server, make_clients, make_daemon, password_file, way):
    """By the name of each; where the account may not give names, by the address of the socket, or by
    who listens at the other end of it.
    """
    least = "-@all +auth +hello +info +client|list +client|kill +client|id"
    server = make_server(
        lines=[
            f"user nameless on >secret {least}",
            f"user named on >secret {least} +client|setname",
            f"user uninformed on >secret {least} +client|setname -info",
        ],
        has_least_user=False,
    )
    for username in ("named", "uninformed", "nameless"):
        account = {"username": username, "password-file": password_file}
        daemon = make_daemon(
            [
                {"id": "r-test", "address": server.address, **account},
                {"id": "second", "address": getattr(server, way), **account},
            ],
            has_least_user=False,
        )
        wait_until(lambda d=daemon: len(ready_ids(d)) == len(ready_ids(d, "second")) == 2, "links")
        before = ready_ids(daemon) | ready_ids(daemon, "second")
        for instance in ("r-test", "second"):
            clients = make_clients(server, total=20)
            report = daemon.kill(instance).json
            assert (report["state"], report["protected"]) == ("done", 4)
            clients.wait_for(closed_by_server=20)
            assert ready_ids(daemon) | ready_ids(daemon, "second") == before
        daemon.stop()


def test_who_comes_to_fit_after_the_listing(make_server, make_daemon, make_relay):
    """30 of 60 have left and 30 others have logged in as the user when the kill gets there."""
    server = make_server(
        lines=["user app on nopass ~* +@all", "user web on nopass ~* +@all"], has_least_user=False
    )
    relay = make_relay(server)
    daemon = make_daemon([{"id": "r-test", "address": relay.address}], has_least_user=False)
    apps = [log_in(server, "app") for _ in range(60)]
    webs = [log_in(server, "web") for _ in range(40)]
    # The listing that goes out in one piece with the kill.
    relay.hold(b"LIST\r\n", after=1)
    pending = daemon.begin_kill("r-test", match="user = app")
    relay.wait_until_held()
    for session in apps[:30]:
        session.close()
    wait_until(lambda: len(sessions_of(server, "app")) == 30, "them to leave")
    for session in webs[:30]:
        say(session, "AUTH app x")
    relay.release()
    report = pending.response().json
    assert report["state"] == "done", report
    assert sessions_of(server, "app") == []
    assert (report["killed"], report["gone"], report["extra"]) == (30, 30, 30), report
    assert len(sessions_of(server, "web")) == 10


def test_the_deadline_passes_before_a_set_is_sent(make_world):
    """Only a question is in flight: its answer is nobody's any more."""
    server, relay, daemon, clients = make_world(**{"command-timeout": "5s"})
    relay.hold(b"stats", after=1)
    report = daemon.kill("r-test", timeout="500ms").json
    assert report["state"] in ("partial", "failed") and report["killed"] == 0, report
    relay.release()
    assert daemon.kill("r-test").json["state"] == "done"
    clients.wait_for(closed_by_server=50)


def log_in(server, user):
    session = socket.socket(socket.AF_UNIX)
    session.connect(server.unix_path)
    say(session, f"AUTH {user} x")
    return session


def say(session, line):
    session.sendall(f"{line}\r\n".encode())
    assert session.recv(100).startswith(b"+OK")


def sessions_of(server, user):
    return [session for session in server.sessions() if session["user"] == user]
