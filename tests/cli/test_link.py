"""`shiomi link`: a person corrects what is one story."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from shiomi.cli import shiomi
from shiomi.digest.archive import Archive
from shiomi.digest.linking import Linker, link_pending
from shiomi.digest.thread import Thread

HN = "hackernews:1"
LOBSTERS = "lobsters:abc"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "shiomi.toml"
    assert CliRunner().invoke(shiomi, ["-c", str(path), "init"]).exit_code == 0
    with Archive.open(tmp_path / "shiomi.sqlite3") as archive:
        page = "https://example.org/a-page"
        archive.add(
            [
                Thread("hackernews", "1", "A page", 1_700_000_000, "https://example.com/1", page),
                Thread("lobsters", "abc", "A page", 1_700_000_100, "https://example.com/2", page),
            ],
            seen=1_700_001_000,
        )
        link_pending(archive, Linker.load())
    return path


def run(config: Path, *arguments: str) -> Result:
    return CliRunner().invoke(shiomi, ["-c", str(config), "link", *arguments])


def test_why_names_the_threads_and_the_reason(config: Path) -> None:
    shown = run(config, "why", "https://news.ycombinator.com/item?id=1")
    assert shown.exit_code == 0
    assert f"{HN} - {LOBSTERS}: they point at one page" in shown.stdout


def test_a_split_stays_until_it_is_undone_and_is_exported_as_a_label(config: Path) -> None:
    assert run(config, "split", LOBSTERS, HN).exit_code == 0
    assert f"related, not merged: {LOBSTERS}" in run(config, "why", HN).stdout
    assert '"label":"different"' in run(config, "export").stdout
    assert run(config, "undo", HN, LOBSTERS).exit_code == 0
    assert "they point at one page" in run(config, "why", HN).stdout
    assert run(config, "export").stdout == ""


@pytest.mark.parametrize("other", ["hackernews:9", "nonsense", ""])
def test_a_thread_that_is_not_in_the_archive_is_named(config: Path, other: str) -> None:
    refused = run(config, "join", HN, other)
    assert refused.exit_code == 1
    assert repr(other) in refused.output
