"""Kills with a lease: whom they end is kept out for a time, and let in again by itself."""

import json
import os
import shutil
import signal
import threading
import time

import pytest
import redis

from harness import wait_until
from harness.cli import run
from harness.http import Caller

NOBODY = 65534
PASSWORD = "secret"
WHOLE_LIST = b"*2\r\n$6\r\nCLIENT\r\n$4\r\nLIST\r\n"


def add_user(server, name):
    server.redis().execute_command("ACL", "SETUSER", name, "on", f">{PASSWORD}", "+@all", "~*", "&*")


def is_on(server, name):
    return "on" in server.redis().acl_getuser(name)["flags"]


def n_sessions(server, name):
    return server.redis().execute_command("CLIENT", "LIST").count(f"user={name} ")


def log_in(server, name):
    connection = redis.Redis(unix_socket_path=server.unix_path, username=name, password=PASSWORD)
    connection.ping()
    return connection


class Pool:
    """Sessions of a user that come back for ever; how often one got in, and was refused."""

    def __init__(self, server, name, n):
        self._server, self._name = server, name
        self._is_over = False
        self.n_in, self.n_refused = 0, 0
        self.entries = []
        self._threads = [threading.Thread(target=self._knock, daemon=True) for _ in range(n)]
        for thread in self._threads:
            thread.start()

    def _knock(self):
        pause = threading.Event()
        while not self._is_over:
            try:
                connection = log_in(self._server, self._name)
                self.n_in += 1
                self.entries.append(time.monotonic())
                while not self._is_over:
                    connection.execute_command("BLPOP", "nothing", 0.2)
            except (redis.exceptions.ConnectionError, redis.exceptions.ResponseError) as error:
                self.n_refused += "WRONGPASS" in str(error)
                pause.wait(0.01)

    def end(self):
        self._is_over = True
        for thread in self._threads:
            thread.join()


@pytest.fixture
def pool():
    pools = []

    def make(server, name, n=8):
        add_user(server, name)
        pools.append(Pool(server, name, n))
        wait_until(lambda: pools[-1].n_in >= n, "the pool to be in")
        return pools[-1]

    yield make
    for one in pools:
        one.end()


def leases(daemon):
    answer = daemon.http("GET", "/v1/leases")
    assert answer.status == 200, answer.text
    return answer.json["leases"]


def keep_out(daemon, user="leaky"):
    """For longer than any test; the lease."""
    report = daemon.kill("r-test", match=f"user = {user}", keep_out="1h")
    assert report.json["state"] == "done", report.text
    return leases(daemon)[-1]


def journal(daemon):
    with open(f"{daemon.directory}/state/leases.json", encoding="utf-8") as file:
        return json.load(file)


own_accounts = pytest.mark.own_accounts("about one that may set users")


@own_accounts
def test_they_stay_out_and_come_back(server, daemon, pool):
    crowd, bystanders = pool(server, "leaky"), pool(server, "other", 2)
    n_others = bystanders.n_in
    report = daemon.kill("r-test", match="user = leaky", keep_out="3s", reason="leak")
    assert report.status == 200 and report.json["state"] == "done", report.text
    assert report.json["killed"] == 8
    killed_at = time.monotonic()
    (lease,) = leases(daemon)
    assert (lease["state"], lease["users"], lease["reason"]) == ("closed", ["leaky"], "leak")
    assert [door["state"] for door in lease["doors"]] == ["closed"]
    assert lease["id"] == report.json["request_id"]
    wait_until(lambda: crowd.n_refused > 20, "them to knock")
    assert n_sessions(server, "leaky") == 0
    wait_until(lambda: leases(daemon) == [], "the end of the lease")
    wait_until(lambda: crowd.n_in >= 16, "all to be back")
    back = [at for at in crowd.entries if at > killed_at]
    assert min(back) - killed_at > 2.5 and is_on(server, "leaky")
    assert bystanders.n_in == n_others
    events = [(line["event"], line.get("what")) for line in daemon.audit()]
    assert ("lease", "they are kept out") in events
    assert ("release", "they are let in again") in events
    order = [line["event"] for line in daemon.audit() if "request_id" in line]
    assert order.index("intent") < order.index("lease") < order.index("outcome")


