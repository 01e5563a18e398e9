"""SIGTERM while listings are on their way: they are answered, and nobody can put the end off."""

import signal

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
