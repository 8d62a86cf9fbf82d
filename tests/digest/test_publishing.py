"""Rendered files onto the disk."""

from __future__ import annotations

import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from shiomi.digest.errors import DigestError
from shiomi.digest.publishing import publish

PAGES = {"a.md": "一" * 50_000, "b.md": "二" * 50_000, "week/c.md": "三" * 50_000}

# Each file has an fsync of its content and one of its folder. At the third one, the second file is
# written and not yet in its place.
KILLED = """
import os, signal, sys
from pathlib import Path
from shiomi.digest.publishing import publish

fsync, calls = os.fsync, []

def killed(handle):
    calls.append(handle)
    if len(calls) == 3:
        os.ftruncate(handle, 75_000)
        os.kill(os.getpid(), signal.SIGKILL)
    fsync(handle)

os.fsync = killed
names = ("a.md", "b.md", "week/c.md")
publish(dict.fromkeys(names, "x" * 150_000), Path(sys.argv[1]))
"""


def files_of(folder: Path) -> list[str]:
    found = (path for path in folder.rglob("*") if not path.is_dir())
    return sorted(str(path.relative_to(folder)) for path in found)


def test_only_changed_files_are_written_again(tmp_path: Path) -> None:
    assert publish({"a.md": "一", "week/b.md": "二"}, tmp_path) == [
        tmp_path / "a.md",
        tmp_path / "week/b.md",
    ]
    assert publish({"a.md": "一", "week/b.md": "三"}, tmp_path) == [tmp_path / "week/b.md"]
    assert (tmp_path / "week/b.md").read_text(encoding="utf-8") == "三"


def test_no_half_written_file_is_left_beside_the_pages(tmp_path: Path) -> None:
    publish({"a.md": "一" * 100_000}, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["a.md"]


@pytest.mark.process
@pytest.mark.parametrize("again", [PAGES, dict.fromkeys(PAGES, "short")])
def test_what_a_killed_run_left_is_gone_after_the_next(
    tmp_path: Path, again: dict[str, str]
) -> None:
    """The child is killed inside its second file, half of which is on the disk by then."""
    child = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], check=False)
    assert child.returncode == -9
    assert files_of(tmp_path) == [".b.md.part", "a.md"]
    publish(again, tmp_path)
    assert files_of(tmp_path) == sorted(PAGES)
    assert {name: (tmp_path / name).read_text(encoding="utf-8") for name in PAGES} == again


def test_a_part_left_beside_a_page_that_needs_no_change_is_removed(tmp_path: Path) -> None:
    publish(PAGES, tmp_path)
    (tmp_path / ".a.md.part").write_text("half")
    (tmp_path / ".htaccess").write_text("of somebody else")
    assert publish(PAGES, tmp_path) == []
    assert files_of(tmp_path) == [".htaccess", *sorted(PAGES)]


def test_a_page_can_be_read_by_a_web_server_and_is_not_written_through_a_link(
    tmp_path: Path,
) -> None:
    (tmp_path / "precious").write_text("kept")
    (tmp_path / ".a.md.part").symlink_to(tmp_path / "precious")
    publish({"a.md": "一"}, tmp_path)
    assert (tmp_path / "precious").read_text() == "kept"
    assert stat.S_IMODE((tmp_path / "a.md").lstat().st_mode) == 0o644
    assert not (tmp_path / "a.md").is_symlink()


def test_of_two_runs_at_once_neither_publishes_half_a_page_of_the_other(tmp_path: Path) -> None:
    texts = {"一" * 300_000, "二" * 300_000}

    def publish_often(text: str) -> set[str]:
        seen = set()
        for _ in range(20):
            publish({"a.md": text}, tmp_path)
            seen.add((tmp_path / "a.md").read_text(encoding="utf-8"))
            publish({"a.md": ""}, tmp_path)
        return seen

    with ThreadPoolExecutor(2) as pool:
        seen = set().union(*pool.map(publish_often, texts))
    assert seen <= texts | {""}
    assert files_of(tmp_path) == ["a.md"]


def test_a_place_that_refuses_is_named(tmp_path: Path) -> None:
    (tmp_path / "public").write_text("a file where the folder should be")
    with pytest.raises(DigestError, match="public cannot be written"):
        publish({"a.md": "一"}, tmp_path / "public")
