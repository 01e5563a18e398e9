"""The rest of the DAS-compatible API: listing sessions, and kill tasks with their results."""

import json
import os
import re

import pytest

from harness import Caller, wait_until

LIST = "GetRedisAllSession"
CREATE = "CreateKillInstanceSessionTask"
CREATE_MAINTAIN = "CreateKillInstanceSessionTaskWithMaintainUser"
RESULT = "GetKillInstanceSessionTaskResult"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
UUID = re.compile(r"[0-9A-F]{8}-[0-9A-F]{4}-4[0-9A-F]{3}-[89AB][0-9A-F]{3}-[0-9A-F]{12}")

SESSION_TYPES = {
    "Id": int,
    "Addr": str,
    "Client": str,
    "ClientDesc": str,
    "Name": str,
    "NodeId": str,
    "Fd": int,
    "Age": str,
    "Idle": int,
    "Flags": str,
    "Db": int,
    "Sub": int,
    "Psub": int,
    "Multi": int,
    "Qbuf": int,
    "QbufFree": int,
    "Obl": int,
    "Oll": int,
    "Omem": int,
    "Events": str,
    "Cmd": str,
    # Beyond the API.
    "User": str,
    "Laddr": str,
    "LibName": str,
    "LibVer": str,
}
TASK_TYPES = {
    "TaskId": str,
    "InstanceId": str,
    "NodeId": str,
    "TaskState": str,
    "Sessions": list,
    "KillSuccessCount": int,
    "KillFailCount": int,
    "IgnoredUserSessionCount": int,
    "Result": list,
}
RESULT_TYPES = {
    "Id": int,
    "User": str,
    "Host": str,
    "Db": str,
    "Command": str,
    "Time": int,
    "Active": bool,
    "TaskId": str,
    "Reason": str,
    "NodeId": str,
}


def types_of(mapping):
    return {name: type(value) for name, value in mapping.items()}


def assert_success(answer):
    """The form of all successes but that of KillInstanceAllSession; returns Data."""
    assert answer.status == 200, answer.text
    assert answer.headers["content-type"] == "application/json"
    assert set(answer.json) == {"Code", "Message", "RequestId", "Success", "Data"}
    assert answer.json["Code"] == 200 and type(answer.json["Code"]) is int
    assert answer.json["Success"] is True
    assert UUID.fullmatch(answer.json["RequestId"])
    assert answer.headers["x-acs-request-id"] == answer.json["RequestId"]
    return answer.json["Data"]


def assert_error(answer, status, code, *words):
    assert answer.status == status, answer.text
    assert (answer.json["Code"], answer.json["Success"]) == (code, "false")
    for word in words:
        assert word in answer.json["Message"]


def create(daemon, action=CREATE, **params):
    """Orders a task; returns its id."""
    answer = daemon.das(action, InstanceId="r-test", **params)
    task_id = assert_success(answer)
    assert answer.json["Message"] == "Successful"
    assert task_id == answer.json["RequestId"]
    return task_id


def ids_param(ids):
    return json.dumps(list(ids))


def task(daemon, task_id, **params):
    """What the API says of a task, its form checked."""
    data = assert_success(daemon.das(RESULT, InstanceId="r-test", TaskId=task_id, **params))
    assert types_of(data) == TASK_TYPES
    assert (data["TaskId"], data["InstanceId"]) == (task_id, "r-test")
    assert all(type(session_id) is int for session_id in data["Sessions"])
    for row in data["Result"]:
        assert types_of(row) == RESULT_TYPES
        assert row["TaskId"] == task_id
    return data


def finished(daemon, task_id, **params):
    """The same, when the task is over."""
    data = {}

    def is_over():
        data.update(task(daemon, task_id, **params))
        return data["TaskState"] != "RUNNING"

    wait_until(is_over, lambda: f"the task to end; at last {data}")
    n_counted = sum(
        data[name] for name in ("KillSuccessCount", "KillFailCount", "IgnoredUserSessionCount")
    )
    assert n_counted == len(data["Result"])
    return data