@own_accounts
def test_release_and_extend(server, daemon, pool):
    crowd = pool(server, "leaky", 2)
    daemon.kill("r-test", match="user = leaky", keep_out="5m")
    (lease,) = leases(daemon)
    shown = daemon.cli("leases")
    assert shown.returncode == 0 and lease["id"] in shown.stdout and "leaky" in shown.stdout
    done = daemon.cli("extend", lease["id"][:8], "1h")
    assert done.returncode == 0, done
    (longer,) = leases(daemon)
    assert longer["left_ms"] > 3500 * 1000
    assert daemon.cli("extend", "nosuch", "1h").returncode == 1
    assert daemon.cli("extend", lease["id"], "fortnight").returncode == 2
    assert daemon.cli("extend", lease["id"], "25h").returncode == 2
    done = daemon.cli("release", lease["id"][:8])
    assert done.returncode == 0 and done.stdout == "r-test: leaky may come in again\n"
    wait_until(lambda: leases(daemon) == [], "the end")
    wait_until(lambda: crowd.n_in >= 4, "both to be back")
    assert is_on(server, "leaky") and daemon.cli("leases").stdout == "nobody is kept out\n"
    assert daemon.cli("release", lease["id"]).returncode == 1


@own_accounts
def test_on_a_full_server(make_server, make_daemon, pool):
    server = make_server(lines=["maxclients 20"])
    crowd = pool(server, "leaky", 3)
    daemon = make_daemon([server])
    add_user(server, "leaky")
    held = []
    with pytest.raises(redis.exceptions.ConnectionError):
        while True:
            held.append(log_in(server, "leaky"))
    report = daemon.kill("r-test", match="user = leaky", keep_out="1m").json
    assert report["state"] == "done" and report["killed"] == len(held) + 3
    wait_until(lambda: crowd.n_refused > 5, "them to knock")
    assert not is_on(server, "leaky")


# What is refused before anybody is killed


@own_accounts
@pytest.mark.parametrize(
    ("params", "status", "words"),
    [
        ({"match": "user = leaky", "except": "name = x"}, 409, "no address"),
        ({"match": "user = l*"}, 409, "no address"),
        ({"all": "true"}, 409, "no address"),
        ({"match": "user = leaky", "limit": 3}, 400, "keep_out takes no limit"),
        ({"match": "user = default"}, 409, "no address"),
        ({"match": "user = default", "keep_out_by": "user"}, 409, "the user default"),
        ({"match": "user = leaky,default", "keep_out_by": "user"}, 409, "the user default"),
        ({"match": "user = leaky", "readmit": 5}, 400, "keep_out_by=address"),
        ({"match": "user = leaky", "hold": "true"}, 400, "keep_out_by=address"),
        ({"match": "name = x", "readmit": 0}, 400, "no number"),
        ({"match": "user = leaky", "keep_out": "25h"}, 400, "keep_out"),
        ({"match": "user = leaky", "keep_out": "0s"}, 400, "keep_out"),
        ({"match": "name = x", "keep_out_by": "user"}, 400, "whole users"),
        ({"match": "user = leaky", "keep_out_by": "address"}, 409, "no address"),
        ({"match": "user = leaky", "keep_out_by": "magic"}, 400, "neither"),
    ],
)
def test_refused(server, daemon, pool, params, status, words):
    pool(server, "leaky", 2)
    answer = daemon.kill("r-test", **{"keep_out": "1m", **params})
    assert answer.status == status and words in answer.text, answer.text
    assert is_on(server, "leaky") and leases(daemon) == []
    assert n_sessions(server, "leaky") == 2


