"""Servers by name: what the rest of the host finds is found, and at the same time."""

import os

import pytest

from harness import names, programs, wait_until

PORT = 6379
DEAD, ALIVE = "127.0.0.53", "127.0.0.54"
# Shorter than any look-up that has to wait for a name server.
IMPATIENT = {"defaults": {"connect-timeout": "300ms"}}
# Threads of libc's for look-ups, and those that tell of their ends.
MAX_THREADS = 1 + 2 * 20


@pytest.fixture(scope="module", autouse=True)
def needs_namespaces():
    reason = names.why_not()
    if reason is not None:
        pytest.skip(reason)


@pytest.fixture
def host(make_directory):
    with names.Names(make_directory()) as host:
        yield host


@pytest.fixture
def named_server(host, make_server, make_directory):
    """At 127.0.0.1, over there."""
    program = host.program(make_directory(), programs.REDIS_SERVER)
    return make_server(program=program, tcp=False, lines=["bind 127.0.0.1", f"port {PORT}"])


@pytest.fixture
def look_after(host, make_daemon):
    def make(*instances, wait="socket"):
        return make_daemon(
            [{"id": "r-test", "address": f"redis.test:{PORT}"}, *instances],
            settings=IMPATIENT,
            wrapper=host.wrapper,
            wait=wait,
        )

    return make


def wait_for_link(daemon, timeout=20):
    wait_until(
        lambda: daemon.node()["state"] == "ready",
        lambda: f"the link: {daemon.node()}",
        timeout,
    )
    assert daemon.kill("r-test").json["state"] == "done"


def wait_for_error(daemon, words):
    wait_until(
        lambda: daemon.node()["last_error"] == f'cannot find "redis.test": {words}',
        lambda: f"the error: {daemon.node()}",
    )


def test_a_silent_first_name_server(host, named_server, look_after):
    host.run_name_server(DEAD, "silent")
    host.run_name_server(ALIVE, "redis.test=127.0.0.1")
    host.set_name_servers(DEAD, ALIVE)
    wait_for_link(look_after())


def test_ipv6_is_never_answered(host, named_server, look_after):
    host.run_name_server(ALIVE, "redis.test=127.0.0.1", "no-aaaa")
    host.set_name_servers(ALIVE)
    wait_for_link(look_after())


def test_a_name_that_is_added(host, named_server, look_after):
    host.run_name_server(ALIVE)
    host.set_name_servers(ALIVE)
    daemon = look_after()
    wait_for_error(daemon, "Name or service not known")
    host.set_hosts("127.0.0.1 redis.test")
    wait_for_link(daemon)


def test_other_name_servers(host, named_server, look_after):
    host.run_name_server(ALIVE, "redis.test=127.0.0.1")
    host.set_name_servers(DEAD)
    daemon = look_after()
    wait_for_error(daemon, "Temporary failure in name resolution")
    host.set_name_servers(ALIVE)
    wait_for_link(daemon)


def test_no_name_server_answers(host, named_server, look_after):
    """Who has an address is not affected, threads do not pile up, and the end is an orderly one."""
    host.run_name_server(DEAD, "silent")
    host.set_name_servers(DEAD)
    lost = [{"id": f"lost-{i}", "address": f"lost-{i}.test:{PORT}"} for i in range(50)]
    daemon = look_after({"id": "near", "address": f"127.0.0.1:{PORT}"}, *lost)
    wait_until(lambda: daemon.node("near")["state"] == "ready", "the link")
    wait_for_error(daemon, "Temporary failure in name resolution")
    assert len(os.listdir(f"/proc/{daemon.pid}/task")) <= MAX_THREADS
    assert daemon.kill("near").json["state"] == "done"
    daemon.stop()
