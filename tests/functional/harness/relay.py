"""A way to a server that can be closed at a chosen word: a kill stands still right there."""

import contextlib
import os
import socket
import threading

from harness.waiting import wait_until

PIECE_BYTES = 65536


class Relay:
    """Passes bytes between callers of its own socket and a server.

    The server sees an ordinary session of this process for each connection.

    tcp  from TCP port to TCP port, to be announced as the server's own; else by Unix sockets
    """

    def __init__(self, directory, server, tcp=False):
        self.unix_path = os.path.join(directory, "relay")
        self.port = 0
        self._server = server
        self._sockets = set()
        self._threads = []
        # Guards all that follows.
        self._changed = threading.Condition()
        self._word = None
        self._n_to_pass = 0
        self._is_held = False
        self._others_pass = False
        self._counts = {}
        if tcp:
            self._listener = socket.socket()
            self._listener.bind(("127.0.0.1", 0))
            self.port = self._listener.getsockname()[1]
        else:
            self._listener = socket.socket(socket.AF_UNIX)
            self._listener.bind(self.unix_path)
        self._listener.listen()
        self._start_thread(self._accept)

    @property
    def address(self):
        """As the daemon's configuration wants it."""
        return f"127.0.0.1:{self.port}" if self.port else f"unix://{self.unix_path}"

    # What the test does

    def hold(self, word, after=0, others_pass=False):
        """The server gets nothing any more from the next `word` on, or `after` further ones;
        or only nothing of the conversation that has it."""
        with self._changed:
            self._word = word
            self._n_to_pass = after
            self._others_pass = others_pass

    def wait_until_held(self):
        wait_until(lambda: self._is_held, lambda: f"a request with {self._word!r}")

    def release(self):
        with self._changed:
            self._word = None
            self._is_held = False
            self._changed.notify_all()

    def lead_to(self, server):
        """To another server from now on; what is open ends, and what is held is lost."""
        self._server = server
        for sock in list(self._sockets):
            self._shut(sock)
        self.release()

    def count(self, word):
        """How often the server got `word` since this was asked for the first time (then 0)."""
        with self._changed:
            return self._counts.setdefault(word, 0)

    def stop(self):
        self.release()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        # Nobody is let in any more who would not be shut out.
        self._threads[0].join()
        self._listener.close()
        for sock in self._sockets:
            self._shut(sock)
        for thread in self._threads:
            thread.join()
        for sock in self._sockets:
            sock.close()

    # What its threads do

    def _start_thread(self, target, *arguments):
        thread = threading.Thread(target=target, args=arguments)
        self._threads.append(thread)
        thread.start()

    @staticmethod
    def _shut(sock):
        with contextlib.suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)

    def _server_place(self):
        return ("127.0.0.1", self._server.port) if self.port else self._server.unix_path

    def _accept(self):
        while True:
            try:
                caller, _ = self._listener.accept()
            except OSError:
                return
            server = socket.socket(socket.AF_INET if self.port else socket.AF_UNIX)
            self._sockets |= {caller, server}
            try:
                server.connect(self._server_place())
            except OSError:
                self._shut(caller)
                continue
            self._start_thread(self._pass_on, caller, server, self._pass_request)
            self._start_thread(self._pass_on, server, caller, socket.socket.sendall)

    def _pass_on(self, source, sink, pass_fn):
        """To the end of either, which is then the end of both."""
        with contextlib.suppress(OSError):
            while piece := source.recv(PIECE_BYTES):
                pass_fn(sink, piece)
        self._shut(source)
        self._shut(sink)

    def _pass_request(self, sink, piece):
        with self._changed:
            free, held = self._split(piece)
            self._count(free)
        sink.sendall(free)
        if not held:
            return
        with self._changed:
            self._changed.wait_for(lambda: not self._is_held)
            self._count(held)
        sink.sendall(held)

    def _split(self, piece):
        """What may go and what is held; another connection may have met the word before."""
        if self._is_held and not self._others_pass:
            return b"", piece
        if self._is_held or self._word is None:
            return piece, b""
        at = piece.find(self._word)
        while at >= 0 and self._n_to_pass > 0:
            self._n_to_pass -= 1
            at = piece.find(self._word, at + len(self._word))
        if at < 0:
            return piece, b""
        self._is_held = True
        return piece[:at], piece[at:]

    def _count(self, piece):
        for word in self._counts:
            self._counts[word] += piece.count(word)
