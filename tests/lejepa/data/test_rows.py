"""A row of a table may name image files next to the table, and no others."""

from __future__ import annotations

from pathlib import Path

import pytest

from shiomi.lejepa.data.rows import image_bytes


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "set"
    folder.mkdir()
    (folder / "a.png").write_bytes(b"pixels")
    (tmp_path / "secret").write_bytes(b"secret")
    (folder / "link.png").symlink_to(tmp_path / "secret")
    return folder


def test_a_path_inside_the_folder_is_read(folder: Path) -> None:
    assert image_bytes({"bytes": None, "path": "a.png"}, folder) == b"pixels"
    assert image_bytes({"bytes": None, "path": str(folder / "a.png")}, folder) == b"pixels"


@pytest.mark.parametrize("name", ["../secret", "/etc/passwd", "/dev/zero", "link.png"])
def test_a_path_that_leads_out_of_the_folder_is_refused(folder: Path, name: str) -> None:
    with pytest.raises(ValueError, match="is outside"):
        image_bytes({"bytes": None, "path": name}, folder)


@pytest.mark.parametrize("name", [".", "absent.png"])
def test_a_path_to_no_file_is_refused(folder: Path, name: str) -> None:
    with pytest.raises(ValueError, match="is not a file"):
        image_bytes({"bytes": None, "path": name}, folder)