def reasons(data):
    return {row["Id"]: row["Reason"] for row in data["Result"]}


# GetRedisAllSession


def listing(daemon):
    data = assert_success(daemon.das(LIST, InstanceId="r-test"))
    assert types_of(data) == {"Timestamp": int, "Total": int, "Sessions": list, "SourceStats": list}
    for session in data["Sessions"]:
        assert types_of(session) == SESSION_TYPES
    for source in data["SourceStats"]:
        assert types_of(source) == {"Key": str, "Count": str, "Ids": list}
        assert source["Count"] == str(len(source["Ids"]))
    ids = [session["Id"] for session in data["Sessions"]]
    assert ids == sorted(ids) and len(set(ids)) == data["Total"]
    assert sorted(i for source in data["SourceStats"] for i in source["Ids"]) == ids
    return data


def test_list(server, daemon, make_clients):
    make_clients(server, total=5, subscribed=2, channels=3, named={"app": 1})
    make_clients(server, tcp=True, total=4, source="127.0.0.2")
    listed = {int(session["id"]): session for session in server.redis().client_list()}
    data = listing(daemon)
    assert {session["Id"] for session in data["Sessions"]} == set(listed)
    for session in data["Sessions"]:
        raw = listed[session["Id"]]
        assert session["Addr"] == raw["addr"] and session["NodeId"] == server.unix_path
        assert (session["Name"], session["ClientDesc"]) == (raw["name"], "")
        assert (session["Fd"], session["Sub"], session["Multi"], session["Db"]) == (
            int(raw["fd"]),
            int(raw["sub"]),
            int(raw["multi"]),
            int(raw["db"]),
        )
        assert session["Age"].isdigit() and session["Flags"] == raw["flags"]
        assert session["Cmd"] == session["Cmd"].upper() != ""
        by_tcp = raw["addr"].startswith("127.")
        assert session["Client"] == (raw["addr"].rpartition(":")[0] if by_tcp else "unix")
    sources = {source["Key"]: source for source in data["SourceStats"]}
    assert set(sources) == {"unix", "127.0.0.2"}
    assert sources["127.0.0.2"]["Count"] == "4"


def test_list_time(daemon):
    first, second = listing(daemon)["Timestamp"], listing(daemon)["Timestamp"]
    assert 1_600_000_000_000 < first <= second < 10_000_000_000_000


def test_list_many(server, daemon, make_clients):
    """In many pieces, and more ids of one source than a piece has."""
    make_clients(server, total=6000)
    make_clients(server, tcp=True, total=500)
    data = listing(daemon)
    assert data["Total"] >= 6500
    counts = {source["Key"]: int(source["Count"]) for source in data["SourceStats"]}
    assert counts["unix"] >= 6000 and counts["127.0.0.1"] == 500


def test_list_names_that_nobody_expects(server, daemon):
    session = server.redis(client_name='q"\\=\'{}')
    session.ping()
    assert 'q"\\=\'{}' in {one["Name"] for one in listing(daemon)["Sessions"]}
    session.close()


def test_list_of_several_nodes(make_server, make_daemon, make_clients):
    servers = [make_server(), make_server()]
    daemon = make_daemon([{"id": "r-test", "address": [server.address for server in servers]}])
    for server in servers:
        make_clients(server, total=10)
    data = assert_success(daemon.das(LIST, InstanceId="r-test"))
    nodes = {server.unix_path for server in servers}
    assert {session["NodeId"] for session in data["Sessions"]} == nodes
    servers[1].kill()
    wait_until(
        lambda: daemon.instance("r-test")["nodes"][1]["state"] != "ready", "the link to be lost"
    )
    answer = daemon.das(LIST, InstanceId="r-test")
    rest = assert_success(answer)
    assert {session["NodeId"] for session in rest["Sessions"]} == {servers[0].unix_path}
    assert answer.json["Message"].startswith("1 of 2 nodes could not be listed (")
    assert servers[1].unix_path in answer.json["Message"]
    servers[0].kill()
    wait_until(
        lambda: daemon.instance("r-test")["nodes"][0]["state"] != "ready", "the link to be lost"
    )
    assert_error(daemon.das(LIST, InstanceId="r-test"), 503, "ServiceUnavailable")


