"""Merge all observations of a thread into one record. The order of arrival does not matter.

These rules make the content independent of the order in which threads are added:

- created, link and state are taken from the latest observation. If two observations are from the
  same second, the one whose state is further from live is used. If the states are equal, the later
  `created` decides. If these are equal too, the greater link decides.
- url, tags and crosspost_of are each taken from the last observation that had a value. An absent
  value means unknown, so it never erases a known value. Of two values from the same second, the
  greater value is kept.
- Every title except an empty one is kept, with the times when it was first and last seen. The
  current title is the one with the latest last time, then the latest first time, then the greater
  text.
- A reading is identified by thread, time and exactness. Two readings with the same identity are
  merged. For each count, a known value replaces an unknown value, and the greater of two known
  values is kept.
- The passages of a kind ("post", "comment", ...) are taken from the last observation that had
  passages of that kind. Of two such lists from the same second, the longer one is kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import NamedTuple

import msgspec

from shiomi.digest.archive.database import Database
from shiomi.digest.archive.folding import kept_folding
from shiomi.digest.archive.storable import storable
from shiomi.digest.thread import Passage, Thread, ThreadState

__all__ = ["Added", "SeenThread", "add_threads"]

_BATCH = 1_000  # number of threads whose records are in memory at once
_STATES = tuple(ThreadState)  # in order, from live to removed
_RANKS = {str(state): rank for rank, state in enumerate(_STATES)}
_FACTS = "seen, state, created, link, url_seen, url, tags_seen, tags, crosspost_seen, crosspost_of"
_CREATED, _LINKED_BY = 3, (0, 6, 10)  # indices in `facts`: created; title, url, crosspost_of
_COLUMNS = {  # the columns of the rows that are inserted
    "thread": ("n", "community", "id", "title", *_FACTS.split(", ")),
    "title": ("n", "thread", "title", "first", "last", "folded"),
    "reading": ("thread", "time", "exact", "points", "comments"),
    "front_page": ("thread", "time", "place"),
    "passage": ("n", "thread", "kind", "position", "text", "link", "points", "seen", "folded"),
}
_UPDATE_THREAD = (
    f"UPDATE thread SET title = ?, {', '.join(f'{one} = ?' for one in _FACTS.split(', '))},"
    " linked = CASE WHEN ? = 1 THEN 0 ELSE linked END WHERE n = ?"
)
_UPSERT_READING = """
    INSERT INTO reading (thread, time, exact, points, comments) VALUES (?, ?, ?, ?, ?)
    ON CONFLICT (thread, time, exact) DO UPDATE SET
        points = CASE WHEN reading.points >= excluded.points THEN reading.points
            ELSE coalesce(excluded.points, reading.points) END,
        comments = CASE WHEN reading.comments >= excluded.comments THEN reading.comments
            ELSE coalesce(excluded.comments, reading.comments) END
    WHERE coalesce(excluded.points > reading.points,
            excluded.points IS NOT NULL AND reading.points IS NULL)
        OR coalesce(excluded.comments > reading.comments,
            excluded.comments IS NOT NULL AND reading.comments IS NULL)"""
_UPSERT_PLACE = """
    INSERT INTO front_page (thread, time, place) VALUES (?, ?, ?)
    ON CONFLICT (thread, time) DO UPDATE SET place = excluded.place
    WHERE excluded.place < front_page.place"""

Stamped = tuple[int | None, str | None]  # the time when an optional fact was seen, and the fact
Said = tuple[str, str, int | None]  # text, link, points
Dated = tuple[int, int, int, str]  # seen, rank of the state, created, link
Statements = dict[str, list[Sequence[object]]]


@dataclass(frozen=True, slots=True)
class Added:
    """The result of adding threads."""

    new: int = 0
    changed: int = 0  # known threads with a new title, url, state, tag or passage
    unchanged: int = 0  # known threads without such a change; readings may have been added
    readings: int = 0  # new readings, and known readings with a new count

    def __add__(self, other: Added) -> Added:
        return Added(
            self.new + other.new,
            self.changed + other.changed,
            self.unchanged + other.unchanged,
            self.readings + other.readings,
        )


class SeenThread(NamedTuple):
    """An observation of a thread. Times are unix seconds."""

    thread: Thread
    seen: int
    dated: int  # used instead of `seen` for created, link and state; 0 if `created` is a guess
    # other titles of the thread: (first seen, last seen, title)
    titles: tuple[tuple[int, int, str], ...] = ()


def add_threads(database: Database, threads: Iterable[SeenThread]) -> Added:
    """Merge observations into the records, within the caller's transaction."""
    added = Added()
    remaining = iter(threads)
    while batch := list(islice(remaining, _BATCH)):
        records = _records(database, batch)
        new = changed = unchanged = 0
        for one in batch:
            record = records[one.thread.community, one.thread.id]
            if record.dated is None:
                record.merge(one)
                new += 1
            elif record.merge(one):
                changed += 1
            else:
                unchanged += 1
        added += Added(new, changed, unchanged, _write(database, list(records.values())))
    return added


