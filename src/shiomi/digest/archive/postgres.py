"""PostgreSQL as the archive's engine: one database that several machines share.

It needs PostgreSQL 15 or newer with the extension pg_trgm and the encoding UTF8, and psycopg 3.
Each method corresponds to the method of the same name in sqlite.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, Self

import psycopg
from psycopg import errors
from psycopg.conninfo import conninfo_to_dict
from psycopg.pq import TransactionStatus
from psycopg.types.numeric import Int8Dumper
from psycopg.types.string import StrDumperUnknown

from shiomi.digest.address import PostgresAddress
from shiomi.digest.archive import postgres_search
from shiomi.digest.archive.matching import short_words, texts_to_index
from shiomi.digest.archive.migrate import (
    missing_migrations,
    no_archive,
    not_migrated,
    shipped_migrations,
)
from shiomi.digest.archive.storable import storable
from shiomi.digest.errors import ArchiveBusyError, ArchiveError

__all__ = ["PostgresDatabase"]

_OLDEST = 15
_WAIT = 30  # seconds that a writer waits for another writer
_DEFAULTS = {  # connection parameters; the address may override them
    "application_name": "shiomi",
    "connect_timeout": "10",
    "keepalives_idle": "30",
    "keepalives_interval": "10",
    "keepalives_count": "3",
    "tcp_user_timeout": "30000",  # milliseconds
}
# If this machine disappears, the server notices it within a minute and ends its transaction.
_SESSION = (
    f"SET lock_timeout = '{_WAIT}s'; SET tcp_keepalives_idle = 30;"
    " SET tcp_keepalives_interval = 10; SET tcp_keepalives_count = 3; SET jit = off"
)
_OWN = "archive of shiomi"  # the comment on the table `migration`
# SQLSTATE classes and codes of temporary errors: connection, resources, shutdown, cancel, locks.
_PASSING = re.compile(r"08...|53[03]..|57...|40...|55P03")


class _Text(StrDumperUnknown):
    """Send text without NUL and lone surrogates, because PostgreSQL refuses them."""

    def dump(self, obj: str) -> bytes | bytearray | memoryview | None:
        return super().dump(storable(obj))


class _Bool(Int8Dumper):
    """Convert True to 1. SQLite has no boolean type, so the columns are integers."""

    def dump(self, obj: Any) -> bytes | bytearray | memoryview | None:
        return b"1" if obj else b"0"


@lru_cache(1024)
def _translated(statement: str) -> bytes:
    """Return the statement with psycopg's placeholders."""
    return statement.replace("%", "%%").replace("?", "%s").encode()


