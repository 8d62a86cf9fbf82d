"""Find the newest threads with all words of a query in PostgreSQL.

First the threads created last are examined (`LATEST`), because a frequent word is found there. If
that is not enough, the indexes are used. If they find many matches, only the titles archived last
are examined (`EXAMINED`). pg_trgm finds words with three letters or digits in a row. Other words
are found by their short words (`short_words`). So C++ and 1.0 are found only if no letter or digit
touches them, except in the titles of the threads created last.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from shiomi.digest.archive.matching import (
    FIELDS,
    POINTS,
    Candidate,
    Condition,
    SearchFilters,
    conditions,
    keep,
    newest,
    short_words,
)

__all__ = ["newest_matches"]

LATEST = 10_000  # threads
EXAMINED = 3_000  # matching titles or passages
FILTERED = 20_000  # with a filter
SPREAD = 1_000  # threads looked at for words that occur in different texts

_THREE = re.compile(r"[^\W_]{3}")

Execute = Callable[..., Any]


def newest_matches(
    execute: Execute, words: Sequence[str], filters: SearchFilters, most: int
) -> list[Candidate]:
    """Return the newest threads that probably have all the words: `Database.newest_matches`."""
    found: dict[int, Candidate] = {}
    spread: dict[int, Candidate] = {}
    keep(found, _by_time(execute, words, filters, max(LATEST, 2 * most)), words)
    if len(found) < most:
        for kind in ("title", "passage"):
            checked = words if kind == "title" else ()
            keep(found, _in_one(execute, kind, words, filters, most), checked)
        if len(words) > 1 and len(found) < most:
            keep(spread, _in_several(execute, words, filters))
    return newest(found, spread, most)


def _like(word: str) -> str:
    return "%" + re.sub(r"([\\%_])", r"\\\1", word) + "%"


def _by_time(
    execute: Execute, words: Sequence[str], filters: SearchFilters, latest: int
) -> Iterator[tuple[Candidate, str]]:
    """Yield the threads created last whose title may have the words, each with its title.

    A title that is not ASCII may have a word in another width, which is checked later.
    """
    condition, values = conditions(filters, points=False)
    likes = " AND ".join(["title ILIKE ?"] * len(words))
    query = (
        f"SELECT {FIELDS} FROM (SELECT n, created, community, id, title FROM thread"
        f" WHERE {condition} ORDER BY created DESC LIMIT ?) AS thread"
        f" WHERE ({likes} OR octet_length(title) > char_length(title))"
    )
    values += [latest, *map(_like, words)]
    if filters.points is not None:
        query += f" AND {POINTS}"
        values.append(filters.points)
    for fields in execute(query, values):
        yield Candidate(*fields), fields[3]


def _in_index(kind: str, words: Sequence[str]) -> Condition:
    """Return conditions on a text that an index can answer; "" if no index has any of the words."""
    conditions, values = list[str](), list[object]()
    text = "one.title" if kind == "title" else "one.text"
    for word in words:
        if _THREE.search(word):
            conditions.append(f"coalesce(one.folded, {text}) ILIKE ?")
            values.append(_like(word))
        elif short := short_words(word).split():
            conditions.append(f"one.n IN (SELECT n FROM {kind}_short WHERE words @> ?::text[])")
            values.append(short)
    return " AND ".join(conditions), values


def _in_one(
    execute: Execute, kind: str, words: Sequence[str], filters: SearchFilters, most: int
) -> Iterator[tuple[Candidate, str]]:
    """Return the threads with all words in one title or passage, and that title ("" for a
    passage)."""
    indexed, given = _in_index(kind, words)
    if not indexed:
        return
    condition, values = conditions(filters)
    text = "coalesce(one.folded, one.title)" if kind == "title" else "''"
    examined = max(FILTERED if filters.any else EXAMINED, most)
    for *fields, shown in execute(
        f"SELECT {FIELDS}, shown FROM (SELECT one.n, one.thread, {text} AS shown"
        f" FROM {kind} AS one WHERE {indexed} ORDER BY one.n DESC LIMIT ?) AS one"
        f" JOIN thread ON thread.n = one.thread WHERE {condition}",
        (*given, examined, *values),
    ):
        yield Candidate(*fields), shown


def _in_several(
    execute: Execute, words: Sequence[str], filters: SearchFilters
) -> Iterator[tuple[Candidate, str]]:
    """Return the threads that have the rarest of the words in any of their texts."""
    rarest: list[int] | None = None
    for word in words:
        keys: set[int] = set()
        for kind in ("title", "passage"):
            indexed, given = _in_index(kind, [word])
            if not indexed:
                break
            limit = SPREAD if rarest is None else len(rarest) + 1
            keys |= {
                thread
                for (thread,) in execute(
                    f"SELECT thread FROM {kind} AS one WHERE {indexed} LIMIT ?", (*given, limit)
                )
            }
        else:
            if rarest is None or len(keys) < len(rarest):
                rarest = list(keys)
    condition, values = conditions(filters)
    for fields in execute(
        f"SELECT {FIELDS} FROM thread WHERE n IN (SELECT unnest(?::bigint[])) AND {condition}",
        (rarest or [], *values),
    ):
        yield Candidate(*fields), ""
