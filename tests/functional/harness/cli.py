"""The command-line client: run to its end, in an environment that is the same everywhere."""

import subprocess

from harness import programs

TIMEOUT_S = 60


def environment(**more):
    """That of a terminal which shows colour and UTF-8; no daemon is named in it."""
    env = programs.environment()
    for name in ("SESSKILL_SOCKET", "SESSKILL_HOST", "NO_COLOR", "XDG_RUNTIME_DIR"):
        env.pop(name, None)
    return {**env, "LC_ALL": "C.UTF-8", "TERM": "xterm", **more}


def command(socket, *arguments):
    return [str(programs.SESSKILL), *(["-s", socket] if socket else []), *arguments]


def run(*arguments, socket=None, env=None, **options):
    """`options` are those of subprocess.run. The result has `out` and `err` as text."""
    done = subprocess.run(
        command(socket, *arguments),
        stdin=subprocess.DEVNULL,
        stdout=options.pop("stdout", subprocess.PIPE),
        stderr=subprocess.PIPE,
        env=env or environment(),
        timeout=TIMEOUT_S,
        check=False,
        **options,
    )
    report = programs.sanitizer_report(done.stderr.decode(errors="replace"))
    assert not report, report
    done.out = (done.stdout or b"").decode()
    done.err = done.stderr.decode()
    return done