def test_list_when_the_nodes_are_not_known(server, make_daemon):
    """An instance behind Sentinels of which none is there."""
    sentinel = {"master": "m", "addresses": ["127.0.0.1:1"]}
    daemon = make_daemon([{"id": "r-test", "sentinel": sentinel}], wait="socket")
    for answer in (
        daemon.das(LIST, InstanceId="r-test"),
        daemon.http("GET", "/v1/instances/r-test/sessions"),
    ):
        assert answer.status == 503 and "ServiceUnavailable" in answer.text
        assert "the nodes of the instance are not known" in answer.text
    answer = daemon.das(CREATE, InstanceId="r-test", SessionIds="[1]")
    assert_error(answer, 400, "InvalidParams", "SessionIds", "NodeId")


# Tasks


@pytest.mark.parametrize("action", [CREATE, CREATE_MAINTAIN])
def test_kill_by_ids(server, daemon, make_clients, action):
    others = make_clients(server, total=20)
    before = server.session_ids()
    clients = make_clients(server, total=10, named={"app": 10})
    ids = sorted(server.session_ids() - before)
    task_id = create(daemon, action, SessionIds=ids_param(ids), DbUser="root", DbUserPassword="x")
    data = finished(daemon, task_id)
    clients.wait_for(closed_by_server=10)
    assert others.status()["closed_by_server"] == 0
    assert (data["TaskState"], data["Sessions"]) == ("SUCCESS", ids)
    assert (data["KillSuccessCount"], data["KillFailCount"]) == (10, 0)
    assert data["NodeId"] == server.unix_path
    assert reasons(data) == dict.fromkeys(ids, "SESSION_KILLED")
    for row in data["Result"]:
        assert (row["User"], row["Db"], row["NodeId"]) == ("default", "0", server.unix_path)
        assert row["Host"].startswith(server.unix_path) and row["Command"] == "PING"
    (intent,) = daemon.audit("intent")
    assert (intent["action"], intent["ids"]) == (f"hdm:{action}", ids)
    assert (intent["all"], intent["match"], intent["request_id"]) == (False, [], task_id)
    assert daemon.audit("outcome")[0]["killed"] == 10


def test_ids_as_strings_and_twice(server, daemon, make_clients):
    before = server.session_ids()
    clients = make_clients(server, total=3)
    ids = sorted(server.session_ids() - before)
    text = json.dumps([str(ids[2]), ids[0], ids[0], str(ids[0])])
    data = finished(daemon, create(daemon, SessionIds=text, KillAllSessions=False))
    assert data["Sessions"] == [ids[0], ids[2]]
    assert clients.wait_for(closed_by_server=2)["open"] == 1


