"""What a body says is done, or the request is refused: nothing of it is dropped."""

import json

import pytest

KILL = "/v1/instances/r-test/kill"
FORM = "application/x-www-form-urlencoded"


@pytest.fixture
def send(daemon):
    """send(body, content_type, target): what came, by POST."""

    def post(body, content_type, target=KILL):
        headers = {} if content_type is None else {"Content-Type": content_type}
        # http.client adds a type to text only.
        return daemon.http("POST", target, body=body.encode(), headers=headers)

    return post


@pytest.mark.parametrize(
    "content_type",
    ["application/json", "Application/JSON; charset=utf-8"],
)
def test_json_is_a_request(server, send, make_clients, content_type):
    clients = make_clients(server, total=10, named={"app": 4, "worker": 3})
    body = {"match": ["name = app", "id > 0"], "max": 100, "dry_run": True}
    report = send(json.dumps(body), content_type).json
    assert (report["state"], report["matched"]) == ("dry_run", 4)
    report = send(json.dumps({**body, "dry_run": False}), content_type).json
    assert (report["state"], report["killed"]) == ("done", 4)
    clients.wait_for(closed_by_server=4)


@pytest.mark.parametrize(
    "content_type", [FORM.upper(), f"{FORM};charset=UTF-8", f"{FORM} ; a=b"]
)
def test_a_form_in_any_case(server, send, make_clients, content_type):
    make_clients(server, total=5, named={"app": 5})
    report = send("all=true&dry_run=true&except=name+%3D+app", content_type).json
    # But for the connection that the test has itself.
    assert report["state"] == "dry_run" and report["matched"] <= 1


UNSUPPORTED = {
    "text": ("text/plain", '{"dry_run": true, "except": ["name = app"]}'),
    "no type": (None, "dry_run=true"),
    "multipart": ("multipart/form-data; boundary=x", "--x\r\n\r\n--x--"),
    "nearly a form": ("application/x-www-form-urlencodedx", "dry_run=true"),
}
MALFORMED = {
    "a form that is JSON": (FORM, '{"dry_run": true}', "Content-Type: application/json"),
    "a form that is a list": (FORM, ' ["dry_run"]', "Content-Type: application/json"),
    "no JSON": ("application/json", "dry_run=true", "no JSON"),
    "no object": ("application/json", "[1]", "no JSON object"),
    "twice": ("application/json", '{"max": 1, "max": 2}', "duplicate"),
    "null": ("application/json", '{"max": null}', "max"),
    "an object": ("application/json", '{"match": {"name": "app"}}', "match"),
    "unknown": ("application/json", '{"dryrun": true}', "dryrun"),
    "two values": ("application/json", '{"max": [1, 2]}', "max"),
    "not for this one": ("application/json", '{"dry_run": "yes"}', "dry_run"),
}


@pytest.mark.parametrize("content_type, body", UNSUPPORTED.values(), ids=UNSUPPORTED)
def test_other_types_are_refused(server, send, make_clients, content_type, body):
    clients = make_clients(server, total=5)
    answer = send(body, content_type, KILL + "?all=true")
    assert (answer.status, answer.json["error"]["code"]) == (415, "UnsupportedMediaType")
    answer = send(body, content_type, "/?Action=KillInstanceAllSession&InstanceId=r-test")
    assert (answer.status, answer.json["Code"]) == (415, "UnsupportedMediaType")
    assert clients.status()["closed_by_server"] == 0


@pytest.mark.parametrize("content_type, body, words", MALFORMED.values(), ids=MALFORMED)
def test_what_is_not_understood(server, send, make_clients, content_type, body, words):
    clients = make_clients(server, total=5)
    answer = send(body, content_type, KILL + "?all=true")
    assert (answer.status, answer.json["error"]["code"]) == (400, "InvalidParams")
    assert words in answer.json["error"]["message"]
    assert clients.status()["closed_by_server"] == 0


def test_an_empty_body_has_no_type(server, daemon):
    assert daemon.http("POST", KILL + "?all=true").json["state"] == "done"
    headers = {"Content-Type": "text/plain"}
    assert daemon.http("POST", KILL + "?all=true", headers=headers).json["state"] == "done"


def test_json_for_das(server, send, make_clients, daemon):
    """Unknown keys are ignored as ever, and a list is what its text would be."""
    make_clients(server, total=3)
    ids = [s["id"] for s in daemon.http("GET", "/v1/instances/r-test/sessions").json["sessions"]]
    own = daemon.own_ids()
    body = {
        "Action": "CreateKillInstanceSessionTask",
        "InstanceId": "r-test",
        "SessionIds": [number for number in ids if number not in own],
        "Console": {"a": [None]},
        "SecurityToken": None,
    }
    answer = send(json.dumps(body), "application/json", "/")
    assert answer.status == 200, answer.text
    answer = send('{"Action":"a","Action":"b"}', "application/json", "/")
    assert (answer.status, answer.json["Code"]) == (400, "InvalidParams")
