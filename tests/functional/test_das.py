"""The DAS-compatible API: every form of a request, every error that can be provoked."""

import re

import pytest

from harness import wait_until
from harness.http import UnixConnection

ACTION = "KillInstanceAllSession"
UUID = re.compile(r"[0-9A-F]{8}-[0-9A-F]{4}-4[0-9A-F]{3}-[89AB][0-9A-F]{3}-[0-9A-F]{12}")
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
BODY_LIMIT = 64 * 1024

# What a stock client sends along.
COMMON = {
    "Format": "XML",
    "Version": "2020-01-16",
    "AccessKeyId": "testid",
    "Signature": "Pc5WB8gokVn0xfeu/ZV+iNM1dgI=",
    "SignatureMethod": "HMAC-SHA1",
    "SignatureNonce": "15215528852396",
    "SignatureVersion": "1.0",
    "Timestamp": "2020-01-16T12:00:00Z",
    "SecurityToken": "token-in-the-query",
    "RegionId": "cn-hangzhou",
    "ConsoleContext": '{"a": "b"}',
}
COMMON_HEADERS = {
    "Authorization": "ACS3-HMAC-SHA256 Credential=testid,Signature=06563a9e",
    "Accept": "application/xml",
    "User-Agent": "AlibabaCloud (Linux; amd64) Python/3.11 Core/0.3",
    "Host": "das.cn-shanghai.aliyuncs.com",
    "x-acs-version": "2020-01-16",
    "x-acs-date": "2020-01-16T12:00:00Z",
    "x-acs-signature-nonce": "d410180a5abf7fe235dd9b74aca91fc0",
    "x-acs-content-sha256": "e3b0c44298fc1c149afbf4c8996fb924",
    "x-acs-security-token": "token-in-a-header",
}


def assert_killed(answer):
    """The one form of success."""
    assert answer.status == 200, answer.text
    assert answer.headers["content-type"] == "application/json"
    request_id = answer.json["RequestId"]
    assert answer.json == {
        "Code": "200",
        "Message": "Successful",
        "Data": "None",
        "RequestId": request_id,
        "Success": "true",
    }
    assert UUID.fullmatch(request_id)
    assert answer.headers["x-acs-request-id"] == request_id


def assert_error(answer, status, code, *words):
    """The one form of errors."""
    assert answer.status == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    assert list(answer.json) == ["Code", "Message", "Data", "RequestId", "HostId", "Success"]
    assert all(isinstance(value, str) for value in answer.json.values())
    assert (answer.json["Code"], answer.json["Data"], answer.json["Success"]) == (
        code,
        "None",
        "false",
    )
    assert UUID.fullmatch(answer.json["RequestId"])
    assert answer.headers["x-acs-request-id"] == answer.json["RequestId"]
    for word in words:
        assert word in answer.json["Message"]


# Forms of a request

