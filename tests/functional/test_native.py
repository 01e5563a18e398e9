"""The native API."""

import datetime

import pytest

from harness import assert_adds_up, counts_of, wait_until

APPS = {"named": {"app": 30, "batch": 20}}


def assert_error(answer, status, code, *words):
    assert answer.status == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    assert set(answer.json) == {"error", "request_id"}
    assert answer.json["error"]["code"] == code
    assert answer.headers["x-acs-request-id"] == answer.json["request_id"]
    for word in words:
        assert word in answer.json["error"]["message"]


def kill_type(daemon, kind):
    """The command for all sessions of that type. A second connection of the daemon that cannot step
    aside is spared by its user, which then is one of its own."""
    can_step_aside = "subscribe" in daemon.node()["capabilities"]
    user = "" if can_step_aside else " USER default"
    return f"CLIENT KILL TYPE {kind}{user} SKIPME yes"


# Instances


def test_instances(server, make_daemon):
    daemon = make_daemon(
        [
            {"id": "a", "address": server.address},
            {"id": "b", "address": [server.tcp_address, "127.0.0.1:1"]},
        ],
        wait="socket",
    )
    wait_until(lambda: daemon.node("a")["state"] == "ready", "the server to be ready")
    answer = daemon.http("GET", "/v1/instances")
    assert answer.status == 200
    a, b = answer.json["instances"]
    assert a == {**daemon.instance("a"), "nodes": a["nodes"]}
    assert [a["id"], a["kind"], b["id"], b["kind"]] == ["a", "standalone", "b", "standalone"]
    (node,) = a["nodes"]
    info = server.redis().info()
    assert counts_of(node, "address", "role", "server", "run_id", "maxclients") == {
        "address": server.unix_path,
        "role": "master",
        "server": f"redis {info['redis_version']}",
        "run_id": info["run_id"],
        "maxclients": 10000,
    }
    assert node["clients"] >= 1 and node["link_age_ms"] >= 0 and node["last_error"] is None
    assert node["missing_permissions"] == [] and len(node["capabilities"]) > 0
    dead = b["nodes"][1]
    assert dead["state"] != "ready" and dead["own_id"] is None and dead["link_age_ms"] is None
    wait_until(
        lambda: "refused" in daemon.instance("b")["nodes"][1]["last_error"], "what is wrong"
    )


def test_health(server, make_server, make_daemon):
    other = make_server()
    daemon = make_daemon(
        [{"id": "a", "address": server.address}, {"id": "b", "address": other.address}]
    )
    answer = daemon.http("GET", "/healthz")
    assert (answer.status, answer.text) == (200, "ok\n")
    other.kill()
    wait_until(lambda: daemon.http("GET", "/healthz").status == 503, "the loss to be seen")
    text = daemon.http("GET", "/healthz").text
    assert f"b {other.unix_path}: " in text and "1 nodes are not ready" in text
    assert server.unix_path not in text
    other.start()
    wait_until(lambda: daemon.http("GET", "/healthz").status == 200, "the server to be back")


@pytest.mark.parametrize(
    "method, target, status, code",
    [
        ("GET", "/v1/nothing", 404, "NotFound"),
        ("GET", "/v1", 404, "NotFound"),
        ("GET", "/v1/instances/", 404, "NotFound"),
        ("GET", "/v1/instances/r-nobody", 404, "NotFound"),
        ("POST", "/v1/instances/r-nobody/kill?all=true", 404, "NotFound"),
        ("GET", "/v1/kills/B6D17591-B48B-4D31-9CD6-9B9796B2C0DE", 404, "NotFound"),
        ("GET", "/v1/kills/nonsense", 404, "NotFound"),
        ("DELETE", "/v1/kills/B6D17591-B48B-4D31-9CD6-9B9796B2C0DE", 404, "NotFound"),
        ("PUT", "/v1/kills", 405, "UnsupportedHTTPMethod"),
        ("GET", "/v1/instances/r-test/kill?all=true", 405, "UnsupportedHTTPMethod"),
        ("DELETE", "/v1/instances/r-test", 405, "UnsupportedHTTPMethod"),
        ("GET", "/v1/instances?limit=1", 400, "InvalidParams"),
        ("GET", "/v1/kills?x", 400, "InvalidParams"),
        ("GET", "/healthz?x=y", 400, "InvalidParams"),
    ],
)
def test_wrong_requests(server, make_clients, daemon, method, target, status, code):
    clients = make_clients(server, total=3)
    assert_error(daemon.http(method, target), status, code)
    assert clients.status()["closed_by_server"] == 0


