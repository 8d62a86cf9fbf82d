"""Stories that Lobsters folded into another one: a table shows the other's title and counts.

In such a table several addresses have one title, one number of points and one number of comments.
The title belongs to the address whose words it has; the other rows are not separate threads.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import unquote

import msgspec

from shiomi.digest.archive.rows import BadRow, Row

__all__ = ["folded_stories"]

_WORD = re.compile(r"[^\W_]+")


def folded_stories(rows: Iterable[Row | BadRow]) -> frozenset[str]:
    """The uids of the rows of a thread table that show another story's title and counts."""
    told: dict[tuple[str, float, float], list[tuple[str, str]]] = defaultdict(list)
    for row in rows:
        if isinstance(row, BadRow):
            continue
        fields = _fields(row)
        if fields.get("community") not in ("lobsters", "lo") or not fields.get("comments"):
            continue
        uid, title, url = (fields.get(name) for name in ("uid", "title", "url"))
        if isinstance(uid, str) and isinstance(title, str) and isinstance(url, str) and url:
            told[title, fields.get("score") or 0, fields["comments"]].append((uid, url))
    found: set[str] = set()
    for (title, _, _), stories in told.items():
        if len({url for _, url in stories}) > 1:
            best = min(stories, key=lambda story: (-_fit(title, story[1]), story[0]))
            found |= {uid for uid, url in stories if url != best[1]}
    return frozenset(found)


def _fields(row: Row) -> Mapping[str, Any]:
    if not isinstance(row.content, bytes):
        return row.content
    try:
        fields = msgspec.json.decode(row.content)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return {}
    return fields if isinstance(fields, dict) else {}


def _fit(title: str, url: str) -> float:
    """The share of the title's words that the address has."""
    words = set(_WORD.findall(title.casefold()))
    return len(words & set(_WORD.findall(unquote(url).casefold()))) / max(len(words), 1)
