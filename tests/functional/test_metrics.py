"""GET /metrics: well-formed, true after real kills, and of nothing that the caller may not see."""

import os
import shutil
import signal
import socket
import subprocess
import time

import pytest

from harness import Caller, wait_until
from harness.exposition import Exposition, Malformed

NOBODY = 65534
PHASES = ("list", "plan", "kill", "verify")


def metrics(daemon, caller=None):
    answer = daemon.http("GET", "/metrics", caller=caller)
    assert answer.status == 200, answer.text
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    return Exposition(answer.text)


# The checker itself

GOOD = """# HELP a_total Good.
# TYPE a_total counter
a_total{x="\\\\ \\" \\n"} 1
a_total{x="é"} 2.5
# HELP b_seconds Good.
# TYPE b_seconds histogram
b_seconds_bucket{le="0.1"} 1
b_seconds_bucket{le="+Inf"} 3
b_seconds_sum 0.25
b_seconds_count 3
"""

BAD = {
    "no TYPE": ("# TYPE a_total counter\n", ""),
    "no HELP": ("# HELP a_total Good.\n", ""),
    "TYPE behind samples": (
        "# TYPE a_total counter\n",
        "a_total 7\n# TYPE a_total counter\n",
    ),
    "series twice": ('x="é"} 2.5', 'x="é"} 2.5\na_total{x="é"} 2'),
    "label twice": ('x="é"', 'x="é",x="e"'),
    "bad escape": ("\\n", "\\t"),
    "bare quote": ('\\"', '"'),
    "no value": (" 2.5", ""),
    "no number": ("2.5", "2,5"),
    "no _total": ("a_total", "a"),
    "no base unit": ("b_seconds", "b_milliseconds"),
    "not cumulative": ('{le="0.1"} 1', '{le="0.1"} 4'),
    "no +Inf": ('b_seconds_bucket{le="+Inf"} 3\n', ""),
    "another count": ("b_seconds_count 3", "b_seconds_count 2"),
    "no end": ("b_seconds_count 3\n", "b_seconds_count 3"),
    "foreign sample": ("b_seconds_sum", "c_seconds_sum"),
}


def test_the_checker_takes_what_is_good():
    page = Exposition(GOOD)
    assert page.get("a_total", x='\\ " \n') == 1 and page.get("b_seconds_count") == 3


@pytest.mark.parametrize("change", BAD.values(), ids=BAD)
def test_the_checker_finds_what_is_bad(change):
    assert change[0] in GOOD
    with pytest.raises((Malformed, AssertionError)):
        Exposition(GOOD.replace(*change))


# The page


def test_before_anything_happened(server, daemon):
    page = metrics(daemon)
    labels = {"instance": "r-test", "node": server.unix_path}
    assert page.get("sesskill_link_ready", **labels) == 1
    assert page.get("sesskill_link_reconnects_total", **labels) == 0
    assert page.get("sesskill_node_maxclients", **labels) == 10000
    assert page.get("sesskill_node_clients", **labels) >= 1
    assert page.get("sesskill_topology_known", instance="r-test") == 1
    for name in ("running", "waiting"):
        assert page.get(f"sesskill_kills_{name}", instance="r-test") == 0
    for state in ("done", "dry_run", "partial", "failed", "cancelled"):
        assert page.get("sesskill_kills_total", instance="r-test", state=state) == 0
    assert page.get("sesskill_audit_failures_total") == 0
    assert page.get("sesskill_requests_denied_total", action="hdm:KillInstanceAllSession") == 0
    version = page.families["sesskill_build_info"].samples
    assert list(version.values()) == [1]


