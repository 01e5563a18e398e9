"""READY is the truth: what a kill needs is proven on the very connection, and what breaks the promise
later shows as soon as it is seen. What only somebody's hand can mend ends a kill at once."""

import os
import time

import pytest

from harness import wait_until

# Longer than it takes, shorter than the default of 30 s that it used to take.
AT_ONCE_S = 10


def refused(daemon, words):
    """A kill that ends at once, for this reason; all that shows the state says the same."""
    begin = time.monotonic()
    answer = daemon.kill("r-test")
    assert time.monotonic() - begin < AT_ONCE_S
    assert answer.status in (500, 503) and answer.json["state"] == "failed", answer.text
    assert words in answer.json["nodes"][0]["error"], answer.text
    node = daemon.node()
    assert node["state"] == "failed" and words in node["last_error"], node
    assert daemon.http("GET", "/healthz").status == 503
    metrics = daemon.http("GET", "/metrics").text
    assert any(
        line.startswith("sesskill_link_ready{") and line.endswith(" 0")
        for line in metrics.splitlines()
    ), metrics
    return node


def mended(daemon, crowd, n):
    """It sees by itself that it may again."""
    assert daemon.kill("r-test").json["state"] == "done"
    crowd.wait_for(closed_by_server=n)
    assert daemon.http("GET", "/healthz").status == 200


def test_a_listing_over_the_output_limit(make_server, make_daemon, make_clients):
    server = make_server(lines=["client-output-buffer-limit normal 100kb 0 0"])
    daemon = make_daemon([server])
    crowd = make_clients(server, total=2000)
    refused(daemon, "client-output-buffer-limit")
    refused(daemon, "client-output-buffer-limit")
    # It was told once, and does not hammer at the door.
    assert daemon.log().count("client-output-buffer-limit allows") <= 3
    n_before = int(server.redis().info("stats")["total_connections_received"])
    begin = time.monotonic()
    wait_until(lambda: time.monotonic() - begin > 1, "a second")
    assert int(server.redis().info("stats")["total_connections_received"]) - n_before < 10
    server.redis().config_set("client-output-buffer-limit", "normal 0 0 0")
    mended(daemon, crowd, 2000)


@pytest.mark.own_accounts("takes permissions of the default user away")
@pytest.mark.parametrize("permission", ["client|kill", "client|list"])
def test_a_permission_that_is_taken_away(server, daemon, make_clients, permission):
    """Without a kill it is seen within some ten seconds, with one at once."""
    own_ids = daemon.own_ids()
    crowd = make_clients(server, total=5)
    control = server.redis()
    control.execute_command("ACL", "SETUSER", "default", f"-{permission}")
    node = refused(daemon, permission)
    assert permission in node["missing_permissions"]
    control.execute_command("ACL", "SETUSER", "default", f"+{permission}")
    mended(daemon, crowd, 5)
    # On the same connections.
    assert daemon.own_ids() == own_ids
    control.execute_command("ACL", "SETUSER", "default", f"-{permission}")
    wait_until(lambda: daemon.node()["state"] == "failed", "the state, without a kill", 30)
    control.execute_command("ACL", "SETUSER", "default", f"+{permission}")
    wait_until(lambda: daemon.node()["state"] == "ready", "it to be good again")


@pytest.mark.own_accounts("without ACL, CLIENT is renamed by name")
def test_client_has_another_name(make_server, make_daemon):
    server = make_server(lines=["rename-command CLIENT KLIENT"])
    daemon = make_daemon([server], wait="socket")
    wait_until(lambda: "unknown command" in (daemon.node()["last_error"] or ""), "the refusal")
    refused(daemon, "set client-command to it")


@pytest.mark.own_accounts("the account is wrong")
def test_wrong_password(make_server, make_daemon, make_directory):
    """Whoever waits: it is tried twice a second at most."""
    secret = f"{make_directory()}/pass"
    with open(secret, "w", encoding="utf-8") as file:
        file.write("wrong\n")
    os.chmod(secret, 0o600)
    server = make_server(users=["agent on >right ~* &* +@all"])
    keys = {"id": "r-test", "address": server.address, "username": "agent"}
    daemon = make_daemon([{**keys, "password-file": secret}], wait="socket")
    begin = time.monotonic()
    for _ in range(6):
        refused(daemon, "WRONGPASS")
    took = time.monotonic() - begin
    tries = int(server.redis().info("commandstats")["cmdstat_auth"]["calls"])
    assert tries <= 3 + took * 2.5, (tries, took)
