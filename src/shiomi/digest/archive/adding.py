"""Merge all observations of a thread into one record. The order of arrival does not matter.

The rules, so that the content does not depend on the order threads are added in:

- created, link and state are of the latest seen thread; of two seen at the same second, the one
  whose state is further from live, then the later created, then the greater link.
- url, tags and crosspost_of are of the latest seen thread that had one: absent means unknown, so
  it never erases. Of two counts from the same second, the greater one counts.
- Every title is kept, save an empty one, with when it was first and last seen; the current one was
  last seen latest, then first seen latest, then is the greater.
- A reading is known by thread, time and exactness. Two of the same are one, with the counts that
  either shows (the greater where they differ).
- The passages of a kind ("post", "comment", ...) are those of the latest seen thread that had
  passages of that kind. Of two such lists from the same second, the longer one counts.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby, islice

from shiomi.digest.archive.bulk import SeenThread, load_new
from shiomi.digest.archive.database import Database
from shiomi.digest.archive.storable import storable
from shiomi.digest.archive.thread_rows import (
    PASSAGE_ORDER,
    THREAD_COLUMNS,
    tags_as_json,
    thread_row,
)
from shiomi.digest.thread import Passage, Reading, Thread, ThreadState

__all__ = ["Added", "Writer"]

_STATES = tuple(ThreadState)  # from live to removed
_INSERT_THREAD = (
    f"INSERT INTO thread ({', '.join(THREAD_COLUMNS)})"
    f" VALUES ({', '.join('?' * len(THREAD_COLUMNS))})"
)
_TOGETHER = 5_000  # threads inserted at once


@dataclass(frozen=True, slots=True)
class Added:
    """The result of adding threads."""

    new: int = 0
    changed: int = 0  # known threads with a new title, url, state, tag or passage
    unchanged: int = 0  # known threads; readings may have been added
    readings: int = 0  # new readings, or more counts for known ones

    def __add__(self, other: Added) -> Added:
        return Added(
            self.new + other.new,
            self.changed + other.changed,
            self.unchanged + other.unchanged,
            self.readings + other.readings,
        )


class Writer:
    """Writes threads within the caller's transaction, and counts what it did."""

    def __init__(self, database: Database) -> None:
        self._db = database
        self._execute = database.execute
        self._new = self._changed = self._unchanged = self._readings = 0

    @property
    def added(self) -> Added:
        """The result so far."""
        return Added(self._new, self._changed, self._unchanged, self._readings)

    def add(self, thread: Thread, seen: int, *, dated: int | None = None) -> None:
        """Merge an observation of the thread at `seen` (unix seconds) into its record.

        `dated` replaces `seen` for created, link and state. It is 0 if `created` is a guess, so any
        real observation wins.
        """
        dated = seen if dated is None else dated
        row = self._execute(
            "SELECT n, created, link, url, tags, state, crosspost_of, seen, url_seen, tags_seen,"
            " crosspost_seen FROM thread WHERE community = ? AND id = ?",
            (storable(thread.community), storable(thread.id)),
        ).fetchone()
        if row is None:
            n = self._insert(thread, seen, dated)
            self._new += 1
            self._passages(n, thread.passages, seen)
        else:
            n, created, *facts = row
            changed = self._update(n, created, facts, thread, seen, dated)
            changed |= self.title(n, thread.title, seen, seen)
            changed |= self._passages(n, thread.passages, seen)
            if created is None:
                self._new += 1
            elif changed:
                self._changed += 1
            else:
                self._unchanged += 1
        for reading in thread.readings:
            self.reading(n, reading)
        if thread.place is not None:
            self.place(n, thread.place.time, thread.place.rank)

    def add_all(self, threads: Iterable[SeenThread]) -> None:
        """Call `add` for each, but insert new ones together if the engine is faster so."""
        if not self._db.together:
            for one in threads:
                self.add(one.thread, one.seen, dated=one.dated)
            return
        remaining = iter(threads)
        while batch := list(islice(remaining, _TOGETHER)):
            left = load_new(self._db, batch)
            others = {id(one) for one in left}
            for one in batch:
                if id(one) in others:
                    self.add(one.thread, one.seen, dated=one.dated)
                else:
                    self._new += 1
                    self._readings += len(one.thread.readings)

    def find_or_insert(self, community: str, id: str) -> int:  # noqa: A002 - the thread's own word
        """Return the key `n` of a thread; insert a placeholder if the thread is new."""
        key = (storable(community), storable(id))
        row = self._execute("SELECT n FROM thread WHERE community = ? AND id = ?", key).fetchone()
        if row is not None:
            return int(row[0])
        return self._db.insert_row("INSERT INTO thread (community, id) VALUES (?, ?)", key)

    def title(self, n: int, title: str, first: int, last: int) -> bool:
        """Store that the thread had `title` from `first` to `last`.

        Return True if that was new. An empty title is not stored: a deleted thread has none.
        """
        if not title:
            return False
        title = storable(title)
        rows = self._execute(
            "SELECT n, title, first, last FROM title WHERE thread = ?", (n,)
        ).fetchall()
        before = max(((row[3], row[2], row[1]) for row in rows), default=None)
        known = next((row for row in rows if row[1] == title), None)
        if known is None:
            self._insert_title(n, title, first, last)
            span = (last, first, title)
        else:
            span = (max(last, known[3]), min(first, known[2]), title)
            if span != (known[3], known[2], title):
                self._execute(
                    "UPDATE title SET first = ?, last = ? WHERE n = ?", (span[1], span[0], known[0])
                )
        now = max([span, *((row[3], row[2], row[1]) for row in rows if row[1] != title)])
        if before is None or now[2] != before[2]:
            self._execute("UPDATE thread SET title = ?, linked = 0 WHERE n = ?", (now[2], n))
        return known is None or (before is not None and now[2] != before[2])

    def reading(self, n: int, reading: Reading) -> None:
        """Keep a reading."""
        self._readings += self._execute(
            "INSERT INTO reading (thread, time, exact, points, comments) VALUES (?, ?, ?, ?, ?)"
            " ON CONFLICT (thread, time, exact) DO UPDATE SET"
            " points = CASE WHEN reading.points >= excluded.points THEN reading.points"
            " ELSE coalesce(excluded.points, reading.points) END,"
            " comments = CASE WHEN reading.comments >= excluded.comments THEN reading.comments"
            " ELSE coalesce(excluded.comments, reading.comments) END"
            " WHERE coalesce(excluded.points > reading.points,"
            " excluded.points IS NOT NULL AND reading.points IS NULL)"
            " OR coalesce(excluded.comments > reading.comments,"
            " excluded.comments IS NOT NULL AND reading.comments IS NULL)",
            (n, reading.time, reading.exact, reading.points, reading.comments),
        ).rowcount

    def url(self, n: int, url: str, seen: int) -> bool:
        """Store an address of a thread; the thread itself may be unknown."""
        row = self._execute("SELECT url, url_seen FROM thread WHERE n = ?", (n,)).fetchone()
        now = _later(row[0], row[1], url, seen)
        if now == row:
            return False
        self._execute(
            "UPDATE thread SET url = ?, url_seen = ?,"
            " linked = CASE WHEN ? = 1 THEN 0 ELSE linked END WHERE n = ?",
            (*now, now[0] != row[0], n),
        )
        return bool(now[0] != row[0])

    def place(self, n: int, time: int, place: int) -> None:
        """Store the thread's rank on the front page at `time`; the better of two ranks wins."""
        self._execute(
            "INSERT INTO front_page (thread, time, place) VALUES (?, ?, ?)"
            " ON CONFLICT (thread, time) DO UPDATE SET place = excluded.place"
            " WHERE excluded.place < front_page.place",
            (n, time, place),
        )

    def _insert(self, thread: Thread, seen: int, dated: int) -> int:
        row = thread_row(thread, seen, dated)
        n = self._db.insert_row(_INSERT_THREAD, row)
        if title := storable(thread.title):
            self._insert_title(n, title, seen, seen)
        return n

    def _insert_title(self, n: int, title: str, first: int, last: int) -> None:
        flat = self._db.kept_folding(title)
        row = self._db.insert_row(
            "INSERT INTO title (thread, title, first, last, folded) VALUES (?, ?, ?, ?, ?)",
            (n, title, first, last, flat),
        )
        self._db.index_text("title", row, title, flat)

    def _update(
        self,
        n: int,
        created: int | None,
        facts: list[object],
        thread: Thread,
        seen: int,
        dated: int,
    ) -> bool:
        """Merge the facts other than title, readings and passages; Return True if the record
        changed."""
        link, url, tags, state, crosspost, stamp, *stamps = facts
        known = None if created is None else (stamp, _rank(str(state)), created, link)
        given = (dated, _rank(thread.state), thread.created, storable(thread.link))
        best = given if known is None else max(known, given)
        optional = [
            _later(old, old_stamp, new, seen)
            for old, old_stamp, new in zip(
                (url, tags, crosspost),
                stamps,
                (thread.url, tags_as_json(thread), thread.crosspost_of),
                strict=True,
            )
        ]
        values = [value for value, _ in optional]
        if (
            best == known
            and [old for _, old in optional] == stamps
            and values
            == [
                url,
                tags,
                crosspost,
            ]
        ):
            return False
        relink = created is None or values[0] != url or values[2] != crosspost
        self._execute(
            "UPDATE thread SET seen = ?, state = ?, created = ?, link = ?, url = ?, tags = ?,"
            " crosspost_of = ?, url_seen = ?, tags_seen = ?, crosspost_seen = ?,"
            " linked = CASE WHEN ? = 1 THEN 0 ELSE linked END WHERE n = ?",
            (
                best[0],
                _STATES[best[1]],
                *best[2:],
                *values,
                *(stamped for _, stamped in optional),
                relink,
                n,
            ),
        )
        return known is None or best[1:] != known[1:] or values != [url, tags, crosspost]

    def _passages(self, n: int, passages: tuple[Passage, ...], seen: int) -> bool:
        if not passages:
            return False
        changed = False
        ordered = sorted(passages, key=lambda passage: PASSAGE_ORDER.index(passage.kind))
        for kind, group in groupby(ordered, key=lambda passage: passage.kind):
            given = [(storable(p.text), storable(p.link), p.points) for p in group]
            rows = self._execute(
                "SELECT n, text, link, points, seen FROM passage WHERE thread = ? AND kind = ?"
                " ORDER BY position",
                (n, kind),
            ).fetchall()
            known = [row[1:4] for row in rows]
            if rows and (rows[0][4], _weight(known)) >= (seen, _weight(given)):
                continue
            if known == given:
                self._execute(
                    "UPDATE passage SET seen = ? WHERE thread = ? AND kind = ?", (seen, n, kind)
                )
                continue
            changed = True
            self._execute("DELETE FROM passage WHERE thread = ? AND kind = ?", (n, kind))
            for position, one in enumerate(given):
                flat = self._db.kept_folding(one[0])
                row = self._db.insert_row(
                    "INSERT INTO passage (thread, kind, position, text, link, points, seen, folded)"
                    " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                    (n, kind, position, *one, seen, flat),
                )
                self._db.index_text("passage", row, one[0], flat)
        return changed


def _later(
    known: object, known_stamp: object, given: str | None, seen: int
) -> tuple[object, object]:
    """Return the valid one of two observations of an optional fact, and its time."""
    if given is None:
        return known, known_stamp
    given = storable(given)
    if known is None:
        return given, seen
    stamp, value = max((known_stamp, known), (seen, given))
    return value, stamp


def _rank(state: str) -> int:
    return _STATES.index(ThreadState(state))


def _weight(passages: Iterable[tuple[str, str, int | None]]) -> tuple[object, ...]:
    """A sort key: longer passages are greater, and different ones are never equal."""
    listed = [(text, link, points is not None, points or 0) for text, link, points in passages]
    return sum(len(one[0]) for one in listed), listed
