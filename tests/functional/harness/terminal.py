"""A program at a terminal: a person's keys go in, what the screen would get comes out."""

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import termios
import time

from harness.waiting import DEFAULT_TIMEOUT_S


def _take_terminal():
    """Who runs the tests in the background has them ignore interrupts."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


class Terminal:
    """Runs `argv` with its own terminal of so many columns; stdout as well, unless it is given."""

    def __init__(self, argv, *, env, columns=80, stdout=None):
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        self.process = subprocess.Popen(
            argv,
            stdin=slave,
            stdout=slave if stdout is None else stdout,
            stderr=slave,
            env=env,
            start_new_session=True,
            preexec_fn=_take_terminal,
        )
        os.close(slave)
        self.output = ""
        self._seen = 0

    def _read(self, deadline):
        """False at the end of the output."""
        left = max(0, deadline - time.monotonic())
        if not select.select([self._master], [], [], left)[0]:
            raise AssertionError(f"nothing more came; so far: {self.output!r}")
        try:
            piece = os.read(self._master, 65536)
        except OSError:  # Linux says EIO when the last one has closed the other end
            return False
        self.output += piece.decode(errors="surrogateescape")
        return bool(piece)

    def expect(self, text, timeout=DEFAULT_TIMEOUT_S):
        """Waits for `text` behind what was expected before; returns what came up to its end."""
        deadline = time.monotonic() + timeout
        while (at := self.output.find(text, self._seen)) < 0:
            if not self._read(deadline):
                raise AssertionError(f"ended without {text!r}: {self.output!r}")
        begin, self._seen = self._seen, at + len(text)
        return self.output[begin : self._seen]

    def type(self, text):
        os.write(self._master, text.encode())

    def press_interrupt(self):
        self.type("\x03")

    def finish(self, timeout=DEFAULT_TIMEOUT_S):
        """Reads to the end; the exit status. Everything is in `output`, with plain line ends."""
        deadline = time.monotonic() + timeout
        while self._read(deadline):
            pass
        status = self.process.wait(timeout)
        self.output = self.output.replace("\r\n", "\n")
        return status

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self._master)
