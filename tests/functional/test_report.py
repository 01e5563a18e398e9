"""sesskill report: what became of a kill, for those who were not there."""

import html.parser
import json
import os
import re
import shutil
import subprocess

import pytest

from harness import wait_until
from harness.cli import run

EVIL = "<script>alert(1)</script>"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
#: Elements that have no end tag.
VOID = {"meta", "rect", "path"}


class Page(html.parser.HTMLParser):
    """A page as a reader or a screen reader meets it."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.open, self.text, self.by_id, self.references = [], [], "", {}, []
        self.feed(text)
        assert self.open == [], self.open

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.tags.append((tag, attrs))
        if tag not in VOID:
            self.open.append(tag)
        if "id" in attrs:
            assert attrs["id"] not in self.by_id, attrs
            self.by_id[attrs["id"]] = tag
        self.references += attrs.get("aria-labelledby", "").split()
        self.references += [attrs["href"][1:]] if tag == "a" else []

    def handle_startendtag(self, tag, attrs):
        assert tag in VOID
        self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] != "style":
            self.text += data

    def all(self, tag):
        return [attrs for name, attrs in self.tags if name == tag]


def luminance(colour):
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    parts = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]


def contrast(one, other):
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def six_digits(colour):
    return colour if len(colour) == 7 else "#" + "".join(letter * 2 for letter in colour[1:])


@pytest.fixture
def killed(server, daemon, make_clients):
    """A daemon that has carried out a kill, and the kill's id."""
    make_clients(server, total=8, named={"pool": 5})
    server.redis(client_name="evil")
    evil = server.redis()
    evil.execute_command("CLIENT", "SETNAME", EVIL)
    done = daemon.cli("kill", "r-test", "--all", "-y", "--reason", "leak <b>bold</b> & more")
    assert done.returncode == 0
    return daemon, daemon.kills()[0]["request_id"]


def page_of(daemon, *ids, directory):
    path = f"{directory}/page.html"
    done = daemon.cli("report", *ids, "--file", daemon.audit_path, "--html", path)
    assert done.returncode == 0, done
    assert os.listdir(directory) == ["page.html"]
    with open(path, encoding="utf-8") as file:
        return file.read()


def test_text(killed):
    daemon, request_id = killed
    done = daemon.cli("report", request_id[:8], "--file", daemon.audit_path)
    lines = done.stdout.splitlines()
    assert done.returncode == 0 and lines[0].startswith("r-test: done (")
    assert "  reason        leak <b>bold</b> & more" in lines and "  selected      all" in lines
    assert lines.index("In the record:") > 0
    recorded = [json.loads(line) for line in lines if line.startswith('  {"time"')]
    assert [line["event"] for line in recorded if "request_id" in line] == ["intent", "outcome"]


def test_page_stands_alone(killed, make_directory):
    daemon, request_id = killed
    text = page_of(daemon, request_id, directory=make_directory())
    page = Page(text)
    assert not page.all("script") and not page.all("link") and not page.all("img")
    assert not page.all("iframe") and not re.search(r"url\(|@import|https?://", text)
    assert "prefers-color-scheme:dark" in text and "@media print" in text
    assert EVIL not in text and EVIL in page.text
    assert "leak <b>bold</b> & more" in page.text and not page.all("b")
    assert request_id in page.text and '"event":"outcome"' in page.text
    assert not [attrs for _, attrs in page.tags if any(key.startswith("on") for key in attrs)]


def test_page_can_be_read_by_everybody(killed, make_directory):
    daemon, request_id = killed
    text = page_of(daemon, request_id, directory=make_directory())
    page = Page(text)
    assert page.all("html")[0]["lang"] == "en"
    for landmark in ("title", "header", "main", "footer", "h1"):
        assert len(page.all(landmark)) >= 1, landmark
    assert len(page.all("h1")) == 1
    assert all(reference in page.by_id for reference in page.references), page.references
    assert all("aria-labelledby" in attrs for attrs in page.all("section"))
    assert len(page.all("caption")) == len(page.all("table")) > 0
    assert page.all("th") and all(attrs["scope"] == "col" for attrs in page.all("th"))
    for svg in page.all("svg"):
        assert svg.get("role") == "img" or svg.get("aria-hidden") == "true"
    schemes = re.findall(r":root\{([^}]*)\}", text)
    assert len(schemes) == 3  # light, dark, print
    colours = {}
    for scheme in schemes:
        colours.update(re.findall(r"--(\w+):(#\w+)", scheme))
        for name in ("text", "muted", "accent", "bad", "good"):
            assert contrast(six_digits(colours[name]), six_digits(colours["back"])) >= 4.5, scheme


def test_several_kills_on_a_page(killed, server, make_clients, make_directory):
    daemon, first = killed
    make_clients(server, total=3)
    daemon.cli("kill", "r-test", "--match", "name = nosuch", "-y", "--reason", "second")
    second = daemon.kills()[0]["request_id"]
    assert second != first
    page = Page(page_of(daemon, first, second, directory=make_directory()))
    assert {"kill-1", "kill-2"} <= set(page.by_id) and "kill-3" not in page.by_id
    assert page.text.count("sessions ended, done in") >= 3 and "second" in page.text


