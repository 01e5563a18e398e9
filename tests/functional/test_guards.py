"""Guards: standing rules that the daemon carries out by itself.

Most of these need a daemon that counts as long started, which only a build with fault points has.
"""

import json
import os
import stat
import subprocess
from pathlib import Path

import pytest

from harness import programs, wait_until
from harness.http import Caller
from test_fault_points import HAS_FAULTS

needs_faults = pytest.mark.skipif(not HAS_FAULTS, reason="a build without fault points")
NOBODY = 65534
LEAK = {"name": "leak", "instances": ["r-*"], "match": ["name = leaky"], "for": "0s", "every": "1s"}


@pytest.fixture
def guarded(server, make_daemon):
    """A daemon with these guards, which act at once."""

    def make(*guards, early=True, **settings):
        settings = {"guards": [{**LEAK, **guard} for guard in guards], **settings}
        faults = "guard.early*1000000" if early and HAS_FAULTS else None
        return make_daemon([server], settings=settings, faults=faults)

    return make


def guards_of(daemon):
    answer = daemon.http("GET", "/v1/guards")
    assert answer.status == 200, answer.text
    return answer.json["guards"]


def guard_of(daemon, name="leak"):
    (guard,) = [one for one in guards_of(daemon) if one["name"] == name]
    return guard


def wait_for_guard(daemon, name="leak", **expected):
    last = {}

    def is_so():
        """A guard that a reload brings may not be there yet."""
        guards = [one for one in guards_of(daemon) if one["name"] == name]
        for guard in guards:
            last.update(guard)
        return guards and all(last[key] == value for key, value in expected.items())

    wait_until(is_so, lambda: f"{expected} of {last}; {daemon.explain()}")
    return last


@needs_faults
def test_report_is_the_default(server, guarded, make_clients):
    """Once in an episode, however often it is looked."""
    crowd = make_clients(server, total=20, named={"leaky": 12})
    daemon = guarded({"when": {"matched": "> 10"}})
    guard = wait_for_guard(daemon, state="reported", reports=1)
    assert guard["matched"] == 12 and guard["in_episode"]
    wait_until(lambda: daemon.audit("guard"), "the record")
    looks = [guard_of(daemon)["reports"] for _ in range(3)]
    assert looks == [1, 1, 1]
    (line,) = daemon.audit("guard")
    assert (line["guard"], line["what"], line["matched"]) == ("leak", "report", 12)
    (outcome,) = daemon.audit("outcome")
    assert outcome["request_id"] == line["request_id"] == guard["request_id"]
    assert outcome["reason"] == "guard leak" and outcome["uid"] == os.geteuid()
    assert crowd.status()["closed_by_server"] == 0
    assert "guard leak on r-test: would kill 12" in daemon.log()


@needs_faults
def test_kill_and_the_episode_ends(server, guarded, make_clients):
    crowd = make_clients(server, total=30, named={"leaky": 20})
    daemon = guarded({"when": {"matched": "> 10"}, "action": "kill", "goal": {"keep": 5}})
    guard = wait_for_guard(daemon, acts=1, killed=15)
    assert guard["episodes"] == 1
    wait_for_guard(daemon, state="watching", in_episode=False)
    assert crowd.status()["closed_by_server"] == 15
    make_clients(server, total=10, named={"leaky": 10})
    assert wait_for_guard(daemon, acts=2)["episodes"] == 2


@needs_faults
@pytest.mark.parametrize(
    "when", [{"clients": "> 5"}, {"clients": ">= 0%"}, {"free": "< 100000"}, "always"]
)
def test_conditions(server, guarded, make_clients, when):
    make_clients(server, total=10, named={"leaky": 10})
    daemon = guarded({"when": when, "action": "kill"})
    wait_for_guard(daemon, killed=10)


