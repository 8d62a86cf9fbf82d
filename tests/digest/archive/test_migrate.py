"""Migrations: in order, each once, each whole."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from shiomi.digest.archive.migrate import Migration, migrate, shipped_migrations

FIRST = Migration(1, "first", "CREATE TABLE a (x);\nINSERT INTO a VALUES (1);\n")
SECOND = Migration(2, "second", "UPDATE a SET x = x + 1;\n")
THIRD = Migration(3, "third", "UPDATE a SET x = x * 10;\n")


@pytest.fixture
def connection() -> sqlite3.Connection:
    return sqlite3.connect(":memory:", isolation_level=None)


def value(connection: sqlite3.Connection) -> int:
    found: int = connection.execute("SELECT x FROM a").fetchone()[0]
    return found


def version(connection: sqlite3.Connection) -> int:
    found: int = connection.execute("PRAGMA user_version").fetchone()[0]
    return found


def test_migrations_run_in_order_and_once(connection: sqlite3.Connection) -> None:
    for _ in range(2):
        migrate(connection, "a", (FIRST, SECOND, THIRD))
    assert value(connection) == 20
    assert version(connection) == 3
    connection.close()


def test_a_migration_missing_in_between_is_applied_when_it_arrives(
    connection: sqlite3.Connection,
) -> None:
    migrate(connection, "a", (FIRST, THIRD))
    assert value(connection) == 10
    migrate(connection, "a", (FIRST, SECOND, THIRD))
    assert value(connection) == 11
    assert version(connection) == 3
    connection.close()


def test_a_migration_that_fails_leaves_the_archive_as_it_was(
    connection: sqlite3.Connection,
) -> None:
    broken = Migration(2, "broken", "INSERT INTO a VALUES (2);\nINSERT INTO none VALUES (1);\n")
    migrate(connection, "a", (FIRST,))
    with pytest.raises(sqlite3.OperationalError):
        migrate(connection, "a", (FIRST, broken))
    assert connection.execute("SELECT count(*) FROM a").fetchone() == (1,)
    assert version(connection) == 1
    connection.close()


def test_a_trigger_is_one_statement(connection: sqlite3.Connection) -> None:
    trigger = Migration(
        2,
        "trigger",
        "CREATE TRIGGER t AFTER INSERT ON a BEGIN\n  UPDATE a SET x = 5;\nEND; -- done\n",
    )
    migrate(connection, "a", (FIRST, trigger))
    connection.execute("INSERT INTO a VALUES (1)")
    assert value(connection) == 5
    connection.close()


def test_two_who_open_a_new_archive_at_once_migrate_it_once(tmp_path: Path) -> None:
    one = sqlite3.connect(tmp_path / "a", isolation_level=None)
    two = sqlite3.connect(tmp_path / "a", isolation_level=None)
    migrate(one, "a", (FIRST, SECOND))
    migrate(two, "a", (FIRST, SECOND))
    assert value(two) == 2
    one.close()
    two.close()


def test_the_shipped_migrations_begin_with_the_threads() -> None:
    shipped = shipped_migrations()
    assert shipped[0].name == "threads"
    numbers = [migration.number for migration in shipped]
    assert numbers == sorted(set(numbers))
