"""Find the newest threads with all words of a query in SQLite, in bounded time.

A trigram index finds words of three characters or more; another index finds shorter words. Both
return the rows archived last first, and only the first matches are examined (`EXAMINED`). So a word
that half of the archive has costs no more than a rare word. If there are more matches, the threads
created last are examined too.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence

from shiomi.digest.archive.folding import folded
from shiomi.digest.archive.matching import (
    FIELDS,
    MARKS,
    POINTS,
    Candidate,
    Condition,
    SearchFilters,
    conditions,
    keep,
    newest,
    occurs,
    short_words,
)

__all__ = ["newest_matches"]

EXAMINED = 2_000  # matches looked at without a filter
FILTERED = 3_000  # matches looked at with a filter, or for words of only marks, which no index has
SPREAD = 300  # threads looked at for words that occur in different texts

Execute = Callable[..., sqlite3.Cursor]
_COMMUNITY = "+thread.community"  # the unary plus keeps the order of the index by time


def newest_matches(
    execute: Execute, words: Sequence[str], filters: SearchFilters, most: int
) -> list[Candidate]:
    """Return the newest threads that probably have all the words: `Database.newest_matches`."""
    query = _Query.of(words)
    examined = max(FILTERED if filters.any or not query.indexed else EXAMINED, 2 * most)
    chosen = conditions(filters, community=_COMMUNITY)
    found: dict[int, Candidate] = {}
    spread: dict[int, Candidate] = {}
    complete = False
    if query.indexed:
        titles = _in_one(execute, "title", query, examined)
        complete = len(titles) < examined
        keys = dict.fromkeys(
            thread for thread, text in titles if all(occurs(folded(text), word) for word in words)
        )
        # Reading a thread costs a page of the file. So without a filter, only threads that will be
        # ranked are read.
        keep(found, _threads(execute, list(keys)[: None if filters.any else most], chosen))
        if complete and filters.any:
            complete = not _more(execute, query, examined)
        if len(found) < most:
            passages = _in_one(execute, "passage", query, examined)
            keep(found, _threads(execute, dict.fromkeys(one[0] for one in passages), chosen))
            if len(words) > 1:
                keep(spread, _in_several(execute, words, chosen))
    if not complete:
        keep(found, _by_time(execute, filters, examined), words)
    return newest(found, spread, most)


class _Query:
    """The words as queries for the two indexes. The query is empty if it has no indexed word."""

    def __init__(self, trigrams: str, phrases: str, shorts: str) -> None:
        self.trigrams = trigrams  # for titles, whose index has no positions
        self.phrases = phrases  # for passages, whose index has positions
        self.shorts = shorts  # only if there is no longer word

    @classmethod
    def of(cls, words: Sequence[str]) -> _Query:
        long = [word for word in words if len(word) >= 3]
        parts = dict.fromkeys(word[i : i + 3] for word in long for i in range(len(word) - 2))
        short = [word.translate(MARKS) for word in words if len(word) < 3
                 if word.translate(MARKS) in short_words(word).split()]  # fmt: skip
        return cls(
            " AND ".join(map(_quoted, parts)),
            " AND ".join(map(_quoted, long)),
            "" if long else " AND ".join(map(_quoted, short)),
        )

    @property
    def indexed(self) -> bool:
        return bool(self.trigrams or self.shorts)

    def index(self, kind: str) -> tuple[str, str]:
        """Return the table to ask and the query."""
        if self.shorts:
            return f"{kind}_short", self.shorts
        return f"{kind}_text", self.trigrams if kind == "title" else self.phrases


def _quoted(text: str) -> str:
    return '"{}"'.format(text.replace('"', '""'))


def _in_one(execute: Execute, kind: str, query: _Query, examined: int) -> list[tuple[int, str]]:
    """Return threads with all words in one title or passage, and that title ("" for a passage)."""
    table, asked = query.index(kind)
    text = "coalesce(one.folded, one.title)" if kind == "title" else "''"
    return execute(
        f"SELECT one.thread, {text} FROM (SELECT rowid AS r FROM {table} WHERE {table} MATCH ?"
        f" ORDER BY rowid DESC LIMIT ?) CROSS JOIN {kind} AS one ON one.n = r",
        (asked, examined),
    ).fetchall()


def _threads(
    execute: Execute, keys: Iterable[int], chosen: Condition
) -> Iterator[tuple[Candidate, str]]:
    """Return the threads that pass the filter."""
    condition, values = chosen
    for fields in execute(
        f"SELECT {FIELDS} FROM json_each(?) AS wanted CROSS JOIN thread"
        f" ON thread.n = wanted.value WHERE {condition}",
        (f"[{','.join(map(str, keys))}]", *values),
    ):
        yield Candidate(*fields), ""


def _more(execute: Execute, query: _Query, examined: int) -> bool:
    """Return whether more titles match than were looked at."""
    table, asked = query.index("title")
    rows = execute(
        f"SELECT 1 FROM {table} WHERE {table} MATCH ? ORDER BY rowid DESC LIMIT 1 OFFSET ?",
        (asked, examined),
    )
    return rows.fetchone() is not None


def _in_several(
    execute: Execute, words: Sequence[str], chosen: Condition
) -> Iterator[tuple[Candidate, str]]:
    """Return the newest threads with the rarest of the words in any text."""
    rarest: list[int] | None = None
    for word in words:
        query = _Query.of([word])
        if not query.indexed:
            continue
        keys = {
            thread
            for kind in ("title", "passage")
            for (thread,) in execute(
                f"SELECT thread FROM (SELECT rowid AS r FROM {query.index(kind)[0]}"
                f" WHERE {query.index(kind)[0]} MATCH ? ORDER BY rowid DESC LIMIT ?)"
                f" CROSS JOIN {kind} AS one ON one.n = r",
                (query.index(kind)[1], SPREAD if rarest is None else len(rarest) + 1),
            )
        }
        if rarest is None or len(keys) < len(rarest):
            rarest = list(keys)
    return _threads(execute, rarest or (), chosen)


def _by_time(
    execute: Execute, filters: SearchFilters, examined: int
) -> Iterator[tuple[Candidate, str]]:
    """Yield the threads created last that pass the filter, each with its title."""
    condition, values = conditions(filters, points=False, community=_COMMUNITY)
    if filters.community is not None and _is_small(execute, filters.community, examined):
        condition = condition.replace(_COMMUNITY, "thread.community")
        condition = condition.replace("thread.created", "+thread.created")
    query = (
        f"SELECT {FIELDS} FROM (SELECT n, created, community, id, title FROM thread"
        f" WHERE {condition} ORDER BY created DESC LIMIT ?) AS thread"
    )
    values.append(examined)
    if filters.points is not None:
        query += f" WHERE {POINTS}"
        values.append(filters.points)
    for fields in execute(query, values):
        yield Candidate(*fields), fields[3]


def _is_small(execute: Execute, community: str, examined: int) -> bool:
    (rows,) = execute(
        "SELECT count(*) FROM (SELECT 1 FROM thread WHERE community = ? LIMIT ?)",
        (community, examined),
    ).fetchone()
    return bool(rows < examined)
