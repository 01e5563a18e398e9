"""Waiting for a condition, with a deadline."""

import os
import select
import time

DEFAULT_TIMEOUT_S = 20
POLL_S = 0.01


def wait_until(condition, what, timeout=DEFAULT_TIMEOUT_S):
    """Calls `condition` until its result is true, and returns that result.

    `what` says in the failure what was waited for: text, or a function that makes it.
    """
    deadline = time.monotonic() + timeout
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() >= deadline:
            words = what() if callable(what) else what
            raise AssertionError(f"not within {timeout} s: {words}")
        time.sleep(POLL_S)


class LineReader:
    """Lines from a descriptor, each with a deadline."""

    def __init__(self, fd):
        self._fd = fd
        self._poll = select.poll()
        self._poll.register(fd, select.POLLIN)
        self._buffer = b""

    def read_line(self, timeout=DEFAULT_TIMEOUT_S):
        """The next line without its end. EOFError when there is none any more."""
        deadline = time.monotonic() + timeout
        while b"\n" not in self._buffer:
            left_ms = max(0, int((deadline - time.monotonic()) * 1000))
            if not self._poll.poll(left_ms):
                raise AssertionError(f"no line within {timeout} s; so far: {self._buffer!r}")
            piece = os.read(self._fd, 65536)
            if not piece:
                raise EOFError(f"the output ended; so far: {self._buffer!r}")
            self._buffer += piece
        line, self._buffer = self._buffer.split(b"\n", 1)
        return line.decode()
