"""Which servers are nodes of an instance: those that prove it, each once, and none of them lost."""

import contextlib
import os
import signal
import socket
import threading

import pytest
import redis

from harness import assert_adds_up, names, programs, wait_until
from harness.groups import Cluster, Sentinel, raw
from harness.server import free_port

NAME = "orders"
# Sentinel turns a server that it takes for a replica into one, if it can.
STUBBORN = ['rename-command SLAVEOF ""', 'rename-command REPLICAOF ""']
FAILED_ID = "07c37dfeb235213a872192d90877d0cd55635b91"


def node_states(daemon, instance):
    return {node["address"]: node["state"] for node in daemon.instance(instance)["nodes"]}


def wait_for_nodes(daemon, instance, expected):
    wait_until(
        lambda: node_states(daemon, instance) == expected,
        lambda: f"{expected}; there are {daemon.instance(instance)}",
        30,
    )


def node_of(answer, address):
    (node,) = [node for node in answer.json["nodes"] if node["address"] == address]
    return node


# ---- Sentinel ----


@pytest.fixture
def make_sentinels(make_directory, logs):
    with contextlib.ExitStack() as stack:

        def make(primary, n, n_replicas, name=NAME, **options):
            sentinels = []
            for _ in range(n):
                sentinel = Sentinel(make_directory(), primary, name, n // 2 + 1, **options)
                stack.callback(sentinel.stop)
                logs.append(sentinel)
                sentinels.append(sentinel)
                # Its own sessions are ended too: that is not the end of the primary.
                sentinel.run(f"SENTINEL SET {name} down-after-milliseconds 60000")
            for sentinel in sentinels:
                wait_until(
                    lambda s=sentinel: len(s.ask("REPLICAS", name)) == n_replicas,
                    "the Sentinels to know the replicas",
                    30,
                )
            return sentinels

        yield make


def watched(sentinels, name=NAME, **keys):
    addresses = [sentinel.address for sentinel in sentinels]
    return {"id": name, "sentinel": {"master": name, "addresses": addresses}, **keys}


def test_a_stranger_at_the_address_of_a_replica(
    make_server, make_sentinels, make_daemon, make_clients
):
    """Sentinel lists it within seconds; its sessions are not ours to end."""
    primary = make_server()
    replica = make_server(primary=primary)
    sentinels = make_sentinels(primary, 1, 1)
    daemon = make_daemon([watched(sentinels)])
    wait_for_nodes(
        daemon, NAME, {primary.tcp_address: "ready", replica.tcp_address: "ready"}
    )
    replica.kill()
    stranger = make_server(lines=[f"port {replica.port}", *STUBBORN], tcp=False)
    stranger.port = replica.port
    strangers = make_clients(stranger, total=20)
    crowd = make_clients(primary, total=20)
    wait_for_nodes(
        daemon, NAME, {primary.tcp_address: "ready", replica.tcp_address: "failed"}
    )

    answer = daemon.kill(NAME, timeout="8s")

    assert answer.status == 500 and answer.json["state"] == "partial", answer.text
    crowd.wait_for(closed_by_server=20)
    assert strangers.status()["closed_by_server"] == 0
    assert "not proven to belong" in node_of(answer, replica.tcp_address)["error"]
    assert node_of(answer, replica.tcp_address)["commands"] == 0
    (node,) = [
        node
        for node in daemon.instance(NAME)["nodes"]
        if node["address"] == replica.tcp_address
    ]
    assert "says that it is none" in node["last_error"], node
    health = daemon.http("GET", "/healthz")
    assert health.status == 503 and "not proven to belong" in health.text
    listed = daemon.http("GET", f"/v1/instances/{NAME}/sessions")
    assert stranger.port not in {int(s["laddr"].split(":")[-1]) for s in listed.json["sessions"]}


class Listener:
    """Takes connections at a port and keeps what it is sent."""

    def __init__(self):
        self._socket = socket.socket()
        self._socket.bind(("127.0.0.1", 0))
        self._socket.listen()
        self.port = self._socket.getsockname()[1]
        self.heard = b""
        self.n_callers = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                caller, _ = self._socket.accept()
                self.n_callers += 1
                threading.Thread(target=self._listen, args=(caller,), daemon=True).start()

    def _listen(self, caller):
        with caller, contextlib.suppress(OSError):
            while data := caller.recv(4096):
                self.heard += data

    def close(self):
        self._socket.close()


class Announcer:
    """A client of the primary that calls itself a replica at that port, for as long as it may."""

    def __init__(self, primary, port):
        self._primary = primary
        self._port = port
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        while not self._is_over.wait(0.2):
            with contextlib.suppress(OSError):
                self._announce()

    def _announce(self):
        words = [
            ["AUTH", self._primary.password],
            ["REPLCONF", "listening-port", str(self._port), "ip-address", "127.0.0.1"],
            ["REPLCONF", "capa", "eof", "capa", "psync2"],
            ["PSYNC", "?", "-1"],
        ]
        with socket.create_connection(("127.0.0.1", self._primary.port)) as client:
            client.settimeout(0.5)
            for line in words:
                # The answers before it have to be out when PSYNC comes.
                client.sendall(encode(line))
                assert client.recv(65536)
            while not self._is_over.is_set():
                with contextlib.suppress(TimeoutError):
                    if not client.recv(65536):
                        return
                client.sendall(encode(["REPLCONF", "ACK", "1"]))

    def close(self):
        self._is_over.set()
        self._thread.join()


def encode(value):
    if isinstance(value, list):
        return b"*%d\r\n" % len(value) + b"".join(encode(item) for item in value)
    return b"$%d\r\n%s\r\n" % (len(value), value.encode())


@pytest.mark.own_accounts
def test_who_announces_himself_as_a_replica(
    make_server, make_sentinels, make_daemon, make_directory, make_clients
):
    """`nodes` keeps the password from him; another instance with that password loses nobody."""
    primary = make_server(password="secret")
    other = make_server(password="secret", lines=STUBBORN)
    sentinels = make_sentinels(primary, 1, 0, lines=[f"sentinel auth-pass {NAME} secret"])
    password_file = os.path.join(make_directory(), "password")
    with open(password_file, "w", encoding="utf-8") as file:
        file.write("secret")
    os.chmod(password_file, 0o600)
    announcer = Announcer(primary, other.port)
    wait_until(lambda: len(sentinels[0].ask("REPLICAS", NAME)) == 1, "it to be adopted", 60)
    daemon = make_daemon(
        [
            watched(sentinels, **{"password-file": password_file}),
            {
                **watched(sentinels, **{"password-file": password_file}),
                "id": "limited",
                "nodes": ["127.0.0.2/32", "redis-*"],
                "address-map": {primary.tcp_address: primary.tcp_address},
            },
        ],
        wait="socket",
    )
    wait_until(
        lambda: node_states(daemon, "limited").get(primary.tcp_address) == "ready",
        lambda: f"the master: {daemon.instance('limited')}",
    )
    others = make_clients(other, total=10)
    for instance in (NAME, "limited"):
        answer = daemon.kill(instance, timeout="7s")
        assert answer.json["state"] == "partial", answer.text
        assert node_of(answer, other.tcp_address)["error"] is not None
        assert node_of(answer, other.tcp_address)["commands"] == 0
        assert node_of(answer, primary.tcp_address)["error"] is None
    assert others.status()["closed_by_server"] == 0
    assert "`nodes`" in node_of(answer, other.tcp_address)["error"], answer.text
    announcer.close()


@pytest.mark.own_accounts
def test_nodes_keeps_the_password_at_home(
    make_server, make_sentinels, make_daemon, make_directory
):
    primary = make_server(password="secret")
    sentinels = make_sentinels(primary, 1, 0, lines=[f"sentinel auth-pass {NAME} secret"])
    password_file = os.path.join(make_directory(), "password")
    with open(password_file, "w", encoding="utf-8") as file:
        file.write("secret")
    os.chmod(password_file, 0o600)
    listener = Listener()
    announcer = Announcer(primary, listener.port)
    wait_until(lambda: len(sentinels[0].ask("REPLICAS", NAME)) == 1, "it to be adopted", 60)
    daemon = make_daemon(
        [
            watched(
                sentinels,
                **{"password-file": password_file, "nodes": ["127.0.0.2/32"]},
                **{"address-map": {primary.tcp_address: primary.tcp_address}},
            )
        ],
        wait="socket",
    )
    wait_until(
        lambda: node_states(daemon, NAME).get(f"127.0.0.1:{listener.port}") == "failed",
        lambda: f"the stranger: {daemon.instance(NAME)}",
    )
    answer = daemon.kill(NAME, timeout="3s")
    assert answer.json["state"] == "partial", answer.text
    # Sentinel itself does send the password there; the daemon has not even said hello.
    assert b"sesskilld" not in listener.heard and b"HELLO" not in listener.heard
    announcer.close()
    listener.close()


class Liar:
    """Answers as a Sentinel of another world."""

    def __init__(self, master_port, replica_port):
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        master = ["name", NAME, "ip", "127.0.0.1", "port", str(master_port)]
        self._answers = {
            "MASTERS": [master + ["config-epoch", str(2**63)]],
            "REPLICAS": [["name", "x", "ip", "127.0.0.1", "port", str(replica_port)]],
        }
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                caller, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(caller,), daemon=True).start()

    def _serve(self, caller):
        with caller, contextlib.suppress(OSError, ValueError):
            file = caller.makefile("rb")
            while line := file.readline():
                words = []
                for _ in range(int(line[1:])):
                    length = int(file.readline()[1:])
                    words.append(file.read(length + 2)[:-2].decode())
                caller.sendall(self._answer(words))

    def _answer(self, words):
        if words[0].upper() == "SENTINEL":
            return encode(self._answers[words[1].upper()])
        if words[0].upper() == "INFO":
            return encode("redis_version:7.0.15\r\nrun_id:1\r\n")
        if words[0].upper() == "AUTH":
            return b"+OK\r\n"
        return b"-ERR not here\r\n"

    def close(self):
        self._listener.close()


