"""The sides of "kill all": each a function that ends the sessions of a rig and returns the
seconds from the wish to its fulfilment."""

import json
import subprocess
import time

from rig import TOOLS


def sesskill(rig):
    """The request on the control socket, to the verified answer."""
    return rig.kill("all=true&via=protocol")[0]


def _run_floor(rig, *arguments):
    done = subprocess.run(
        [TOOLS / "floor", rig.server.unix_path, *arguments],
        check=True,
        capture_output=True,
        text=True,
    )
    outcome = json.loads(done.stdout)
    assert outcome["left"] == 0, outcome
    return outcome["us"] / 1e6


def floor(rig):
    return _run_floor(rig, "all")


def floor_by_name(rig, name):
    """The best commands for this server, on sessions of that name."""
    return _run_floor(rig, "name", name, str(rig.kind.ids_per_kill))


def listing(rig):
    """CLIENT LIST alone, which kills nobody and which nobody can do without."""
    return _run_floor(rig, "list")


def _shell(script, rig):
    begin = time.monotonic()
    subprocess.run(
        ["bash", "-o", "pipefail", "-c", script],
        check=True,
        env={"CLI": rig.kind.cli, "S": rig.server.unix_path, "PATH": "/usr/bin:/bin"},
        stdout=subprocess.DEVNULL,
    )
    return time.monotonic() - begin


# `|| :` because a script kills connections that are not its business, at times its own.
_IDS = r"""$CLI -s $S client list | awk '{ print "client kill id " substr($1, 4) }'"""


def cli_by_type(rig):
    """One command for all normal sessions; nobody verifies."""
    return _shell("$CLI -s $S client kill type normal || :", rig)


def script(rig):
    return _shell(f"{_IDS} | $CLI -s $S || :", rig)


def script_pipe(rig):
    return _shell(f"{_IDS} | $CLI -s $S --pipe || :", rig)


def xargs(rig):
    ids = "$CLI -s $S client list | awk '{ print substr($1, 4) }'"
    return _shell(f"{ids} | xargs -n 1 $CLI -s $S client kill id || :", rig)
