"""Draw plots as inline SVG without scripts. The page sets the size and the colours of the plots.

Every plotting function returns a complete <svg> with a description for readers who cannot see it.
Coordinates are in a box of WIDTH x HEIGHT units, which the page scales to the width of a column.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

__all__ = ["Series", "figure", "histogram", "line_plot", "quantile_plot"]

WIDTH, HEIGHT = 480, 280
_LEFT, _RIGHT, _TOP, _BOTTOM = 68, 14, 14, 46
_TICKS = 5
_BINS, _SPAN = 32, 4.0  # bars of a histogram, and the range -4 to 4 that it covers
_LEAST = 1e-9  # share of the largest value; a logarithmic scale shows nothing smaller

Points = Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Series:
    """A named line. Points that are not finite, or near 0 on a log scale, are left out."""

    name: str
    points: Points


@dataclass(frozen=True, slots=True)
class _Scale:
    """Convert values of one axis to units of the box."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def __call__(self, value: float) -> float:
        low, high = self.low, self.high
        if self.log:
            value, low, high = math.log10(value), math.log10(low), math.log10(high)
        share = (value - low) / (high - low)
        return self.start + (self.end - self.start) * share

    def ticks(self) -> list[float]:
        if self.log:
            least, most = math.ceil(math.log10(self.low)), math.floor(math.log10(self.high))
            apart = max(1, math.ceil((most - least) / _TICKS))
            powers = [10.0**power for power in range(least, most + 1, apart)]
            return powers if len(powers) > 1 else [self.low, self.high]
        step = _round_step((self.high - self.low) / _TICKS)
        first = math.ceil(self.low / step - 1e-9)
        return [step * i for i in range(first, math.floor(self.high / step + 1e-9) + 1)]


def figure(value: float) -> str:
    """Format a number for readers: three or four digits, and an exponent only if necessary."""
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    if abs(value) >= 10_000:
        return f"{value:,.0f}" if abs(value) < 1e7 else f"{value:.2g}"
    return f"{value:.4g}" if abs(value) >= 1e-3 else f"{value:.1e}".replace("e-0", "e-")


def line_plot(
    series: Sequence[Series],
    *,
    label: str,
    x_label: str,
    log_y: bool = False,
    reference: float | None = None,
) -> Markup:
    """Return a plot of lines over a common x axis. `reference` is drawn as a horizontal dashed
    line."""
    drawn = [Series(one.name, _drawable(one.points, log_y)) for one in series]
    drawn = [one for one in drawn if one.points]
    if not drawn:
        return Markup("")
    xs = [x for one in drawn for x, _ in one.points]
    ys = [y for one in drawn for _, y in one.points]
    if reference is not None and (reference > 0 or not log_y):
        ys.append(reference)
    x = _Scale(*_padded(min(xs), max(xs), 0.0), _LEFT, WIDTH - _RIGHT)
    bounds = _log_bounds(ys) if log_y else _padded(min(ys), max(ys), 0.06)
    y = _Scale(*bounds, HEIGHT - _BOTTOM, _TOP, log=log_y)
    parts = [_axes(x, y, x_label)]
    if reference is not None:
        parts.append(
            Markup('<line class="reference" x1="{}" x2="{}" y1="{y}" y2="{y}"/>').format(
                _LEFT, WIDTH - _RIGHT, y=_unit(y(reference))
            )
        )
    for at, one in enumerate(drawn):
        path = " ".join(f"{_unit(x(u))},{_unit(y(v))}" for u, v in one.points)
        parts.append(Markup('<polyline class="line c{}" points="{}"/>').format(at, path))
        if len(one.points) == 1:
            u, v = one.points[0]
            parts.append(
                Markup('<circle class="dot c{}" cx="{}" cy="{}" r="4"/>').format(
                    at, _unit(x(u)), _unit(y(v))
                )
            )
    return _svg(label, parts)


