"""Callers who mean no good: the daemon goes on answering the others, and kills go on."""

import contextlib
import os
import socket

import pytest

N_HOSTILE = 150  # twice as many as the daemon serves at once
MAX_CONNECTIONS = 64 + 8 + 256  # places, those in reserve, and callers who wait for one

HALF_REQUESTS = {
    "silent": b"",
    "half a line": b"POST /v1/inst",
    "half a header": b"GET / HTTP/1.1\r\nHost: x\r\nX-Long: " + b"a" * 1000,
    "no body": b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n",
    "endless chunk": b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1" * 5000,
    "garbage": b"\x00\xff\r\n\r\n" * 50,
}


@pytest.fixture
def hostile(daemon):
    """Opens N_HOSTILE connections that send `piece` and then keep still."""
    with contextlib.ExitStack() as stack:

        def begin(piece):
            for _ in range(N_HOSTILE):
                caller = stack.enter_context(socket.socket(socket.AF_UNIX))
                caller.setblocking(False)
                with contextlib.suppress(BlockingIOError, ConnectionError, BrokenPipeError):
                    caller.connect(daemon.socket_path)
                    if piece:
                        caller.send(piece)

        yield begin


@pytest.mark.parametrize("kind", HALF_REQUESTS)
def test_others_are_served(server, daemon, make_clients, hostile, kind):
    crowd = make_clients(server, total=500)
    hostile(HALF_REQUESTS[kind])
    report = daemon.kill("r-test").json
    assert report["state"] == "done" and report["killed"] >= 500
    crowd.wait_for(closed_by_server=500)
    assert daemon.http("GET", "/healthz").status == 200


def test_a_running_kill_goes_on(server, make_relay, make_daemon, make_clients):
    """While a kill stands still at the server, callers come, hang up and come again."""
    relay = make_relay(server)
    daemon = make_daemon([{"id": "r-test", "address": relay.address}])
    crowd = make_clients(server, total=200)
    relay.hold(b"KILL")
    pending = daemon.begin_kill("r-test")
    relay.wait_until_held()
    for piece in HALF_REQUESTS.values():
        for _ in range(20):
            with daemon.connect() as caller, contextlib.suppress(OSError):
                caller.sendall(piece)
    assert daemon.http("GET", "/v1/kills").json["kills"][0]["state"] == "running"
    relay.release()
    assert pending.response().json["state"] == "done"
    crowd.wait_for(closed_by_server=200)


def test_descriptors_of_hostile_callers_come_back(daemon, hostile):
    def n_open():
        return len(os.listdir(f"/proc/{daemon.pid}/fd"))

    before = n_open()
    for piece in HALF_REQUESTS.values():
        hostile(piece)
    assert daemon.http("GET", "/healthz").status == 200
    assert n_open() <= before + MAX_CONNECTIONS
