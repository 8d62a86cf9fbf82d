"""The address ranges that crawler operators publish, by name.

They come from `data/ranges/`; files of the gate's operator replace them.
"""

from __future__ import annotations

from functools import cache
from importlib import resources
from pathlib import Path

from shiomi.gate.addresses import Prefix, RangeTable, parse_prefixes
from shiomi.gate.errors import DataError

__all__ = ["published_ranges", "read_ranges"]


def published_ranges(folder: Path | None = None) -> RangeTable:
    """Return the ranges that crawler operators publish; files in `folder` replace the package's.

    `folder` is where `shiomi gate update` writes: a file `NAME.txt` there replaces the list of that
    name, or adds one.

    Raises
    ------
    DataError
        A file cannot be read, or a line is not a network.
    """
    own = {} if folder is None else read_ranges(folder)
    return RangeTable(_shipped() | own) if own else _shipped_table()


def _shipped() -> dict[str, list[Prefix]]:
    shipped = resources.files("shiomi.gate") / "data" / "ranges"
    texts = {
        entry.name.removesuffix(".txt"): entry.read_text(encoding="ascii")
        for entry in shipped.iterdir()
        if entry.name.endswith(".txt")
    }
    return {name: parse_prefixes(text, where=name) for name, text in sorted(texts.items())}


@cache
def _shipped_table() -> RangeTable:
    return RangeTable(_shipped())


def read_ranges(folder: Path) -> dict[str, list[Prefix]]:
    """Return the networks of every `NAME.txt` in a folder, by name; empty if there is no folder.

    Raises
    ------
    DataError
        A file cannot be read, or a line of it is not a network.
    """
    ranges = {}
    for path in sorted(folder.glob("*.txt")):
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise DataError(f"{path}: {error}") from None
        ranges[path.stem] = parse_prefixes(text, where=str(path))
    return ranges
