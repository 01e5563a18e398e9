"""Everybody against the daemon at once: see hostile.sh."""

import contextlib
import json
import os
import resource
import signal
import statistics
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "functional"))

import hostile_attackers as attackers  # noqa: E402
from harness import http, programs, wait_until  # noqa: E402
from harness.programs import raise_descriptor_limit  # noqa: E402
from hostile_world import N_SESSIONS, World  # noqa: E402

MINUTES = float(os.environ.get("SESSKILL_HOSTILE_MINUTES", "10"))
# Of the attacks, by the numbers that they have in hostile_attackers.py, to find out whose fault
# something is. Empty: all.
NUMBERS = [int(n) for n in os.environ.get("SESSKILL_HOSTILE_ATTACKS", "").split(",") if n]
QUIET_KILLS = 20
PERIOD_S = 1
MAX_TIMES_QUIET = 3
MAX_MEMORY_KIB = 64 * 1024
PATIENCE_S = 30
# Of the record, on the average, by three users who are denied all the time.
MAX_DENIED_BYTES_A_SECOND = 16 * 1024
# All the rest of it is of kills, which somebody may ask for: an intent and its end.
MAX_BYTES_A_KILL = 2 * 1024
DONE_AS_FAR = "done as far as can be"


def is_refused_without_record(answer):
    """As it must be where the disk is full."""
    return answer.status == 503 and "audit log is required" in answer.text


def read_records(path):
    """What a full disk left of a line is none."""
    with open(path, encoding="utf-8") as file:
        for line in file:
            with contextlib.suppress(ValueError):
                yield json.loads(line)


def sent_bytes(record):
    """What of the line the caller has written: as long as he likes, and in the intent and the end."""
    texts = [*record.get("match", []), *record.get("except", []), record.get("reason", "")]
    return sum(len(json.dumps(text)) for text in texts)


def measure_record(path):
    """Its bytes but for what callers wrote, those of denials, and how many kills it has."""
    n_bytes = n_denied = n_kills = 0
    with open(path, "rb") as file:
        for line in file:
            is_denied = b'"event":"denied"' in line
            n_bytes += len(line) - (0 if is_denied else sent_bytes(json.loads(line)))
            n_denied += len(line) if is_denied else 0
            n_kills += b'"event":"intent"' in line
    return n_bytes, n_denied, n_kills


def ids_of(records, *events):
    return Counter(record["request_id"] for record in records if record["event"] in events)


class Root:
    """Ends all sessions of the instance `ours` once a second, and notes how long that took."""

    def __init__(self, world):
        self.daemon = world.daemon
        self.clients = world.clients
        self.times_ms = []
        self.slowest = (0, 0)  # in all, and of that from the request to the report
        self.problems = Counter()
        self.is_over = threading.Event()
        self.n_refused = 0
        self.n_killed = 0
        self._newest = None

    def kill(self):
        began_s = time.monotonic()
        try:
            answer = self.daemon.kill("ours", timeout="60s")
        except (OSError, ValueError, http.http.client.HTTPException) as error:
            self.problems[type(error).__name__] += 1
            return
        took_ms = (time.monotonic() - began_s) * 1000
        if answer.status == 200:
            self.times_ms.append(took_ms)
            self.slowest = max(self.slowest, (took_ms, answer.json["elapsed_ms"]))
            self.n_killed += answer.json["killed"]
            self._look_back(answer.json["request_id"])
        elif is_refused_without_record(answer):
            self.n_refused += 1
        else:
            self.problems[f"{answer.status}: {answer.text[:200]}"] += 1

    def _look_back(self, request_id):
        """The report of the kill before must still be there."""
        with open(f"{self.daemon.socket_path}.newest.new", "w", encoding="utf-8") as file:
            file.write(request_id)
        os.replace(file.name, f"{self.daemon.socket_path}.newest")
        if self._newest is not None:
            with contextlib.suppress(OSError, http.http.client.HTTPException):
                report = f"/v1/kills/{self._newest}"
                status = self.daemon.http("GET", report).status
                self.problems[f"{status} for a report of its own"] += status != 200
        self._newest = request_id

    def _crowd_is_back(self):
        return self.clients.status()["open"] == N_SESSIONS

    def run(self, seconds=None, n_kills=None):
        end = time.monotonic() + (seconds or 1e9)
        n = 0
        while time.monotonic() < end and n != n_kills and not self.is_over.is_set():
            next_s = time.monotonic() + PERIOD_S
            wait_until(self._crowd_is_back, "the sessions to come back", PATIENCE_S)
            self.kill()
            n += 1
            self.is_over.wait(max(0, next_s - time.monotonic()))


class Half:
    """Root's kills where one node is dead: the other one's sessions end, and nobody refuses it."""

    def __init__(self, world):
        self.daemon = world.daemon
        self.statuses = Counter()
        self.is_over = threading.Event()

    def run(self):
        while not self.is_over.wait(5):
            try:
                answer = self.daemon.kill("half", timeout="2s")
                alive = answer.json.get("nodes", [{}])[0]
                is_done = answer.status == 500 and alive.get("survivors") == 0
                if not is_refused_without_record(answer):
                    self.statuses[DONE_AS_FAR if is_done else answer.status] += 1
            except (OSError, ValueError, http.http.client.HTTPException) as error:
                self.statuses[type(error).__name__] += 1


