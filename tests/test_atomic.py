from __future__ import annotations

import stat
import threading
from pathlib import Path

import pytest

from shiomi.atomic import atomic_file, write_atomically


def test_the_file_appears_with_its_content_and_without_a_part_file(tmp_path: Path) -> None:
    path = tmp_path / "new" / "digest.md"
    write_atomically(path, "潮見")
    assert path.read_text(encoding="utf-8") == "潮見"
    assert list(path.parent.iterdir()) == [path]


def test_after_an_error_the_old_content_is_still_there(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    with pytest.raises(TypeError), atomic_file(path) as file:
        file.writelines([b"half", "not bytes"])  # type: ignore[list-item]
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_nothing_is_visible_before_the_block_ends(tmp_path: Path) -> None:
    path = tmp_path / "file"
    with atomic_file(path) as file:
        file.write(b"new")
        file.flush()
        assert not path.exists()
    assert path.read_bytes() == b"new"


def test_the_longer_part_file_of_a_killed_process_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / ".file.part").write_bytes(b"left by a killed process")
    write_atomically(tmp_path / "file", b"new")
    assert (tmp_path / "file").read_bytes() == b"new"
    assert not (tmp_path / ".file.part").exists()


def test_a_part_file_that_is_a_link_is_not_followed(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_bytes(b"kept")
    (tmp_path / ".file.part").symlink_to(victim)
    write_atomically(tmp_path / "file", b"new")
    assert victim.read_bytes() == b"kept"
    assert not (tmp_path / "file").is_symlink()


def test_the_file_gets_the_mode_asked_for(tmp_path: Path) -> None:
    write_atomically(tmp_path / "file", b"new", mode=0o600)
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o600


def test_a_folder_in_the_place_of_the_file_is_an_oserror(tmp_path: Path) -> None:
    (tmp_path / "file").mkdir()
    with pytest.raises(OSError, match="file"):
        write_atomically(tmp_path / "file", b"new")
    assert [one.name for one in tmp_path.iterdir()] == ["file"]


def test_writers_of_one_file_take_turns(tmp_path: Path) -> None:
    path = tmp_path / "file"
    contents = [bytes([65 + n]) * 100_000 for n in range(4)]

    def write(content: bytes) -> None:
        for _ in range(25):
            write_atomically(path, content)

    threads = [threading.Thread(target=write, args=(content,)) for content in contents]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        assert not path.exists() or path.read_bytes() in contents
    for thread in threads:
        thread.join()
    assert list(tmp_path.iterdir()) == [path]
