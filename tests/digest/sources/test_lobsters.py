"""Lobsters, against a server that speaks its paths with recorded answers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shiomi.digest.config import LobstersConfig
from shiomi.digest.errors import SourceError
from shiomi.digest.sources.lobsters import Lobsters, thread_of_story
from shiomi.digest.sources.source import Batch
from shiomi.digest.thread import PassageKind, Reading

from .community import Asked, Community, Reply, html, json_reply

DATA = Path(__file__).parents[2] / "data" / "sources"
PAGE: list[dict[str, Any]] = json.loads((DATA / "lobsters_hottest.json").read_text("utf-8"))
STORY: dict[str, Any] = json.loads((DATA / "lobsters_story.json").read_text("utf-8"))


def source(community: Community, **settings: Any) -> Lobsters:
    return Lobsters(LobstersConfig(endpoint=community.url, **settings))


def collected(
    community: Community, since: int = 1, cursor: str | None = None, **settings: Any
) -> list[Batch]:
    reader = source(community, **settings)
    with community.http("lobsters", manners=reader.manners) as http:
        return list(reader.collect(http, since, 2**33, cursor))


def aged(story: dict[str, Any], number: int) -> dict[str, Any]:
    """A story of its own id, `number` hours older than the recorded page."""
    return {
        **story,
        "short_id": f"id{number}",
        "created_at": f"2025-02-{13 - number // 24:02}T{23 - number % 24:02}:00:00.000-06:00",
        "score": number,
    }


def test_a_recorded_story_is_read_whole() -> None:
    thread = thread_of_story(STORY, 9, comments=3)
    assert thread is not None
    assert thread.uid == "lobsters:tdfoqh"
    assert thread.title == "Ranking comments by sum of replies' scores"
    assert thread.created == 1658509619  # 2022-07-22T12:06:59-05:00
    assert thread.url is None  # "" in the answer: a text post
    assert thread.tags == ("meta",)
    assert thread.readings == (Reading(9, 18, 10),)
    assert thread.link.startswith("https://lobste.rs/s/tdfoqh/")
    post, *comments = thread.passages
    assert post.kind is PassageKind.POST
    assert "<" not in post.text.replace("<https", "")
    assert [comment.points for comment in comments] == [
        17,
        8,
        5,
    ]  # the comment with 7 points is a reply
    assert comments[0].link.endswith("#c_ncdsfc")


@pytest.mark.parametrize("submitter", ["name", {"username": "name", "karma": 3}, None])
def test_the_submitter_in_any_shape_is_not_kept(submitter: object) -> None:
    thread = thread_of_story({**PAGE[0], "submitter_user": submitter}, 9)
    assert thread is not None
    assert "name" not in repr(thread).replace(thread.link, "")


def test_a_user_spoken_to_is_not_named() -> None:
    said = '<p>As <a href="https://lobste.rs/~name" rel="ugc">@name</a> says: <a href="/s/x">x</a>'
    thread = thread_of_story({**PAGE[0], "description": said}, 9)
    assert thread is not None
    assert thread.passages[0].text == "As @… says: x"


def test_gone_comments_are_not_quoted() -> None:
    first, second, *_ = STORY["comments"]
    gone = {**first, "is_deleted": True}, {**first, "is_moderated": True}, {**first, "comment": ""}
    thread = thread_of_story({**STORY, "comments": [*gone, second, None, 5]}, 9, comments=9)
    assert thread is not None
    comments = [p for p in thread.passages if p.kind is PassageKind.COMMENT]
    assert [comment.points for comment in comments] == [second["score"]]


def test_absent_counts_are_unknown() -> None:
    bare = {key: PAGE[0][key] for key in ("short_id", "created_at", "title")}
    thread = thread_of_story(bare, 9)
    assert thread is not None
    assert thread.readings == ()
    assert thread.link == f"https://lobste.rs/s/{bare['short_id']}"


def test_pages_are_read_until_one_ends_before_the_window(community: Community) -> None:
    for page in range(1, 5):
        path = "/newest.json" if page == 1 else f"/newest/page/{page}.json"
        numbers = range((page - 1) * 25, page * 25)
        community.routes[path] = json_reply([aged(PAGE[0], number) for number in numbers])
    since = 1739509200 - 30 * 3600  # 30 hours before the newest one
    batches = collected(community, since, comments=0)
    assert community.paths() == ["/newest.json", "/newest/page/2.json"]
    assert [thread.id for batch in batches for thread in batch.threads] == [
        f"id{number}" for number in range(31)
    ]
    assert community.clock.slept == [2.0]


def test_the_best_stories_are_read_with_their_comments(community: Community) -> None:
    community.routes["/newest.json"] = json_reply(PAGE[:3])
    for story in PAGE[:3]:
        community.routes[f"/s/{story['short_id']}.json"] = json_reply(
            {**STORY, "short_id": story["short_id"]}
        )
    community.routes["/s/iwiwye.json"] = json_reply({"error": "merged"}, 404)
    batches = collected(community, pages=1, comments=2)
    commented = batches[-1].threads
    assert [thread.id for thread in commented] == ["z1xro4", "f9zeee"]  # best first, one is gone
    assert all(len(thread.passages) == 3 for thread in commented)
    assert batches[-1].skipped == 1


def test_an_unchanged_page_is_not_sent_again(community: Community) -> None:
    def page(asked: Asked) -> Reply:
        if asked.headers.get("if-none-match") == 'W/"1"':
            return Reply(status=304)
        return json_reply(PAGE, ETag='W/"1"')

    community.routes["/newest.json"] = page
    with community.http("lobsters") as http:
        reader = source(community, pages=1, comments=0)
        first = list(reader.collect(http, 1, 2**33, None))
        again = list(reader.collect(http, 1, 2**33, None))
    assert len(first[0].threads) == len(PAGE)
    assert [batch.threads for batch in again] == [()]


def test_a_run_goes_on_from_any_batch(community: Community) -> None:
    for page in range(1, 4):
        path = "/newest.json" if page == 1 else f"/newest/page/{page}.json"
        stories = [aged(PAGE[0], number) for number in range((page - 1) * 25, page * 25)]
        community.routes[path] = json_reply(stories)
        community.routes |= {f"/s/{one['short_id']}.json": json_reply(one) for one in stories}
    whole = collected(community, pages=3)
    for stopped in range(0, len(whole), 2):
        rest = collected(community, cursor=whole[stopped].cursor, pages=3)
        assert [[t.id for t in batch.threads] for batch in (*whole[: stopped + 1], *rest)] == [
            [t.id for t in batch.threads] for batch in whole
        ]


def test_damaged_stories_are_left_out_and_counted(community: Community) -> None:
    bad: list[Any] = [None, 1, "x", {}, {**PAGE[0], "title": 7}, {**PAGE[0], "created_at": "now"},
                      {**PAGE[0], "short_id": "../../etc"}, {**PAGE[0], "score": []}]  # fmt: skip
    community.routes["/newest.json"] = json_reply([*bad, PAGE[1]])
    batches = collected(community, pages=1, comments=0)
    assert [thread.id for thread in batches[0].threads] == [PAGE[1]["short_id"]]
    assert batches[0].skipped == len(bad)


def test_a_page_that_is_no_list_is_a_failure(community: Community) -> None:
    community.routes["/newest.json"] = json_reply({"stories": []})
    with pytest.raises(SourceError, match="without a list of stories"):
        collected(community)


def test_a_bot_wall_is_a_failure_that_names_itself(community: Community) -> None:
    community.routes["/newest.json"] = html("<html><title>Making sure you're not a bot!</title>")
    with pytest.raises(SourceError, match="Making sure you're not a bot!"):
        collected(community)


@given(st.sampled_from(sorted(STORY)), st.none() | st.integers() | st.text() | st.lists(st.none()))
def test_no_value_of_a_field_breaks_the_reading(name: str, value: object) -> None:
    thread = thread_of_story({**STORY, name: value}, 9, comments=5)
    assert thread is None or thread.community == "lobsters"