def test_the_process(daemon):
    page = metrics(daemon)
    assert abs(page.get("process_start_time_seconds") - time.time()) < 60
    n_fds = len(os.listdir(f"/proc/{daemon.pid}/fd"))
    # The connection of the scrape is one of them, and ends with it.
    assert n_fds - 1 <= page.get("process_open_fds") <= n_fds + 1
    assert 0 < page.get("process_open_fds") < page.get("process_max_fds")
    with open(f"/proc/{daemon.pid}/statm", encoding="ascii") as file:
        resident = int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE")
    assert abs(page.get("process_resident_memory_bytes") - resident) < 4 * 1024 * 1024
    assert page.get("process_cpu_seconds_total") > 0


def test_kills(server, make_clients, daemon):
    make_clients(server, total=60, named={"app": 30})
    daemon.kill("r-test", dry_run=True)
    daemon.kill("r-test", match="name = app")
    report = daemon.kill("r-test").json
    page = metrics(daemon)
    assert page.get("sesskill_kills_total", instance="r-test", state="done") == 2
    assert page.get("sesskill_kills_total", instance="r-test", state="dry_run") == 1
    assert page.get("sesskill_sessions_killed_total", instance="r-test") == 30 + report["killed"]
    assert page.get("sesskill_sessions_survived_total", instance="r-test") == 0
    name = "sesskill_kill_phase_seconds"
    counts = [page.get(f"{name}_count", instance="r-test", phase=phase) for phase in PHASES]
    assert counts == [3, 3, 2, 2]  # a dry run only lists and plans
    # The report has the same times, and they are part of the whole.
    (node,) = report["nodes"]
    assert set(node["phases_ms"]) == set(PHASES) and min(node["phases_ms"].values()) > 0
    assert sum(node["phases_ms"].values()) <= report["elapsed_ms"] + 1
    for phase in PHASES:
        total = page.get(f"{name}_sum", instance="r-test", phase=phase)
        assert total >= node["phases_ms"][phase] / 1000 - 1e-6


def test_running_and_waiting_kills(server, make_relay, make_daemon, make_clients):
    relay = make_relay(server)
    daemon = make_daemon([{"id": "r-test", "address": relay.address}])
    make_clients(server, total=5)
    relay.hold(b"TYPE")
    running = daemon.begin_kill("r-test")
    relay.wait_until_held()
    waiting = daemon.begin_kill("r-test", match="name = x")
    wait_until(lambda: len(daemon.kills()) == 2, "the second to wait")
    page = metrics(daemon)
    assert page.get("sesskill_kills_running", instance="r-test") == 1
    assert page.get("sesskill_kills_waiting", instance="r-test") == 1
    relay.release()
    assert running.response().status == waiting.response().status == 200


def test_a_lost_link(server, daemon):
    labels = {"instance": "r-test", "node": server.unix_path}
    server.kill()
    wait_until(lambda: metrics(daemon).get("sesskill_link_ready", **labels) == 0, "the loss")
    page = metrics(daemon)
    # What it said before is not true any more.
    with pytest.raises(KeyError):
        page.get("sesskill_node_clients", **labels)
    assert daemon.kill("r-test", timeout="50ms").status == 503
    page = metrics(daemon)
    assert page.get("sesskill_kills_total", instance="r-test", state="failed") == 1
    server.start()
    wait_until(lambda: metrics(daemon).get("sesskill_link_ready", **labels) == 1, "it is back")
    assert metrics(daemon).get("sesskill_link_reconnects_total", **labels) == 1


def test_a_missing_permission_is_not_ready(make_server, make_daemon, make_directory):
    """A link that is connected and could not kill would say yes at the wrong moment."""
    server = make_server(users=["weak on >pw ~* &* +@all -client|kill"])
    secret = f"{make_directory()}/pass"
    with open(secret, "w", encoding="utf-8") as file:
        os.chmod(secret, 0o600)
        file.write("pw")
    weak = {"id": "r-test", "address": server.address, "username": "weak", "password-file": secret}
    daemon = make_daemon([weak], wait="socket")
    wait_until(lambda: daemon.node()["last_error"], "the permission to be found missing")
    labels = {"instance": "r-test", "node": server.unix_path}
    assert metrics(daemon).get("sesskill_link_ready", **labels) == 0