@dataclass(slots=True)
class _Record:
    """All facts about a thread that a new observation may change."""

    community: str
    id: str
    n: int = 0  # 0: not in the archive yet
    title: str = ""  # the current title
    dated: Dated | None = None  # None: the archive has only the uid of the thread
    url: Stamped = (None, None)
    tags: Stamped = (None, None)
    crosspost: Stamped = (None, None)
    # text → (last seen, first seen)
    titles: dict[str, tuple[int, int]] = field(default_factory=dict)
    # kind → (seen, texts)
    passages: dict[str, tuple[int, list[Said]]] = field(default_factory=dict)
    # The values that the archive has. Only differences from them are written.
    stored: tuple[object, ...] = ()
    # text → (last seen, first seen, n)
    stored_titles: dict[str, tuple[int, int, int]] = field(default_factory=dict)
    stored_passages: dict[str, tuple[int, list[Said]]] = field(default_factory=dict)
    # Only new readings and new places:
    readings: dict[tuple[int, bool], tuple[int | None, int | None]] = field(default_factory=dict)
    places: dict[int, int] = field(default_factory=dict)  # time → place

    @property
    def facts(self) -> tuple[object, ...]:
        """The values of the columns title and `_FACTS`."""
        assert self.dated is not None
        seen, rank, created, link = self.dated
        return (self.title, seen, _STATES[rank], created, link, *self.url, *self.tags,
                *self.crosspost)  # fmt: skip

    def merge(self, one: SeenThread) -> bool:
        """Merge an observation. Return True if anything other than times and readings changed."""
        thread, seen, dated, titles = one
        before = self.dated and self.dated[1:], self.url[1], self.tags[1], self.crosspost[1]
        given = (dated, _RANKS[thread.state], thread.created, storable(thread.link))
        self.dated = given if self.dated is None else max(self.dated, given)
        self.url = _later(self.url, thread.url, seen)
        self.tags = _later(self.tags, _tags_as_json(thread), seen)
        self.crosspost = _later(self.crosspost, thread.crosspost_of, seen)
        changed = before != (self.dated[1:], self.url[1], self.tags[1], self.crosspost[1])
        changed |= self._merge_titles((*titles, (seen, seen, thread.title)))
        changed |= self._merge_passages(thread.passages, seen)
        for reading in thread.readings:
            moment, counts = (reading.time, reading.exact), (reading.points, reading.comments)
            known = self.readings.get(moment, (None, None))
            self.readings[moment] = _greater(known[0], counts[0]), _greater(known[1], counts[1])
        if place := thread.place:
            self.places[place.time] = min(place.rank, self.places.get(place.time, place.rank))
        return changed

    def _merge_titles(self, given: Iterable[tuple[int, int, str]]) -> bool:
        number, before = len(self.titles), self.title
        for first, last, text in given:
            if title := storable(text):  # a deleted thread has no title
                known = self.titles.get(title, (last, first))
                self.titles[title] = max(last, known[0]), min(first, known[1])
        if self.titles:
            self.title = max((*span, title) for title, span in self.titles.items())[2]
        return number != len(self.titles) or before != self.title

    def _merge_passages(self, given: Iterable[Passage], seen: int) -> bool:
        changed = False
        by_kind: dict[str, list[Said]] = {}
        for one in given:
            said = by_kind.setdefault(str(one.kind), [])
            said.append((storable(one.text), storable(one.link), one.points))
        for kind, said in by_kind.items():
            known = self.passages.get(kind)
            if known is None or (known[0], _weight(known[1])) < (seen, _weight(said)):
                self.passages[kind] = seen, said
                changed |= known is None or known[1] != said
        return changed


def _records(database: Database, batch: Sequence[SeenThread]) -> dict[tuple[str, str], _Record]:
    """Return the records of these threads by (community, id), spelt as in the observations."""
    given = [(one.thread.community, one.thread.id) for one in batch]
    uids = {name: (storable(name[0]), storable(name[1])) for name in given}
    records = {uid: _Record(*uid) for uid in uids.values()}
    by_key: dict[int, _Record] = {}
    for community, id_, n, title, *facts in database.execute(
        f"SELECT community, thread.id, n, title, {_FACTS}"
        f" FROM {database.wanted_texts} CROSS JOIN thread"
        " WHERE thread.community = wanted.value ->> 0 AND thread.id = wanted.value ->> 1",
        (msgspec.json.encode(list(records)).decode(),),
    ):
        record = by_key[n] = records[community, id_]
        record.n, record.title = n, title
        seen, state, created, link = facts[:4]
        record.dated = None if created is None else (seen, _RANKS[state], created, link)
        record.url, record.tags, record.crosspost = (
            (facts[4], facts[5]), (facts[6], facts[7]), (facts[8], facts[9])
        )  # fmt: skip
        record.stored = (title, *facts)
    if by_key:
        _read_texts(database, by_key)
    return {name: records[uid] for name, uid in uids.items()}


