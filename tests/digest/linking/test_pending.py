"""Linking what has arrived, in any order and in any batches."""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shiomi.digest.archive import Archive, LinkStore
from shiomi.digest.archive.leases import LeaseStore
from shiomi.digest.errors import ArchiveError
from shiomi.digest.linking import Linker, link_pending, stories
from shiomi.digest.linking.pending import SAME_PAGE
from shiomi.digest.thread import Thread
from tests.digest.linking.conftest import DAY, make_thread

_TITLES = (
    "Announcing Rust 1.45.0",
    "Rust 1.45 released",
    "Rust 1.46 released",
    "How does SQLite work? Part 1: pages",
    "How does SQLite work? Part 2: btrees",
    "How does SQLite work?",
    "日本語に強い大規模言語モデルを公開",
    "",
)
_PAGES = (None, None, "https://a.example/x", "http://www.a.example/x/", "https://b.example/")
_COMMUNITIES = ("hackernews", "lobsters", "reddit/programming")

_threads = st.lists(
    st.tuples(
        st.sampled_from(_COMMUNITIES),
        st.integers(0, 12),
        st.sampled_from(_TITLES),
        st.sampled_from(_PAGES),
        st.integers(0, 40),
        st.none() | st.tuples(st.sampled_from(_COMMUNITIES), st.integers(0, 12)),
    ),
    max_size=14,
    unique_by=lambda made: made[:2],
)


def _made(
    rows: Sequence[tuple[str, int, str, str | None, int, tuple[str, int] | None]],
) -> list[Thread]:
    return [
        make_thread(
            f"{community}:{id_}",
            title,
            day=day / 2,
            url=url,
            crosspost_of=None if origin is None else f"{origin[0]}:{origin[1]}",
        )
        for community, id_, title, url, day, origin in rows
    ]


def _links(archive: Archive) -> list[tuple[str, str, str, float]]:
    """Every link by uids, the smaller first, sorted; scores to 4 places."""
    rows = archive.database.execute(
        "SELECT x.community || ':' || x.id, y.community || ':' || y.id, kind, score"
        " FROM link JOIN thread x ON x.n = a JOIN thread y ON y.n = b"
    )
    return sorted((min(a, b), max(a, b), kind, round(score, 4)) for a, b, kind, score in rows)


def _linked(arrivals: Sequence[Sequence[Thread]], batch: int, linker: Linker) -> Archive:
    archive = Archive.open(":memory:")
    for arrival in arrivals:
        archive.add(arrival, seen=1_700_000_000)
        link_pending(archive, linker, batch=batch)
    return archive


@pytest.mark.slow
@settings(max_examples=40)
@given(_threads, st.randoms(use_true_random=False), st.integers(1, 5), st.integers(1, 4))
def test_links_and_stories_are_the_same_for_any_order_of_arrival_and_any_batches(
    rows: list[tuple[str, int, str, str | None, int, tuple[str, int] | None]],
    rng: random.Random,
    batch: int,
    arrivals: int,
) -> None:
    linker = Linker.load()
    threads = _made(rows)
    shuffled = list(threads)
    rng.shuffle(shuffled)
    cut = [shuffled[i::arrivals] for i in range(arrivals)]
    with _linked([threads], 4096, linker) as one, _linked(cut, batch, linker) as other:
        assert _links(one) == _links(other)
        span = (1_600_000_000 + 4 * DAY, 1_600_000_000 + 11 * DAY)
        found = stories(one, *span)
        assert found == stories(other, *span)
        # merging loses nothing: each thread of the span is in one story, with all it carries
        told = [t for story in found for t in story.threads if span[0] <= t.created < span[1]]
        assert sorted(told, key=lambda t: t.uid) == sorted(
            (t for t in threads if span[0] <= t.created < span[1]), key=lambda t: t.uid
        )