def test_refused_and_new_connections(make_server, make_daemon, make_clients):
    server = make_server(lines=["maxclients 20"])
    daemon = make_daemon([server])
    labels = {"instance": "r-test", "node": server.unix_path}
    new, refused = "sesskill_node_connections_total", "sesskill_node_refused_connections_total"
    assert metrics(daemon).get(refused, **labels) == 0
    before = metrics(daemon).get(new, **labels)
    make_clients(server, total=20 - server.redis().info("clients")["connected_clients"])
    for _ in range(3):
        with socket.create_connection(("127.0.0.1", server.port)) as knock:
            assert knock.recv(100).startswith(b"-ERR max number of clients")
    wait_until(lambda: metrics(daemon).get(refused, **labels) == 3, "the refused ones")
    assert metrics(daemon).get(new, **labels) > before


# Sessions by name, user and source


def wait_for_counts(daemon):
    def counted():
        page = metrics(daemon)
        return page if "sesskill_sessions_by_name" in page.families else None

    return wait_until(counted, lambda: f"the counts; {daemon.explain()}")


def test_sessions_are_not_counted_by_default(server, make_clients, daemon):
    make_clients(server, total=5)
    wait_until(lambda: daemon.http("GET", "/v1/instances/r-test/history").json["nodes"], "a look")
    assert "sesskill_sessions_by_" not in daemon.http("GET", "/metrics").text


def test_sessions_by_name_user_and_source(make_server, make_clients, make_daemon):
    server = make_server(users=["app on nopass ~* &* +@all"])
    make_clients(server, total=30, named={"web": 12, "batch": 5})
    make_clients(server, total=4, tcp=True)
    others = [server.redis(username="app", password="x", client_name=f"n-{i:02}") for i in range(20)]
    for other in others:
        other.ping()
    odd = server.redis(client_name='a"b\\c')
    odd.ping()
    instance = {"id": "r-test", "address": server.address, "session-metrics": True}
    page = wait_for_counts(make_daemon([instance]))
    name, user, source = (f"sesskill_sessions_by_{key}" for key in ("name", "user", "source"))
    assert page.get(name, instance="r-test", name="web") == 12
    assert page.get(name, instance="r-test", name="batch") == 5
    assert page.get(name, instance="r-test", name="") in (17, 18)  # and the test's own
    assert page.get(name, instance="r-test", name="sesskilld:*") == 2
    assert page.get(name, instance="r-test", name='a"b\\c') == 1
    # Of 25 names the 20 that have most, and of those with as many the first.
    assert len(page.families[name].samples) == 20
    assert "n-14" in page.label_values("name") and "n-15" not in page.label_values("name")
    assert page.get(user, instance="r-test", user="app") == 20
    assert page.get(source, instance="r-test", source="127.0.0.1") == 4
    assert page.get(source, instance="r-test", source="unix") >= 50
    at = page.get("sesskill_sessions_counted_timestamp_seconds", instance="r-test")
    assert abs(at - time.time()) < 60


def test_sessions_are_counted_once_a_minute(server, make_clients, make_daemon):
    """However often the page is read, and over a reload."""
    instance = {"id": "r-test", "address": server.address, "session-metrics": True}
    daemon = make_daemon([instance])
    first = wait_for_counts(daemon)
    make_clients(server, total=5, named={"late": 5})
    server.redis().config_resetstat()
    daemon.signal(signal.SIGHUP)
    wait_until(lambda: daemon.audit("reload"), "the reload")
    steps = daemon.http("GET", "/v1/instances/r-test/history").json["until"]
    wait_until(
        lambda: daemon.http("GET", "/v1/instances/r-test/history").json["until"] > steps, "some time"
    )
    again = metrics(daemon)
    at = "sesskill_sessions_counted_timestamp_seconds"
    assert again.get(at, instance="r-test") == first.get(at, instance="r-test")
    assert "late" not in again.label_values("name")
    daemon.kill("r-test")
    assert metrics(daemon).get(at, instance="r-test") == first.get(at, instance="r-test")


