"""Groups of real servers: clusters, and masters that Sentinels watch."""

import os
import signal
import subprocess

import redis

from harness import least_user, programs
from harness.server import STOP_TIMEOUT_S, free_port
from harness.waiting import wait_until

N_SLOTS = 16384
NODE_TIMEOUT_MS = 1500


class Cluster:
    """`masters` nodes that share the slots, and for each of them `replicas` more."""

    def __init__(self, make_server, masters=3, replicas=1, lines=()):
        self._make_server = make_server
        self._lines = list(lines)
        self.masters = [self.new_node() for _ in range(masters)]
        self.replicas = []
        self._share_slots()
        for node in self.masters[1:]:
            self.meet(node)
        for master in self.masters:
            for _ in range(replicas):
                self.replicas.append(self.add_replica(master))
        self.wait_until_known(len(self.nodes))

    @property
    def nodes(self):
        return self.masters + self.replicas

    def new_node(self):
        """A server in cluster mode that belongs to no cluster yet."""
        return self._make_server(
            lines=[
                "cluster-enabled yes",
                f"cluster-node-timeout {NODE_TIMEOUT_MS}",
                # Its own, since a port of the kernel's choice may be too high for 10000 more.
                f"cluster-port {free_port()}",
                *self._lines,
            ]
        )

    def _share_slots(self):
        n = len(self.masters)
        for i, node in enumerate(self.masters):
            first, last = N_SLOTS * i // n, N_SLOTS * (i + 1) // n - 1
            node.redis().execute_command("CLUSTER", "ADDSLOTSRANGE", first, last)

    def meet(self, node):
        bus_port = node.redis().config_get("cluster-port")["cluster-port"]
        self.masters[0].redis().execute_command(
            "CLUSTER", "MEET", "127.0.0.1", node.port, bus_port
        )
        wait_until(
            lambda: f"127.0.0.1:{node.port}@" in raw(self.masters[0], "CLUSTER", "NODES"), "the node to be met"
        )

    def add_replica(self, master):
        node = self.new_node()
        self.meet(node)
        node_id = master.redis().execute_command("CLUSTER", "MYID")

        def follows():
            try:
                node.redis().execute_command("CLUSTER", "REPLICATE", node_id)
            except redis.exceptions.ResponseError:
                return False  # it has not heard of that master yet
            return True

        wait_until(follows, "the replica to know its master")
        wait_until(node.is_in_sync, "the replica to be in sync")
        return node

    def wait_until_known(self, n):
        """Every node knows `n` nodes, none of them by a handshake only."""

        def is_known():
            views = [raw(node, "CLUSTER", "NODES") for node in self.nodes]
            return all(
                view.count("\n") == n and "handshake" not in view and "fail" not in view
                for view in views
            )

        wait_until(is_known, "every node to know every other")


def raw(server, *words):
    """The text of an answer that the client library would take apart."""
    connection = redis.connection.UnixDomainSocketConnection(path=server.unix_path)
    try:
        connection.send_command(*words)
        return connection.read_response().decode()
    finally:
        connection.disconnect()


class Sentinel:
    """One Sentinel that watches `master` by the name `name`."""

    def __init__(
        self, directory, master, name, quorum, lines=(), has_least_user=least_user.IS_WANTED
    ):
        self.directory = directory
        self.title = f"log of the Sentinel in {directory}"
        self.port = free_port()
        config = f"{directory}/sentinel.conf"
        with open(config, "w", encoding="utf-8") as file:
            file.write(
                "\n".join(
                    [
                        f"port {self.port}",
                        "bind 127.0.0.1",
                        "protected-mode no",
                        f"dir {directory}",
                        f"sentinel monitor {name} 127.0.0.1 {master.port} {quorum}",
                        f"sentinel down-after-milliseconds {name} 800",
                        f"sentinel failover-timeout {name} 4000",
                        *lines,
                    ]
                )
                + "\n"
            )
        with open(f"{directory}/sentinel.log", "ab") as log:
            self._process = subprocess.Popen(
                [programs.REDIS_SERVER, config, "--sentinel"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        wait_until(self._answers, "the Sentinel to be up")
        if has_least_user:
            for command in least_user.sentinel_commands():
                self.run(command)

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    def ask(self, *words):
        return self.run("SENTINEL", *words)

    def run(self, *words):
        """A command; in one piece or in several."""
        with redis.Redis(host="127.0.0.1", port=self.port, decode_responses=True) as connection:
            return connection.execute_command(*" ".join(map(str, words)).split())

    def _answers(self):
        try:
            with redis.Redis(host="127.0.0.1", port=self.port) as connection:
                return connection.ping()
        except redis.exceptions.AuthenticationError:
            return True
        except redis.exceptions.ConnectionError:
            return False

    def pause_process(self):
        """It stands still from now on."""
        os.kill(self._process.pid, signal.SIGSTOP)

    def resume_process(self):
        os.kill(self._process.pid, signal.SIGCONT)

    def stop(self):
        if self._process.poll() is None:
            os.kill(self._process.pid, signal.SIGCONT)
            self._process.terminate()
            self._process.wait(STOP_TIMEOUT_S)

    def log(self):
        return programs.read_log(f"{self.directory}/sentinel.log")