@own_accounts
def test_not_those_who_replicate_or_are_protected(make_server, make_daemon, pool):
    server = make_server()
    pool(server, "mixed", 1)
    replica = redis.Redis(unix_socket_path=server.unix_path, username="mixed", password=PASSWORD)
    connection = replica.connection_pool.get_connection("PSYNC")
    connection.send_command("PSYNC", "?", "-1")
    wait_until(lambda: "flags=SU" in server.redis().execute_command("CLIENT", "LIST"), "the replica")
    daemon = make_daemon([{"id": "r-test", "address": server.address, "protect": ["name = ops-*"]}])
    answer = daemon.kill("r-test", match="user = mixed", keep_out="1m")
    assert answer.status == 409 and "replica" in answer.text
    assert answer.json["error"]["code"] == "NotExact" and is_on(server, "mixed")
    connection.disconnect()
    ops = log_in(server, "mixed")
    ops.client_setname("ops-1")
    wait_until(lambda: "flags=SU" not in server.redis().execute_command("CLIENT", "LIST"), "its end")
    answer = daemon.kill("r-test", match="user = mixed", keep_out="1m")
    assert answer.status == 409 and "protects" in answer.text and is_on(server, "mixed")


@own_accounts
def test_not_those_who_are_protected_by_name(server, make_daemon):
    """Although they are not there."""
    add_user(server, "ops-1")
    keys = {"id": "r-test", "address": server.address}
    daemon = make_daemon([{**keys, "protect": ["user = ops-*"]}])
    answer = daemon.kill("r-test", match="user = ops-1", keep_out="1m")
    assert answer.status == 409 and "protects (user = ops-*)" in answer.text
    assert is_on(server, "ops-1") and leases(daemon) == []


@own_accounts
def test_not_its_own_account(server, make_daemon, make_secret):
    add_user(server, "me")
    daemon = make_daemon([{"id": "r-test", "address": server.address, "username": "me",
                           "password-file": make_secret(PASSWORD)}])  # fmt: skip
    answer = daemon.kill("r-test", match="user = me", keep_out="1m")
    assert answer.status == 409 and "own account" in answer.text and is_on(server, "me")


@own_accounts
def test_without_the_permission(server, make_daemon, make_secret, pool):
    """Off unless granted: the refusal has the command."""
    pool(server, "leaky", 2)
    server.redis().execute_command(
        "ACL", "SETUSER", "me", "on", f">{PASSWORD}", "-@all", "+auth", "+hello", "+info", "+ping",
        "+client",
    )  # fmt: skip
    daemon = make_daemon([{"id": "r-test", "address": server.address, "username": "me",
                           "password-file": make_secret(PASSWORD)}])  # fmt: skip
    answer = daemon.kill("r-test", match="user = leaky", keep_out="1m")
    assert answer.status == 503 or answer.status == 500, answer.text
    assert "ACL SETUSER me +acl|setuser +acl|getuser" in answer.text
    assert is_on(server, "leaky") and answer.json["killed"] == 0
    wait_until(lambda: leases(daemon) == [], "its end")
    assert n_sessions(server, "leaky") == 2


@own_accounts
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to be somebody else")
def test_it_is_a_right_of_its_own(server, make_daemon, pool):
    pool(server, "leaky", 1)
    access = [{"effect": "allow", "actions": ["hdm:*"], "users": [str(NOBODY)]}]
    daemon = make_daemon([server], settings={"control": {"mode": "0666"}, "access": access})
    os.chmod(daemon.directory, 0o755)
    nobody = Caller(NOBODY, NOBODY)
    answer = daemon.kill("r-test", caller=nobody, match="user = leaky", keep_out="1m")
    assert answer.status == 403 and "sesskill:KeepOut" in answer.text and is_on(server, "leaky")
    for method in ("GET", "DELETE", "PATCH"):
        path = "/v1/leases/ABCD" if method != "GET" else "/v1/leases"
        assert daemon.http(method, path, caller=nobody).status == 403
    assert daemon.kill("r-test", caller=nobody, match="user = leaky").status == 200


