"""Many real client sessions: the program tests/tools/clients (see its --help)."""

import json
import signal
import subprocess

from harness import programs
from harness.waiting import DEFAULT_TIMEOUT_S, LineReader, wait_until

QUIT_TIMEOUT_S = 10


class Clients:
    """The sessions are set up when start() returns, and end with quit().

    Keywords are the program's options: total, subscribed, blocked, monitoring, multi, channels,
    source, auth, resp3=True, reconnect=True, window; named={NAME: COUNT};
    users={"USER:PASSWORD": COUNT}.
    """

    def __init__(self, server, *, tcp=False, named=None, users=None, **options):
        where = ["--port", str(server.port)] if tcp else ["--unix", server.unix_path]
        command = [str(programs.CLIENTS), *where]
        self.n_ready = 0
        self._process = None
        self._lines = None
        for name, value in options.items():
            command.append(f"--{name.replace('_', '-')}")
            if value is not True:
                command.append(str(value))
        for name, count in (named or {}).items():
            command += ["--named", f"{name}={count}"]
        for user, count in (users or {}).items():
            command += ["--user", f"{user}={count}"]
        self._command = command

    def start(self):
        self._process = subprocess.Popen(
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
            env=programs.environment(),
        )
        self._lines = LineReader(self._process.stdout.fileno())
        word, number = self._lines.read_line(60).split()
        assert word == "ready"
        self.n_ready = int(number)

    @property
    def pid(self):
        return self._process.pid

    def status(self):
        """Numbers as a dictionary: open, closed_by_server, ..., classes."""
        self._process.stdin.write(b"status\n")
        return json.loads(self._lines.read_line())

    def wait_for(self, timeout=DEFAULT_TIMEOUT_S, **expected):
        """Waits until these members of the status have these values; returns the status."""
        last = {}

        def is_so():
            last.update(self.status())
            return all(last[name] == value for name, value in expected.items())

        wait_until(is_so, lambda: f"clients {expected}; at last {last}", timeout)
        return last

    def pause_process(self):
        """The sessions stay open, and nobody reads what comes, until resume_process()."""
        self._process.send_signal(signal.SIGSTOP)

    def resume_process(self):
        self._process.send_signal(signal.SIGCONT)

    def quit(self):
        """Ends all sessions. An assertion: the program ends well."""
        if self._process is None or self._process.stdin.closed:
            return
        self._process.stdin.close()
        try:
            status = self._process.wait(QUIT_TIMEOUT_S)
        finally:
            self._process.kill()
            self._process.stdout.close()
        assert status == 0, f"clients ended with {status}"
