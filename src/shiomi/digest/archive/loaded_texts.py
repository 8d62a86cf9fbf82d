"""The texts among rows that are loaded with their keys."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

__all__ = ["texts_to_index"]


def texts_to_index(
    table: str, columns: Sequence[str], rows: Sequence[Sequence[object]]
) -> Iterator[tuple[int, str, str | None]]:
    """The key, the text and the folded text of each row of `title` or `passage`."""
    if table not in ("title", "passage"):
        return
    places = [
        columns.index(one) for one in ("n", "title" if table == "title" else "text", "folded")
    ]
    for row in rows:
        key, text, flat = (row[place] for place in places)
        assert isinstance(key, int)
        assert isinstance(text, str)
        assert flat is None or isinstance(flat, str)
        yield key, text, flat
