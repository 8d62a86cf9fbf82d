"""Update an archive's tables to this program's schema with numbered .sql files. Each file is
applied once."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.resources import files

from shiomi.digest.archive.folding import kept_folding
from shiomi.digest.archive.matching import short_words
from shiomi.digest.errors import ArchiveBusyError, ArchiveError

__all__ = [
    "APPLICATION_ID",
    "Migration",
    "check_migrated",
    "migrate",
    "missing_migrations",
    "no_archive",
    "not_migrated",
    "shipped_migrations",
]

APPLICATION_ID = 0x5348494F  # "SHIO": marks an SQLite file as an archive


@dataclass(frozen=True, slots=True)
class Migration:
    """One numbered step."""

    number: int
    name: str
    sql: str


def shipped_migrations(engine: str = "") -> tuple[Migration, ...]:
    """Return the migrations of this program, in order. A number may be missing.

    `engine` is "" for SQLite, or "postgres".
    """
    found = []
    for file in files(__package__).joinpath("migrations", engine).iterdir():
        name = re.fullmatch(r"(\d{4})_(\w+)\.sql", file.name)
        if name:
            found.append(Migration(int(name[1]), name[2], file.read_text(encoding="utf-8")))
    return tuple(sorted(found, key=lambda migration: migration.number))


def migrate(
    connection: sqlite3.Connection, name: str, migrations: tuple[Migration, ...] | None = None
) -> None:
    """Apply all missing migrations.

    A new archive gets all of them in one transaction. Otherwise each migration is one transaction.

    A migration may call `kept_folding(text)` and `short_words(text)`, registered by this module.
    `connection` is in autocommit mode; `name` is the archive's name in errors. Raises ArchiveError
    if the file is another program's, or was made by a newer version of this one.
    """
    migrations = shipped_migrations() if migrations is None else migrations
    applied = _applied(connection, name)
    missing = missing_migrations(applied, migrations, name)
    connection.create_function("kept_folding", 1, kept_folding, deterministic=True)
    connection.create_function("short_words", 1, short_words, deterministic=True)
    steps = [migration for migration in migrations if migration.number in missing]
    for together in [[step] for step in steps] if applied else [steps]:
        _apply(connection, together)


def check_migrated(connection: sqlite3.Connection, name: str) -> None:
    """Raise ArchiveBusyError if a migration is missing, and ArchiveError if the archive is newer
    than this program."""
    missing = missing_migrations(_applied(connection, name), shipped_migrations(), name)
    if missing:
        raise not_migrated(name, missing)


def missing_migrations(applied: set[int], migrations: Sequence[Migration], name: str) -> set[int]:
    """Return the numbers of the migrations that an archive lacks.

    Raises ArchiveError if the archive has a migration that this program does not know.
    """
    known = {migration.number for migration in migrations}
    newer = sorted(applied - known)
    if newer:
        raise ArchiveError(
            f"archive {name} was written by a newer Shiomi (it has migration {newer[-1]:04d}, this"
            f" program knows up to {max(known, default=0):04d}); upgrade Shiomi, or name another"
            " file as `archive` in shiomi.toml"
        )
    return known - applied


def not_migrated(name: str, missing: set[int]) -> ArchiveBusyError:
    """Return the error for an archive that may only be read but must be migrated first."""
    return ArchiveBusyError(
        f"archive {name} has no migration {min(missing):04d} yet; `shiomi status` applies it"
    )


def no_archive(name: str) -> ArchiveError:
    """Return the error for an archive that does not exist and may not be created."""
    return ArchiveError(
        f"there is no archive at {name}; `shiomi collect` or `shiomi import` makes one, or set"
        " `archive` in shiomi.toml"
    )


def _applied(connection: sqlite3.Connection, name: str) -> set[int]:
    (identity,) = connection.execute("PRAGMA application_id").fetchone()
    if identity == APPLICATION_ID:
        return {number for (number,) in connection.execute("SELECT number FROM migration")}
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    if identity or tables:
        raise ArchiveError(
            f"{name} is a SQLite database of another program; name another file as `archive` in"
            " shiomi.toml"
        )
    return set()


def _apply(connection: sqlite3.Connection, migrations: Sequence[Migration]) -> None:
    """Apply the migrations in one transaction."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        connection.execute(
            "CREATE TABLE IF NOT EXISTS migration (number INTEGER PRIMARY KEY, name TEXT NOT NULL)"
        )
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        for migration in migrations:
            # another process may have applied it before this one got the lock
            claimed = connection.execute(
                "INSERT OR IGNORE INTO migration VALUES (?, ?)", (migration.number, migration.name)
            ).rowcount
            if claimed:
                for statement in _statements(migration.sql):
                    connection.execute(statement)
        (version,) = connection.execute("SELECT max(number) FROM migration").fetchone()
        connection.execute(f"PRAGMA user_version = {version}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _statements(sql: str) -> Iterator[str]:
    """Yield the statements of a script one by one, because `executescript` ends the transaction."""
    statement = ""
    for line in sql.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
    if statement.strip():
        yield statement
