"""SIGTERM while listings are on their way: they are answered, and nobody can put the end off."""

import signal

import pytest

from harness import wait_until

LISTING = "/v1/instances/r-test/sessions"


def test_a_listing_is_answered(server, make_relay, make_daemon, make_clients):
    relay = make_relay(server)
    daemon = make_daemon([{"id": "r-test", "address": relay.address}])
    make_clients(server, total=50)
    relay.hold(b"LIST")
    listing = daemon.begin("GET", LISTING)
    relay.wait_until_held()
    daemon.signal(signal.SIGTERM)
    wait_until(lambda: "stopping on signal" in daemon.log(), daemon.explain)
    relay.release()
    answer = listing.response()
    assert answer.status == 200 and len(answer.json["sessions"]) >= 51
    assert daemon.wait_for_end() == 0
    assert daemon.audit()[-1]["event"] == "stop"


def test_nobody_holds_up_the_end(make_server, make_daemon, make_clients):
    """Neither a server that is silent nor a caller who does not read."""
    silent, talkative = make_server(), make_server()
    daemon = make_daemon(
        [
            {"id": "r-silent", "address": silent.address, "command-timeout": "1h"},
            {"id": "r-test", "address": talkative.address},
        ]
    )
    make_clients(talkative, total=5000)
    silent.pause_process()
    listing = daemon.begin("GET", "/v1/instances/r-silent/sessions")
    with daemon.connect() as caller:
        caller.sendall(f"GET {LISTING} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        assert caller.recv(1)
        daemon.signal(signal.SIGTERM)
        assert daemon.wait_for_end(timeout=25) == 0
    listing.hang_up()
    assert daemon.audit()[-1]["event"] == "stop"



def head_of(method, path, n_bytes=0):
    return (
        f"{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {n_bytes}\r\n"
        "Content-Type: application/x-www-form-urlencoded\r\n\r\n"
    ).encode()


def send_and_end(daemon, caller, *requests):
    """They have arrived when the daemon is told to stop. All that it answers."""
    daemon.signal(signal.SIGSTOP)
    caller.sendall(b"".join(requests))
    daemon.signal(signal.SIGTERM)
    daemon.signal(signal.SIGCONT)
    answer = b"".join(iter(lambda: caller.recv(65536), b""))
    assert daemon.wait_for_end() == 0
    return answer


KILL = b"Action=KillInstanceAllSession&InstanceId=r-test"


@pytest.mark.parametrize("before", [b"", head_of("GET", "/healthz")], ids=["alone", "second"])
def test_what_has_arrived_is_carried_out(server, make_daemon, make_clients, before):
    """A kill that is sent just before the daemon is told to stop."""
    daemon = make_daemon([{"id": "r-test", "address": server.address}])
    clients = make_clients(server, total=50)
    with daemon.connect() as caller:
        caller.sendall(head_of("GET", "/healthz"))
        assert b" 200 OK\r\n" in caller.recv(4096)
        answer = send_and_end(daemon, caller, before + head_of("POST", "/", len(KILL)) + KILL)
    assert b"Connection: close\r\n" in answer
    # Of two in one go the first may be the last one that is answered, and says so.
    if not before or answer.count(b"HTTP/1.1") == 2:
        assert b'"Success":"true"' in answer, answer
        clients.wait_for(open=0, closed_by_server=50)
        assert [line["event"] for line in daemon.audit()][-3:] == ["intent", "outcome", "stop"]


def test_a_long_answer_is_whole(server, make_daemon):
    """More than the kernel takes at once."""
    daemon = make_daemon([{"id": "r-test", "address": server.address}])
    redis = [server.redis(single_connection_client=True) for _ in range(500)]
    for number, client in enumerate(redis):
        client.client_setname(f"{number:04}" + 2000 * "x")
    path = "/v1/instances/r-test/sessions?group_by=name"
    with daemon.connect() as caller:
        answer = send_and_end(daemon, caller, head_of("GET", path))
    head, body = answer.split(b"\r\n\r\n", 1)
    lines = head.split(b"\r\n")
    assert len(body) > 1000 * 1000 and f"Content-Length: {len(body)}".encode() in lines


@pytest.mark.parametrize("reloads", [0, 1])
def test_an_end_while_the_server_is_silent(server, make_daemon, reloads):
    """Whatever the daemon has asked by itself is not answered any more."""
    daemon = make_daemon([{"id": "r-test", "address": server.address}])
    server.pause_process()
    for _ in range(reloads):
        daemon.signal(signal.SIGHUP)
        wait_until(lambda: "reload" in daemon.log(), daemon.explain)
    daemon.signal(signal.SIGTERM)
    assert daemon.wait_for_end() == 0
    assert daemon.audit()[-1]["event"] == "stop"
