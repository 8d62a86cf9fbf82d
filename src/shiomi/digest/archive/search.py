"""Full-text search over every title a thread ever had, and its passages.

The index is of trigrams, so it needs no word boundaries and finds Japanese as it finds English.
Texts and queries are folded alike, in width and case (folding.py); what is shown is not. Words of
one or two characters have no trigram and are looked for in the text itself. A query is text. Its
only syntax is a pair of double quotes around words that must be adjacent.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from shiomi.digest.archive.database import Database
from shiomi.digest.archive.folding import folded, place_before_folding
from shiomi.digest.archive.loading import load_passages, load_threads
from shiomi.digest.archive.storable import storable
from shiomi.digest.thread import Passage, Thread

__all__ = ["Hit", "query_words", "search_threads"]

MOST_WORDS = 32  # further words of a query are ignored: each costs a search
CANDIDATES = 1000  # of more threads that match, the newest are ranked

_WORD = re.compile(r'"([^"]*\S[^"]*)"(?!\S)|(\S+)')


@dataclass(frozen=True, slots=True)
class Hit:
    """A thread that a query found."""

    thread: Thread
    snippet: str  # the title or the part of a passage with the words, plain text
    rank: float  # the greater the better


def query_words(query: str) -> list[str]:
    """The words, and phrases in double quotes, that must all occur.

    An unpaired quote is dropped, unless it is the whole query.
    """
    words = (quoted or word.strip('"') or word for quoted, word in _WORD.findall(storable(query)))
    return list(dict.fromkeys(words))[:MOST_WORDS]


@dataclass(frozen=True, slots=True)
class _Candidate:
    """The fields of a thread that ranking uses."""

    n: int
    created: int
    uid: str
    title: str
    points: int  # the most ever read; 0 if none was


def search_threads(
    database: Database,
    query: str,
    *,
    limit: int,
    offset: int = 0,
    since: int | None = None,
    until: int | None = None,
    community: str | None = None,
    min_points: int | None = None,
) -> list[Hit]:
    """The threads with all the words of the query, in any of their texts, best first.

    Better is: more of the words in a title, as whole words, in the current title; then more
    points; then newer. Empty if the query has no word.
    """
    words = list(dict.fromkeys(map(folded, query_words(query))))
    if not words or limit < 1 or offset < 0:
        return []
    most = max(limit + offset, CANDIDATES)
    found = _candidates(database, words, most, since, until, community, min_points)
    # A thread with every word in its current title needs no other text to be ranked.
    others = [one.n for one in found if not all(_found(one.title, words))]
    titles = _old_titles(database, others)
    passages = load_passages(database, others)
    ranked = [
        (_match(one, titles.get(one.n, ()), passages.get(one.n, ()), words), one) for one in found
    ]
    ranked.sort(key=lambda x: (-x[0].rank, -x[1].created, x[1].uid))
    shown = ranked[offset : offset + limit]
    threads = load_threads(database, [one.n for _, one in shown])
    return [
        Hit(thread, _excerpt(match.text, words) if match.within else match.text, match.rank)
        for (match, _), thread in zip(shown, threads, strict=True)
    ]


def _candidates(
    database: Database,
    words: Sequence[str],
    most: int,
    since: int | None,
    until: int | None,
    community: str | None,
    min_points: int | None,
) -> list[_Candidate]:
    """The newest threads that have all the words."""
    conditions = ["created IS NOT NULL"]
    values: list[object] = []
    for condition, value in (
        ("created >= ?", since),
        ("created < ?", until),
        ("community = ?", community),
        ("EXISTS (SELECT 1 FROM reading WHERE thread = n AND points >= ?)", min_points),
    ):
        if value is not None:
            conditions.append(condition)
            values.append(value)
    # the longest word is the rarest guess: it gives the threads, the short ones are checked on them
    for place, word in enumerate(sorted(words, key=len, reverse=True)):
        condition, given = database.word_condition(word, scan=place == 0)
        conditions.append(condition)
        values += given
    rows = database.execute(
        "SELECT n, created, community || ':' || id, title,"
        " coalesce((SELECT max(points) FROM reading WHERE thread = n), 0)"
        f" FROM thread WHERE {' AND '.join(conditions)}"
        " ORDER BY created DESC, community, id LIMIT ?",
        (*values, most),
    )
    return [_Candidate(*row) for row in rows]


def _old_titles(database: Database, keys: Sequence[int]) -> dict[int, list[str]]:
    found: dict[int, list[str]] = {}
    for n, title in database.execute(
        f"SELECT thread, title FROM title WHERE thread IN {database.listed}"
        " ORDER BY last DESC, title",
        (database.keys(keys),),
    ):
        found.setdefault(n, []).append(title)
    return found


@dataclass(frozen=True, slots=True)
class _Match:
    """Return the score of a thread and the text to show."""

    rank: float
    text: str
    within: bool = False  # of the text, only the part with the words is shown


def _match(
    thread: _Candidate, titles: Sequence[str], passages: Sequence[Passage], words: Sequence[str]
) -> _Match:
    # below one word found in a title, so that points only decide between equals
    rank = 0.5 * (1 - 1 / (1 + math.log1p(max(thread.points, 0))))
    in_current = _found(thread.title, words)
    rank += 2 * sum(in_current) / len(words)
    if all(in_current):
        return _Match(rank, thread.title)
    in_old, old = max(((sum(_found(x, words)), x) for x in titles), key=_first, default=(0.0, ""))
    if in_old > sum(in_current):
        return _Match(rank + in_old / len(words), old)
    texts = ((sum(_found(x.text, words)), x.text) for x in passages)
    _, text = max(texts, key=_first, default=(0.0, ""))
    return _Match(rank, text, within=True) if text else _Match(rank, thread.title)


def _first(scored: tuple[float, str]) -> float:
    return scored[0]


def _found(text: str, words: Sequence[str]) -> list[float]:
    """For each word: 1 if it occurs as a whole word, 0.8 if as a part of a word, else 0."""
    flat = folded(text)
    return [_how_whole(flat, word) for word in words]


def _how_whole(flat: str, word: str) -> float:
    start = flat.find(word)
    if start < 0:
        return 0.0
    before, after = flat[:start][-1:], flat[start + len(word) :][:1]
    inside = (before.isascii() and before.isalnum()) or (after.isascii() and after.isalnum())
    return 0.8 if inside else 1.0


def _excerpt(text: str, words: Sequence[str], around: int = 80) -> str:
    """The text about the first of the words in it, as it is written, cut between words."""
    flat = folded(text)
    place, word = next(((flat.find(x), x) for x in words if x in flat), (0, ""))
    start = max(0, place_before_folding(text, place) - around)
    end = min(len(text), place_before_folding(text, place + len(word)) + around)
    cut = " ".join(text[start:end].split())
    return ("…" if start else "") + cut + ("…" if end < len(text) else "")
