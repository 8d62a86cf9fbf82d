"""What is known of a thread is joined from all that was seen, in any order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shiomi.digest.archive import Added, Archive, LinkStore
from shiomi.digest.thread import Passage, PassageKind, Reading, Thread, ThreadState
from tests.digest.archive.conftest import MANY, Empty, MakeThread, reading_at

# few values, so that they meet; every kind of text SQLite and its tokenizers could stumble over
TEXTS = st.sampled_from(
    ["Rust", "ＡＩ規制の動き", 'say "hi"', "", "nul\0byte", "\ud800 alone", "é"]
)
TIMES = st.integers(0, 4)
COUNTS = st.none() | st.integers(-3, 3)
READINGS = st.builds(Reading, TIMES, COUNTS, COUNTS, st.booleans())
PASSAGES = st.builds(Passage, st.sampled_from(PassageKind), TEXTS, TEXTS, COUNTS)
THREADS = st.builds(
    Thread,
    community=st.sampled_from(["hackernews", "reddit/rust"]),
    id=st.sampled_from(["1", "2"]),
    title=TEXTS,
    created=TIMES,
    link=TEXTS,
    url=st.none() | TEXTS,
    tags=st.lists(TEXTS, max_size=2).map(tuple),
    state=st.sampled_from(ThreadState),
    crosspost_of=st.none() | TEXTS,
    readings=st.lists(READINGS, max_size=3).map(tuple),
    passages=st.lists(PASSAGES, max_size=3).map(tuple),
)
SIGHTINGS = st.lists(st.tuples(THREADS, TIMES), max_size=8)


def content(archive: Archive) -> list[Any]:
    """Everything the archive says, without the order in which it heard of it."""
    uids = [f"{c}:{i}" for c in ("hackernews", "reddit/rust") for i in "12"]
    return [
        list(archive.threads(-1, 2**40)),
        [(uid, archive.titles(uid)) for uid in uids],
        [reading_at(archive, uid, time) for uid in uids for time in range(5)],
        archive.database.execute(
            "SELECT community, id, seen, url_seen, tags_seen, crosspost_seen FROM thread"
            " ORDER BY community, id"
        ).fetchall(),
        archive.database.execute(
            "SELECT community, id, title.title, first, last FROM title"
            " JOIN thread ON thread = thread.n ORDER BY 1, 2, 3"
        ).fetchall(),
    ]


def after(empty: Empty, sightings: Sequence[tuple[Thread, int]]) -> list[Any]:
    with empty() as archive:
        for thread, seen in sightings:
            archive.add([thread], seen=seen)
        return content(archive)


@pytest.mark.slow
@settings(MANY, max_examples=100)
@given(SIGHTINGS, st.randoms(use_true_random=False))
def test_the_order_of_adding_does_not_matter(
    empty: Empty, sightings: list[tuple[Thread, int]], random: Any
) -> None:
    shuffled = list(sightings)
    random.shuffle(shuffled)
    assert after(empty, sightings) == after(empty, shuffled)


@pytest.mark.slow
@settings(MANY, max_examples=100)
@given(SIGHTINGS)
def test_adding_the_same_again_changes_nothing(
    empty: Empty, sightings: list[tuple[Thread, int]]
) -> None:
    with empty() as archive:
        archive.add_seen(sightings)
        once = content(archive)
        assert once == after(lambda: Archive.open(":memory:"), sightings)  # one by one
        archive.database.execute("UPDATE thread SET linked = 1")
        again = archive.add_seen(sightings)
        assert content(archive) == once
        assert again == Added(unchanged=len(sightings))
        assert LinkStore(archive).count_pending() == 0


@pytest.mark.slow
@settings(MANY, max_examples=100)
@given(SIGHTINGS)
def test_readings_as_of_a_time_only_grow_with_it(
    empty: Empty, sightings: list[tuple[Thread, int]]
) -> None:
    with empty() as archive:
        archive.add_seen(sightings)
        for thread in archive.threads(0, 10):
            known: tuple[Reading, ...] = ()
            for time in range(6):
                now = archive.get_many([thread.uid], as_of=time)[thread.uid].readings
                assert now[: len(known)] == known
                assert all(reading.time <= time for reading in now)
                assert reading_at(archive, thread.uid, time) == (now[-1] if now else None)
                known = now
            assert known == thread.readings


@pytest.mark.slow
@settings(max_examples=40)
@given(SIGHTINGS)
def test_the_full_text_index_agrees_with_the_texts(sightings: list[tuple[Thread, int]]) -> None:
    with Archive.open(":memory:") as archive:
        archive.add_seen(sightings)
        for table in ("title_text", "passage_text"):
            archive.database.execute(
                f"INSERT INTO {table} ({table}, rank) VALUES ('integrity-check', 1)"
            )


def test_what_is_absent_never_erases_what_is_known(archive: Archive, make: MakeThread) -> None:
    full = make(
        url="https://example.org/",
        tags=("a",),
        crosspost_of="reddit/a:b",
        readings=(Reading(5, 1, 2),),
        passages=(Passage(PassageKind.POST, "text", "https://example.org/"),),
    )
    archive.add([full], seen=5)
    archive.add([make()], seen=6)
    assert archive.thread(full.uid) == full


def test_a_thread_without_a_title_keeps_the_one_it_had(archive: Archive, make: MakeThread) -> None:
    archive.add([make(title="Known")], seen=5)
    archive.add([make(title="", state=ThreadState.DELETED)], seen=6)
    thread = archive.thread("hackernews:1")
    assert thread is not None
    assert (thread.title, thread.state) == ("Known", ThreadState.DELETED)
    assert archive.titles("hackernews:1") == [(5, "Known")]


def test_an_unknown_count_stays_unknown_until_it_is_read(
    archive: Archive, make: MakeThread
) -> None:
    archive.add([make(readings=(Reading(5, 10, None),))], seen=5)
    assert reading_at(archive, "hackernews:1", 5) == Reading(5, 10, None)
    assert archive.add([make(readings=(Reading(5, None, 0),))], seen=5).readings == 1
    assert reading_at(archive, "hackernews:1", 5) == Reading(5, 10, 0)


def test_passages_of_one_kind_are_replaced_together_and_other_kinds_stay(
    archive: Archive, make: MakeThread
) -> None:
    post = Passage(PassageKind.POST, "post", "https://example.org/")
    comments = [Passage(PassageKind.COMMENT, f"comment {n}", "https://example.org/") for n in "123"]
    archive.add([make(passages=(post, *comments))], seen=5)
    archive.add([make(passages=(comments[2], comments[0]))], seen=6)
    thread = archive.thread("hackernews:1")
    assert thread is not None
    assert thread.passages == (post, comments[2], comments[0])
    assert [hit.thread.id for hit in archive.search("comment 2")] == []


def test_a_state_that_was_seen_later_stands(archive: Archive, make: MakeThread) -> None:
    archive.add([make(state=ThreadState.REMOVED)], seen=9)
    archive.add([make(state=ThreadState.LIVE)], seen=8)
    assert archive.get_many(["hackernews:1"])["hackernews:1"].state is ThreadState.REMOVED
    assert archive.add([make(state=ThreadState.LIVE)], seen=10).changed == 1
    assert archive.get_many(["hackernews:1"])["hackernews:1"].state is ThreadState.LIVE
