"""`shiomi watch`."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from shiomi.cli import shiomi
from shiomi.digest.archive import Archive
from shiomi.digest.thread import Thread


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "shiomi.toml"
    path.write_text(
        '[[watch]]\nname = "Rust"\ndescription = "the language"\nterms = ["Rust"]\n',
        encoding="utf-8",
    )
    return path


@pytest.mark.parametrize("days", [0, 30])
def test_the_newest_week_with_threads_is_shown_unless_another_is_asked_for(
    config: Path, days: int
) -> None:
    created = int(time.time()) - days * 86400
    with Archive.open(config.parent / "shiomi.sqlite3") as archive:
        archive.add(
            [Thread("hackernews", "1", "Why Rust", created, "https://example.org/1")], seen=created
        )
    shown = CliRunner().invoke(shiomi, ["-c", str(config), "watch"])
    assert "Why Rust" in shown.stdout
    assert "Rust\n  (the language)\n" in shown.stdout
    assert ("no thread of the last seven days; the week to" in shown.stderr) is (days > 0)
    old = CliRunner().invoke(shiomi, ["-c", str(config), "watch", "--week", "2020-01-05"])
    assert old.exit_code == 0
    assert "Why Rust" not in old.stdout
