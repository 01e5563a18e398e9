"""HTTP/1.1 over a Unix socket, as any caller on the host."""

import contextlib
import http.client
import json
import os
import socket
import struct
from dataclasses import dataclass
from urllib.parse import quote, urlencode

TIMEOUT_S = 60


@dataclass(frozen=True)
class Caller:
    """Whom the kernel shall name as the other end. Needs root; see `acting_as`."""

    uid: int
    gid: int
    groups: tuple = ()


@contextlib.contextmanager
def acting_as(caller):
    """The kernel notes a socket's owner in connect(): it is enough to be somebody else there."""
    if caller is None:
        yield
        return
    uid, gid, groups = os.geteuid(), os.getegid(), os.getgroups()
    os.setgroups(caller.groups)
    os.setegid(caller.gid)
    os.seteuid(caller.uid)
    try:
        yield
    finally:
        os.seteuid(uid)
        os.setegid(gid)
        os.setgroups(groups)


@dataclass(frozen=True)
class Response:
    """An answer; header names are in lower case."""

    status: int
    headers: dict
    body: bytes

    @property
    def text(self):
        return self.body.decode()

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def lines(self):
        """The objects of an NDJSON stream."""
        return [json.loads(line) for line in self.body.splitlines()]


class UnixConnection(http.client.HTTPConnection):
    """http.client, but for the way to the peer."""

    def __init__(self, path, caller=None):
        super().__init__("localhost", timeout=TIMEOUT_S)
        self._path = path
        self._caller = caller

    def connect(self):
        self.sock = connect(self._path, self._caller)


def connect(path, caller=None):
    """A connected socket. Where the queue of the listening one is full connect() waits for a place,
    as it does not with Python's own time-out."""
    sock = socket.socket(socket.AF_UNIX)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("@ll", TIMEOUT_S, 0))
    try:
        with acting_as(caller):
            sock.connect(path)
        sock.settimeout(TIMEOUT_S)
    except OSError:
        sock.close()
        raise
    return sock


def encode(parameters):
    """A query or form: a list of values repeats the parameter, True is `true`."""
    pairs = []
    for name, value in parameters.items() if isinstance(parameters, dict) else parameters:
        for one in value if isinstance(value, (list, tuple)) else [value]:
            pairs.append((name, str(one).lower() if isinstance(one, bool) else one))
    return urlencode(pairs, quote_via=quote)


class Pending:
    """A request that was sent and whose answer was not read yet."""

    def __init__(self, path, method, target, *, params=None, body=None, headers=None, caller=None):
        headers = dict(headers or {})
        if params:
            target = f"{target}?{encode(params)}"
        if isinstance(body, dict):
            body = encode(body)
            headers.setdefault("Content-Type", "application/x-www-form-urlencoded")
        self._connection = UnixConnection(path, caller)
        try:
            self._connection.request(method, target, body=body, headers=headers)
        except BaseException:
            self._connection.close()
            raise

    def response(self):
        """Waits for it; the connection is closed then."""
        try:
            answer = self._connection.getresponse()
            names = {name.lower(): value for name, value in answer.getheaders()}
            return Response(answer.status, names, answer.read())
        finally:
            self._connection.close()

    def events(self):
        """Those of a stream, each as soon as it is there; the connection is closed behind them."""
        try:
            for line in self._connection.getresponse():
                yield json.loads(line)
        finally:
            self._connection.close()

    def hang_up(self):
        self._connection.close()


def request(path, method, target, **options):
    """One request on a connection of its own. A dictionary as body is sent as a form."""
    return Pending(path, method, target, **options).response()