class Hostile:
    def __init__(self, stack):
        self.world = World(stack)
        self.daemon = self.world.daemon
        self.rows = []
        self.n_failed = 0
        self.counts = Counter()

    def check(self, name, is_well, figure):
        self.rows.append((name, "ok" if is_well else "FAILED", figure))
        self.n_failed += not is_well

    # ---- the run ----

    def quiet(self):
        self.root = Root(self.world)
        self.root.run(n_kills=QUIET_KILLS)
        self.median_ms = statistics.median(self.root.times_ms)
        self.root.times_ms.clear()
        self.root.slowest = (0, 0)

    def begin(self):
        Path(f"{self.daemon.socket_path}.newest").touch()
        self.half = Half(self.world)
        self.attackers = attackers.all_of(self.daemon.socket_path, NUMBERS)
        for attacker in self.attackers:
            attacker.start()
        self.half_thread = threading.Thread(target=self.half.run)
        self.half_thread.start()
        self.began_s = time.monotonic()

    def end(self):
        self.seconds = time.monotonic() - self.began_s
        self.half.is_over.set()
        self.half_thread.join(PATIENCE_S)
        for attacker in self.attackers:
            self.counts += attacker.stop()

    def attack(self, seconds):
        self.root.run(seconds=seconds)
        self.hostile_ms, self.root.times_ms = self.root.times_ms, []
        self.slowest = self.root.slowest
        self.memory_kib = int(self.world.status("VmHWM:"))
        self.attack_seconds = time.monotonic() - self.began_s
        self.record_sizes = measure_record(self.daemon.audit_path)

    def disturb(self, seconds):
        """The same without descriptors, and without disk; each for a third, then as ever."""
        n_open = len(os.listdir(f"/proc/{self.daemon.pid}/fd"))
        soft, _ = resource.prlimit(self.daemon.pid, resource.RLIMIT_NOFILE)
        limits = ["prlimit", f"--pid={self.daemon.pid}"]
        subprocess.run([*limits, f"--nofile={n_open}:"], check=True)
        self.root.run(seconds=seconds / 3)
        subprocess.run([*limits, f"--nofile={soft}:"], check=True)
        with contextlib.suppress(OSError), open(f"{self.world.disk}/fill", "wb") as file:
            while True:
                file.write(bytes(1 << 20))
                file.flush()
        self.root.run(seconds=seconds / 3)
        os.unlink(f"{self.world.disk}/fill")
        self.root.run(seconds=seconds / 3)

    def judge(self):
        self._judge_root()
        self._judge_resources()
        # 503: of connections they have had their share.
        self.check("everybody in other words", self._only(8, "403", "503"), self._counts(8))
        self.check("root's kills and others", self._only(9, "404", "403"), self._counts(9))
        killed = self.world.kept.status()["closed_by_server"]
        self.check("odd bodies", killed == 0, f"{killed} killed; {self._counts(11)}")

    def _judge_root(self):
        root, times_ms = self.root, self.hostile_ms or [0]
        problems = dict(+root.problems)
        figure = f"{len(self.hostile_ms)}, {root.n_killed} sessions; {problems}"
        self.check("root's kills answered", self.hostile_ms and not problems, figure)
        times = max(times_ms) / self.median_ms
        figure = (
            f"{max(times_ms):.0f} ms ({self.slowest[1]} of the kill itself), {times:.1f} times the quiet median, {self.median_ms:.1f} ms;"
            f" their median {statistics.median(times_ms):.1f} ms"
        )
        self.check("the slowest of them", times <= MAX_TIMES_QUIET, figure)
        figure = f"{len(root.times_ms)} kills, {root.n_refused} refused without record"
        self.check("no descriptors, no disk", root.times_ms and root.n_refused, figure)
        statuses = dict(self.half.statuses)
        self.check("where a node is dead", set(statuses) == {DONE_AS_FAR}, statuses)

    def _judge_resources(self):
        figure = f"{self.memory_kib // 1024} MiB"
        self.check("memory at its highest", self.memory_kib <= MAX_MEMORY_KIB, figure)
        n_bytes, n_denied, n_kills = self.record_sizes
        rate = n_denied / self.attack_seconds
        per_kill = (n_bytes - n_denied) / max(n_kills, 1)
        figure = f"{rate / 1024:.1f} KiB a second by denials, {per_kill / 1024:.1f} KiB a kill"
        is_well = rate <= MAX_DENIED_BYTES_A_SECOND and per_kill <= MAX_BYTES_A_KILL
        self.check("growth of the record", is_well, figure)

    def _counts(self, number):
        """By status, what the attackers counted of it, but for their own troubles."""
        of = {key: n for key, n in self.counts.items() if key.startswith(f"{number}:")}
        return {key.rsplit(": ", 1)[1]: n for key, n in sorted(of.items())}

    def _only(self, number, *statuses):
        found = set(self._counts(number))
        return found <= set(statuses) and bool(found) == (not NUMBERS or number in NUMBERS)

    # ---- afterwards ----

    def second_daemon(self):
        os.unlink(self.daemon.socket_path)
        done = subprocess.run(
            [str(programs.SESSKILLD), "-c", self.daemon.config_path],
            capture_output=True, text=True, timeout=60, check=False, env=programs.environment(),
        )  # fmt: skip
        wait_until(lambda: os.path.exists(self.daemon.socket_path), "the socket to be made anew")
        words = done.stderr.strip().splitlines()[-1] if done.stderr else ""
        self.check("a second daemon", done.returncode == 1 and "another process" in words, words)

    def files(self):
        """10: what others may write, and links."""
        bad = {
            "a secret of 0602": self._check_of(0o602, 0o600, "record"),
            "a configuration of 0646": self._check_of(0o640, 0o646, "record"),
            "a record behind a link": self._check_of(0o640, 0o640, "link"),
        }
        good = self._check_of(0o640, 0o640, "record")
        self.check("files open to others", {*bad.values()} == {2} and good == 0, f"--check: {bad}")

    def _check_of(self, secret_mode, config_mode, record):
        """The exit status of `sesskilld --check`."""
        directory = Path(self.world.directory())
        secret, config = directory / "secret", directory / "config"
        (directory / "link").symlink_to(secret)
        instance = {"id": "a", "address": "h:1", "password-file": str(secret)}
        text = {"audit": {"file": str(directory / record)}, "instances": [instance]}
        secret.write_text("secret", encoding="utf-8")
        config.write_text(json.dumps(text), encoding="utf-8")
        secret.chmod(secret_mode)
        config.chmod(config_mode)
        command = [str(programs.SESSKILLD), "--check", "-c", str(config)]
        return subprocess.run(command, capture_output=True, check=False).returncode

    def read_only_disk(self):
        """EROFS: a daemon whose record cannot be written kills nobody, and does when it can."""
        self.daemon.kill_process()
        subprocess.run(["mount", "-o", "remount,ro", self.world.disk], check=True)
        self.daemon.start(wait="socket")
        refused = self.daemon.kill("ours").status
        subprocess.run(["mount", "-o", "remount,rw", self.world.disk], check=True)
        wait_until(lambda: self.daemon.kill("ours").status == 200, "a kill that is recorded")
        self.check("a read-only disk", refused == 503, f"{refused}, then 200")

    def crash(self):
        """In the middle of a kill whose intent was rotated away."""
        pending = self.daemon.begin_kill("half", timeout="60s")
        wait_until(lambda: self._is_running("half"), "the kill to begin")
        os.rename(self.daemon.audit_path, f"{self.daemon.audit_path}.1")
        self.daemon.signal(signal.SIGHUP)
        wait_until(lambda: os.path.exists(self.daemon.audit_path), "the record to be opened anew")
        self.daemon.kill_process()
        pending.hang_up()
        self.daemon.start(wait="socket")

    def _is_running(self, instance):
        return ("running", instance) in {(k["state"], k["instance"]) for k in self.daemon.kills()}

    def record(self):
        path = self.daemon.audit_path
        records = [*read_records(f"{path}.1"), *read_records(path)]
        intents = ids_of(records, "intent")
        ends = ids_of(records, "outcome", "interrupted")
        n_lines = sum(record["event"] == "denied" for record in records)
        n_denied = sum(r.get("repeated", 1) for r in records if r["event"] == "denied")
        open_or_twice = [*(intents - ends), *(ends - intents)]
        figure = (
            f"{len(intents)} intents; without one end: {open_or_twice[:3]};"
            f" {n_denied} denials in {n_lines} lines"
        )
        self.check("the record", not open_or_twice and set(intents.values()) == {1}, figure)

    # ---- figures ----

    def show(self):
        width = max(len(name) for name, _, _ in self.rows)
        print(f"\n{'':{width}}  {'':6}  {MINUTES:g} minutes, {QUIET_KILLS} quiet kills before")
        for name, verdict, figure in self.rows:
            print(f"{name:{width}}  {verdict:6}  {figure}")
        print()
        for what, n in sorted(self.counts.items()):
            print(f"  {n:8} {what}")
        print("   skipped ENFILE: it is the whole machine's, and root's processes are exempt")
        print(f"{len(self.rows) - self.n_failed} passed, {self.n_failed} failed", flush=True)


def main():
    raise_descriptor_limit()
    # Whoever is impatient leaves nothing behind either.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    with contextlib.ExitStack() as stack:
        hostile = Hostile(stack)
        hostile.quiet()
        hostile.begin()
        try:
            hostile.attack(MINUTES * 60 * 0.75)
            hostile.disturb(max(MINUTES * 60 * 0.25, 15))
        finally:
            hostile.end()
        hostile.judge()
        for step in ("second_daemon", "files", "read_only_disk", "crash", "record"):
            try:
                getattr(hostile, step)()
            except (AssertionError, OSError, ValueError, subprocess.SubprocessError) as error:
                hostile.check(step, False, f"{type(error).__name__}: {error}")
        hostile.show()
    return 1 if hostile.n_failed else 0


sys.exit(main())