@needs_faults
@pytest.mark.parametrize("when", [{"clients": "> 5000"}, {"free": "< 1%"}, {"rejected": "> 0"}])
def test_conditions_that_do_not_hold(server, guarded, make_clients, when):
    crowd = make_clients(server, total=10, named={"leaky": 10})
    daemon = guarded({"when": when, "action": "kill"})
    wait_until(lambda: guard_of(daemon)["looks"] > 2, "some looks")
    assert guard_of(daemon)["state"] == "watching"
    assert crowd.status()["closed_by_server"] == 0


@needs_faults
def test_rejected(server, guarded, make_clients):
    crowd = make_clients(server, total=10, named={"leaky": 10})
    daemon = guarded({"when": {"rejected": "> 0"}, "action": "kill"})
    wait_until(lambda: guard_of(daemon)["looks"] > 0, "a look")
    redis = server.redis()
    redis.config_set("maxclients", 1)
    wait_until(lambda: is_refused(server), "a refusal")
    wait_for_guard(daemon, killed=10)
    redis.config_set("maxclients", 1000)
    crowd.wait_for(closed_by_server=10)


def is_refused(server):
    try:
        server.redis(single_connection_client=True).ping()
    except Exception as error:
        return "max number" in str(error)
    return False


@needs_faults
def test_growth(server, guarded, make_clients):
    make_clients(server, total=5, named={"leaky": 5})
    daemon = guarded({"when": {"growth": "> 60/m"}})
    wait_until(lambda: guard_of(daemon)["looks"] > 0, "a look")
    make_clients(server, total=200)
    wait_for_guard(daemon, reports=1)


@needs_faults
def test_max(server, guarded, make_clients):
    """More than that: nobody, and it says so."""
    crowd = make_clients(server, total=10, named={"leaky": 10})
    daemon = guarded({"when": {"matched": "> 5"}, "action": "kill", "max": 9})
    guard = wait_for_guard(daemon, state="too_many")
    assert guard["killed"] == 0 and crowd.status()["closed_by_server"] == 0
    assert [line["what"] for line in daemon.audit("guard")] == ["too_many"]


@needs_faults
def test_at_most(server, guarded, make_clients):
    """Beyond it only a report; a restart does not make it forget."""
    guard = {"when": {"matched": "> 5"}, "action": "kill", "at-most": "1/h"}
    make_clients(server, total=10, named={"leaky": 10})
    daemon = guarded(guard)
    wait_for_guard(daemon, acts=1, killed=10)
    crowd = make_clients(server, total=10, named={"leaky": 10})
    assert wait_for_guard(daemon, state="spent")["reports"] == 1
    daemon.stop()
    daemon.start()
    assert wait_for_guard(daemon, state="spent")["acts"] == 0
    assert crowd.status()["closed_by_server"] == 0
    assert [line["what"] for line in daemon.audit("guard")] == ["kill", "spent", "spent"]


@needs_faults
def test_hold_and_resume(server, guarded, make_clients):
    daemon = guarded({"when": {"matched": "> 5"}, "action": "kill"})
    done = daemon.cli("guards", "hold")
    assert done.returncode == 0 and "held by" in done.stdout, done
    crowd = make_clients(server, total=10, named={"leaky": 10})
    wait_for_guard(daemon, state="held")
    daemon.stop()
    daemon.start()
    wait_for_guard(daemon, state="held")
    assert crowd.status()["closed_by_server"] == 0
    assert daemon.cli("guards", "resume").returncode == 0
    wait_for_guard(daemon, killed=10)
    assert [line["event"] for line in daemon.audit() if line["event"] in ("hold", "resume")] == [
        "hold",
        "resume",
    ]


@needs_faults
def test_hold_file(server, guarded, make_clients, make_directory):
    path = f"{make_directory()}/hold"
    open(path, "w", encoding="utf-8").close()
    make_clients(server, total=10, named={"leaky": 10})
    daemon = guarded({"when": {"matched": "> 5"}, "action": "kill"}, **{"guards-hold-file": path})
    wait_for_guard(daemon, state="held")
    assert path in daemon.http("GET", "/v1/guards").json["why"]
    os.unlink(path)
    wait_for_guard(daemon, killed=10)