def test_what_became_of_each(make_server, make_daemon, make_clients):
    """Killed, gone, ignored, protected, our own: every id that was asked for has an answer."""
    users = [f"{name} on nopass ~* &* +@all" for name in ("app", "batch", "ops")]
    server = make_server(users=users)
    daemon = make_daemon(
        [{"id": "r-test", "address": server.address, "protect": ["user = ops"]}]
    )
    clients = make_clients(server, total=30, users={"app:x": 10, "batch:x": 10, "ops:x": 10})
    by_user = {}
    for session in server.sessions():
        by_user.setdefault(session["user"], []).append(int(session["id"]))
    own = daemon.own_ids()
    asked = [by_user[user][i] for user in ("app", "batch", "ops") for i in (0, 1)]
    asked += [*own, 999999]
    data = finished(
        daemon, create(daemon, SessionIds=ids_param(asked), IgnoredUsers='["batch", "nobody"]')
    )
    assert data["TaskState"] == "SUCCESS"
    assert reasons(data) == {
        **dict.fromkeys(by_user["app"][:2], "SESSION_KILLED"),
        **dict.fromkeys(by_user["batch"][:2], "SESSION_IGNORED_USER"),
        **dict.fromkeys(by_user["ops"][:2], "SESSION_NO_PERMISSION"),
        **dict.fromkeys(own, "SESSION_INTERNAL_USER_OR_COMMAND"),
        999999: "SESSION_EXPIRED",
    }
    assert data["Sessions"] == sorted(asked)
    counts = [data[name] for name in ("KillSuccessCount", "KillFailCount")]
    assert counts + [data["IgnoredUserSessionCount"]] == [2, 3, 4]
    assert clients.wait_for(closed_by_server=2)["open"] == 28
    gone = next(row for row in data["Result"] if row["Id"] == 999999)
    assert (gone["User"], gone["Host"], gone["Command"], gone["Active"]) == ("", "", "", False)
    assert daemon.audit("intent")[0]["except"] == ["user = batch", "user = nobody"]


def test_replication_is_not_killed_by_id(make_server, make_daemon):
    primary = make_server()
    make_server(primary=primary)
    daemon = make_daemon([primary])
    (replica,) = [int(one["id"]) for one in primary.sessions() if "S" in one["flags"]]
    data = finished(daemon, create(daemon, SessionIds=f"[{replica}]"))
    assert reasons(data) == {replica: "SESSION_INTERNAL_USER_OR_COMMAND"}
    assert replica in primary.session_ids()


def test_kill_all(make_server, make_daemon, make_clients):
    server = make_server(users=["app on nopass ~* &* +@all"])
    daemon = make_daemon([server])
    clients = make_clients(server, total=50, subscribed=5, users={"app:x": 10})
    sessions = {int(session["id"]) for session in server.redis().client_list()}
    # The ids are ignored when all is asked for.
    task_id = create(daemon, KillAllSessions="True", IgnoredUsers='["app"]', SessionIds="[1]")
    data = finished(daemon, task_id)
    assert clients.wait_for(closed_by_server=40)["classes"]["user:app"]["open"] == 10
    assert (data["TaskState"], set(data["Sessions"])) == ("SUCCESS", sessions)
    # The others and the control connection; the users and the daemon's own two.
    assert (data["KillSuccessCount"], data["KillFailCount"]) == (41, 0)
    assert data["IgnoredUserSessionCount"] == 12
    assert sorted(set(reasons(data).values())) == [
        "SESSION_IGNORED_USER",
        "SESSION_INTERNAL_USER_OR_COMMAND",
        "SESSION_KILLED",
    ]


def test_ignored_users_are_taken_literally(make_server, make_daemon, make_clients):
    """Commas and wildcards in a name are only that."""
    server = make_server(users=[f"{name} on nopass ~* &* +@all" for name in ("a*", "ab", "a,b")])
    daemon = make_daemon([server])
    clients = make_clients(server, total=9, users={"a*:x": 3, "ab:x": 3, "a,b:x": 3})
    finished(daemon, create(daemon, KillAllSessions=True, IgnoredUsers='["a*", "a,b"]'))
    classes = clients.wait_for(closed_by_server=3)["classes"]
    assert {name: one["open"] for name, one in classes.items()} == {
        **{name: 0 for name in classes},
        "user:a*": 3,
        "user:a,b": 3,
    }
    # Nobody takes the record for an expression that says something else.
    assert daemon.audit("intent")[0]["except"] == ["user is a*", "user is a,b"]


def test_more_than_the_result_names(server, daemon, make_clients):
    """The counts know all, the list the first 10,000."""
    server.redis().config_set("maxclients", 12000)
    clients = make_clients(server, total=10500)
    task_id = create(daemon, KillAllSessions=True)
    clients.wait_for(closed_by_server=10500)
    wait_until(lambda: task(daemon, task_id)["TaskState"] != "RUNNING", "the task to end")
    data = task(daemon, task_id)
    assert (data["TaskState"], data["KillSuccessCount"]) == ("SUCCESS", 10501)
    assert len(data["Result"]) == len(data["Sessions"]) == 10000