def test_one_of_three_sentinels_lies(make_server, make_sentinels, make_daemon, make_clients):
    primary = make_server()
    stranger = make_server()
    sentinels = make_sentinels(primary, 2, 0)
    liar = Liar(stranger.port, stranger.port)
    daemon = make_daemon([watched([liar, *sentinels])], wait="socket")
    wait_for_nodes(daemon, NAME, {primary.tcp_address: "ready"})
    strangers = make_clients(stranger, total=10)
    crowd = make_clients(primary, total=10)

    answer = daemon.kill(NAME)

    assert answer.json["state"] == "done", answer.text
    crowd.wait_for(closed_by_server=10)
    assert strangers.status()["closed_by_server"] == 0

    # With one of three left there is no majority: who was proven stays, and the report says so.
    sentinels[1].stop()
    wait_until(
        lambda: "more than half" in (daemon.instance(NAME)["error"] or ""),
        lambda: f"the error: {daemon.instance(NAME)}",
    )
    crowd = make_clients(primary, total=10)
    answer = daemon.kill(NAME)
    assert answer.json["state"] == "done", answer.text
    crowd.wait_for(closed_by_server=10)
    assert any("more than half" in warning for warning in answer.json["warnings"]), answer.text
    liar.close()


def test_one_of_three_sentinels_knows_of_a_replica(make_server, make_sentinels, make_daemon):
    """It is not logged in to on that word alone; nor is it forgotten."""
    primary = make_server()
    sentinels = make_sentinels(primary, 2, 0)
    listener = Listener()
    liar = Liar(primary.port, listener.port)
    daemon = make_daemon([watched([liar, *sentinels])], wait="socket")
    wait_for_nodes(
        daemon,
        NAME,
        {primary.tcp_address: "ready", f"127.0.0.1:{listener.port}": "failed"},
    )
    answer = daemon.kill(NAME)
    assert answer.json["state"] == "partial", answer.text
    assert "only 1 of 3" in node_of(answer, f"127.0.0.1:{listener.port}")["error"]
    assert listener.n_callers == 0
    listener.close()
    liar.close()


