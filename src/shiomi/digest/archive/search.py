"""Full-text search over every title a thread ever had, and its passages.

A word also matches inside longer words, so search works for Japanese, which has no spaces. A Latin
word of one or two letters must be a whole word. Texts and queries are converted to the same width
and case (folding.py). Texts are shown unchanged. The only syntax of a query is a pair of double
quotes around words that must be adjacent. The engine finds candidates (`Database.newest_matches`).
This module checks and ranks them.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from shiomi.digest.archive.database import Database
from shiomi.digest.archive.folding import folded, place_before_folding
from shiomi.digest.archive.loading import load_passages, load_threads
from shiomi.digest.archive.matching import Candidate, SearchFilters, occurs
from shiomi.digest.archive.storable import storable
from shiomi.digest.thread import Passage, Thread

__all__ = ["Hit", "query_words", "search_threads"]

MOST_WORDS = 32  # further words of a query are ignored, because each word needs a search
CANDIDATES = 1000  # if more threads match, only the newest are ranked

_WORD = re.compile(r'"([^"]*\S[^"]*)"(?!\S)|(\S+)')


@dataclass(frozen=True, slots=True)
class Hit:
    """A thread that a query found."""

    thread: Thread
    snippet: str  # the title or the part of a passage with the words, plain text
    rank: float  # greater is better


def query_words(query: str) -> list[str]:
    """Return the words and quoted phrases that must all occur.

    An unpaired quote is dropped, unless it is the whole query.
    """
    words = (quoted or word.strip('"') or word for quoted, word in _WORD.findall(storable(query)))
    return list(dict.fromkeys(words))[:MOST_WORDS]


def search_threads(
    database: Database, query: str, filters: SearchFilters, *, limit: int, offset: int = 0
) -> list[Hit]:
    """Return the threads that have all words of the query in any of their texts, best first.

    Threads are ordered by these criteria, the most important first: more words are in a title; more
    words are whole words; the words are in the current title; more points; newer. The result is
    empty if the query has no word.
    """
    words = list(dict.fromkeys(map(folded, query_words(query))))
    if not words or limit < 1 or offset < 0:
        return []
    found = database.newest_matches(words, filters, max(limit + offset, CANDIDATES))
    _add_points(database, found)
    # If the current title has every word, the thread is ranked without its other texts.
    current = [_found(one.title, words) for one in found]
    others = [one.n for one, words_in in zip(found, current, strict=True) if not all(words_in)]
    titles = _old_titles(database, others)
    passages = load_passages(database, others)
    ranked = []
    for one, words_in in zip(found, current, strict=True):
        match = _match(one, words_in, titles.get(one.n, ()), passages.get(one.n, ()), words)
        if match is not None:
            ranked.append((match, one))
    ranked.sort(key=lambda x: (-x[0].rank, -x[1].created, x[1].uid))
    shown = ranked[offset : offset + limit]
    threads = load_threads(database, [one.n for _, one in shown])
    return [
        Hit(thread, _excerpt(match.text, words) if match.within else match.text, match.rank)
        for (match, _), thread in zip(shown, threads, strict=True)
    ]


def _add_points(database: Database, found: Sequence[Candidate]) -> None:
    rows = database.execute(
        "SELECT thread, max(points) FROM reading"
        f" WHERE thread IN {database.listed} GROUP BY thread",
        (database.keys(one.n for one in found),),
    )
    points = dict(rows.fetchall())
    for one in found:
        one.points = points.get(one.n) or 0


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
    """The score of a thread, and the text to show."""

    rank: float
    text: str
    within: bool = False  # True: only the part of the text with the words is shown


def _match(
    thread: Candidate,
    current: Sequence[float],
    titles: Sequence[str],
    passages: Sequence[Passage],
    words: Sequence[str],
) -> _Match | None:
    """Return the match of a thread, or None if a word is missing from all of its texts.

    `current` is the result of `occurs` for each word in its current title.
    """
    # the points add less than one word in a title, so they only decide between equal threads
    rank = 0.5 * (1 - 1 / (1 + math.log1p(max(thread.points, 0))))
    rank += 2 * sum(current) / len(words)
    if all(current):
        return _Match(rank, thread.title)
    old = [(_found(title, words), title) for title in titles]
    quoted = [(_found(one.text, words), one.text) for one in passages]
    if not all(map(any, zip(current, *(one for one, _ in (*old, *quoted)), strict=True))):
        return None
    in_old, title = max(((sum(one), text) for one, text in old), key=_first, default=(0.0, ""))
    if in_old > sum(current):
        return _Match(rank + in_old / len(words), title)
    _, text = max(((sum(one), text) for one, text in quoted), key=_first, default=(0.0, ""))
    return _Match(rank, text, within=True) if text else _Match(rank, thread.title)


def _first(scored: tuple[float, str]) -> float:
    return scored[0]


def _found(text: str, words: Sequence[str]) -> list[float]:
    """Return the result of `occurs` in the text for each word."""
    flat = folded(text)
    return [occurs(flat, word) for word in words]


def _excerpt(text: str, words: Sequence[str], around: int = 80) -> str:
    """Return the original text around the first word that occurs, cut at word boundaries."""
    flat = folded(text)
    place, word = next(((flat.find(x), x) for x in words if x in flat), (0, ""))
    start = max(0, place_before_folding(text, place) - around)
    end = min(len(text), place_before_folding(text, place + len(word)) + around)
    cut = " ".join(text[start:end].split())
    return ("…" if start else "") + cut + ("…" if end < len(text) else "")