def test_many_ids(server, daemon, make_clients):
    """As many as fit into the largest request."""
    clients = make_clients(server, total=8000)
    ids = sorted(server.session_ids())[-8000:]
    data = finished(daemon, create(daemon, SessionIds=json.dumps(ids, separators=(",", ":"))))
    assert data["KillSuccessCount"] == 8000
    clients.wait_for(closed_by_server=8000)


def test_a_running_task(server, make_relay, make_daemon, make_clients):
    """The answer to the order does not wait for the kill; the same order again is another task."""
    relay = make_relay(server)
    daemon = make_daemon([{"id": "r-test", "address": relay.address}])
    clients = make_clients(server, total=5)
    relay.hold(b"LIST")
    tasks = [create(daemon, KillAllSessions=True) for _ in range(3)]
    relay.wait_until_held()
    assert len(set(tasks)) == 3
    for task_id in tasks:
        data = task(daemon, task_id)
        assert (data["TaskState"], data["Result"], data["KillSuccessCount"]) == ("RUNNING", [], 0)
    relay.release()
    assert [finished(daemon, task_id)["TaskState"] for task_id in tasks] == ["SUCCESS"] * 3
    clients.wait_for(closed_by_server=5)
    # The second and the third shared a run.
    assert {one["request_id"] for one in daemon.audit("outcome")} == set(tasks)
    listed = {kill["request_id"] for kill in daemon.kills()}
    assert listed == set(tasks)


def test_a_task_does_not_share_a_run_with_a_plain_kill(server, make_relay, make_daemon):
    """Its results are kept, those of the other are not."""
    relay = make_relay(server)
    daemon = make_daemon([{"id": "r-test", "address": relay.address}])
    relay.hold(b"LIST")
    running = daemon.begin_kill("r-test")
    relay.wait_until_held()
    waiting = daemon.begin_kill("r-test")
    wait_until(lambda: len(daemon.kills()) == 2, "the second to wait")
    task_id = create(daemon, KillAllSessions=True)
    relay.release()
    assert finished(daemon, task_id)["Result"] != []
    assert running.response().status == waiting.response().status == 200


def test_a_cancelled_task(server, make_relay, make_daemon, make_clients):
    """It is only listing: nobody waits for the server's answer."""
    relay = make_relay(server)
    daemon = make_daemon([{"id": "r-test", "address": relay.address}])
    clients = make_clients(server, total=5)
    relay.hold(b"LIST")
    task_id = create(daemon, KillAllSessions=True)
    relay.wait_until_held()
    assert daemon.http("DELETE", f"/v1/kills/{task_id}").status == 200
    assert task(daemon, task_id)["TaskState"] == "FAILURE"
    relay.release()
    assert daemon.kill("r-test", match="name = nobody").json["state"] == "done"
    assert clients.status()["closed_by_server"] == 0


def test_a_task_without_a_server(server, make_daemon):
    """It does not answer. Of nobody it is known what became of him."""
    daemon = make_daemon([server], settings={"defaults": {"command-timeout": "300ms"}})
    server.pause_process()
    data = finished(daemon, create(daemon, SessionIds="[7, 8]"))
    assert data["TaskState"] == "ERROR"
    assert reasons(data) == dict.fromkeys((7, 8), "SESSION_OTHER_ERROR")
    assert (data["KillSuccessCount"], data["KillFailCount"]) == (0, 2)


