"""TLS: verified on both sides, and what is wrong with a certificate is said in words."""

import contextlib
import os
import socket
import ssl
import subprocess

import pytest

from harness import wait_until
from harness.groups import Sentinel
from harness.manual import read_tables
from harness.server import free_port


def openssl(directory, *arguments):
    subprocess.run(
        ["openssl", *arguments], cwd=directory, check=True, capture_output=True, timeout=60
    )


class Authority:
    """A certificate authority in a directory of its own."""

    def __init__(self, directory):
        self.directory = directory
        self.ca = f"{directory}/ca.pem"
        key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        self._key = key
        openssl(directory, "req", "-x509", *key, "-keyout", "ca.key", "-out", "ca.pem",
                "-days", "2", "-subj", "/CN=authority")  # fmt: skip

    def issue(self, name, alternative, days="2"):
        """(certificate, key) for `alternative`, such as DNS:localhost."""
        directory = self.directory
        with open(f"{directory}/{name}.ext", "w", encoding="utf-8") as file:
            file.write(f"subjectAltName={alternative}\n")
        openssl(directory, "req", *self._key, "-keyout", f"{name}.key", "-out", f"{name}.csr",
                "-subj", f"/CN={name}")  # fmt: skip
        openssl(directory, "x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey",
                "ca.key", "-CAcreateserial", "-days", days, "-extfile", f"{name}.ext", "-out",
                f"{name}.pem")  # fmt: skip
        return f"{directory}/{name}.pem", f"{directory}/{name}.key"


@pytest.fixture
def authority(make_directory):
    return Authority(make_directory())


@pytest.fixture
def make_tls_server(make_server, authority):
    def make(certificate, key, clients="no", lines=()):
        server = make_server(
            lines=[
                f"tls-port {free_port()}",
                f"tls-cert-file {certificate}",
                f"tls-key-file {key}",
                f"tls-ca-cert-file {authority.ca}",
                f"tls-auth-clients {clients}",
                *lines,
            ]
        )
        server.tls_port = int(server.redis().config_get("tls-port")["tls-port"])
        return server

    return make


def last_error(daemon):
    wait_until(lambda: daemon.node()["last_error"] not in (None, "not connected yet"), "an error")
    return daemon.node()["last_error"]


def look_after(make_daemon, server, host="127.0.0.1", wait="ready", **tls):
    return make_daemon(
        [{"id": "r-test", "address": f"rediss://{host}:{server.tls_port}", "tls": tls}], wait=wait
    )


@pytest.mark.parametrize(
    "host, alternative",
    [("127.0.0.1", "IP:127.0.0.1"), ("localhost", "DNS:localhost")],
)
def test_a_kill_over_tls(
    authority, make_tls_server, make_daemon, make_clients, host, alternative
):
    server = make_tls_server(*authority.issue("server", alternative))
    daemon = look_after(make_daemon, server, host, **{"ca-file": authority.ca})
    crowd = make_clients(server, total=300)
    answer = daemon.kill("r-test")
    assert answer.json["state"] == "done" and answer.json["killed"] >= 300, answer.text
    crowd.wait_for(closed_by_server=300)


@pytest.mark.skipif(not read_tables()["has_faults"], reason="a build without fault points")
@pytest.mark.parametrize(
    "faults", ["dial.reset*3", "link.silent", "link.reset:HANDSHAKE", "link.trickle*1000"]
)
def test_a_bad_way(authority, make_tls_server, make_daemon, make_clients, faults):
    server = make_tls_server(*authority.issue("server", "IP:127.0.0.1"))
    daemon = make_daemon(
        [
            {
                "id": "r-test",
                "address": f"rediss://127.0.0.1:{server.tls_port}",
                "tls": {"ca-file": authority.ca},
                "command-timeout": "500ms",
            }
        ],
        faults=faults,
        wait="socket",
    )
    crowd = make_clients(server, total=300)
    assert daemon.kill("r-test", timeout="20s").json["state"] == "done"
    crowd.wait_for(closed_by_server=300)
    assert daemon.idle_faults() == []


def test_certificates_of_clients(authority, make_tls_server, make_daemon):
    server = make_tls_server(*authority.issue("server", "IP:127.0.0.1"), clients="yes")
    certificate, key = authority.issue("client", "DNS:sesskill")
    files = {"ca-file": authority.ca, "cert-file": certificate, "key-file": key}
    assert look_after(make_daemon, server, **files).kill("r-test").json["state"] == "done"

    without = look_after(make_daemon, server, wait="socket", **{"ca-file": authority.ca})
    assert "certificate required" in last_error(without)


def test_the_name_must_be_right(authority, make_tls_server, make_daemon):
    server = make_tls_server(*authority.issue("server", "DNS:redis.example.net"))
    wrong = look_after(make_daemon, server, wait="socket", **{"ca-file": authority.ca})
    assert "IP address mismatch" in last_error(wrong)

    told = {"ca-file": authority.ca, "server-name": "redis.example.net"}
    assert look_after(make_daemon, server, **told).kill("r-test").json["state"] == "done"


def test_an_unknown_authority(authority, make_tls_server, make_daemon, make_directory):
    server = make_tls_server(*authority.issue("server", "IP:127.0.0.1"))
    other = Authority(make_directory())
    daemon = look_after(make_daemon, server, wait="socket", **{"ca-file": other.ca})
    error = last_error(daemon)
    assert "certificate is not accepted: self-signed certificate" in error
    answer = daemon.kill("r-test", timeout="200ms")
    assert answer.status == 503 and "certificate is not accepted" in answer.json["error"]


