"""From the command line to the end: configuration, control socket, service manager, signals."""

import grp
import json
import os
import pwd
import re
import shutil
import signal
import socket
import stat
import subprocess
import uuid

import pytest

from harness import http, programs, wait_until

NOBODY = 65534
PIPE_BYTES = 65536


def run_daemon(*arguments, **options):
    """To its end: returncode, stdout, stderr."""
    done = subprocess.run(
        [str(programs.SESSKILLD), *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
        **{"env": programs.environment(), **options},
    )
    report = programs.sanitizer_report(done.stderr)
    assert not report, report
    return done


@pytest.fixture
def spawn():
    """spawn(argv, ready, **options): a process once ready() holds; ends by SIGTERM with 0."""
    processes = []

    def start(argv, ready, **options):
        process = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            **{"env": programs.environment(), **options},
        )
        processes.append(process)
        wait_until(lambda: ready() or process.poll() is not None, "the process to be ready")
        return process

    yield start
    for process in processes:
        process.terminate()
        try:
            log = process.communicate(timeout=15)[1].decode()
        finally:
            process.kill()
        assert process.returncode == 0, log
        assert not programs.sanitizer_report(log), log


# Configuration


GOOD = """
control: {socket: %(directory)s/control.sock}
instances:
  - id: r-test
    address: unix://%(directory)s/s
"""
BAD = """
control: {scoket: /x}
instances:
  - id: r-test
    address: nonsense:port
    command-timeout: soon
"""


def write_config(directory, text):
    path = f"{directory}/sesskilld.yaml"
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    return path


def test_check(make_directory):
    directory = make_directory()
    path = write_config(directory, GOOD % {"directory": directory})
    done = run_daemon("-c", path, *programs.CHECK)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert os.listdir(directory) == ["sesskilld.yaml"]


@pytest.mark.parametrize("check", [programs.CHECK, []], ids=["check", "start"])
def test_all_mistakes_at_once(make_directory, check):
    path = write_config(make_directory(), BAD)
    done = run_daemon("-c", path, *check)
    assert (done.returncode, done.stdout) == (2, "")
    lines = done.stderr.splitlines()
    places = [f"{path}:{place}:" for place in ("2:11", "5:14", "6:22")]
    assert [line.split(" ")[0] for line in lines] == places, done.stderr
    assert "did you mean" in lines[0] and "expected" in lines[1] and "expected" in lines[2]


def write_config_with_secret(directory, mode):
    secret = f"{directory}/pass"
    with open(secret, "w", encoding="utf-8") as file:
        file.write("secret")
    os.chmod(secret, mode)
    keys = f"{{id: a, address: 'localhost:1', password-file: {secret}}}"
    return write_config(directory, f"instances:\n  - {keys}\n"), secret


def test_a_password_that_others_can_read(make_directory):
    path, secret = write_config_with_secret(make_directory(), 0o644)
    done = run_daemon("-c", path, *programs.CHECK)
    assert done.returncode == 2
    assert done.stderr.startswith(f"{path}:2:") and secret in done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to be somebody else")
def test_check_reads_as_the_service_does(make_directory):
    """What root can read the daemon may not."""
    directory = make_directory()
    os.chmod(directory, 0o755)
    path, secret = write_config_with_secret(directory, 0o600)
    assert run_daemon("-c", path, *programs.CHECK).returncode == 0
    done = run_daemon("-c", path, "--check", "--as", "nobody")
    assert done.returncode == 2 and done.stderr.startswith(f"{path}:2:") and secret in done.stderr
    os.chown(secret, pwd.getpwnam("nobody").pw_uid, -1)
    assert run_daemon("-c", path, "--check", "--as", "nobody").returncode == 0
    for arguments, words in [
        (["--check", "--as", "nosuchuser"], "no such user"), (["--as", "nobody"], "--check"),
    ]:  # fmt: skip
        done = run_daemon("-c", path, *arguments)
        assert done.returncode == 2 and words in done.stderr


@pytest.mark.parametrize(
    "arguments", [["-c", "/nonexistent/x.yaml"], ["--bogus"], ["word"]], ids=lambda a: a[0]
)
def test_exit_status_2(arguments):
    done = run_daemon(*arguments)
    assert done.returncode == 2 and done.stderr


