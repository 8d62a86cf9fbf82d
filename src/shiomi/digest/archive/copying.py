"""Copy an archive to another location, and compare both.

The two archives may use different engines: SQLite or PostgreSQL.

Rows are copied table by table in key order, each batch in one transaction. So the target always
holds the first rows of each table, and an interrupted copy resumes after them. The target has a
lease "copy" that names the source. The lease is released when the contents are equal.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import msgspec

from shiomi.digest.archive.archive import Archive
from shiomi.digest.archive.database import Database
from shiomi.digest.archive.storable import storable
from shiomi.digest.errors import ArchiveError

__all__ = ["TABLES", "CopyReport", "copy_archive", "hash_content"]

TABLES = {
    "thread": ("n",),
    "title": ("n",),
    "reading": ("thread", "time", "exact"),
    "front_page": ("thread", "time"),
    "passage": ("n",),
    "source": ("name",),
    "import": ("file",),
    "link": ("a", "b"),
    "thread_page": ("url", "thread"),
    "digest_plan": ("last", "language"),
    "digest_part": ("last", "language", "kind", "key"),
    "digest": ("last", "language"),
    "digest_thread": ("uid", "last", "language"),
    "outcome": ("community", "feed", "time"),
    "notice": ("key",),
    "correction": ("a", "b"),
}
"""The tables that are copied, each with its key. A table comes after the tables it refers to.

Leases are not copied, because a lease belongs to the process that uses an archive. Search indexes
are not copied, because they are made from the texts.
"""

_BATCH = 5_000  # number of rows in a transaction
_LEASE = "copy"

Progress = Callable[[int, int | None, str], None]
Row = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class CopyReport:
    """The result of a copy."""

    source: str
    target: str
    threads: int
    rows: int
    resumed: bool  # an earlier, interrupted copy was continued
    sha256: str  # hash of the content of both archives


def copy_archive(
    source: Archive, target: Archive, *, replace: bool = False, progress: Progress = lambda *_: None
) -> CopyReport:
    """Copy everything in `source` to `target`, and compare the contents.

    An interrupted copy of the same source is continued. If the target has other rows, they are
    deleted if `replace` is true; otherwise ArchiveError is raised. ArchiveError is also raised if
    `source` changed since the copy began.
    """
    name = source.database.name
    resumed = _prepare(target, name, replace=replace)
    with _snapshot(source.database):
        total = sum(_count(source.database, table) for table in TABLES)
        done = 0
        for table in TABLES:
            columns, after = _columns(target.database, table), _last_key(target.database, table)
            done += _count(target.database, table)
            for rows in _batches(source.database, table, columns, after):
                with target.transaction():
                    target.database.load(table, columns, rows)
                done += len(rows)
                progress(done, total, "copying rows")
        target.database.finish_load()
        before = hash_content(source.database, lambda n: progress(n, total, "reading the source"))
    after_copy = hash_content(target.database, lambda n: progress(n, total, "reading the copy"))
    if before != after_copy:
        raise ArchiveError(
            f"{target.database.name} differs from {name}, which changed since the copy began;"
            " copy again with --replace while nothing writes"
        )
    with target.transaction():
        target.database.execute("DELETE FROM lease WHERE name = ?", (_LEASE,))
    threads = _count(target.database, "thread")
    return CopyReport(name, target.database.name, threads, total, resumed, before)


def hash_content(database: Database, progress: Callable[[int], None] = lambda _: None) -> str:
    """Return the SHA-256 (hexadecimal) of all rows of `TABLES` in the order of their keys.

    Each row is hashed as a JSON array with its columns in alphabetical order. Equal contents have
    equal hashes, with both engines.
    """
    digest = hashlib.sha256()
    done = 0
    for table in TABLES:
        columns = _columns(database, table)
        digest.update(msgspec.json.encode([table, columns]))
        for rows in _batches(database, table, columns, None):
            digest.update(msgspec.json.encode(rows))
            done += len(rows)
            progress(done)
    return digest.hexdigest()


def _prepare(target: Archive, name: str, *, replace: bool) -> bool:
    """Prepare the target for a copy of `name`; return whether an earlier copy is continued."""
    execute = target.database.execute
    with target.transaction():
        row = execute("SELECT holder FROM lease WHERE name = ?", (_LEASE,)).fetchone()
        if row is not None and row[0] == name and not replace:
            return True
        if not replace:
            if row is not None:
                raise ArchiveError(
                    f"{target.database.name} holds an interrupted copy of {row[0]};"
                    " --replace deletes it"
                )
            if any(_last_key(target.database, table) for table in TABLES):
                raise ArchiveError(
                    f"{target.database.name} is not empty; --replace deletes everything in it"
                )
        for table in reversed(TABLES):
            execute(f"DELETE FROM {table}")
        execute(
            "INSERT INTO lease (name, holder, until) VALUES (?, ?, 0)"
            " ON CONFLICT (name) DO UPDATE SET holder = excluded.holder",
            (_LEASE, name),
        )
    return False


@contextmanager
def _snapshot(database: Database) -> Iterator[None]:
    """Make all reads of the block see the same state of the database."""
    database.begin_reading()
    try:
        yield
    finally:
        if database.in_transaction:
            database.execute("ROLLBACK")


def _columns(database: Database, table: str) -> list[str]:
    description = database.execute(f"SELECT * FROM {table} LIMIT 0").description
    return sorted(column[0] for column in description)


def _count(database: Database, table: str) -> int:
    (rows,) = database.execute(f"SELECT count(*) FROM {table}").fetchone()
    return int(rows)


def _last_key(database: Database, table: str) -> Row | None:
    """Return the greatest key, or None for an empty table."""
    keys = TABLES[table]
    order = ", ".join(f"{key} DESC" for key in keys)
    row: Row | None = database.execute(
        f"SELECT {', '.join(keys)} FROM {table} ORDER BY {order} LIMIT 1"
    ).fetchone()
    return row


def _batches(
    database: Database, table: str, columns: Sequence[str], after: Row | None
) -> Iterator[list[Row]]:
    """Yield the rows whose key is greater than `after`, in the order of their keys."""
    keys = TABLES[table]
    places = [columns.index(key) for key in keys]
    marks = ", ".join("?" * len(keys))
    listed, order = ", ".join(columns), ", ".join(keys)
    while True:
        where = "" if after is None else f" WHERE ({order}) > ({marks})"
        rows = database.execute(
            f"SELECT {listed} FROM {table}{where} ORDER BY {order} LIMIT ?",
            (*(after or ()), _BATCH),
        ).fetchall()
        if rows:
            yield [tuple(map(_storable, row)) for row in rows]
        if len(rows) < _BATCH:
            return
        after = tuple(rows[-1][place] for place in places)


def _storable(value: object) -> object:
    return storable(value) if isinstance(value, str) else value
