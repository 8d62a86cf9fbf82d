"""Hacker News, against a server that speaks the paths of Firebase and Algolia."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shiomi.digest.config import HackerNewsConfig
from shiomi.digest.errors import SourceError
from shiomi.digest.sources.hackernews import HackerNews, thread_of_hit, thread_of_item
from shiomi.digest.sources.source import Batch
from shiomi.digest.thread import PassageKind, Reading, ThreadState

from .community import Asked, Community, Reply, html, json_reply

DAY = 86400
UNTIL = 1_780_000_000
SINCE = UNTIL - 2 * DAY


def hit(number: int, created: int, points: int | None = 50, **more: Any) -> dict[str, Any]:
    """A search result in the recorded shape, its noise included."""
    return {
        "_highlightResult": {"title": {"value": "x", "matchLevel": "none", "matchedWords": []}},
        "_tags": ["story", "author_someone", f"story_{number}"],
        "author": "someone",
        "children": [number + 1],
        "created_at": "2026-05-28T00:00:00Z",
        "created_at_i": created,
        "num_comments": 7,
        "objectID": str(number),
        "points": points,
        "story_id": number,
        "title": f"Story {number}",
        "url": f"https://example.org/{number}",
        "updated_at": "2026-05-28T00:00:00Z",
        **more,
    }


def item(number: int, created: int, **more: Any) -> dict[str, Any]:
    return {
        "by": "someone",
        "descendants": 9,
        "id": number,
        "kids": [],
        "score": 60,
        "time": created,
        "title": f"Story {number}",
        "type": "story",
        "url": f"https://example.org/{number}",
        **more,
    }


def search(hits: Sequence[dict[str, Any]], most: int = 1000) -> Callable[[Asked], Reply]:
    """Algolia's search: filters by time, newest first, never more than `most` of a query."""

    def answer(asked: Asked) -> Reply:
        asked_for = re.fullmatch(
            r"created_at_i>=(\d+),created_at_i<(\d+),points>=(\d+)", asked.query["numericFilters"]
        )
        assert asked_for is not None
        since, until, points = map(int, asked_for.groups())
        found = [
            one for one in hits if since <= one["created_at_i"] < until and one["points"] >= points
        ]
        found.sort(key=lambda one: -one["created_at_i"])
        size, page = int(asked.query["hitsPerPage"]), int(asked.query["page"])
        shown = found[:most][page * size : (page + 1) * size]
        pages = -(-min(len(found), most) // size)
        return json_reply({"hits": shown, "nbHits": len(found), "nbPages": pages, "page": page})

    return answer


def source(community: Community, **settings: Any) -> HackerNews:
    return HackerNews(
        HackerNewsConfig(
            endpoint=f"{community.url}/v0", search_endpoint=f"{community.url}/api/v1", **settings
        )
    )


def collected(
    community: Community, cursor: str | None = None, since: int = SINCE, **settings: Any
) -> list[Batch]:
    with community.http("hackernews", budget_seconds=1e6) as http:
        return list(source(community, **settings).collect(http, since, UNTIL, cursor))


def test_stories_are_found_by_search_and_the_best_are_read_with_comments(
    community: Community,
) -> None:
    community.routes |= {
        "/api/v1/search_by_date": search([hit(1, UNTIL - 100), hit(5, UNTIL - DAY - 100)]),
        "/v0/item/1.json": json_reply(item(1, UNTIL - 100, kids=[2, 3, 4])),
        "/v0/item/2.json": json_reply({"id": 2, "time": 1, "type": "comment", "deleted": True}),
        "/v0/item/3.json": json_reply(
            {"by": "someone", "id": 3, "time": 1, "type": "comment", "text": "I&#x27;m <i>in</i>"}
        ),
        "/v0/item/4.json": json_reply({"id": 4, "time": 1, "type": "comment", "dead": True}),
        "/v0/item/5.json": json_reply(item(5, UNTIL - DAY - 100)),
    }
    batches = collected(community)
    threads = {thread.id: thread for batch in batches for thread in batch.threads}
    now = int(community.clock.now)
    first = threads["1"]
    assert first.uid == "hackernews:1"
    assert first.link == "https://news.ycombinator.com/item?id=1"
    assert first.readings[-1].points == 60
    assert first.readings[-1].comments == 9
    assert first.readings[-1].time <= now
    said = first.passages[0]
    assert (said.kind, said.text, said.points) == (PassageKind.COMMENT, "I'm in", None)
    assert said.link == "https://news.ycombinator.com/item?id=3"
    assert "someone" not in repr(threads)


def test_found_stories_come_before_the_slow_reading_of_comments(community: Community) -> None:
    community.routes["/api/v1/search_by_date"] = search([hit(1, UNTIL - 100)])
    community.routes["/v0/item/1.json"] = json_reply(item(1, UNTIL - 100))
    batches = collected(community)
    assert batches[0].threads[0].readings == (Reading(int(community.clock.now), 50, 7),) or (
        batches[0].threads[0].readings[0].points == 50
    )
    assert batches[1].threads[0].readings[0].points == 60


@pytest.mark.slow
def test_a_window_with_more_than_1000_hits_is_split_until_all_are_seen(
    community: Community,
) -> None:
    hits = [hit(number, UNTIL - 2 * DAY + number * 40) for number in range(1, 4001)]
    community.routes["/api/v1/search_by_date"] = search(hits)
    community.routes |= {f"/v0/item/{number}.json": json_reply(None) for number in range(1, 4001)}
    batches = collected(community)
    found = {thread.id for batch in batches for thread in batch.threads}
    assert found == {str(number) for number in range(1, 4001)}


def test_a_second_with_more_than_1000_hits_ends_the_splitting(community: Community) -> None:
    hits = [hit(number, UNTIL - 5) for number in range(1, 1501)]
    community.routes["/api/v1/search_by_date"] = search(hits)
    community.routes |= {f"/v0/item/{number}.json": json_reply(None) for number in range(1, 1501)}
    batches = collected(community, since=UNTIL - 10)
    assert len({thread.id for batch in batches for thread in batch.threads}) == 1000


def test_pages_smaller_than_asked_for_are_all_read(community: Community) -> None:
    def small(asked: Asked) -> Reply:
        return every(replace(asked, query={**asked.query, "hitsPerPage": "2"}))

    every = search([hit(number, UNTIL - number) for number in range(1, 6)])
    community.routes["/api/v1/search_by_date"] = small
    community.routes |= {f"/v0/item/{n}.json": json_reply(None) for n in range(1, 6)}
    batches = collected(community, since=UNTIL - DAY)
    assert len({thread.id for batch in batches for thread in batch.threads}) == 5


@pytest.mark.slow
def test_a_run_goes_on_from_any_batch_and_sees_the_same_threads(community: Community) -> None:
    numbers = range(1, 50)
    community.routes["/api/v1/search_by_date"] = search(
        [hit(n, UNTIL - n * 3500, points=20 + n) for n in numbers]
    )
    community.routes |= {
        f"/v0/item/{n}.json": json_reply(item(n, UNTIL - n * 3500, score=20 + n)) for n in numbers
    }
    whole = collected(community)
    for stopped in range(0, len(whole), 2):
        rest = collected(community, whole[stopped].cursor)
        got = [
            (thread.id, thread.readings[-1].points)
            for batch in (*whole[: stopped + 1], *rest)
            for thread in batch.threads
        ]
        assert got == [
            (thread.id, thread.readings[-1].points) for batch in whole for thread in batch.threads
        ]


def test_a_story_that_died_since_it_was_found_is_marked(community: Community) -> None:
    community.routes["/api/v1/search_by_date"] = search([hit(1, UNTIL - 9), hit(2, UNTIL - 9)])
    community.routes["/v0/item/1.json"] = json_reply(
        {"id": 1, "time": UNTIL - 9, "type": "story", "dead": True, "title": "Story 1", "score": 60}
    )
    community.routes["/v0/item/2.json"] = json_reply(
        {"id": 2, "time": UNTIL - 9, "type": "story", "deleted": True}
    )
    threads = {thread.id: thread for batch in collected(community) for thread in batch.threads}
    assert threads["1"].state is ThreadState.DEAD
    assert threads["1"].readings[-1].comments is None
    assert threads["2"].state is ThreadState.DELETED
    assert threads["2"].readings == ()


def test_a_story_that_lost_points_since_it_was_found_is_read_all_the_same(
    community: Community,
) -> None:
    community.routes["/api/v1/search_by_date"] = search([hit(1, UNTIL - 9, points=20)])
    community.routes["/v0/item/1.json"] = json_reply(item(1, UNTIL - 9, score=12))
    assert collected(community)[1].threads[0].readings[0].points == 12


def test_when_the_search_fails_the_front_page_is_read_and_the_failure_named(
    community: Community,
) -> None:
    community.routes |= {
        "/api/v1/search_by_date": html("<h1>Forbidden</h1>", 403),
        "/v0/topstories.json": json_reply([1, 2, 3, 4]),
        "/v0/beststories.json": json_reply([2, 5]),
        "/v0/item/1.json": json_reply(item(1, UNTIL - 100)),
        "/v0/item/2.json": json_reply(item(2, UNTIL - 100, score=3)),
        "/v0/item/3.json": json_reply(None),
        "/v0/item/4.json": json_reply(item(4, SINCE - 1)),
        "/v0/item/5.json": json_reply(item(5, UNTIL - 100, score="many")),
    }
    seen: list[Batch] = []
    with community.http("hackernews") as http:
        collecting = source(community).collect(http, SINCE, UNTIL, None)
        with pytest.raises(SourceError, match=r"403: Forbidden.*front-page lists"):
            seen.extend(collecting)  # keeps what came before the error
    assert [thread.id for batch in seen for thread in batch.threads] == ["1"]
    assert sum(batch.skipped for batch in seen) == 1


def test_when_nothing_answers_both_failures_are_named(community: Community) -> None:
    community.routes["/api/v1/search_by_date"] = json_reply({}, 403)
    with (
        community.http("hackernews") as http,
        pytest.raises(SourceError, match=r"search_by_date answered 403.*topstories.*404"),
    ):
        list(source(community).collect(http, SINCE, UNTIL, None))


def test_when_the_items_fail_every_story_is_still_found_and_the_failure_named(
    community: Community,
) -> None:
    hits = [hit(1, UNTIL - 100), hit(2, UNTIL - DAY - 100)]
    community.routes["/api/v1/search_by_date"] = search(hits)
    community.routes["/v0/item/1.json"] = json_reply({}, 401)
    seen: list[Batch] = []
    with community.http("hackernews") as http, pytest.raises(SourceError, match="401"):
        seen.extend(source(community).collect(http, SINCE, UNTIL, None))
    assert [thread.id for batch in seen for thread in batch.threads] == ["1", "2"]


def test_a_damaged_hit_costs_only_itself(community: Community) -> None:
    good = hit(1, UNTIL - 100)
    bad: list[Any] = [
        None,
        7,
        "x",
        [],
        {},
        hit(2, UNTIL) | {"created_at_i": "soon"},
        hit(3, UNTIL) | {"title": None},
        hit(4, UNTIL) | {"points": 1e40},
        hit(5, UNTIL) | {"objectID": "../5"},
        hit(6, UNTIL) | {"created_at_i": -1},
        hit(7, UNTIL) | {"title": " \n"},
    ]
    community.routes["/api/v1/search_by_date"] = json_reply(
        {"hits": [*bad, good], "nbHits": 12, "nbPages": 1}
    )
    community.routes["/v0/item/1.json"] = json_reply(None)
    batches = collected(community, since=UNTIL - DAY)
    assert [thread.id for batch in batches for thread in batch.threads] == ["1"]
    assert sum(batch.skipped for batch in batches) == len(bad)


def test_an_answer_without_hits_is_a_failure_and_not_an_empty_day(community: Community) -> None:
    community.routes["/api/v1/search_by_date"] = json_reply({"message": "invalid key"})
    community.routes["/v0/topstories.json"] = json_reply([])
    community.routes["/v0/beststories.json"] = json_reply([])
    with pytest.raises(SourceError, match="without hits"):
        collected(community)


def test_an_absent_count_is_unknown_and_never_0() -> None:
    job = thread_of_item({"id": 1, "time": 2, "type": "job", "title": "x", "score": 1}, 9)
    assert job is not None
    assert job.readings == (Reading(9, 1, None),)
    bare = thread_of_item({"id": 1, "time": 2, "type": "story", "title": "x"}, 9)
    assert bare is not None
    assert bare.readings == ()
    zero = thread_of_hit(hit(1, 2, points=0, num_comments=0), 9)
    assert zero is not None
    assert zero.readings == (Reading(9, 0, 0),)
    unknown = thread_of_hit(hit(1, 2, points=3, num_comments=None), 9)
    assert unknown is not None
    assert unknown.readings == (Reading(9, 3, None),)


@pytest.mark.parametrize(
    ("fields", "url", "text"),
    [
        ({"url": "https://x.org/"}, "https://x.org/", None),
        ({"text": "Dear HN,<p>why?"}, None, "Dear HN,\n\nwhy?"),
        ({"url": "https://x.org/", "text": "a &#x2F; b"}, "https://x.org/", "a / b"),
        ({}, None, None),
        ({"url": ""}, None, None),
        ({"url": "javascript:alert(1)"}, None, None),
    ],
)
def test_a_story_has_an_address_or_text_or_both_or_neither(
    fields: dict[str, Any], url: str | None, text: str | None
) -> None:
    thread = thread_of_item({"id": 1, "time": 2, "type": "story", "title": "t", **fields}, 9)
    assert thread is not None
    assert thread.url == url
    assert [passage.text for passage in thread.passages] == ([] if text is None else [text])


@pytest.mark.parametrize("raw", [None, {"id": 1, "type": "comment", "time": 2, "text": "x"}, 3, {}])
def test_what_is_no_story_is_no_thread(raw: object) -> None:
    assert thread_of_item(raw, 9) is None


def test_both_ways_of_reading_a_story_agree_on_its_tags() -> None:
    found = thread_of_hit(hit(1, 2, title="Show HN: A thing"), 9)
    read = thread_of_item(item(1, 2, title="Show HN: A thing"), 9)
    assert found is not None
    assert read is not None
    assert found.tags == read.tags == ("show_hn",)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)


