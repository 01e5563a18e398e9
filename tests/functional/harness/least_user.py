"""The account of the daemon with the least permissions, by the very lines that README.md has.

With SESSKILL_TEST_LEAST_USER=1 every server gets that user, and the daemons log in as it.
"""

import os
import re

from harness import programs

IS_WANTED = os.environ.get("SESSKILL_TEST_LEAST_USER", "") not in ("", "0")
NAME = "sesskill"
PASSWORD = "least"

# How the comments above the lines begin, and what the lines are for.
_TITLES = {
    "Redis 6.0, 6.2": "old",
    "Redis 7.0 and later": "new",
    "worth having": "aside",
    "for --break-busy as well": "scripts",
    "on the nodes of a cluster as well": "cluster",
    "on Sentinels since 6.2": "sentinel",
}


def _read_lines():
    """Of README.md, by purpose: commands to paste, with PASSWORD in its place."""
    text = (programs.ROOT / "README.md").read_text(encoding="utf-8")
    section = re.search(r"^### The account on the servers$(.*?)^##", text, re.M | re.S)[1]
    lines = {}
    for line in re.findall(r"^    (.+)$", section, re.M):
        if line.startswith("# "):
            (title,) = (title for title in _TITLES if line[2:].startswith(title))
            purpose = lines.setdefault(_TITLES[title], [])
        else:
            assert line.startswith(f"ACL SETUSER {NAME} "), line
            purpose.append(line.replace(">PASSWORD", f">{PASSWORD}"))
    assert lines.keys() == set(_TITLES.values())
    return lines


_LINES = _read_lines()


def commands(version, *, ends_scripts=False, in_cluster=False):
    """What to paste on a server whose redis_version is this."""
    is_old = int(version.split(".")[0]) < 7
    pasted = list(_LINES["old" if is_old else "new"])
    if ends_scripts:
        # There are no functions to end before 7.0.
        pasted += _LINES["scripts"][: 1 if is_old else 2]
    if in_cluster:
        pasted += _LINES["cluster"]
    return pasted


def sentinel_commands():
    """What to paste on a Sentinel."""
    return _LINES["sentinel"]


def keys(directory):
    """Of an instance or of its `sentinel`, to log in like that; the password is put into a file."""
    path = f"{directory}/least-user"
    with open(path, "w", encoding="utf-8", opener=_open_privately) as file:
        file.write(f"{PASSWORD}\n")
    return {"username": NAME, "password-file": path}


def _open_privately(path, flags):
    return os.open(path, flags, 0o600)
