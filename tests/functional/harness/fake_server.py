"""A server that only a script has: for what no real server here does or says. It lists sessions and
kills them; those who connect are sessions as well. What it was told is kept.
"""

import contextlib
import dataclasses
import itertools
import os
import socket
import threading

LINE = (
    "id={id} addr={addr} fd=8 name={name} age=5 idle=5 flags={flags} db=0 sub=0 psub=0 multi=-1 "
    "qbuf=0 qbuf-free=0 obl=0 oll=0 omem=0 events=r cmd={cmd}"
)
SYNTAX_ERROR = b"-ERR syntax error\r\n"
# As Redis 4.0 says it.
UNKNOWN = b"-ERR Syntax error, try CLIENT (LIST | KILL | GETNAME | SETNAME | PAUSE | REPLY)\r\n"


def bulk(text):
    return b"$%d\r\n%s\r\n" % (len(text.encode()), text.encode())


@dataclasses.dataclass
class Session:
    id: int
    addr: str
    name: str = ""
    flags: str = "N"
    cmd: str = "get"
    connection: socket.socket = None  # None: it is only made up


class FakeServer:
    """Listens from the start to stop().

    info        lines of INFO
    hello       the pairs that HELLO answers; None: it has no such command
    line        of a session in CLIENT LIST
    has_id      whether CLIENT ID is known
    has_list_id whether CLIENT LIST ID is
    is_listed   whether a session stands in the listing
    own_id      what CLIENT ID says instead of the truth; a number
    is_or       whether several filters of CLIENT KILL hit whoever fits one of them
    types       that CLIENT KILL TYPE knows
    takes_name  whether CLIENT SETNAME is known
    """

    def __init__(self, directory, **traits):
        self.unix_path = os.path.join(directory, "f")
        self.info = traits.get("info", ["redis_version:7.0.15", "run_id:" + "f" * 40])
        self.hello = traits.get("hello")
        self.line = traits.get("line", LINE)
        self.has_id = traits.get("has_id", True)
        self.has_list_id = traits.get("has_list_id", self.has_id)
        self.is_listed = traits.get("is_listed", lambda session: True)
        self.own_id = traits.get("own_id")
        self.is_or = traits.get("is_or", False)
        self.takes_name = traits.get("takes_name", True)
        self.types = traits.get("types", ("normal", "slave", "pubsub", "master"))
        self.sessions = {}
        self.commands = []
        self._lock = threading.Lock()
        self._ids = itertools.count(1)
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(self.unix_path)
        self._listener.listen(64)
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    @property
    def address(self):
        """As the daemon's configuration wants it."""
        return f"unix://{self.unix_path}"

    def add(self, n=1, **fields):
        """`n` sessions more; returns their ids."""
        with self._lock:
            return [self._add(**fields).id for _ in range(n)]

    def made_up(self):
        """The ids of those that are there and no connection."""
        with self._lock:
            return [each.id for each in self.sessions.values() if each.connection is None]

    def told(self, *prefix):
        """The commands that begin like this."""
        with self._lock:
            return [each for each in self.commands if each[: len(prefix)] == list(prefix)]

    def stop(self):
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        with self._lock:
            connections = [each.connection for each in self.sessions.values() if each.connection]
        for connection in connections:
            self._hang_up(connection)
        for thread in self._threads:
            thread.join()
        self._listener.close()

    # Connections

    def _add(self, **fields):
        number = next(self._ids)
        session = Session(number, **{"addr": f"10.0.0.1:{10000 + number}", **fields})
        self.sessions[number] = session
        return session

    @staticmethod
    def _hang_up(connection):
        with contextlib.suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                with self._lock:
                    session = self._add(addr=f"{self.unix_path}:0", connection=connection)
                self._threads.append(threading.Thread(target=self._serve, args=(session,)))
                self._threads[-1].start()

    def _serve(self, session):
        with session.connection, contextlib.suppress(OSError, ValueError):
            stream = session.connection.makefile("rb")
            while head := stream.readline():
                words = []
                for _ in range(int(head[1:])):
                    words.append(stream.read(int(stream.readline()[1:]) + 2)[:-2].decode())
                with self._lock:
                    self.commands.append(words)
                    reply = self._reply(session, words)
                session.connection.sendall(reply)
                self._go_on(session, words)
                if session.id not in self.sessions:
                    break
        with self._lock:
            self.sessions.pop(session.id, None)

    def _go_on(self, session, words):
        """Sends what comes behind the reply: nothing."""

    # Commands

    def _reply(self, session, words):
        session.cmd = words[0].lower()
        if words[0] == "INFO":
            return bulk("".join(f"{line}\r\n" for line in self.info))
        if words[0] == "HELLO" and self.hello is not None:
            return self._hello(session)
        if words[0] != "CLIENT":
            return f"-ERR unknown command '{words[0]}'\r\n".encode()
        if words[1] == "SETNAME" and self.takes_name:
            session.name = words[2]
            return b"+OK\r\n"
        if words[1] == "ID" and self.has_id:
            return b":%d\r\n" % (self.own_id or session.id)
        if words[1] == "LIST" and (len(words) == 2 or (self.has_list_id and words[2] == "ID")):
            return self._list(words[3:])
        if words[1] == "KILL":
            return self._kill(session, words[2:])
        return UNKNOWN

    def _hello(self, session):
        pairs = [bulk(word) for pair in self.hello.items() for word in pair]
        pairs += [bulk("id"), b":%d\r\n" % (self.own_id or session.id)]
        return b"*%d\r\n" % len(pairs) + b"".join(pairs)

    def _list(self, ids):
        wanted = [int(word) for word in ids] or list(self.sessions)
        lines = [
            self.line.format(**vars(self.sessions[number])) + "\n"
            for number in wanted
            if number in self.sessions and self.is_listed(self.sessions[number])
        ]
        return bulk("".join(lines))

    def _type(self, session):
        for flag, name in (("M", "master"), ("S", "slave"), ("P", "pubsub")):
            if flag in session.flags and name in self.types:
                return name
        return "normal"

    def _kill(self, asker, words):
        tests = []
        skips_asker = not self.is_or
        for name, value in itertools.zip_longest(words[::2], words[1::2]):
            if name == "SKIPME" and value in ("yes", "no"):
                skips_asker = value == "yes"
            elif name == "ID" and (value or "").isdigit():
                tests.append(lambda each, number=int(value): each.id == number)
            elif name == "ADDR" and value:
                tests.append(lambda each, addr=value: each.addr == addr)
            elif name == "TYPE" and value in self.types:
                tests.append(lambda each, kind=value: self._type(each) == kind)
            else:
                return SYNTAX_ERROR
        fits = any if self.is_or else all
        victims = [
            each
            for each in self.sessions.values()
            if fits(test(each) for test in tests) and not (skips_asker and each is asker)
        ]
        for victim in victims:
            del self.sessions[victim.id]
            if victim.connection is not None and victim is not asker:
                self._hang_up(victim.connection)
        return b":%d\r\n" % len(victims)


