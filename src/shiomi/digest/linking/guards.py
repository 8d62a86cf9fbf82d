"""Guards find differences between two titles that always mean two different stories.

If a guard applies, a pair is at most RELATED. Each guard uses only the two titles.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache

from shiomi.digest.linking.canonical_url import canonical_url
from shiomi.digest.linking.title import normal_title
from shiomi.digest.thread import Thread

__all__ = ["apart", "is_part", "one_is_folded"]

_MONTHS = "jan|feb|mar|apr|may|jun|jul|aug|sep|sept|oct|nov|dec"
_MONTH = re.compile(
    rf"\b({_MONTHS})(?:uary|ruary|ch|il|e|y|ust|tember|ober|ember)?\b(?=.*\b(?:19|20)\d\d\b|.*hiring)"
)
_PART = re.compile(
    r"\b(?:part|pt|chapter|episode|ep|vol|volume|issue|lesson|lecture|day|week|round|no|number|"
    r"section|phase|step)\s+(\d+|[ivx]+|one|two|three|four|five|six|seven|eight|nine|ten)\b"
)
# for these words, it is enough if only one title has a part: "Sizes" and "Sizes, part 2"
_PIECE = re.compile(r"\b(?:part|pt|chapter|lesson|lecture|vol|volume)\s+(\d+|[ivx]+|[a-z]+)\b")
# a number such as "#8" or "... - 4"
_SIGN = re.compile(r"(?:#|no\.\s?|№)\s?(\d{1,6})\b|\s-\s(\d{1,3})\s*$", re.IGNORECASE)
_VERSION = re.compile(r"\d+(?:\.\d+)+")
_YEAR = re.compile(r"\b(?:19[5-9]|20[0-4])\d\b")
_PAGE_YEAR = re.compile(r"\(\s*(?:19|20)\d\d\s*\)|\[\s*(?:19|20)\d\d\s*\]")
_REPLY = re.compile(
    r"^(?:re\b|a? ?(?:response|reply|rebuttal|answer|follow ?up) to\b|in response to\b)"
)
_ORDINALS = {
    word: number
    for words in (
        "i ii iii iv v vi vii viii ix x",
        "one two three four five six seven eight nine ten",
    )
    for number, word in enumerate(words.split(), start=1)
}


@lru_cache(maxsize=1 << 15)
def _facts(title: str) -> tuple[frozenset[object], ...]:
    """Return the title's parts, versions, years, months and whether it is a reply, each as a
    set."""
    years_of_page = _PAGE_YEAR.sub(" ", title)  # "(2014)" is the year in which the page was written
    text = normal_title(years_of_page)
    parts = frozenset(_ordinal(found) for found in _PART.findall(text))
    parts |= {int(one or other) for one, other in _SIGN.findall(title)}
    versions = frozenset(_VERSION.findall(text))
    years = frozenset(_YEAR.findall(text))
    months = frozenset(_MONTH.findall(normal_title(title)))
    reply = frozenset({"reply"} if _REPLY.match(text) else ())
    return parts, versions, years, months, reply


def _ordinal(found: str) -> int:
    if found.isdigit():
        return int(found[:9])
    return _ORDINALS.get(found, 0)


def _differ(a: frozenset[object], b: frozenset[object]) -> bool:
    """Return whether both sets have values, and none in common."""
    return bool(a) and bool(b) and not a & b


def _versions_differ(a: frozenset[object], b: frozenset[object]) -> bool:
    """Return whether the versions differ, as "3.8" and "3.9" do.

    "1.45" and "1.45.2" do not differ, because the first may be short for the second.
    """
    return (
        bool(a)
        and bool(b)
        and not any(
            str(x) == str(y) or str(x).startswith(f"{y}.") or str(y).startswith(f"{x}.")
            for x in a
            for y in b
        )
    )


_GUARDS: tuple[tuple[str, Callable[[frozenset[object], frozenset[object]], bool]], ...] = (
    ("part", _differ),
    ("version", _versions_differ),
    ("year", _differ),
    ("month", _differ),
    ("reply", lambda a, b: bool(a) != bool(b)),
)


def apart(a: str, b: str) -> str | None:
    """Return why threads with these titles are two stories ("part", "version", ...), else None.

    The order of the titles does not matter.
    """
    for (name, differ), x, y in zip(_GUARDS, _facts(a), _facts(b), strict=True):
        if differ(x, y):
            return name
    if _facts(a)[0] != _facts(b)[0] and (_later_piece(a) or _later_piece(b)):
        return "part"  # one title is "Part 2" and the other has no part; "part 1" is often left out
    return None


def _later_piece(title: str) -> bool:
    pieces = {_ordinal(found) for found in _PIECE.findall(normal_title(title))}
    return max(pieces, default=0) > 1


def is_part(title: str) -> bool:
    """Return whether the title marks a numbered part."""
    return bool(_SIGN.search(title) or _PART.search(normal_title(title)))


def one_is_folded(a: Thread, b: Thread) -> bool:
    """Return whether one of two threads has the other's title.

    Lobsters can fold one story into another. The data then has the folded story's address with the
    other story's title.
    """
    return (
        a.community == b.community == "lobsters"
        and normal_title(a.title) == normal_title(b.title)
        and canonical_url(a.url or "") != canonical_url(b.url or "")
    )
