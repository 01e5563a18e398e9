"""A silent server loses its sessions at the kernel: its own, and nobody else's, whoever was there
before or came in its place."""

import os
import signal
import socket
from pathlib import Path

import pytest

from harness import wait_until
from test_kernel import kernel_of, stopped

IMPATIENT = {"command-timeout": "500ms"}
N_THEIRS = 5
TIMEOUT_S = 10
LISTING = "/v1/instances/r-test/sessions"


def connect(ip, port):
    client = socket.create_connection((ip, port), timeout=TIMEOUT_S)
    assert is_alive(client)
    return client


def is_alive(client):
    try:
        client.sendall(b"PING\r\n")
        return client.recv(10) == b"+PONG\r\n"
    except OSError:
        return False


@pytest.fixture
def look_after(make_daemon):
    """A daemon that the kernel obeys, for this server by its TCP address."""

    def make(server, **keys):
        daemon = make_daemon([{"id": "r-test", "address": server.tcp_address, **IMPATIENT, **keys}])
        if kernel_of(daemon) != "yes":
            pytest.skip(f"the kernel ends no connections here: {kernel_of(daemon)}")
        return daemon

    return make


def list_sessions(daemon):
    assert daemon.http("GET", LISTING).status == 200


def cut(server, daemon, **params):
    with stopped(server):
        return daemon.kill("r-test", cut="true", timeout="2s", **params)


@pytest.mark.parametrize("is_restarted", [False, True])
def test_an_address_that_it_has_given_up(make_server, look_after, is_restarted):
    """It was listed there, and somebody else listens there now."""
    server = make_server(lines=["bind 127.0.0.1 127.0.0.2"])
    daemon = look_after(server)
    once = connect("127.0.0.2", server.port)
    list_sessions(daemon)
    if is_restarted:
        run_id = daemon.node()["run_id"]
        server.stop()
        server._lines = ["bind 127.0.0.1"]
        server.start()
        wait_until(lambda: daemon.node()["run_id"] not in ("", run_id), "the next process")
        assert kernel_of(daemon) == "yes"
    else:
        server.redis().config_set("bind", "127.0.0.1")
        once.close()
    other = make_server(lines=[f"port {server.port}", "bind 127.0.0.2"], tcp=False)
    assert other.is_running()
    theirs = [connect("127.0.0.2", server.port) for _ in range(N_THEIRS)]
    mine = connect("127.0.0.1", server.port)
    report = cut(server, daemon).json
    assert all(is_alive(client) for client in theirs), report
    assert is_alive(mine) != is_restarted, report


def test_a_child_that_outlives_it(make_server, look_after):
    """It holds the daemon's connection open; who listens there now is another one."""
    server = make_server()
    daemon = look_after(server)
    redis = server.redis()
    pipeline = redis.pipeline(transaction=False)
    for number in range(5000):
        pipeline.set(f"key-{number}", "x" * 100)
    pipeline.execute()
    redis.config_set("rdb-key-save-delay", 1000)
    redis.bgsave()
    children = Path(f"/proc/{server.pid}/task/{server.pid}/children")
    child = int(wait_until(lambda: children.read_text(encoding="ascii").split(), "the child")[0])
    # By then it has closed the sockets that listen.
    wait_until(Path(server.directory, f"temp-{child}.rdb").exists, "the child to save")
    os.kill(child, signal.SIGSTOP)
    try:
        server.kill()
        server.start()
        theirs = [connect("127.0.0.1", server.port) for _ in range(N_THEIRS)]
        report = daemon.kill("r-test", cut="true", timeout="2s").json
        # Whoever answers is asked; who was found silent was another one.
        assert report["cut"] == 0 or report["nodes"][0]["run_id"], report
        assert report["state"] == "done" or all(is_alive(client) for client in theirs), report
    finally:
        os.kill(child, signal.SIGKILL)


def test_a_listing_of_the_process_before(make_server, look_after):
    """It says nothing about those who are kept now."""
    server = make_server()
    daemon = look_after(server)
    list_sessions(daemon)
    run_id = daemon.node()["run_id"]
    server.stop()
    server.start()
    theirs = [connect("127.0.0.1", server.port) for _ in range(N_THEIRS)]
    wait_until(lambda: daemon.node()["run_id"] not in ("", run_id), "the next process")
    wait_until(lambda: daemon.node()["kernel"] == "yes", "its word, without a listing")
    answer = cut(server, daemon, **{"except": "name = keep"})
    assert (answer.status, answer.json["error"]["code"]) == (409, "NotExact"), answer.text
    assert all(is_alive(client) for client in theirs)


def test_a_port_that_it_has_called_from(make_server, look_after):
    """A replica's link to its master has one, at which it does not listen."""
    master, other = make_server(), make_server()
    replica = make_server(lines=[f"replicaof 127.0.0.1 {master.port}"])
    daemon = look_after(replica)
    wait_until(
        lambda: replica.redis().info("replication")["master_link_status"] == "up", "the replica"
    )
    (link,) = [one for one in replica.sessions() if "M" in one["flags"]]
    port = int(link["laddr"].rpartition(":")[2])
    client = socket.socket()
    client.settimeout(TIMEOUT_S)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        client.bind(("127.0.0.1", port))
        client.connect(("127.0.0.1", other.port))
    except OSError:
        pytest.skip("the kernel gives that port to nobody else")
    assert is_alive(client)
    list_sessions(daemon)
    cut(replica, daemon)
    assert is_alive(client)
