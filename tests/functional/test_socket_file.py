"""The control socket's file: whoever removes it locks nobody out, and lets nobody in beside."""

import json
import os
import shutil
import signal
import subprocess

import pytest

from harness import http, programs, wait_until


def is_answering(path):
    try:
        return http.request(path, "GET", "/healthz").status == 200
    except OSError:
        return False


def run_second(daemon):
    done = subprocess.run(
        [str(programs.SESSKILLD), "-c", daemon.config_path],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=20, check=False,
        env=programs.environment(),
    )  # fmt: skip
    assert done.returncode == 1
    return done.stderr


@pytest.mark.parametrize("is_told", [True, False], ids=["SIGHUP", "by itself"])
def test_it_is_made_anew(server, daemon, make_clients, is_told):
    clients = make_clients(server, total=5)
    mode = os.stat(daemon.socket_path).st_mode
    for _ in range(2):
        os.unlink(daemon.socket_path)
        if is_told:
            daemon.signal(signal.SIGHUP)
        wait_until(lambda: is_answering(daemon.socket_path), daemon.explain)
    assert os.stat(daemon.socket_path).st_mode == mode
    assert "the control socket's file is gone: it is made anew" in daemon.log()
    assert daemon.kill("r-test").status == 200
    clients.wait_for(closed_by_server=5)


def test_a_kill_goes_on_meanwhile(server, make_relay, make_daemon, make_clients):
    relay = make_relay(server)
    daemon = make_daemon([{"id": "r-test", "address": relay.address}])
    make_clients(server, total=5)
    relay.hold(b"KILL")
    pending = daemon.begin_kill("r-test")
    relay.wait_until_held()
    os.unlink(daemon.socket_path)
    wait_until(lambda: is_answering(daemon.socket_path), daemon.explain)
    relay.release()
    assert pending.response().json["state"] == "done"


def test_the_directory_goes_with_it(make_directory, make_daemon, server):
    directory = f"{make_directory()}/run"
    daemon = make_daemon([server], settings={"control": {"socket": f"{directory}/s"}}, wait=None)
    daemon.socket_path = f"{directory}/s"
    wait_until(lambda: is_answering(daemon.socket_path), daemon.explain)
    shutil.rmtree(directory)
    wait_until(lambda: is_answering(daemon.socket_path), daemon.explain)
    assert "another process listens there" in run_second(daemon)


def test_no_second_daemon_beside_it(daemon):
    """Not even in the moment without a file."""
    os.kill(daemon.pid, signal.SIGSTOP)
    os.unlink(daemon.socket_path)
    words = run_second(daemon)
    os.kill(daemon.pid, signal.SIGCONT)
    assert f"{daemon.socket_path}: another process listens there" in words
    assert f"it is held by process {daemon.pid} (sesskilld)" in words
    wait_until(lambda: is_answering(daemon.socket_path), daemon.explain)
    assert [record["event"] for record in daemon.audit()] == ["start"]


def test_somebody_else_has_taken_its_place(daemon):
    """Said once, and left alone."""
    os.unlink(daemon.socket_path)
    with open(daemon.socket_path, "w", encoding="utf-8") as file:
        file.write("precious")
    words = f"{daemon.socket_path} exists and is no socket"
    wait_until(lambda: words in daemon.log(), daemon.explain)
    with open(daemon.socket_path, encoding="utf-8") as file:
        assert file.read() == "precious"
    os.unlink(daemon.socket_path)
    wait_until(lambda: is_answering(daemon.socket_path), daemon.explain)
    assert daemon.log().count(words) == 1


@pytest.mark.skipif(not shutil.which("systemd-socket-activate"), reason="no systemd")
def test_the_service_managers(server, make_directory):
    """It is not ours to make: the log says so, and `instances`, whoever still gets through."""
    directory = make_directory()
    path, config = f"{directory}/s", f"{directory}/c"
    with open(config, "w", encoding="utf-8") as file:
        json.dump({"instances": [{"id": "r-test", "address": server.address}]}, file)
    with open(f"{directory}/log", "wb") as log:
        process = subprocess.Popen(
            ["systemd-socket-activate", "-l", path, str(programs.SESSKILLD), "-c", config],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=programs.environment(),
        )  # fmt: skip
    try:
        wait_until(lambda: is_answering(path), "an answer")
        os.link(path, f"{directory}/other")
        os.unlink(path)
        words = "the control socket's file is gone; it belongs to the service manager"
        log_path = f"{directory}/log"
        wait_until(lambda: words in programs.read_log(log_path), "the words in the log")
        answer = http.request(f"{directory}/other", "GET", "/v1/instances").json
        assert words in answer["warnings"][0]
        shown = subprocess.run(
            [str(programs.SESSKILL), "-s", f"{directory}/other", "instances"],
            capture_output=True, text=True, timeout=20, check=True, env=programs.environment(),
        )  # fmt: skip
        assert words in " ".join(shown.stdout.split())
        assert not os.path.exists(path)
    finally:
        process.terminate()
        assert process.wait(15) == 0
