"""Find the newest threads with all words of a query in SQLite, in bounded time.

A trigram index finds words of three characters or more; another index finds shorter words. Both
return the rows in reverse order of archiving, and only the first matches are examined (`EXAMINED`).
So a search for a word in half of the archive takes no longer than a search for a rare word. If
there are more matches, the threads created last are examined too.
"""

from __future__ import annotations

from collections.abc import Sequence

from shiomi.digest.archive import matching
from shiomi.digest.archive.database import Database
from shiomi.digest.archive.folding import folded
from shiomi.digest.archive.matching import (
    MARKS,
    Candidate,
    Condition,
    SearchFilters,
    occurs,
    short_words,
)

__all__ = ["newest_matches"]

EXAMINED = 2_000  # number of matches that are examined without a filter
# number of matches that are examined with a filter; also for words of only marks, because no index
# has them
FILTERED = 3_000
SPREAD = 300  # number of threads that are examined if the words occur in different texts

# the unary plus prevents an index on this column, so SQLite uses the index by time
_COMMUNITY = "+thread.community"


def newest_matches(
    database: Database, words: Sequence[str], filters: SearchFilters, most: int
) -> list[Candidate]:
    """Return the newest threads that probably have all the words: `Database.newest_matches`."""
    query = _Query.of(words)
    examined = max(FILTERED if filters.any or not query.indexed else EXAMINED, 2 * most)
    chosen = matching.conditions(filters, community=_COMMUNITY)
    found: dict[int, Candidate] = {}
    spread: dict[int, Candidate] = {}
    complete = False
    if query.indexed:
        titles = _in_one(database, "title", query, examined)
        complete = len(titles) < examined
        keys = dict.fromkeys(
            thread for thread, text in titles if all(occurs(folded(text), word) for word in words)
        )
        # To read a thread, SQLite must read a page of the file. So without a filter, only the
        # threads that will be ranked are read.
        read = list(keys)[: None if filters.any else most]
        matching.keep(found, matching.of_keys(database, read, chosen))
        if complete and filters.any:
            complete = not _more(database, query, examined)
        if len(found) < most:
            passages = dict.fromkeys(n for n, _ in _in_one(database, "passage", query, examined))
            matching.keep(found, matching.of_keys(database, passages, chosen))
            if len(words) > 1:
                several = matching.rarest(words, SPREAD, lambda *word: _having(database, *word))
                matching.keep(spread, matching.of_keys(database, several, chosen))
    if not complete:
        condition = _of_small_community(database, filters, examined)
        latest = matching.latest(database, filters, condition, examined)
        matching.keep(found, latest, words)
    return matching.newest(found, spread, most)


class _Query:
    """The words as queries for the two indexes. The query is empty if it has no indexed word."""

    def __init__(self, trigrams: str, phrases: str, shorts: str) -> None:
        self.trigrams = trigrams  # for titles, whose index has no positions
        self.phrases = phrases  # for passages, whose index has positions
        self.shorts = shorts  # used only if the query has no longer word

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


def _in_one(database: Database, kind: str, query: _Query, examined: int) -> list[tuple[int, str]]:
    """Return threads with all words in one title or passage, and that title ("" for a passage)."""
    table, asked = query.index(kind)
    text = "coalesce(one.folded, one.title)" if kind == "title" else "''"
    rows: list[tuple[int, str]] = database.execute(
        f"SELECT one.thread, {text} FROM (SELECT rowid AS r FROM {table} WHERE {table} MATCH ?"
        f" ORDER BY rowid DESC LIMIT ?) CROSS JOIN {kind} AS one ON one.n = r",
        (asked, examined),
    ).fetchall()
    return rows


def _more(database: Database, query: _Query, examined: int) -> bool:
    """Return whether more titles match than `examined`."""
    table, asked = query.index("title")
    rows = database.execute(
        f"SELECT 1 FROM {table} WHERE {table} MATCH ? ORDER BY rowid DESC LIMIT 1 OFFSET ?",
        (asked, examined),
    )
    return rows.fetchone() is not None


def _having(database: Database, word: str, limit: int) -> set[int] | None:
    """Return the newest threads that have the word in any of their texts, or None if no index has
    the word."""
    query = _Query.of([word])
    if not query.indexed:
        return None
    kinds = ("title", "passage")
    return {thread for kind in kinds for thread, _ in _in_one(database, kind, query, limit)}


def _of_small_community(database: Database, filters: SearchFilters, examined: int) -> Condition:
    """Return the conditions of the filter, without the condition on points.

    For a small community, they do not use the index by time.
    """
    condition, values = matching.conditions(filters, points=False, community=_COMMUNITY)
    if filters.community is not None:
        (rows,) = database.execute(
            "SELECT count(*) FROM (SELECT 1 FROM thread WHERE community = ? LIMIT ?)",
            (filters.community, examined),
        ).fetchone()
        if rows < examined:
            condition = condition.replace(_COMMUNITY, "thread.community")
            condition = condition.replace("thread.created", "+thread.created")
    return condition, values