def histogram(values: Sequence[float], *, label: str, density: Callable[[float], float]) -> Markup:
    """Return a plot of the density of `values` within +-4 as bars, with `density` as a line.

    Values outside this range are counted in the outermost bars.
    """
    span = _SPAN
    counts = [0] * _BINS
    width = 2 * span / _BINS
    for value in values:
        counts[min(_BINS - 1, max(0, int((value + span) / width)))] += 1
    heights = [count / (len(values) * width) for count in counts]
    curve = [-span + 2 * span * i / 80 for i in range(81)]
    top = max(*heights, *map(density, curve)) * 1.05
    x = _Scale(-span, span, _LEFT, WIDTH - _RIGHT)
    y = _Scale(0, top, HEIGHT - _BOTTOM, _TOP)
    parts = [_axes(x, y, "projection")]
    for at, height in enumerate(heights):
        left, right = x(-span + at * width), x(-span + (at + 1) * width)
        parts.append(
            Markup('<rect class="bar" x="{}" y="{}" width="{}" height="{}"/>').format(
                _unit(left),
                _unit(y(height)),
                _unit(right - left - 1),
                _unit(y(0) - y(height)),
            )
        )
    path = " ".join(f"{_unit(x(u))},{_unit(y(density(u)))}" for u in curve)
    parts.append(Markup('<polyline class="line c1" points="{}"/>').format(path))
    return _svg(label, parts)


def quantile_plot(points: Points, *, label: str) -> Markup:
    """Return a plot of quantiles against the quantiles of N(0, 1), with the identity line."""
    span = _SPAN
    x = _Scale(-span, span, _LEFT, WIDTH - _RIGHT)
    y = _Scale(-span, span, HEIGHT - _BOTTOM, _TOP)
    parts = [
        _axes(x, y, "quantile of N(0, 1)"),
        Markup('<line class="reference" x1="{}" y1="{}" x2="{}" y2="{}"/>').format(
            _unit(x(-span)), _unit(y(-span)), _unit(x(span)), _unit(y(span))
        ),
    ]
    for u, v in points:
        held = min(span, max(-span, v))
        parts.append(
            Markup('<circle class="dot c0" cx="{}" cy="{}" r="3.4"/>').format(
                _unit(x(u)), _unit(y(held))
            )
        )
    return _svg(label, parts)


def _svg(label: str, parts: Sequence[Markup]) -> Markup:
    return Markup('<svg role="img" aria-label="{}" viewBox="0 0 {} {}">{}</svg>').format(
        label, WIDTH, HEIGHT, Markup("").join(parts)
    )


def _axes(x: _Scale, y: _Scale, x_label: str) -> Markup:
    parts = []
    for value in y.ticks():
        at = _unit(y(value))
        parts.append(
            Markup('<line class="grid" x1="{}" x2="{}" y1="{}" y2="{}"/>').format(
                _LEFT, WIDTH - _RIGHT, at, at
            )
            + Markup('<text class="tick" x="{}" y="{}" text-anchor="end">{}</text>').format(
                _LEFT - 8, _unit(y(value) + 5), figure(round(value, 10))
            )
        )
    parts += [
        Markup('<text class="tick" x="{}" y="{}" text-anchor="middle">{}</text>').format(
            _unit(min(x(value), WIDTH - _RIGHT - 12)),
            HEIGHT - _BOTTOM + 20,
            figure(round(value, 10)),
        )
        for value in x.ticks()
    ]
    parts.append(
        Markup('<text class="label" x="{}" y="{}" text-anchor="middle">{}</text>').format(
            (_LEFT + WIDTH - _RIGHT) // 2, HEIGHT - 6, x_label
        )
    )
    return Markup("").join(parts)


def _drawable(points: Points, log: bool) -> list[tuple[float, float]]:
    finite = [(x, y) for x, y in points if math.isfinite(x) and math.isfinite(y)]
    if not log:
        return finite
    # Otherwise the numerical zeros of a spectrum would take up most of the plot.
    least = max((y for _, y in finite), default=0.0) * _LEAST
    return [(x, y) for x, y in finite if y > least]


def _padded(low: float, high: float, share: float) -> tuple[float, float]:
    if low == high:
        room = abs(low) * 0.1 or 1.0
        return low - room, high + room
    room = (high - low) * share
    # A scale begins at 0 if the smallest value is near 0. It begins below 0 only for negative
    # values.
    return (0.0 if 0 <= low < (high - low) else low - room), high + room


def _log_bounds(values: Sequence[float]) -> tuple[float, float]:
    return min(values) / 1.3, max(values) * 1.3


def _round_step(step: float) -> float:
    power = 10.0 ** math.floor(math.log10(step))
    return float(next(m * power for m in (1, 2, 2.5, 5, 10) if m * power >= step * 0.999))


def _unit(value: float) -> str:
    return f"{value:.1f}"
