"""The archive: one database with every thread, and its state at any past time."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from shiomi.digest.address import Location, parse_location
from shiomi.digest.archive.adding import Added, SeenThread, add_threads
from shiomi.digest.archive.database import Database
from shiomi.digest.archive.loading import find_keys, load_threads
from shiomi.digest.archive.matching import SearchFilters
from shiomi.digest.archive.search import Hit, search_threads
from shiomi.digest.archive.sqlite import SqliteDatabase
from shiomi.digest.archive.status import ArchiveStatus, read_status
from shiomi.digest.archive.storable import storable
from shiomi.digest.errors import ArchiveError
from shiomi.digest.thread import Thread
from shiomi.extras import needs_extra

__all__ = ["Archive"]

_BATCH = 500  # number of threads that are loaded at once


class Archive:
    """All threads, counts and digests. An object may be used in only one thread of one process.

    Other processes may read and write the same archive. A finished transaction survives `kill -9`
    and a power cut. Every method raises ArchiveError if the archive is damaged, locked for long,
    or cannot be written.
    """

    database: Database
    """The database. Only this package uses it (DigestStore, LinkStore); no other code has SQL."""

    def __init__(self, database: Database) -> None:
        self.database = database

    @classmethod
    def open(
        cls, location: Location | str, *, create: bool = True, read_only: bool = False
    ) -> Self:
        """Open the archive at `location`, and migrate it. If there is no archive, create it.

        The location is the path of an SQLite file, or a postgresql:// address. ":memory:" is an
        archive that exists only while the program runs. With `read_only` the archive is never
        written and never migrated, and several threads may read it one after the other. Raises
        ArchiveError if the file is not an archive, is damaged, is newer than this program, or
        cannot be written. With `create=False` it is also raised if there is no archive. With
        `read_only`, ArchiveBusyError is raised if the archive must be migrated first.
        """
        if isinstance(location, str):
            location = parse_location(location)
        if isinstance(location, Path):
            return cls(SqliteDatabase.open(location, create=create, read_only=read_only))
        try:
            from shiomi.digest.archive.postgres import PostgresDatabase
        except ImportError as error:
            raise ArchiveError(needs_extra(f"archive {location}", "psycopg", "postgres")) from error
        return cls(PostgresDatabase.open(location, create=create, read_only=read_only))

    def close(self) -> None:
        """Close the archive. Closing it twice does no harm."""
        self.database.close()

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
        """Make all writes of the block succeed together or not at all. Blocks may be nested."""
        database = self.database
        nested = database.in_transaction
        if nested:
            database.execute("SAVEPOINT nested")
        else:
            database.begin()
        try:
            yield
            database.execute("RELEASE SAVEPOINT nested" if nested else "COMMIT")
        except BaseException:
            # If the disk is full, SQLite has already ended the transaction.
            if database.in_transaction:
                if nested:
                    database.execute("ROLLBACK TO SAVEPOINT nested")
                    database.execute("RELEASE SAVEPOINT nested")
                else:
                    database.execute("ROLLBACK")
            raise

    def add(self, threads: Iterable[Thread], *, seen: int) -> Added:
        """Merge threads seen at `seen` (unix seconds) into the archive, in one transaction.

        Adding the same threads again changes nothing, and the order does not matter. An absent
        value (None, no tags, no passages) never erases a known value. adding.py has the rules.
        """
        return self.add_seen((thread, seen) for thread in threads)

    def add_seen(self, threads: Iterable[tuple[Thread, int]]) -> Added:
        """Like `add`, but each thread has its own time of observation."""
        with self.transaction():
            return add_threads(
                self.database, (SeenThread(thread, seen, seen) for thread, seen in threads)
            )

    def thread(self, uid: str, *, as_of: int | None = None) -> Thread | None:
        """Return the thread with its readings up to `as_of`, but with its current title and
        state."""
        return self.get_many([uid], as_of=as_of).get(uid)

    def threads(
        self, since: int, until: int, *, as_of: int | None = None, community: str | None = None
    ) -> Iterator[Thread]:
        """Yield the threads created in [since, until), with readings up to `as_of`.

        They are ordered by (created, uid). The set of threads is fixed at the first step, so other
        processes may write to the archive at the same time.
        """
        query = "SELECT n FROM thread WHERE created >= ? AND created < ?"
        values: list[object] = [since, until]
        if community is not None:
            query += " AND community = ?"
            values.append(community)
        query += " ORDER BY created, community || ':' || id"
        keys = array("q", (n for (n,) in self.database.execute(query, values)))
        for start in range(0, len(keys), _BATCH):
            batch = load_threads(self.database, keys[start : start + _BATCH].tolist(), as_of)
            yield from batch

    def get_many(self, uids: Iterable[str], *, as_of: int | None = None) -> dict[str, Thread]:
        """Return the threads with these uids that the archive has, by uid and in the given
        order."""
        wanted = list(dict.fromkeys(map(storable, uids)))
        found: dict[str, Thread] = {}
        for start in range(0, len(wanted), _BATCH):
            batch = wanted[start : start + _BATCH]
            keys = find_keys(self.database, batch)
            threads = load_threads(
                self.database, [keys[uid] for uid in batch if uid in keys], as_of
            )
            found.update((thread.uid, thread) for thread in threads)
        return found

    def titles(self, uid: str) -> list[tuple[int, str]]:
        """Return every title of the thread and the time when it was first seen, oldest first."""
        rows = self.database.execute(
            "SELECT first, title.title FROM title JOIN thread ON thread = thread.n"
            " WHERE community = ? AND id = ? ORDER BY first, last, title.title",
            storable(uid).partition(":")[::2],
        ).fetchall()
        return [(first, title) for first, title in rows]

    def search(
        self,
        query: str,
        *,
        limit: int = 20,
        offset: int = 0,
        since: int | None = None,
        until: int | None = None,
        community: str | None = None,
        min_points: int | None = None,
    ) -> list[Hit]:
        """Return the threads that have the words of the query, best first.

        All words must occur in titles or passages of the thread; earlier titles count too. Words in
        double quotes must be adjacent. There is no other syntax. `since` and `until` bound the time
        of creation, in unix seconds. The first `offset` hits are skipped. If more than 1,000
        threads have the words, only about the newest 1,000 are ranked.
        """
        filters = SearchFilters(since, until, community, min_points)
        return search_threads(self.database, query, filters, limit=limit, offset=offset)

    def cursor(self, source: str) -> str | None:
        """Return the collection cursor of `source`."""
        row = self.database.execute(
            "SELECT cursor FROM source WHERE name = ?", (source,)
        ).fetchone()
        return None if row is None else str(row[0])

    def set_cursor(self, source: str, cursor: str, *, collected: int | None = None) -> None:
        """Save the collection cursor. Call it in the same transaction as the `add` of its threads.

        `collected` is the time when the source delivered the threads of this transaction (unix
        seconds). With None, the stored time does not change. Pass None after a failure, and for a
        cursor that belongs to no source.
        """
        with self.transaction():
            self.database.execute(
                "INSERT INTO source (name, cursor, collected) VALUES (?, ?, ?)"
                " ON CONFLICT (name) DO UPDATE SET cursor = excluded.cursor,"
                " collected = coalesce(excluded.collected, source.collected)",
                (source, cursor, collected),
            )

    def size(self) -> int:
        """Return the size of the archive on disk, in bytes."""
        return self.database.size()

    def limit(self, seconds: float) -> None:
        """Stop every later query that runs longer than `seconds`, and raise ArchiveBusyError."""
        self.database.limit(seconds)

    def change_token(self) -> tuple[object, ...]:
        """Return a value whose last item changes with every commit of another connection.

        The other items change only if another archive replaced this archive.
        """
        return self.database.change_token()

    def communities(self) -> list[str]:
        """Return the communities that have threads, in order.

        This takes one index look-up per community.
        """
        found: list[str] = []
        execute = self.database.execute
        (name,) = execute("SELECT min(community) FROM thread").fetchone()
        while name is not None:
            found.append(str(name))
            (name,) = execute(
                "SELECT min(community) FROM thread WHERE community > ?", (name,)
            ).fetchone()
        return found

    def time(self, here: float) -> int:
        """Return unix seconds by the clock that all users of the archive share.

        That is the clock of the database server. If the archive is a file, it is the local clock,
        whose time is `here`.
        """
        return self.database.time(here)

    def newest(self) -> int | None:
        """Return the time when a source last delivered threads.

        If no source did, return the time when the newest thread was created.
        """
        (collected,) = self.database.execute("SELECT max(collected) FROM source").fetchone()
        if collected is None:
            (collected,) = self.database.execute(
                "SELECT max(created) FROM thread WHERE created IS NOT NULL"
            ).fetchone()
        return None if collected is None else int(collected)

    def status(self) -> ArchiveStatus:
        """Return the contents of the archive and their freshness."""
        return read_status(self.database)