# Whatever happens meanwhile


@own_accounts
def test_a_dry_run_closes_nothing(server, daemon, pool):
    pool(server, "leaky", 2)
    report = daemon.kill("r-test", match="user = leaky", keep_out="1m", dry_run="true")
    assert report.status == 200 and report.json["state"] == "dry_run"
    assert is_on(server, "leaky") and leases(daemon) == []
    answer = daemon.kill("r-test", match="user = default", keep_out="1m", dry_run="true")
    assert answer.status == 409


@own_accounts
def test_who_was_off_stays_off(server, daemon):
    add_user(server, "gone")
    server.redis().execute_command("ACL", "SETUSER", "gone", "off")
    report = daemon.kill("r-test", match="user = gone,nosuchuser", keep_out="2s")
    assert report.json["state"] == "done", report.text
    (lease,) = leases(daemon)
    assert {door["state"] for door in lease["doors"]} == {"not_ours"}
    wait_until(lambda: leases(daemon) == [], "its end")
    assert not is_on(server, "gone")


@own_accounts
def test_who_was_changed_meanwhile_is_left(server, daemon, pool):
    pool(server, "leaky", 1)
    daemon.kill("r-test", match="user = leaky", keep_out="1m")
    server.redis().execute_command("ACL", "SETUSER", "leaky", "-@all")
    (lease,) = leases(daemon)
    daemon.cli("release", lease["id"])
    wait_until(lambda: leases(daemon) == [], "its end")
    assert not is_on(server, "leaky")
    assert "was changed by somebody else" in daemon.log()


@own_accounts
def test_who_was_let_in_by_somebody_stays_in(server, daemon):
    """Although the daemon has to connect again, to the same server."""
    add_user(server, "leaky")
    keep_out(daemon)
    server.redis().execute_command("ACL", "SETUSER", "leaky", "on")
    server.redis().client_kill_filter(_type="normal", skipme=True)
    wait_until(lambda: leases(daemon)[0]["doors"][0]["state"] == "changed", "it to be seen")
    assert is_on(server, "leaky")


@own_accounts
def test_who_was_changed_is_left_after_a_restart_too(server, daemon):
    add_user(server, "leaky")
    keep_out(daemon)
    server.redis().execute_command("ACL", "SETUSER", "leaky", "-@all")
    daemon.signal(signal.SIGKILL)
    daemon.wait_for_end()
    daemon.start("ready")
    wait_until(lambda: leases(daemon)[0]["doors"][0]["state"] == "changed", "it to be seen")
    daemon.cli("release", leases(daemon)[0]["id"])
    wait_until(lambda: leases(daemon) == [], "its end")
    assert not is_on(server, "leaky")


@own_accounts
@pytest.mark.parametrize("is_overdue", [False, True])
def test_the_daemon_is_killed_meanwhile(server, daemon, pool, is_overdue):
    crowd = pool(server, "leaky", 2)
    report = daemon.kill("r-test", match="user = leaky", keep_out="2s" if is_overdue else "1h")
    assert report.json["state"] == "done", report.text
    daemon.signal(signal.SIGKILL)
    daemon.wait_for_end()
    if is_overdue:
        begun = time.monotonic()
        wait_until(lambda: time.monotonic() - begun > 2, "the time to be up")
        assert not is_on(server, "leaky")
    daemon.start("ready")
    if not is_overdue:
        (lease,) = leases(daemon)
        assert lease["users"] == ["leaky"] and lease["left_ms"] > 3500 * 1000
        assert not is_on(server, "leaky")
        assert daemon.cli("release", lease["id"]).returncode == 0
    wait_until(lambda: leases(daemon) == [], "the end")
    wait_until(lambda: crowd.n_in >= 4, "both to be back")
    assert is_on(server, "leaky")


