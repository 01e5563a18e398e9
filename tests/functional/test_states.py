"""It gets in, whatever state the server is in; and where it cannot, it says why and what to do."""

import contextlib
import os
import re
import socket
import threading

import pytest
import redis

from harness import wait_until

BUSY_SCRIPT = "while true do end"
STUBBORN_SCRIPT = "redis.call('set', KEYS[1], '1') while true do end"
# An event loop's turn after each key of 2 kB, and 20 s for a thousand of them.
LOADS_SLOWLY = ["loading-process-events-interval-bytes 1024", "key-load-delay 20000"]


def done(daemon, **params):
    answer = daemon.kill("r-test", **params)
    assert answer.status == 200 and answer.json["state"] == "done", answer.text
    return answer.json


class BusyScript:
    """Runs a script for ever on a session of its own."""

    def __init__(self, server, script=BUSY_SCRIPT, *keys):
        self._connection = server.redis(socket_timeout=60)
        self._thread = threading.Thread(target=self._run, args=(script, keys), daemon=True)
        self._thread.start()
        wait_until(lambda: self._is_busy(server), "the script to be too long for the server")

    def _run(self, script, keys):
        try:
            self._connection.eval(script, len(keys), *keys)
        except redis.exceptions.RedisError:
            pass

    @staticmethod
    def _is_busy(server):
        try:
            with server.redis(socket_timeout=1) as other:
                other.get("x")
        except redis.exceptions.TimeoutError:
            return False
        except redis.exceptions.ResponseError as error:
            return "BUSY" in str(error)
        return False

    def wait(self):
        self._thread.join(20)
        assert not self._thread.is_alive()


@pytest.fixture
def impatient(make_server):
    """A server that takes a script for busy after 100 ms."""
    return make_server(lines=["lua-time-limit 100"], ends_scripts=True)


@pytest.fixture
def busy_daemon(make_daemon, impatient):
    return make_daemon([impatient])


def test_busy_script_without_leave_to_end_it(impatient, busy_daemon, make_clients):
    crowd = make_clients(impatient, total=20)
    script = BusyScript(impatient)
    answer = busy_daemon.kill("r-test")
    assert answer.status == 500, answer.text
    assert "BUSY" in answer.json["error"] and "break_busy" in answer.json["error"]
    assert crowd.status()["closed_by_server"] == 0
    with impatient.redis(socket_timeout=5) as other:
        other.script_kill()
    script.wait()


def test_busy_script_that_may_be_ended(impatient, busy_daemon, make_clients):
    crowd = make_clients(impatient, total=20)
    script = BusyScript(impatient)
    report = done(busy_daemon, break_busy=True)
    assert any("script was ended" in warning for warning in report["warnings"])
    crowd.wait_for(closed_by_server=20)
    script.wait()


def test_busy_script_without_the_permission(make_server, make_daemon):
    server = make_server(lines=["lua-time-limit 100"], has_least_user=True)
    daemon = make_daemon([server], has_least_user=True)
    script = BusyScript(server)
    answer = daemon.kill("r-test", break_busy=True)
    assert answer.status == 500, answer.text
    assert "grant it with: ACL SETUSER sesskill +script|kill" in answer.json["nodes"][0]["error"]
    with server.redis(socket_timeout=5) as other:
        other.script_kill()
    script.wait()


def test_busy_script_that_has_written(impatient, busy_daemon, make_clients):
    crowd = make_clients(impatient, total=20)
    BusyScript(impatient, STUBBORN_SCRIPT, "key")
    answer = busy_daemon.kill("r-test", break_busy=True, timeout="3s")
    assert answer.status == 500 and "UNKILLABLE" in answer.json["error"], answer.text
    assert crowd.status()["closed_by_server"] == 0
    impatient.kill()


def test_busy_script_before_the_daemon_came(impatient, make_daemon):
    script = BusyScript(impatient)
    daemon = make_daemon([impatient], wait="socket")
    wait_until(lambda: "BUSY" in (daemon.node()["last_error"] or ""), "the link to be refused")
    done(daemon, break_busy=True)
    script.wait()


