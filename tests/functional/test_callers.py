"""Who may do what: callers are whom the kernel names, and the record has those who were denied."""

import grp
import os

import pytest

from harness import Caller

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can act as somebody else")

ACTION = "KillInstanceAllSession"
GROUP = grp.getgrnam("daemon").gr_gid
STRANGER = Caller(uid=12345, gid=12345)
BY_PRIMARY_GROUP = Caller(uid=12345, gid=GROUP)
BY_SUPPLEMENTARY_GROUP = Caller(uid=12345, gid=12345, groups=(12346, GROUP, 12347))


@pytest.fixture
def open_daemon(make_daemon):
    """open_daemon(servers, **settings): everybody can connect to its socket."""

    def make(instances, **settings):
        control = {"mode": "0666", "group": str(GROUP)}
        daemon = make_daemon(instances, settings={"control": control, **settings})
        os.chmod(daemon.directory, 0o755)
        return daemon

    return make


def assert_denied(answer, *words):
    assert answer.status == 403, answer.text
    assert (answer.json["Code"], answer.json["Success"]) == ("NoPermission", "false")
    for word in words:
        assert word in answer.json["Message"]


def test_a_stranger(server, open_daemon, make_clients):
    daemon = open_daemon([server])
    clients = make_clients(server, total=5)
    answer = daemon.das(ACTION, caller=STRANGER, InstanceId="r-test")
    assert_denied(answer, "12345")
    (record,) = daemon.audit("denied")
    expected = {
        "request_id": answer.json["RequestId"],
        "action": "hdm:KillInstanceAllSession",
        "instance": "r-test",
        "uid": 12345,
        "gid": 12345,
        "pid": os.getpid(),
        "exe": os.readlink("/proc/self/exe"),
    }
    assert {name: record[name] for name in expected} == expected
    assert daemon.audit("intent") == []
    assert clients.status()["closed_by_server"] == 0


WRONG_REQUESTS = {
    "unknown instance": {"InstanceId": "r-nobody"},
    "no instance": {},
    "empty instance": {"InstanceId": ""},
    "long instance": {"InstanceId": "x" * 1000},
    "two instances": {"InstanceId": ["r-test", "r-other"]},
    "wrong version": {"InstanceId": "r-test", "Version": "1"},
}


@pytest.mark.parametrize("params", WRONG_REQUESTS.values(), ids=WRONG_REQUESTS)
def test_nothing_is_told_before_access(server, open_daemon, params):
    """Whether an instance exists, or what else is wrong: the same answer."""
    daemon = open_daemon([server])
    known = daemon.das(ACTION, caller=STRANGER, InstanceId="r-test").json
    answer = daemon.das(ACTION, caller=STRANGER, **params)
    assert_denied(answer)
    assert {**answer.json, "RequestId": ""} == {**known, "RequestId": ""}
    assert len(daemon.audit("denied")) == 2


def test_bad_escape_is_not_told_either(server, open_daemon):
    daemon = open_daemon([server])
    target = f"/?Action={ACTION}&InstanceId=%zz"
    assert_denied(daemon.http("GET", target, caller=STRANGER))


@pytest.mark.parametrize(
    "method, target",
    [
        ("GET", "/v1/instances/r-test"),
        ("GET", "/v1/instances/r-nobody"),
        ("GET", "/v1/instances"),
        ("POST", "/v1/instances/r-test/kill?all=true"),
        ("POST", "/v1/instances/r-nobody/kill?all=true"),
        ("POST", "/v1/instances/r-test/kill?force=1"),
        ("POST", "/v1/instances/r-test/kill?match=user+%3D+app"),
        ("GET", "/v1/kills"),
        ("GET", "/v1/kills/B6D17591-B48B-4D31-9CD6-9B9796B2C0DE"),
        ("DELETE", "/v1/kills/B6D17591-B48B-4D31-9CD6-9B9796B2C0DE"),
    ],
)
def test_native_routes(server, open_daemon, make_clients, method, target):
    daemon = open_daemon([server])
    clients = make_clients(server, total=5)
    answer = daemon.http(method, target, caller=STRANGER)
    assert (answer.status, answer.json["error"]["code"]) == (403, "NoPermission")
    assert len(daemon.audit("denied")) == 1
    assert clients.status()["closed_by_server"] == 0


