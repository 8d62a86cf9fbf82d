"""SQLite as the archive's engine: one file in WAL mode."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import wraps
from pathlib import Path
from typing import Any, Self

from shiomi.digest.archive import sqlite_search
from shiomi.digest.archive.matching import short_words, texts_to_index
from shiomi.digest.archive.migrate import check_migrated, migrate, no_archive
from shiomi.digest.errors import ArchiveBusyError, ArchiveError

__all__ = ["SqliteDatabase"]


def _explaining(method: Callable[..., Any]) -> Callable[..., Any]:
    """Make a method of a cursor raise ArchiveError instead of sqlite3.Error."""

    @wraps(method)
    def explained(cursor: _Cursor, *values: object) -> Any:
        try:
            return method(cursor, *values)
        except sqlite3.Error as error:
            raise _explained(error, cursor.name) from error

    return explained


class _Cursor(sqlite3.Cursor):
    def __init__(self, connection: sqlite3.Connection, name: str) -> None:
        super().__init__(connection)
        self.name = name

    execute = _explaining(sqlite3.Cursor.execute)
    executemany = _explaining(sqlite3.Cursor.executemany)
    fetchone = _explaining(sqlite3.Cursor.fetchone)
    fetchall = _explaining(sqlite3.Cursor.fetchall)

    def __iter__(self) -> Iterator[Any]:  # type: ignore[override]
        return iter(self.fetchone, None)


class SqliteDatabase:
    """One SQLite file. A finished transaction survives `kill -9` and a power cut."""

    listed = "(SELECT value FROM json_each(?))"
    wanted = "json_each(?) AS wanted"
    wanted_texts = wanted
    newest_matches = sqlite_search.newest_matches

    def __init__(self, connection: sqlite3.Connection, name: str) -> None:
        self.connection = connection
        self.name = name

    @classmethod
    def open(cls, path: Path | str, *, create: bool = True, read_only: bool = False) -> Self:
        """Open the file and migrate it. With `read_only`, the file is not written and not migrated.

        Raises ArchiveError as `Archive.open` describes.
        """
        name = str(path)
        if name != ":memory:":
            _check_file(Path(path), create=create and not read_only, read_only=read_only)
        connection = None
        try:
            if read_only:
                connection = _connect_read_only(Path(path))
                check_migrated(connection, name)
            else:
                connection = sqlite3.connect(name, timeout=30.0, isolation_level=None)
                connection.execute("PRAGMA busy_timeout = 30000")
                connection.execute("PRAGMA foreign_keys = ON")
                connection.execute("PRAGMA journal_mode = WAL")
                # after a commit, the data is on the disk
                connection.execute("PRAGMA synchronous = FULL")
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

    def execute(self, statement: str, values: Sequence[object] = ()) -> Any:
        """Run one statement."""
        return _Cursor(self.connection, self.name).execute(statement, values)

    def executemany(self, statement: str, values: Iterable[Sequence[object]]) -> Any:
        """Run one statement for each sequence of values."""
        return _Cursor(self.connection, self.name).executemany(statement, values)

    def keys(self, values: Iterable[int]) -> str:
        """Return the keys as a JSON array."""
        return f"[{','.join(map(str, values))}]"

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open. If the disk is full, SQLite itself ends the
        transaction."""
        return self.connection.in_transaction

    def begin(self) -> None:
        """Open a transaction for writing."""
        self.execute("BEGIN IMMEDIATE")

    def begin_reading(self) -> None:
        """Open a transaction whose statements all see the same state of the database."""
        self.execute("BEGIN")

    def new_keys(self, table: str, number: int) -> list[int]:
        """Return the keys after the greatest one."""
        (last,) = self.execute(f"SELECT coalesce(max(n), 0) FROM {table}").fetchone()
        return list(range(last + 1, last + number + 1))

    def load(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """Insert new rows with their keys, and index the trigrams and short words of their
        texts."""
        self.executemany(
            f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})",
            rows,
        )
        if table in ("title", "passage"):
            texts = list(texts_to_index(table, columns, rows))
            column = "title" if table == "title" else "text"
            self.executemany(f"INSERT INTO {table}_text (rowid, {column}) VALUES (?, ?)", texts)
            shorts = ((key, short_words(text)) for key, text in texts)
            self.executemany(
                f"INSERT INTO {table}_short (rowid, words) VALUES (?, ?)",
                (one for one in shorts if one[1]),
            )

    def finish_load(self) -> None:
        """Do nothing."""

    def limit(self, seconds: float) -> None:
        """Stop statements that run longer than `seconds`. The time is measured from this call."""
        end = time.monotonic() + seconds
        self.connection.set_progress_handler(lambda: time.monotonic() > end, 20_000)

    def change_token(self) -> tuple[int, ...]:
        """Return the file's identity and SQLite's data version. Raises ArchiveError if the file is
        missing."""
        if self.name == ":memory:":
            return (id(self.connection),)
        try:
            state = os.stat(self.name)  # noqa: PTH116 - called for every request
        except OSError as error:
            raise ArchiveBusyError(f"archive {self.name}: {error.strerror}") from error
        (version,) = self.execute("PRAGMA data_version").fetchone()
        return state.st_ino, state.st_dev, version

    def time(self, here: float) -> int:
        """Return this machine's time, because an SQLite file serves only one machine."""
        return int(here)

    def size(self) -> int:
        """Return the size of the file and its write-ahead log in bytes."""
        if self.name == ":memory:":
            return 0
        files = (Path(self.name), Path(f"{self.name}-wal"))
        return sum(file.stat().st_size for file in files if file.exists())

    def close(self) -> None:
        """Close the file."""
        self.connection.close()


