"""What README.md and src/README.md say is so. The six steps are in test_first_kill.py."""

import re
from pathlib import Path

from harness import programs, runbook
from harness.manual import PAGES, RUNBOOK, literals_in

README = Path(__file__).parents[2] / "README.md"
MOST_LINES = 200


# At a glance


def test_length():
    text = README.read_text(encoding="utf-8")
    assert text.count("\n") <= MOST_LINES
    introduction = text.split("\n\n")[1]
    assert len(introduction.splitlines()) <= 5


def test_transcript():
    """Six lines of what the runbook shows of a full server, in their order."""
    text = README.read_text(encoding="utf-8")
    shown = re.search(r"(?:^    .*\n)+", text, re.M)[0].splitlines()
    assert len(shown) == 6
    printed = literals_in(runbook.written("The connection limit is reached"))
    printed = [runbook.normalized(line) for line in "".join(printed).splitlines()]
    for line in shown:
        line = runbook.normalized(line.removeprefix("    "))
        assert line in printed, f"not in man/{RUNBOOK}, or not behind the line before: {line}"
        printed = printed[printed.index(line) + 1 :]


def test_exit_statuses():
    source = (programs.ROOT / "src/cli/cli.h").read_text(encoding="utf-8")
    existing = re.findall(r"\bSTATUS_[A-Z]+ = (\d+)", source)
    text = README.read_text(encoding="utf-8")
    assert re.findall(r"^\| (\d) \|", text, re.M) == existing


def test_pages_and_files():
    """All pages are named, and all files that are referred to are there."""
    text = README.read_text(encoding="utf-8")
    named = re.findall(r"^\| `([\w.-]+)\((\d)\)` \|", text, re.M)
    assert sorted(f"{name}.{section}" for name, section in named) == sorted(PAGES)
    files = re.findall(r"\]\(([^)#]+)\)", text) + re.findall(r"\b(?:tests|systemd|man)/[\w./-]+\w", text)
    assert len(files) > 6
    assert [name for name in files if not (programs.ROOT / name).exists() and "NAME" not in name] == []


def test_the_least_configuration_names_the_group():
    """Without it nobody but root may do anything."""
    text = README.read_text(encoding="utf-8")
    sample = (programs.ROOT / "conf/sesskilld.yaml").read_text(encoding="utf-8")
    assert "    control:\n      group: sesskill\n" in text
    assert "\n  #group: sesskill\n" in sample


# The files that it names


def sources_part(title):
    """A section of src/README.md."""
    text = (README.parent / "src/README.md").read_text(encoding="utf-8")
    return text.split(f"\n## {title}\n")[1].split("\n## ")[0]


def test_files_to_change():
    """Where somebody who extends the program is sent to."""
    names = re.findall(r"`([a-z]+/[\w./-]+)[ `]", sources_part("Working on it"))
    assert len(names) > 20
    tops = (README.parent, README.parent / "src")
    assert [name for name in names if not any((top / name).exists() for top in tops)] == []


def test_walks():
    """Four lines of file names; no way through the code comes by a file twice."""
    walks = [re.findall(r"`([\w/]+\.c)`", walk) for walk in sources_part("Four walks").split("\n\n")]
    walks = [walk for walk in walks if walk]
    assert len(walks) == 4
    for walk in walks:
        assert len(walk) == len(set(walk)) > 4
        assert [name for name in walk if not (README.parent / "src" / name).exists()] == []


def test_words_and_folders():
    """A noun a thing, and no more of them than can be kept in mind; a line for each folder."""
    rows = [line for line in sources_part("Words").splitlines() if line.startswith("| ")]
    assert 10 < len(rows) - 1 <= 25
    folders = re.findall(r"^\| `([a-z/]+)/` \|", sources_part("Layers"), re.MULTILINE)
    src = README.parent / "src"
    existing = {str(path.parent.relative_to(src)) for path in src.rglob("*.c")}
    assert set(folders) == existing
