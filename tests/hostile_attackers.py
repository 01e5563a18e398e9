"""Those who hold others up: processes of users without privileges, for hostile.py.

Each attack is a function that a thread of its own calls again and again until the process is ended.
What it counts is written to a pipe as JSON then.
"""

import contextlib
import json
import os
import resource
import select
import signal
import socket
import threading
import time
from collections import Counter

from harness import http

FORM = "application/x-www-form-urlencoded"
KILL_ALL = "hdm:KillInstanceAllSession"
TASK = "CreateKillInstanceSessionTask"
PAUSE_S = 0.2
# So long a connection is held that asks for nothing, or reads nothing, if the daemon lets it be.
HELD_S = 3
# The process is to end.
is_over = threading.Event()

# Who has which rights, see hostile.py: mallory those of a user of one instance, trent may look at
# all, eve may nothing.
MALLORY, TRENT, EVE = 30001, 30002, 30003


class Attacker:
    """A process of that user, from start() to stop()."""

    def __init__(self, name, uid, attacks, socket_path):
        self.name = name
        self.uid = uid
        self._attacks = attacks
        self._path = socket_path
        self._pid = None
        self._pipe = None

    def start(self):
        self._pipe, end = os.pipe()
        self._pid = os.fork()
        if self._pid == 0:
            try:
                self._run(end)
            finally:
                os._exit(1)
        os.close(end)

    def _run(self, end):
        # What is measured is the daemon, and not who gets the processors of this machine.
        os.nice(10)
        os.setgroups([])
        os.setgid(self.uid)
        os.setuid(self.uid)
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 8192)), hard))
        counts = Counter()
        signal.signal(signal.SIGTERM, lambda *_: is_over.set())
        for attack in self._attacks:
            threading.Thread(target=self._repeat, args=(attack, counts), daemon=True).start()
        is_over.wait()
        with os.fdopen(end, "w") as pipe:
            json.dump(counts, pipe)
        os._exit(0)

    def _repeat(self, attack, counts):
        while True:
            try:
                attack(self._path, counts)
            except (OSError, http.http.client.HTTPException, ValueError) as error:
                # The daemon may well hang up on him; that is counted and not an error.
                counts[f"{attack.__name__}: {type(error).__name__}"] += 1
                is_over.wait(PAUSE_S)

    def stop(self):
        """What it counted."""
        os.kill(self._pid, signal.SIGTERM)
        with os.fdopen(self._pipe) as pipe:
            text = pipe.read()
        os.waitpid(self._pid, 0)
        return Counter(json.loads(text or "{}"))


def post(path, target, body, content_type=FORM):
    headers = {"Content-Type": content_type} if content_type else {}
    if isinstance(body, (dict, list)):
        body = http.encode(body)
    return http.request(path, "POST", target, body=body, headers=headers)


def half_request(path, text=b""):
    """A connection that sends so much and no more."""
    peer = socket.socket(socket.AF_UNIX)
    peer.setblocking(False)
    with contextlib.suppress(BlockingIOError, ConnectionError):
        peer.connect(path)
        peer.send(text)
    return peer


def hold(peers):
    """Until the daemon has closed them, or for as long as it lets them be."""
    open_ones = select.poll()
    by_fd = {peer.fileno(): peer for peer in peers}
    for fd in by_fd:
        open_ones.register(fd, 0)  # only whether the other end has closed
    end = time.monotonic() + HELD_S
    while by_fd and not is_over.is_set() and time.monotonic() < end:
        for fd, _ in open_ones.poll(1000 * PAUSE_S):
            open_ones.unregister(fd)
            by_fd.pop(fd).close()
    for peer in by_fd.values():
        peer.close()


# 1: kills that go on for long, whose callers have left


def leaves(path, counts):
    body = {"match": "name = theirs", "watch": "10m", "timeout": "1h"}
    for _ in range(64):
        http.Pending(path, "POST", "/v1/instances/theirs/kill", body=body).hang_up()
        counts["1: kills whose caller left"] += 1
    is_over.wait(PAUSE_S)


def comes_and_goes(path, counts):
    for _ in range(1000):
        half_request(path).close()
    counts["1: connected and closed"] += 1000
    is_over.wait(PAUSE_S)


# 2: connections that ask for nothing


def keeps_still(path, counts):
    peers = [half_request(path, b"GET /v1/kills HTTP/1.1\r\nHost") for _ in range(2000)]
    counts["2: half requests"] += len(peers)
    hold(peers)


