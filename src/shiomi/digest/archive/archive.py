"""The archive: one SQLite file that holds every thread, and answers "as of" any time."""

from __future__ import annotations

import os
import sqlite3
from array import array
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from shiomi.digest.archive.adding import Added, Writer
from shiomi.digest.archive.loading import find_keys, load_threads
from shiomi.digest.archive.migrate import migrate
from shiomi.digest.archive.search import Hit, search_threads
from shiomi.digest.archive.status import ArchiveStatus, read_status
from shiomi.digest.archive.storable import storable
from shiomi.digest.errors import ArchiveError
from shiomi.digest.thread import Reading, Thread

__all__ = ["Archive"]

_BATCH = 500  # threads loaded at once


class Archive:
    """One SQLite file in WAL mode. Used by one thread; other processes may read and write it too.

    What a finished transaction wrote survives `kill -9` and a power cut. Every method raises
    ArchiveError where the file turns out to be damaged, locked for long, or cannot be written.
    """

    connection: sqlite3.Connection
    """For rooms that own tables. In autocommit mode: write inside `transaction()`."""

    def __init__(self, connection: sqlite3.Connection, path: str) -> None:
        self.connection = connection
        self._path = path

    @classmethod
    def open(cls, path: Path | str, *, create: bool = True) -> Self:
        """Open the archive at `path`, making it where there is none, and migrate it.

        ":memory:" is an archive that ends with the program. Raises ArchiveError where the file is
        no archive, is damaged, is newer than this program, or cannot be written; with
        `create=False` also where there is none.
        """
        name = str(path)
        if name != ":memory:":
            _check_file(Path(path), create=create)
        connection = None
        try:
            connection = sqlite3.connect(name, timeout=30.0, isolation_level=None)
            connection.execute("PRAGMA busy_timeout = 30000")
            connection.execute("PRAGMA foreign_keys = ON")
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")  # a commit is on the disk
            connection.execute("PRAGMA cache_size = -65536")  # KiB
            connection.execute("PRAGMA temp_store = MEMORY")
            migrate(connection, name)
        except sqlite3.Error as error:
            if connection is not None:
                connection.close()
            raise _explained(error, name) from error
        except BaseException:
            if connection is not None:
                connection.close()
            raise
        return cls(connection, name)

    def close(self) -> None:
        """Close the file. Closing twice does no harm."""
        self.connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All writes inside are kept together or not at all. May be nested."""
        nested = self.connection.in_transaction
        begin, commit, rollback = (
            ("SAVEPOINT nested", "RELEASE nested", "ROLLBACK TO nested")
            if nested
            else ("BEGIN IMMEDIATE", "COMMIT", "ROLLBACK")
        )
        with self._explaining():
            self.connection.execute(begin)
            try:
                yield
                self.connection.execute(commit)
            except BaseException:
                if self.connection.in_transaction:  # SQLite ends it itself when the disk is full
                    self.connection.execute(rollback)
                    if nested:
                        self.connection.execute(commit)
                raise

    def add(self, threads: Iterable[Thread], *, seen: int) -> Added:
        """Join threads seen at `seen` (unix seconds) to what is known, in one transaction.

        Adding the same again changes nothing; the order of adding does not matter; what is absent
        (None, no tags, no passages) never erases what is known. The rules: adding.py.
        """
        return self.add_seen((thread, seen) for thread in threads)

    def add_seen(self, threads: Iterable[tuple[Thread, int]]) -> Added:
        """As `add`, for threads that were each seen at a time of their own."""
        with self.transaction():
            writer = Writer(self.connection)
            for thread, seen in threads:
                writer.add(thread, seen)
        return writer.added

    def thread(self, uid: str, *, as_of: int | None = None) -> Thread | None:
        """The thread, with readings up to `as_of`; its title and state are of now."""
        return self.get_many([uid], as_of=as_of).get(uid)

    def threads(
        self, since: int, until: int, *, as_of: int | None = None, community: str | None = None
    ) -> Iterator[Thread]:
        """Threads created in [since, until), by (created, uid), with readings up to `as_of`.

        Which threads is decided on the first step; the archive may be written to in between.
        """
        query = "SELECT n FROM thread WHERE created >= ? AND created < ?"
        values: list[object] = [since, until]
        if community is not None:
            query += " AND community = ?"
            values.append(community)
        query += " ORDER BY created, community || ':' || id"
        with self._explaining():
            keys = array("q", (n for (n,) in self.connection.execute(query, values)))
        for start in range(0, len(keys), _BATCH):
            with self._explaining():
                batch = load_threads(self.connection, keys[start : start + _BATCH].tolist(), as_of)
            yield from batch

    def get_many(self, uids: Iterable[str], *, as_of: int | None = None) -> dict[str, Thread]:
        """Those of the threads that are here, by uid, in the order asked for."""
        wanted = list(dict.fromkeys(map(storable, uids)))
        found: dict[str, Thread] = {}
        for start in range(0, len(wanted), _BATCH):
            batch = wanted[start : start + _BATCH]
            with self._explaining():
                keys = find_keys(self.connection, batch)
                threads = load_threads(
                    self.connection, [keys[uid] for uid in batch if uid in keys], as_of
                )
            found.update((thread.uid, thread) for thread in threads)
        return found

    def pending(self, limit: int) -> list[tuple[int, Thread]]:
        """Up to `limit` threads that are not linked yet, by key `n`, oldest key first."""
        with self._explaining():
            keys = [
                n
                for (n,) in self.connection.execute(
                    "SELECT n FROM thread WHERE linked = 0 AND created NOT NULL ORDER BY n LIMIT ?",
                    (limit,),
                )
            ]
            return list(zip(keys, load_threads(self.connection, keys), strict=True))

    def reading(self, uid: str, as_of: int) -> Reading | None:
        """The newest reading at `as_of` or before; also of a thread that is only heard of."""
        with self._explaining():
            row = self.connection.execute(
                "SELECT time, points, comments, exact FROM reading JOIN thread ON thread = n"
                " WHERE community = ? AND id = ? AND time <= ?"
                " ORDER BY time DESC, exact DESC LIMIT 1",
                (*storable(uid).partition(":")[::2], as_of),
            ).fetchone()
        return None if row is None else Reading(row[0], row[1], row[2], bool(row[3]))

    def titles(self, uid: str) -> list[tuple[int, str]]:
        """Every title the thread was seen with, and when first, oldest first."""
        with self._explaining():
            return self.connection.execute(
                "SELECT first, title.title FROM title JOIN thread ON thread = thread.n"
                " WHERE community = ? AND id = ? ORDER BY first, last, title.title",
                storable(uid).partition(":")[::2],
            ).fetchall()

    def search(
        self,
        query: str,
        *,
        limit: int = 20,
        since: int | None = None,
        until: int | None = None,
        community: str | None = None,
    ) -> list[Hit]:
        """Threads by their words, in any title they had or any passage, best first.

        All words must occur; words in double quotes stand together; nothing else is syntax.
        `since` and `until` bound the time of creation, in unix seconds.
        """
        with self._explaining():
            return search_threads(
                self.connection,
                query,
                limit=limit,
                since=since,
                until=until,
                community=community,
            )

    def cursor(self, source: str) -> str | None:
        """Where the collecting of `source` stands, as it was last set."""
        with self._explaining():
            row = self.connection.execute(
                "SELECT cursor FROM source WHERE name = ?", (source,)
            ).fetchone()
        return None if row is None else str(row[0])

    def set_cursor(self, source: str, cursor: str, *, collected: int | None = None) -> None:
        """Keep where collecting stands; inside the transaction of the `add` it belongs to.

        `collected` is when the source gave what is archived with it (unix seconds); None leaves
        what is known of that: for a source that failed, and for cursors of no source.
        """
        with self.transaction():
            self.connection.execute(
                "INSERT INTO source VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE"
                " SET cursor = ?2, collected = coalesce(?3, collected)",
                (source, cursor, collected),
            )

    def status(self) -> ArchiveStatus:
        """What the archive holds and how fresh it is."""
        size = 0
        if self._path != ":memory:":
            for name in (self._path, f"{self._path}-wal"):
                file = Path(name)
                size += file.stat().st_size if file.exists() else 0
        with self._explaining():
            return read_status(self.connection, self._path, size)

    @contextmanager
    def _explaining(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise _explained(error, self._path) from error


def _check_file(path: Path, *, create: bool) -> None:
    """Raise ArchiveError for what SQLite would misread or explain badly."""
    if path.is_dir():
        raise ArchiveError(
            f"archive {path} is a directory; name a file in it, as in shiomi.sqlite3"
        )
    if not path.exists():
        if not create:
            raise ArchiveError(
                f"there is no archive at {path}; `shiomi collect` or `shiomi import` makes one, or"
                " set `archive` in shiomi.toml"
            )
        if not path.parent.is_dir():
            raise ArchiveError(
                f"archive {path} cannot be made: {path.parent} is no directory; make it first, or"
                " set `archive` in shiomi.toml"
            )
        return
    if not os.access(path, os.R_OK | os.W_OK):
        raise ArchiveError(f"archive {path} may not be read and written; change its permissions")
    with path.open("rb") as file:
        header = file.read(100)
    if header and not header.startswith(b"SQLite format 3\0"):
        raise ArchiveError(
            f"{path} is no archive (not a SQLite file); set `archive` in shiomi.toml to another"
            " file, or read this one with `shiomi import`"
        )
    log = Path(f"{path}-wal")
    if len(header) == 100 and not (log.exists() and log.stat().st_size):
        page = int.from_bytes(header[16:18], "big")
        expected = (65536 if page == 1 else page) * int.from_bytes(header[28:32], "big")
        if path.stat().st_size < expected:
            raise ArchiveError(
                f"archive {path} is cut short: {path.stat().st_size} of {expected} bytes are there;"
                " restore it from a copy"
            )


def _explained(error: sqlite3.Error, name: str) -> ArchiveError:
    """The error in words a user can act on."""
    text = str(error)
    if "locked" in text or "busy" in text:
        remedy = "another program is writing it; wait for that to end, and try again"
    elif "readonly" in text or "unable to open" in text:
        remedy = "its file and its directory must be writable; change their permissions"
    elif "malformed" in text or "not a database" in text or "corrupt" in text:
        remedy = "the file is damaged; restore it from a copy, or save what can be read with"
        remedy += f" `sqlite3 {name} .recover`"
    elif "full" in text:
        remedy = "the disk is full; make room, nothing committed was lost"
    else:
        remedy = "nothing committed was lost"
    return ArchiveError(f"archive {name}: {text}; {remedy}")
