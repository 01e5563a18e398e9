"""Where the programs under test are, and how a test process is started."""

import getpass
import os
import resource
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
BUILD = Path(os.environ.get("SESSKILL_BUILD", ROOT / "build"))

SESSKILLD = Path(os.environ.get("SESSKILLD", BUILD / "src/daemon/sesskilld"))
SESSKILL = Path(os.environ.get("SESSKILL", BUILD / "src/cli/sesskill"))
# As who runs the tests: root would else read as the user of the service.
CHECK = ["--check", "--as", getpass.getuser()]
CLIENTS = Path(os.environ.get("SESSKILL_CLIENTS", BUILD / "tests/tools/clients"))
CROWD = BUILD / "tests/tools/crowd"
REDIS_SERVER = os.environ.get("REDIS_SERVER", "redis-server")

SANITIZER_WORDS = ("AddressSanitizer", "LeakSanitizer", "runtime error:", "CHECK failed")


def is_sanitized():
    """Whether the daemon under test was built with a sanitizer, which keeps what is freed."""
    return b"__asan_init" in SESSKILLD.read_bytes()


def environment():
    """The environment of a program under test: a sanitizer's finding ends it with a failure."""
    return {
        **os.environ,
        "ASAN_OPTIONS": "detect_leaks=1:detect_stack_use_after_return=1:exitcode=99",
        "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1",
    }


def sanitizer_report(text):
    """The part of `text` in which a sanitizer or an assertion complains; "" when none does."""
    lines = text.splitlines()
    for number, line in enumerate(lines):
        if any(word in line for word in SANITIZER_WORDS):
            return "\n".join(lines[number : number + 60])
    return ""


def read_log(path):
    """What a program wrote; "" when there is none, or not any more."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except FileNotFoundError:
        return ""


def raise_descriptor_limit():
    """Servers and clients inherit as many descriptors as this process may give them."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
