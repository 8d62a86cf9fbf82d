"""The published ranges: those of the package, and the operator's own in their place."""

from __future__ import annotations

from pathlib import Path

import pytest

from shiomi.gate.errors import DataError
from shiomi.gate.identity.published_ranges import published_ranges


def test_the_package_knows_googles_crawler_by_its_address() -> None:
    table = published_ranges()
    assert sum(table.sizes.values()) > 4902
    assert "googlebot" in table.lookup("66.249.64.1")
    assert "googlebot" in table.lookup("::ffff:66.249.64.1")
    assert "googlebot" in table.lookup("2001:4860:4801:10::1")
    assert table.lookup("192.0.2.1") == table.lookup("no address") == frozenset()


def test_the_operators_own_list_stands_in_place_of_the_packages(tmp_path: Path) -> None:
    (tmp_path / "googlebot.txt").write_text("192.0.2.0/24\n", encoding="ascii")
    (tmp_path / "ours.txt").write_text("192.0.2.128/25\n", encoding="ascii")
    table = published_ranges(tmp_path)
    assert table.lookup("192.0.2.200") == {"googlebot", "ours"}
    assert "googlebot" not in table.lookup("66.249.64.1")
    assert "bing" in table.names


def test_a_file_in_another_encoding_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "bing.txt").write_bytes(b"\xff\xfe1\0")
    with pytest.raises(DataError, match=r"bing\.txt"):
        published_ranges(tmp_path)
