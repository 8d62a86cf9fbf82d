"""Stories out of links."""

from __future__ import annotations

import dataclasses
import itertools
import random

from hypothesis import given
from hypothesis import strategies as st

from shiomi.digest.archive import Archive, Correction, CorrectionStore
from shiomi.digest.linking import Linker, link_pending, stories
from shiomi.digest.linking.stories import SPAN, agglomerate
from shiomi.digest.story import Link, LinkKind
from shiomi.digest.thread import Thread
from tests.digest.linking.conftest import DAY, make_thread

_START = 1_600_000_000


def _same(a: str, b: str, score: float = 0.95) -> Link:
    return Link(min(a, b), max(a, b), LinkKind.SAME_STORY, score)


def _threads(*rows: tuple[str, str, float]) -> dict[str, Thread]:
    return {uid: make_thread(uid, title, day=day) for uid, title, day in rows}


def test_a_chain_whose_ends_have_nothing_in_common_is_not_one_story() -> None:
    uids = [f"hackernews:{i}" for i in range(4)]
    threads = _threads(*((uid, f"Title {i}", 0.0) for i, uid in enumerate(uids)))
    chain = [_same(a, b) for a, b in itertools.pairwise(uids)]
    assert len(agglomerate(threads, chain)) == 2
    every = [_same(a, b) for a, b in itertools.combinations(uids, 2)]
    assert len(agglomerate(threads, every)) == 1


def test_a_story_spans_no_more_than_two_weeks() -> None:
    threads = _threads(("a:1", "One", 0), ("a:2", "One", 10), ("a:3", "One", 20))
    ties = [Link("a:1", "a:2", LinkKind.CANONICAL_URL, 1.0)]
    ties += [Link("a:2", "a:3", LinkKind.CANONICAL_URL, 1.0)]
    for story in agglomerate(threads, ties):
        assert story.threads[-1].created - story.threads[0].created <= SPAN


def test_parts_of_a_series_are_not_joined_by_a_title_near_both() -> None:
    threads = _threads(
        ("a:1", "How does SQLite work? Part 1", 0),
        ("a:2", "How does SQLite work? Part 2", 0),
        ("a:3", "How does SQLite work?", 0),
    )
    found = agglomerate(threads, [_same("a:1", "a:3", 0.99), _same("a:2", "a:3", 0.98)])
    assert [[t.uid for t in story.threads] for story in found] == [["a:1", "a:3"], ["a:2"]]
    assert found[0].related == ("a:2",)
    assert found[1].related == ("a:3",)


def test_related_threads_are_named_and_not_merged() -> None:
    threads = _threads(("a:1", "One", 0), ("a:2", "Two", 0))
    tie = Link("a:1", "a:2", LinkKind.RELATED, 0.7)
    assert [story.related for story in agglomerate(threads, [tie])] == [("a:2",), ("a:1",)]


_ties = st.lists(
    st.tuples(
        st.integers(0, 7), st.integers(0, 7), st.sampled_from(list(LinkKind)), st.floats(0.5, 1)
    ),
    max_size=20,
)


@given(_ties, st.lists(st.integers(0, 30), min_size=8, max_size=8), st.randoms())
def test_grouping_loses_no_thread_and_depends_on_no_order(
    rows: list[tuple[int, int, LinkKind, float]], days: list[int], rng: random.Random
) -> None:
    threads = _threads(*((f"a:{i}", f"Title {i}", day) for i, day in enumerate(days)))
    ties = {
        (min(a, b), max(a, b)): Link(f"a:{min(a, b)}", f"a:{max(a, b)}", kind, score)
        for a, b, kind, score in rows
        if a != b
    }
    listed = list(ties.values())
    one = agglomerate(threads, listed)
    rng.shuffle(listed)
    shuffled = list(threads.items())
    rng.shuffle(shuffled)
    other = agglomerate(dict(shuffled), listed)
    assert sorted(one, key=lambda s: s.id) == sorted(other, key=lambda s: s.id)
    assert sorted(t.uid for story in one for t in story.threads) == sorted(threads)
    for story in one:
        assert all({link.a, link.b} <= {t.uid for t in story.threads} for link in story.links)