def test_paused_clients(server, make_daemon, make_clients):
    """CLIENT PAUSE holds every answer: the command's deadline ends the attempt."""
    daemon = make_daemon(
        [{"id": "r-test", "address": server.address, "command-timeout": "500ms"}]
    )
    make_clients(server, total=20)
    server.redis().execute_command("CLIENT", "PAUSE", 4000, "ALL")
    answer = daemon.kill("r-test")
    assert answer.status == 500 and "no answer to CLIENT LIST" in answer.json["error"]
    assert answer.json["elapsed_ms"] < 4000
    wait_until(lambda: daemon.node()["state"] == "ready", "the link to be back")
    done(daemon)


def test_paused_writes_do_no_harm(server, daemon):
    server.redis().execute_command("CLIENT", "PAUSE", 2000, "WRITE")
    done(daemon)
    server.redis().execute_command("CLIENT", "UNPAUSE")


def test_full_server_and_a_storm(make_server, make_daemon, make_clients):
    """The warm link is inside; everybody else fights for the places."""
    server = make_server(lines=["maxclients 60"])
    daemon = make_daemon([server])
    server.redis().close()
    make_clients(server, total=200, reconnect=True)
    own_id = daemon.node()["own_id"]
    reports = [done(daemon) for _ in range(50)]
    assert sum(report["killed"] for report in reports) > 60
    assert daemon.node()["own_id"] == own_id


def free_places(other):
    """Ends some sessions of the crowd, which have answered a PING; never the daemon's. False."""
    crowd = [s["id"] for s in other.client_list() if s["cmd"] == "ping" and not s["name"]]
    for session_id in crowd[:10]:
        other.client_kill_filter(_id=session_id)
    return False


def test_own_link_killed_in_a_storm(make_server, make_daemon, make_clients):
    """Somebody else's kill hits the link as well: it wins a place back against 200 rivals."""
    server = make_server(lines=["maxclients 60"])
    daemon = make_daemon([{"id": "r-test", "address": server.address, "links": 1}])
    other = server.redis(socket_timeout=5)
    other.client_setname("other")
    make_clients(server, total=200, reconnect=True)
    for _ in range(3):
        own_id = daemon.node()["own_id"]
        other.client_kill_filter(_id=own_id)
        wait_until(lambda: daemon.node()["state"] != "ready", "the link to be lost")
        pending = daemon.begin_kill("r-test", match="name != other")
        # Places become free now and then, as they do.
        wait_until(
            lambda: daemon.node()["state"] == "ready" or free_places(other),
            "the link to be back",
        )
        answer = pending.response()
        assert answer.status == 200, answer.text
        assert daemon.node()["own_id"] != own_id


def test_password_changed_under_it(make_server, make_daemon, make_directory):
    path = f"{make_directory()}/password"

    def write(text):
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(path, 0o600)

    write("old")
    server = make_server(password="old")
    daemon = make_daemon([{"id": "r-test", "address": server.address, "password-file": path}])
    control = server.redis()
    control.config_set("requirepass", "new")
    # The link is in already, and stays.
    done(daemon, match="name = nobody")
    for own_id in daemon.own_ids():
        control.client_kill_filter(_id=own_id)
    wait_until(lambda: "WRONGPASS" in (daemon.node()["last_error"] or ""), "to be refused")
    answer = daemon.kill("r-test", timeout="300ms")
    assert answer.status == 503 and "WRONGPASS" in answer.json["error"]
    write("new\n")
    wait_until(lambda: daemon.node()["state"] == "ready", "the new password to be read")
    done(daemon, match="name = nobody")


def test_short_timeout_of_idle_clients(make_server, make_daemon):
    """`timeout 1` cuts the link off until it has learned to say something often enough."""
    server = make_server(lines=["timeout 1", "hz 100"])
    daemon = make_daemon([server])

    def is_old():
        age = daemon.node()["link_age_ms"]
        return age is not None and age > 4000

    wait_until(is_old, lambda: f"the link to live longer than that: {daemon.node()}", timeout=30)
    done(daemon)


