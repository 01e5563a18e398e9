"""A server that is played, with any number of sessions: the program tests/tools/crowd."""

import subprocess

from harness import programs
from harness.waiting import LineReader


class Crowd:
    """Runs from start() to stop(), on a socket in `directory`, with `n` sessions: a third each of
    them is named leak, web and worker. One daemon at a time may be connected."""

    def __init__(self, directory, n):
        self._path = f"{directory}/crowd"
        self._n = n
        self._process = None

    @property
    def address(self):
        """As the daemon's configuration wants it."""
        return f"unix://{self._path}"

    def start(self):
        self._process = subprocess.Popen(
            [str(programs.CROWD), self._path, str(self._n)],
            stdout=subprocess.PIPE,
            env=programs.environment(),
        )
        assert LineReader(self._process.stdout.fileno()).read_line() == "ready"

    def stop(self):
        """SIGTERM. Nothing happens when it did not start."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait()
            self._process.stdout.close()