class EndlessServer(FakeServer):
    """Once it `is_endless`, what it lists comes as fast as it is read, and for so long that nobody
    sees the end."""

    is_endless = False
    is_talking = False
    ANNOUNCED = 1 << 30

    def _list(self, ids):
        if ids or not self.is_endless:
            return super()._list(ids)
        return b"$%d\r\n" % self.ANNOUNCED

    def _go_on(self, session, words):
        if words != ["CLIENT", "LIST"] or not self.is_endless:
            return
        piece = (self.line.format(**vars(Session(1, "10.0.0.1:1"))) + "\n").encode() * 10000
        self.is_talking = True
        try:
            while True:
                session.connection.sendall(piece)
        finally:
            self.is_talking = False


class FakeSentinel(FakeServer):
    """Names `master` and lists `replicas`, addresses both; `failover` comes between the two answers:
    (master, replicas) from then on, None: none comes."""

    def __init__(self, directory, name, master, replicas):
        mode = ["redis_version:7.0.15", "redis_mode:sentinel", "run_id:" + "e" * 40]
        self.name, self.master, self.replicas = name, master, replicas
        self.failover = None
        super().__init__(directory, info=mode)

    def _reply(self, session, words):
        if words[0] != "SENTINEL":
            return super()._reply(session, words)
        if words[1] == "MASTERS":
            answer = self._instances([self.master])
            if self.failover is not None:
                (self.master, self.replicas), self.failover = self.failover, None
            return answer
        return self._instances(self.replicas)

    def _instances(self, addresses):
        text = b"*%d\r\n" % len(addresses)
        for address in addresses:
            ip, port = address.rsplit(":", 1)
            words = ["name", self.name, "ip", ip, "port", port, "config-epoch", "1"]
            text += b"*%d\r\n" % len(words) + b"".join(bulk(word) for word in words)
        return text
