"""Inline SVG line charts: the page's style sheet sets the colours. They contain no script.

Coordinates are in a box of `WIDTH` x `HEIGHT` units, which the page scales. `Scale`, `axes` and
`svg` are the parts for other plots with the same axes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

__all__ = [
    "BOTTOM",
    "HEIGHT",
    "LEFT",
    "RIGHT",
    "TOP",
    "WIDTH",
    "Scale",
    "Series",
    "axes",
    "line_chart",
    "plain_number",
    "svg",
]

WIDTH, HEIGHT = 480, 280
LEFT, RIGHT, TOP, BOTTOM = 68, 14, 14, 46  # margins
_TICKS = 5
_SMALLEST = 1e-9  # of the largest value; smaller ones are left out of a logarithmic axis

Points = Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Series:
    """A named line. Points that are not finite, or near 0 on a log scale, are left out."""

    name: str
    points: Points


@dataclass(frozen=True, slots=True)
class Scale:
    """Map values of one axis to units of the box: `low` to `start`, `high` to `end`."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def __call__(self, value: float) -> float:
        low, high = self.low, self.high
        if self.log:
            value, low, high = math.log10(value), math.log10(low), math.log10(high)
        return self.start + (self.end - self.start) * (value - low) / (high - low)

    def ticks(self) -> list[float]:
        """Return about five round values between `low` and `high`."""
        if self.log:
            first, last = math.ceil(math.log10(self.low)), math.floor(math.log10(self.high))
            step = max(1, math.ceil((last - first) / _TICKS))
            powers = [10.0**power for power in range(first, last + 1, step)]
            return powers if len(powers) > 1 else [self.low, self.high]
        width = _round_step((self.high - self.low) / _TICKS)
        first = math.ceil(self.low / width - 1e-9)
        return [width * i for i in range(first, math.floor(self.high / width + 1e-9) + 1)]


def plain_number(value: float) -> str:
    """Return a number with three or four digits, without an exponent if possible."""
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    if abs(value) >= 10_000:
        return f"{value:,.0f}" if abs(value) < 1e7 else f"{value:.2g}"
    return f"{value:.4g}" if abs(value) >= 1e-3 else f"{value:.1e}".replace("e-0", "e-")


def line_chart(
    series: Sequence[Series],
    *,
    label: str,
    x_label: str = "",
    log_y: bool = False,
    reference: float | None = None,
) -> Markup:
    """Return the lines over a common x axis; empty if there are no points to draw.

    Line number n has the classes `line` and `cN`; a line of one point is a circle. `reference` is a
    horizontal line with the class `reference`.
    """
    drawn = [Series(one.name, _drawable(one.points, log_y)) for one in series]
    drawn = [one for one in drawn if one.points]
    if not drawn:
        return Markup("")
    xs = [x for one in drawn for x, _ in one.points]
    ys = [y for one in drawn for _, y in one.points]
    if reference is not None and (reference > 0 or not log_y):
        ys.append(reference)
    x = Scale(*_padded(min(xs), max(xs), 0.0), LEFT, WIDTH - RIGHT)
    bounds = (min(ys) / 1.3, max(ys) * 1.3) if log_y else _padded(min(ys), max(ys), 0.06)
    y = Scale(*bounds, HEIGHT - BOTTOM, TOP, log=log_y)
    parts = [axes(x, y, x_label)]
    if reference is not None:
        parts.append(
            Markup('<line class="reference" x1="{}" x2="{}" y1="{y}" y2="{y}"/>').format(
                LEFT, WIDTH - RIGHT, y=f"{y(reference):.1f}"
            )
        )
    parts += [_line(number, one.points, x, y) for number, one in enumerate(drawn)]
    return svg(label, parts)


def svg(label: str, parts: Sequence[Markup]) -> Markup:
    """Return the <svg> element; `label` describes it to readers who do not see it."""
    return Markup('<svg role="img" aria-label="{}" viewBox="0 0 {} {}">{}</svg>').format(
        label, WIDTH, HEIGHT, Markup("").join(parts)
    )


def axes(
    x: Scale,
    y: Scale,
    x_label: str,
    *,
    x_text: Callable[[float], str] = plain_number,
    y_text: Callable[[float], str] = plain_number,
) -> Markup:
    """Return grid lines, tick texts and the label of the x axis."""
    horizontal = [
        Markup('<line class="grid" x1="{}" x2="{}" y1="{y}" y2="{y}"/>').format(
            LEFT, WIDTH - RIGHT, y=f"{y(value):.1f}"
        )
        + Markup('<text class="tick" x="{}" y="{}" text-anchor="end">{}</text>').format(
            LEFT - 8, f"{y(value) + 5:.1f}", y_text(round(value, 10))
        )
        for value in y.ticks()
    ]
    vertical = [
        Markup('<text class="tick" x="{}" y="{}" text-anchor="middle">{}</text>').format(
            f"{min(x(value), WIDTH - RIGHT - 12):.1f}",
            HEIGHT - BOTTOM + 20,
            x_text(round(value, 10)),
        )
        for value in x.ticks()
    ]
    named = Markup('<text class="label" x="{}" y="{}" text-anchor="middle">{}</text>').format(
        (LEFT + WIDTH - RIGHT) // 2, HEIGHT - 6, x_label
    )
    return Markup("").join([*horizontal, *vertical, named])


def _line(number: int, points: Points, x: Scale, y: Scale) -> Markup:
    path = " ".join(f"{x(u):.1f},{y(v):.1f}" for u, v in points)
    line = Markup('<polyline class="line c{}" points="{}"/>').format(number, path)
    if len(points) > 1:
        return line
    u, v = points[0]
    return line + Markup('<circle class="dot c{}" cx="{}" cy="{}" r="4"/>').format(
        number, f"{x(u):.1f}", f"{y(v):.1f}"
    )


def _drawable(points: Points, log: bool) -> list[tuple[float, float]]:
    finite = [(x, y) for x, y in points if math.isfinite(x) and math.isfinite(y)]
    if not log:
        return finite
    # The numerical zeros of a spectrum would take up the whole plot.
    smallest = max((y for _, y in finite), default=0.0) * _SMALLEST
    return [(x, y) for x, y in finite if y > smallest]


def _padded(low: float, high: float, share: float) -> tuple[float, float]:
    if low == high:
        room = abs(low) * 0.1 or 1.0
        return low - room, high + room
    room = (high - low) * share
    # An axis near 0 starts at 0, so that no negative value appears for positive data.
    return (0.0 if 0 <= low < (high - low) else low - room), high + room


def _round_step(step: float) -> float:
    power = 10.0 ** math.floor(math.log10(step))
    return float(next(m * power for m in (1, 2, 2.5, 5, 10) if m * power >= step * 0.999))
