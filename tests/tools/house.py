#!/usr/bin/python3
"""What keeps src/ a house whose rooms explain themselves; see house.sh."""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
SRC = ROOT / "src"

# What each layer may include, besides itself.
LAYERS = {
    "base": set(),
    "model": {"base"},
    "host": {"base", "model"},
    "redis": {"base", "model", "host"},
    "record": {"base", "model"},
    "kill": {"base", "model", "host", "redis", "record"},
    "lease": {"base", "model", "host", "redis", "record", "kill"},
    "guard": {"base", "model", "host", "redis", "record", "kill"},
    "control": {"base", "model", "host", "redis", "record", "kill", "lease", "guard"},
    "config": {"base", "model", "host", "redis", "record", "kill", "lease", "guard", "control"},
    "daemon": {"base", "model", "host", "redis", "record", "kill", "lease", "guard", "control", "config"},
    "cli": {"base", "model", "record"},
}
# The one header that both programs read.
CONTRACT = "control/names.h"

# Words that were once coined here and have given way to those of src/README.md.
RETIRED = re.compile(
    r"(?<![a-z])(salvo|shots?|roster|errand|census|witness|respawn|succession|nature|spokesman"
    r"|moments?|waves?)(?![a-z])"
)

MOST_LINES = 450
WARNED_LINES = 400
MOST_FUNCTION_LINES = 40

INCLUDE = re.compile(r'^#include "([a-z0-9_]+)/([a-z0-9_./]+)"', re.MULTILINE)
FUNCTION = re.compile(r"^(?!static\b|typedef\b|struct \w+ \{)[a-z][^;{}()=]*?\b(\w+)\([^;{}]*\)\s*\n\{", re.MULTILINE)
ANY_FUNCTION = re.compile(r"^[a-z][^;{}()=]*?\b(\w+)\([^;{}]*\)\s*\n\{\n(.*?)^\}", re.MULTILINE | re.DOTALL)


def code_of(text):
    """Without comments and texts."""
    text = re.sub(r"/\*.*?\*/", " ", text, flags=re.DOTALL)
    return re.sub(r'"(?:[^"\\\n]|\\.)*"', '""', text)


def layer_of(path):
    return path.relative_to(SRC).parts[0]


def wrong_includes(path, text):
    layer = layer_of(path)
    for folder, name in INCLUDE.findall(text):
        included = f"{folder}/{name}"
        if folder != layer and folder in LAYERS and folder not in LAYERS[layer] and included != CONTRACT:
            yield f"{path.relative_to(ROOT)} includes {included}, which is not below {layer}/"


def retired_words(path, code):
    """In names only; what a comment says in passing is no term."""
    names = {path.stem, *re.findall(r"\b[A-Za-z_]\w+", code)}
    for name in sorted(names):
        if RETIRED.search(name.lower().replace("_", " ")):
            yield f"{path.relative_to(ROOT)}: the name {name} has a word that was retired"


def circles(files):
    """Sets of files of a folder that call each other."""
    homes = {}
    for path, text in files.items():
        for name in FUNCTION.findall(text):
            homes.setdefault(name, path)
    calls = {path: set() for path in files}
    for path, text in files.items():
        for name in set(re.findall(r"\b[a-z]\w+\b", text)):
            home = homes.get(name)
            if home is not None and home != path and home.parent == path.parent:
                calls[path].add(home)
    return strongly_connected(calls)


def strongly_connected(graph):
    index, low, stack, found = {}, {}, [], []

    def visit(node):
        index[node] = low[node] = len(index)
        stack.append(node)
        for other in graph[node]:
            if other not in index:
                visit(other)
                low[node] = min(low[node], low[other])
            elif other in stack:
                low[node] = min(low[node], index[other])
        if low[node] == index[node]:
            members = []
            while True:
                members.append(stack.pop())
                if members[-1] == node:
                    break
            if len(members) > 1:
                found.append(sorted(members))

    sys.setrecursionlimit(10000)
    for node in graph:
        if node not in index:
            visit(node)
    return found


def main():
    texts = {path: path.read_text() for path in sorted(SRC.rglob("*.[ch]"))}
    sources = {path: code_of(text) for path, text in texts.items() if path.suffix == ".c"}
    mistakes = [line for path, text in texts.items() for line in wrong_includes(path, text)]
    codes = {path: code_of(text) for path, text in texts.items()}
    mistakes += [line for path, code in codes.items() for line in retired_words(path, code)]
    lengths = {path: text.count("\n") for path, text in texts.items()}
    warnings = []
    for path, n in lengths.items():
        if n > MOST_LINES:
            mistakes.append(f"{path.relative_to(ROOT)} has {n} lines, more than {MOST_LINES}")
        elif n > WARNED_LINES:
            warnings.append(f"{path.relative_to(ROOT)} has {n} lines")
    n_functions = 0
    for path, text in sources.items():
        for name, body in ANY_FUNCTION.findall(text):
            n_functions += 1
            if (n := body.count("\n")) > MOST_FUNCTION_LINES:
                mistakes.append(f"{name}() of {path.relative_to(ROOT)} has {n} lines")
    for members in circles(sources):
        names = " ".join(path.stem for path in members)
        mistakes.append(f"{members[0].parent.relative_to(ROOT)}: in a circle: {names}")
    for line in warnings:
        print(f"warning: {line}")
    for line in mistakes:
        print(line)
    print(
        f"{sum(lengths.values())} lines in {len(lengths)} files, {n_functions} functions; "
        f"{len(mistakes)} mistakes"
    )
    return 1 if mistakes else 0


if __name__ == "__main__":
    sys.exit(main())