def test_version_and_help():
    first, built_with = run_daemon("--version").stdout.splitlines()
    assert re.fullmatch(r"sesskilld \d+\.\d+\.\d+( with fault points, for tests only)?", first)
    for name in ("hiredis", "libevent", "OpenSSL", "libyaml", "jansson", "systemd"):
        assert name in built_with
    assert "--check" in run_daemon("--help").stdout


def test_no_configuration_at_all(make_directory, spawn):
    """As an ordinary user, whose socket is in the runtime directory."""
    if os.path.exists("/etc/sesskill/sesskilld.yaml"):
        pytest.skip("this host has a configuration")
    directory = make_directory()
    ordinary = {}
    if os.geteuid() == 0:
        os.chown(directory, NOBODY, NOBODY)
        ordinary = {"user": NOBODY, "group": NOBODY, "extra_groups": []}
    path = f"{directory}/sesskill/control.sock"
    environment = {**programs.environment(), "XDG_RUNTIME_DIR": directory}
    spawn([str(programs.SESSKILLD)], lambda: os.path.exists(path), env=environment, **ordinary)
    (instance,) = http.request(path, "GET", "/v1/instances").json["instances"]
    assert (instance["id"], instance["kind"]) == ("local", "standalone")
    assert [node["address"] for node in instance["nodes"]] == ["127.0.0.1:6379"]
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o660


# The control socket


def test_mode_and_group(make_daemon):
    if os.geteuid() != 0:
        pytest.skip("gives a file to another group")
    group = grp.getgrnam("daemon")
    daemon = make_daemon(
        settings={
            "control": {"mode": "0606", "group": str(group.gr_gid)},
            "instances": [{"id": "a", "address": "localhost:1"}],
        },
        wait="socket",
    )
    status = os.stat(daemon.socket_path)
    assert (stat.S_IMODE(status.st_mode), status.st_gid) == (0o606, group.gr_gid)


def test_a_stale_socket_is_taken_over(server, make_daemon, make_clients):
    daemon = make_daemon([server])
    daemon.kill_process()
    assert stat.S_ISSOCK(os.stat(daemon.socket_path).st_mode)
    daemon.start()
    clients = make_clients(server, total=5)
    assert daemon.das("KillInstanceAllSession", InstanceId="r-test").status == 200
    clients.wait_for(closed_by_server=5)


def test_a_live_socket_is_refused(server, daemon):
    own_id = daemon.node()["own_id"]
    done = run_daemon("-c", daemon.config_path)
    assert done.returncode == 1
    assert daemon.socket_path in done.stderr and "another process listens" in done.stderr
    # The one that lives is as before, its record too.
    assert daemon.node()["own_id"] == own_id
    assert [record["event"] for record in daemon.audit()] == ["start"]


def test_a_file_in_its_place_is_left_alone(make_directory):
    directory = make_directory()
    path = write_config(directory, GOOD % {"directory": directory})
    with open(f"{directory}/control.sock", "w", encoding="utf-8") as file:
        file.write("precious")
    done = run_daemon("-c", path)
    assert done.returncode == 1 and "no socket" in done.stderr
    with open(f"{directory}/control.sock", encoding="utf-8") as file:
        assert file.read() == "precious"


# The service manager


@pytest.mark.skipif(not shutil.which("systemd-socket-activate"), reason="no systemd")
def test_socket_activation(server, make_directory, make_clients, spawn):
    directory = make_directory()
    handed_over = f"{directory}/by-systemd.sock"
    path = write_config(
        directory,
        json.dumps(
            {
                "control": {"socket": f"{directory}/not-used.sock"},
                "instances": [{"id": "r-test", "address": server.address}],
            }
        ),
    )
    # The first connection starts the daemon, and is answered by it.
    spawn(
        ["systemd-socket-activate", "-l", handed_over, str(programs.SESSKILLD), "-c", path],
        lambda: os.path.exists(handed_over),
        env=None,
    )
    clients = make_clients(server, total=10)
    body = {"Action": "KillInstanceAllSession", "InstanceId": "r-test"}
    assert http.request(handed_over, "POST", "/", body=body).status == 200
    clients.wait_for(closed_by_server=10)
    assert not os.path.exists(f"{directory}/not-used.sock")