def test_requests(daemon):
    daemon.http("GET", "/healthz")
    daemon.http("GET", "/v1/instances/r-nobody")
    daemon.http("GET", "/v1/nothing/at/all")
    daemon.das("KillInstanceAllSession", InstanceId="r-nobody")
    daemon.das("NoSuchAction")
    name = "sesskill_http_requests_total"
    page = metrics(daemon)
    assert page.get(name, method="GET", route="/healthz", code="200") >= 1
    assert page.get(name, method="GET", route="/v1/instances/*", code="404") == 1
    assert page.get(name, method="GET", route="unknown", code="404") == 1
    assert page.get(name, method="POST", route="KillInstanceAllSession", code="400") == 1
    assert page.get(name, method="POST", route="unknown", code="404") == 1
    # Nothing of what callers write becomes a label: the number of series is bounded.
    routes = page.label_values("route")
    for number in range(50):
        daemon.http("GET", f"/v1/kills/{number}/x{number}")
    assert metrics(daemon).label_values("route") == routes | {"/metrics"}


def test_head_and_parameters(daemon):
    answer = daemon.http("HEAD", "/metrics")
    assert (answer.status, answer.body) == (200, b"")
    assert int(answer.headers["content-length"]) > 1000
    assert daemon.http("GET", "/metrics?name=x").status == 400
    assert daemon.http("POST", "/metrics").status == 405


def test_an_unwritable_record(server, make_daemon, make_directory):
    place = f"{make_directory()}/not-there/audit.jsonl"
    daemon = make_daemon([server], settings={"audit": {"file": place}})
    before = metrics(daemon).get("sesskill_audit_failures_total")
    assert daemon.kill("r-test").status == 200
    assert metrics(daemon).get("sesskill_audit_failures_total") == before + 2


def test_labels_are_escaped(make_daemon, make_directory):
    path = f'{make_directory()}/a"b\\c\\nd é'
    instance = {"id": "r-test", "address": f"unix://{path}"}
    page = metrics(make_daemon([instance], wait="socket"))
    assert page.get("sesskill_link_ready", instance="r-test", node=path) == 0


@pytest.mark.skipif(not shutil.which("promtool"), reason="no promtool")
def test_promtool_finds_nothing(server, make_clients, daemon):
    make_clients(server, total=5)
    daemon.kill("r-test")
    page = daemon.http("GET", "/metrics").text
    done = subprocess.run(
        ["promtool", "check", "metrics"], input=page, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


# Access


@pytest.mark.skipif(os.geteuid() != 0, reason="acts as somebody else")
def test_who_may_see_what(server, make_daemon):
    daemon = make_daemon(
        [{"id": name, "address": server.address} for name in ("r-1", "r-2")],
        settings={
            "control": {"mode": "0666"},
            "access": [
                {"effect": "allow", "actions": ["*"], "users": [0]},
                {
                    "effect": "allow",
                    "actions": ["hdm:Describe*"],
                    "users": [NOBODY],
                    "instances": ["r-2"],
                },
            ],
        },
    )
    os.chmod(daemon.directory, 0o755)
    assert metrics(daemon).label_values("instance") == {"r-1", "r-2"}
    assert metrics(daemon, Caller(NOBODY, NOBODY)).label_values("instance") == {"r-2"}
    stranger = Caller(NOBODY - 1, NOBODY - 1)
    answer = daemon.http("GET", "/metrics", caller=stranger)
    assert (answer.status, answer.json["error"]["code"]) == (403, "NoPermission")
    assert daemon.audit("denied")[-1]["action"] == "hdm:DescribeInstances"
    name = "sesskill_requests_denied_total"
    assert metrics(daemon).get(name, action="hdm:DescribeInstances") == 1
