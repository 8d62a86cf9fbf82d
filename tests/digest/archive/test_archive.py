"""The archive as the other rooms use it."""

from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from shiomi.digest.address import Location
from shiomi.digest.archive import Added, Archive, LinkStore
from shiomi.digest.archive.sqlite import SqliteDatabase
from shiomi.digest.errors import ArchiveError
from shiomi.digest.thread import Passage, PassageKind, Reading, ThreadState
from tests.digest.archive.conftest import MakeThread, reading_at


def test_a_thread_comes_back_as_it_was_added(archive: Archive, make: MakeThread) -> None:
    thread = make(
        url="https://example.org/a",
        tags=("rust", "web"),
        state=ThreadState.DEAD,
        crosspost_of="reddit/rust:abc",
        readings=(Reading(1_000, 5, None), Reading(2_000, None, 3, exact=False)),
        passages=(
            Passage(PassageKind.POST, "own text", "https://example.org/p"),
            Passage(PassageKind.COMMENT, "first", "https://example.org/c1", 7),
            Passage(PassageKind.COMMENT, "second", "https://example.org/c2"),
        ),
    )
    assert archive.add([thread], seen=2_000) == Added(new=1, readings=2)
    assert archive.thread(thread.uid) == thread


def test_what_was_added_is_there_after_the_archive_is_opened_again(
    location: Location, make: MakeThread
) -> None:
    with Archive.open(location) as archive:
        archive.add([make()], seen=1)
    with Archive.open(location, create=False) as archive:
        assert archive.thread("hackernews:1") == make()


def test_a_thread_that_is_not_here_is_none(archive: Archive) -> None:
    assert archive.thread("hackernews:404") is None
    assert archive.thread("no uid at all") is None
    assert reading_at(archive, "hackernews:404", 2**40) is None
    assert archive.titles("hackernews:404") == []


def test_threads_are_those_created_in_the_half_open_range_by_time_and_uid(
    archive: Archive, make: MakeThread
) -> None:
    made = [
        make(id="b", created=200),
        make(id="a", created=200),
        make(id="x", community="lobsters", created=100),
        make(id="late", created=300),
    ]
    archive.add(made, seen=1)
    found = [thread.uid for thread in archive.threads(100, 300)]
    assert found == ["lobsters:x", "hackernews:a", "hackernews:b"]
    only = [thread.uid for thread in archive.threads(100, 301, community="hackernews")]
    assert only == ["hackernews:a", "hackernews:b", "hackernews:late"]


def test_the_archive_may_be_written_while_its_threads_are_read(
    archive: Archive, make: MakeThread
) -> None:
    archive.add((make(id=str(n), created=n) for n in range(1_200)), seen=1)
    count = 0
    for thread in archive.threads(0, 10_000):
        if count % 100 == 0:
            archive.add([make(id=f"{thread.id}-new", created=thread.created)], seen=2)
        count += 1
    assert count == 1_200


def test_as_of_leaves_out_later_readings_and_keeps_the_title_of_now(
    archive: Archive, make: MakeThread
) -> None:
    readings = tuple(Reading(time, time, None) for time in (10, 20, 30))
    archive.add([make(title="Old", readings=readings[:2])], seen=20)
    archive.add([make(title="New", readings=readings[2:])], seen=30)
    thread = archive.thread("hackernews:1", as_of=20)
    assert thread is not None
    assert thread.readings == readings[:2]
    assert thread.title == "New"
    assert reading_at(archive, "hackernews:1", 9) is None
    assert reading_at(archive, "hackernews:1", 29) == readings[1]
    assert next(archive.threads(0, 2_000, as_of=10)).readings == readings[:1]
    assert archive.get_many(["hackernews:1"], as_of=5)["hackernews:1"].readings == ()


def test_many_threads_come_in_the_order_asked_for(archive: Archive, make: MakeThread) -> None:
    archive.add([make(id=str(n)) for n in range(1_100)], seen=1)
    wanted = [f"hackernews:{n}" for n in reversed(range(1_100))]
    found = archive.get_many([*wanted, "hackernews:none", wanted[0]])
    assert list(found) == wanted


def test_all_titles_are_kept_with_the_time_each_was_first_seen(
    archive: Archive, make: MakeThread
) -> None:
    for seen, title in ((10, "First"), (20, "Second"), (30, "First")):
        archive.add([make(title=title)], seen=seen)
    assert archive.titles("hackernews:1") == [(10, "First"), (20, "Second")]
    thread = archive.thread("hackernews:1")
    assert thread is not None
    assert thread.title == "First"


def test_a_failed_transaction_leaves_nothing(archive: Archive, make: MakeThread) -> None:
    def broken() -> None:
        with archive.transaction():
            archive.add([make()], seen=1)
            archive.set_cursor("hackernews", "7")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        broken()
    assert archive.thread("hackernews:1") is None
    assert archive.cursor("hackernews") is None


