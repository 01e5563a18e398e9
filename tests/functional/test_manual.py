"""The manual says all that there is, and nothing else: options, keys, routes, statuses, limits.

Tables of the sources come from the `tables` program, options from the programs' own help. What a
daemon answers is in test_manual_answers.py.
"""

import re
import shlex
import subprocess

import pytest

from harness import least_user, programs
from harness.cli import environment
from harness.manual import API, CLIENT, CONFIG, DAEMON, DAS, DIRECTORY, NATIVE, PAGES, Page, hold

# The pages


def test_pages():
    """Each is known to the tests, installed, and refers to all others at its end."""
    assert sorted(PAGES) == sorted(path.name for path in DIRECTORY.glob("*.[1-8]"))
    installed = (DIRECTORY / "meson.build").read_text(encoding="utf-8")
    for name in PAGES:
        assert f"'{name}'" in installed
        lines = Page(name).part("SEE ALSO").lines
        referred = [f"{line.split()[1]}.{line.split()[2]}" for line in lines]
        assert sorted(referred) == sorted(set(PAGES) - {name}), f"man/{name}, SEE ALSO"


@pytest.mark.parametrize("name", PAGES)
def test_width(name):
    """In bytes, but for what is only said to who changes the page."""
    lines = Page(name).text.splitlines()
    assert [line for line in lines if len(line.encode()) > 80 and not line.startswith('.\\"')] == []


@pytest.mark.parametrize("name", PAGES)
def test_references(name):
    page = Page(name)
    for reference in page.references():
        assert (DIRECTORY / reference).exists(), f"man/{name} refers to {reference}"
    for title in re.findall(r"^\.Sx (.+?)(?: [.,;])?$", page.text, re.M):
        titles = [titles[-1] for titles in page.parts]
        assert title in titles, f"man/{name} refers to a section {title}"


def test_variables():
    """Whatever the sources read of the environment is in a page."""
    read = set()
    for path in (programs.ROOT / "src").rglob("*.c"):
        source = path.read_text(encoding="utf-8")
        read |= {
            (CLIENT if "cli" in path.parts else DAEMON, name)
            for name in re.findall(r'\b(?:getenv|is_set)\("([A-Z_]+)"\)', source)
        }
    assert len(read) >= 6
    # By libsystemd.
    read |= {(DAEMON, name) for name in ("LISTEN_FDS", "NOTIFY_SOCKET", "WATCHDOG_USEC")}
    for page in (CLIENT, DAEMON):
        hold(
            page, "ENVIRONMENT", Page(page).part("ENVIRONMENT").named("Ev"),
            sorted(name for where, name in read if where == page),
            ".It Ev {}\nWhat it does.".format,
        )  # fmt: skip


# Programs


def help_of(program, *arguments):
    done = subprocess.run(
        [program, *arguments, "--help"],
        capture_output=True, text=True, env=environment(), check=True,
    )  # fmt: skip
    return done.stdout


def options_in(text):
    """{"--socket": "PATH", "--json": None}"""
    lines = re.findall(r"^  (?:-\w, |    )(--[a-z-]+)(?: ([A-Z]+))? ", text, re.M)
    return {name: value or None for name, value in lines}


def option_block(name, value):
    return f".It Fl Fl {name[2:]}{f' Ar {value.lower()}' if value else ''}\nWhat it does."


def hold_options(page, where, documented, existing):
    hold(page, where, documented, existing, lambda name: option_block(name, existing[name]))
    assert documented == existing, f"man/{page}, {where}: values are called otherwise in --help"


def test_options_of_the_daemon():
    existing = options_in(help_of(programs.SESSKILLD))
    assert len(existing) >= 5
    hold_options(DAEMON, "OPTIONS", Page(DAEMON).part("OPTIONS").options(), existing)


def test_commands_and_their_options():
    page = Page(CLIENT)
    text = help_of(programs.SESSKILL)
    common = options_in(text)
    names = re.findall(r"^  ([a-z-]+)  ", text.split("Commands:")[1].split("\n\n")[0], re.M)
    assert len(names) >= 6
    commands = {}
    for name in names:
        options = options_in(help_of(programs.SESSKILL, name))
        commands[name] = {key: value for key, value in options.items() if key not in common}

    def block(name):
        items = [option_block(*option) for option in commands[name].items()]
        options = [".Bl -tag -width Ds", *items, ".El"] if items else []
        return "\n".join([f".Ss {name}", f".Nm Ic {name}", ".Pp", "What it does.", *options])

    hold(CLIENT, "COMMANDS", page.titles_in("COMMANDS"), commands, block)
    hold_options(CLIENT, "OPTIONS", page.part("OPTIONS").options(), common)
    for name, options in commands.items():
        hold_options(CLIENT, f"COMMANDS, {name}", page.part("COMMANDS", name).options(), options)