def test_readiness_is_told(server, make_directory, spawn):
    directory = make_directory()
    config = {
        "control": {"socket": f"{directory}/control.sock"},
        "instances": [{"id": "r-test", "address": server.address}],
    }
    path = write_config(directory, json.dumps(config))
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(f"{directory}/notify")
        manager.settimeout(20)
        environment = {**programs.environment(), "NOTIFY_SOCKET": f"{directory}/notify"}
        process = spawn([str(programs.SESSKILLD), "-c", path], lambda: True, env=environment)
        assert manager.recv(4096) == b"READY=1"
        # Ready means that it answers.
        assert http.request(f"{directory}/control.sock", "GET", "/v1/instances").status == 200
        process.terminate()
        assert manager.recv(4096) == b"STOPPING=1"
        assert process.wait(15) == 0


# The log


def test_a_log_that_nobody_reads(server, make_daemon, make_directory):
    """It costs lines, and nothing else; whoever reads again learns how many."""
    path = f"{make_directory()}/log"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    daemon = make_daemon([server], wrapper=["sh", "-c", 'exec "$@" 2>"$0"', path])

    def log(n_requests):
        for _ in range(n_requests):
            assert daemon.kill("r-test", dry_run=True).status == 200

    def read():
        return os.read(reader, 1 << 20).decode()

    try:
        n_requests = 2 * PIPE_BYTES // len(f"notice: kill {uuid.uuid4()} on r-test: dry_run; found")
        log(n_requests)
        assert daemon.http("GET", "/healthz").status == 200
        early = read()
        assert early.endswith("\n") and len(early) > PIPE_BYTES // 2
        log(1)
        note, line = read().splitlines()
        n_lost = n_requests - early.count("notice: kill ")
        assert note == f"warning: {n_lost} lines of the log were lost: nobody read them"
        assert line.startswith("notice: kill ")
        # Now it is full again.
        log(n_requests)
        daemon.signal(signal.SIGTERM)
        assert daemon.wait_for_end() == 0
        assert "stopping" not in read()
    finally:
        os.close(reader)


# Signals


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["TERM", "INT"])
def test_a_signal_ends_it_when_idle(daemon, number):
    idle = daemon.connect()
    daemon.signal(number)
    assert daemon.wait_for_end(timeout=5) == 0
    assert idle.recv(1) == b""
    idle.close()
    assert not os.path.exists(daemon.socket_path)
    assert [record["event"] for record in daemon.audit()] == ["start", "stop"]


def test_a_signal_at_once_ends_it_in_order(make_server, make_daemon):
    """Whoever sees the socket may rely on it: there is no moment at which the signal just kills."""
    daemon = make_daemon([make_server()], wait=None)
    for _ in range(20):
        # Not wait_until(), which would look too seldom.
        while not os.path.exists(daemon.socket_path):
            assert daemon.is_running()
        daemon.signal(signal.SIGTERM)
        assert daemon.wait_for_end() == 0
        assert not os.path.exists(daemon.socket_path)
        daemon.start(wait=None)
    wait_until(lambda: os.path.exists(daemon.socket_path), "the socket")


def test_impatience_changes_nothing(daemon):
    """Whoever asks again, and again, gets the same orderly end."""
    daemon.signal(signal.SIGTERM)
    while daemon.is_running():
        daemon.signal(signal.SIGTERM)
    assert daemon.wait_for_end() == 0
    assert [record["event"] for record in daemon.audit()] == ["start", "stop"]


def test_hangup_opens_the_record_anew(server, daemon):
    """As log rotation does it."""
    daemon.kill("r-test")
    os.rename(daemon.audit_path, f"{daemon.audit_path}.1")
    daemon.signal(signal.SIGHUP)
    wait_until(lambda: os.path.exists(daemon.audit_path), "a new file")
    daemon.kill("r-test")
    assert [r["event"] for r in daemon.audit() if r["event"] != "reload"] == ["intent", "outcome"]
