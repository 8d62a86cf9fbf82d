"""`shiomi search` and `shiomi digest check`, as a user types them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from shiomi.cli import shiomi
from shiomi.digest.archive import Archive, LinkStore
from shiomi.digest.thread import Thread

WHEN = 1_700_000_000


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "shiomi.toml"
    path.write_text('language = "ja"\n')
    with Archive.open(tmp_path / "shiomi.sqlite3") as archive:
        threads = [
            Thread("hackernews", "1", "A regulation of AI", WHEN, "https://example.com/1", None),
            Thread("lobsters", "2", "AI規制の話", WHEN, "https://example.com/2", None),
            *(Thread("reddit/x", f"r{n}", f"Story {n // 3}: words", WHEN + n,
                     f"https://example.com/r{n}", None) for n in range(9)),
        ]  # fmt: skip
        archive.add(threads, seen=WHEN)
        store = LinkStore(archive)
        keys = store.keys_of(f"reddit/x:r{n}" for n in range(9))
        with archive.transaction():
            store.add(
                (keys[n], keys[m], "canonical_url", 1.0)
                for n in range(9)
                for m in range(n + 1, 9)
                if n // 3 == m // 3
            )
    return path


def run(config: Path, *arguments: str) -> Result:
    return CliRunner().invoke(shiomi, ["-c", str(config), *arguments])


def test_a_japanese_word_of_the_glossary_also_finds_english_threads(config: Path) -> None:
    done = run(config, "search", "規制")
    assert "AI規制の話" in done.stdout
    assert "A regulation of AI" in done.stdout
    assert "規制 → regulation" in done.stderr
    assert run(config, "search", "規制", "--limit", "1").stdout.count("https://") == 1


def test_a_limit_counts_stories_and_each_story_has_all_its_threads(config: Path) -> None:
    hits = json.loads(run(config, "search", "words", "--limit", "2", "--json").stdout)
    found = [[hit["thread"]["id"], *(one["id"] for one in hit["elsewhere"])] for hit in hits]
    assert found == [["r8", "r6", "r7"], ["r5", "r3", "r4"]]
    lines = run(config, "search", "words", "--limit", "1").stdout.splitlines()
    assert [line.split()[-1] for line in lines] == [
        "words", *(f"https://example.com/r{n}" for n in (8, 6, 7))
    ]  # fmt: skip


def test_an_unknown_community_is_named_with_those_that_are_there(config: Path) -> None:
    done = run(config, "search", "AI", "--community", "redit")
    assert done.exit_code == 1
    assert "'redit' has no thread here; allowed: hackernews, lobsters" in done.stderr


def test_a_file_that_is_not_a_digest_is_refused(config: Path) -> None:
    done = run(config, "digest", "check", str(config))
    assert done.exit_code == 1
    assert "is not a digest" in done.stderr
