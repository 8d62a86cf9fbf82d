"""Find the newest threads with all words of a query in PostgreSQL.

First the threads created last are examined (`LATEST`), because a frequent word is found there. If
that is not enough, the indexes are used. If they find many matches, only the titles archived last
are examined (`EXAMINED`). pg_trgm finds words with three letters or digits in a row. Other words
are found by their short words (`short_words`). So C++ and 1.0 are found only if no letter or digit
is next to them. In the titles of the threads created last, they are always found.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from shiomi.digest.archive import matching
from shiomi.digest.archive.database import Database
from shiomi.digest.archive.matching import FIELDS, Candidate, Condition, SearchFilters, short_words

__all__ = ["newest_matches"]

LATEST = 10_000  # number of threads
EXAMINED = 3_000  # number of matching titles or passages
FILTERED = 20_000  # number of matching titles or passages if the search has a filter
SPREAD = 1_000  # number of threads that are examined if the words occur in different texts

_THREE = re.compile(r"[^\W_]{3}")


def newest_matches(
    database: Database, words: Sequence[str], filters: SearchFilters, most: int
) -> list[Candidate]:
    """Return the newest threads that probably have all the words: `Database.newest_matches`."""
    found: dict[int, Candidate] = {}
    spread: dict[int, Candidate] = {}
    chosen = matching.conditions(filters)
    by_time = matching.latest(
        database,
        filters,
        matching.conditions(filters, points=False),
        max(LATEST, 2 * most),
        _may_have(words),
    )
    matching.keep(found, by_time, words)
    if len(found) < most:
        examined = max(FILTERED if filters.any else EXAMINED, most)
        for kind, checked in (("title", words), ("passage", ())):
            matching.keep(found, _in_one(database, kind, words, chosen, examined), checked)
        if len(words) > 1 and len(found) < most:
            several = matching.rarest(words, SPREAD, lambda *word: _having(database, *word))
            matching.keep(spread, matching.of_keys(database, several, chosen))
    return matching.newest(found, spread, most)


def _like(word: str) -> str:
    return "%" + re.sub(r"([\\%_])", r"\\\1", word) + "%"


def _may_have(words: Sequence[str]) -> Condition:
    """Return the condition that a title may have the words.

    A title that is not ASCII may have the word in full-width characters. This is checked later.
    """
    likes = " AND ".join(["title ILIKE ?"] * len(words))
    sql = f"({likes} OR octet_length(title) > char_length(title))"
    return sql, [_like(word) for word in words]


def _in_index(kind: str, words: Sequence[str]) -> Condition:
    """Return conditions on a text for which there is an index. They are "" if no index has any of
    the words."""
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
    database: Database, kind: str, words: Sequence[str], chosen: Condition, examined: int
) -> Iterator[tuple[Candidate, str]]:
    """Yield the threads with all words in one title or passage, and that title ("" for a
    passage)."""
    indexed, given = _in_index(kind, words)
    if not indexed:
        return
    condition, values = chosen
    text = "coalesce(one.folded, one.title)" if kind == "title" else "''"
    for *fields, shown in database.execute(
        f"SELECT {FIELDS}, shown FROM (SELECT one.n, one.thread, {text} AS shown"
        f" FROM {kind} AS one WHERE {indexed} ORDER BY one.n DESC LIMIT ?) AS one"
        f" JOIN thread ON thread.n = one.thread WHERE {condition}",
        (*given, examined, *values),
    ):
        yield Candidate(*fields), shown


def _having(database: Database, word: str, limit: int) -> set[int] | None:
    """Return threads that have the word in any of their texts, or None if no index has the word."""
    found: set[int] = set()
    for kind in ("title", "passage"):
        indexed, given = _in_index(kind, [word])
        if not indexed:
            return None
        rows = database.execute(
            f"SELECT thread FROM {kind} AS one WHERE {indexed} LIMIT ?", (*given, limit)
        )
        found.update(thread for (thread,) in rows)
    return found