@pytest.mark.slow
def test_real_threads_link_the_same_whatever_order_they_arrive_in(
    shared_data: Path, linker: Linker
) -> None:
    with gzip.open(shared_data / "digest/linkbench/threads-dev.jsonl.gz", "rt") as file:
        rows = [json.loads(line) for line, _ in zip(file, range(1500), strict=False)]
    threads = [
        Thread(row["c"], row["uid"], row["title"], row["t"], "https://example.org/", row["url"])
        for row in rows
    ]
    shuffled = random.Random(7).sample(threads, len(threads))
    cut = [shuffled[i : i + 400] for i in range(0, len(shuffled), 400)]
    with _linked([threads], 4096, linker) as one, _linked(cut, 97, linker) as other:
        links = _links(one)
        assert len(links) > 50
        assert links == _links(other)


@pytest.mark.slow
def test_portions_linked_by_two_processes_in_turn_give_the_links_of_one(
    tmp_path: Path, linker: Linker
) -> None:
    titles = ("Announcing Rust 1.45.0", "Rust 1.45 released", "Plundervolt breaks Intel SGX")
    threads = [
        make_thread(f"{community}:{n}", f"{title} {n % 3}", day=n / 5)
        for n, title in enumerate(titles * 8)
        for community in _COMMUNITIES
    ]
    path = tmp_path / "archive.sqlite3"
    with (
        _linked([threads], 4096, linker) as one,
        Archive.open(path) as first,
        Archive.open(path) as second,
    ):
        turns = [(first, Linker.load()), (second, Linker.load())]
        for start in range(0, len(threads), 9):
            archive, own = turns[start // 9 % 3 == 0]
            archive.add(threads[start : start + 9], seen=1_700_000_000)
            link_pending(archive, own, batch=7)
        assert _links(first) == _links(one)


def test_titles_stay_indexed_while_another_process_only_takes_a_lease(
    tmp_path: Path, linker: Linker, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "archive.sqlite3"
    read: list[int] = []
    linked_between = LinkStore.linked_between

    def counted(store: LinkStore, first: int, last: int) -> list[tuple[int, str, int]]:
        rows = linked_between(store, first, last)
        read.extend(n for n, *_ in rows)
        return rows

    monkeypatch.setattr(LinkStore, "linked_between", counted)
    with Archive.open(path) as archive, Archive.open(path) as other:
        archive.add([make_thread("hackernews:1", "Plundervolt breaks SGX")], seen=1_700_000_000)
        link_pending(archive, linker)
        read.clear()
        LeaseStore(other).take("run", "host 1 x", now=1, seconds=9)
        archive.add([make_thread("lobsters:1", "Plundervolt breaks SGX")], seen=1_700_000_000)
        link_pending(archive, linker)
        assert 1 not in read
        assert len(_links(archive)) == 1
        other.add([make_thread("lobsters:2", "Plundervolt breaks SGX")], seen=1_700_000_000)
        link_pending(other, Linker.load())
        archive.add([make_thread("lobsters:3", "Plundervolt breaks SGX")], seen=1_700_000_000)
        link_pending(archive, linker)
        assert len(_links(archive)) == 6


def test_a_new_title_of_a_linked_thread_is_found_by_later_threads(
    archive: Archive, linker: Linker
) -> None:
    archive.add([make_thread("lobsters:1", "Knitting for beginners")], seen=1_700_000_000)
    link_pending(archive, linker)
    title = "Plundervolt: fault injection against Intel SGX"
    archive.add([make_thread("lobsters:1", title)], seen=1_700_000_100)
    link_pending(archive, linker)
    archive.add([make_thread("hackernews:1", title)], seen=1_700_000_200)
    link_pending(archive, linker)
    assert [link[:2] for link in _links(archive)] == [("hackernews:1", "lobsters:1")]


def test_linking_twice_does_nothing_the_second_time(archive: Archive, linker: Linker) -> None:
    archive.add([make_thread("hackernews:1", "A title")], seen=1_700_000_000)
    assert link_pending(archive, linker).threads == 1
    assert link_pending(archive, linker).threads == 0


@pytest.mark.slow
def test_threads_that_another_encoder_linked_at_the_same_time_are_linked_again(
    archive: Archive, linker: Linker
) -> None:
    archive.add([make_thread(f"lobsters:{n}", f"Rust 1.{n} released") for n in range(8)], seen=1)
    other = Linker.load("minilm")

    def meanwhile(done: int, total: int | None, what: str) -> None:
        if done == 4:
            link_pending(archive, other)
            archive.add([make_thread("lobsters:8", "Rust 1.8 released")], seen=1)

    link_pending(archive, linker, batch=4, progress=meanwhile)
    assert _marks(archive) == {linker.mark, other.mark}
    assert link_pending(archive, other).threads == 1
    assert _marks(archive) == {other.mark}
    assert link_pending(archive, other).threads == 0
    assert link_pending(archive, linker).threads == 9


def _marks(archive: Archive) -> set[int]:
    return {mark for (mark,) in archive.database.execute("SELECT linked FROM thread")}


def test_after_a_rollback_of_the_first_batch_no_title_of_it_stays_indexed(
    archive: Archive, linker: Linker
) -> None:
    archive.add([make_thread(f"lobsters:{n}", f"Rust 1.{n} released") for n in range(5)], seen=1)
    archive.database.execute(
        "CREATE TRIGGER full BEFORE INSERT ON link BEGIN SELECT RAISE(ABORT, 'full'); END"
    )
    with pytest.raises(ArchiveError):
        link_pending(archive, linker)
    assert len(linker.near) == 5
    with Archive.open(":memory:") as other:
        other.add([make_thread("lobsters:9", "SQLite 3.9")], seen=1)
        link_pending(other, linker)
    assert len(linker.near) == 1


def test_a_changed_title_is_judged_anew(archive: Archive, linker: Linker) -> None:
    archive.add(
        [
            make_thread("hackernews:1", "Plundervolt: fault injection against Intel SGX"),
            make_thread("lobsters:1", "Plundervolt: fault injection against Intel SGX"),
        ],
        seen=1_700_000_000,
    )
    link_pending(archive, linker)
    assert len(_links(archive)) == 1
    archive.add([make_thread("lobsters:1", "Knitting for beginners")], seen=1_700_000_100)
    link_pending(archive, linker)
    assert _links(archive) == []


def test_one_page_is_one_story_only_within_two_weeks(archive: Archive, linker: Linker) -> None:
    days = SAME_PAGE // DAY
    archive.add(
        [
            make_thread("hackernews:1", "One", url="https://a.example/x?utm_source=y"),
            make_thread("lobsters:1", "Two", url="http://www.a.example/x", day=days),
            make_thread("lobsters:2", "Three", url="http://www.a.example/x", day=2 * days + 1),
        ],
        seen=1_700_000_000,
    )
    link_pending(archive, linker)
    assert [link[:3] for link in _links(archive)] == [
        ("hackernews:1", "lobsters:1", "canonical_url")
    ]


@pytest.mark.parametrize("origin_first", [True, False])
def test_a_crosspost_is_tied_to_its_origin_whichever_came_first(
    archive: Archive, linker: Linker, origin_first: bool
) -> None:
    origin = make_thread("reddit/A:1", "What it is")
    copy = make_thread("reddit/B:2", "Seen elsewhere", day=3, crosspost_of="reddit/A:1")
    for thread in (origin, copy) if origin_first else (copy, origin):
        archive.add([thread], seen=1_700_000_000)
        link_pending(archive, linker)
    assert _links(archive) == [("reddit/A:1", "reddit/B:2", "crosspost", 1.0)]


def test_progress_is_told_and_reaches_the_total(archive: Archive, linker: Linker) -> None:
    archive.add([make_thread(f"hackernews:{i}", f"Title {i}") for i in range(5)], seen=1)
    told: list[tuple[int, int | None, str]] = []
    link_pending(archive, linker, batch=2, progress=lambda *step: told.append(step))
    assert told[-1] == (5, 5, "linking")
