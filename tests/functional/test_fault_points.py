"""What no real server or disk can be made to do: src/base/fault.h has the points.

guard.early is used by test_guards.py.

Only the builds for tests have them; tests/run.sh builds the sanitized programs so. Whatever fails,
nobody dies whom the request did not mean, the counts add up, the record has its two lines, and the
next kill is as good as any.
"""

import json
import re
import subprocess
from pathlib import Path

import pytest

from harness import assert_adds_up, programs, wait_until
from harness.manual import read_tables
from test_states import BusyScript

HAS_FAULTS = read_tables()["has_faults"]
needs_faults = pytest.mark.skipif(not HAS_FAULTS, reason="a build without fault points")

N_APPS = 300
IMPATIENT = {"defaults": {"connect-timeout": "300ms", "command-timeout": "500ms"}}


# The points themselves


def test_each_point_is_used_here(tables):
    source = Path(__file__).read_text(encoding="utf-8")
    named = set(re.findall(r"\b((?:dial|link|sweep|record|clock|guard)\.[a-z]+)\b", source))
    assert named == set(tables["faults"])


def test_other_builds_have_none(tables):
    """Of no release is a trace left of them."""
    options = json.loads((programs.BUILD / "meson-info/intro-buildoptions.json").read_text())
    is_wanted = next(option["value"] for option in options if option["name"] == "faults")
    assert tables["has_faults"] == is_wanted
    program = programs.SESSKILLD.read_bytes()
    traces = [b"SESSKILL_FAULTS", b"a fault of a test", b"with fault points", b"fault strikes"]
    for trace in [*traces, *map(str.encode, tables["faults"])]:
        assert (trace in program) == is_wanted, trace


