"""A story that Lobsters folded into another one lends its address to nobody's title and counts."""

from __future__ import annotations

import json
from pathlib import Path

from shiomi.digest.archive import Archive
from shiomi.digest.archive.importing import import_file

TITLE = "How many registers does an x86-64 CPU have?"


def row(uid: str, url: str, *, title: str = TITLE, comments: int = 12) -> dict[str, object]:
    return {
        "uid": f"lo:{uid}", "community": "lobsters", "t": 1_600_000_000, "title": title,
        "score": 30, "comments": comments, "url": url,
    }  # fmt: skip


def imported(tmp_path: Path, *rows: dict[str, object]) -> set[str]:
    path = tmp_path / "threads.jsonl"
    path.write_text("".join(json.dumps(one) + "\n" for one in rows))
    with Archive.open(":memory:") as archive:
        import_file(archive, path)
        return {uid for uid in ("lobsters:a", "lobsters:b") if archive.thread(uid)}


def test_the_title_and_the_counts_stay_with_the_address_that_has_the_words(tmp_path: Path) -> None:
    own = row("a", "https://blog.example/how-many-registers-does-an-x86-64-cpu-have/")
    reply = row("b", "https://other.example/a-reply")
    assert imported(tmp_path, reply, own) == {"lobsters:a"}


def test_one_title_with_other_counts_is_another_thread(tmp_path: Path) -> None:
    one, two = row("a", "https://a.example/x"), row("b", "https://b.example/y", comments=3)
    assert imported(tmp_path, one, two) == {"lobsters:a", "lobsters:b"}


def test_a_repeated_address_is_not_a_folded_story(tmp_path: Path) -> None:
    assert imported(tmp_path, row("a", "https://a.example/x"), row("b", "https://a.example/x")) == {
        "lobsters:a",
        "lobsters:b",
    }