class PostgresDatabase:
    """One connection. A finished transaction survives a crash of client and server."""

    listed = "(SELECT unnest(?::bigint[]))"
    wanted = "unnest(?::bigint[]) AS wanted (value)"
    wanted_texts = "jsonb_array_elements(?::jsonb) AS wanted (value)"
    newest_matches = postgres_search.newest_matches

    def __init__(self, connection: psycopg.Connection[Any], name: str) -> None:
        self._connection = connection
        self.name = name
        self._limit = 0.0

    @classmethod
    def open(
        cls, address: PostgresAddress, *, create: bool = True, read_only: bool = False
    ) -> Self:
        """Connect and migrate. With `read_only`, never write and never migrate.

        Raises ArchiveError as `Archive.open` describes, and ArchiveBusyError if the server does not
        answer. No error shows the password.
        """
        name = str(address)
        try:
            given: dict[str, Any] = conninfo_to_dict(address.conninfo)
        except psycopg.Error:  # the error's text quotes parts of the address
            raise ArchiveError(
                f"archive {name}: libpq cannot read this address; write"
                " postgresql://user@host/database"
            ) from None
        try:
            options: dict[str, Any] = {**_DEFAULTS, **given, "client_encoding": "UTF8"}
            connection = psycopg.connect(autocommit=True, **options)
        except psycopg.Error as error:
            raise _explained(error, name) from error
        database = cls(connection, name)
        try:
            connection.adapters.register_dumper(str, _Text)
            connection.adapters.register_dumper(int, Int8Dumper)
            connection.adapters.register_dumper(bool, _Bool)
            database.execute(_SESSION, None)
            if read_only:
                database.execute("SET default_transaction_read_only = on")
            database._check_server()
            database._migrate(create=create and not read_only, read_only=read_only)
        except BaseException:
            connection.close()
            raise
        return database

    def execute(self, statement: str, values: Sequence[object] | None = ()) -> Any:
        """Run one statement. If `values` is None, it may be several statements without
        placeholders."""
        try:
            if values is None:
                return self._connection.execute(statement.encode())
            return self._connection.execute(_translated(statement), values)
        except psycopg.Error as error:
            raise _explained(error, self.name) from error

    def executemany(self, statement: str, values: Iterable[Sequence[object]]) -> Any:
        """Run one statement for each sequence of values, without waiting for each answer."""
        cursor = self._connection.cursor()
        try:
            cursor.executemany(_translated(statement), list(values))
        except psycopg.Error as error:
            raise _explained(error, self.name) from error
        return cursor

    def keys(self, values: Iterable[int]) -> list[int]:
        """Return the keys as a list."""
        return list(values)

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open. A lost connection has no transaction."""
        status = self._connection.info.transaction_status
        return status not in (TransactionStatus.IDLE, TransactionStatus.UNKNOWN)

    def begin(self) -> None:
        """Open a transaction, and wait until no other writer has one."""
        self.execute("BEGIN")
        try:
            self.execute(
                "SELECT pg_advisory_xact_lock(1397246287, hashtext(current_schema()::text))"
            )
        except BaseException:
            if self.in_transaction:
                self.execute("ROLLBACK")
            raise

    def begin_reading(self) -> None:
        """Open a transaction whose statements all see the same state of the database."""
        self.execute("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY")

    def new_keys(self, table: str, number: int) -> list[int]:
        """Take keys from the table's sequence."""
        rows = self.execute(
            f"SELECT nextval(pg_get_serial_sequence('{table}', 'n')) FROM generate_series(1, ?)",
            (number,),
        )
        return [n for (n,) in rows]

    def load(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """Insert new rows with their keys, and index their texts."""
        self.execute("SET LOCAL gin_pending_list_limit = '64MB'")
        self._copy(table, columns, rows)
        if table in ("title", "passage"):
            texts = texts_to_index(table, columns, rows)
            shorts = ((key, short_words(text).split()) for key, text in texts)
            self._copy(f"{table}_short", ("n", "words"), (one for one in shorts if one[1]))

    def _copy(self, table: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
        statement = f"COPY {table} ({', '.join(columns)}) FROM STDIN"
        try:
            with self._connection.cursor().copy(statement.encode()) as copy:
                for row in rows:
                    copy.write_row(row)
        except psycopg.Error as error:
            raise _explained(error, self.name) from error

    def finish_load(self) -> None:
        """Set the sequences to continue after the loaded keys, and update the planner's
        statistics."""
        for table in ("thread", "title", "passage"):
            self.execute(
                f"SELECT setval(pg_get_serial_sequence('{table}', 'n'), max(n)) FROM {table}"
            )
        self.execute("ANALYZE")

    def limit(self, seconds: float) -> None:
        """Stop statements that run longer than `seconds`. The time is measured from the start of
        each statement."""
        if seconds != self._limit:
            self.execute(f"SET statement_timeout = {max(1, round(seconds * 1000))}")
            self._limit = seconds

    def change_token(self) -> tuple[object, ...]:
        """Return the identity of the table of threads, and the server's snapshot of transactions.

        A transaction that writes changes the snapshot when it begins and when it ends.
        """
        row = self.execute(
            "SELECT to_regclass('thread')::oid, pg_current_snapshot()::text"
        ).fetchone()
        if row[0] is None:
            raise ArchiveBusyError(f"archive {self.name}: its tables are gone")
        return tuple(row)

    def time(self, here: float) -> int:  # noqa: ARG002 - the clock of this machine is not used
        """Return the time of the server: all machines share one clock."""
        (now,) = self.execute("SELECT extract(epoch FROM clock_timestamp())::bigint").fetchone()
        return int(now)

    def size(self) -> int:
        """Return the size of the tables and their indexes in bytes."""
        (size,) = self.execute(
            "SELECT sum(pg_total_relation_size(oid))::bigint FROM pg_class"
            " WHERE relkind = 'r' AND relnamespace = current_schema()::regnamespace"
        ).fetchone()
        return int(size or 0)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _check_server(self) -> None:
        version = self._connection.info.server_version
        if version < _OLDEST * 10_000:
            raise ArchiveError(
                f"archive {self.name}: the server is PostgreSQL {version // 10_000};"
                f" {_OLDEST} or newer is required"
            )
        encoding, ctype, schema = self.execute(
            "SELECT current_setting('server_encoding'), datctype, current_schema()"
            " FROM pg_database WHERE datname = current_database()"
        ).fetchone()
        if schema is None:
            raise ArchiveError(
                f"archive {self.name}: no schema of the search path exists; create one"
            )
        # Without such a locale the trigrams of Japanese text would not be indexed.
        if encoding != "UTF8" or ctype in ("C", "POSIX"):
            raise ArchiveError(
                f"archive {self.name}: the database has the encoding {encoding} and LC_CTYPE"
                f" {ctype}; create it with `createdb --template=template0 --encoding=UTF8"
                " --locale=C.UTF-8`"
            )

    def _migrate(self, *, create: bool, read_only: bool) -> None:
        migrations = shipped_migrations("postgres")
        missing = self._missing(create=create)
        if not missing:
            return
        if read_only:
            raise not_migrated(self.name, missing)
        self.begin()
        try:
            missing = self._missing(create=create)  # another process may have applied it
            self.execute(
                "CREATE TABLE IF NOT EXISTS migration (number bigint PRIMARY KEY, name text)"
            )
            self.execute(f"COMMENT ON TABLE migration IS '{_OWN}'")
            for migration in migrations:
                if migration.number in missing:
                    self.execute(migration.sql, None)
                    self.execute(
                        "INSERT INTO migration VALUES (?, ?)", (migration.number, migration.name)
                    )
            self.execute("COMMIT")
        except BaseException:
            if self.in_transaction:
                self.execute("ROLLBACK")
            raise

    def _missing(self, *, create: bool) -> set[int]:
        """Return the numbers of the migrations to apply. Raises ArchiveError if there is no archive
        and none may be created."""
        comment, tables = self.execute(
            "SELECT obj_description(to_regclass('migration'), 'pg_class'), (SELECT count(*)"
            " FROM pg_class WHERE relkind = 'r' AND relnamespace = current_schema()::regnamespace)"
        ).fetchone()
        migrations = shipped_migrations("postgres")
        applied: set[int] = set()
        if comment == _OWN:
            applied = {n for (n,) in self.execute("SELECT number FROM migration").fetchall()}
        elif tables:
            raise ArchiveError(
                f"archive {self.name}: the database holds tables of another program; create a"
                " database for the archive"
            )
        elif not create:
            raise no_archive(self.name)
        return missing_migrations(applied, migrations, self.name)


def _explained(error: psycopg.Error, name: str) -> ArchiveError:
    """Return an error message with a remedy."""
    text = " ".join(str(error).split())
    code = error.sqlstate or ""
    if isinstance(error, errors.QueryCanceled):
        return ArchiveBusyError(f"archive {name}: the query took too long; ask for less")
    if isinstance(error, errors.LockNotAvailable):
        return ArchiveBusyError(
            f"archive {name}: another program is writing it; wait until it ends, and try again"
        )
    if _PASSING.fullmatch(code) or (not code and isinstance(error, psycopg.OperationalError)):
        return ArchiveBusyError(
            f"archive {name}: {text}; nothing committed was lost; check that the server runs and"
            " accepts this user, and try again"
        )
    if isinstance(error, errors.InsufficientPrivilege):
        remedy = "grant the right, or let the owner of the database run `shiomi status` once"
    elif isinstance(error, errors.UndefinedFile):
        remedy = "install the server's contrib modules (pg_trgm)"
    elif isinstance(error, errors.DiskFull):
        remedy = "the disk of the server is full; nothing committed was lost"
    else:
        remedy = "nothing committed was lost"
    return ArchiveError(f"archive {name}: {text}; {remedy}")