@needs_faults
@pytest.mark.parametrize("text", ["", "{", "[]", '{"held": 1, "acts": {}}'])
def test_a_state_that_cannot_be_read_is_held(server, guarded, make_clients, text):
    daemon = guarded({"when": {"matched": "> 5"}, "action": "kill"})
    daemon.stop()
    os.makedirs(f"{daemon.directory}/state", exist_ok=True)
    with open(f"{daemon.directory}/state/guards.json", "w", encoding="utf-8") as file:
        file.write(text)
    crowd = make_clients(server, total=10, named={"leaky": 10})
    daemon.start()
    wait_for_guard(daemon, state="held")
    assert crowd.status()["closed_by_server"] == 0
    assert daemon.http("POST", "/v1/guards/resume").status == 200
    wait_for_guard(daemon, killed=10)


@needs_faults
def test_an_act_that_cannot_be_remembered_is_none(server, guarded, make_clients):
    crowd = make_clients(server, total=10, named={"leaky": 10})
    daemon = guarded({"when": {"matched": "> 5"}, "action": "kill", "at-most": "1/h"}, early=True)
    daemon.stop()
    os.makedirs(f"{daemon.directory}/state/guards.json.new", exist_ok=True)
    state = f"{daemon.directory}/state/guards.json"
    if os.path.exists(state):
        os.unlink(state)
    n_before = crowd.status()["closed_by_server"]
    crowd = crowd if n_before == 0 else make_clients(server, total=10, named={"leaky": 10})
    daemon.start()
    wait_for_guard(daemon, state="failed")
    assert crowd.status()["closed_by_server"] == 0


def test_not_in_the_first_minute(server, guarded, make_clients):
    crowd = make_clients(server, total=10, named={"leaky": 10})
    daemon = guarded({"when": {"matched": "> 5"}, "action": "kill"}, early=False)
    guard = wait_for_guard(daemon, state="holding")
    wait_until(lambda: "minute" in guard_of(daemon)["why"], "the words")
    assert guard["killed"] == 0 and crowd.status()["closed_by_server"] == 0


@needs_faults
def test_not_while_a_person_kills(server, guarded, make_clients):
    crowd = make_clients(server, total=30, named={"leaky": 10})
    daemon = guarded({"when": {"matched": "> 5"}, "action": "kill", "for": "2s"})
    pending = daemon.begin_kill("r-test", match="name = nobody", watch="6s")
    wait_until(lambda: "a kill runs" in guard_of(daemon)["why"], "that it waits")
    assert crowd.status()["open"] >= 10
    pending.response()
    wait_for_guard(daemon, killed=10)


@needs_faults
def test_a_field_that_is_not_given(server, guarded, make_clients):
    make_clients(server, total=3, named={"leaky": 3})
    daemon = guarded({"when": "always", "match": ["phase = x"], "action": "kill"})
    wait_for_guard(daemon, state="unknown_field")


@needs_faults
def test_only_the_nodes_that_it_is_about(make_server, make_daemon, make_clients):
    servers = [make_server(), make_server()]
    crowds = [
        make_clients(server, total=n, named={"leaky": n})
        for server, n in zip(servers, (20, 5), strict=True)
    ]
    daemon = make_daemon(
        [{"id": "r-test", "address": [server.address for server in servers]}],
        settings={"guards": [{**LEAK, "when": {"clients": "> 15"}, "action": "kill"}]},
        faults="guard.early*1000000",
    )
    wait_for_guard(daemon, killed=20)
    crowds[0].wait_for(closed_by_server=20)
    assert crowds[1].status()["closed_by_server"] == 0