def test_without_the_daemon(killed, make_directory):
    """The record has it all; what is not known is said."""
    daemon, request_id = killed
    daemon.stop()
    directory = make_directory()
    path = f"{directory}/page.html"
    done = run("report", request_id, "--file", daemon.audit_path, "--html", path,
               socket=daemon.socket_path)  # fmt: skip
    assert done.returncode == 0, done
    with open(path, encoding="utf-8") as file:
        page = Page(file.read())
    assert "Not known" in page.text and "there is no socket" in page.text
    assert "leak <b>bold</b> & more" in page.text


def test_without_the_record(killed):
    """The daemon knows its last kills."""
    daemon, request_id = killed
    done = daemon.cli("report", request_id, "--file", "/nonexistent/audit.jsonl")
    assert done.returncode == 0 and "r-test: done (" in done.stdout
    assert "the record: cannot read /nonexistent/audit.jsonl" in done.stderr


def test_what_is_not_known_is_an_error(killed, make_directory):
    daemon, request_id = killed
    path = f"{make_directory()}/page.html"
    file = ["--file", daemon.audit_path]
    for arguments, status, words in [
        ([request_id + "0"], 1, "nothing is known"),
        (["nosuch"], 1, "of a kill nosuch nothing is known"),
        (["abc"], 2, "four of its characters"),
        ([], 2, "something is missing"),
        ([request_id, "--json"], 2, "for people"),
        ([request_id, "--html", "/nonexistent/x.html"], 1, "cannot write /nonexistent/x.html"),
    ]:
        done = daemon.cli("report", *arguments, *file)
        assert (done.returncode, done.stdout) == (status, "") and words in done.stderr, done
    assert not os.path.exists(path)


def test_a_prefix_of_several_is_refused(killed):
    daemon, _ = killed
    with open(daemon.audit_path, encoding="utf-8") as file:
        (intent,) = [line for line in file if '"event":"intent"' in line]
    path = daemon.audit_path + ".two"
    with open(path, "w", encoding="utf-8") as file:
        for letter in "AB":
            file.write(re.sub(r'"request_id":"[^"]*"', f'"request_id":"ABCD-{letter}"', intent))
    done = daemon.cli("report", "ABCD", "--file", path)
    assert done.returncode == 1 and "several requests begin so: ABCD-A and ABCD-B" in done.stderr
    done = daemon.cli("report", "ABCD-B", "--file", path)
    assert done.returncode == 0 and "ABCD-B" in done.stdout


def test_an_interrupted_kill(killed):
    """As the next start of the daemon told it; and the other kill of that time is beside it."""
    daemon, request_id = killed
    path = daemon.audit_path + ".cut"
    with open(daemon.audit_path, encoding="utf-8") as file:
        lines = file.readlines()
    (intent,) = [line for line in lines if '"event":"intent"' in line]
    other = intent.replace(request_id, "CUT-OFF")
    with open(path, "w", encoding="utf-8") as file:
        file.write("".join([*lines, other, other.replace('"intent"', '"interrupted"')]))
    done = daemon.cli("report", "CUT-OFF", "--file", path)
    assert done.returncode == 0, done
    assert done.stdout.startswith("r-test: interrupted, the daemon ended in the middle; how many")
    assert "  reason        leak <b>bold</b> & more" in done.stdout.splitlines()
    besides = done.stdout.split("Besides:")[1]
    assert request_id in besides and '"outcome"' in besides and "CUT-OFF" not in besides


def test_a_denied_kill(server, make_daemon):
    daemon = make_daemon([server], settings={"access": [
        {"effect": "deny", "actions": ["hdm:KillInstanceAllSession"], "users": ["root"]},
        {"effect": "allow", "actions": ["*"], "users": [str(os.getuid())]}]})  # fmt: skip
    if os.geteuid() != 0:
        pytest.skip("the caller is not root")
    daemon.cli("kill", "r-test", "--all", "-y")
    wait_until(lambda: daemon.audit("denied"), "the record")
    (denied,) = daemon.audit("denied")
    done = daemon.cli("report", denied["request_id"], "--file", daemon.audit_path)
    assert done.returncode == 0 and done.stdout.startswith("r-test: denied\n")


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium")
def test_in_a_browser(killed, make_directory):
    """It complains of nothing, loads nothing, and shows the evil name as text."""
    daemon, request_id = killed
    directory = make_directory()
    page_of(daemon, request_id, directory=directory)
    done = subprocess.run(
        [CHROMIUM, "--headless=new", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr",
         "--v=0", f"--user-data-dir={directory}/profile", f"--screenshot={directory}/page.png",
         "--host-resolver-rules=MAP * ~NOTFOUND", "--dump-dom", "--virtual-time-budget=2000",
         "--window-size=1000,1400", f"file://{directory}/page.html"],
        capture_output=True, text=True, timeout=120, check=False,
        env={**os.environ, "HOME": directory},
    )  # fmt: skip
    assert "CONSOLE" not in done.stderr, done.stderr
    assert "&lt;script&gt;alert(1)" in done.stdout and EVIL not in done.stdout