@needs_faults
def test_it_says_that_it_has_them(make_daemon, server):
    """So that nobody runs it by mistake, also when none is asked to fail."""
    words = "with fault points, for tests only"
    done = subprocess.run(
        [programs.SESSKILLD, "--version"],
        env=programs.environment(), capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert words in done.stdout
    assert words in make_daemon([server]).log()


@needs_faults
def test_a_rule_that_is_none():
    done = subprocess.run(
        [programs.SESSKILLD, *programs.CHECK],
        env={**programs.environment(), "SESSKILL_FAULTS": "sweep.reset,no.such"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr == (
        'error: SESSKILL_FAULTS: no fault that is known, or too many: "no.such"\n'
    )


# The kill


class Scene:
    """A server with sessions to kill and sessions to keep, and a daemon with faults."""

    def __init__(self, server, make_clients, make_daemon, faults, wait="ready", **settings):
        self.server = server
        self.victims = make_clients(server, total=N_APPS, named={"app": N_APPS})
        self.bystanders = make_clients(server, total=20, named={"other": 20})
        self.daemon = make_daemon(
            [server], settings={**IMPATIENT, **settings}, faults=faults, wait=wait
        )

    def kill(self, **parameters):
        """The report of a kill of the victims; whatever it says must be true."""
        answer = self.daemon.kill("r-test", **{"match": "name = app", **parameters})
        report = answer.json
        assert_adds_up(report)
        records = [r for r in self.daemon.audit() if r.get("request_id") == report["request_id"]]
        assert [r["event"] for r in records] == ["intent", "outcome"]
        assert records[1]["state"] == report["state"]
        assert self.bystanders.status()["closed_by_server"] == 0
        n_ended = report["killed"] + report["gone"]
        # They may hear of their end a little later than the daemon.
        wait_until(
            lambda: self.victims.status()["closed_by_server"] >= n_ended,
            lambda: f"{n_ended} to be ended; there are {self.victims.status()}",
        )
        return report

    def expect_done(self, **parameters):
        report = self.kill(**parameters)
        assert report["state"] == "done", report
        assert report["matched"] == N_APPS
        assert (report["survivors"], report["extra"]) == (0, 0)
        self.victims.wait_for(closed_by_server=N_APPS)
        return report

    def expect_health(self):
        """Nothing of it is left."""
        wait_until(lambda: self.daemon.node()["state"] == "ready", "the link")
        report = self.kill()
        assert (report["state"], report["matched"]) == ("done", 0)


@pytest.fixture
def make_scene(server, make_clients, make_daemon):
    scenes = []

    def make(faults, server=server, **options):
        scenes.append(Scene(server, make_clients, make_daemon, faults, **options))
        return scenes[-1]

    yield make
    for scene in scenes:
        assert scene.daemon.idle_faults() == []


# Getting in


@needs_faults
@pytest.mark.parametrize(
    "faults",
    [
        "dial.silent*3",
        "dial.reset*3",
        "link.silent*2",
        "link.trickle*1000",
        "link.reset:HANDSHAKE*3",
        "link.reset:READY*3",
    ],
)
def test_getting_in(make_scene, faults):
    """A few times in vain; who asks for a kill meanwhile waits for it."""
    scene = make_scene(faults, wait="socket")
    scene.expect_done(timeout="20s")
    scene.expect_health()


@needs_faults
@pytest.mark.parametrize(
    ("faults", "words"),
    [
        ("dial.silent*1000", "cannot connect: no answer in time"),
        ("link.silent*1000", "no answer to "),
        ("link.reset:HANDSHAKE*1000", "connection lost: a fault of a test"),
    ],
)
def test_not_getting_in(make_scene, faults, words):
    scene = make_scene(faults, wait="socket")
    answer = scene.daemon.kill("r-test", match="name = app", timeout="800ms")
    assert (answer.status, answer.json["state"]) == (503, "failed")
    assert words in answer.json["nodes"][0]["error"]
    assert words in scene.daemon.node()["last_error"]
    assert scene.victims.status()["open"] == N_APPS


# Losing the connection


@needs_faults
@pytest.mark.parametrize("state", ["LIST", "PLANNED", "KILL", "VERIFY"])
@pytest.mark.parametrize("again", ["", ",link.reset:HANDSHAKE@2", ",dial.silent@2"])
def test_reset_in_a_state_of_the_sweep(make_scene, state, again):
    """Also where the way back is blocked once."""
    scene = make_scene(f"sweep.reset:{state}{again}")
    report = scene.expect_done()
    is_told = any("connection was lost during the kill" in w for w in report["warnings"])
    assert is_told == (state != "LIST")
    scene.expect_health()


@needs_faults
def test_reset_when_it_is_done(make_scene):
    """What is verified is verified; the next kill gets a new link."""
    scene = make_scene("sweep.reset:DONE")
    assert scene.expect_done()["warnings"] == []
    scene.expect_health()


@needs_faults
def test_reset_before_a_gentle_listing(make_scene, make_clients):
    scene = make_scene("sweep.reset:WARM")
    # The daemon hears from the server how many there are.
    wait_until(lambda: scene.daemon.node()["clients"] >= N_APPS, "the number of sessions")
    scene.expect_done(pace="gentle", stall_budget="1ms")
    scene.expect_health()


@needs_faults
def test_reset_while_it_watches(make_scene):
    """All is killed and verified: what is lost is the watching."""
    scene = make_scene("sweep.reset:WATCH", defaults={**IMPATIENT["defaults"], "links": 1})
    report = scene.expect_done(watch="2s")
    assert any("connection lost" in warning for warning in report["warnings"])
    scene.expect_health()


@needs_faults
def test_reset_while_a_script_is_ended(make_scene, make_server):
    server = make_server(lines=["lua-time-limit 100"], ends_scripts=True)
    scene = make_scene("sweep.reset:BREAK_BUSY", server=server)
    script = BusyScript(server)
    scene.expect_done(break_busy="true")
    script.wait()
    scene.expect_health()


@needs_faults
@pytest.mark.parametrize(
    "faults",
    [
        "link.lost:CLIENT LIST",
        "link.lost:CLIENT LIST@2",
        "link.lost:CLIENT KILL",
        "link.lost:CLIENT KILL@100*3",
        "link.cut:CLIENT LIST",
        "link.cut:CLIENT LIST@2",
        "link.trickle*1000,link.cut:CLIENT KILL@50",
    ],
)
def test_an_answer_that_does_not_arrive(make_scene, faults):
    """The server has done what it was told; nobody has heard how many it hit."""
    scene = make_scene(faults)
    scene.expect_done()
    scene.expect_health()


@needs_faults
def test_losing_it_again_and_again(make_scene):
    """Killed is what is gone when the server is asked, whatever was heard of it."""
    scene = make_scene("link.lost:CLIENT KILL@20*8")
    scene.expect_done()
    scene.expect_health()


# The record


@needs_faults
@pytest.mark.parametrize(
    ("faults", "words"),
    [
        ("record.write@2", "No space left on device"),
        ("record.sync", "cannot sync what was written: Input/output error"),
        ("record.open", "No space left on device"),
    ],
)
def test_no_record(make_scene, faults, words):
    """Where it is required nothing is done; the first line of a daemon is that of its start."""
    scene = make_scene(faults, audit={"required": True})
    answer = scene.daemon.kill("r-test", match="name = app")
    assert answer.status == 503
    assert "the audit log is required: " in json.dumps(answer.json)
    assert words in json.dumps(answer.json)
    assert scene.victims.status()["open"] == N_APPS
    assert scene.daemon.audit("outcome") == [] or faults == "record.sync"
    scene.expect_done()


@needs_faults
@pytest.mark.parametrize("faults", ["record.write@2", "record.sync", "record.open"])
def test_no_record_where_none_is_needed(make_scene, faults):
    scene = make_scene(faults)
    report = scene.daemon.kill("r-test", match="name = app").json
    assert report["state"] == "done"
    assert any("the audit log could not be written" in w for w in report["warnings"])
    scene.victims.wait_for(closed_by_server=N_APPS)
    assert "sesskill_audit_failures_total 1\n" in scene.daemon.http("GET", "/metrics").text
    scene.expect_health()


# The clock


@needs_faults
@pytest.mark.parametrize("faults", ["clock.ahead@2*3", "clock.behind@2*3"])
def test_a_clock_that_jumps(make_scene, faults):
    """There in the middle of a kill, and back: nothing that counts goes by it."""
    scene = make_scene(faults)
    report = scene.expect_done()
    assert 0 <= report["elapsed_ms"] < 60000
    (intent,) = scene.daemon.audit("intent")
    (outcome,) = scene.daemon.audit("outcome")
    assert intent["request_id"] == outcome["request_id"] == report["request_id"]
    days = {record["time"][:10] for record in scene.daemon.audit()}
    assert len(days) == 2
    scene.expect_health()
