"""Sessions that the kernel ends: whom, when, and what is said of it."""

import contextlib
import os
import signal
import socket
import threading

import pytest

from harness import wait_until

N_LEAKED = 300
N_KEPT = 20


def kernel_of(daemon):
    """Once it is known: every node is asked within a second, where one session can be asked for."""
    if "list-id" not in daemon.node()["capabilities"]:
        daemon.http("GET", "/v1/instances/r-test/sessions?limit=1")
    return wait_until(
        lambda: (kernel := daemon.node()["kernel"]) not in ("", "not known yet") and kernel,
        "the server's word",
    )


@pytest.fixture
def make_world(make_server, make_clients, make_daemon):
    """A server with clients over TCP, and a daemon that the kernel obeys."""

    def make(named=None, **keys):
        server = make_server()
        keys = {"id": "r-test", "address": server.tcp_address, **keys}
        daemon = make_daemon([keys])
        if kernel_of(daemon) != "yes":
            pytest.skip(f"the kernel ends no connections here: {kernel_of(daemon)}")
        named = named or {"leak": N_LEAKED, "keep": N_KEPT}
        return server, daemon, make_clients(server, tcp=True, named=named)

    return make


def way(daemon):
    """What makes the plan take the kernel: by itself it does where one command takes one id."""
    capabilities = daemon.node()["capabilities"]
    if "list-id" not in capabilities:
        pytest.skip("sessions cannot be looked up by their ids")
    return {"via": "kernel"} if "multi-id" in capabilities else {}


def open_by_name(clients):
    return {name: each["open"] for name, each in clients.status()["classes"].items()}


def plan_of(report):
    return [step["command"] for step in report["nodes"][0]["plan"]]


