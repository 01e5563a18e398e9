"""The account of the daemon with the least permissions, by the very lines that the manual has.

With SESSKILL_TEST_LEAST_USER=1 every server gets that user, and the daemons log in as it.
"""

import os
import shlex

from harness.manual import INTEGRATION, Page

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
    """Of man/sesskill-integration.7, by purpose: what a server is told, with PASSWORD in its place."""
    lines = {}
    purpose = None
    for line in Page(INTEGRATION).the_literal("# Redis 6.0").replace("\\\n", " ").splitlines():
        if line.startswith("# "):
            titles = [title for title in _TITLES if line[2:].startswith(title)]
            if titles:  # else it is the rest of a comment
                purpose = lines.setdefault(_TITLES[titles[0]], [])
            continue
        words = shlex.split(line)
        start = words.index("ACL")
        assert words[0] == "redis-cli" and words[start : start + 3] == ["ACL", "SETUSER", NAME], line
        purpose.append(" ".join(words[start:]).replace(">PASSWORD", f">{PASSWORD}"))
    assert lines.keys() == set(_TITLES.values())
    return lines


_LINES = _read_lines()


def commands(version, *, ends_scripts=False, in_cluster=False, gets_aside=False):
    """What to paste on a server whose redis_version is this."""
    is_old = int(version.split(".")[0]) < 7
    pasted = list(_LINES["old" if is_old else "new"])
    if gets_aside:
        pasted += _LINES["aside"]
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
