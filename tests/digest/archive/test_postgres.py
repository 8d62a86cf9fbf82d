"""PostgreSQL as an archive: the same tables, what can be wrong, and no password shown."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import psycopg
import pytest

from shiomi.digest.address import PostgresAddress, parse_location
from shiomi.digest.archive import Archive
from shiomi.digest.archive.migrate import shipped_migrations
from shiomi.digest.config import holds_secret, parse_config
from shiomi.digest.errors import ArchiveBusyError, ArchiveError, ConfigError, DigestError
from tests.digest.archive.conftest import MakeThread
from tests.postgres_server import PostgresServer

SECRET = "s3cr3t"


def test_both_engines_have_the_same_tables_columns_and_newest_migration(
    postgres: PostgresServer,
) -> None:
    with Archive.open(":memory:") as one, Archive.open(postgres.new()) as other:
        columns = other.database.execute(
            "SELECT table_name, column_name, is_nullable = 'NO' FROM information_schema.columns"
            " WHERE table_schema = current_schema()"
        ).fetchall()
        listed = one.database.execute(
            'SELECT t.name, c.name, c."notnull" OR c.pk > 0 FROM pragma_table_list AS t,'
            " pragma_table_info(t.name) AS c WHERE t.type = 'table'"
        ).fetchall()
        assert {one for one in columns if shared(one[0])} == {
            (table, column, bool(required)) for table, column, required in listed if shared(table)
        }
        assert one.status().migration == other.status().migration
    assert shipped_migrations()[-1].number == shipped_migrations("postgres")[-1].number


def shared(table: str) -> bool:
    """Whether both engines must have the table: the indexes of search are of each engine."""
    return not re.search("^sqlite|^migration$|_text|_short", table)


def test_texts_are_ordered_by_their_bytes_as_in_sqlite(
    postgres: PostgresServer, make: MakeThread
) -> None:
    ids = ["a", "B", "é", "あ", "Z", "_", "10", "9"]
    orders = []
    for location in (":memory:", postgres.new()):
        with Archive.open(location) as archive:
            archive.add((make(id=one, title=one) for one in ids), seen=1)
            orders.append([one.id for one in archive.threads(0, 2_000)])
    assert orders[0] == orders[1]


def test_nul_and_half_characters_are_replaced_wherever_they_come_from(
    postgres: PostgresServer,
) -> None:
    with Archive.open(postgres.new()) as archive:
        archive.set_cursor("a\0b", "\ud800")
        assert archive.cursor("a\0b") == "\ufffd"
        assert archive.thread("hackernews:\0") is None


def test_an_archive_is_made_only_when_asked_and_beside_no_other_tables(
    postgres: PostgresServer,
) -> None:
    address = postgres.new()
    with pytest.raises(ArchiveError, match=r"there is no archive at .*shiomi collect"):
        Archive.open(address, create=False)
    with pytest.raises(ArchiveError, match="there is no archive"):
        Archive.open(address, create=False, read_only=True)
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute("CREATE TABLE migration (number integer)")
    with pytest.raises(ArchiveError, match="tables of another program"):
        Archive.open(address)


def test_an_archive_of_another_version_is_told_so(postgres: PostgresServer) -> None:
    address = postgres.new()
    with Archive.open(address) as archive:
        archive.database.execute("INSERT INTO migration VALUES (9999, 'from_the_future')")
    with pytest.raises(ArchiveError, match=r"newer Shiomi .*9999.*upgrade Shiomi"):
        Archive.open(address)
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute("DELETE FROM migration")
    with pytest.raises(ArchiveBusyError, match="no migration 0007"):
        Archive.open(address, read_only=True)


def test_a_reader_cannot_write(postgres: PostgresServer, make: MakeThread) -> None:
    address = postgres.new()
    Archive.open(address).close()
    with (
        Archive.open(address, read_only=True) as archive,
        pytest.raises(ArchiveError, match="read-only"),
    ):
        archive.add([make()], seen=1)


def test_a_slow_query_is_stopped(postgres: PostgresServer) -> None:
    with Archive.open(postgres.new()) as archive:
        archive.limit(0.05)
        with pytest.raises(ArchiveBusyError, match="took too long"):
            archive.database.execute("SELECT pg_sleep(60)")


def test_a_writer_waits_for_another_and_is_told_so(
    postgres: PostgresServer, make: MakeThread
) -> None:
    address = postgres.new()
    with Archive.open(address) as first, Archive.open(address) as second:
        second.database.execute("SET lock_timeout = 10")
        with (
            first.transaction(),
            pytest.raises(ArchiveBusyError, match="another program is writing it; wait"),
        ):
            second.add([make()], seen=1)
        assert second.add([make()], seen=1).new == 1


def test_the_change_token_changes_with_every_commit_of_another_connection(
    postgres: PostgresServer, make: MakeThread
) -> None:
    address = postgres.new()
    with Archive.open(address) as writer, Archive.open(address, read_only=True) as reader:
        tokens = [reader.change_token()]
        for number in range(3):
            writer.add([make(id=str(number))], seen=1)
            tokens.append(reader.change_token())
        assert len(set(tokens)) == 4
        assert len({token[:-1] for token in tokens}) == 1
        with writer.transaction():
            writer.add([make(id="open")], seen=1)
            tokens.append(reader.change_token())
        assert reader.change_token() not in tokens


def test_a_database_without_a_locale_for_japanese_is_refused(postgres: PostgresServer) -> None:
    postgres.run("CREATE DATABASE plain TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'")
    with pytest.raises(ArchiveError, match=r"LC_CTYPE C; create it with `createdb"):
        Archive.open(postgres.address("plain"))


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        (f"postgresql://me:{SECRET}@db:5433/digest", "postgresql://me@db:5433/digest"),
        (f"postgres://me:{SECRET}@[::1]/", "postgresql://me@[::1]/"),
        (f"postgresql:///d?password={SECRET}&host=/run", "postgresql:///d?host=/run"),
        (f"POSTGRESQL://db/d?sslpassword={SECRET}", "postgresql://db/d"),
    ],
)
def test_an_address_is_shown_without_its_password(address: str, shown: str) -> None:
    location = parse_location(address)
    assert isinstance(location, PostgresAddress)
    assert str(location) == shown
    assert SECRET not in repr(location)
    assert location.holds_password
    config = parse_config(f'archive = "{address}"')
    assert SECRET not in repr(config)
    assert holds_secret(config)
    assert not holds_secret(parse_config('archive = "postgresql://me@db/d"'))


@pytest.mark.parametrize("password", ["p@ss", "p/ss", "p#ss", "p ss", "p?ss@", "p?ss"])
def test_an_address_that_cannot_be_parsed_is_not_quoted(password: str) -> None:
    with pytest.raises(ConfigError, match="percent-encode") as caught:
        parse_config(f'archive = "postgresql://me:{password}@host/db"')
    assert password not in str(caught.value)


@pytest.mark.parametrize(
    "address",
    [
        f"postgresql://me:{SECRET}@127.0.0.1:1/db?connect_timeout=2",
        f"postgresql://me:{SECRET}@127.0.0.1:port/db",
        f"postgresql://me:{SECRET}%ZZ@127.0.0.1/db",
        f"postgresql://me:{SECRET}@127.0.0.1/db?nonsense=1",
        f"postgresql://me:{SECRET}@/db?host=/nowhere",
    ],
)
def test_no_error_shows_the_password(address: str) -> None:
    with pytest.raises(DigestError) as caught:
        Archive.open(address)
    error: BaseException | None = caught.value
    while error is not None:
        assert SECRET not in str(error)
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def test_without_psycopg_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "shiomi.digest.archive.postgres", raising=False)
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(ArchiveError, match="needs psycopg from the extra 'postgres'"):
        Archive.open("postgresql://localhost/db")


def test_a_path_is_taken_from_the_folder_of_the_settings_and_an_address_as_it_is() -> None:
    assert parse_config('archive = "a.db"', folder=Path("/x")).archive == Path("/x/a.db")
    address = PostgresAddress("postgresql://me@db/d")
    assert parse_config('archive = "postgresql://me@db/d"', folder=Path("/x")).archive == address
