"""The text format of Prometheus 0.0.4: reads a page and holds it to the rules.

The rules are those of the format and of `promtool check metrics`: a page that passes is taken by
every scraper, and its names and units are what people expect.
"""

import math
import re
from dataclasses import dataclass, field

NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
LABEL_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
VALUE = re.compile(r"[+-]?(\d+(\.\d+)?([eE][+-]?\d+)?|Inf|NaN)")
TYPES = ("counter", "gauge", "histogram", "summary", "untyped")
ESCAPES = {"\\": "\\", '"': '"', "n": "\n"}
HISTOGRAM_SUFFIXES = ("_bucket", "_sum", "_count")

# What a unit is called that is no base unit, or no whole word.
BAD_UNITS = re.compile(
    r"_(ns|us|ms|s|sec|secs|min|mins|milliseconds|microseconds|nanoseconds|minutes|hours|days"
    r"|kb|mb|gb|kilobytes|megabytes|gigabytes|bits|percent)(_|$)"
)


class Malformed(AssertionError):
    """What is wrong, with the line."""


@dataclass
class Family:
    """A metric: its type and samples, by name and labels."""

    name: str
    kind: str
    help: str
    samples: dict = field(default_factory=dict)  # (name, ((label, value), ...)): number


class Exposition:
    """A page that was read and keeps the rules."""

    def __init__(self, text):
        self.families = {}
        self._help = {}
        self._current = None
        if text and not text.endswith("\n"):
            raise Malformed("the last line has no end")
        for line in text.split("\n")[:-1]:
            try:
                self._read_line(line)
            except AssertionError as error:
                raise Malformed(f"{error} in line {line!r}") from None
        assert set(self._help) == set(self.families), "HELP and TYPE come in pairs"
        for family in self.families.values():
            _check_family(family)

    def get(self, name, /, **labels):
        """The value of one series; KeyError when it is not there."""
        for family in self.families.values():
            for (sample, pairs), value in family.samples.items():
                if sample == name and dict(pairs) == labels:
                    return value
        raise KeyError(f"{name} {labels}")

    def label_values(self, label):
        """All that a label has anywhere on the page."""
        return {
            value
            for family in self.families.values()
            for _, pairs in family.samples
            for name, value in pairs
            if name == label
        }

    def _read_line(self, line):
        assert line, "empty line"
        if line.startswith("# HELP "):
            name, words = _split(line[7:])
            assert name not in self._help, f"HELP of {name} a second time"
            self._help[name] = words
        elif line.startswith("# TYPE "):
            name, kind = _split(line[7:])
            assert kind in TYPES, f"type {kind!r}"
            assert name not in self.families, f"TYPE of {name} a second time"
            assert self._help.get(name), f"{name} without HELP before TYPE"
            self._current = Family(name, kind, self._help[name])
            self.families[name] = self._current
        else:
            assert not line.startswith("#"), "unknown comment"
            self._add_sample(*_read_sample(line))

    def _add_sample(self, name, labels, value):
        family = self._current
        assert family is not None, "a sample before any TYPE"
        names = {family.name}
        if family.kind == "histogram":
            names = {family.name + suffix for suffix in HISTOGRAM_SUFFIXES}
        # All lines of a metric stand together, behind its TYPE.
        assert name in names, f"{name} among the samples of {family.name}"
        series = (name, tuple(sorted(labels)))
        assert series not in family.samples, "the series is there already"
        family.samples[series] = value


def _split(text):
    match = NAME.match(text)
    assert match and text[match.end() : match.end() + 1] == " ", "no metric name"
    return match.group(), text[match.end() + 1 :]


def _read_sample(line):
    match = NAME.match(line)
    assert match, "no metric name"
    rest = line[match.end() :]
    labels = []
    if rest.startswith("{"):
        labels, rest = _read_labels(rest[1:])
    assert rest.startswith(" "), "no blank before the value"
    assert VALUE.fullmatch(rest[1:]), f"value {rest[1:]!r}"
    return match.group(), labels, float(rest[1:])


def _read_labels(rest):
    labels = []
    while not rest.startswith("}"):
        match = LABEL_NAME.match(rest)
        assert match, "no label name"
        assert rest[match.end() : match.end() + 2] == '="', "no quoted label value"
        value, rest = _read_label_value(rest[match.end() + 2 :])
        assert match.group() not in dict(labels), f"label {match.group()} twice"
        labels.append((match.group(), value))
        assert rest[:1] in (",", "}"), "labels are not separated"
        if rest.startswith(","):
            rest = rest[1:]
    return labels, rest[1:]


def _read_label_value(rest):
    value = ""
    at = 0
    while at < len(rest) and rest[at] != '"':
        if rest[at] == "\\":
            at += 1
            assert rest[at : at + 1] in ESCAPES, "unknown escape"
            value += ESCAPES[rest[at]]
        else:
            value += rest[at]
        at += 1
    assert at < len(rest), "the label value has no end"
    return value, rest[at + 1 :]


def _check_family(family):
    name = family.name
    words = name.split("_")
    assert name == name.lower() and ":" not in name, f"{name}: not in snake_case"
    assert not BAD_UNITS.search(name), f"{name}: no base unit"
    assert not {"counter", "gauge", "histogram", "summary"} & set(words), f"{name}: names its type"
    assert family.help.endswith("."), f"{name}: HELP is a sentence"
    assert name.endswith("_total") == (family.kind == "counter"), f"{name}: _total is for counters"
    if family.kind == "histogram":
        _check_histogram(family)
        return
    assert not name.endswith(HISTOGRAM_SUFFIXES), f"{name}: a suffix of histograms"
    for (sample, labels), value in family.samples.items():
        assert not {"le", "quantile"} & set(dict(labels)), f"{sample}: a reserved label"
        assert not any(label.startswith("__") for label, _ in labels), f"{sample}: reserved label"
        if family.kind == "counter":
            assert value >= 0, f"{sample} counts down"


def _check_histogram(family):
    groups = {}
    for (sample, labels), value in family.samples.items():
        rest = tuple(pair for pair in labels if pair[0] != "le")
        group = groups.setdefault(rest, {"buckets": []})
        if sample.endswith("_bucket"):
            group["buckets"].append((float(dict(labels)["le"]), value))
        else:
            assert "le" not in dict(labels), f"{sample}: le is for buckets"
            group[sample.removeprefix(family.name)] = value
    for labels, group in groups.items():
        where = f"{family.name} {labels}"
        bounds = [bound for bound, _ in group["buckets"]]
        counts = [count for _, count in group["buckets"]]
        assert bounds == sorted(bounds) and bounds[-1:] == [math.inf], f"{where}: bounds"
        assert counts == sorted(counts), f"{where}: buckets are cumulative"
        assert counts[-1] == group["_count"], f"{where}: the last bucket is the count"
        assert group["_sum"] >= 0 and (group["_sum"] > 0) == (counts[-1] > 0), f"{where}: sum"