@own_accounts
def test_a_server_that_restarts_gets_its_door_again(make_server, make_daemon):
    """And who came in before that is ended, as everybody was."""
    server = make_server(
        lines=[f"user {name} on >{PASSWORD} +@all ~* &*" for name in ("leaky", "other")]
    )
    daemon = make_daemon([server])
    keep_out(daemon)
    assert not is_on(server, "leaky")
    daemon.signal(signal.SIGSTOP)
    server.kill()
    server.start()
    early, bystander = log_in(server, "leaky"), log_in(server, "other")
    daemon.signal(signal.SIGCONT)
    wait_until(lambda: not is_on(server, "leaky"), "the door to be closed again")
    wait_until(lambda: n_sessions(server, "leaky") == 0, "who came in before to be ended")
    assert bystander.ping() and n_sessions(server, "other") == 1
    early.close()
    (lease,) = leases(daemon)
    wait_until(lambda: len(daemon.audit("outcome")) == 2, "its record")
    outcome = daemon.audit("outcome")[-1]
    assert outcome["killed"] == 1 and lease["id"] in outcome["reason"]
    wait_until(lambda: not journal(daemon)["leases"][0]["doors"][0]["is_late"], "its end")
    daemon.cli("release", lease["id"])
    wait_until(lambda: is_on(server, "leaky"), "it to be open")


@own_accounts
def test_how_often_they_have_knocked(server, daemon, pool):
    crowd = pool(server, "leaky", 2)
    lease = keep_out(daemon)
    wait_until(lambda: (leases(daemon)[0]["refused"] or 0) > 3, "them to be counted")
    assert leases(daemon)[0]["refused"] <= crowd.n_refused + 2
    assert daemon.http("DELETE", f"/v1/leases/{lease['id']}").status == 200
    assert daemon.audit("release")[-1]["refused"] > 3


@own_accounts
def test_released_before_they_are_ended(make_server, make_daemon, make_relay):
    """Then they may be in."""
    server = make_server(lines=[f"user leaky on >{PASSWORD} +@all ~* &*"])
    relay = make_relay(server)
    daemon = make_daemon([{"id": "r-test", "address": relay.address}])
    lease = keep_out(daemon)
    daemon.signal(signal.SIGSTOP)
    server.kill()
    server.start()
    early = log_in(server, "leaky")
    relay.hold(WHOLE_LIST, others_pass=True)
    daemon.signal(signal.SIGCONT)
    wait_until(lambda: len(daemon.kills()) == 2, "the kill of who came in before")
    relay.wait_until_held()
    assert daemon.http("DELETE", f"/v1/leases/{lease['id']}").status == 200
    relay.release()
    wait_until(lambda: len(daemon.audit("outcome")) == 2, "its end")
    assert daemon.audit("outcome")[-1]["state"] == "cancelled" and early.ping()
    wait_until(lambda: is_on(server, "leaky"), "it to be open")


@own_accounts
def test_who_came_in_is_ended_by_the_next_daemon_too(make_server, make_daemon):
    server = make_server(lines=[f"user leaky on >{PASSWORD} +@all ~* &*"])
    daemon = make_daemon([server])
    keep_out(daemon)
    daemon.signal(signal.SIGKILL)
    daemon.wait_for_end()
    server.kill()
    server.start()
    early = log_in(server, "leaky")
    daemon.start("ready")
    wait_until(lambda: n_sessions(server, "leaky") == 0, "who came in before to be ended")
    assert not is_on(server, "leaky")
    early.close()


@own_accounts
def test_a_server_that_is_gone_is_told_as_overdue(make_server, make_daemon):
    server = make_server()
    add_user(server, "leaky")
    daemon = make_daemon([server])
    keep_out(daemon)
    server.pause_process()
    (lease,) = leases(daemon)
    daemon.http("DELETE", f"/v1/leases/{lease['id']}")
    wait_until(lambda: leases(daemon)[0]["state"] == "overdue", "it to be overdue")
    shown = daemon.cli("leases").stdout
    assert "by hand: ACL SETUSER leaky on" in " ".join(shown.split())
    server.resume_process()
    wait_until(lambda: leases(daemon) == [], "the end")
    assert is_on(server, "leaky")


