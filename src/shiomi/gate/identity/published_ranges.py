"""The address ranges that crawler operators publish, by name."""

from __future__ import annotations

from functools import cache
from importlib import resources
from pathlib import Path

from shiomi.gate.addresses import Prefix, RangeTable, parse_prefixes
from shiomi.gate.text_file import read_text

__all__ = ["published_ranges", "range_lists"]


def published_ranges(folder: Path | None = None) -> RangeTable:
    """Return the ranges of `range_lists` as a table for looking up addresses."""
    own = folder is not None and any(folder.glob("*.txt"))
    return RangeTable(range_lists(folder)) if own else _shipped_table()


@cache
def _shipped_table() -> RangeTable:
    return RangeTable(range_lists())


def range_lists(folder: Path | None = None) -> dict[str, list[Prefix]]:
    """Return the networks of each operator, by name.

    They come from the package's `data/ranges/`. In `folder`, where `shiomi gate update` writes, a
    file `NAME.txt` replaces the list of that name, or adds one.

    Raises
    ------
    DataError
        A file cannot be read, or a line is not a network.
    """
    shipped = resources.files("shiomi.gate") / "data" / "ranges"
    lists = {
        entry.name.removesuffix(".txt"): parse_prefixes(
            entry.read_text(encoding="ascii"), where=entry.name
        )
        for entry in sorted(shipped.iterdir(), key=lambda entry: entry.name)
        if entry.name.endswith(".txt")
    }
    for path in sorted(folder.glob("*.txt")) if folder is not None else ():
        lists[path.stem] = parse_prefixes(read_text(path), where=str(path))
    return lists
