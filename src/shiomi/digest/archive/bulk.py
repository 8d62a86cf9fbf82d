"""Insert many new threads at once, for an engine in which each statement waits for a server.

The rows are those that `Writer.add` inserts for a thread that the archive does not know.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count, groupby
from typing import NamedTuple

from shiomi.digest.archive.database import Database
from shiomi.digest.archive.loading import find_keys
from shiomi.digest.archive.storable import storable
from shiomi.digest.archive.thread_rows import PASSAGE_ORDER, THREAD_COLUMNS, thread_row
from shiomi.digest.thread import Thread

__all__ = ["SeenThread", "load_new"]

_COLUMNS = {  # parents first
    "thread": ("n", *THREAD_COLUMNS),
    "title": ("n", "thread", "title", "first", "last", "folded"),
    "reading": ("thread", "time", "exact", "points", "comments"),
    "front_page": ("thread", "time", "place"),
    "passage": ("n", "thread", "kind", "position", "text", "link", "points", "seen", "folded"),
}


class SeenThread(NamedTuple):
    """The arguments of `Writer.add`."""

    thread: Thread
    seen: int
    dated: int


def load_new(database: Database, batch: Sequence[SeenThread]) -> list[SeenThread]:
    """Insert the threads that the archive has not heard of; return the others.

    Of several with one uid, the first is inserted. A thread with two readings of one moment is
    returned too. Within the caller's transaction.
    """
    uids = [storable(one.thread.uid) for one in batch]
    known = set(find_keys(database, uids))
    chosen, left = list[SeenThread](), list[SeenThread]()
    for uid, one in zip(uids, batch, strict=True):
        moments = {(reading.time, reading.exact) for reading in one.thread.readings}
        if uid in known or len(moments) < len(one.thread.readings):
            left.append(one)
        else:
            known.add(uid)
            chosen.append(one)
    rows: dict[str, list[tuple[object, ...]]] = {table: [] for table in _COLUMNS}
    for n, one in zip(database.new_keys("thread", len(chosen)), chosen, strict=True):
        _add(rows, n, *one, database)
    for table in ("title", "passage"):
        keys = database.new_keys(table, len(rows[table]))
        rows[table] = [(key, *row) for key, row in zip(keys, rows[table], strict=True)]
    for table, columns in _COLUMNS.items():
        if rows[table]:
            database.load(table, columns, rows[table])
    return left


def _add(
    rows: dict[str, list[tuple[object, ...]]],
    n: int,
    thread: Thread,
    seen: int,
    dated: int,
    database: Database,
) -> None:
    """Add the rows of one thread; titles and passages still without keys."""
    rows["thread"].append((n, *thread_row(thread, seen, dated)))
    if title := storable(thread.title):
        rows["title"].append((n, title, seen, seen, database.kept_folding(title)))
    rows["reading"] += (
        (n, one.time, one.exact, one.points, one.comments) for one in thread.readings
    )
    if thread.place is not None:
        rows["front_page"].append((n, thread.place.time, thread.place.rank))
    ordered = sorted(thread.passages, key=lambda passage: PASSAGE_ORDER.index(passage.kind))
    for kind, group in groupby(ordered, key=lambda passage: passage.kind):
        for position, one in zip(count(), group, strict=False):
            text = storable(one.text)
            rows["passage"].append(
                (n, kind, position, text, storable(one.link), one.points, seen,
                 database.kept_folding(text))
            )  # fmt: skip