def test_a_story_of_the_week_has_its_older_threads_too(archive: Archive, linker: Linker) -> None:
    page = "https://a.example/x"
    archive.add(
        [
            make_thread("hackernews:1", "One", url=page),
            make_thread("lobsters:1", "Two", url=page, day=6),
            make_thread("lobsters:2", "Another matter altogether", day=1),
        ],
        seen=1_700_000_000,
    )
    link_pending(archive, linker)
    found = stories(archive, _START + 5 * DAY, _START + 12 * DAY)
    assert [[t.uid for t in story.threads] for story in found] == [["hackernews:1", "lobsters:1"]]
    assert found[0].links == (Link("hackernews:1", "lobsters:1", LinkKind.CANONICAL_URL, 1.0),)


def test_as_of_a_moment_later_threads_are_not_there(archive: Archive, linker: Linker) -> None:
    page = "https://a.example/x"
    archive.add(
        [
            make_thread("hackernews:1", "One", url=page),
            make_thread("lobsters:1", "Two", url=page, day=6),
        ],
        seen=1_700_000_000,
    )
    link_pending(archive, linker)
    found = stories(archive, _START, _START + 12 * DAY, as_of=_START + DAY)
    assert [[t.uid for t in story.threads] for story in found] == [["hackernews:1"]]


def test_an_archive_without_threads_has_no_stories(archive: Archive) -> None:
    assert stories(archive, 0, 10**10) == []


def test_what_a_person_joined_is_one_story_whatever_the_links_say(
    archive: Archive, linker: Linker
) -> None:
    archive.add(
        [
            make_thread("hackernews:1", "Vim creator has passed away"),
            make_thread("lobsters:1", "Something with quite other words", day=20),
        ],
        seen=1_700_000_000,
    )
    CorrectionStore(archive).put(Correction("hackernews:1", "lobsters:1", "join", 1_700_000_000))
    link_pending(archive, linker)
    found = stories(archive, _START, _START + DAY)
    assert [[t.uid for t in story.threads] for story in found] == [["hackernews:1", "lobsters:1"]]
    assert found[0].links == (Link("hackernews:1", "lobsters:1", LinkKind.JOINED, 1.0),)
    before = stories(archive, _START, _START + DAY, as_of=_START + DAY)
    assert [[t.uid for t in story.threads] for story in before] == [["hackernews:1"]]


def test_what_a_person_split_stays_two_stories_after_linking_again(
    archive: Archive, linker: Linker
) -> None:
    page = "https://a.example/x"
    threads = [
        make_thread("hackernews:1", "One", url=page),
        make_thread("lobsters:1", "One", url=page),
    ]
    archive.add(threads, seen=1_700_000_000)
    corrections = CorrectionStore(archive)
    corrections.put(Correction("hackernews:1", "lobsters:1", "split", 1_700_000_000))
    link_pending(archive, linker)
    renamed = dataclasses.replace(threads[1], title="One, renamed")
    archive.add([renamed], seen=1_700_000_100)
    link_pending(archive, linker)
    found = stories(archive, _START, _START + DAY)
    assert [story.related for story in found] == [("lobsters:1",), ("hackernews:1",)]
    assert corrections.remove("lobsters:1", "hackernews:1")
    assert len(stories(archive, _START, _START + DAY)) == 1


def test_a_story_folded_on_lobsters_does_not_join_under_the_title_it_borrowed() -> None:
    title = "How many registers does a CPU have?"
    threads = {
        thread.uid: thread
        for thread in (
            make_thread("hackernews:1", title, url="https://a.example/how-many"),
            make_thread("lobsters:1", title, url="https://a.example/how-many"),
            make_thread("lobsters:2", title, url="https://b.example/how-many-should-it-have"),
        )
    }
    ties = [
        Link("hackernews:1", "lobsters:1", LinkKind.CANONICAL_URL, 1.0),
        _same("hackernews:1", "lobsters:2"),
        _same("lobsters:1", "lobsters:2"),
    ]
    found = [[t.uid for t in story.threads] for story in agglomerate(threads, ties)]
    assert found == [["hackernews:1", "lobsters:1"], ["lobsters:2"]]