@contextlib.contextmanager
def stopped(server):
    os.kill(server.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(server.pid, signal.SIGCONT)


# By the plan


def test_a_selection(make_world):
    server, daemon, clients = make_world()
    by_kernel = way(daemon)
    dry = daemon.kill("r-test", match="name = leak", dry_run="true", **by_kernel).json
    assert plan_of(dry) == [f"cut {N_LEAKED} sockets at the kernel"]
    if by_kernel:
        dry = daemon.kill("r-test", match="name = leak", dry_run="true").json
        assert not any("kernel" in command for command in plan_of(dry)), plan_of(dry)
    report = daemon.kill("r-test", match="name = leak", **by_kernel).json
    assert (report["state"], report["killed"], report["cut"]) == ("done", N_LEAKED, N_LEAKED)
    assert report["nodes"][0]["cut"] == N_LEAKED and report["gone"] == 0, report
    clients.wait_for(reset=N_LEAKED)
    assert open_by_name(clients) == {"named:leak": 0, "named:keep": N_KEPT}
    (outcome,) = daemon.audit("outcome")[-1:]
    assert outcome["cut"] == N_LEAKED


def test_by_the_protocol_alone(make_world):
    _, daemon, clients = make_world()
    report = daemon.kill("r-test", match="name = leak", via="protocol").json
    assert (report["state"], report["killed"], report["cut"]) == ("done", N_LEAKED, 0)
    assert all("CLIENT KILL" in command for command in plan_of(report))
    assert daemon.audit("intent")[-1]["via"] == "protocol"
    clients.wait_for(closed_by_server=N_LEAKED)


def test_everybody(make_world):
    """One command ends them all: the kernel has no advantage. Forced, it does it all the same."""
    _, daemon, clients = make_world()
    dry = daemon.kill("r-test", dry_run="true").json
    assert not any("kernel" in command for command in plan_of(dry)), plan_of(dry)
    way(daemon)
    report = daemon.kill("r-test", via="kernel").json
    assert (report["state"], report["survivors"]) == ("done", 0), report
    assert report["cut"] >= N_LEAKED + N_KEPT, report
    clients.wait_for(closed_by_server=N_LEAKED + N_KEPT)


def test_everybody_gently(make_world):
    _, daemon, clients = make_world()
    params = {"pace": "gentle", "stall_budget": "1ms", **way(daemon)}
    report = daemon.kill("r-test", **params).json
    assert report["state"] == "done" and report["cut"] >= N_LEAKED + N_KEPT, report
    clients.wait_for(closed_by_server=N_LEAKED + N_KEPT)


def test_unix_sockets_go_by_id(make_world, make_clients):
    server, daemon, clients = make_world()
    others = make_clients(server, named={"leak": 30})
    report = daemon.kill("r-test", match="name = leak", **way(daemon)).json
    assert (report["state"], report["killed"], report["cut"]) == ("done", N_LEAKED + 30, N_LEAKED)
    others.wait_for(closed_by_server=30)
    clients.wait_for(reset=N_LEAKED)


def test_a_daemon_over_a_unix_socket(make_server, make_clients, make_daemon):
    server = make_server()
    daemon = make_daemon([{"id": "r-test", "address": server.address}])
    if kernel_of(daemon) != "yes":
        pytest.skip(f"the kernel ends no connections here: {kernel_of(daemon)}")
    clients = make_clients(server, tcp=True, named={"leak": N_LEAKED, "keep": N_KEPT})
    report = daemon.kill("r-test", match="name = leak", **way(daemon)).json
    assert (report["state"], report["cut"]) == ("done", N_LEAKED), report
    clients.wait_for(reset=N_LEAKED)


def test_ipv6(make_server, make_clients, make_daemon):
    server = make_server(lines=["bind 127.0.0.1 ::1"])
    daemon = make_daemon([{"id": "r-test", "address": f"[::1]:{server.port}"}])
    if kernel_of(daemon) != "yes":
        pytest.skip(f"the kernel ends no connections here: {kernel_of(daemon)}")
    with contextlib.ExitStack() as stack:
        for _ in range(120):
            connection = stack.enter_context(socket.create_connection(("::1", server.port)))
            connection.sendall(b"CLIENT SETNAME leak\r\n")
            assert connection.recv(100) == b"+OK\r\n"
        old = make_clients(server, tcp=True, named={"leak": 30})
        report = daemon.kill("r-test", match="name = leak", **way(daemon)).json
        assert (report["state"], report["cut"]) == ("done", 150), report
        old.wait_for(reset=30)
        with pytest.raises(ConnectionError):
            connection.recv(1)


def test_never(make_world, make_daemon):
    server, _, clients = make_world()
    daemon = make_daemon([{"id": "r-test", "address": server.tcp_address, "kernel": "never"}])
    assert kernel_of(daemon) == "never"
    report = daemon.kill("r-test", match="name = leak").json
    assert (report["state"], report["killed"], report["cut"]) == ("done", N_LEAKED, 0)
    clients.wait_for(closed_by_server=N_LEAKED)


def test_without_the_permission(make_server, make_clients, make_daemon):
    server = make_server()
    keys = {"id": "r-test", "address": server.tcp_address}
    if os.geteuid() != 0:
        pytest.skip("who has no capabilities cannot give one up")
    daemon = make_daemon([keys], wrapper=["setpriv", "--bounding-set", "-net_admin"])
    assert kernel_of(daemon) == "no permission"
    clients = make_clients(server, tcp=True, named={"leak": N_LEAKED})
    report = daemon.kill("r-test", match="name = leak").json
    assert (report["state"], report["killed"], report["cut"]) == ("done", N_LEAKED, 0)
    clients.wait_for(closed_by_server=N_LEAKED)
    report = daemon.kill("r-test", via="kernel").json
    assert report["state"] == "failed" and "no permission" in report["error"], report


def test_bad_parameters(make_world):
    _, daemon, clients = make_world()
    for params, words in (
        ({"all": "true", "via": "magic"}, "neither protocol nor kernel"),
        ({"match": "name = leak", "cut": "true"}, "cut is for all=true"),
        ({"all": "true", "cut": "true", "via": "protocol"}, "exclude each other"),
        ({"all": "true", "cut": "true", "max": "5"}, "exclude each other"),
    ):
        answer = daemon.http("POST", "/v1/instances/r-test/kill", body=params)
        assert answer.status == 400 and words in answer.text, answer.text
    assert clients.status()["closed_by_server"] == 0


# Who is not where it seems


def test_behind_a_proxy(make_world, make_daemon, make_relay, make_clients):
    """The daemon's own connection ends at somebody else's socket: nothing of it is the server's."""
    server, _, clients = make_world()
    relay = make_relay(server, tcp=True)
    address = f"127.0.0.1:{relay.port}"
    daemon = make_daemon([{"id": "r-test", "address": address, "command-timeout": "300ms"}])
    assert kernel_of(daemon) == "behind a proxy"
    with stopped(server):
        report = daemon.kill("r-test", cut="true", timeout="1s").json
        assert (report["state"], report["cut"]) == ("failed", 0), report
    wait_until(lambda: daemon.http("GET", "/healthz").status == 200, "the server to be back")
    report = daemon.kill("r-test", match="name = leak").json
    assert (report["state"], report["killed"], report["cut"]) == ("done", N_LEAKED, 0), report
    clients.wait_for(closed_by_server=N_LEAKED)


def test_in_another_network(make_server, make_daemon, make_clients):
    """A server in a network namespace of its own, reached by its Unix socket."""
    if os.geteuid() != 0:
        pytest.skip("only root makes network namespaces")
    server = make_server(wrapper=["unshare", "--net", "sh", "-c", 'ip link set lo up; exec "$@"', "-"])
    daemon = make_daemon([{"id": "r-test", "address": server.address}])
    assert kernel_of(daemon) == "other network namespace"
    clients = make_clients(server, named={"leak": N_LEAKED})
    report = daemon.kill("r-test", match="name = leak").json
    assert (report["state"], report["killed"], report["cut"]) == ("done", N_LEAKED, 0), report
    clients.wait_for(closed_by_server=N_LEAKED)


# Who changes between the listing and the cut


class Chameleons:
    """Sessions that end and come again from the same port, as fast as they can, each named anew."""

    def __init__(self, server, ports):
        self.is_over = threading.Event()
        self.n_times = 0
        self.wrongly_ended = []
        self._port = server.port
        self._threads = [threading.Thread(target=self._run, args=(port,)) for port in ports]
        for thread in self._threads:
            thread.start()

    def _once(self, port, name):
        with socket.socket() as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            connection.bind(("127.0.0.1", port))
            connection.connect(("127.0.0.1", self._port))
            connection.sendall(f"CLIENT SETNAME {name}\r\nPING\r\n".encode())
            answer = b""
            while not answer.endswith(b"PONG\r\n"):
                piece = connection.recv(100)
                if piece == b"":
                    raise ConnectionError
                answer += piece

    def _run(self, port):
        while not self.is_over.is_set():
            # The one is to be ended, the other is nobody's business.
            for name in ("leak", "keep"):
                try:
                    self._once(port, name)
                except ConnectionError:
                    if name == "keep":
                        self.wrongly_ended.append(port)
                except OSError:
                    pass
            self.n_times += 1

    def stop(self):
        self.is_over.set()
        for thread in self._threads:
            thread.join()


def test_others_on_the_same_ports(make_world):
    """Cookies tell them apart: whoever came later with the same addresses is not hit."""
    server, daemon, clients = make_world()
    ports = []
    for _ in range(4):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            ports.append(listener.getsockname()[1])
    way(daemon)
    chameleons = Chameleons(server, ports)
    try:
        for _ in range(40):
            report = daemon.kill("r-test", match="name = leak", via="kernel").json
            assert report["state"] == "done", report
    finally:
        chameleons.stop()
    assert chameleons.n_times > 40
    assert chameleons.wrongly_ended == []
    assert open_by_name(clients) == {"named:leak": 0, "named:keep": N_KEPT}


def test_replicas_and_own_connections_stay(make_world, make_server):
    server, daemon, clients = make_world()
    replica = make_server(lines=[f"replicaof 127.0.0.1 {server.port}"])
    wait_until(
        lambda: replica.redis().info("replication")["master_link_status"] == "up", "the replica"
    )
    own = daemon.own_ids()
    way(daemon)
    report = daemon.kill("r-test", via="kernel").json
    assert report["state"] == "done" and report["cut"] >= N_LEAKED + N_KEPT, report
    assert daemon.own_ids() == own
    assert replica.redis().info("replication")["master_link_status"] == "up"
    assert server.redis().info("replication")["connected_slaves"] == 1
    clients.wait_for(closed_by_server=N_LEAKED + N_KEPT)


# A server that does not answer


IMPATIENT = {"command-timeout": "300ms"}


def test_a_silent_server(make_world):
    server, daemon, clients = make_world(**IMPATIENT)
    own = daemon.own_ids()
    with stopped(server):
        report = daemon.kill("r-test", cut="true", timeout="2s").json
        clients.wait_for(reset=N_LEAKED + N_KEPT)
    assert (report["state"], report["cut"]) == ("partial", report["killed"]), report
    assert report["cut"] >= N_LEAKED + N_KEPT and report["survivors"] == 0
    words = report["nodes"][0]["error"]
    assert "no answer to" in words and "could not be verified" in words, words
    assert daemon.audit("intent")[-1]["cut"] is True
    wait_until(lambda: daemon.own_ids() == own, "the daemon's own to be ready again")


def test_a_silent_server_that_wakes(make_world):
    server, daemon, clients = make_world(**IMPATIENT)
    with stopped(server):
        pending = daemon.begin_kill("r-test", cut="true", timeout="20s")
        clients.wait_for(reset=N_LEAKED + N_KEPT)
    report = pending.response().json
    assert (report["state"], report["survivors"]) == ("done", 0), report
    assert report["cut"] >= N_LEAKED + N_KEPT and report["warnings"], report


def test_a_silent_server_without_the_word(make_world):
    server, daemon, clients = make_world(**IMPATIENT)
    with stopped(server):
        report = daemon.kill("r-test", timeout="1s").json
        assert (report["state"], report["cut"]) == ("failed", 0), report
        assert clients.status()["closed_by_server"] == 0


def test_a_silent_server_and_exceptions(make_world):
    """Who is excepted is known by a listing that is young enough, or nobody is killed."""
    server, daemon, clients = make_world(**IMPATIENT)
    way(daemon)  # else it was listed, to learn where it is
    params = {"cut": "true", "timeout": "1s", "except": "name = keep"}
    with stopped(server):
        answer = daemon.kill("r-test", **params)
        assert (answer.status, answer.json["error"]["code"]) == (409, "NotExact"), answer.text
    assert clients.status()["closed_by_server"] == 0
    wait_until(lambda: daemon.http("GET", "/healthz").status == 200, "the server to be back")
    assert daemon.http("GET", "/v1/instances/r-test/sessions").status == 200
    with stopped(server):
        report = daemon.kill("r-test", **params).json
        clients.wait_for(reset=N_LEAKED)
    assert report["state"] == "partial" and report["cut"] >= N_LEAKED, report
    assert open_by_name(clients) == {"named:leak": 0, "named:keep": N_KEPT}


def test_a_silent_master_keeps_its_replica(make_world, make_server):
    server, daemon, clients = make_world(**IMPATIENT)
    replica = make_server(lines=[f"replicaof 127.0.0.1 {server.port}"])
    wait_until(
        lambda: replica.redis().info("replication")["master_link_status"] == "up", "the replica"
    )
    assert daemon.http("GET", "/v1/instances/r-test/sessions").status == 200
    with stopped(server):
        daemon.kill("r-test", cut="true", timeout="1s")
        clients.wait_for(reset=N_LEAKED + N_KEPT)
        assert replica.redis().info("replication")["master_link_status"] == "up"


def test_a_unix_relay(make_server, make_daemon, make_clients, make_relay):
    """Who listens at the daemon's socket is not who answers, and may lead anywhere."""
    server = make_server()
    relay = make_relay(server)
    daemon = make_daemon([{"id": "r-test", "address": relay.address}])
    assert kernel_of(daemon) == "other network namespace"
    clients = make_clients(server, tcp=True, named={"leak": N_LEAKED})
    report = daemon.kill("r-test", match="name = leak").json
    assert (report["state"], report["killed"], report["cut"]) == ("done", N_LEAKED, 0), report
    clients.wait_for(closed_by_server=N_LEAKED)


def test_another_server_with_that_port(make_world, make_server, make_clients):
    """Its address is another one: of the silent one's sessions none is there."""
    server, daemon, clients = make_world(**IMPATIENT)
    other = make_server(lines=[f"port {server.port}", "bind 127.0.0.2"], tcp=False)
    theirs = []
    for _ in range(7):
        theirs.append(socket.create_connection(("127.0.0.2", server.port)))
    # And one of its clients has that port on its own side.
    outgoing = socket.socket()
    outgoing.bind(("127.0.0.3", server.port))
    outgoing.connect(("127.0.0.2", server.port))
    theirs.append(outgoing)
    assert daemon.http("GET", "/v1/instances/r-test/sessions").status == 200
    with stopped(server):
        report = daemon.kill("r-test", cut="true", timeout="1s").json
        clients.wait_for(reset=N_LEAKED + N_KEPT)
    assert report["cut"] >= N_LEAKED + N_KEPT, report
    for connection in theirs:
        connection.sendall(b"PING\r\n")
        assert connection.recv(10) == b"+PONG\r\n"
        connection.close()
    assert other.is_running()


def test_a_mute_program_in_its_place(make_world):
    """The connections of whoever listens there now were never the server's."""
    server, daemon, clients = make_world(**IMPATIENT)
    server.kill()
    with socket.create_server(("127.0.0.1", server.port)) as listener:
        theirs = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(5)]
        accepted = [listener.accept()[0] for _ in range(5)]
        report = daemon.kill("r-test", cut="true", timeout="2s").json
        assert (report["state"], report["cut"]) == ("failed", 0), report
        for connection in theirs:
            connection.sendall(b"x")
        for connection in [*theirs, *accepted]:
            connection.close()


