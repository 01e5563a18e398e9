"""The manual says all that is in the answers, metrics and records of a real daemon."""

import json
import os
import re
import shlex
import shutil
import signal
import subprocess

import pytest

from harness import Caller, cli, http, programs, wait_until
from harness.exposition import Exposition
from harness.fake_ssh import FakeSsh
from harness.manual import API, CLIENT, DAEMON, DAS, NATIVE, Page, hold, read_tables

NOBODY = 65534
HAS_FAULTS = read_tables()["has_faults"]

# What a type of JSON is called in the pages. A whole number may stand where any number may.
TYPES = {
    str: {"string"},
    bool: {"boolean"},
    int: {"integer", "number"},
    float: {"number"},
    type(None): {"null"},
    dict: {"object"},
}


def flatten(value, path=""):
    """[(path, value)] of all leaves: `nodes[].plan[].expect`."""
    if isinstance(value, dict) and value:
        return [
            leaf
            for key, inner in value.items()
            for leaf in flatten(inner, f"{path}.{key}" if path else key)
        ]
    if isinstance(value, list):
        return [leaf for inner in value for leaf in flatten(inner, f"{path}[]")]
    return [(path, value)]


def kinds_in(answers):
    """The types that each path has in them."""
    kinds = {}
    for answer in answers:
        for path, value in flatten(answer):
            kinds.setdefault(path, set()).add(type(value))
    return kinds


def hold_fields(page, where, documented, answers):
    """The fields of all these answers together are those that are documented, and so typed."""
    existing = kinds_in(answers)

    def block(path):
        names = sorted(min(TYPES[kind]) for kind in existing[path])
        return f".It Va {path}\n({' or '.join(names)}) What it is."

    hold(page, where, documented, existing, block)
    for path, kinds in existing.items():
        named = set(documented[path].facts.split(" or "))
        for kind in kinds:
            assert TYPES[kind] & named, f"man/{page}, {where}, {path}: it may be {TYPES[kind]}"


def hold_answers(title, *answers, section=NATIVE):
    hold_fields(API, title, Page(API).part(section, title).named("Va"), answers)


def report_fields():
    return Page(API).part(NATIVE, "The report").named("Va")


def answer(response, status=200):
    assert response.status == status, response.text
    return response.json


@pytest.fixture
def absent(make_directory):
    """The address of a server that is not there."""
    return f"unix://{make_directory()}/absent.sock"


@pytest.fixture
def busy(make_server, make_clients, make_daemon, absent):
    """A daemon with something to say in every field: one of its servers does not allow it all, the
    other one is not there."""
    server = make_server(users=["weak on >weak ~* &* +@all -client|no-evict"])
    make_clients(server, total=10)
    password = f"{server.directory}/password"
    with open(password, "w", encoding="utf-8", opener=private) as file:
        file.write("weak")
    instance = {
        "id": "r-test", "address": [server.address, absent],
        "username": "weak", "password-file": password, "session-metrics": True,
    }  # fmt: skip
    guards = [{"name": "g", "instances": ["r-*"], "when": "always", "goal": {"limit": 1}}]
    settings = {"control": {"mode": "0666"}, "guards": guards}
    daemon = make_daemon([instance], settings=settings, wait="socket")

    def is_ready():
        return [node["state"] for node in daemon.instance("r-test")["nodes"]] == ["ready", "failed"]

    wait_until(is_ready, lambda: f"one of two nodes; {daemon.explain()}")
    return daemon


def private(path, flags):
    return os.open(path, flags, 0o600)


def nodes_of(daemon):
    return [node["address"] for node in daemon.instance("r-test")["nodes"]]


def test_instances(busy, leased):
    instances = answer(busy.http("GET", "/v1/instances"))
    out = answer(leased.http("GET", "/v1/instances/r-test"))
    out["bad_lease"] = out["bad_lease"] or "its id"
    hold_answers("GET /v1/instances/{id}", *instances["instances"], out)
    # A daemon without its socket's file says so to whoever still reaches it.
    os.link(busy.socket_path, f"{busy.directory}/other")
    os.unlink(busy.socket_path)
    os.mkdir(busy.socket_path)
    alone = answer(http.request(f"{busy.directory}/other", "GET", "/v1/instances"))
    os.rmdir(busy.socket_path)
    hold_answers("GET /v1/instances", {**alone, "instances": [{}]})
    wait_until(lambda: os.path.exists(busy.socket_path), busy.explain)


