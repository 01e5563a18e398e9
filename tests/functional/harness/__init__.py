"""Real servers, real client sessions and a real daemon for the functional tests.

Everything lives in private directories, on private sockets and on ports that the kernel handed
out, so that tests may run at the same time as others. Nothing here sleeps for a fixed time.
"""

from harness.clients import Clients
from harness.daemon import Daemon
from harness.http import Caller, Response
from harness.relay import Relay
from harness.report import assert_adds_up, counts_of
from harness.server import Server
from harness.waiting import wait_until

__all__ = [
    "Caller",
    "Clients",
    "Daemon",
    "Relay",
    "Response",
    "Server",
    "assert_adds_up",
    "counts_of",
    "wait_until",
]