def test_an_address_that_somebody_else_has_now(make_world):
    """Listed as one of those to end, it has left; and one who is excepted has come to its port."""
    server, daemon, clients = make_world(**IMPATIENT)
    leaver = socket.socket()
    leaver.bind(("127.0.0.5", 0))
    port = leaver.getsockname()[1]
    leaver.connect(("127.0.0.1", server.port))
    leaver.sendall(b"CLIENT SETNAME leak\r\n")
    assert leaver.recv(100) == b"+OK\r\n"
    assert daemon.http("GET", "/v1/instances/r-test/sessions").status == 200
    leaver.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    leaver.close()
    with socket.socket() as keeper:
        keeper.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        keeper.bind(("127.0.0.5", port))
        keeper.connect(("127.0.0.1", server.port))
        keeper.sendall(b"CLIENT SETNAME keep\r\n")
        assert keeper.recv(100) == b"+OK\r\n"
        with stopped(server):
            params = {"cut": "true", "timeout": "1s", "except": "name = keep"}
            report = daemon.kill("r-test", **params).json
            clients.wait_for(reset=N_LEAKED)
        assert report["cut"] == N_LEAKED, report
        keeper.sendall(b"PING\r\n")
        assert keeper.recv(10) == b"+PONG\r\n"


def told_of_the_cut(daemon, clients, report):
    """What was done by then is told."""
    wait_until(lambda: clients.status()["reset"] == report["killed"], lambda: report)
    outcome = daemon.audit("outcome")[-1]
    assert outcome["killed"] == report["killed"] == report["cut"], (outcome, report)