def test_sessions(busy, tables):
    path = "/v1/instances/r-test/sessions"
    listing = answer(busy.http("GET", path, params={"except": "namespace = x", "processes": "true"}))
    groups = answer(busy.http("GET", path, params={"group_by": "name"}))
    assert len(listing["sessions"]) > 10
    # What is not a field that the server gave is documented with the answer.
    given = {field.replace("-", "_") for field in tables["fields"]}
    others = [
        {key: value for key, value in session.items() if key not in given}
        for session in listing["sessions"]
    ]
    listing["sessions"] = [{}, *others]
    hold_answers("GET /v1/instances/{id}/sessions", listing, groups)


@pytest.fixture
def twins(make_daemon, server):
    """Two addresses of one server, and known as such."""
    address = [server.tcp_address, server.address]
    daemon = make_daemon([{"id": "twins", "address": address}])
    path = "/v1/instances/twins/sessions"
    wait_until(lambda: len(daemon.http("GET", path).json["nodes"]) == 1, "them to be one")
    return daemon


def test_reports(busy, twins, leased):
    present, missing = nodes_of(busy)
    reports = [
        answer(busy.kill("r-test", node=missing, timeout="1ms"), 503),
        answer(busy.kill("r-test", node=present, match="namespace = x", dry_run=True)),
        answer(busy.kill("r-test", node=present, dry_run=True, processes=True)),
        answer(busy.kill("r-test", node=present, watch="50ms")),
        answer(twins.kill("twins", dry_run=True)),
        answer(leased.kill("r-test", match="user = leaky", keep_out="1h")),
    ]
    hold_answers("The report", *reports)
    kills = answer(busy.http("GET", "/v1/kills"))
    parts = ("nodes[]", "sources[]", "local.", "local_clients[]")
    summary = {path for path in report_fields() if not path.startswith(parts)}
    out = answer(leased.http("GET", "/v1/kills"))
    assert set(kinds_in(kills["kills"] + out["kills"])) == summary
    hold_answers("GET /v1/kills", {**kills, "kills": [{}]})
    hold_answers("Errors", answer(busy.http("GET", "/v1/kills/none"), 404))


def test_events(busy):
    source = (programs.ROOT / "src/control/native/native_stream.c").read_text(encoding="utf-8")
    existing = [*re.findall(r'\bsend_event\(stream, "([a-z]+)"', source), "report"]
    assert len(existing) >= 6
    documented = Page(API).part(NATIVE, "Events of a kill").named("Cm")
    hold(API, "Events of a kill", documented, existing)
    lines = busy.http(
        "POST", "/v1/instances/r-test/kill",
        body={"all": True, "node": nodes_of(busy)[0]},
        headers={"Accept": "application/x-ndjson"},
    ).lines  # fmt: skip
    assert lines[-1]["event"] == "report"
    for line in lines:
        assert line.pop("event") in documented
        assert set(kinds_in([line])) <= set(report_fields())


def test_das_answers(busy):
    def das(action, status=200, **params):
        return answer(busy.das(action, InstanceId="r-test", **params), status)

    present = nodes_of(busy)[0]
    hold_answers("DAS errors", das("KillInstanceAllSession", 400, Version="1"), section=DAS)
    hold_answers("GetRedisAllSession", das("GetRedisAllSession"), section=DAS)
    create = "CreateKillInstanceSessionTask"
    task = das(create, KillAllSessions="true", NodeId=present)
    hold_answers(create, task, section=DAS)

    def result():
        return das("GetKillInstanceSessionTaskResult", TaskId=task["Data"])

    wait_until(lambda: result()["Data"]["TaskState"] != "RUNNING", "the task to end")
    hold_answers("GetKillInstanceSessionTaskResult", result(), section=DAS)


def test_guards(busy):
    guards = answer(busy.http("GET", "/v1/guards"))
    for guard in guards["guards"]:
        guard["request"] = {}
    hold_answers("GET /v1/guards", guards)


@pytest.mark.skipif(not HAS_FAULTS, reason="a guard waits for a minute")
def test_history(make_server, make_daemon):
    server = make_server(has_least_user=False)
    server.redis().execute_command("ACL", "SETUSER", "leaky", "on", ">x", "+@all")
    guards = [{"name": "g", "instances": ["*"], "when": "always", "for": "0s", "every": "1s"}]
    daemon = make_daemon(
        [{"id": "r-test", "address": server.tcp_address}],
        settings={"guards": guards}, faults="guard.early*1000000", has_least_user=False,
    )  # fmt: skip

    def history():
        return answer(daemon.http("GET", "/v1/instances/r-test/history"))

    def events():
        return {event["event"] for event in history()["events"]}

    wait_until(lambda: "guard" in events(), "the guard")
    wait_until(lambda: '"refused"' in json.dumps(history()), "something to compare with")
    answer(daemon.kill("r-test", reason="all of it"))
    answer(daemon.kill("r-test", match="user = leaky", keep_out="1h"))
    server.kill()
    wait_until(lambda: "link_lost" in events(), "the loss")
    server.start()
    wait_until(lambda: "link_back" in events(), "that it is back")
    page = Page(API).part(NATIVE, "GET /v1/instances/{id}/history").named("Va")
    assert events() == set(page["events[].event"].words_in_text())
    hold_answers("GET /v1/instances/{id}/history", history())


