"""Copies of an archive: consistent while it is written, checked, and put back whole."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from shiomi.digest.archive import Archive
from shiomi.digest.archive.backup import back_up, restore
from shiomi.digest.archive.leases import LeaseStore
from shiomi.digest.archive.migrate import migrate, shipped_migrations
from shiomi.digest.errors import ArchiveError
from shiomi.digest.thread import Thread


def thread(number: int) -> Thread:
    return Thread("lobsters", str(number), f"Thread {number}", 1000 + number, "https://x.org/")


def ids(path: Path) -> list[str]:
    with Archive.open(path, create=False) as archive:
        return [one.id for one in archive.threads(0, 2**40)]


def test_a_copy_taken_while_another_process_writes_holds_what_was_committed(tmp_path: Path) -> None:
    path, copy = tmp_path / "a.sqlite3", tmp_path / "copy.sqlite3"
    with Archive.open(path) as writer, Archive.open(path) as reader:
        writer.add([thread(1)], seen=5)
        with writer.transaction():
            writer.add([thread(2)], seen=5)
            assert back_up(reader, copy) == copy.stat().st_size
    assert ids(copy) == ["1"]
    assert copy.stat().st_mode & 0o777 == 0o600
    assert ids(path) == ["1", "2"]
    restore(copy, path, replace=True)
    assert ids(path) == ["1"]
    assert not list(tmp_path.glob(".*"))


def test_a_copy_is_not_put_over_an_archive_that_is_there_or_in_use(tmp_path: Path) -> None:
    path, copy = tmp_path / "a.sqlite3", tmp_path / "copy.sqlite3"
    with Archive.open(path) as archive:
        archive.add([thread(1)], seen=5)
        back_up(archive, copy)
        archive.add([thread(2)], seen=5)
        with pytest.raises(ArchiveError, match="exists already; --force"):
            restore(copy, path)
        with pytest.raises(ArchiveError):
            restore(copy, path, replace=True)  # this process uses it
        assert LeaseStore(archive).take("run", "host 1 x", now=1, seconds=60) is None
    assert ids(path) == ["1", "2"]


@pytest.mark.parametrize("damage", ["cut", "flipped", "other", "text", "newer"])
def test_what_is_no_whole_archive_is_refused_and_the_old_one_stays(
    tmp_path: Path, damage: str
) -> None:
    path, copy = tmp_path / "a.sqlite3", tmp_path / "copy.sqlite3"
    with Archive.open(path) as archive:
        archive.add([thread(n) for n in range(300)], seen=5)
        back_up(archive, copy)
    content = copy.read_bytes()
    if damage == "cut":
        copy.write_bytes(content[: len(content) // 2])
    elif damage == "flipped":
        half = len(content) // 2
        copy.write_bytes(content[:half] + b"\xff" * 8192 + content[half + 8192 :])
    elif damage == "text":
        copy.write_text("not an archive")
    else:
        copy.unlink()
        connection = sqlite3.connect(copy)
        if damage == "newer":
            migrate(connection, "copy")
            connection.execute("INSERT INTO migration VALUES (9999, 'later')")
        else:
            connection.execute("CREATE TABLE other (x)")
        connection.commit()
        connection.close()
    with pytest.raises(ArchiveError, match=r"damaged|cannot be read|not an archive|newer Shiomi"):
        restore(copy, path, replace=True)
    assert len(ids(path)) == 300


@pytest.mark.parametrize("count", range(1, len(shipped_migrations()) + 1))
def test_a_copy_of_each_earlier_version_is_restored_and_migrated(
    tmp_path: Path, count: int
) -> None:
    copy = tmp_path / "old.sqlite3"
    connection = sqlite3.connect(copy, isolation_level=None)
    migrate(connection, "old", shipped_migrations()[:count])
    connection.execute(
        "INSERT INTO thread (community, id, title, created, link, seen)"
        " VALUES ('lobsters', '1', 'A title', 1000, 'https://x.org/', 5)"
    )
    connection.close()
    restore(copy, tmp_path / "new.sqlite3")
    assert ids(tmp_path / "new.sqlite3") == ["1"]


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with (
        Archive.open(":memory:") as archive,
        pytest.raises(ArchiveError, match="cannot be written"),
    ):
        back_up(archive, tmp_path / "missing" / "copy.sqlite3")