# What a kill takes

WRONG_PARAMETERS = {
    "neither": ({}, "all", "match"),
    "all is false": ({"all": False}, "all", "match"),
    "both": ({"all": True, "match": "name = app"}, "all", "match"),
    "no switch": ({"all": "yes!"}, "all", "yes!"),
    "unknown": ({"all": True, "force": True}, "force"),
    "malformed": ({"match": "name app"}, "match", "column"),
    "unknown field": ({"match": "colour = red"}, "match", "colour"),
    "empty match": ({"match": ""}, "match"),
    "malformed except": ({"all": True, "except": "id = x"}, "except"),
    "twice": ({"all": True, "timeout": ["1s", "2s"]}, "timeout"),
    "no duration": ({"all": True, "timeout": "soon"}, "timeout", "soon"),
    "timeout of nothing": ({"all": True, "timeout": "0s"}, "timeout"),
    "no number": ({"all": True, "max": "-1"}, "max"),
    "no pace": ({"all": True, "pace": "warp"}, "pace", "warp"),
    "no node of it": ({"all": True, "node": "127.0.0.1:1"}, "node", "127.0.0.1:1"),
    "empty node": ({"all": True, "node": ""}, "node"),
    "empty run id": ({"all": True, "run_id": ""}, "run_id", "empty"),
    "no run id": ({"all": True, "run_id": "A b"}, "run_id", "A b"),
    "long run id": ({"all": True, "run_id": "a" * 48}, "run_id", "long"),
    "long reason": ({"all": True, "reason": "x" * 201}, "reason", "200"),
}


@pytest.mark.parametrize("row", WRONG_PARAMETERS.values(), ids=WRONG_PARAMETERS)
def test_wrong_parameters(server, make_clients, daemon, row):
    params, *words = row
    clients = make_clients(server, total=3)
    answer = daemon.http("POST", "/v1/instances/r-test/kill", body=params)
    assert_error(answer, 400, "InvalidParams", *words)
    assert clients.status()["closed_by_server"] == 0
    # What is refused was no kill.
    assert daemon.audit("intent") == [] and daemon.kills() == []


@pytest.mark.parametrize("where", ["params", "body"], ids=["query", "form"])
def test_parameters_of_query_and_form(server, make_clients, daemon, where):
    clients = make_clients(server, total=80, **APPS)
    params = {"match": "name = app*", "reason": "pool leak, ticket 7"}
    answer = daemon.http("POST", "/v1/instances/r-test/kill", **{where: params})
    assert answer.status == 200, answer.text
    assert counts_of(answer.json, "state", "matched", "killed") == {
        "state": "done",
        "matched": 30,
        "killed": 30,
    }
    assert answer.json["unmatched"] >= 50
    assert_adds_up(answer.json)
    status = clients.wait_for(closed_by_server=30)
    assert status["classes"]["named:app"]["open"] == 0
    for record in (*daemon.audit("intent"), *daemon.audit("outcome")):
        assert (record["match"], record["reason"]) == (["name = app*"], "pool leak, ticket 7")


def test_report(server, make_clients, daemon):
    make_clients(server, total=60, **APPS)
    begin = datetime.datetime.now(datetime.timezone.utc)
    answer = daemon.kill("r-test")
    end = datetime.datetime.now(datetime.timezone.utc)
    report = answer.json
    assert_adds_up(report)
    assert (answer.status, report["instance"], report["state"]) == (200, "r-test", "done")
    assert report["request_id"] == answer.headers["x-acs-request-id"]
    started_at = datetime.datetime.fromisoformat(report["started_at"].replace("Z", "+00:00"))
    slack = datetime.timedelta(milliseconds=2)
    assert begin - slack <= started_at <= end + slack
    assert 0 <= report["elapsed_ms"] <= (end - begin).total_seconds() * 1000 + 2
    assert (report["error"], report["reconnected"], report["warnings"]) == (None, 0, [])
    (node,) = report["nodes"]
    assert counts_of(node, "address", "role", "run_id", "error") == {
        "address": server.unix_path,
        "role": "master",
        "run_id": server.redis().info()["run_id"],
        "error": None,
    }
    assert node["commands"] >= 3 and 0 < node["max_stall_ms"] <= report["elapsed_ms"] + 1
    assert [step["command"] for step in node["plan"]] == [kill_type(daemon, "normal")]
    names = {source["name"]: source for source in report["sources"]}
    assert (names["app"]["found"], names["app"]["killed"], names["batch"]["killed"]) == (30, 30, 20)
    assert {source["address"] for source in report["sources"]} == {"unix"}


