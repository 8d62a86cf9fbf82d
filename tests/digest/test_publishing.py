"""Rendered files onto the disk."""

from __future__ import annotations

from pathlib import Path

import pytest

from shiomi.digest.errors import DigestError
from shiomi.digest.publishing import publish


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


def test_a_place_that_refuses_is_named(tmp_path: Path) -> None:
    (tmp_path / "public").write_text("a file where the folder should be")
    with pytest.raises(DigestError, match="public"):
        publish({"a.md": "一"}, tmp_path / "public")