def _read_texts(database: Database, by_key: dict[int, _Record]) -> None:
    keys = (database.keys(by_key),)
    for thread, n, title, first, last in database.execute(
        f"SELECT thread, n, title, first, last FROM title WHERE thread IN {database.listed}", keys
    ):
        by_key[thread].titles[title] = last, first
        by_key[thread].stored_titles[title] = last, first, n
    for thread, kind, text, link, points, seen in database.execute(
        "SELECT thread, kind, text, link, points, seen FROM passage"
        f" WHERE thread IN {database.listed} ORDER BY thread, kind, position",
        keys,
    ):
        passages = by_key[thread].passages
        passages.setdefault(kind, (seen, []))[1].append((text, link, points))
    for record in by_key.values():
        record.stored_passages = dict(record.passages)


def _write(database: Database, records: Sequence[_Record]) -> int:
    """Write all differences to the archive; return the number of new readings."""
    new: Statements = {table: [] for table in _COLUMNS}
    known: Statements = {}
    unknown = [record for record in records if not record.n]
    for n, record in zip(database.new_keys("thread", len(unknown)), unknown, strict=True):
        record.n = n
        new["thread"].append((n, record.community, record.id, *record.facts))
    for record in records:
        if record.stored:
            _update(record, known)
        _insert_texts(record, new)
        readings = [(record.n, *key, *counts) for key, counts in record.readings.items()]
        places = [(record.n, *place) for place in record.places.items()]
        if record.stored:
            known.setdefault(_UPSERT_READING, []).extend(readings)
            known.setdefault(_UPSERT_PLACE, []).extend(places)
        else:
            new["reading"] += readings
            new["front_page"] += places
    number = len(new["reading"])
    for statement, values in known.items():
        if values:
            rows = database.executemany(statement, values).rowcount
            number += rows if statement is _UPSERT_READING else 0
    for table, columns in _COLUMNS.items():
        if rows := new[table]:
            if table in ("title", "passage"):
                keys = database.new_keys(table, len(rows))
                rows = [(key, *row) for key, row in zip(keys, rows, strict=True)]
            database.load(table, columns, rows)
    return number


# a new text may show that a text post is only a link, so the post is linked again
_RELINK_POST = "UPDATE thread SET linked = 0 WHERE n = ? AND url IS NULL"


def _update(record: _Record, known: Statements) -> None:
    """Add to `known` the statements that change the rows of a thread in the archive."""
    facts = record.facts
    if facts != record.stored:
        relink = any(facts[place] != record.stored[place] for place in _LINKED_BY)
        known.setdefault(_UPDATE_THREAD, []).append((*facts, relink, record.n))
    for title, (last, first) in record.titles.items():
        stored = record.stored_titles.get(title)
        if stored and stored[:2] != (last, first):
            known.setdefault("UPDATE title SET last = ?, first = ? WHERE n = ?", []).append(
                (last, first, stored[2])
            )
    for kind, (seen, said) in record.passages.items():
        before = record.stored_passages.get(kind)
        if kind == "post" and (before is None or before[1] != said):
            known.setdefault(_RELINK_POST, []).append((record.n,))
        if before and before[1] != said:
            known.setdefault("DELETE FROM passage WHERE thread = ? AND kind = ?", []).append(
                (record.n, kind)
            )
        elif before and before[0] != seen:
            known.setdefault(
                "UPDATE passage SET seen = ? WHERE thread = ? AND kind = ?", []
            ).append((seen, record.n, kind))


def _insert_texts(record: _Record, new: Statements) -> None:
    """Add to `new` the new titles and passages of a thread, without their keys."""
    for title, (last, first) in record.titles.items():
        if title not in record.stored_titles:
            new["title"].append((record.n, title, first, last, kept_folding(title)))
    for kind, (seen, said) in record.passages.items():
        if kind not in record.stored_passages or record.stored_passages[kind][1] != said:
            new["passage"] += (
                (record.n, kind, position, text, link, points, seen, kept_folding(text))
                for position, (text, link, points) in enumerate(said)
            )


def _tags_as_json(thread: Thread) -> str | None:
    return msgspec.json.encode([*map(storable, thread.tags)]).decode() if thread.tags else None


def _later(known: Stamped, given: str | None, seen: int) -> Stamped:
    """Return the observation of an optional fact that is kept: the known one or the given one."""
    if given is None:
        return known
    now = (seen, storable(given))
    return now if known[1] is None else max(known, now)


def _greater(a: int | None, b: int | None) -> int | None:
    return b if a is None else a if b is None else max(a, b)


def _weight(passages: Iterable[Said]) -> tuple[object, ...]:
    """Return a sort key: longer passages are greater, and different passages are never equal."""
    listed = [(text, link, points is not None, points or 0) for text, link, points in passages]
    return sum(len(one[0]) for one in listed), listed