def test_dry_run(server, make_clients, daemon):
    clients = make_clients(server, total=60, subscribed=10, **APPS)
    plans = {}
    for dry_run in (True, False):
        report = daemon.kill("r-test", dry_run=dry_run).json
        assert_adds_up(report)
        assert report["state"] == ("dry_run" if dry_run else "done")
        assert report["matched"] == 61  # with the control connection
        plans[dry_run] = report["nodes"][0]["plan"]
        expected = 0 if dry_run else 60
        assert clients.wait_for(closed_by_server=expected)["open"] == 60 - expected
    # The very plan that runs.
    assert plans[True] == plans[False]
    assert plans[True] == [
        {"command": kill_type(daemon, "normal"), "expect": 51},
        {"command": kill_type(daemon, "pubsub"), "expect": 10},
    ]
    # It is in the record as what it is.
    assert [record["dry_run"] for record in daemon.audit("outcome")] == [True, False]


def test_except(server, make_clients, daemon):
    clients = make_clients(server, total=60, **APPS)
    report = daemon.kill("r-test", **{"except": ["name = app", "name = nobody"]}).json
    assert_adds_up(report)
    # With the daemon's own two.
    assert (report["state"], report["protected"]) == ("done", 32)
    status = clients.wait_for(closed_by_server=30)
    assert status["classes"]["named:app"]["open"] == 30


def test_protected_by_the_configuration(server, make_daemon, make_clients):
    daemon = make_daemon(
        [{"id": "r-test", "address": server.address, "protect": ["name = app"]}],
        settings={"defaults": {"protect": ["name = batch"]}},
    )
    clients = make_clients(server, total=60, **APPS)
    assert daemon.das("KillInstanceAllSession", InstanceId="r-test").status == 200
    status = clients.wait_for(closed_by_server=10)
    assert status["open"] == 50


def test_max(server, make_clients, daemon):
    clients = make_clients(server, total=60, **APPS)
    answer = daemon.kill("r-test", match="name = app", max=29)
    assert_error(answer, 409, "TooMany", "30", "29")
    assert clients.status()["closed_by_server"] == 0
    assert daemon.audit("outcome")[0]["killed"] == 0
    assert daemon.kill("r-test", match="name = app", max=30).json["killed"] == 30
    clients.wait_for(closed_by_server=30)
    assert daemon.kill("r-test", match="name = app", max=0).json["killed"] == 0


def test_max_counts_all_nodes(make_server, make_daemon, make_clients):
    servers = [make_server(), make_server()]
    daemon = make_daemon([{"id": "r-test", "address": [server.address for server in servers]}])
    clients = [make_clients(server, total=20, named={"app": 10}) for server in servers]
    assert_error(daemon.kill("r-test", match="name = app", max=19), 409, "TooMany", "20")
    assert all(one.status()["closed_by_server"] == 0 for one in clients)
    assert daemon.kill("r-test", match="name = app", max=20).json["killed"] == 20


def test_node(make_server, make_daemon, make_clients):
    servers = [make_server(), make_server(), make_server()]
    daemon = make_daemon([{"id": "r-test", "address": [server.address for server in servers]}])
    addresses = [node["address"] for node in daemon.instance("r-test")["nodes"]]
    clients = [make_clients(server, total=10) for server in servers]
    report = daemon.kill("r-test", node=[addresses[0], addresses[2]]).json
    assert [node["address"] for node in report["nodes"]] == [addresses[0], addresses[2]]
    assert_adds_up(report)
    clients[0].wait_for(closed_by_server=10)
    clients[2].wait_for(closed_by_server=10)
    assert clients[1].status()["open"] == 10
    assert daemon.audit("outcome")[0]["node"] == [addresses[0], addresses[2]]


def test_timeout(server, daemon):
    server.kill()
    wait_until(lambda: daemon.node()["state"] == "failed", "the link to be lost")
    answer = daemon.kill("r-test", timeout="200ms")
    assert (answer.status, answer.json["state"]) == (503, "failed")
    assert 150 <= answer.json["elapsed_ms"] < 2000
    assert answer.json["nodes"][0]["error"].startswith("no connection before the deadline: ")
    assert_adds_up(answer.json)


