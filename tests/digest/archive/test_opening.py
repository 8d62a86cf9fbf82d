"""What can be wrong with the file given as archive, and what the user is told."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from shiomi.digest.archive import Archive, LinkStore
from shiomi.digest.archive.digests import DigestStore
from shiomi.digest.archive.notices import NoticeStore
from shiomi.digest.archive.outcomes import OutcomeStore
from shiomi.digest.errors import ArchiveError, ConfigError
from tests.digest.archive.conftest import MakeThread


def test_a_directory_is_no_archive(tmp_path: Path) -> None:
    with pytest.raises(ArchiveError, match="is a directory; name a file in it"):
        Archive.open(tmp_path)


def test_a_missing_archive_is_made_only_when_asked(tmp_path: Path) -> None:
    with pytest.raises(ArchiveError, match=r"there is no archive at .*shiomi collect"):
        Archive.open(tmp_path / "a.sqlite3", create=False)
    assert not (tmp_path / "a.sqlite3").exists()


def test_a_device_and_another_database_are_no_archive() -> None:
    with pytest.raises(ArchiveError, match="/dev/null is a device or a pipe; name a file"):
        Archive.open("/dev/null")
    with pytest.raises(ConfigError, match="a postgresql:// address, got one with 'mysql'"):
        Archive.open("mysql://host/database")


def test_a_missing_directory_is_named(tmp_path: Path) -> None:
    with pytest.raises(ArchiveError, match=r"nowhere is not a directory; make it first"):
        Archive.open(tmp_path / "nowhere" / "a.sqlite3")


@pytest.mark.parametrize("content", [b"not a database at all" * 100, b"x", b"\0" * 5000])
def test_a_file_of_another_kind_is_no_archive_and_stays_as_it_is(
    tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "notes.txt"
    path.write_bytes(content)
    with pytest.raises(ArchiveError, match="not a SQLite file"):
        Archive.open(path)
    assert path.read_bytes() == content


def test_an_empty_file_becomes_an_archive(tmp_path: Path) -> None:
    path = tmp_path / "a.sqlite3"
    path.touch()
    with Archive.open(path) as archive:
        assert archive.status().threads == 0


def test_the_database_of_another_program_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "other.sqlite3"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE thread (n)")
    connection.close()
    with pytest.raises(ArchiveError, match="database of another program"):
        Archive.open(path)


def test_an_archive_newer_than_the_program_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.sqlite3"
    with Archive.open(path) as archive:
        archive.database.execute("INSERT INTO migration VALUES (9999, 'from_the_future')")
    with pytest.raises(ArchiveError, match=r"newer Shiomi .*9999.*upgrade Shiomi"):
        Archive.open(path)


def filled(path: Path, make: MakeThread) -> None:
    with Archive.open(path) as archive:
        archive.add((make(id=str(n)) for n in range(2_000)), seen=1)


def test_an_archive_cut_short_is_told_so(tmp_path: Path, make: MakeThread) -> None:
    path = tmp_path / "a.sqlite3"
    filled(path, make)
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.truncate(size // 2)
    with pytest.raises(ArchiveError, match=f"cut short: {size // 2} of {size} bytes.*copy"):
        Archive.open(path)


def test_a_damaged_archive_is_told_so_when_the_damage_is_met(
    tmp_path: Path, make: MakeThread
) -> None:
    path = tmp_path / "a.sqlite3"
    filled(path, make)
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(os.urandom(path.stat().st_size - 4096))

    def read_all() -> None:
        with Archive.open(path) as archive:
            list(archive.threads(0, 2**40))

    with pytest.raises(ArchiveError, match="damaged; restore it from a copy"):
        read_all()


@pytest.mark.parametrize(
    ("table", "read"),
    [
        ("digest", lambda archive: DigestStore(archive, "ja").weeks()),
        ("outcome", lambda archive: OutcomeStore(archive).states()),
        ("notice", lambda archive: NoticeStore(archive).interrupted()),
        ("link", lambda archive: LinkStore(archive).closure([1])),
    ],
)
def test_each_store_explains_the_errors_of_the_engine(
    tmp_path: Path, table: str, read: Callable[[Archive], object]
) -> None:
    path = tmp_path / "a.sqlite3"
    Archive.open(path).close()
    with sqlite3.connect(path) as connection:
        connection.execute(f"DROP TABLE {table}")
    with (
        Archive.open(path) as archive,
        pytest.raises(ArchiveError, match=rf"{path}: no such table: {table}; nothing committed"),
    ):
        read(archive)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_file_that_may_not_be_written_is_told_so(tmp_path: Path, make: MakeThread) -> None:
    path = tmp_path / "a.sqlite3"
    filled(path, make)
    path.chmod(0o400)
    with pytest.raises(ArchiveError, match="may not be read and written"):
        Archive.open(path)


def test_a_place_where_nothing_can_be_written_is_told_so(tmp_path: Path) -> None:
    read_only = Path("/proc")  # read-only for root too
    if not read_only.is_dir():
        pytest.skip("no /proc here")
    with pytest.raises(ArchiveError, match="must be writable"):
        Archive.open(read_only / "a.sqlite3")


@pytest.mark.parametrize("location", ["sqlite"], indirect=True)  # by PRAGMA
def test_a_full_disk_is_told_so_and_keeps_what_was_committed(
    archive: Archive, make: MakeThread
) -> None:
    archive.add([make(id="kept")], seen=1)
    (pages,) = archive.database.execute("PRAGMA page_count").fetchone()
    archive.database.execute(f"PRAGMA max_page_count = {pages + 2}")
    with pytest.raises(ArchiveError, match="disk is full; free some space"):
        archive.add((make(id=str(n)) for n in range(5_000)), seen=1)
    assert archive.thread("hackernews:kept") is not None
    assert archive.thread("hackernews:1") is None


def test_an_archive_that_another_program_keeps_locked_is_told_so(
    tmp_path: Path, make: MakeThread
) -> None:
    path = tmp_path / "a.sqlite3"
    with Archive.open(path) as first, Archive.open(path) as second:
        second.database.execute("PRAGMA busy_timeout = 10")
        with (
            first.transaction(),
            pytest.raises(ArchiveError, match="another program is writing it; wait"),
        ):
            second.add([make()], seen=1)
        assert second.add([make()], seen=1).new == 1