def test_das_success(daemon):
    title = "KillInstanceAllSession"
    hold_answers(title, answer(daemon.das(title, InstanceId="r-test")), section=DAS)


def test_metrics(busy):
    """Names, types and labels."""
    answer(busy.kill("r-test", node=nodes_of(busy)[0]))
    wait_until(lambda: "by_name" in busy.http("GET", "/metrics").text, "the sessions' counts")
    families = Exposition(busy.http("GET", "/metrics").text).families

    def facts(name):
        samples = families[name].samples
        assert samples, f"{name} has no sample here"
        labels = {label for _, pairs in samples for label, _ in pairs} - {"le"}
        return "; ".join([families[name].kind, *([", ".join(sorted(labels))] if labels else [])])

    documented = Page(API).part("METRICS").named("Va")
    hold(
        API, "METRICS", documented, families,
        lambda name: f".It Va {name}\n({facts(name)}) {families[name].help}",
    )  # fmt: skip
    for name in families:
        assert documented[name].facts == facts(name), f"man/{API}, METRICS, {name}"


@pytest.fixture
def late_lines(make_server, make_relay, make_clients, make_daemon):
    """The record of a kill whose only command is answered after the outcome."""
    server = make_server()
    relay = make_relay(server)
    daemon = make_daemon([{"id": "r-late", "address": relay.address}])
    make_clients(server, total=5, named={"app": 5})
    relay.hold(b"KILL")
    report = answer(daemon.kill("r-late", match="name = app", timeout="200ms"), 500)
    assert report["nodes"][0]["in_flight"] == 5
    relay.release()
    wait_until(lambda: daemon.audit("late"), lambda: f"the late answer; {daemon.explain()}")
    return daemon.audit()


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def denied_as_many(daemon, target):
    for uid in range(20000, 20100):
        answer(daemon.http("DELETE", target, caller=Caller(uid, uid)), 403)
    return any("several_users" in line for line in daemon.audit("denied"))


@pytest.fixture
def guard_lines(server, make_daemon):
    """The record of a guard that has reported; none where it would take a minute."""
    guards = [{"name": "g", "instances": ["r-*"], "when": "always", "for": "0s", "every": "1s"}]
    if not HAS_FAULTS:
        return []
    daemon = make_daemon([server], settings={"guards": guards}, faults="guard.early*1000000")
    wait_until(lambda: daemon.audit("guard"), "the guard's report")
    return daemon.audit()


@pytest.fixture
def leased(make_server, make_daemon):
    """A daemon whose kill keeps somebody out."""
    server = make_server(has_least_user=False)
    server.redis().execute_command("ACL", "SETUSER", "leaky", "on", ">x", "+@all")
    daemon = make_daemon([server], has_least_user=False)
    answer(daemon.kill("r-test", match="user = leaky", keep_out="1h", keep_out_by="user",
                       reason="x"))  # fmt: skip
    return daemon


def test_leases(leased):
    leases = answer(leased.http("GET", "/v1/leases"))
    path = f"/v1/leases/{leases['leases'][0]['id']}"
    for one in (
        answer(leased.http("GET", path)),
        answer(leased.http("PATCH", path, body={"until": "2h"})),
        answer(leased.http("DELETE", path)),
    ):
        assert set(one) == set(leases["leases"][0])
    leases["leases"][0]["doors"][0]["error"] = "words"
    # By address only where there is a firewall of one's own, see test_bans.py.
    leases["leases"].append({"sources": ["198.18.1.10"], "readmit": 5, "error": "words"})
    hold_answers("GET /v1/leases", leases)


