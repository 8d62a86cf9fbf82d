"""Tables of plain text, aligned where Japanese takes two columns a character."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

__all__ = ["figure", "text_table", "text_width", "tokens_text"]

_GAP = "  "


def text_width(text: str) -> int:
    """Columns that a terminal gives the text."""
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def text_table(rows: Sequence[Sequence[str]], right: Sequence[int] = ()) -> list[str]:
    """Rows as lines of equal columns; those of the indices in `right` end flush."""
    widths = [max(text_width(row[i]) for row in rows) for i in range(len(rows[0]))] if rows else []
    lines = []
    for row in rows:
        cells = []
        for index, cell in enumerate(row):
            space = " " * (widths[index] - text_width(cell))
            cells.append(space + cell if index in right else cell + space)
        lines.append(_GAP.join(cells).rstrip())
    return lines


def figure(value: float) -> str:
    """A figure with as many digits as an estimate deserves."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 1 else f"{value:.2g}"


def tokens_text(tokens: int) -> str:
    """A context as people write it: 8k, 128k, 200."""
    return f"{tokens // 1024}k" if tokens >= 1024 else str(tokens)
