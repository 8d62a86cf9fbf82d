"""A file that is no digest is refused with what it is and what helps."""

from __future__ import annotations

from pathlib import Path

import pytest

from shiomi.digest.check import read_digest
from shiomi.digest.errors import DigestError

TEXT = "# 海外コミュニティ動向 - 2025-11-16\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_utf_8_is_read_with_and_without_a_mark(encoding: str, tmp_path: Path) -> None:
    path = tmp_path / "digest.md"
    path.write_bytes(TEXT.encode(encoding))
    assert read_digest(path) == TEXT


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b" \n\n", "is empty"),
        (TEXT.encode("utf-16"), "is UTF-16; `iconv -f UTF-16 -t UTF-8`"),
        (TEXT.encode("utf-16-le"), "NUL bytes"),
        (TEXT.encode("cp932"), "if it is CP932, `iconv -f CP932 -t UTF-8`"),
        (bytes(range(256)) * 20, "NUL bytes"),
        (b"\xff\xd8\xff\xe0" + b"\xff" * 50, "is not UTF-8"),
    ],
)
def test_other_content_is_named_with_a_remedy(content: bytes, said: str, tmp_path: Path) -> None:
    path = tmp_path / "digest.md"
    path.write_bytes(content)
    with pytest.raises(DigestError, match=said):
        read_digest(path)


def test_a_huge_file_is_refused_without_reading_it_all(tmp_path: Path) -> None:
    path = tmp_path / "digest.md"
    with path.open("wb") as file:
        file.truncate(50 << 20)
    with pytest.raises(DigestError, match="larger than 4 MiB"):
        read_digest(path)


def test_a_file_cut_off_inside_a_character_is_read_up_to_it(tmp_path: Path) -> None:
    path = tmp_path / "digest.md"
    path.write_bytes(TEXT.rstrip().encode() + "点".encode()[:2])
    assert read_digest(path) == TEXT.rstrip()


def test_a_missing_file_and_a_folder_are_named(tmp_path: Path) -> None:
    with pytest.raises(DigestError, match="No such file"):
        read_digest(tmp_path / "none.md")
    with pytest.raises(DigestError, match="Is a directory"):
        read_digest(tmp_path)
