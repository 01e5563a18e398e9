"""A program in a tmux of its own: keys go in, the screen comes out as text."""

import os
import re
import shlex
import subprocess

from harness.waiting import wait_until


class Tmux:
    """A window with a shell, whose prompt is "$ ". Its server ends with stop()."""

    def __init__(self, directory, *, env, columns=80, lines=24):
        self._socket = f"{directory}/tmux"
        self._env = {**env, "TMUX_TMPDIR": directory}
        self._env.pop("TMUX", None)
        self._run("-f", "/dev/null", "new-session", "-d", "-x", str(columns), "-y", str(lines),
                  "env PS1='$ ' sh")  # fmt: skip
        wait_until(lambda: self.screen() == "$", "the prompt of the shell")

    def _run(self, *arguments):
        done = subprocess.run(
            ["tmux", "-S", self._socket, *arguments], env=self._env, capture_output=True,
            text=True, timeout=20, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done
        return done.stdout

    def screen(self):
        """What is to be seen, without blanks at the ends."""
        lines = self._run("capture-pane", "-p").rstrip("\n").split("\n")
        return "\n".join(line.rstrip() for line in lines).rstrip("\n")

    def press(self, *keys):
        """By their names in tmux: Enter, Escape, Down, C-c; letters for themselves."""
        self._run("send-keys", *keys)

    def type(self, text):
        self._run("send-keys", "-l", text)

    def run(self, argv):
        self.type(shlex.join(map(str, argv)))
        self.press("Enter")

    def resize(self, columns, lines):
        self._run("resize-window", "-x", str(columns), "-y", str(lines))

    def is_in_other_screen(self):
        """Whether the program has the whole screen for itself."""
        return self._run("display-message", "-p", "#{alternate_on}").strip() == "1"

    def pids(self):
        """The programs that the shell runs."""
        shell = self._run("display-message", "-p", "#{pane_pid}").strip()
        with open(f"/proc/{shell}/task/{shell}/children", encoding="ascii") as file:
            return [int(pid) for pid in file.read().split()]

    def expect(self, text):
        """Waits until it is to be seen; returns the screen."""
        return self.expect_match(re.escape(text))

    def expect_match(self, pattern):
        """The same, for a regular expression over all lines."""
        seen = []

        def is_there():
            seen[:] = [self.screen()]
            return re.search(pattern, seen[0], re.MULTILINE)

        wait_until(is_there, lambda: f"{pattern!r} on the screen:\n{seen[0]}")
        return seen[0]

    def stop(self):
        subprocess.run(["tmux", "-S", self._socket, "kill-server"], env=self._env, check=False)
        if os.path.exists(self._socket):
            os.remove(self._socket)