def test_a_request_waits_for_its_server(server, daemon):
    """It comes back within the time that the request has."""
    server.kill()
    wait_until(lambda: daemon.node()["state"] == "failed", "the link to be lost")
    pending = daemon.begin_kill("r-test")
    wait_until(daemon.kills, "the kill to be accepted")
    server.start()
    assert pending.response().json["state"] == "done"


# Running, waiting and recent kills


def test_kills(server, make_clients, daemon):
    assert daemon.kills() == []
    ids = []
    for match in ("name = app", "name = batch"):
        make_clients(server, total=60, **APPS)
        ids.append(daemon.kill("r-test", match=match).json["request_id"])
    das = daemon.das("KillInstanceAllSession", InstanceId="r-test")
    ids.append(das.json["RequestId"])
    # The newest first, each without the details.
    kills = daemon.kills()
    assert [kill["request_id"] for kill in kills] == ids[::-1]
    assert all(kill["state"] == "done" and "nodes" not in kill for kill in kills)
    for request_id in ids:
        for spelling in (request_id, request_id.lower()):
            report = daemon.http("GET", f"/v1/kills/{spelling}")
            assert report.status == 200 and report.json["request_id"] == request_id
            assert_adds_up(report.json)


def test_a_running_kill(server, make_relay, make_daemon, make_clients):
    relay = make_relay(server)
    daemon = make_daemon([{"id": "r-test", "address": relay.address}])
    make_clients(server, total=20)
    relay.hold(b"TYPE")
    pending = daemon.begin_kill("r-test", reason="first")
    relay.wait_until_held()
    waiting = daemon.begin_kill("r-test", match="name = x")
    wait_until(lambda: len(daemon.kills()) == 2, "the second to wait")
    assert [kill["state"] for kill in daemon.kills()] == ["waiting", "running"]
    report = daemon.http("GET", f"/v1/kills/{daemon.kills()[1]['request_id']}").json
    assert report["state"] == "running" and report["matched"] == report["survivors"]
    assert_adds_up(report)
    relay.release()
    assert pending.response().json["state"] == "done"
    assert waiting.response().json["state"] == "done"


def test_cancel(server, make_relay, make_daemon, make_clients):
    """What is in flight is carried out, and nothing after it."""
    relay = make_relay(server)
    daemon = make_daemon([{"id": "r-test", "address": relay.address}])
    clients = make_clients(server, total=2000, named={"app": 1990})
    relay.hold(b"ID", after=10)
    pending = daemon.begin_kill("r-test", match="name = app", pace="gentle", stall_budget="1ms")
    relay.wait_until_held()
    request_id = daemon.kills()[0]["request_id"]
    answer = daemon.http("DELETE", f"/v1/kills/{request_id}")
    assert (answer.status, answer.json["state"]) == (200, "cancelled")
    relay.release()
    report = pending.response()
    assert (report.status, report.json["state"]) == (200, "cancelled")
    assert_adds_up(report.json)
    # What was killed until then is not denied.
    assert 0 < report.json["killed"] < 1990
    clients.wait_for(closed_by_server=report.json["killed"] + report.json["gone"])
    assert daemon.audit("outcome")[0]["state"] == "cancelled"
    again = daemon.http("DELETE", f"/v1/kills/{request_id}")
    assert_error(again, 409, "AlreadyDone")


def test_cancel_a_waiting_one(server, make_relay, make_daemon, make_clients):
    relay = make_relay(server)
    daemon = make_daemon([{"id": "r-test", "address": relay.address}])
    clients = make_clients(server, total=60, **APPS)
    relay.hold(b"LIST")
    running = daemon.begin_kill("r-test", match="name = app")
    relay.wait_until_held()
    waiting = daemon.begin_kill("r-test")
    wait_until(lambda: len(daemon.kills()) == 2, "the second to wait")
    assert daemon.http("DELETE", f"/v1/kills/{daemon.kills()[0]['request_id']}").status == 200
    assert waiting.response().json["state"] == "cancelled"
    relay.release()
    assert running.response().json["killed"] == 30
    assert clients.wait_for(closed_by_server=30)["open"] == 30


def test_only_so_many_are_remembered(server, daemon):
    ids = [daemon.kill("r-test", dry_run=True).json["request_id"] for _ in range(105)]
    assert [kill["request_id"] for kill in daemon.kills()] == ids[:4:-1]
    assert daemon.http("GET", f"/v1/kills/{ids[0]}").status == 404