def test_eviction_spares_the_link(make_server, make_daemon, make_clients):
    """CLIENT NO-EVICT keeps the link when `maxmemory-clients` throws out everybody else."""
    server = make_server()
    daemon = make_daemon([server])
    own_id = daemon.node()["own_id"]
    crowd = make_clients(server, total=50)
    # Less than one session's buffers: everybody else is evicted.
    server.redis().config_set("maxmemory-clients", "1kb")
    wait_until(lambda: crowd.status()["open"] < 50, "sessions to be evicted")
    assert daemon.kill("r-test").json["state"] == "done"
    assert daemon.node()["own_id"] == own_id


def test_renamed_command(make_server, make_daemon, make_clients):
    server = make_server(lines=["rename-command CLIENT KLIENT"])
    daemon = make_daemon(
        [{"id": "r-test", "address": server.address, "client-command": "KLIENT"}]
    )
    crowd = make_clients(server, total=20)
    report = done(daemon)
    assert report["nodes"][0]["plan"][0]["command"].startswith("KLIENT KILL")
    crowd.wait_for(closed_by_server=20)


def test_stale_replica(make_server, make_daemon, make_clients):
    """A replica without its master refuses PING and data, but not this."""
    primary = make_server()
    replica = make_server(primary=primary)
    replica.redis().config_set("replica-serve-stale-data", "no")
    daemon = make_daemon([replica])
    crowd = make_clients(replica, total=20)
    primary.kill()
    wait_until(lambda: not replica.is_in_sync(), "the replica to be stale")
    done(daemon)
    crowd.wait_for(closed_by_server=20)


def fill(server):
    """With what LOADS_SLOWLY takes its time for."""
    with server.redis().pipeline() as pipeline:
        for i in range(1000):
            pipeline.set(f"key{i}", "x" * 2000)
        pipeline.execute()


@pytest.fixture
def loading(make_server):
    """A replica that loads what its primary has sent for as long as the test wants."""
    primary = make_server(lines=["rdbcompression no"])
    fill(primary)
    replica = make_server(lines=["repl-diskless-load disabled", *LOADS_SLOWLY])
    replica.to_load = lambda: replica.redis().replicaof("127.0.0.1", primary.port)
    yield replica
    replica.kill()


def is_loading(server):
    """So that it refuses PING."""
    try:
        server.redis().ping()
    except redis.exceptions.BusyLoadingError:
        return True
    return False


def test_loading(loading, make_daemon, make_clients):
    """PING is refused then; the link lives on, is opened anew, and the kill ends done."""
    daemon = make_daemon([loading])
    crowd = make_clients(loading, total=50)
    own_id = daemon.node()["own_id"]
    wait_until(lambda: daemon.node()["clients"] > 50, "the link to look")
    loading.to_load()
    wait_until(lambda: is_loading(loading), "the server to load")
    done(daemon)
    crowd.wait_for(closed_by_server=50)
    # What the link asks now and then, to stay alive, is answered.
    wait_until(lambda: daemon.node()["clients"] < 50, "the link to look again")
    assert daemon.node()["own_id"] == own_id
    loading.redis().client_kill_filter(_id=own_id)
    wait_until(
        lambda: daemon.node()["state"] == "ready" and daemon.node()["own_id"] != own_id,
        lambda: f"a new link; the node is {daemon.node()}",
    )
    done(daemon)
    assert is_loading(loading)


def test_restart_with_much_to_load(make_server, make_daemon):
    """The link comes up and kills while the server still reads its own file."""
    server = make_server(lines=["rdbcompression no", *LOADS_SLOWLY])
    fill(server)
    server.redis().save()
    daemon = make_daemon([server])
    run_id = daemon.node()["run_id"]
    server.kill()
    server.start()
    # The program of make_clients would take the server's refusals for errors.
    others = [server.redis(single_connection_client=True) for _ in range(50)]
    ids = {other.client_id() for other in others}
    wait_until(
        lambda: daemon.node()["state"] == "ready" and daemon.node()["run_id"] != run_id,
        lambda: f"a link to the new process; the node is {daemon.node()}",
    )
    assert re.search(r"^r-test .* ready ", daemon.cli("instances").stdout, re.M)
    done(daemon)
    assert ids & server.session_ids() == set()
    assert is_loading(server)
    server.kill()


