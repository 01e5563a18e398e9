"""A real server in a private directory, on a private Unix socket and, if wanted, a TCP port."""

import os
import signal
import socket
import subprocess

import redis

from harness import least_user, programs
from harness.waiting import wait_until

STOP_TIMEOUT_S = 10
MAX_PORT_TRIES = 10
MAX_PORT = 65535
CLUSTER_BUS_OFFSET = 10000


def free_port():
    """A TCP port that nobody used a moment ago. Somebody may since: try again on a conflict.

    A cluster's bus, 10000 above, has a number as well.
    """
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        if port <= MAX_PORT - CLUSTER_BUS_OFFSET:
            return port


class Server:
    """Runs from start() to stop(). Configuration by `lines`, later ones win.

    password  of the default user
    users     lines of ACL rules, each "NAME RULE..."
    tcp       whether it listens on a TCP port as well
    primary   another Server with a TCP port: this one is its replica, in sync when up

    Where the manual's user for the daemon is wanted (least_user.IS_WANTED), it has it, with leave to
    end scripts as `ends_scripts` says.
    """

    def __init__(
        self,
        directory,
        *,
        lines=(),
        password=None,
        users=(),
        tcp=True,
        primary=None,
        program=None,
        ends_scripts=False,
        has_least_user=least_user.IS_WANTED,
        wrapper=(),
    ):
        self.directory = directory
        self.unix_path = f"{directory}/s"
        self.port = 0
        self.password = password
        self.title = f"log of the server in {directory}"
        self._tcp = tcp
        self._lines = list(lines)
        self._users = list(users)
        self._primary = primary
        self._program = program or programs.REDIS_SERVER
        self._ends_scripts = ends_scripts
        self._lacks_least_user = has_least_user
        self._wrapper = list(wrapper)
        self._process = None
        self._control = None

    @property
    def address(self):
        """As the daemon's configuration wants it."""
        return f"unix://{self.unix_path}"

    @property
    def tcp_address(self):
        """As the daemon's configuration wants it."""
        return f"127.0.0.1:{self.port}"

    @property
    def pid(self):
        return self._process.pid

    def start(self):
        """Returns when it is up. Also after stop() and kill(), then at the same addresses."""
        for _ in range(MAX_PORT_TRIES):
            if self._tcp and self.port == 0:
                self.port = free_port()
            self._spawn()
            wait_until(lambda: self._answers() or not self.is_running(), self._explain)
            if self.is_running():
                break
            assert "in use" in self.log(), self._explain()
            self.port = 0
        assert self.is_running(), self._explain()
        if self._lacks_least_user:
            self._add_least_user()
        if self._primary is not None:
            wait_until(self.is_in_sync, self._explain)

    def _configuration(self):
        lines = [
            f"port {self.port}",
            "bind 127.0.0.1",
            # Else it refuses even other loopback addresses.
            "protected-mode no",
            f"unixsocket {self.unix_path}",
            "unixsocketperm 777",
            f"dir {self.directory}",
            'save ""',
            "appendonly no",
            "daemonize no",
            "maxclients 10000",
            "repl-diskless-sync yes",
            "repl-diskless-sync-delay 0",
        ]
        if self.password is not None:
            lines.append(f"requirepass {self.password}")
        if self._primary is not None:
            lines.append(f"replicaof 127.0.0.1 {self._primary.port}")
            if self._primary.password is not None:
                lines.append(f"masterauth {self._primary.password}")
        lines += [f"user {user}" for user in self._users]
        return "\n".join(lines + self._lines) + "\n"

    def _spawn(self):
        config = f"{self.directory}/redis.conf"
        with open(config, "w", encoding="utf-8") as file:
            file.write(self._configuration())
        with open(f"{self.directory}/server.log", "ab") as log:
            self._process = subprocess.Popen(
                [*self._wrapper, self._program, config],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def _answers(self):
        try:
            return self.redis().ping()
        except redis.exceptions.BusyLoadingError:
            return True  # it loads, and serves who does not need data
        except redis.exceptions.ConnectionError:
            return False

    def _add_least_user(self):
        """As the manual says; from now on it is in the configuration, as ACL LIST prints it."""
        control = self.redis()
        in_cluster = "cluster-enabled yes" in self._lines
        for command in least_user.commands(
            control.info("server")["redis_version"],
            ends_scripts=self._ends_scripts,
            in_cluster=in_cluster,
        ):
            control.execute_command(*command.split())
        prefix = f"user {least_user.NAME} "
        (line,) = (line for line in control.acl_list() if line.startswith(prefix))
        self._users.append(line.removeprefix("user "))
        self._lacks_least_user = False

    def is_running(self):
        return self._process is not None and self._process.poll() is None

    def redis(self, **options):
        """The control connection, made again if it was killed; with options a new one."""
        if options or self._control is None:
            connection = redis.Redis(
                unix_socket_path=self.unix_path,
                **{"password": self.password, "decode_responses": True, **options},
            )
            if options:
                return connection
            self._control = connection
        return self._control

    def sessions(self):
        """What CLIENT LIST says, without the session that asks."""
        control = self.redis()
        own = control.client_id()
        return [session for session in control.client_list() if int(session["id"]) != own]

    def session_ids(self):
        return {int(session["id"]) for session in self.sessions()}

    def is_in_sync(self):
        """Whether this replica's link to its primary is up."""
        return self.redis().info("replication").get("master_link_status") == "up"

    def pause_process(self):
        """The whole process stands still until resume_process()."""
        os.kill(self.pid, signal.SIGSTOP)

    def resume_process(self):
        os.kill(self.pid, signal.SIGCONT)

    def kill(self):
        """As a crash would; a child may live on, and hold connections open."""
        self._process.kill()
        self._process.wait(STOP_TIMEOUT_S)
        self._control = None

    def stop(self):
        """Ends it however it is; nothing happens when it has ended."""
        if self._control is not None:
            self._control.close()
        if not self.is_running():
            return
        self.resume_process()
        self._process.terminate()
        try:
            self._process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self.kill()

    def log(self):
        return programs.read_log(f"{self.directory}/server.log")

    def _explain(self):
        return f"the server to be up; its log:\n{self.log()}"