def test_a_failed_inner_transaction_leaves_the_outer_one(
    archive: Archive, make: MakeThread
) -> None:
    def broken() -> None:
        with archive.transaction():
            archive.add([make(id="inner")], seen=1)
            raise ValueError("inner")

    with archive.transaction():
        archive.add([make(id="outer")], seen=1)
        with pytest.raises(ValueError, match="inner"):
            broken()
    assert archive.thread("hackernews:outer") is not None
    assert archive.thread("hackernews:inner") is None


def test_a_cursor_is_kept_with_the_batch_it_belongs_to(archive: Archive, make: MakeThread) -> None:
    with archive.transaction():
        archive.add([make()], seen=77)
        archive.set_cursor("hackernews", "after 1", collected=77)
    archive.set_cursor("hackernews", "after 2")
    assert archive.cursor("hackernews") == "after 2"
    (source,) = archive.status().sources
    assert (source.source, source.cursor, source.collected) == ("hackernews", "after 2", 77)


def test_a_cursor_that_is_only_kept_is_no_collection(archive: Archive, make: MakeThread) -> None:
    archive.add([make()], seen=77)
    archive.set_cursor("lobsters", "blocked until 99")
    (source,) = archive.status().sources
    assert (source.source, source.collected) == ("lobsters", None)


def test_pending_threads_are_the_new_ones_and_those_whose_links_may_change(
    archive: Archive, make: MakeThread
) -> None:
    archive.add([make(id=str(n)) for n in range(3)], seen=1)
    assert [one.uid for one in LinkStore(archive).oldest_pending(1 << 40, 2)] == [
        f"hackernews:{n}" for n in range(2)
    ]
    archive.database.execute("UPDATE thread SET linked = 1")
    archive.add([make(id=str(n), readings=(Reading(5, 1, 1),)) for n in range(3)], seen=5)
    assert LinkStore(archive).count_pending() == 0
    archive.add([make(id="0", title="Retitled")], seen=6)
    archive.add([make(id="1", url="https://example.org/")], seen=6)
    archive.add([make(id="2", crosspost_of="reddit/a:b")], seen=6)
    assert [one.uid for one in LinkStore(archive).oldest_pending(1 << 40, 10)] == [
        f"hackernews:{n}" for n in range(3)
    ]


@pytest.mark.parametrize(
    ("query", "index"),
    [
        ("linked = 0 AND created IS NOT NULL ORDER BY n LIMIT 9", "thread_pending"),
        ("created >= 1 AND created < 2", "thread_by_created"),
    ],
)
def test_threads_of_a_range_and_pending_ones_are_found_by_an_index(
    archive: Archive, query: str, index: str
) -> None:
    if isinstance(archive.database, SqliteDatabase):
        explain = "EXPLAIN QUERY PLAN"
    else:
        explain = "EXPLAIN"
        archive.database.execute("TRUNCATE thread CASCADE")  # or the plan depends on deleted rows
        archive.database.execute("SET enable_seqscan = off")  # an empty table needs no index
    plan = archive.database.execute(f"{explain} SELECT n FROM thread WHERE {query}").fetchall()
    assert index in str(plan)


def test_the_status_counts_what_is_held(archive: Archive, make: MakeThread) -> None:
    archive.add([make(id="1", created=5, readings=(Reading(9, 1, 1),))], seen=9)
    archive.add([make(id="2", created=7), make(id="3", community="lobsters", created=6)], seen=9)
    status = archive.status()
    assert (status.threads, status.readings, status.pending) == (3, 1, 3)
    assert [(c.community, c.threads, c.newest_thread, c.newest_reading) for c in status.communities]
    assert status.communities[0].newest_reading == 9
    assert status.communities[1].newest_reading is None
    assert status.size > 0
    assert status.migration >= 1


def test_an_archive_in_memory_needs_no_file(make: MakeThread) -> None:
    with Archive.open(":memory:") as archive:
        archive.add([make()], seen=1)
        assert archive.status().size == 0
        assert archive.thread("hackernews:1") is not None


def test_another_process_can_read_while_a_transaction_is_open(
    location: Location, make: MakeThread
) -> None:
    with Archive.open(location) as writer, Archive.open(location, read_only=True) as reader:
        writer.add([make(id="1")], seen=1)
        with writer.transaction():
            writer.add([make(id="2")], seen=1)
            assert list(reader.get_many(["hackernews:1", "hackernews:2"])) == ["hackernews:1"]
        assert reader.thread("hackernews:2") is not None


def test_an_error_of_the_engine_is_told_as_an_archive_error(archive: Archive) -> None:
    def broken() -> None:
        with archive.transaction():
            archive.database.execute("SELECT * FROM no_such_table")

    with pytest.raises(ArchiveError, match="no_such_table") as caught:
        broken()
    assert isinstance(caught.value.__cause__, (sqlite3.Error, psycopg.Error))


def test_two_who_write_at_once_lose_nothing(location: Location, make: MakeThread) -> None:
    Archive.open(location).close()

    def write(name: str) -> None:
        with Archive.open(location) as archive:
            for number in range(30):
                archive.add([make(id=f"{name}{number}"), make(id="both", title=name)], seen=number)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(write, ["a", "b"]))
    with Archive.open(location) as archive:
        assert archive.status().threads == 61
        assert {title for _, title in archive.titles("hackernews:both")} == {"a", "b"}