# 3: a kill that waits for a node that will never be there


def waits_for_the_dead(path, counts):
    body = {"match": "name = nosuch", "timeout": "1h"}
    for _ in range(20):
        http.Pending(path, "POST", "/v1/instances/half/kill", body=body).hang_up()
        counts["3: kills that wait for a dead node"] += 1
    is_over.wait(PAUSE_S)


# 4: patterns that take long


def asks_for_much_work(path, counts):
    for pattern in ("*" + "a" * 126 + "b", "*" + "a" * 3900 + "b"):
        for n in (1, 15):
            pairs = [("except", f"name = {pattern}")] * n
            order = [("match", "user = default"), ("dry_run", "true"), *pairs]
            answer = post(path, "/v1/instances/long/kill", order)
            counts[f"4: costly selectors: {answer.status}"] += 1
            answer = http.request(path, "GET", "/v1/instances/long/sessions", params=pairs[:1])
            counts[f"4: costly selectors: {answer.status}"] += 1


# 5: listings that nobody reads


def reads_nothing(path, counts):
    ask = b"GET /v1/instances/crowd/sessions?limit=8000 HTTP/1.1\r\nHost: x\r\n\r\n"
    peers = [half_request(path, ask) for _ in range(60)]
    counts["5: listings that nobody reads"] += len(peers)
    hold(peers)


# 6: reports enough to push out those of others


def runs_dry(path, counts):
    for _ in range(110):
        body = {"match": "name = theirs", "dry_run": True}
        answer = post(path, "/v1/instances/theirs/kill", body)
        counts[f"6: dry runs: {answer.status}"] += 1


# 7: denied requests


def is_denied(path, counts):
    ask = b"GET /v1/instances HTTP/1.1\r\nHost: x\r\n\r\n"
    with http.connect(path) as peer:
        peer.settimeout(10)
        while True:
            peer.sendall(ask)
            if not peer.recv(65536):
                return
            counts["7: denied requests"] += 1


# 8: everybody, in other words


def means_all(path, counts):
    for match in ("id > 0", "name = *", "type != replica"):
        answer = post(path, "/v1/instances/theirs/kill", {"match": match, "timeout": "2s"})
        counts[f"8: everybody in other words: {answer.status}"] += 1
    body = {"Action": TASK, "InstanceId": "theirs", "KillAllSessions": "true"}
    counts[f"8: everybody in other words: {post(path, '/', body).status}"] += 1
    is_over.wait(PAUSE_S)


# 9: other people's kills


def meddles(path, counts):
    """Their ids are no secret here: hostile.py writes the newest one to a file."""
    with open(f"{path}.newest", encoding="utf-8") as file:
        kill = file.read()
    for method in ("GET", "DELETE"):
        answer = http.request(path, method, f"/v1/kills/{kill}")
        counts[f"9: kills of root asked for or cancelled: {answer.status}"] += 1
    is_over.wait(PAUSE_S)


# 11: bodies that say something else than they seem to


def sends_odd_bodies(path, counts):
    text = '{"all":true,"dry_run":true}'
    for content_type in ("application/json", "text/plain", "multipart/form-data", "", FORM):
        answer = post(path, "/v1/instances/keep/kill", text, content_type)
        counts[f"11: odd bodies: {answer.status}"] += 1
        answer = post(path, "/v1/instances/keep/kill?all=true", '{"dry_run":true}', content_type)
        counts[f"11: odd bodies: {answer.status}"] += 1
    is_over.wait(PAUSE_S)


# By their numbers above; 10 is a matter of files, not of callers.
ATTACKS = {
    "mallory": (MALLORY, [(1, leaves), (3, waits_for_the_dead), (4, asks_for_much_work),
                          (6, runs_dry), (8, means_all), (9, meddles), (11, sends_odd_bodies)]),
    "trent": (TRENT, [(1, comes_and_goes), (4, asks_for_much_work), (5, reads_nothing),
                      (9, meddles)]),
    "eve": (EVE, [(1, comes_and_goes), (2, keeps_still), (7, is_denied), (9, meddles)]),
}  # fmt: skip


def all_of(socket_path, numbers):
    """One for each user, who does what `numbers` say; empty: everything."""
    return [
        Attacker(name, uid, [a for n, a in attacks if n in numbers or not numbers], socket_path)
        for name, (uid, attacks) in ATTACKS.items()
    ]