def test_a_replica_in_its_first_sync(make_server, make_sentinels, make_daemon, make_clients):
    """It is asked again until it has the data set."""
    primary = make_server(lines=["repl-diskless-sync-delay 3"])
    late = make_server(lines=[])
    late.redis().execute_command("REPLICAOF", "127.0.0.1", primary.port)
    sentinels = make_sentinels(primary, 1, 1)
    daemon = make_daemon([watched(sentinels)], wait="socket")
    wait_until(lambda: len(node_states(daemon, NAME)) == 2, "both nodes")
    crowd = make_clients(late, total=10)
    answer = daemon.kill(NAME, timeout="20s")
    assert answer.json["state"] == "done", answer.text
    crowd.wait_for(closed_by_server=10)
    wait_until(late.is_in_sync, "the replica to be in sync", 30)


# ---- Cluster ----


def test_a_failed_node_without_an_address(make_server, make_daemon, make_clients):
    """Nobody guesses where it is; a server that happens to be there is not ours."""
    stranger = make_server()
    strangers = make_clients(stranger, total=10)
    (node,) = Cluster(make_server, masters=1, replicas=0).masters
    node.stop()
    with open(f"{node.directory}/nodes.conf", encoding="utf-8") as file:
        lines = file.read()
    line = f"{FAILED_ID} :{stranger.port}@{stranger.port + 10000} master,fail - 1 1 0 disconnected"
    with open(f"{node.directory}/nodes.conf", "w", encoding="utf-8") as file:
        file.write(line + "\n" + lines)
    node.start()
    daemon = make_daemon(
        [{"id": "cart", "cluster": {"addresses": [node.tcp_address]}}], wait="socket"
    )
    wait_until(
        lambda: node_states(daemon, "cart").get(node.tcp_address) == "ready",
        lambda: f"the node: {daemon.instance('cart')}",
    )
    crowd = make_clients(node, total=10)

    answer = daemon.kill("cart")

    assert answer.json["state"] == "partial", answer.text
    assert_adds_up(answer.json)
    crowd.wait_for(closed_by_server=10)
    assert strangers.status()["closed_by_server"] == 0
    (lost,) = [node for node in answer.json["nodes"] if FAILED_ID in node["address"]]
    assert "address is not known" in lost["error"]
    assert FAILED_ID in daemon.cli("instances", "cart").stdout