def test_exit_statuses():
    source = (programs.ROOT / "src/cli/cli.h").read_text(encoding="utf-8")
    existing = re.findall(r"\bSTATUS_[A-Z]+ = (\d+)", source)
    assert len(existing) >= 6
    documented = [item.words[0] for item in Page(CLIENT).part("EXIT STATUS").items]
    hold(CLIENT, "EXIT STATUS", documented, existing, ".It {}\nWhat it means.".format)


def test_exit_statuses_of_the_daemon():
    source = (programs.ROOT / "src/daemon/main.c").read_text(encoding="utf-8")
    numbers = {"EXIT_SUCCESS": "0", "EXIT_FAILURE": "1"}
    numbers |= dict(re.findall(r"#define (EXIT_\w+) (\d+)", source))
    existing = {numbers[name] for name in re.findall(r"\bEXIT_\w+", source)}
    documented = [item.words[0] for item in Page(DAEMON).part("EXIT STATUS").items]
    hold(DAEMON, "EXIT STATUS", documented, existing, ".It {}\nWhat it means.".format)


def test_signals():
    source = (programs.ROOT / "src/daemon/daemon.c").read_text(encoding="utf-8")
    existing = re.findall(r"watch_signal\(daemon, (SIG[A-Z]+)", source)
    assert len(existing) >= 3
    documented = Page(DAEMON).part("SIGNALS").named("Dv")
    hold(DAEMON, "SIGNALS", documented, existing, ".It Dv {}\nWhat it does.".format)


def test_account_of_the_daemon():
    """The one of servers of today is in both pages."""
    shown = Page(DAEMON).the_literal("# Redis 7.0 and later").replace("\\\n", " ")
    command = next(line for line in shown.splitlines() if "ACL SETUSER" in line)
    words = [f">{least_user.PASSWORD}" if word == ">PASSWORD" else word for word in shlex.split(command)]
    assert [" ".join(words[1:])] == least_user.commands("7.0.15")


# The configuration


def facts_of(key):
    """As they stand in parentheses."""
    text = key["type"]
    if key["most"] is not None:
        text += f", {key['least']} to {key['most']}" if key["least"] else f", up to {key['most']}"
    facts = [text]
    if key["is_required"]:
        facts.append("required")
    if key["preset"] is not None:
        facts.append(f"default {key['preset']}")
    if not key["is_reloadable"] and not key["is_section"]:
        facts.append("takes a restart")
    return "; ".join(facts)


def test_keys(tables):
    page = Page(CONFIG)
    documented = {}
    for title in page.titles_in("KEYS"):
        documented |= page.part("KEYS", title).named("Ic")
    existing = {key["path"]: key for key in tables["keys"]}
    assert len(existing) > 20

    def block(path):
        key = existing[path]
        return f".It Ic {path}\n({facts_of(key)})\n{key['help']}."

    hold(CONFIG, "KEYS", documented, existing, block)
    for path, key in existing.items():
        assert documented[path].facts == facts_of(key), f"man/{CONFIG}, KEYS, {path}"


def test_examples_of_the_configuration(make_directory):
    """They are taken, but for what this host does not have."""
    examples = Page(CONFIG).examples()
    assert len(examples) >= 2
    for number, example in enumerate(examples):
        path = f"{make_directory()}/{number}.yaml"
        with open(path, "w", encoding="utf-8") as file:
            file.write(example)
        done = subprocess.run(
            [programs.SESSKILLD, *programs.CHECK, "-c", path],
            capture_output=True, text=True, env=programs.environment(), check=False,
        )  # fmt: skip
        for line in done.stderr.splitlines():
            assert "of this host" in line or "cannot be read" in line, line


# The API, by the tables


def test_routes(tables):
    page = Page(API)
    native, das = {}, {}
    for route in tables["routes"]:
        if route["das_action"] is not None:
            das[route["das_action"]] = route
        else:
            what = "{request_id}" if "kills" in route["path"] else "{id}"
            native[f"{route['method']} {route['path'].replace('*', what)}"] = route
    assert len(native) >= 9 and len(das) >= 5
    answers = ("The report", "Events of a kill", "Errors", "DAS errors")
    for section, existing in ((NATIVE, native), (DAS, das)):
        titles = [title for title in page.titles_in(section) if title not in answers]
        hold(API, section, titles, existing, ".Ss {}".format)
        for title, route in existing.items():
            text = "\n".join(page.part(section, title).lines)
            named = set(re.findall(r"^\.Sy ((?:hdm|sesskill):\w+)", text, re.M))
            actions = {route["action"], route["selective_action"]} - {None}
            assert named == actions, f"man/{API}, {title}: the action is one .Sy"


