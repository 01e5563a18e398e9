"""Completion in bash and zsh: what the program's help and a fake daemon make of half a line."""

import json
import os
import shutil
import subprocess

import pytest

from harness import programs
from harness.cli import environment
from harness.fake_daemon import REQUEST_ID, Answer
from harness.terminal import Terminal

SCRIPTS = programs.ROOT / "src/cli/completion"
TIMEOUT_S = 60

NODE = {"address": "10.0.0.1:6379", "role": "master", "run_id": "f" * 40, "own_id": 7,
        "last_error": 'it said "id":"trap"'}  # fmt: skip
INSTANCES = {"instances": [{"id": "orders", "nodes": [NODE]}, {"id": "r-8vb", "nodes": [NODE]}]}
KILLS = {"kills": [{"request_id": REQUEST_ID, "instance": "orders"}]}


def compact(answer):
    """As the daemon writes JSON."""
    return Answer(200, json.dumps(answer, separators=(",", ":")).encode())


@pytest.fixture
def fake_with_answers(fake):
    fake.on("GET", "/v1/instances", compact(INSTANCES))
    for instance in INSTANCES["instances"]:
        fake.on("GET", f"/v1/instances/{instance['id']}", compact(instance))
    fake.on("GET", "/v1/kills", compact(KILLS))
    return fake


def shell_environment(socket):
    path = f"{programs.SESSKILL.parent}:{programs.SESSKILLD.parent}:{os.environ['PATH']}"
    return environment(PATH=path, SESSKILL_SOCKET=socket, PS1="$ ", HISTFILE="")