@needs_faults
def test_reload_keeps_what_it_knows(server, guarded, make_clients):
    make_clients(server, total=10, named={"leaky": 10})
    daemon = guarded({"when": {"matched": "> 5"}})
    wait_for_guard(daemon, reports=1)
    config = json.loads(daemon.read_config())
    config["guards"][0]["every"] = "2s"
    daemon.write_config(json.dumps(config))
    daemon.signal(1)
    assert wait_for_guard(daemon, every_ms=2000)["reports"] == 1
    config["guards"] = [{**LEAK, "name": "other", "when": "always"}]
    daemon.write_config(json.dumps(config))
    daemon.signal(1)
    wait_for_guard(daemon, name="other", state="reported")


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_access(server, make_daemon):
    own = os.geteuid()
    rules = [
        {"effect": "allow", "actions": ["hdm:*"], "users": [own]},
        {"effect": "allow", "actions": ["hdm:Describe*"], "users": [NOBODY]},
    ]
    guards = [{**LEAK, "when": "always"}]
    settings = {"access": rules, "guards": guards, "control": {"mode": "0666"}}
    daemon = make_daemon([server], settings=settings, wait="socket")
    os.chmod(daemon.directory, 0o755)
    nobody = Caller(NOBODY, NOBODY)
    assert daemon.http("GET", "/v1/guards", caller=nobody).status == 200
    assert daemon.http("POST", "/v1/guards/hold", caller=nobody).status == 403
    assert daemon.http("POST", "/v1/guards/hold").status == 403  # root is not named for it
    assert not daemon.http("GET", "/v1/guards").json["held"]