def test_an_expired_certificate(authority, make_tls_server, make_daemon):
    server = make_tls_server(*authority.issue("server", "IP:127.0.0.1", days="0"))
    daemon = look_after(make_daemon, server, wait="socket", **{"ca-file": authority.ca})
    wait_until(
        lambda: "certificate has expired" in (daemon.node()["last_error"] or ""),
        lambda: f"the certificate to expire: {daemon.node()}",
    )
    assert daemon.kill("r-test", timeout="200ms").status == 503


def test_old_protocols_are_refused(authority, make_tls_server, make_daemon):
    server = make_tls_server(
        *authority.issue("server", "IP:127.0.0.1"),
        lines=['tls-protocols "TLSv1.1"', "tls-ciphers DEFAULT:@SECLEVEL=0"],
    )
    daemon = look_after(make_daemon, server, wait="socket", **{"ca-file": authority.ca})
    assert "protocol" in last_error(daemon)


def test_files_that_cannot_be_used(authority, make_tls_server, make_daemon, make_directory):
    server = make_tls_server(*authority.issue("server", "IP:127.0.0.1"))
    missing = f"{make_directory()}/none.pem"
    daemon = look_after(make_daemon, server, wait="socket", **{"ca-file": missing})
    assert missing in last_error(daemon)


def test_a_plain_port_is_no_tls(server, make_daemon):
    daemon = make_daemon(
        [
            {
                "id": "r-test",
                "address": f"rediss://127.0.0.1:{server.port}",
                "connect-timeout": "500ms",
            }
        ],
        wait="socket",
    )
    assert last_error(daemon)
    assert daemon.kill("r-test", timeout="300ms").status == 503


def test_tls_for_every_address(authority, make_tls_server, make_daemon):
    """`tls:` counts for plain host:port too, and the file may be renewed without a restart."""
    server = make_tls_server(*authority.issue("server", "IP:127.0.0.1"))
    daemon = make_daemon(
        [
            {
                "id": "r-test",
                "address": f"127.0.0.1:{server.tls_port}",
                "tls": {"ca-file": authority.ca},
            }
        ]
    )
    own_id = daemon.node()["own_id"]
    os.rename(authority.ca, f"{authority.ca}.away")
    server.redis().client_kill_filter(_id=own_id)
    wait_until(lambda: "ca.pem" in (daemon.node()["last_error"] or ""), "the missing file")
    os.rename(f"{authority.ca}.away", authority.ca)
    wait_until(lambda: daemon.node()["state"] == "ready", "the link to be back")


def test_tls_for_sentinels(authority, make_tls_server, make_daemon, make_directory, logs):
    """With an authority of their own: the nodes do without."""
    server = make_tls_server(*authority.issue("server", "IP:127.0.0.1"))
    certificate, key = authority.issue("sentinel", "IP:127.0.0.1")
    port = free_port()
    lines = [f"tls-port {port}", f"tls-cert-file {certificate}", f"tls-key-file {key}",
             f"tls-ca-cert-file {authority.ca}", "tls-auth-clients yes"]  # fmt: skip
    sentinel = Sentinel(make_directory(), server, "orders", 1, lines)
    logs.append(sentinel)
    try:
        group = {
            "master": "orders",
            "addresses": [f"127.0.0.1:{port}"],
            "tls": {"ca-file": authority.ca, "cert-file": certificate, "key-file": key},
        }
        daemon = make_daemon([{"id": "r-test", "sentinel": group}])
        assert daemon.node()["address"] == server.tcp_address
        assert daemon.kill("r-test").json["state"] == "done"
        del group["tls"]["cert-file"], group["tls"]["key-file"]
        stranger = make_daemon([{"id": "r-test", "sentinel": group}], wait="socket")
        wait_until(lambda: "certificate" in (stranger.instance("r-test")["error"] or ""), "the error")
    finally:
        sentinel.stop()


def test_sessions_that_the_kernel_ends(make_tls_server, make_daemon, make_clients, authority):
    """By either port of the server: what is said over TLS is nothing to it."""
    server = make_tls_server(*authority.issue("server", "IP:127.0.0.1"))
    daemon = look_after(make_daemon, server, **{"ca-file": authority.ca})
    wait_until(lambda: daemon.node()["kernel"] != "not known yet", "the server's word")
    if daemon.node()["kernel"] != "yes":
        pytest.skip(f"the kernel ends no connections here: {daemon.node()['kernel']}")
    context = ssl.create_default_context(cafile=authority.ca)
    with contextlib.ExitStack() as stack:
        for _ in range(100):
            plain = socket.create_connection(("127.0.0.1", server.tls_port))
            session = stack.enter_context(context.wrap_socket(plain, server_hostname="127.0.0.1"))
            session.sendall(b"CLIENT SETNAME leak\r\n")
            assert session.recv(100) == b"+OK\r\n"
        others = make_clients(server, tcp=True, named={"leak": 50, "keep": 10})
        report = daemon.kill("r-test", match="name = leak", via="kernel").json
        assert (report["state"], report["killed"], report["cut"]) == ("done", 150, 150), report
        others.wait_for(reset=50)
        with contextlib.suppress(OSError):
            assert session.recv(1) == b""