@own_accounts
def test_what_cannot_be_opened_is_given_up(make_server, make_daemon):
    server = make_server()
    add_user(server, "leaky")
    daemon = make_daemon([server])
    keep_out(daemon)
    server.kill()
    (lease,) = leases(daemon)
    path = f"/v1/leases/{lease['id']}"
    assert daemon.http("DELETE", path).status == 200
    wait_until(lambda: leases(daemon)[0]["state"] == "overdue", "it to be overdue")
    assert daemon.http("DELETE", path).status == 200
    assert leases(daemon) == [] and daemon.http("DELETE", path).status == 404
    assert "given up" in daemon.audit("release")[-1]["what"]


@own_accounts
@pytest.mark.parametrize("first_ends", ["first", "second"])
def test_two_leases_of_one_user(server, daemon, first_ends):
    """Who is kept out by both is let in when the last one ends."""
    add_user(server, "leaky")
    for _ in range(2):
        keep_out(daemon)
    one, other = leases(daemon)
    assert [lease["doors"][0]["state"] for lease in (one, other)] == ["closed", "closed"]
    if first_ends == "second":
        one, other = other, one
    daemon.http("DELETE", f"/v1/leases/{one['id']}")
    wait_until(lambda: len(leases(daemon)) == 1, "one to end")
    assert not is_on(server, "leaky")
    daemon.http("DELETE", f"/v1/leases/{other['id']}")
    wait_until(lambda: leases(daemon) == [], "the other one to end")
    assert is_on(server, "leaky")


@own_accounts
def test_the_journal_cannot_be_written(server, make_daemon, pool):
    """Then nobody is kept out: who would let them in again?"""
    pool(server, "leaky", 1)
    daemon = make_daemon([server])
    state = f"{daemon.directory}/state"
    os.makedirs(state, exist_ok=True)
    os.makedirs(f"{state}/leases.json.new", exist_ok=True)
    answer = daemon.kill("r-test", match="user = leaky", keep_out="1m")
    assert "leases.json" in answer.text and answer.json["killed"] == 0
    assert is_on(server, "leaky")
    os.rmdir(f"{state}/leases.json.new")


@own_accounts
def test_a_release_that_cannot_be_journalled(server, daemon):
    """It is one all the same, and written when that is possible again."""
    add_user(server, "leaky")
    keep_out(daemon)
    in_the_way = f"{daemon.directory}/state/leases.json.new"
    os.makedirs(in_the_way)
    (lease,) = leases(daemon)
    answer = daemon.http("DELETE", f"/v1/leases/{lease['id']}")
    assert answer.status == 500 and "released, but not in the journal" in answer.text
    wait_until(lambda: is_on(server, "leaky"), "it to be open")
    assert len(journal(daemon)["leases"]) == 1
    os.rmdir(in_the_way)
    wait_until(lambda: journal(daemon)["leases"] == [], "it to be journalled")


@own_accounts
def test_a_door_that_cannot_be_closed_again_is_told(server, make_daemon, make_secret):
    add_user(server, "leaky")
    add_user(server, "me")
    daemon = make_daemon([{"id": "r-test", "address": server.address, "username": "me",
                           "password-file": make_secret(PASSWORD)}])  # fmt: skip
    keep_out(daemon)
    server.redis().execute_command("ACL", "SETUSER", "me", "-acl|setuser", "-acl|getuser")
    server.redis().client_kill_filter(user="me")
    wait_until(lambda: leases(daemon)[0]["state"] == "incomplete", "it to be seen")
    wait_until(lambda: "cannot be kept out of" in daemon.log(), "it to be told")
    shown = " ".join(daemon.cli("leases").stdout.split())
    assert "incomplete" in shown and "by hand: ACL SETUSER leaky off" in shown
    metrics = daemon.http("GET", "/metrics").text
    assert 'sesskill_leases_incomplete{instance="r-test"} 1' in metrics
    server.redis().execute_command("ACL", "SETUSER", "me", "+acl|setuser", "+acl|getuser")
    wait_until(lambda: leases(daemon)[0]["state"] == "closed", "it to be closed")
    assert not is_on(server, "leaky")