def test_cancelled_in_the_middle(make_world):
    server, daemon, clients = make_world(named={"leak": 3000}, **IMPATIENT)
    with stopped(server):
        pending = daemon.begin_kill("r-test", cut="true", timeout="20s")
        wait_until(lambda: clients.status()["reset"] > 0, "it to begin")
        daemon.http("DELETE", f"/v1/kills/{daemon.kills()[0]['request_id']}")
        told_of_the_cut(daemon, clients, pending.response().json)


def test_a_deadline_in_the_middle(make_world):
    """Soon after the server was found silent, however long that takes here."""
    server, daemon, clients = make_world(named={"leak": 3000}, **IMPATIENT)
    with stopped(server):
        for ms in range(310, 2000, 20):
            report = daemon.kill("r-test", cut="true", timeout=f"{ms}ms").json
            if report["cut"] > 0:
                break
        assert report["cut"] > 0, report
        told_of_the_cut(daemon, clients, report)


def test_stopped_in_the_middle_of_a_kill(make_world):
    """It has listed them, and some are dead: what is in flight and what the kernel does add up."""
    server, daemon, clients = make_world(named={"leak": 2000}, **IMPATIENT)
    way(daemon)
    params = {"cut": "true", "via": "kernel", "timeout": "20s"}
    pending = daemon.begin_kill("r-test", **params)
    wait_until(lambda: clients.status()["reset"] > 0, "it to begin")
    with stopped(server):
        clients.wait_for(reset=2000)
    report = pending.response().json
    assert report["state"] == "done" and report["extra"] == 0, report
    assert report["killed"] + report["gone"] == report["matched"], report


