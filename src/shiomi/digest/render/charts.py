"""Draw small SVG charts that contain no script and no text.

The axes have no labels, because the caption of a chart states the numbers. Programs that show no
pictures (lynx, a screen reader) get `description` instead.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

__all__ = ["Series", "bar", "lines_over_time", "weekly_bars"]

_WIDTH, _HEIGHT = 640, 120
_PAD = 6
_LONGEST_SERIES = 160  # points drawn per line; more would not be visible


@dataclass(frozen=True, slots=True)
class Series:
    """One line of a chart: (unix seconds, count), oldest first."""

    points: tuple[tuple[int, int], ...]


def lines_over_time(series: Sequence[Series], label: str, description: str) -> Markup:
    """Draw counts over time, one line per series. The lines share both axes.

    The n-th line has the CSS class `line-n` (n from 0 to 5), which sets its colour and dashes.
    Raises ValueError if there is nothing to draw.
    """
    drawn = [one for one in series if len(one.points) > 1]
    if not drawn:
        raise ValueError("no series has two points; there is no line to draw")
    times = [time for one in drawn for time, _ in one.points]
    start, end = min(times), max(times)
    top = max(1, max(count for one in drawn for _, count in one.points))

    def place(time: int, count: int) -> str:
        x = _PAD + (_WIDTH - 2 * _PAD) * (time - start) / max(1, end - start)
        y = _HEIGHT - _PAD - (_HEIGHT - 2 * _PAD) * count / top
        return f"{x:.1f},{y:.1f}"

    base = _HEIGHT - _PAD
    shapes = [Markup('<path class="axis" d="M{} {}H{}"/>').format(_PAD, base, _WIDTH - _PAD)]
    for index, one in enumerate(series):
        if len(one.points) < 2:
            continue
        path = " ".join(place(*point) for point in _thinned(one.points))
        x, _, y = place(*one.points[-1]).partition(",")
        shapes.append(
            Markup('<polyline class="line line-{0}" points="{1}"/>').format(min(index, 5), path)
            + Markup('<circle class="dot line-{0}" cx="{1}" cy="{2}" r="4"/>').format(
                min(index, 5), x, y
            )
        )
    return _svg("lines", _WIDTH, _HEIGHT, label, description, shapes)


def weekly_bars(counts: Sequence[int], label: str, description: str) -> Markup:
    """Draw a sparkline of counts per week, oldest first; this week's bar, the last one, is
    highlighted."""
    step, height = 14, 36
    top = max(1, *counts) if counts else 1
    shapes = []
    for index, count in enumerate(counts):
        size = max(1.0, (height - 2) * count / top) if count else 1.0
        kind = "now" if index == len(counts) - 1 else "past"
        shapes.append(
            Markup('<rect class="{}" x="{}" y="{}" width="{}" height="{}"/>').format(
                kind, index * step, f"{height - size:.1f}", step - 4, f"{size:.1f}"
            )
        )
    return _svg("weeks", max(1, step * len(counts) - 4), height, label, description, shapes)


def bar(count: int, top: int) -> Markup:
    """Draw a bar for one row of a table. A `count` of `top` has the full width.

    It starts at the right edge, below the number. Screen readers skip it and read the number.
    """
    width = min(100.0, max(0.0, 100 * count / top)) if top > 0 else 0.0
    return Markup(
        '<svg class="bar" viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true"'
        ' focusable="false"><rect x="{}" y="0" width="{}" height="6"/></svg>'
    ).format(f"{100 - width:.1f}", f"{width:.1f}")


def _thinned(points: tuple[tuple[int, int], ...]) -> list[tuple[int, int]]:
    """Return about _LONGEST_SERIES points at most; the first and the last are always kept."""
    step = -(-len(points) // _LONGEST_SERIES)
    return [*points[:-1:step], points[-1]]


def _svg(
    name: str, width: int, height: int, label: str, description: str, shapes: Sequence[Markup]
) -> Markup:
    # No <title>: lynx would show it as the title of the page.
    return Markup(
        '<svg class="chart {0}" viewBox="0 0 {1} {2}" role="img" aria-label="{3}"'
        ' preserveAspectRatio="none"><desc>{4}</desc>{5}</svg>'
    ).format(name, width, height, label, description, Markup("").join(shapes))
