"""Store the outcome of each reading of a feed, and compute for which times a community was read."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from shiomi.digest.archive.archive import Archive
from shiomi.digest.archive.storable import storable

__all__ = ["FeedState", "Outcome", "OutcomeStore", "Span"]

_KEPT = 400 * 86400  # seconds after which an outcome is deleted
_LONGEST_ERROR = 500

Span = tuple[int, int]
"""[start, end) in unix seconds."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of one reading of one feed."""

    community: str
    feed: str = ""  # "new", "top"; "" if the community has only one feed
    since: int | None = None  # all threads created since this time were read; None: not known
    error: str | None = None  # None: the feed was read


@dataclass(frozen=True, slots=True)
class FeedState:
    """The recent outcomes of a feed. Times are unix seconds."""

    source: str
    community: str
    feed: str
    success: int | None  # time of the last reading that succeeded
    failures: int  # readings that failed since the last success
    error: str | None  # error of the last reading


class OutcomeStore:
    """The outcomes that an archive keeps. Outcomes older than 400 days are deleted."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive

    def record(self, source: str, time: int, outcomes: Iterable[Outcome]) -> None:
        """Store the outcomes of readings of `source` that ended at `time` (unix seconds)."""
        with self._archive.transaction():
            execute = self._archive.database.execute
            for one in outcomes:
                error = None if one.error is None else storable(one.error)[:_LONGEST_ERROR]
                execute(
                    "INSERT INTO outcome (community, feed, time, source, since, error)"
                    " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (community, feed, time) DO UPDATE"
                    " SET source = excluded.source, since = excluded.since, error = excluded.error",
                    (storable(one.community), one.feed, time, source, one.since, error),
                )
            execute("DELETE FROM outcome WHERE time < ?", (time - _KEPT,))

    def began(self) -> int | None:
        """Return the earliest time that a reading includes, or None if nothing was ever
        collected."""
        row = self._archive.database.execute(
            "SELECT min(coalesce(since, time)) FROM outcome"
        ).fetchone()
        return None if row is None or row[0] is None else int(row[0])

    def first_time(self) -> int | None:
        """Return the time when the first reading ended, or None if nothing was ever collected."""
        row = self._archive.database.execute("SELECT min(time) FROM outcome").fetchone()
        return None if row is None or row[0] is None else int(row[0])

    def covered(self, community: str, start: int, end: int, *, as_of: int) -> list[Span]:
        """Return the parts of [start, end) whose threads were all read, merged and in order.

        Only readings that ended at `as_of` or before are used.
        """
        rows = self._archive.database.execute(
            "SELECT since, time FROM outcome WHERE community = ? AND error IS NULL"
            " AND since IS NOT NULL AND time > ? AND time <= ? AND since < ? ORDER BY since, time",
            (storable(community), start, as_of, end),
        ).fetchall()
        spans: list[Span] = []
        for since, time in rows:
            first, last = max(since, start), min(time, end)
            if spans and first <= spans[-1][1]:
                spans[-1] = (spans[-1][0], max(last, spans[-1][1]))
            elif first < last:
                spans.append((first, last))
        return spans

    def last_error(self, community: str, start: int, *, as_of: int) -> str | None:
        """Return the latest error of `community` in (start, as_of], or None if there was none."""
        row = self._archive.database.execute(
            "SELECT error FROM outcome WHERE community = ? AND error IS NOT NULL"
            " AND time > ? AND time <= ? ORDER BY time DESC, feed LIMIT 1",
            (storable(community), start, as_of),
        ).fetchone()
        return None if row is None else str(row[0])

    def states(self) -> list[FeedState]:
        """Return every feed that was ever read, by community and feed."""
        rows = self._archive.database.execute(
            "SELECT community, feed, max(CASE WHEN error IS NULL THEN time END) AS success,"
            " max(time) AS last FROM outcome GROUP BY community, feed ORDER BY community, feed"
        ).fetchall()
        return [self._state(*row) for row in rows]

    def _state(self, community: str, feed: str, success: int | None, last: int) -> FeedState:
        execute = self._archive.database.execute
        source, error = execute(
            "SELECT source, error FROM outcome WHERE community = ? AND feed = ? AND time = ?",
            (community, feed, last),
        ).fetchone()
        (failures,) = execute(
            "SELECT count(*) FROM outcome WHERE community = ? AND feed = ? AND time > ?",
            (community, feed, -1 if success is None else success),
        ).fetchone()
        return FeedState(source, community, feed, success, failures, error)
