"""The report's plots as inline SVG. Colours come from the page's style by class."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from html import escape

from shiomi.gate.decision import Verdict
from shiomi.gate.purpose import Purpose
from shiomi.gate.report.summary import ClientRow

__all__ = ["VERDICT_CLASSES", "requests_over_time", "traffic_by_client"]

_WIDTH = 720
_LEFT, _RIGHT, _TOP, _BOTTOM = 58, 10, 12, 30
_MOST_BARS = 120
_STEPS = (1, 2, 3, 6, 12, 24, 48, 24 * 7, 24 * 28, 24 * 365)  # hours per bar
VERDICT_CLASSES = {
    Verdict.ALLOW: "passed",
    Verdict.ANSWER: "passed",
    Verdict.CHALLENGE: "challenged",
    Verdict.LIMIT: "limited",
    Verdict.TARPIT: "refused",
    Verdict.DENY: "refused",
}


def requests_over_time(hours: Mapping[int, Counter[Purpose]], purposes: Sequence[Purpose]) -> str:
    """Return a plot of requests over time as stacked bars, one colour per purpose (class `p-NAME`).

    Parameters
    ----------
    hours
        For each Unix hour, the requests by purpose; not empty.
    purposes
        The order in a stack, from the bottom.
    """
    first, last = min(hours), max(hours)
    step = next((s for s in _STEPS if (last - first) // s < _MOST_BARS), _STEPS[-1])
    bars: dict[int, Counter[Purpose]] = {}
    for hour, counts in hours.items():
        bars.setdefault(hour // step, Counter()).update(counts)
    begin, count = first // step, last // step - first // step + 1
    top = max(bar.total() for bar in bars.values())
    height, inner = 240, 240 - _TOP - _BOTTOM
    wide = (_WIDTH - _LEFT - _RIGHT) / count
    shapes = []
    for number, bar in sorted(bars.items()):
        x = _LEFT + (number - begin) * wide
        y = float(height - _BOTTOM)
        for purpose in purposes:
            if tall := bar[purpose] / top * inner:
                y -= tall
                shapes.append(_rect(f"p-{purpose}", x, y, max(wide - 0.6, 0.6), tall))
    per = f"{step} hours" if step < 48 else f"{step // 24} days"
    per = {1: "hour", 24: "day"}.get(step, per)
    base = height - _BOTTOM
    marks = [
        f'<text class="end" x="{_LEFT - 6}" y="{_TOP + 8}">{top:,}</text>',
        f'<text class="end" x="{_LEFT - 6}" y="{base}">0</text>',
        f'<path class="axis" d="M{_LEFT} {base}H{_WIDTH - _RIGHT}"/>',
        f'<text x="{_LEFT}" y="{base + 20}">{_day(first)}</text>',
        f'<text class="end" x="{_WIDTH - _RIGHT}" y="{base + 20}">{_day(last)}</text>',
    ]
    label = f"Requests per {per} by purpose, at most {top:,}"
    return _svg(height, label, [*marks, *shapes])


def traffic_by_client(rows: Sequence[ClientRow]) -> str:
    """Return a plot with the traffic of each client as a bar, divided by verdict."""
    line = 30
    height = _TOP + line * len(rows)
    top = max(row.bytes for row in rows) or 1
    shapes = []
    for number, row in enumerate(rows):
        y = _TOP + number * line
        x = 0.0
        shapes.append(
            f'<text x="0" y="{y + 8}">{escape(row.name[:60])}, {row.bytes / 1e6:,.1f} MB</text>'
        )
        shares: Counter[str] = Counter()
        for verdict, count in row.verdicts.items():
            shares[VERDICT_CLASSES[verdict]] += count
        for name in ("passed", "challenged", "limited", "refused"):
            wide = row.bytes / top * _WIDTH * shares[name] / row.requests
            if wide:
                shapes.append(_rect(name, x, y + 12, wide, 9))
            x += wide
    return _svg(height, "Traffic by client; colours: what the policy would have done", shapes)


def _rect(name: str, x: float, y: float, width: float, height: float) -> str:
    at = f'x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}"'
    return f'<rect class="{name}" {at}/>'


def _svg(height: int, label: str, shapes: Sequence[str]) -> str:
    return (
        f'<svg viewBox="0 0 {_WIDTH} {height}" role="img" aria-label="{escape(label)}">'
        f"{''.join(shapes)}</svg>"
    )


def _day(hour: int) -> str:
    return f"{datetime.fromtimestamp(hour * 3600, UTC):%Y-%m-%d %H:%M}"