@own_accounts
@pytest.mark.parametrize(
    "text",
    ["[]", "{}", '{"leases": 1}', '{"leases": [{}]}', '{"leases": [{"id": "0000-1"}]}', "", "{"],
)
def test_a_journal_that_is_none_is_put_aside(server, daemon, text):
    daemon.stop()
    path = f"{daemon.directory}/state/leases.json"
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    daemon.start("ready")
    assert "cannot be understood" in daemon.log()
    add_user(server, "leaky")
    keep_out(daemon)
    assert len(journal(daemon)["leases"]) == 1
    with open(f"{path}.bad", encoding="utf-8") as file:
        assert file.read() == text


@own_accounts
def test_one_state_directory_for_two_daemons(server, make_daemon):
    """It is that of the one who was first; of the other when that one has ended, with what it has."""
    add_user(server, "leaky")
    add_user(server, "late")
    first, second = make_daemon([server]), make_daemon([server])
    second.stop()
    shutil.rmtree(f"{second.directory}/state")
    os.symlink(f"{first.directory}/state", f"{second.directory}/state")
    second.start("ready")
    keep_out(first)
    answer = second.kill("r-test", match="user = late", keep_out="1h")
    assert answer.status in (500, 503) and "another daemon's" in answer.text
    assert is_on(server, "late") and len(journal(first)["leases"]) == 1
    first.stop()
    keep_out(second, "late")
    wait_until(
        lambda: sorted(lease["users"][0] for lease in leases(second)) == ["late", "leaky"],
        "both of them, without the refused one",
    )


@own_accounts
def test_cancelled_before_it_has_begun(make_server, make_daemon, pool):
    server = make_server()
    pool(server, "leaky", 1)
    daemon = make_daemon([server])
    server.pause_process()
    pending = daemon.begin_kill("r-test", match="user = leaky", keep_out="1h", timeout="20s")
    wait_until(lambda: daemon.kills(), "the kill")
    (kill,) = daemon.kills()
    assert daemon.http("DELETE", f"/v1/kills/{kill['request_id']}").status == 200
    assert pending.response().json["state"] == "cancelled"
    server.resume_process()
    wait_until(lambda: leases(daemon) == [], "no lease")
    assert is_on(server, "leaky")


def test_clock_in_the_journal(make_daemon, server):
    """After a reboot the wall clock has to do; never for longer than the lease was for."""
    now = int(time.time() * 1000)
    boot = int(time.clock_gettime(time.CLOCK_BOOTTIME) * 1000)
    lease = {
        "id": "0000-1", "instance": "r-gone", "caller": "root", "reason": "", "since_ms": now - 1000,
        "until_ms": now + 600_000, "until_boot_ms": 10**15, "saved_boot_ms": boot + 10**9,
        "is_over": False, "users": ["x"], "doors": [],
    }  # fmt: skip
    daemon = make_daemon([server])
    daemon.stop()
    os.makedirs(f"{daemon.directory}/state", exist_ok=True)
    with open(f"{daemon.directory}/state/leases.json", "w", encoding="utf-8") as file:
        json.dump({"leases": [lease]}, file)
    daemon.start("ready")
    (shown,) = leases(daemon)
    assert 500_000 < shown["left_ms"] <= 601_000
    assert run("leases", socket=daemon.socket_path).returncode == 0
