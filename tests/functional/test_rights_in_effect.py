"""`all` in effect is `all` in right, whatever words it is put in."""

import grp
import json
import os

import pytest

from harness import Caller

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can act as somebody else")

GROUP = grp.getgrnam("daemon").gr_gid
# May select sessions, but not mean all of them.
SELECTIVE = Caller(uid=12345, gid=12345)
# May do anything but that.
DENIED = Caller(uid=12346, gid=12346)
ALL = "hdm:KillInstanceAllSession"
TASK = "CreateKillInstanceSessionTask"

EVERYBODY = [
    "id > 0",
    "id>=1",
    "id != 0",
    "age >= 0s",
    "multi >= -1",
    "name = *",
    "user = app,**",
    "type = normal,pubsub",
    "type != replica",
    "addr = 0.0.0.0/0,::/0,unix",
]
SOME = ["id > 1", "multi >= 0", "name = *a", "name != x", "type = normal", "addr = 0.0.0.0/0,unix"]


@pytest.fixture
def daemon(server, make_daemon):
    access = [
        {"effect": "allow", "users": [0], "actions": ["*"]},
        {"effect": "allow", "users": [SELECTIVE.uid], "actions": [f"hdm:{TASK}*", "hdm:Get*"]},
        {"effect": "allow", "users": [DENIED.uid], "actions": ["hdm:*"]},
        {"effect": "deny", "users": [DENIED.uid], "actions": [ALL]},
    ]
    daemon = make_daemon([server], settings={"access": access, "control": {"mode": "0666"}})
    os.chmod(daemon.directory, 0o755)
    return daemon


@pytest.mark.parametrize("caller", [SELECTIVE, DENIED], ids=["not allowed", "denied"])
@pytest.mark.parametrize("match", EVERYBODY)
def test_a_selection_of_everybody(server, daemon, make_clients, caller, match):
    clients = make_clients(server, total=5)
    for options in ({}, {"dry_run": True}, {"except": "name = nosuch"}):
        answer = daemon.kill("r-test", caller=caller, match=match, **options)
        assert answer.status == 403, answer.text
        assert ALL in answer.json["error"]["message"]
    assert [record["action"] for record in daemon.audit("denied")] == [ALL] * 3
    assert daemon.audit("intent") == []
    assert clients.status()["closed_by_server"] == 0


@pytest.mark.parametrize("match", SOME)
def test_a_selection_of_some(daemon, match):
    answer = daemon.kill("r-test", caller=SELECTIVE, match=match, dry_run=True)
    assert answer.status == 200, answer.text


def test_two_selectors_of_which_one_leaves_somebody_out(daemon):
    match = ["id > 0", "user = app"]
    assert daemon.kill("r-test", caller=SELECTIVE, match=match).status == 200


@pytest.mark.parametrize("caller", [SELECTIVE, DENIED], ids=["not allowed", "denied"])
@pytest.mark.parametrize("action", [TASK, f"{TASK}WithMaintainUser"])
def test_a_task_for_all(server, daemon, make_clients, caller, action):
    clients = make_clients(server, total=5)
    params = {"InstanceId": "r-test", "KillAllSessions": "true"}
    answer = daemon.das(action, caller=caller, **params)
    assert (answer.status, answer.json["Code"]) == (403, "NoPermission"), answer.text
    ignoring = daemon.das(action, caller=caller, IgnoredUsers=json.dumps(["a"]), **params)
    assert ignoring.status == 403
    assert len(daemon.audit("denied")) == 2
    assert clients.status()["closed_by_server"] == 0
    allowed = daemon.das(action, InstanceId="r-test", SessionIds="[1]", caller=caller)
    assert allowed.status == 200, allowed.text


def test_who_may_do_both(server, daemon, make_clients):
    clients = make_clients(server, total=5)
    assert daemon.kill("r-test", match="id > 0").status == 200
    clients.wait_for(closed_by_server=5)