def test_a_busy_script(make_world):
    server, daemon, clients = make_world(**IMPATIENT)
    server.redis().config_set("lua-time-limit", 100)
    script = socket.create_connection(("127.0.0.1", server.port))
    loop = "while true do end"
    script.sendall(f"*3\r\n$4\r\nEVAL\r\n${len(loop)}\r\n{loop}\r\n$1\r\n0\r\n".encode())
    with script:
        report = daemon.kill("r-test", cut="true", timeout="2s").json
        clients.wait_for(reset=N_LEAKED + N_KEPT)
        assert report["state"] == "partial" and report["cut"] >= N_LEAKED + N_KEPT, report
        daemon.kill("r-test", break_busy="true")


# A child that holds the sockets


def test_a_saving_child_lets_go(make_world):
    """Its server has ended them, but until it is through their clients would not know."""
    server, daemon, clients = make_world()
    if "lib-name" in server.redis().client_list()[0]:
        pytest.skip("servers since 7.2 shut a killed session's socket down")
    control = server.redis()
    control.config_set("save", "")
    control.config_set("rdb-key-save-delay", 1000000)
    control.set("a", "b")
    control.set("c", "d")
    control.bgsave()
    report = daemon.kill("r-test").json
    clients.wait_for(reset=N_LEAKED + N_KEPT)
    control.connection_pool.disconnect()  # it was ended as well
    assert control.info("persistence")["rdb_bgsave_in_progress"] == 1
    assert report["state"] == "done" and report["cut"] >= N_LEAKED + N_KEPT, report
    assert any("the kernel ended them" in warning for warning in report["warnings"]), report


# At the terminal


def test_it_is_asked_in_words(make_world, make_terminal):
    server, daemon, clients = make_world(**IMPATIENT)
    with stopped(server):
        arguments = ["kill", "r-test", "--all", "--cut", "--timeout", "1s"]
        terminal = make_terminal(daemon.socket_path, *arguments)
        shown = terminal.expect("Type the id of the instance")
        assert "the kernel is to end its TCP" in " ".join(shown.split())
        assert clients.status()["closed_by_server"] == 0
        terminal.type("r-test\n")
        clients.wait_for(reset=N_LEAKED + N_KEPT)
