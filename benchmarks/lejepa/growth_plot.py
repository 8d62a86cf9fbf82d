"""Time over size on two logarithmic axes, as an SVG file that needs no library."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

__all__ = ["Line", "growth_plot"]

_WIDTH, _HEIGHT = 640, 400
_LEFT, _RIGHT, _TOP, _BOTTOM = 70, 30, 20, 60
_COLOURS = ("#0b6e8a", "#c2571a", "#5b4a9e", "#3f7d3a")


@dataclass(frozen=True)
class Line:
    name: str
    points: Sequence[tuple[float, float]]  # size, seconds


def growth_plot(lines: Sequence[Line]) -> str:
    """Return an SVG of the lines; a dashed one through each line's middle shows linear growth."""
    sizes = [size for line in lines for size, _ in line.points]
    times = [1e3 * seconds for line in lines for _, seconds in line.points]
    low, high = math.floor(math.log10(min(times))), math.ceil(math.log10(max(times)))
    left, right = math.log2(min(sizes)), math.log2(max(sizes))

    def place(size: float, milliseconds: float) -> tuple[float, float]:
        across = (math.log2(size) - left) / (right - left)
        up = (math.log10(milliseconds) - low) / max(1, high - low)
        x = _LEFT + across * (_WIDTH - _LEFT - _RIGHT)
        return x, _HEIGHT - _BOTTOM - up * (_HEIGHT - _TOP - _BOTTOM)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" '
        'font-family="sans-serif" font-size="12" role="img" '
        'aria-label="time of SIGReg over batch, slices and dimensions">',
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="white"/>',
    ]
    for power in range(low, high + 1):
        x, y = place(2**left, 10**power)
        parts.append(f'<path d="M{x:.0f} {y:.1f}H{_WIDTH - _RIGHT}" stroke="#ddd"/>')
        parts.append(
            f'<text x="{x - 6:.0f}" y="{y + 4:.1f}" text-anchor="end">{10**power:g} ms</text>'
        )
    for power in range(math.ceil(left), math.floor(right) + 1):
        x, y = place(2**power, 10**low)
        parts.append(f'<text x="{x:.1f}" y="{y + 18:.1f}" text-anchor="middle">{2**power}</text>')
    for number, line in enumerate(lines):
        colour = _COLOURS[number % len(_COLOURS)]
        path = " ".join(
            "{:.1f},{:.1f}".format(*place(size, 1e3 * seconds)) for size, seconds in line.points
        )
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        middle, taken = line.points[len(line.points) // 2]
        ends = [
            place(size, max(10**low, min(10**high, 1e3 * taken * size / middle)))
            for size in (line.points[0][0], line.points[-1][0])
        ]
        dashed = " ".join(f"{x:.1f},{y:.1f}" for x, y in ends)
        parts.append(
            f'<polyline points="{dashed}" fill="none" stroke="{colour}" stroke-dasharray="3 4"/>'
        )
        y = _TOP + 16 * (number + 1)
        parts.append(f'<text x="{_LEFT + 10}" y="{y}" fill="{colour}">{escape(line.name)}</text>')
    parts.append(
        f'<text x="{_LEFT + 10}" y="{_TOP + 16 * (len(lines) + 1)}" fill="#555">'
        "dashed: proportional to the size</text>"
    )
    parts.append(
        f'<text x="{(_LEFT + _WIDTH - _RIGHT) / 2}" y="{_HEIGHT - 16}" text-anchor="middle">'
        "N, K or D</text>"
    )
    return "\n".join([*parts, "</svg>\n"])
