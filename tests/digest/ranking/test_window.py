"""The week and the weeks before it."""

from __future__ import annotations

from datetime import date

import pytest

from shiomi.digest.archive import Archive
from shiomi.digest.ranking.window import read_window
from shiomi.digest.thread import Thread
from shiomi.digest.week import Week

WEEK = Week(date(2020, 12, 13))


def thread(id_: str, created: int) -> Thread:
    return Thread("lobsters", id_, f"title {id_}", created, f"https://lobste.rs/s/{id_}")


def test_weeks_before_the_archive_are_unknown_and_weeks_within_it_may_be_empty() -> None:
    with Archive.open(":memory:") as archive:
        archive.add([thread("a", WEEK.before(3).start), thread("b", WEEK.start)], seen=WEEK.end)
        window = read_window(archive, WEEK, as_of=WEEK.end, weeks=8)
    assert [[t.id for t in threads] for threads in window.weeks] == [["a"], [], [], ["b"]]
    assert [t.id for t in window.now] == ["b"]
    assert [t.id for t in window.earlier] == ["a"]


def test_an_empty_archive_still_has_this_week() -> None:
    with Archive.open(":memory:") as archive:
        assert read_window(archive, WEEK, as_of=WEEK.end, weeks=8).weeks == ((),)


def test_a_thread_of_the_first_moment_after_the_week_is_left_out() -> None:
    with Archive.open(":memory:") as archive:
        archive.add([thread("in", WEEK.end - 1), thread("out", WEEK.end)], seen=WEEK.end)
        window = read_window(archive, WEEK, as_of=WEEK.end + 9, weeks=0)
    assert [t.id for t in window.all] == ["in"]


def test_looking_back_a_negative_number_of_weeks_is_refused() -> None:
    with Archive.open(":memory:") as archive, pytest.raises(ValueError, match="weeks is -1"):
        read_window(archive, WEEK, as_of=WEEK.end, weeks=-1)
