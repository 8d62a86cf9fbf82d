"""Stories as plain data."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shiomi.digest.story import Link, LinkKind, Story
from shiomi.digest.thread import Thread


def thread(id_: str, created: int, community: str = "hackernews") -> Thread:
    return Thread(community, id_, f"title {id_}", created, f"https://example.org/{id_}")


THREADS = [thread("a", 30), thread("b", 10), thread("c", 20, "lobsters"), thread("d", 10)]


@given(st.permutations(THREADS))
def test_a_story_is_the_same_in_any_order_of_arrival(threads: list[Thread]) -> None:
    story = Story.of(threads)
    assert story == Story.of(THREADS)
    assert story.id == "hackernews:b"
    assert story.communities == ("hackernews", "lobsters")
    assert set(story.threads) == set(THREADS)


def test_what_came_later_is_left_to_the_next_week() -> None:
    kept = Link("hackernews:b", "lobsters:c", LinkKind.CANONICAL_URL, 1.0)
    cut = Link("hackernews:a", "hackernews:b", LinkKind.SAME_STORY, 0.95)
    story = Story.of(THREADS, [kept, cut], ["lobsters:x"]).until(30)
    assert [t.id for t in story.threads] == ["b", "d", "c"]
    assert story.links == (kept,)
    assert story.related == ("lobsters:x",)
    with pytest.raises(ValueError, match="begins at 10"):
        story.until(10)