def _connect_read_only(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=ro",
        uri=True,
        timeout=2.0,
        isolation_level=None,
        check_same_thread=False,
    )
    connection.execute("PRAGMA query_only = ON")
    connection.execute("PRAGMA cache_size = -16384")  # KiB
    connection.execute("PRAGMA temp_store = MEMORY")
    return connection


def _check_file(path: Path, *, create: bool, read_only: bool) -> None:
    """Raise ArchiveError for files that SQLite would misread or report unclearly."""
    if path.is_dir():
        raise ArchiveError(
            f"archive {path} is a directory; name a file in it, for example"
            f" {path / 'shiomi.sqlite3'}"
        )
    if not path.exists():
        if not create:
            raise no_archive(str(path))
        if not path.parent.is_dir():
            raise ArchiveError(
                f"archive {path} cannot be made: {path.parent} is not a directory; make it first,"
                " or set `archive` in shiomi.toml"
            )
        return
    if not path.is_file():
        raise ArchiveError(f"archive {path} is a device or a pipe; name a file")
    if not os.access(path, os.R_OK if read_only else os.R_OK | os.W_OK):
        needed = "read" if read_only else "read and written"
        raise ArchiveError(f"archive {path} may not be {needed}; change its permissions")
    with path.open("rb") as file:
        header = file.read(100)
    if header and not header.startswith(b"SQLite format 3\0"):
        raise ArchiveError(
            f"{path} is not an archive (not a SQLite file); set `archive` in shiomi.toml to another"
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
    """Return an error message with a remedy."""
    text = str(error)
    if "interrupted" in text:
        return ArchiveBusyError(f"archive {name}: the query took too long; ask for less")
    if "locked" in text or "busy" in text or "schema has changed" in text:
        return ArchiveBusyError(
            f"archive {name}: {text}; another program is writing it; wait until it ends, and try"
            " again"
        )
    if "readonly" in text or "unable to open" in text:
        remedy = "its file and its directory must be writable; change their permissions"
    elif "malformed" in text or "not a database" in text or "corrupt" in text:
        remedy = "the file is damaged; restore it from a copy, or save what can be read with"
        remedy += f" `sqlite3 {name} .recover`"
    elif "full" in text:
        remedy = "the disk is full; free some space; nothing committed was lost"
    else:
        remedy = "nothing committed was lost"
    return ArchiveError(f"archive {name}: {text}; {remedy}")
