"""Find the newest threads with all words of a query in SQLite, in bounded time.

Words of three characters or more are found by trigrams, shorter ones in an index of short words.
Both indexes give their rows newest first, so that a word of half the archive costs no more than a
rare one: only the newest matches are looked at (`EXAMINED`), in the order in which they were
archived. If there are more, the threads that were created last are also looked at.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence

from shiomi.digest.archive.folding import folded
from shiomi.digest.archive.matching import Candidate, SearchFilters, occurs

__all__ = ["newest_matches", "short_words"]

EXAMINED = 2_000  # matches looked at without a filter
FILTERED = 3_000  # with a filter, or with marks alone, which no index has
SPREAD = 300  # threads looked at for words that occur in different texts

_SHORT = re.compile(r"\b[a-z0-9]{1,2}(?![a-z0-9])", re.ASCII)
_MARKED = re.compile(r"\b[a-z0-9][#+]", re.ASCII)  # c#
# So frequent that the newest threads have them: they are looked for there (`_by_time`).
_FREQUENT = frozenset(
    re.findall(
        r"\w+", "a an as at be by do he hn i if in is it me my no of on or so s t to up us we"
    )
)
_WIDE = re.compile(r"[^\x00-\x7f\s\u2000-\u206f]")  # no dashes or quotation marks
_WIDE_PAIR = re.compile(
    r"(?=([^\x00-\x7f\s\u2000-\u206f][^\s]|[a-z0-9][^\x00-\x7f\s\u2000-\u206f]))"
)
_MARKS = {code: 0xE000 + code for code in range(128) if not chr(code).isalnum() and code != 32}

Execute = Callable[..., sqlite3.Cursor]
Filter = tuple[str, list[object]]


def short_words(text: str) -> str:
    """Return the words of one or two characters of a folded text, with a space between them.

    Latin words count as a whole, also as c#; the most frequent ones are left out. Other scripts
    have no spaces, so each character and each pair counts. ASCII marks are replaced by private
    characters, which the index takes for letters. The case of a to z does not matter.
    """
    flat = text.lower()
    found = [word for word in _SHORT.findall(flat) if word not in _FREQUENT]
    if "#" in flat or "+" in flat:
        found += _MARKED.findall(flat)
    if not flat.isascii():
        found += [*_WIDE.findall(flat), *_WIDE_PAIR.findall(flat)]
    return " ".join(dict.fromkeys(found)).translate(_MARKS) if found else ""


def newest_matches(
    execute: Execute, words: Sequence[str], filters: SearchFilters, most: int
) -> list[Candidate]:
    """The newest threads that probably have all the words: `Database.newest_matches`."""
    query = _Query.of(words)
    examined = max(FILTERED if filters.any or not query.indexed else EXAMINED, 2 * most)
    chosen = _filter(filters)
    found: dict[int, Candidate] = {}
    spread: dict[int, Candidate] = {}
    complete = False
    if query.indexed:
        titles = list(_in_one(execute, "title", query, chosen, examined))
        _keep(found, titles, words)
        complete = len(titles) < examined
        if complete and filters.any:
            complete = not _more(execute, query, examined)
        if len(found) < most:
            _keep(found, _in_one(execute, "passage", query, chosen, examined))
            if len(words) > 1:
                _keep(spread, _in_several(execute, words, chosen))
    if not complete:
        _keep(found, _by_time(execute, filters, examined), words)
    newest = [*_newest(found.values()), *_newest(spread[n] for n in spread.keys() - found.keys())]
    return _with_points(execute, newest[:most])


def _newest(found: Iterable[Candidate]) -> list[Candidate]:
    return sorted(found, key=lambda one: -one.created)


class _Query:
    """The words as queries of the two indexes; a query without indexed words is empty."""

    def __init__(self, trigrams: str, phrases: str, shorts: str) -> None:
        self.trigrams = trigrams  # for titles, whose index knows no positions
        self.phrases = phrases  # for passages, whose index does
        self.shorts = shorts  # only if there is no longer word

    @classmethod
    def of(cls, words: Sequence[str]) -> _Query:
        long = [word for word in words if len(word) >= 3]
        parts = dict.fromkeys(word[i : i + 3] for word in long for i in range(len(word) - 2))
        short = [word.translate(_MARKS) for word in words if len(word) < 3
                 if word.translate(_MARKS) in short_words(word).split()]  # fmt: skip
        return cls(
            " AND ".join(map(_quoted, parts)),
            " AND ".join(map(_quoted, long)),
            "" if long else " AND ".join(map(_quoted, short)),
        )

    @property
    def indexed(self) -> bool:
        return bool(self.trigrams or self.shorts)

    def index(self, kind: str) -> tuple[str, str]:
        """The table to ask and the query."""
        if self.shorts:
            return f"{kind}_short", self.shorts
        return f"{kind}_text", self.trigrams if kind == "title" else self.phrases


def _quoted(text: str) -> str:
    return '"{}"'.format(text.replace('"', '""'))


_POINTS = "EXISTS (SELECT 1 FROM reading WHERE thread = thread.n AND points >= ?)"


def _filter(filters: SearchFilters, *, points: bool = True) -> Filter:
    """Conditions on `thread`, with their values. The unary plus keeps the order of the index."""
    conditions, values = ["thread.created IS NOT NULL"], list[object]()
    for condition, value in (
        ("thread.created >= ?", filters.since),
        ("thread.created < ?", filters.until),
        ("+thread.community = ?", filters.community),
        (_POINTS, filters.points if points else None),
    ):
        if value is not None:
            conditions.append(condition)
            values.append(value)
    return " AND ".join(conditions), values


_FIELDS = "thread.n, created, community || ':' || id, thread.title"


def _in_one(
    execute: Execute, kind: str, query: _Query, chosen: Filter, examined: int
) -> Iterator[tuple[Candidate, str]]:
    """Threads with all words in one title or passage, and that title ("" for a passage)."""
    table, asked = query.index(kind)
    condition, values = chosen
    text = "coalesce(one.folded, one.title)" if kind == "title" else "''"
    for *fields, found in execute(
        f"SELECT {_FIELDS}, {text} FROM (SELECT rowid AS r FROM {table} WHERE {table} MATCH ?"
        f" ORDER BY rowid DESC LIMIT ?) CROSS JOIN {kind} AS one ON one.n = r"
        f" CROSS JOIN thread ON thread.n = one.thread WHERE {condition}",
        (asked, examined, *values),
    ):
        yield Candidate(*fields), found


def _more(execute: Execute, query: _Query, examined: int) -> bool:
    """Whether more titles match than were looked at."""
    table, asked = query.index("title")
    rows = execute(
        f"SELECT 1 FROM {table} WHERE {table} MATCH ? ORDER BY rowid DESC LIMIT 1 OFFSET ?",
        (asked, examined),
    )
    return rows.fetchone() is not None


def _in_several(
    execute: Execute, words: Sequence[str], chosen: Filter
) -> Iterator[tuple[Candidate, str]]:
    """The newest threads with the rarest of the words in any text."""
    condition, values = chosen
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
    for fields in execute(
        f"SELECT {_FIELDS} FROM thread WHERE n IN (SELECT value FROM json_each(?)) AND {condition}",
        (f"[{','.join(map(str, rarest or ()))}]", *values),
    ):
        yield Candidate(*fields), ""


def _by_time(
    execute: Execute, filters: SearchFilters, examined: int
) -> Iterator[tuple[Candidate, str]]:
    """The threads created last that pass the filter, each with its title."""
    condition, values = _filter(filters, points=False)
    if filters.community is not None and _is_small(execute, filters.community, examined):
        condition = condition.replace("+thread.community", "thread.community")
        condition = condition.replace("thread.created", "+thread.created")
    query = (
        f"SELECT {_FIELDS} FROM (SELECT n, created, community, id, title FROM thread"
        f" WHERE {condition} ORDER BY created DESC LIMIT ?) AS thread"
    )
    values.append(examined)
    if filters.points is not None:
        query += f" WHERE {_POINTS}"
        values.append(filters.points)
    for fields in execute(query, values):
        yield Candidate(*fields), fields[3]


def _is_small(execute: Execute, community: str, examined: int) -> bool:
    (rows,) = execute(
        "SELECT count(*) FROM (SELECT 1 FROM thread WHERE community = ? LIMIT ?)",
        (community, examined),
    ).fetchone()
    return bool(rows < examined)


def _keep(
    found: dict[int, Candidate],
    rows: Iterable[tuple[Candidate, str]],
    words: Sequence[str] = (),
) -> None:
    """Add the threads whose text has all the words."""
    for one, text in rows:
        if all(occurs(folded(text), word) for word in words):
            found.setdefault(one.n, one)


def _with_points(execute: Execute, found: Sequence[Candidate]) -> list[Candidate]:
    points = dict(
        execute(
            "SELECT thread, max(points) FROM reading"
            " WHERE thread IN (SELECT value FROM json_each(?)) GROUP BY thread",
            (f"[{','.join(str(one.n) for one in found)}]",),
        ).fetchall()
    )
    for one in found:
        one.points = points.get(one.n) or 0
    return list(found)