@pytest.mark.parametrize(
    ("title", "table"),
    [
        ("GET /v1/instances/{id}/sessions", "sessions_parameters"),
        ("GET /v1/instances/{id}/history", "history_parameters"),
        ("POST /v1/instances/{id}/kill", "kill_parameters"),
    ],
)
def test_parameters(tables, title, table):
    documented = Page(API).part(NATIVE, title).named("Cm")
    assert len(tables[table]) >= (1 if "history" in table else 5)
    hold(API, title, documented, tables[table])


# Where the actions of the DAS family read their parameters; those for all are in das/das.c.
DAS_READERS = {
    "KillInstanceAllSession": None,
    "GetRedisAllSession": None,
    "CreateKillInstanceSessionTask": "das/das_task_params.c",
    "CreateKillInstanceSessionTaskWithMaintainUser": "das/das_task_params.c",
    "GetKillInstanceSessionTaskResult": "das/das_task.c",
}


def read_by(name):
    source = (programs.ROOT / "src/control" / name).read_text(encoding="utf-8")
    return set(re.findall(r'\bparams, "([A-Z][A-Za-z]+)"', source))


def test_parameters_of_the_das_family():
    """Their names stand where they are read."""
    page = Page(API)
    common = {"Action", "Version"}
    assert common <= read_by("routes.c") | read_by("das/das.c")
    assert common == set(re.findall(r"^\.Cm ([A-Z]\w+)", "\n".join(page.part(DAS).lines), re.M))
    hold(API, DAS, page.titles_in(DAS), [*DAS_READERS, "DAS errors"], ".Ss {}".format)
    for title, reader in DAS_READERS.items():
        existing = read_by("das/das.c") | (read_by(reader) if reader else set())
        documented = page.part(DAS, title).named("Cm")
        hold(API, title, documented, sorted(existing - common))


def test_error_codes(tables):
    documented = {item.words[2]: item.words[0] for item in Page(API).part("ERROR CODES").items}
    existing = {code: str(status) for code, status in tables["errors"].items()}
    hold(
        API, "ERROR CODES", documented, existing,
        lambda code: f".It {existing[code]} Cm {code}\nWhen.",
    )  # fmt: skip
    assert documented == existing


def test_fields_of_sessions(tables):
    documented = Page(API).part("SELECTORS", "Fields").named("Cm")
    existing = tables["fields"]
    hold(
        API, "SELECTORS, Fields", documented, existing,
        lambda field: f".It Cm {field}\n({existing[field]}) What it is.",
    )  # fmt: skip
    assert {field: item.facts for field, item in documented.items()} == existing
    kinds = [" ".join(item.words) for item in Page(API).part("SELECTORS").items]
    hold(API, "SELECTORS", kinds, set(existing.values()), ".It {}".format)


def test_words_of_answers(tables):
    """Words that come out of a table: those of the item are these."""
    page = Page(API)
    instance = page.part(NATIVE, "GET /v1/instances/{id}").named("Va")
    report = page.part(NATIVE, "The report").named("Va")
    for item, table in (
        (instance["nodes[].capabilities[]"], "capabilities"),
        (instance["nodes[].missing_permissions[]"], "permissions"),
        (report["state"], "states"),
    ):
        assert len(tables[table]) >= 6
        hold(API, item.words[1], item.words_in_text(), tables[table], ".Cm {}".format)


def test_counts_of_a_report():
    """They are those that a report has in total as well as for each node."""
    names = [item.names("Va") for item in Page(API).part(NATIVE, "The report").items]
    existing = [pair[0] for pair in names if pair[1:] == [f"nodes[].{pair[0]}"]]
    assert len(existing) >= 8
    documented = Page(CLIENT).part("COMMANDS", "kill").named("Va")
    hold(CLIENT, "COMMANDS, kill", documented, existing, ".It Va {}\nWhat it counts.".format)


def test_limits(tables):
    documented = {" ".join(item.words): item.facts for item in Page(API).part("LIMITS").items}
    existing = {name: str(most) for name, most in tables["limits"].items()}
    hold(API, "LIMITS", documented, existing, lambda name: f".It {name}\n({existing[name]})")
    assert documented == existing
