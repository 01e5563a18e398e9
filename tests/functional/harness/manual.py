"""The manual pages as data: sections, and the items of their lists by the macro that marks them.

And the one comparison that the tests make: what is documented is all that there is, and nothing
else. To please one that fails, add the block that it shows to the page that it names.
"""

import json
import re
import subprocess
from dataclasses import dataclass, field

from harness import programs

DIRECTORY = programs.ROOT / "man"
CLIENT = "sesskill.1"
CONFIG = "sesskilld.yaml.5"
API = "sesskill-api.7"
DAEMON = "sesskilld.8"
RUNBOOK = "sesskill-runbook.7"
INTEGRATION = "sesskill-integration.7"
PAGES = [CLIENT, CONFIG, API, RUNBOOK, INTEGRATION, DAEMON]

# Sections of the API's page.
NATIVE = "THE NATIVE API"
DAS = "THE DAS-COMPATIBLE API"


@dataclass
class Item:
    """What stands behind `.It`, and the text up to the next one."""

    words: list
    lines: list = field(default_factory=list)

    @property
    def facts(self):
        """The parentheses that the text begins with, without them; "" when there are none."""
        match = re.match(r"\(([^)]*)\)", " ".join(self.lines))
        return match.group(1) if match else ""

    def names(self, macro):
        """`.It Va a , b`: a and b, when the macro is Va."""
        if self.words[0] != macro:
            return []
        return [word for word in self.words[1:] if word != ","]

    def words_in_text(self):
        """Those that stand behind `.Cm`: the values of a field."""
        lines = [line[4:] for line in self.lines if line.startswith(".Cm ")]
        return re.findall(r"[\w|-]+", " ".join(lines))


@dataclass
class Part:
    """A section or subsection without those below it."""

    items: list = field(default_factory=list)
    lines: list = field(default_factory=list)
    _is_in_list: bool = False

    def add(self, line):
        self.lines.append(line)
        if line.startswith(".It "):
            self.items.append(Item(line[4:].split()))
            self._is_in_list = True
        elif line == ".El":
            self._is_in_list = False
        elif self._is_in_list:
            self.items[-1].lines.append(line)

    def named(self, macro):
        """Items by name; one that has several is there as often."""
        return {name: item for item in self.items for name in item.names(macro)}

    def options(self):
        """`.It Fl s , Fl Fl socket Ar path`: {"--socket": "PATH"}, None without a value."""
        found = {}
        for item in self.items:
            text = " ".join(item.words)
            match = re.fullmatch(r"(?:Fl \w , )?Fl Fl ([a-z-]+)(?: Ar (\w+))?", text)
            if match:
                found["--" + match[1]] = match[2].upper() if match[2] else None
        return found


class Page:
    """man/NAME. `parts` are in their order, by (section,) or (section, subsection)."""

    def __init__(self, name):
        self.text = (DIRECTORY / name).read_text(encoding="utf-8")
        self.parts = {}
        titles = ("",)
        for line in self.text.splitlines():
            if line.startswith(".Sh "):
                titles = (line[4:],)
            elif line.startswith(".Ss "):
                titles = (titles[0], line[4:])
            elif not line.startswith('.\\"'):
                self.parts.setdefault(titles, Part()).add(line)

    def part(self, *titles):
        return self.parts[titles]

    def titles_in(self, section):
        """Of its subsections."""
        return [titles[1] for titles in self.parts if len(titles) == 2 and titles[0] == section]

    def examples(self):
        """The literal texts of EXAMPLES, as a terminal shows them."""
        return literals_in(self.text.split(".Sh EXAMPLES")[1])

    def literals(self):
        """Likewise all of the page."""
        return literals_in(self.text)

    def the_literal(self, start):
        """The one that begins so."""
        [literal] = [literal for literal in self.literals() if literal.startswith(start)]
        return literal.rstrip("\n")

    def references(self):
        """Names of the pages that it refers to by .Xr."""
        return {
            f"{name}.{number}" for name, number in re.findall(r"^\.Xr (\S+) (\d)", self.text, re.M)
        }


def literals_in(text):
    return [
        re.sub(r"^\\&", "", literal, flags=re.M)
        .replace("\\-", "-")
        .replace("\\(aq", "'")
        .replace("\\e", "\\")
        for literal in re.findall(r"^\.Bd -literal.*?\n(.*?)^\.Ed$", text, re.M | re.S)
    ]


def read_tables():
    """Those of the sources, as tests/tools/tables.c prints them."""
    done = subprocess.run(
        [programs.BUILD / "tests/tools/tables"],
        capture_output=True,
        env=programs.environment(),
        check=True,
    )
    return json.loads(done.stdout)


def hold(page, where, documented, existing, block=".It Cm {}\nWhat it is.".format):
    """Both are names; `block` makes what is to be added for one of them."""
    missing = [name for name in existing if name not in documented]
    assert not missing, (
        f"man/{page}, {where}: not there are {', '.join(missing)}. Add:\n"
        + "\n".join(block(name) for name in missing)
    )
    surplus = [name for name in documented if name not in existing]
    assert not surplus, (
        f"man/{page}, {where}: there is no {', '.join(surplus)}. Remove it, or show it to the test"
    )
