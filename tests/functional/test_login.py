"""Getting in: passwords, ACL users, and what is missing is said with what grants it."""

import os
import re

import pytest

from harness import least_user, wait_until

LEAST = "+client|list +client|kill +client|id +client|setname +client|no-evict +info"


def instance_of(server, **keys):
    return {"id": "r-test", "address": server.address, **keys}


def wait_for_error(daemon, pattern):
    """Until the node's last error is like this."""
    wait_until(
        lambda: re.search(pattern, daemon.node()["last_error"] or ""),
        lambda: f"{pattern!r} in the last error; the node is {daemon.node()}",
    )


def assert_kills(daemon, clients, count):
    answer = daemon.das("KillInstanceAllSession", InstanceId="r-test")
    assert answer.status == 200, answer.text
    clients.wait_for(closed_by_server=count)


@pytest.mark.parametrize("ending", ["", "\n", "\r\n"], ids=["bare", "lf", "crlf"])
def test_password_file(make_server, make_daemon, make_clients, make_secret, ending):
    server = make_server(password="p:w=#$%")
    keys = {"password-file": make_secret("p:w=#$%" + ending)}
    daemon = make_daemon([instance_of(server, **keys)])
    clients = make_clients(server, total=20, auth="default:p:w=#$%")
    assert_kills(daemon, clients, 20)
    assert "p:w=" not in daemon.log()


def test_credential(make_server, make_daemon, make_clients, make_directory, monkeypatch):
    server = make_server(password="secret")
    directory = make_directory()
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", directory)
    with open(f"{directory}/redis", "w", encoding="utf-8") as file:
        file.write("secret")
    os.chmod(f"{directory}/redis", 0o400)
    daemon = make_daemon([instance_of(server, credential="redis")])
    assert_kills(daemon, make_clients(server, total=20, auth="secret"), 20)


@pytest.mark.own_accounts("about one that has none")
@pytest.mark.parametrize(
    "keys, words",
    [({"password-file": "wrong"}, "WRONGPASS"), ({}, "needs a password-file or credential")],
    ids=["wrong password", "no password"],
)
def test_it_does_not_get_in(make_server, make_daemon, make_clients, make_secret, keys, words):
    server = make_server(password="right")
    keys = {name: make_secret(value) for name, value in keys.items()}
    daemon = make_daemon([instance_of(server, **keys)], wait="socket")
    clients = make_clients(server, total=5, auth="right")
    wait_for_error(daemon, words)
    # Between two attempts.
    wait_until(lambda: daemon.node()["state"] == "failed", "it to be seen as failed")
    health = daemon.http("GET", "/healthz")
    assert health.status == 503 and "r-test" in health.text and words in health.text
    answer = daemon.kill("r-test", timeout="300ms")
    assert (answer.status, answer.json["state"]) == (503, "failed")
    assert words in answer.json["nodes"][0]["error"]
    assert clients.status()["closed_by_server"] == 0
    assert "right" not in daemon.log()


def test_a_password_that_is_corrected(make_server, make_daemon, make_clients, make_secret):
    """It is read at every login: no restart is needed."""
    server = make_server(password="right")
    path = make_secret("wrong")
    daemon = make_daemon([instance_of(server, **{"password-file": path})], wait="socket")
    clients = make_clients(server, total=5, auth="right")
    wait_for_error(daemon, "WRONGPASS")
    with open(path, "w", encoding="utf-8") as file:
        file.write("right\n")
    # The request waits for the login, which is tried again eagerly.
    assert_kills(daemon, clients, 5)


def test_a_password_that_the_server_does_not_have(server, make_daemon, make_clients, make_secret):
    daemon = make_daemon([instance_of(server, **{"password-file": make_secret("needless")})])
    assert_kills(daemon, make_clients(server, total=5), 5)


def test_least_permissions(make_server, make_daemon, make_clients):
    """Those that the manual has; see harness.least_user for all other tests with them."""
    server = make_server(has_least_user=True)
    daemon = make_daemon([server], has_least_user=True)
    node = daemon.node()
    assert node["missing_permissions"] == []
    assert node["server"].startswith("redis ") and node["maxclients"] > 0
    own = next(s for s in server.redis().client_list() if int(s["id"]) == node["own_id"])
    assert own["user"] == least_user.NAME and own["name"].startswith("sesskilld:")
    assert_kills(daemon, make_clients(server, total=50, subscribed=5, monitoring=1), 50)


def test_only_list_and_kill(make_server, make_daemon, make_clients, make_secret):
    """What is convenient is shown as missing, and the kill works without it."""
    server = make_server(users=["agent on >pw -@all +client|list +client|kill"])
    daemon = make_daemon(
        [instance_of(server, username="agent", **{"password-file": make_secret("pw")})]
    )
    node = daemon.node()
    assert node["missing_permissions"] == [
        "client|id",
        "client|setname",
        "client|no-evict",
        "info",
    ]
    grant = "ACL SETUSER agent +client|id +client|setname +client|no-evict +info"
    keep = "to keep it: ACL SAVE or CONFIG REWRITE"
    assert f"grant it with: {grant}; {keep}\n" in daemon.cli("instances").stdout
    assert_kills(daemon, make_clients(server, total=50, subscribed=5), 50)
    assert daemon.node()["own_id"] == node["own_id"]


@pytest.mark.parametrize("missing", ["client|kill", "client|list"])
def test_a_missing_permission_is_named(
    make_server, make_daemon, make_clients, make_secret, missing
):
    """Before anyone needs it, with the command that grants it; and then it works at once."""
    server = make_server(users=[f"agent on >pw -@all {LEAST} -{missing}"])
    daemon = make_daemon(
        [instance_of(server, username="agent", **{"password-file": make_secret("pw")})],
        wait="socket",
    )
    grant = f"ACL SETUSER agent +{missing}"
    wait_for_error(daemon, re.escape(f"{grant}; to keep it: ACL SAVE or CONFIG REWRITE"))
    assert missing in daemon.node()["missing_permissions"]
    assert grant in daemon.cli("instances").stdout
    clients = make_clients(server, total=5)
    answer = daemon.kill("r-test", timeout="300ms")
    assert answer.status == 503 and grant in answer.json["nodes"][0]["error"]
    assert clients.status()["closed_by_server"] == 0

    server.redis().execute_command(*grant.split())
    assert_kills(daemon, clients, 5)


def test_a_permission_that_is_taken_away(make_server, make_daemon, make_clients, make_secret):
    server = make_server(users=[f"agent on >pw -@all {LEAST}"])
    daemon = make_daemon(
        [instance_of(server, username="agent", **{"password-file": make_secret("pw")})]
    )
    clients = make_clients(server, total=5)
    server.redis().execute_command("ACL", "SETUSER", "agent", "-client|kill")
    answer = daemon.kill("r-test", timeout="1s")
    assert (answer.status, answer.json["state"]) == (500, "failed")
    assert "+client|kill" in answer.json["nodes"][0]["error"]
    assert answer.json["survivors"] >= 5
    assert clients.status()["closed_by_server"] == 0


def test_a_renamed_command(make_server, make_daemon, make_clients):
    server = make_server(lines=["rename-command CLIENT QXZLIENT"])
    daemon = make_daemon([instance_of(server, **{"client-command": "QXZLIENT"})])
    clients = make_clients(server, total=20, subscribed=5)
    assert_kills(daemon, clients, 20)
