"""What hostile.py attacks: servers, sessions, and a daemon whose record is on a small disk."""

import os
import shutil
import subprocess
import tempfile

import hostile_attackers as attackers
from harness import Clients, Daemon, Server
from harness.crowd import Crowd

N_SESSIONS = 1000
DISK_BYTES = 128 * 1024 * 1024
LONG_NAME = "a" * 4000
JUMPS = "clock.ahead@300*300,clock.behind@900*300"

ACCESS = [
    {"effect": "allow", "users": [0], "actions": ["*"]},
    {"effect": "allow", "users": [attackers.MALLORY], "actions": ["hdm:*"],
     "instances": ["theirs", "half", "long", "keep"]},
    {"effect": "deny", "users": [attackers.MALLORY], "actions": [attackers.KILL_ALL],
     "instances": ["theirs", "half", "long"]},
    {"effect": "allow", "users": [attackers.TRENT], "actions": ["hdm:Get*", "hdm:Describe*"],
     "instances": ["crowd", "long", "theirs"]},
]  # fmt: skip


class World:
    """Servers, sessions and the daemon, whose record is on a small disk of its own."""

    def __init__(self, stack):
        self.stack = stack
        self.ours = self.make_server()
        self.theirs = self.make_server()
        self.alive, self.dead = self.make_server(), self.make_server()
        self.long = self.make_server()
        self.keep = self.make_server()
        self.crowd = Crowd(self.directory(), 8000)
        stack.callback(self.crowd.stop)
        self.crowd.start()
        self.clients = self.make_clients(self.ours, total=N_SESSIONS, reconnect=True)
        self.make_clients(self.theirs, named={"theirs": 50}, reconnect=True)
        self.make_clients(self.alive, total=50, reconnect=True)
        self.make_clients(self.long, named={LONG_NAME: 200}, reconnect=True)
        self.kept = self.make_clients(self.keep, total=50)
        self.dead.pause_process()
        stack.callback(self.dead.resume_process)
        self.disk = self.make_disk()
        self.daemon = self.make_daemon()
        os.chmod(self.daemon.directory, 0o755)

    def make_daemon(self):
        half = [self.alive.address, self.dead.address]
        instances = [
            {"id": "ours", "address": self.ours.address},
            {"id": "theirs", "address": self.theirs.address},
            {"id": "half", "address": half},
            {"id": "long", "address": self.long.address},
            {"id": "keep", "address": self.keep.address},
            {"id": "crowd", "address": self.crowd.address},
        ]
        settings = {
            "access": ACCESS,
            "control": {"mode": "0666"},
            "audit": {"file": f"{self.disk}/audit.jsonl", "required": True},
        }
        daemon = Daemon(self.directory(), instances, settings=settings, faults=JUMPS)
        daemon._options = lambda: []  # not what strikes: it would be all of the log
        daemon.audit_path = f"{self.disk}/audit.jsonl"
        self.stack.callback(daemon.kill_process)
        daemon.start(wait="socket")
        # The daemon as the unit says, and likewise root's own server and sessions; what the attackers
        # use as they do. It is the daemon that is measured, and not who gets the processors.
        for pid in (daemon.pid, self.ours.pid, self.clients.pid):
            os.setpriority(os.PRIO_PROCESS, pid, -10)
        for server in (self.theirs, self.alive, self.long, self.keep):
            os.setpriority(os.PRIO_PROCESS, server.pid, 10)
        return daemon

    def directory(self):
        directory = tempfile.mkdtemp(prefix="sesskill-hostile-")
        self.stack.callback(shutil.rmtree, directory, ignore_errors=True)
        return directory

    def make_disk(self):
        directory = self.directory()
        options = f"size={DISK_BYTES}"
        subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", directory], check=True)
        self.stack.callback(subprocess.run, ["umount", "--lazy", directory], check=False)
        return directory

    def make_server(self):
        server = Server(self.directory())
        self.stack.callback(server.stop)
        server.start()
        return server

    def make_clients(self, server, **options):
        clients = Clients(server, **options)
        self.stack.callback(clients.quit)
        clients.start()
        return clients

    def status(self, name):
        with open(f"/proc/{self.daemon.pid}/status", encoding="utf-8") as file:
            return next(line for line in file if line.startswith(name)).split()[1]