def check(directory, guards, **settings):
    config = {"instances": [{"id": "r-1", "address": "127.0.0.1:1"}], "guards": guards, **settings}
    path = f"{directory}/sesskilld.yaml"
    with open(path, "w", encoding="utf-8") as file:
        file.write(json.dumps(config, indent=1))
    os.chmod(path, stat.S_IRUSR | stat.S_IWUSR)
    return subprocess.run(
        [programs.SESSKILLD, "-c", path, *programs.CHECK], capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(
    ("guard", "words"),
    [
        ({"when": {"clients": "80%"}}, "no bound for clients"),
        ({"when": {"growth": "> 5"}}, "no bound for growth"),
        ({"when": {"matched": "> 5%"}}, "no bound for matched"),
        ({"when": {"many": "> 5"}}, "is no condition"),
        ({"when": "sometimes"}, "is no condition"),
        ({"when": "always", "goal": {"free": "many"}}, "free:"),
        ({"when": "always", "goal": {"per": "name"}}, "per is for keep"),
        ({"when": "always", "goal": {"fre": 5}}, "is no goal"),
        ({"when": "always", "action": "destroy"}, "is no action"),
        ({"when": "always", "at-most": "5"}, "is no frequency"),
        ({"when": "always", "hours": "22-6"}, "is no time of the day"),
        ({"when": "always", "instances": ["other"]}, "for no instance"),
        ({"when": "always", "evry": "5s"}, 'did you mean "every"'),
        ({}, 'no "when"'),
    ],
)
def test_bad_rules(make_directory, guard, words):
    done = check(make_directory(), [{**LEAK, **guard}])
    assert done.returncode == 2 and words in done.stderr, done
    assert done.stderr.split(": ")[0].count(":") == 2  # file:line:column


def test_a_guard_that_access_does_not_allow(make_directory):
    rules = [{"effect": "allow", "actions": ["hdm:*"], "users": [NOBODY]}]
    done = check(make_directory(), [{**LEAK, "when": "always"}], access=rules)
    assert done.returncode == 2 and "may not do hdm:CreateKill" in done.stderr, done


# ---- what it does is stopped, or goes by what is so ----


@needs_faults
@pytest.mark.parametrize("how", ["hold", "file", "reload"])
def test_what_it_does_ends(server, guarded, make_clients, make_directory, how):
    path = f"{make_directory()}/hold"
    guard = {"when": {"matched": "> 5"}, "action": "kill", "goal": {"rate": 5}}
    crowd = make_clients(server, total=60, named={"leaky": 60})
    daemon = guarded(guard, **{"guards-hold-file": path})
    wait_until(lambda: crowd.status()["closed_by_server"] >= 2, "some")
    if how == "hold":
        assert daemon.http("POST", "/v1/guards/hold").status == 200
    elif how == "file":
        open(path, "w", encoding="utf-8").close()
    else:
        config = json.loads(daemon.read_config())
        config["guards"][0]["action"] = "report"
        daemon.write_config(json.dumps(config))
        daemon.signal(1)
    wait_until(lambda: daemon.audit("outcome"), "its end")
    assert daemon.audit("outcome")[0]["state"] == "cancelled"
    n = crowd.status()["closed_by_server"]
    wait_for_guard(daemon, state="reported" if how == "reload" else "held")
    assert crowd.status()["closed_by_server"] == n < 60


@needs_faults
def test_a_cancelled_one_does_not_act_again(server, guarded, make_clients):
    crowd = make_clients(server, total=60, named={"leaky": 60})
    daemon = guarded({"when": {"matched": "> 5"}, "action": "kill", "goal": {"rate": 5}})
    wait_until(lambda: crowd.status()["closed_by_server"] >= 2, "some")
    (kill,) = [one for one in daemon.kills() if one["state"] == "running"]
    assert daemon.cli("cancel", kill["request_id"]).returncode == 0
    wait_for_guard(daemon, state="cancelled")
    n_looks = guard_of(daemon)["looks"]
    wait_until(lambda: guard_of(daemon)["looks"] > n_looks + 2, "some more looks")
    assert guard_of(daemon)["acts"] == 1


@needs_faults
def test_a_reload_while_it_looks(make_server, make_relay, make_daemon):
    """The instance goes, and the answer that it waits for with it."""
    one, other = make_server(), make_server()
    relay = make_relay(other)
    instances = [{"id": "r-a", "address": one.address}, {"id": "r-b", "address": relay.address}]
    guard = {**LEAK, "instances": ["r-b"], "when": "always", "match": ["name = *"]}
    daemon = make_daemon(
        instances, settings={"guards": [guard]}, faults="guard.early*1000000"
    )
    relay.hold(b"LIST")
    relay.wait_until_held()
    config = json.loads(daemon.read_config())
    config["instances"] = config["instances"][:1]
    config["guards"][0]["instances"] = ["r-a"]
    daemon.write_config(json.dumps(config))
    daemon.signal(1)
    wait_until(lambda: daemon.audit("reload"), "the reload")
    assert guard_of(daemon)["instance"] == "r-a"
    relay.release()


@needs_faults
def test_a_node_that_says_nothing_has_any_number(make_server, make_daemon, make_clients):
    servers = [make_server(), make_server()]
    crowds = [make_clients(server, total=20, named={"leaky": 20}) for server in servers]
    daemon = make_daemon(
        [{"id": "r-test", "address": [server.address for server in servers]}],
        settings={
            "guards": [{**LEAK, "when": {"matched": "< 30"}, "action": "kill"}],
            "defaults": {"command-timeout": "500ms"},
        },
        faults="guard.early*1000000",
    )
    wait_until(lambda: guard_of(daemon)["looks"] > 0, "a look")
    servers[1].pause_process()
    wait_for_guard(daemon, state="blind")
    servers[1].resume_process()
    assert [crowd.status()["closed_by_server"] for crowd in crowds] == [0, 0]


@pytest.mark.parametrize(
    "when", [{"growth": "> 9000000000000000000/m"}, {"growth": "> 300/5m"}, {"rejected": "> 5/ms"}]
)
def test_numbers_that_are_too_large_or_odd(make_directory, when):
    done = check(make_directory(), [{**LEAK, "when": when}])
    assert done.returncode == 2 and "is no bound" in done.stderr, done


# ---- trying one ----


def test_test_by_the_daemon(server, guarded, make_clients):
    crowd = make_clients(server, total=20, named={"leaky": 12})
    daemon = guarded({"when": {"clients": "> 90%"}, "action": "kill", "goal": {"limit": 7}})
    done = daemon.cli("guards", "test", "leak")
    assert done.returncode == 0, done
    output = done.stdout + done.stderr
    assert "spared" in output and "7" in output, output
    assert crowd.status()["closed_by_server"] == 0
    assert daemon.cli("guards", "test", "nosuch").returncode == 2


LISTING = """\
id=3 addr=10.0.0.1:1000 name=leaky age=100 idle=90 flags=N db=0 cmd=get user=app
id=4 addr=10.0.0.1:1001 name=leaky age=50 idle=10 flags=N db=0 cmd=get user=app
id=5 addr=10.0.0.2:1002 name=other age=70 idle=70 flags=N db=0 cmd=get user=app

id=6 addr=10.0.0.3:1003 name=leaky age=70 idle=70 flags=S db=0 cmd=replconf user=app
"""


@pytest.fixture
def listing(make_directory):
    path = f"{make_directory()}/listing"
    with open(path, "w", encoding="utf-8") as file:
        file.write(LISTING)
    return path


def offline(*arguments, beside=programs.SESSKILLD.parent, **options):
    environment = {**programs.environment(), "SESSKILL_SOCKET": "/nonexistent"}
    environment["PATH"] = f"{beside}:{environment['PATH']}"
    return subprocess.run(
        [programs.SESSKILL, *arguments], env=environment, capture_output=True, text=True,
        check=False, **options,
    )  # fmt: skip


def ids_in(done):
    assert done.returncode == 0, done
    return [session["id"] for session in json.loads(done.stdout)["sessions"]]


def test_list_of_a_saved_listing(listing):
    done = offline("--json", "list", "--from", listing, "--match", "name = leaky")
    assert ids_in(done) == [3, 4]
    done = offline("--json", "list", "--from", listing, "--keep", "1", "--per", "name")
    assert ids_in(done) == [3]
    done = offline("--json", "list", "--from", "-", "--sort", "-id", input=LISTING)
    assert ids_in(done) == [5, 4, 3]
    done = offline("list", "--from", listing, "--free", "98", "--max-clients", "100")
    assert done.returncode == 0 and "10.0.0.1" in done.stdout, done
    assert offline("list", "--from", listing, "--free", "98").returncode == 2
    assert offline("list", "--from", "/nonexistent").returncode == 1
    assert offline("list", "--from", listing, "--group-by", "name").returncode == 2


def test_a_listing_as_servers_write_it(server, daemon, make_clients, make_directory):
    """Of the command-line client, and as other systems end their lines."""
    make_clients(server, total=9, named={"leaky": 4})
    path = f"{make_directory()}/listing"
    command = ["redis-cli", "-s", server.unix_path, "CLIENT", "LIST"]
    text = subprocess.run(command, capture_output=True, check=True).stdout
    for end in (b"\n", b"\r\n"):
        with open(path, "wb") as file:
            file.write(text.replace(b"\n", end) + end)
        done = offline("--json", "list", "--from", path, "--match", "name = leaky")
        assert len(ids_in(done)) == 4, done
        assert json.loads(done.stdout)["nodes"][0]["unreadable"] == 0
    with open(path, "wb") as file:
        file.write(b"\x00\xff" * 100)
    done = offline("list", "--from", path)
    assert done.returncode == 1 and "is no listing" in done.stderr, done


def test_test_on_a_saved_listing(listing, make_directory):
    directory = make_directory()
    assert check(directory, [{**LEAK, "when": "always", "goal": {"limit": 1}}]).returncode == 0
    config = f"{directory}/sesskilld.yaml"
    done = offline("--json", "guards", "test", "leak", "--listing", listing, "-c", config)
    assert ids_in(done) == [3]
    done = offline("guards", "test", "other", "--listing", listing, "-c", config)
    assert done.returncode == 2 and "no guard" in done.stderr


@pytest.mark.parametrize(
    "program, words",
    [("yes '{\"guards\":'; exit 0", "too long"), ("echo nonsense", "not understood")],
    ids=["endless", "nonsense"],
)
def test_a_daemon_that_says_something_else(listing, make_directory, program, words):
    directory = make_directory()
    path = Path(directory, "sesskilld")
    path.write_text(f"#!/bin/sh\n{program}\n", encoding="utf-8")
    path.chmod(0o755)
    done = offline("guards", "test", "leak", "--listing", listing, beside=directory)
    assert done.returncode == 2 and words in done.stderr, done
