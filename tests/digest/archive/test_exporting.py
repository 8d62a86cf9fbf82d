"""What is exported can be imported elsewhere and is the same there."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from shiomi.digest.archive import Archive
from shiomi.digest.archive.exporting import export_lines, export_threads
from shiomi.digest.archive.importing import import_file
from shiomi.digest.errors import ArchiveError
from shiomi.digest.thread import Passage, PassageKind, Reading, ThreadState
from tests.digest.archive.conftest import MakeThread


def filled(archive: Archive, make: MakeThread) -> None:
    archive.add([make(title="Old title", tags=("a", "b"))], seen=5)
    archive.add(
        [
            make(
                title="New title",
                state=ThreadState.DEAD,
                readings=(Reading(6, 1, None), Reading(7, 2, 3, exact=False)),
                passages=(Passage(PassageKind.POST, "本文", "https://example.org/"),),
            ),
            *(make(id=str(n), created=n, url=f"https://example.org/{n}") for n in range(2, 1_200)),
        ],
        seen=7,
    )


@pytest.mark.parametrize("name", ["threads.jsonl", "threads.jsonl.gz"])
def test_an_exported_archive_imported_elsewhere_is_the_same(
    archive: Archive, make: MakeThread, tmp_path: Path, name: str
) -> None:
    filled(archive, make)
    assert export_threads(archive, tmp_path / name) == 1_199
    with Archive.open(tmp_path / "other.sqlite3") as other:
        report = import_file(other, tmp_path / name)
        assert (report.rows, report.bad) == (1_199, 0)
        assert list(other.threads(0, 2**40)) == list(archive.threads(0, 2**40))
        assert other.titles("hackernews:1") == archive.titles("hackernews:1")
        assert list(export_lines(other)) == list(export_lines(archive))


def test_the_same_threads_give_the_same_bytes(
    archive: Archive, make: MakeThread, tmp_path: Path
) -> None:
    filled(archive, make)
    export_threads(archive, tmp_path / "a.jsonl.gz")
    export_threads(archive, tmp_path / "b.jsonl.gz")
    assert (tmp_path / "a.jsonl.gz").read_bytes() == (tmp_path / "b.jsonl.gz").read_bytes()


def test_a_range_of_time_can_be_exported(archive: Archive, make: MakeThread) -> None:
    filled(archive, make)
    assert len(list(export_lines(archive, 10, 20))) == 10


def test_a_guess_of_when_a_thread_began_stays_one(
    archive: Archive, make: MakeThread, tmp_path: Path
) -> None:
    guessed = msgspec.to_builtins(make(created=1_756_080_000)) | {"dated": 0}
    (tmp_path / "day.jsonl").write_bytes(msgspec.json.encode(guessed))
    import_file(archive, tmp_path / "day.jsonl")
    export_threads(archive, tmp_path / "out.jsonl")
    with Archive.open(":memory:") as other:
        import_file(other, tmp_path / "out.jsonl")
        other.add([make(created=1_756_080_077)], seen=5)
        assert [thread.created for thread in other.threads(0, 2**40)] == [1_756_080_077]


def test_where_nothing_can_be_written_nothing_is_left(archive: Archive, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ArchiveError, match=r"cannot be written.*name a place that can be"):
        export_threads(archive, tmp_path / "file" / "a.jsonl")
    (tmp_path / "taken").mkdir()
    with pytest.raises(ArchiveError, match="taken cannot be written"):
        export_threads(archive, tmp_path / "taken")
    assert [file.name for file in tmp_path.iterdir() if file.name.endswith(".part")] == []
