"""Migrations: in order, each once, each whole."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from shiomi.digest.archive import Archive
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


def test_an_archive_from_before_search_folded_widths_is_found_in_any_width_and_whole(
    tmp_path: Path,
) -> None:
    old = sqlite3.connect(tmp_path / "a", isolation_level=None)
    migrate(old, "a", tuple(m for m in shipped_migrations() if m.number <= 3))
    old.execute("INSERT INTO thread (n, community, id, created) VALUES (7, 'hackernews', '1', 1)")
    for n, title in ((1, "生成ＡＩの規制"), (2, "Rust")):
        old.execute("INSERT INTO title VALUES (?, 7, ?, 1, 1)", (n, title))
        old.execute("INSERT INTO title_text (rowid, title) VALUES (?, ?)", (n, title))
    text = "ﾃﾞｰﾀﾍﾞｰｽの話"
    old.execute("INSERT INTO passage VALUES (3, 7, 'post', 0, ?, 'https://e.org/', 1, 1)", (text,))
    old.execute("INSERT INTO passage_text (rowid, text) VALUES (3, ?)", (text,))
    old.close()

    with Archive.open(tmp_path / "a") as archive:
        for query in ("AI", "規制", "の話", "生成AI", "rust", "データベース", "ﾃﾞｰﾀﾍﾞｰｽ"):
            assert [hit.thread.id for hit in archive.search(query)] == ["1"], query
        for table in ("title_text", "passage_text"):
            archive.database.execute(
                f"INSERT INTO {table} ({table}, rank) VALUES ('integrity-check', 1)"
            )
        assert archive.titles("hackernews:1") == [(1, "Rust"), (1, "生成ＡＩの規制")]
        archive.database.execute("DELETE FROM thread")
        assert archive.search("データベース") == []
        archive.database.execute("INSERT INTO title_text (title_text) VALUES ('integrity-check')")


def test_the_shipped_migrations_begin_with_the_threads() -> None:
    shipped = shipped_migrations()
    assert shipped[0].name == "threads"
    numbers = [migration.number for migration in shipped]
    assert numbers == sorted(set(numbers))