def test_only_so_many_results_are_remembered(daemon):
    """The oldest are forgotten; kills without such a list are not forgotten for their sake."""
    kill_id = daemon.kill("r-test", match="name = nobody").json["request_id"]
    # Commas as they are: as many ids as possible.
    ids = ",".join(str(number) for number in range(1, 10_000))
    body = f"Action={CREATE}&InstanceId=r-test&SessionIds=[{ids}]"
    tasks = []
    for _ in range(11):
        tasks.append(assert_success(daemon.http("POST", "/", headers=FORM, body=body)))
        finished(daemon, tasks[-1])
    answer = daemon.das(RESULT, InstanceId="r-test", TaskId=tasks[0])
    assert_error(answer, 400, "InvalidParams", "TaskId", "unknown")
    assert len(task(daemon, tasks[1])["Result"]) == 9_999
    assert [kill["request_id"] for kill in daemon.kills()] == [*tasks[:0:-1], kill_id]


def test_nodes(make_server, make_daemon, make_clients):
    """Ids are per node: with several nodes one must be named."""
    servers = [make_server(), make_server()]
    daemon = make_daemon([{"id": "r-test", "address": [server.address for server in servers]}])
    before = servers[1].session_ids()
    clients = [make_clients(server, total=5) for server in servers]
    ids = sorted(servers[1].session_ids() - before)
    assert_error(
        daemon.das(CREATE, InstanceId="r-test", SessionIds=ids_param(ids)),
        400,
        "InvalidParams",
        "SessionIds",
        "NodeId",
    )
    node = servers[1].unix_path
    task_id = create(daemon, SessionIds=ids_param(ids), NodeId=node)
    data = finished(daemon, task_id, NodeId=node)
    assert data["NodeId"] == node
    assert reasons(data) == dict.fromkeys(ids, "SESSION_KILLED")
    assert clients[0].status()["closed_by_server"] == 0
    other = daemon.das(RESULT, InstanceId="r-test", TaskId=task_id, NodeId=servers[0].unix_path)
    assert_error(other, 400, "InvalidParams", "NodeId")
    whole = finished(daemon, create(daemon, KillAllSessions=True), NodeId=node)
    assert (whole["NodeId"], whole["TaskState"]) == ("", "SUCCESS")
    assert {row["NodeId"] for row in whole["Result"]} == {server.unix_path for server in servers}
    clients[0].wait_for(closed_by_server=5)


WRONG_ORDERS = {
    "nothing": ({}, "SessionIds", "KillAllSessions"),
    "not all": ({"KillAllSessions": False}, "SessionIds"),
    "no switch": ({"KillAllSessions": "yes"}, "KillAllSessions", "yes"),
    "empty switch": ({"KillAllSessions": ""}, "KillAllSessions", "empty"),
    "two switches": ({"KillAllSessions": [True, False]}, "KillAllSessions", "more than once"),
    "empty ids": ({"SessionIds": ""}, "SessionIds", "empty"),
    "no ids": ({"SessionIds": "[]"}, "SessionIds"),
    "bad JSON": ({"SessionIds": "[1,"}, "SessionIds", "JSON"),
    "more behind it": ({"SessionIds": "[1] [2]"}, "SessionIds", "JSON"),
    "a number": ({"SessionIds": "17"}, "SessionIds", "array"),
    "an object": ({"SessionIds": '{"a": 1}'}, "SessionIds", "array"),
    "zero": ({"SessionIds": "[1, 0]"}, "SessionIds", "element 2"),
    "negative": ({"SessionIds": "[-1]"}, "SessionIds", "element 1"),
    "fraction": ({"SessionIds": "[1.5]"}, "SessionIds", "element 1"),
    "word": ({"SessionIds": '["1a"]'}, "SessionIds", "element 1"),
    "nested": ({"SessionIds": "[[1]]"}, "SessionIds", "element 1"),
    "too large": ({"SessionIds": "[9223372036854775808]"}, "SessionIds"),
    "too many": ({"SessionIds": f"[{','.join('1' * 10001)}]"}, "SessionIds", "10000"),
    "two lists": ({"SessionIds": ["[1]", "[2]"]}, "SessionIds", "more than once"),
    "bad users": ({"SessionIds": "[1]", "IgnoredUsers": "app"}, "IgnoredUsers", "JSON"),
    "no user": ({"SessionIds": "[1]", "IgnoredUsers": "[1]"}, "IgnoredUsers", "element 1"),
    "empty user": ({"SessionIds": "[1]", "IgnoredUsers": '["a",""]'}, "IgnoredUsers", "element 2"),
    "too many users": (
        {"SessionIds": "[1]", "IgnoredUsers": json.dumps(["a"] * 257)},
        "IgnoredUsers",
        "256",
    ),
    "two lists of users": (
        {"SessionIds": "[1]", "IgnoredUsers": ['["a"]', '["b"]']},
        "IgnoredUsers",
        "more than once",
    ),
    "no node": ({"SessionIds": "[1]", "NodeId": "127.0.0.1:1"}, "NodeId", "127.0.0.1:1"),
    "empty node": ({"KillAllSessions": True, "NodeId": ""}, "NodeId", "empty"),
}


