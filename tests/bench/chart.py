"""The picture: time against number of sessions, one panel for each server, both axes logarithmic."""

import math

PANEL_WIDTH = 330
PANEL_HEIGHT = 300
MARGIN_LEFT = 64
MARGIN_TOP = 84
MARGIN_BOTTOM = 52
GAP = 26

# Dark and light enough to be told apart without colour, with the help of the dashes.
STYLES = {
    "sesskill": ("#0b6e4f", "", 3),
    "floor": ("#555555", "2 3", 2),
    "CLIENT KILL TYPE": ("#1f77b4", "", 1.5),
    "script --pipe": ("#e08214", "", 1.5),
    "script": ("#b2182b", "", 1.5),
    "xargs": ("#762a83", "", 1.5),
}


class Axis:
    """Values to places, logarithmically."""

    def __init__(self, low, high, begin, end):
        self._low = math.log10(low)
        self._scale = (end - begin) / (math.log10(high) - self._low)
        self._begin = begin

    def place(self, value):
        return self._begin + (math.log10(value) - self._low) * self._scale


def _powers(low, high):
    """The powers of ten around all values."""
    first = math.floor(math.log10(low))
    last = max(math.ceil(math.log10(high)), first + 1)
    return [10.0**power for power in range(first, last + 1)]


def _time_label(seconds):
    return f"{seconds:g} s" if seconds >= 1 else f"{seconds * 1e3:g} ms"


def _text(x, y, words, anchor="middle", extra=""):
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{extra}>{words}</text>'


def _line(x1, y1, x2, y2, colour):
    return f'<path d="M{x1:.1f} {y1:.1f}L{x2:.1f} {y2:.1f}" stroke="{colour}"/>'


def _curve(points, style):
    colour, dashes, width = style
    path = "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
    yield (
        f'<path d="M{path}" fill="none" stroke="{colour}" stroke-width="{width}" '
        f'stroke-dasharray="{dashes}"/>'
    )
    for x, y in points:
        yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{width + 0.5}" fill="{colour}"/>'


def _panel(label, by_size, left, ticks, with_labels):
    right, bottom = left + PANEL_WIDTH, MARGIN_TOP + PANEL_HEIGHT
    sizes = list(by_size)
    across = Axis(sizes[0], sizes[-1], left + 16, right - 22)
    up = Axis(ticks[0], ticks[-1], bottom, MARGIN_TOP)
    yield _text(left + PANEL_WIDTH / 2, MARGIN_TOP - 12, label, extra=' font-weight="bold"')
    for tick in ticks:
        yield _line(left, up.place(tick), right, up.place(tick), "#dddddd")
        if with_labels:
            yield _text(left - 8, up.place(tick) + 4, _time_label(tick), "end")
    yield _line(left, bottom, right, bottom, "#333333")
    for size in sizes:
        yield _line(across.place(size), bottom, across.place(size), bottom + 5, "#333333")
        yield _text(across.place(size), bottom + 20, f"{size:,}")
    for name, style in STYLES.items():
        points = [
            (across.place(size), up.place(sides[name].median))
            for size, sides in by_size.items()
            if name in sides
        ]
        yield from _curve(points, style)


def _legend(left):
    for number, (name, (colour, dashes, width)) in enumerate(STYLES.items()):
        x = left + number * 155
        yield (
            f'<path d="M{x} 46L{x + 26} 46" stroke="{colour}" stroke-width="{width}" '
            f'stroke-dasharray="{dashes}"/>'
        )
        yield _text(x + 32, 50, name, "start")


def render(curves):
    """`curves`: {server: {size: {side: Series}}}, in seconds."""
    medians = [
        series.median
        for by_size in curves.values()
        for sides in by_size.values()
        for series in sides.values()
    ]
    ticks = _powers(min(medians), max(medians))
    width = max(MARGIN_LEFT + len(curves) * (PANEL_WIDTH + GAP), MARGIN_LEFT + 6 * 155)
    height = MARGIN_TOP + PANEL_HEIGHT + MARGIN_BOTTOM
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'font-family="sans-serif" font-size="12">',
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
        _text(
            MARGIN_LEFT, 24, "Time to end all sessions", "start", ' font-size="16" font-weight="bold"'
        ),
        *_legend(MARGIN_LEFT),
    ]
    for number, (label, by_size) in enumerate(curves.items()):
        left = MARGIN_LEFT + number * (PANEL_WIDTH + GAP)
        parts += _panel(label, by_size, left, ticks, number == 0)
        parts.append(_text(left + PANEL_WIDTH / 2, height - 12, "sessions"))
    return "\n".join([*parts, "</svg>", ""])