def outer_address():
    """One of this host's own that is not loopback, or None. Nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        with contextlib.suppress(OSError):
            probe.connect(("192.0.2.1", 9))
            return probe.getsockname()[0]
    return None


@pytest.mark.skipif(outer_address() is None, reason="this host has loopback addresses only")
def test_protected_mode(make_server, make_daemon):
    """Whoever comes from elsewhere is turned away, and the server's words say what to do."""
    server = make_server(lines=["protected-mode yes", f"bind 127.0.0.1 {outer_address()}"])
    address = f"{outer_address()}:{server.port}"
    daemon = make_daemon([{"id": "r-test", "address": address}], wait="socket")

    def is_denied(node):
        error = node["last_error"] or ""
        return error.startswith("DENIED Redis is running in") and node["state"] == "failed"

    wait_until(lambda: is_denied(daemon.node()), lambda: f"the server's words; {daemon.node()}")
    assert "DENIED" in daemon.cli("instances").stdout
    answer = daemon.kill("r-test", timeout="300ms")
    assert answer.status == 503 and "protected mode" in answer.json["nodes"][0]["error"]
    server.redis().config_set("protected-mode", "no")
    done(daemon)


def test_disk_error(make_server, make_daemon):
    """After a failed save PING is refused; the link does not ask by PING."""
    server = make_server(lines=["enable-protected-configs local"])
    daemon = make_daemon([server])
    control = server.redis()
    os.makedirs(f"{server.directory}/full")
    control.config_set("dir", f"{server.directory}/full")
    os.rmdir(f"{server.directory}/full")
    control.config_set("save", "3600 1")
    control.set("a", "1")
    with pytest.raises(redis.exceptions.ResponseError):
        control.save()
    done(daemon, match="name = nobody")
    assert daemon.node()["state"] == "ready"
    # Else the server's end would wait for a save that cannot succeed.
    control.config_set("save", "")


def test_saving_child(make_server, make_daemon, make_clients):
    """Servers before 7.2: the victims hear of their end when the child is done, and it is said."""
    server = make_server(lines=["rdb-key-save-delay 200000"])
    daemon = make_daemon([server])
    control = server.redis()
    for i in range(20):
        control.set(f"key{i}", "x")
    make_clients(server, total=20)
    is_old = "lib-name" not in control.client_list()[0]
    control.bgsave()
    report = done(daemon)
    assert any("child of the server" in warning for warning in report["warnings"]) == is_old


def test_sessions_younger_than_the_saving_child(make_server, make_daemon, make_clients):
    """The child has the sockets of those who were there when it began, and nobody else's."""
    server = make_server(lines=["rdb-key-save-delay 500000"])
    daemon = make_daemon([server])
    control = server.redis()
    for i in range(40):
        control.set(f"key{i}", "x")
    control.bgsave()

    def is_child_old():
        return control.info("persistence")["rdb_current_bgsave_time_sec"] >= 4

    wait_until(is_child_old, "the child to be four seconds old")
    make_clients(server, named={"young": 20})
    report = done(daemon, match="name = young")
    assert report["killed"] == 20
    assert not any("child of the server" in warning for warning in report["warnings"])
    assert control.info("persistence")["rdb_bgsave_in_progress"] == 1
    is_old = "lib-name" not in control.client_list()[0]
    report = done(daemon)
    assert any("child of the server" in warning for warning in report["warnings"]) == is_old


def test_listing_larger_than_the_output_limit(make_server, make_daemon, make_clients):
    """The server cuts the link off in the middle of its listing: said, and nobody is killed."""
    server = make_server(lines=["client-output-buffer-limit normal 20kb 0 0"])
    daemon = make_daemon([server])
    crowd = make_clients(server, total=400)
    answer = daemon.kill("r-test", timeout="2s")
    assert answer.status in (500, 503), answer.text
    assert crowd.status()["closed_by_server"] == 0