def test_record(busy, late_lines, guard_lines, leased):
    """All kinds of lines, and all that may stand in them."""
    present, missing = nodes_of(busy)
    os.chmod(busy.directory, 0o755)
    answer(busy.kill("r-test", caller=Caller(NOBODY, NOBODY)), 403)
    process = max(node["run_id"] for node in busy.instance("r-test")["nodes"])
    everything = {
        "match": "id > 0", "except": "id = 0", "node": present,
        "run_id": process, "max": 1000, "pace": "gentle",
        "stall_budget": "25ms", "break_busy": True, "watch": "1ms", "reason": "all of it",
    }  # fmt: skip
    answer(busy.http("POST", "/v1/guards/hold"))
    answer(busy.http("POST", "/v1/guards/resume"))
    answer(busy.kill("r-test", **everything))
    goals = {"limit": 1, "free": 1, "keep": 100, "per": "name", "sort": "-age", "node": present}
    answer(busy.kill("r-test", **goals, rate=1000))
    answer(busy.kill("r-test", **goals, over="10ms"))
    answer(busy.kill("r-test", via="protocol", dry_run="true", node=present))
    answer(busy.kill("r-test", cut="true", dry_run="true", node=present))
    answer(busy.kill("r-test", match="id = 999999999", keep_out="1m", keep_out_by="address",
                     whole_source="true", hold="true", readmit=5, node=present))  # fmt: skip
    ids = {"SessionIds": "[999999999]", "NodeId": present}
    answer(busy.das("CreateKillInstanceSessionTask", InstanceId="r-test", **ids))
    busy.signal(signal.SIGHUP)
    wait_until(lambda: busy.audit("reload"), "the reload to be recorded")
    for n_intents in (8, 9):
        pending = busy.begin_kill("r-test", node=missing)
        wait_until(lambda n=n_intents: len(busy.audit("intent")) == n, "the kill to be recorded")
        kill = f"/v1/kills/{busy.audit('intent')[-1]['request_id']}"
        if n_intents == 8:
            answer(busy.http("DELETE", kill))
    for _ in range(20):
        answer(busy.http("DELETE", kill, caller=Caller(NOBODY, NOBODY)), 403)
    wait_until(lambda: "repeated" in busy.audit("denied")[-1], "the many to be recorded")
    # More users within a second than are told apart.
    wait_until(lambda: denied_as_many(busy, kill), "users that are not told apart")
    busy.kill_process()
    pending.hang_up()
    busy.start(wait="socket")
    busy.stop()

    page = Page(DAEMON)
    documented = {}
    for title in page.titles_in("THE RECORD"):
        if title == "Guards" and not HAS_FAULTS:
            continue
        documented |= page.part("THE RECORD", title).named("Va")
    (lease,) = leased.http("GET", "/v1/leases").json["leases"]
    answer(leased.http("DELETE", f"/v1/leases/{lease['id']}"))
    lines = busy.audit() + late_lines + guard_lines + leased.audit()
    events = set(documented["event"].words_in_text()) - (set() if HAS_FAULTS else {"guard"})
    assert {line["event"] for line in lines} == events
    outcomes = kinds_in(line for line in lines if line["event"] == "outcome")
    plan = {path for path in report_fields() if path.startswith("nodes[].plan")}
    assert set(outcomes) <= set(documented) | set(report_fields()) - plan
    others = [line for line in lines if line["event"] != "outcome"]
    others.append({"sources": ["198.18.1.10"], "refused": 5})  # by address, see test_bans.py
    hold_fields(DAEMON, "THE RECORD", documented, others)


# Examples


@pytest.fixture
def examples(server, make_daemon):
    """examples(page, program): its examples as command lines, for a daemon that has all in them."""
    instances = [{"id": name, "address": server.address} for name in ("cache", "orders")]
    guards = [{"name": "leaked-idle", "instances": ["cache"], "when": "always"}]
    daemon = make_daemon(instances, settings={"guards": guards})
    places = {
        "10.0.0.2:6379": server.unix_path,
        "10s": "10ms",
        "/run/sesskill/control.sock": daemon.socket_path,
    }

    def find(page, program):
        text = "\n".join(Page(page).examples()).replace("\\\n", " ")
        for name, place in places.items():
            text = text.replace(name, place)
        text = text.replace("$S", daemon.socket_path)
        return [
            match[1] for match in re.finditer(rf"^(?:\$ )?({program} .*?)(?: >\S+)?$", text, re.M)
        ]

    find.daemon = daemon
    return find


def test_examples_of_the_client(examples, make_directory):
    """They are understood, though there may be nobody to kill."""
    ssh = FakeSsh(make_directory())
    for host in ("db1", "db2"):
        ssh.add(host, examples.daemon)
    env = ssh.environment(SESSKILL_SOCKET=examples.daemon.socket_path)
    lines = examples(CLIENT, "sesskill")
    assert len(lines) >= 12
    for line in lines:
        words = shlex.split(line)[1:]
        if "kill" in words and "--yes" not in words:
            words.append("--yes")
        done = cli.run(*words, env=env)
        # Of the kill that it asks for the daemon has never heard.
        assert done.returncode == (1 if "B6D17591" in line else 0), (line, done.err)


@pytest.mark.skipif(not shutil.which("curl"), reason="no curl")
def test_examples_of_the_api(examples):
    lines = examples(API, "curl")
    assert len(lines) >= 4
    for line in lines:
        done = subprocess.run(
            [*shlex.split(line), "--fail", "--silent", "--show-error"],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert (done.returncode, done.stderr) == (0, ""), line