@pytest.mark.parametrize("row", WRONG_ORDERS.values(), ids=WRONG_ORDERS)
def test_wrong_orders(server, daemon, make_clients, row):
    params, *words = row
    clients = make_clients(server, total=3)
    answer = daemon.das(CREATE, InstanceId="r-test", **params)
    assert_error(answer, 400, "InvalidParams", *words)
    assert clients.status()["closed_by_server"] == 0
    assert daemon.audit("intent") == [] and daemon.kills() == []


def test_wrong_questions(server, make_server, make_daemon):
    other = make_server()
    daemon = make_daemon([server, {"id": "r-other", "address": other.address}])
    task_id = create(daemon, KillAllSessions=True)
    finished(daemon, task_id)
    kill_id = daemon.kill("r-test").json["request_id"]
    for params, *words in (
        ({}, "TaskId", "missing"),
        ({"TaskId": ""}, "TaskId", "empty"),
        ({"TaskId": "nonsense"}, "TaskId", "nonsense", "unknown"),
        ({"TaskId": [task_id, kill_id]}, "TaskId", "more than once"),
        ({"TaskId": task_id, "NodeId": "127.0.0.1:1"}, "NodeId"),
        # A kill, but no task.
        ({"TaskId": kill_id}, "TaskId", "unknown"),
    ):
        answer = daemon.das(RESULT, InstanceId="r-test", **params)
        assert_error(answer, 400, "InvalidParams", *words)
    # A task of another instance.
    answer = daemon.das(RESULT, InstanceId="r-other", TaskId=task_id)
    assert_error(answer, 400, "InvalidParams", "TaskId", "unknown")


@pytest.mark.parametrize("action", [LIST, CREATE, CREATE_MAINTAIN, RESULT])
def test_instances(daemon, action):
    for params, *words in (
        ({}, "InstanceId", "missing"),
        ({"InstanceId": "r-nobody"}, "InstanceId", "unknown"),
    ):
        assert_error(daemon.das(action, **params), 400, "InvalidParams", *words)
    answer = daemon.das(action, InstanceId="r-test", Version="2019-09-10")
    assert_error(answer, 400, "InvalidVersion")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
@pytest.mark.parametrize("action", [LIST, CREATE, CREATE_MAINTAIN, RESULT])
def test_strangers(server, make_daemon, make_clients, action):
    """Denied before the parameters, for instances that exist and others alike."""
    daemon = make_daemon([server], settings={"control": {"mode": "0666"}})
    os.chmod(daemon.directory, 0o755)
    clients = make_clients(server, total=3)
    stranger = Caller(65534, 65534)
    for instance in ("r-test", "r-nobody"):
        answer = daemon.das(action, caller=stranger, InstanceId=instance, KillAllSessions=True)
        assert_error(answer, 403, "NoPermission")
    assert clients.status()["closed_by_server"] == 0
    assert {record["action"] for record in daemon.audit("denied")} == {f"hdm:{action}"}