def complete_in_bash(socket, *words, program="sesskill", directory=None, **env):
    """What is offered for the last word, as readline would have split the line."""
    script = f"""
        source {SCRIPTS / "sesskill.bash"}
        COMP_WORDS=({program} "$@")
        COMP_CWORD=$#
        _{program} {program} "${{!#}}" "${{COMP_WORDS[COMP_CWORD - 1]}}"
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    done = subprocess.run(
        ["bash", "--norc", "-u", "-c", script, "bash", *words],
        env={**shell_environment(socket), **env}, capture_output=True, text=True, timeout=TIMEOUT_S,
        check=False, cwd=directory,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, ""), done
    return done.stdout.split()


BASH_CASES = [
    (["in"], ["instances"]),
    (["ki"], ["kill", "kills"]),
    (["--j", "li"], ["list"]),
    (["--s"], ["--socket"]),
    (["kill", ""], ["orders", "r-8vb"]),
    (["list", "o"], ["orders"]),
    (["list", "orders", ""], []),
    (["list", "orders", "--gr"], ["--group-by"]),
    (["list", "orders", "--group-by", "lib"], ["lib", "lib-ver"]),
    (["list", "orders", "--group-by", "=", "lib-"], ["lib-ver"]),
    (["list", "orders", "--sort", "-ag"], ["-age"]),
    (["list", "orders", "--sort", "-age", "--mat"], ["--match"]),
    (["list", "--match", "user = a", ""], ["orders", "r-8vb"]),
    (["list", "--limit", "=", "5", "r"], ["r-8vb"]),
    (["kill", "orders", "--match", "us"], ["user"]),
    (["kill", "orders", "--pace", ""], ["fast", "gentle"]),
    (["kill", "orders", "--pace", "="], ["fast", "gentle"]),
    (["kill", "orders", "--node", ""], ["10.0.0.1:6379"]),
    (["kill", "orders", "--node", "10.0.0.1", ":", "63"], ["6379"]),
    (["kill", "orders", "--node", "10.0.0.2", ":", "63"], []),
    (["kill", "orders", "--node", "10.0.0.1", ":", "6379", "--dry"], ["--dry-run"]),
    (["kill", "orders", "--d"], ["--dry-run"]),
    (["kill", "--all", "r"], ["r-8vb"]),
    (["to"], ["top"]),
    (["top", "o"], ["orders"]),
    (["top", "orders", "--by", "lib"], ["lib", "lib-ver"]),
    (["kills", ""], [REQUEST_ID]),
    (["cancel", "B6"], [REQUEST_ID]),
    (["-s", "/nowhere/none.sock", "kill", ""], []),
    (["--socket", "=", "/nowhere/none.sock", "kill", ""], []),
    (["-H", "db1", "kill", ""], []),
    (["-Hdb1", "kill", ""], []),
    (["--host", "=", "db1", "cancel", ""], []),
    (["--ho"], ["--host"]),
    (["std"], ["stdio-bridge"]),
    (["audit", ""], []),
    (["frobnicate", ""], []),
]


@pytest.mark.parametrize(("words", "expected"), BASH_CASES, ids=lambda words: " ".join(words))
def test_bash(fake_with_answers, words, expected):
    assert complete_in_bash(fake_with_answers.socket_path, *words) == expected


DAEMON_CASES = [
    (["--ch"], ["--check"]),
    (["--config", "some"], ["something.yaml"]),
    (["-c", "some"], ["something.yaml"]),
]


@pytest.mark.parametrize(("words", "expected"), DAEMON_CASES, ids=lambda words: " ".join(words))
def test_bash_for_the_daemon(make_directory, words, expected):
    directory = make_directory()
    with open(f"{directory}/something.yaml", "w", encoding="utf-8"):
        pass
    offered = complete_in_bash("", *words, program="sesskilld", directory=directory)
    assert offered == expected


@pytest.mark.parametrize("option", ["-H", "--host"])
def test_bash_offers_hosts(fake, tmp_path, option):
    hosts = tmp_path / "hosts"
    hosts.write_text("10.0.0.1 db1 db2\n10.0.0.2 web1\n", encoding="utf-8")
    offered = complete_in_bash(fake.socket_path, option, "db", HOSTFILE=str(hosts))
    assert sorted(offered) == ["db1", "db2"]


def test_bash_asks_no_other_host(fake_with_answers):
    assert complete_in_bash(fake_with_answers.socket_path, "kill", "", SESSKILL_HOST="db1") == []
    assert fake_with_answers.requests == []


@pytest.mark.parametrize("option", ["-s", "--socket", "--file"])
def test_bash_offers_files(fake, make_directory, option):
    directory = make_directory()
    with open(f"{directory}/something", "w", encoding="utf-8"):
        pass
    words = ["audit", option, "some"]
    assert complete_in_bash(fake.socket_path, *words, directory=directory) == ["something"]


def test_bash_offers_every_option_of_a_command(fake):
    done = subprocess.run(
        [programs.SESSKILL, "kill", "--help"], capture_output=True, text=True, check=True
    )
    in_help = [line[6:].split()[0] for line in done.stdout.splitlines() if line[6:8] == "--"]
    assert len(in_help) > 10
    assert complete_in_bash(fake.socket_path, "kill", "--") == in_help


def test_bash_without_a_daemon(make_directory):
    assert complete_in_bash(make_directory() + "/none.sock", "kill", "") == []


@pytest.fixture
def start_shell(fake_with_answers, make_directory):
    """start_shell(argv, setup): a shell at a terminal that has read its completions."""
    terminals = []

    def start(argv, *setup):
        env = shell_environment(fake_with_answers.socket_path)
        env["HOME"] = env["ZDOTDIR"] = make_directory()
        terminal = Terminal(argv, env=env, columns=200)
        terminals.append(terminal)
        for line in setup:
            terminal.type(line + "\n")
        terminal.type("echo rea''dy\n")
        terminal.expect("ready\r\n")
        return terminal

    yield start
    for terminal in terminals:
        terminal.close()


def press_tabs_in(shell):
    shell.type("sesskill ins\t")
    shell.expect("sesskill instances ")
    shell.type("ord\t")
    shell.expect("orders ")
    shell.type("\x15sesskill kill r\t")
    shell.expect("r-8vb ")
    shell.type("--dr\t")
    shell.expect("--dry-run ")
    shell.type("--pace ge\t")
    shell.expect("gentle ")
    shell.type("--node 10.0.0.1:\t")
    shell.expect("10.0.0.1:6379 ")
    shell.type("--match 'tot\t")
    shell.expect("tot-mem")
    shell.type("\x15sesskill cancel B\t")
    shell.expect(REQUEST_ID)
    shell.type("\x15sesskilld --ch\t")
    shell.expect("--check ")


def test_bash_at_a_terminal(start_shell):
    source = f"source {SCRIPTS / 'sesskill.bash'}"
    press_tabs_in(start_shell(["bash", "--norc", "--noprofile", "-i"], source))


@pytest.mark.skipif(shutil.which("zsh") is None, reason="needs zsh")
def test_zsh_at_a_terminal(start_shell):
    setup = [
        "unset zle_bracketed_paste; PROMPT='> '; zle_highlight=(suffix:none); bindkey -e",
        f"fpath=({SCRIPTS} $fpath); autoload -U compinit; compinit -u -D",
    ]
    press_tabs_in(start_shell(["zsh", "-f", "-i"], *setup))
