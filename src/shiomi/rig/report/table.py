"""Format plain-text tables; Japanese characters count as two columns."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from itertools import zip_longest

__all__ = ["figure", "filled", "text_table", "text_width", "tokens_text", "wrapped"]

_GAP = "  "
_WIDE = "\u2e80-\u9fff\uf900-\ufaff\uff00-\uff60"
# An unbreakable piece: a run without spaces, or a Japanese character with its closing marks.
_UNIT = re.compile(rf"\s+|[（「『({_WIDE}][、。）」』)]*|[^\s{_WIDE}]+[、。）」』)]*")


def text_width(text: str) -> int:
    """Return the number of terminal columns that the text takes."""
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def text_table(rows: Sequence[Sequence[str]], right: Sequence[int] = ()) -> list[str]:
    """Return rows as lines with equal columns. Columns in `right` are right-aligned.

    A cell may have several lines. A row has as many lines as its highest cell.
    """
    stacked = [line for row in rows for line in _lines_of(row)]
    widths = [max(map(text_width, column)) for column in zip(*stacked, strict=True)]
    lines = []
    for row in stacked:
        cells = []
        for index, cell in enumerate(row):
            space = " " * (widths[index] - text_width(cell))
            cells.append(space + cell if index in right else cell + space)
        lines.append(_GAP.join(cells).rstrip())
    return lines


def _lines_of(row: Sequence[str]) -> list[tuple[str, ...]]:
    return list(zip_longest(*(cell.split("\n") for cell in row), fillvalue=""))


def wrapped(text: str, columns: int | None, *, indent: int = 2) -> list[str]:
    """Wrap the text to lines of at most `columns` (None: one line). Later lines are indented.

    Lines break at spaces and between Japanese characters. Other text is not broken.
    """
    if columns is None or text_width(text) <= columns:
        return [text]
    return filled(_UNIT.findall(text), columns, indent=indent)


def filled(units: Iterable[str], columns: int, *, indent: int) -> list[str]:
    """Join pieces of text into lines of at most `columns` columns. No piece is broken.

    All lines but the first are indented.
    """
    lines = [""]
    for unit in units:
        if text_width(lines[-1] + unit) > columns and lines[-1].strip():
            lines[-1] = lines[-1].rstrip()
            lines.append(" " * indent)
            if unit.isspace():
                continue
        lines[-1] += unit
    return lines


def figure(value: float) -> str:
    """Format a figure: no decimals from 100, one decimal from 1, two digits below 1."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 1 else f"{value:.2g}"


def tokens_text(tokens: int) -> str:
    """Return a context as people write it: 8k, 128k, 200."""
    return f"{tokens // 1024}k" if tokens >= 1024 else str(tokens)