def same_port_cluster(make_server, n):
    """Nodes at addresses of their own that share a port, and keep their endpoints to themselves."""
    port, bus = free_port(), free_port()
    nodes = []
    for i in range(1, n + 1):
        node = make_server(
            tcp=False,
            lines=[
                f"port {port}",
                f"bind 127.0.0.{i}",
                "cluster-enabled yes",
                f"cluster-port {bus}",
                f"cluster-announce-ip 127.0.0.{i}",
                "cluster-node-timeout 1500",
                "cluster-preferred-endpoint-type unknown-endpoint",
            ],
        )
        nodes.append(node)
    nodes[0].redis().execute_command("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
    for i in range(2, n + 1):
        nodes[0].redis().execute_command("CLUSTER", "MEET", f"127.0.0.{i}", port, bus)
    wait_until(
        lambda: all(
            raw(node, "CLUSTER", "NODES").count("connected") == n
            and "handshake" not in raw(node, "CLUSTER", "NODES")
            for node in nodes
        ),
        "the nodes to know each other",
        30,
    )
    return port, nodes


def test_endpoints_that_are_not_told(make_server, make_daemon, make_clients):
    port, nodes = same_port_cluster(make_server, 3)
    daemon = make_daemon(
        [{"id": "cart", "cluster": {"addresses": [f"127.0.0.1:{port}"]}}], wait="socket"
    )
    wait_for_nodes(daemon, "cart", {f"127.0.0.{i}:{port}": "ready" for i in (1, 2, 3)})
    crowds = [make_clients(node, total=10) for node in nodes]
    answer = daemon.kill("cart")
    assert answer.json["state"] == "done" and len(answer.json["nodes"]) == 3, answer.text
    for crowd in crowds:
        crowd.wait_for(closed_by_server=10)


def test_another_cluster_at_the_address_of_a_node(make_server, make_daemon, make_clients):
    """It has another id: neither killed on, nor asked who the nodes are."""
    ours = Cluster(make_server, masters=2, replicas=0)
    theirs = Cluster(make_server, masters=1, replicas=0)
    daemon = make_daemon(
        [{"id": "cart", "cluster": {"addresses": [ours.masters[0].tcp_address]}}],
        wait="socket",
    )
    wait_for_nodes(daemon, "cart", {node.tcp_address: "ready" for node in ours.nodes})
    lost, kept = ours.masters[1], ours.masters[0]
    lost.kill()
    stranger = theirs.masters[0]
    stranger.stop()
    stranger.port = lost.port
    stranger.start()
    strangers = make_clients(stranger, total=10)
    crowd = make_clients(kept, total=10)
    wait_for_nodes(
        daemon, "cart", {kept.tcp_address: "ready", lost.tcp_address: "failed"}
    )
    answer = daemon.kill("cart", timeout="8s")
    assert answer.json["state"] == "partial", answer.text
    assert "says that it is" in node_of(answer, lost.tcp_address)["error"]
    crowd.wait_for(closed_by_server=10)
    assert strangers.status()["closed_by_server"] == 0


def test_addresses_that_are_elsewhere(make_server, make_daemon, make_clients):
    """As behind NAT: what is announced cannot be reached, and is mapped."""
    node = make_server(
        lines=["cluster-enabled yes", f"cluster-port {free_port()}"]
        + ["cluster-announce-ip 10.99.99.9"],
    )
    node.redis().execute_command("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
    cluster = {"addresses": [node.tcp_address]}
    daemon = make_daemon(
        [
            {
                "id": "cart",
                "cluster": cluster,
                "nodes": ["192.0.2.0/24"],
                "address-map": {"10.99.99.9": "127.0.0.1"},
            },
            {"id": "excluded", "cluster": cluster, "nodes": ["192.0.2.0/24"]},
        ],
        wait="socket",
    )
    wait_for_nodes(daemon, "cart", {node.tcp_address: "ready"})
    crowd = make_clients(node, total=10)
    answer = daemon.kill("cart")
    assert answer.json["state"] == "done", answer.text
    crowd.wait_for(closed_by_server=10)
    answer = daemon.kill("excluded", timeout="5s")
    assert answer.status == 503, answer.text
    assert "`nodes`" in answer.json["nodes"][0]["error"], answer.text


# ---- one server, several addresses ----


def test_one_server_under_three_addresses(server, make_daemon, make_clients):
    daemon = make_daemon(
        [
            {
                "id": "r-test",
                "address": [server.tcp_address, server.address, f"127.0.0.2:{server.port}"],
            }
        ]
        if server.redis().config_set("bind", "127.0.0.1 127.0.0.2")
        else []
    )
    clients = make_clients(server, total=10)
    wait_until(
        lambda: len(daemon.http("GET", "/v1/instances/r-test/sessions").json["nodes"]) == 1,
        lambda: f"them to be one: {daemon.http('GET', '/v1/instances/r-test/sessions').text}",
    )
    answer = daemon.kill("r-test")
    assert answer.json["state"] == "done", answer.text
    clients.wait_for(closed_by_server=10)
    (node,) = answer.json["nodes"]
    # The test has a session of its own there.
    assert answer.json["matched"] == answer.json["killed"] == 11, answer.text
    assert sorted([node["address"], *node["also"]]) == sorted(
        [server.tcp_address, server.unix_path, f"127.0.0.2:{server.port}"]
    )


def test_one_server_under_two_addresses_at_once(make_server, make_daemon, make_clients):
    """A kill that comes before it is known, and one after a restart of the server."""
    server = make_server()
    clients = make_clients(server, total=20)
    address = [server.tcp_address, server.address]
    daemon = make_daemon([{"id": "r-test", "address": address}], wait="socket")
    answer = daemon.kill("r-test", max=25)
    assert answer.json["state"] == "done" and len(answer.json["nodes"]) == 1, answer.text
    assert answer.json["matched"] == 21, answer.text
    clients.wait_for(closed_by_server=20)
    server.kill()
    server.start()
    clients = make_clients(server, total=20)
    answer = daemon.kill("r-test", max=25)
    assert answer.json["state"] == "done" and len(answer.json["nodes"]) == 1, answer.text
    clients.wait_for(closed_by_server=20)


class Balancer:
    """Passes connections on to several servers by turns."""

    def __init__(self, servers):
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self._servers = servers
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        n = 0
        with contextlib.suppress(OSError):
            while True:
                caller, _ = self._listener.accept()
                server = socket.create_connection(
                    ("127.0.0.1", self._servers[n % len(self._servers)].port)
                )
                n += 1
                for a, b in ((caller, server), (server, caller)):
                    threading.Thread(target=self._pass_on, args=(a, b), daemon=True).start()

    @staticmethod
    def _pass_on(a, b):
        with contextlib.suppress(OSError):
            while data := a.recv(65536):
                b.sendall(data)
        for end in (a, b):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def close(self):
        self._listener.close()


def test_an_address_with_several_servers_behind_it(make_server, make_daemon, make_clients):
    servers = [make_server(), make_server()]
    balancer = Balancer(servers)
    daemon = make_daemon([{"id": "r-test", "address": balancer.address}], wait="socket")
    wait_until(
        lambda: "by turns (a balancer)" in (daemon.node()["last_error"] or ""),
        lambda: f"it to be seen: {daemon.node()}",
        20,
    )
    crowds = [make_clients(server, total=5) for server in servers]
    answer = daemon.kill("r-test")
    assert answer.json["state"] in ("partial", "failed"), answer.text
    assert "balancer" in answer.json["nodes"][0]["error"]
    assert sum(crowd.status()["closed_by_server"] for crowd in crowds) == 5
    balancer.close()


# ---- names ----


@pytest.fixture
def host(make_directory):
    reason = names.why_not()
    if reason is not None:
        pytest.skip(reason)
    with names.Names(make_directory()) as host:
        yield host


@pytest.fixture
def servers(host, make_server, make_directory):
    """At 127.0.0.1 and 127.0.0.2, over there."""
    program = host.program(make_directory(), programs.REDIS_SERVER)
    return [
        make_server(program=program, tcp=False, lines=[f"bind 127.0.0.{i}", "port 6379"])
        for i in (1, 2)
    ]


@pytest.fixture
def look_after(host, make_daemon):
    def make(name="redis.test"):
        return make_daemon(
            [{"id": "r-test", "address": f"{name}:6379"}], wrapper=host.wrapper, wait="socket"
        )

    return make


def test_a_name_for_two_servers(host, servers, look_after, make_clients):
    host.set_hosts("127.0.0.1 redis.test", "127.0.0.2 redis.test")
    daemon = look_after()
    wait_for_nodes(daemon, "r-test", {"127.0.0.1:6379": "ready", "127.0.0.2:6379": "ready"})
    crowds = [make_clients(server, total=10) for server in servers]
    answer = daemon.kill("r-test", node="redis.test:6379")
    assert answer.json["state"] == "done" and len(answer.json["nodes"]) == 2, answer.text
    for crowd in crowds:
        crowd.wait_for(closed_by_server=10)


def test_a_name_that_moved(host, servers, look_after, make_clients):
    """Both are nodes while the connection to the old one is open; it is not dialled again."""
    host.set_hosts("127.0.0.1 redis.test")
    daemon = look_after()
    wait_for_nodes(daemon, "r-test", {"redis.test:6379": "ready"})
    host.set_hosts("127.0.0.2 redis.test")
    crowds = [make_clients(server, total=10) for server in servers]

    answer = daemon.kill("r-test")

    assert answer.json["state"] == "done", answer.text
    for crowd in crowds:
        crowd.wait_for(closed_by_server=10)
    assert {node["address"] for node in answer.json["nodes"]} <= {
        "127.0.0.1:6379",
        "127.0.0.2:6379",
        "redis.test:6379",
    }
    assert any("does not stand for this address" in w for w in answer.json["warnings"]), answer.text
    with contextlib.suppress(redis.exceptions.ConnectionError):
        servers[0].redis().client_kill_filter(_type="normal", skipme=True)
    wait_for_nodes(daemon, "r-test", {"redis.test:6379": "ready"})
    own = servers[0].sessions()
    assert not any(session["name"].startswith("sesskilld") for session in own)
    answer = daemon.kill("r-test")
    assert answer.json["state"] == "done" and len(answer.json["nodes"]) == 1, answer.text


def test_an_address_of_a_name_that_nobody_listens_at(host, servers, look_after, make_clients):
    host.set_hosts("127.0.0.3 redis.test", "127.0.0.1 redis.test")
    daemon = look_after()
    wait_until(
        lambda: daemon.http("GET", "/healthz").status == 200,
        lambda: f"all to be well: {daemon.http('GET', '/healthz').text}",
    )
    crowd = make_clients(servers[0], total=10)
    answer = daemon.kill("r-test")
    assert answer.json["state"] == "done", answer.text
    assert [node["address"] for node in answer.json["nodes"]] == ["127.0.0.1:6379"]
    assert any("was never reached" in warning for warning in answer.json["warnings"])
    crowd.wait_for(closed_by_server=10)


def test_an_address_of_a_name_where_a_full_server_is(host, servers, look_after, make_clients):
    """Somebody is there: that is no address that nobody misses."""
    servers[1].redis().config_set("maxclients", 1)
    host.set_hosts("127.0.0.1 redis.test", "127.0.0.2 redis.test")
    daemon = look_after()
    wait_for_nodes(daemon, "r-test", {"127.0.0.1:6379": "ready", "127.0.0.2:6379": "failed"})
    answer = daemon.kill("r-test", timeout="1s")
    assert answer.json["state"] == "partial", answer.text
    assert "max number of clients" in node_of(answer, "127.0.0.2:6379")["error"]


def test_an_address_of_a_name_that_is_there_again(host, servers, look_after, make_clients):
    servers[1].stop()
    host.set_hosts("127.0.0.1 redis.test", "127.0.0.2 redis.test")
    daemon = look_after()
    wait_until(lambda: daemon.http("GET", "/healthz").status == 200, "all to be well")
    servers[1].start()
    crowd = make_clients(servers[1], total=10)
    answer = daemon.kill("r-test")
    assert answer.json["state"] == "done" and len(answer.json["nodes"]) == 2, answer.text
    crowd.wait_for(closed_by_server=10)


def test_a_name_that_is_found_again(host, servers, look_after):
    daemon = look_after()
    wait_until(lambda: "cannot find" in (daemon.instance("r-test")["error"] or ""), "the error")
    host.set_hosts("127.0.0.1 redis.test")
    wait_for_nodes(daemon, "r-test", {"redis.test:6379": "ready"})
    answer = daemon.kill("r-test")
    assert answer.json["state"] == "done" and answer.json["warnings"] == [], answer.text
    assert daemon.instance("r-test")["error"] is None


def test_a_reload_from_a_name_that_moved_to_an_address(host, servers, look_after, make_clients):
    host.set_hosts("127.0.0.1 redis.test")
    daemon = look_after()
    wait_for_nodes(daemon, "r-test", {"redis.test:6379": "ready"})
    host.set_hosts("127.0.0.2 redis.test")
    assert daemon.kill("r-test").json["state"] == "done"
    config = daemon.read_config().replace("redis.test:6379", "127.0.0.2:6379")
    daemon.write_config(config)
    daemon.signal(signal.SIGHUP)
    wait_for_nodes(daemon, "r-test", {"127.0.0.2:6379": "ready"})
    crowd = make_clients(servers[1], total=10)
    assert daemon.kill("r-test").json["state"] == "done"
    crowd.wait_for(closed_by_server=10)


# ---- what left ----


def test_a_node_that_left_the_cluster(make_server, make_daemon, make_clients):
    """Its word is no more than its own; and what it joins then is not ours."""
    ours = Cluster(make_server, masters=3, replicas=0)
    theirs = Cluster(make_server, masters=1, replicas=0)
    daemon = make_daemon(
        [{"id": "cart", "cluster": {"addresses": [node.tcp_address for node in ours.nodes]}}],
        wait="socket",
    )
    wait_for_nodes(daemon, "cart", {node.tcp_address: "ready" for node in ours.nodes})
    left, *stayed = ours.masters
    left_id = left.redis().execute_command("CLUSTER", "MYID")
    left.redis().execute_command("CLUSTER", "RESET", "SOFT")
    for node in stayed:
        node.redis().execute_command("CLUSTER", "FORGET", left_id)
    theirs.meet(left)
    strangers = make_clients(theirs.masters[0], total=10)
    # More rounds than it takes until each node has been asked.
    for _ in range(8):
        crowds = [make_clients(node, total=5) for node in stayed]
        answer = daemon.kill("cart", timeout="3s")
        assert answer.json["state"] in ("done", "partial"), answer.text
        for crowd in crowds:
            crowd.wait_for(closed_by_server=5)
    wait_for_nodes(daemon, "cart", {node.tcp_address: "ready" for node in stayed})
    assert strangers.status()["closed_by_server"] == 0


def test_a_node_that_leaves_while_a_kill_is_spread(make_server, make_daemon, make_clients):
    """The others do not know it yet. It is asked again with each new listing."""
    ours = Cluster(make_server, masters=3, replicas=0)
    daemon = make_daemon(
        [{"id": "cart", "cluster": {"addresses": [node.tcp_address for node in ours.nodes]}}],
        wait="socket",
    )
    wait_for_nodes(daemon, "cart", {node.tcp_address: "ready" for node in ours.nodes})
    crowds = [make_clients(node, total=100, named={"x": 100}) for node in ours.nodes]
    pending = daemon.begin_kill("cart", match="name = x", rate=20)
    wait_until(lambda: crowds[0].status()["closed_by_server"] >= 2, "the first")
    ours.nodes[0].redis().execute_command("CLUSTER", "RESET", "SOFT")
    report = pending.response().json
    assert report["state"] == "partial", report
    (left,) = [one for one in report["nodes"] if one["address"] == ours.nodes[0].tcp_address]
    assert "it has left the cluster" in left["error"], report
    for crowd in crowds[1:]:
        assert crowd.status()["closed_by_server"] == 100, report
    assert crowds[0].status()["closed_by_server"] < 95, report


def test_a_seed_of_another_cluster(make_server, make_daemon, make_clients):
    ours = Cluster(make_server, masters=2, replicas=0)
    theirs = Cluster(make_server, masters=1, replicas=0)
    seeds = [theirs.masters[0], *ours.masters]
    daemon = make_daemon(
        [{"id": "cart", "cluster": {"addresses": [node.tcp_address for node in seeds]}}],
        wait="socket",
    )
    wait_for_nodes(daemon, "cart", {node.tcp_address: "ready" for node in ours.nodes})
    strangers = make_clients(theirs.masters[0], total=5)
    crowd = make_clients(ours.masters[0], total=5)
    assert daemon.kill("cart").json["state"] == "done"
    crowd.wait_for(closed_by_server=5)
    assert strangers.status()["closed_by_server"] == 0


def test_only_the_seed_of_another_cluster_answers(make_server, make_daemon, make_clients):
    """What was known is gone; that nobody contradicts any more makes nobody a node."""
    ours = Cluster(make_server, masters=2, replicas=0)
    theirs = Cluster(make_server, masters=2, replicas=0)
    seeds = [*ours.masters, theirs.masters[0]]
    daemon = make_daemon(
        [{"id": "cart", "cluster": {"addresses": [node.tcp_address for node in seeds]}}],
        wait="socket",
    )
    wait_for_nodes(daemon, "cart", {node.tcp_address: "ready" for node in ours.nodes})
    crowds = [make_clients(node, total=5) for node in theirs.masters]
    for node in ours.nodes:
        node.stop()
    wait_until(lambda: "know each other" in (daemon.instance("cart")["error"] or ""), "its cause")
    assert daemon.kill("cart", timeout="500ms").json["killed"] == 0
    assert [crowd.status()["closed_by_server"] for crowd in crowds] == [0, 0]


@pytest.mark.parametrize("other", ["left", "no cluster"])
def test_the_only_seed_that_answers_knows_nobody(make_server, make_daemon, make_clients, other):
    """It may have left; that the other configured one is no node is no word for it either."""
    alone = Cluster(make_server, masters=1, replicas=0).masters[0]
    seed = make_server()
    if other == "left":
        seed.stop()
    daemon = make_daemon(
        [{"id": "cart", "cluster": {"addresses": [alone.tcp_address, seed.tcp_address]}}],
        wait="socket",
    )
    crowd = make_clients(alone, total=5)
    answer = daemon.kill("cart", timeout="2s")
    assert (answer.status, answer.json["killed"]) == (503, 0), answer.text
    assert other == "left" or "do not know each other" in answer.json["error"]
    assert crowd.status()["closed_by_server"] == 0


def test_a_replica_whose_master_was_forgotten(make_server, make_daemon, make_clients):
    """CLUSTER SHARDS leaves it out."""
    ours = Cluster(make_server, masters=2, replicas=1)
    dead, kept = ours.masters
    orphan = next(
        node for node in ours.replicas if node.redis().info("replication")["master_port"] == dead.port
    )
    for node in ours.nodes:
        node.redis().config_set("cluster-replica-no-failover", "yes")
    daemon = make_daemon(
        [{"id": "cart", "cluster": {"addresses": [kept.tcp_address]}}], wait="socket"
    )
    wait_for_nodes(daemon, "cart", {node.tcp_address: "ready" for node in ours.nodes})
    dead_id = dead.redis().execute_command("CLUSTER", "MYID")
    dead.kill()
    for node in (kept, *(node for node in ours.replicas if node is not orphan)):
        with contextlib.suppress(redis.exceptions.ResponseError):
            node.redis().execute_command("CLUSTER", "FORGET", dead_id)
    crowd = make_clients(orphan, total=5)
    answer = daemon.kill("cart", timeout="4s")
    crowd.wait_for(closed_by_server=5)
    assert orphan.tcp_address in {node["address"] for node in answer.json["nodes"]}


def test_an_address_that_moves_during_the_kill(make_server, make_daemon, make_relay, make_clients):
    """Another server there is no restart: what became of the sessions is not known."""
    first, second = make_server(), make_server()
    relay = make_relay(first, tcp=True)
    daemon = make_daemon([{"id": "r-test", "address": relay.address}])
    clients = make_clients(first, total=20)
    wait_until(  # INFO cannot tell a younger one from a start just now
        lambda: second.redis().info("server")["uptime_in_seconds"] >= 4, "the other one to age"
    )
    relay.hold(b"KILL")
    pending = daemon.begin_kill("r-test", timeout="8s")
    relay.wait_until_held()
    relay.lead_to(second)
    answer = pending.response()
    assert answer.json["state"] in ("partial", "failed"), answer.text
    assert "another server" in answer.json["nodes"][0]["error"], answer.text
    assert clients.status()["closed_by_server"] == 0