FORMS = {
    "query of a GET": ("GET", "?Action=KillInstanceAllSession&InstanceId=r-test", {}, None),
    "query of a POST": ("POST", "?Action=KillInstanceAllSession&InstanceId=r-test", {}, None),
    "empty body": ("POST", "?Action=KillInstanceAllSession&InstanceId=r-test", FORM, ""),
    "form": ("POST", "", FORM, "Action=KillInstanceAllSession&InstanceId=r-test"),
    "form with a charset": (
        "POST",
        "",
        {"Content-Type": "application/x-www-form-urlencoded; charset=UTF-8"},
        "Action=KillInstanceAllSession&InstanceId=r-test",
    ),
    "query and form": ("POST", "?Action=KillInstanceAllSession", FORM, "InstanceId=r-test"),
    "action in the header": ("GET", "?InstanceId=r-test", {"x-acs-action": ACTION}, None),
    "header and form": ("POST", "", {**FORM, "x-acs-action": ACTION}, "InstanceId=r-test"),
    "action twice": (
        "POST",
        "?Action=KillInstanceAllSession",
        {**FORM, "x-acs-action": ACTION},
        "InstanceId=r-test&Action=KillInstanceAllSession",
    ),
    "same value twice": (
        "POST",
        "?InstanceId=r-test",
        FORM,
        "Action=KillInstanceAllSession&InstanceId=r-test&InstanceId=r-test",
    ),
    "chunked": (
        "POST",
        "",
        FORM,
        [b"Action=KillInstance", b"AllSession&Insta", b"nceId=r-test"],
    ),
    "escapes": ("GET", "?%41ction=Kill%49nstanceAllSession&InstanceId=r%2dtes%74", {}, None),
    "raw characters": (
        "GET",
        "?Action=KillInstanceAllSession&ConsoleContext=*()!~&InstanceId=r-test&x=a+b%2B",
        {},
        None,
    ),
    "empty pieces": ("GET", "?&&Action=KillInstanceAllSession&&InstanceId=r-test&", {}, None),
    "JSON": (
        "POST",
        "?Action=KillInstanceAllSession",
        {"Content-Type": "application/json"},
        '{"InstanceId": "r-test", "Unknown": {"a": [1, null]}, "Signature": null, "x": 1.5}',
    ),
    "whole address": (
        "GET",
        "http://das.cn-shanghai.aliyuncs.com/?Action=KillInstanceAllSession&InstanceId=r-test",
        {},
        None,
    ),
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_forms(server, daemon, make_clients, form):
    method, target, headers, body = form
    clients = make_clients(server, total=3)
    target = target if target.startswith("http:") else f"/{target}"
    assert_killed(daemon.http(method, target, headers=headers, body=body))
    clients.wait_for(closed_by_server=3)


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_common_parameters_and_headers_are_ignored(server, daemon, make_clients, method):
    params = {**COMMON, "Action": ACTION, "InstanceId": "r-test"}
    clients = make_clients(server, total=3)
    where = {"params": params} if method == "GET" else {"body": params}
    headers = {**COMMON_HEADERS, **(FORM if method == "POST" else {})}
    assert_killed(daemon.http(method, "/", headers=headers, **where))
    clients.wait_for(closed_by_server=3)


def test_secrets_are_not_logged(daemon):
    params = {**COMMON, "Action": ACTION, "InstanceId": "r-test"}
    daemon.http("GET", "/", params=params, headers=COMMON_HEADERS)
    daemon.http("GET", "/", params={**params, "InstanceId": "unknown"})
    daemon.http("GET", "/", params={**params, "Action": "Nonsense"})
    written = daemon.log() + str(daemon.audit())
    for secret in ("token-in", "Pc5WB8", "testid", "06563a9e"):
        assert secret not in written


def test_keep_alive(server, daemon, make_clients):
    """Kills, errors and other paths one after the other on one connection."""
    connection = UnixConnection(daemon.socket_path)
    for _ in range(3):
        clients = make_clients(server, total=3)
        for body, status in ((f"Action={ACTION}&InstanceId=r-test", 200), ("Action=x", 404)):
            connection.request("POST", "/", body=body, headers=FORM)
            answer = connection.getresponse()
            assert (answer.status, answer.will_close) == (status, False)
            answer.read()
        connection.request("GET", "/healthz")
        assert connection.getresponse().read() == b"ok\n"
        clients.wait_for(closed_by_server=3)
    connection.close()


def test_request_ids_differ(daemon):
    answers = [daemon.das(ACTION, InstanceId="r-test") for _ in range(5)]
    assert len({answer.json["RequestId"] for answer in answers}) == 5


# Errors of the caller

LONGEST_ID = 128
WRONG_PARAMETERS = {
    "missing": ({}, "InstanceId", "missing"),
    "empty": ({"InstanceId": ""}, "InstanceId", "empty"),
    "blank": ({"InstanceId": " "}, "InstanceId", "unknown"),
    "unknown": ({"InstanceId": "r-nobody"}, "InstanceId", "r-nobody", "unknown"),
    "other case": ({"InstanceId": "R-TEST"}, "InstanceId", "unknown"),
    "twice": ({"InstanceId": ["r-test", "r-other"]}, "InstanceId", "more than once"),
    "longest": ({"InstanceId": "x" * LONGEST_ID}, "InstanceId", "unknown"),
    "too long": ({"InstanceId": "x" * (LONGEST_ID + 1)}, "InstanceId", "longer than"),
    "far too long": ({"InstanceId": "x" * 60000}, "InstanceId", "longer than"),
    "decoded": ({"InstanceId": "a b*()!~ü"}, '"a b*()!~ü"'),
    "wrong name": ({"instanceid": "r-test"}, "InstanceId", "missing"),
}


@pytest.mark.parametrize("row", WRONG_PARAMETERS.values(), ids=WRONG_PARAMETERS)
def test_wrong_parameters(daemon, row):
    params, *words = row
    assert_error(daemon.das(ACTION, **params), 400, "InvalidParams", *words)


@pytest.mark.parametrize("raw", ["*()!~", "%2a%28%29%21%7E"], ids=["raw", "escaped"])
def test_decoding(daemon, raw):
    answer = daemon.http("GET", f"/?Action={ACTION}&InstanceId=a+b%2B{raw}")
    assert_error(answer, 400, "InvalidParams", '"a b+*()!~"')


@pytest.mark.parametrize("raw", ["%", "%4", "%zz", "a%00b"])
def test_bad_escapes(daemon, raw):
    answer = daemon.http("GET", f"/?Action={ACTION}&InstanceId={raw}")
    assert_error(answer, 400, "InvalidParams", "InstanceId")


@pytest.mark.parametrize(
    "headers, version",
    [
        ({}, "2019-09-10"),
        ({}, ""),
        ({"x-acs-version": "2021-01-01"}, "2020-01-16"),
        ({"x-acs-version": "2020-01-16"}, "1"),
    ],
    ids=["other", "empty", "header", "parameter"],
)
def test_wrong_version(server, daemon, make_clients, headers, version):
    clients = make_clients(server, total=3)
    params = {"Action": ACTION, "InstanceId": "r-test", "Version": version}
    answer = daemon.http("POST", "/", body=params, headers={**FORM, **headers})
    assert_error(answer, 400, "InvalidVersion", "2020-01-16")
    assert clients.status()["closed_by_server"] == 0


def test_two_versions(server, daemon, make_clients):
    clients = make_clients(server, total=3)
    answer = daemon.das(ACTION, InstanceId="r-test", Version=["2020-01-16", "2019-09-10"])
    assert_error(answer, 400, "InvalidParams", "Version")
    assert clients.status()["closed_by_server"] == 0


@pytest.mark.parametrize(
    "target", ["/", "/?Action=", "/?Action=DropEverything", "/?Action=killinstanceallsession"]
)
def test_unknown_action(daemon, target):
    assert_error(daemon.http("GET", target), 404, "InvalidAction.NotFound", "Action")


def test_two_actions(server, daemon, make_clients):
    clients = make_clients(server, total=3)
    for headers, action in (({"x-acs-action": "Other"}, ACTION), ({}, [ACTION, "Other"])):
        params = {"Action": action, "InstanceId": "r-test"}
        answer = daemon.http("GET", "/", params=params, headers=headers)
        assert answer.status in (400, 404) and answer.json["Success"] == "false"
    assert clients.status()["closed_by_server"] == 0


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
def test_methods(server, daemon, make_clients, method):
    clients = make_clients(server, total=3)
    answer = daemon.http(method, f"/?Action={ACTION}&InstanceId=r-test")
    assert_error(answer, 405, "UnsupportedHTTPMethod")
    assert clients.status()["closed_by_server"] == 0


def test_head(server, daemon, make_clients):
    clients = make_clients(server, total=3)
    answer = daemon.http("HEAD", f"/?Action={ACTION}&InstanceId=r-test")
    assert (answer.status, answer.body) == (405, b"")
    assert UUID.fullmatch(answer.headers["x-acs-request-id"])
    assert clients.status()["closed_by_server"] == 0


@pytest.mark.parametrize("is_chunked", [False, True], ids=["plain", "chunked"])
def test_body_too_large(server, daemon, make_clients, is_chunked):
    clients = make_clients(server, total=3)
    form = f"Action={ACTION}&InstanceId=r-test&ConsoleContext=".encode()
    for size, is_taken in ((BODY_LIMIT, True), (BODY_LIMIT + 1, False)):
        body = form + b"x" * (size - len(form))
        pieces = [body[:1000], body[1000:]] if is_chunked else body
        # A parameter has a limit of its own, which names it.
        answer = daemon.http("POST", "/", headers=FORM, body=pieces)
        if is_taken:
            assert_error(answer, 400, "InvalidParams", "ConsoleContext")
        else:
            assert_error(answer, 413, "RequestTooLarge", "64 KiB")
    assert clients.status()["closed_by_server"] == 0


def test_largest_body(server, daemon, make_clients):
    clients = make_clients(server, total=3)
    form = f"Action={ACTION}&InstanceId=r-test"
    while len(form) + 2010 < BODY_LIMIT:
        form += f"&x{len(form)}={'y' * 2000}"
    form += "&" * (BODY_LIMIT - len(form))
    assert_killed(daemon.http("POST", "/", headers=FORM, body=form))
    clients.wait_for(closed_by_server=3)


# Errors of the daemon and of servers


def test_too_many_wait(server, make_relay, make_daemon, make_clients):
    """Kills that cannot share a run wait, up to a limit; those that can, do."""
    relay = make_relay(server)
    daemon = make_daemon([{"id": "r-test", "address": relay.address}])
    clients = make_clients(server, total=3)
    relay.hold(b"KILL")
    pending = [daemon.begin_kill("r-test", pace="gentle")]
    relay.wait_until_held()
    pending += [daemon.begin_kill("r-test", max=1000 + i) for i in range(16)]
    wait_until(lambda: len(daemon.kills()) == 17, "all to wait")
    answer = daemon.das(ACTION, InstanceId="r-test")
    assert_error(answer, 429, "Throttling.User")
    assert int(answer.headers["x-acs-retry-after"]) > 0
    native = daemon.kill("r-test")
    assert (native.status, native.json["error"]["code"]) == (429, "Throttling.User")
    relay.release()
    assert [one.response().status for one in pending] == [200] * 17
    clients.wait_for(closed_by_server=3)
    assert_killed(daemon.das(ACTION, InstanceId="r-test"))


@pytest.mark.parametrize("required", [True, False], ids=["required", "not required"])
def test_the_record_cannot_be_written(server, make_daemon, make_clients, make_directory, required):
    directory = make_directory()
    audit = {"file": f"{directory}/later/audit.jsonl", "required": required}
    daemon = make_daemon([server], settings={"audit": audit})
    clients = make_clients(server, total=3)
    answer = daemon.das(ACTION, InstanceId="r-test")
    if not required:
        assert_killed(answer)
        clients.wait_for(closed_by_server=3)
        report = daemon.http("GET", f"/v1/kills/{answer.json['RequestId']}").json
        assert any("audit log" in warning for warning in report["warnings"])
        assert "audit log" in daemon.log()
        return
    assert_error(answer, 503, "ServiceUnavailable", "audit log")
    assert daemon.kill("r-test").status == 503
    assert clients.status()["closed_by_server"] == 0


def test_a_failed_node(server, make_server, make_daemon, make_clients):
    """One of two nodes stands still: 500, and the message says where."""
    stopped = make_server()
    daemon = make_daemon(
        [{"id": "r-test", "address": [server.address, stopped.address]}],
        settings={"defaults": {"command-timeout": "300ms"}},
    )
    clients = make_clients(server, total=3)
    stopped.pause_process()
    answer = daemon.das(ACTION, InstanceId="r-test")
    assert_error(answer, 500, "InternalError", stopped.unix_path)
    clients.wait_for(closed_by_server=3)


def test_shutting_down(server, make_relay, make_daemon, make_clients):
    """Who asks on a connection that is open already is told so."""
    relay = make_relay(server)
    daemon = make_daemon([{"id": "r-test", "address": relay.address}])
    clients = make_clients(server, total=3)
    relay.hold(b"TYPE")
    running = daemon.begin("POST", "/", body={"Action": ACTION, "InstanceId": "r-test"})
    relay.wait_until_held()
    # Cannot share the run that has started, and does not get one of its own any more.
    waiting = daemon.begin("POST", "/", body={"Action": ACTION, "InstanceId": "r-test"})
    wait_until(lambda: len(daemon.kills()) == 2, "the second to wait")
    daemon.signal(15)
    answer = waiting.response()
    assert answer.status >= 500 and answer.json["Success"] == "false"
    assert "shutting down" in answer.json["Message"]
    relay.release()
    assert_killed(running.response())
    clients.wait_for(closed_by_server=3)
    assert daemon.wait_for_end() == 0