@pytest.mark.slow
@given(st.data())
def test_no_value_of_a_field_breaks_the_reading(data: st.DataObject) -> None:
    for whole in (hit(1, 2), item(1, 2)):
        name = data.draw(st.sampled_from(sorted(whole)))
        broken = {**whole, name: data.draw(json_values)}
        for read in (thread_of_hit, thread_of_item):
            thread = read(broken, 9)
            assert thread is None or thread.id == "1" or name in {"id", "objectID"}


def test_a_search_that_stands_still_is_recognised_and_the_front_page_is_read(
    community: Community,
) -> None:
    old = [hit(n, UNTIL - 36 * 3600 - n) for n in range(1, 40)]
    community.routes |= {
        "/api/v1/search_by_date": search(old),
        "/v0/topstories.json": json_reply([500, 501, 7]),
        "/v0/beststories.json": json_reply([500]),
        "/v0/item/500.json": json_reply(item(500, UNTIL - 5 * 3600)),
        "/v0/item/501.json": json_reply(item(501, UNTIL - 1000, score=3)),
    }
    for one in old:
        number = int(one["objectID"])
        community.routes[f"/v0/item/{number}.json"] = json_reply(item(number, one["created_at_i"]))
    batches: list[Batch] = []
    with (
        community.http("hackernews", budget_seconds=1e6) as http,
        pytest.raises(SourceError, match="search index stands still"),
    ):
        batches.extend(source(community).collect(http, SINCE, UNTIL, None))
    found = {thread.id for batch in batches for thread in batch.threads}
    assert "500" in found  # from the front page
    assert "501" not in found  # too few points
    assert {one["objectID"] for one in old} <= found  # the search of the older day is believed


def test_a_quiet_search_that_the_front_page_confirms_is_believed(community: Community) -> None:
    community.routes |= {
        "/api/v1/search_by_date": search([hit(1, UNTIL - 8 * 3600)]),
        "/v0/topstories.json": json_reply([1, 2]),
        "/v0/item/1.json": json_reply(item(1, UNTIL - 8 * 3600)),
        "/v0/item/2.json": json_reply(item(2, UNTIL - 600, score=90)),  # younger than an hour
    }
    assert [thread.id for batch in collected(community) for thread in batch.threads] == ["1", "1"]
    assert community.paths().count("/v0/topstories.json") == 1