def test_health_is_for_everybody_but_names_are_not(make_server, open_daemon):
    server = make_server()
    daemon = open_daemon([server])
    assert daemon.http("GET", "/healthz", caller=STRANGER).text == "ok\n"
    server.pause_process()
    server.kill()
    while (answer := daemon.http("GET", "/healthz", caller=STRANGER)).status == 200:
        pass
    assert answer.text == "1 nodes are not ready\n"
    assert server.unix_path in daemon.http("GET", "/healthz").text


@pytest.mark.parametrize(
    "caller", [BY_PRIMARY_GROUP, BY_SUPPLEMENTARY_GROUP], ids=["primary", "supplementary"]
)
def test_members_of_the_group(server, open_daemon, make_clients, caller):
    daemon = open_daemon([server])
    clients = make_clients(server, total=5)
    answer = daemon.das(ACTION, caller=caller, InstanceId="r-test")
    assert answer.status == 200, answer.text
    clients.wait_for(closed_by_server=5)
    assert daemon.http("GET", "/v1/kills", caller=caller).status == 200
    for record in (*daemon.audit("intent"), *daemon.audit("outcome")):
        assert (record["uid"], record["gid"]) == (caller.uid, caller.gid)


def test_root_is_named_in_the_record(server, daemon):
    daemon.kill("r-test")
    for record in (*daemon.audit("intent"), *daemon.audit("outcome")):
        assert (record["uid"], record["user"], record["pid"]) == (0, "root", os.getpid())


def test_statements(make_server, open_daemon, make_clients):
    """By user, group, action and instance; deny wins; whoever is not named is denied, root too."""
    servers = [make_server(), make_server()]
    access = [
        {"effect": "allow", "actions": ["hdm:Kill*"], "users": ["12345"], "instances": ["r-*"]},
        {"effect": "allow", "actions": ["hdm:*"], "groups": [str(GROUP)]},
        {"effect": "deny", "actions": ["hdm:Kill*"], "users": ["*"], "instances": ["*-prod"]},
    ]
    # A deny without users and groups is meant for everybody.
    del access[2]["users"]
    daemon = open_daemon(
        [
            {"id": "r-test", "address": servers[0].address},
            {"id": "r-prod", "address": servers[1].address},
        ],
        access=access,
    )
    clients = [make_clients(server, total=5) for server in servers]

    def status(caller, instance):
        return daemon.das(ACTION, caller=caller, InstanceId=instance).status

    assert status(None, "r-test") == 403
    assert status(STRANGER, "r-prod") == 403
    assert status(BY_SUPPLEMENTARY_GROUP, "r-prod") == 403
    assert status(Caller(uid=12348, gid=12348), "r-test") == 403
    assert clients[0].status()["closed_by_server"] == 0
    assert status(STRANGER, "r-test") == 200
    clients[0].wait_for(closed_by_server=5)
    # Kill all is one action, a selective kill another.
    selective = daemon.kill("r-test", caller=STRANGER, match="name = x")
    assert selective.status == 403
    member = daemon.kill("r-test", caller=BY_SUPPLEMENTARY_GROUP, match="name = x")
    assert member.status == 200
    assert clients[1].status()["closed_by_server"] == 0


def test_what_is_not_allowed_is_not_shown(make_server, open_daemon):
    servers = {"r-mine": make_server(), "r-other": make_server()}
    daemon = open_daemon(
        [{"id": name, "address": server.address} for name, server in servers.items()],
        access=[
            {"effect": "allow", "actions": ["*"], "users": ["0"]},
            {"effect": "allow", "actions": ["*"], "users": ["12345"], "instances": ["r-mine"]},
        ],
    )
    ids = {name: daemon.kill(name).json["request_id"] for name in servers}
    instances = daemon.http("GET", "/v1/instances", caller=STRANGER).json["instances"]
    assert [instance["id"] for instance in instances] == ["r-mine"]
    kills = daemon.http("GET", "/v1/kills", caller=STRANGER).json["kills"]
    assert [kill["request_id"] for kill in kills] == [ids["r-mine"]]
    for method in ("GET", "DELETE"):
        other = daemon.http(method, f"/v1/kills/{ids['r-other']}", caller=STRANGER)
        unknown = daemon.http(method, f"/v1/kills/{ids['r-other'][::-1]}", caller=STRANGER)
        assert other.status == 404 and other.json["error"] == unknown.json["error"]
