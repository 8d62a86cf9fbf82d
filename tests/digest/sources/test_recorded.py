"""Every answer that was ever recorded for us goes through, with the right meaning."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from shiomi.digest.config import ArxivConfig, HackerNewsConfig, LobstersConfig, RedditConfig
from shiomi.digest.errors import SourceError
from shiomi.digest.sources.arxiv import Arxiv
from shiomi.digest.sources.hackernews import HackerNews, thread_of_hit, thread_of_item
from shiomi.digest.sources.lobsters import Lobsters, thread_of_story
from shiomi.digest.sources.reddit import comments_of_listing, thread_of_post
from shiomi.digest.sources.reddit_feeds import RedditFeeds
from shiomi.digest.thread import PassageKind, Reading, Thread, ThreadState

from .community import Asked, Community, Reply, json_reply

NOW = 1_780_000_000


@pytest.fixture
def payloads(shared_data: Path) -> Path:
    return shared_data / "digest" / "payloads"


def load(path: Path) -> Any:
    return json.loads(path.read_text("utf-8"))


def thread_page(payloads: Path, name: str, comments: int = 20) -> tuple[Thread, tuple[Any, ...]]:
    """A recorded comments page: its thread and the comments that may be quoted."""
    first, second = load(payloads / "reddit_thread" / f"{name}.json")
    thread = thread_of_post(first["data"]["children"][0]["data"], NOW)
    assert thread is not None
    return thread, comments_of_listing(second, comments)


def test_every_shape_of_a_hacker_news_item_is_a_thread(
    payloads: Path, community: Community
) -> None:
    items = load(payloads / "hn" / "hn_firebase_items_by_shape.json")["examples"]
    for item in items:
        community.routes[f"/v0/item/{item['id']}.json"] = json_reply(item)
    with community.http() as http:
        for item in items:
            raw = http.get_json(f"{community.url}/v0/item/{item['id']}.json")
            thread = thread_of_item(raw, NOW)
            assert thread is not None
            assert thread.state is (
                ThreadState.DELETED
                if item.get("deleted")
                else ThreadState.DEAD
                if item.get("dead")
                else ThreadState.LIVE
            )
            shown = item.get("score"), item.get("descendants")
            assert thread.readings == (() if shown == (None, None) else (Reading(NOW, *shown),))
            assert thread.url == item.get("url")
            assert [passage.kind for passage in thread.passages] == (
                [PassageKind.POST] if "text" in item else []
            )
            assert not any("&#x" in passage.text for passage in thread.passages)
            assert thread.title == item.get("title", "")
            if "by" in item:
                own = f"{item.get('title')} {item.get('url')} {item.get('text')}"
                assert item["by"] not in repr(thread) or item["by"].lower() in own.lower()
    assert Counter(bool(item.get("deleted")) for item in items)[True] >= 3


def test_a_recorded_search_of_algolia_is_read(payloads: Path, community: Community) -> None:
    told = load(payloads / "hn" / "algolia_search_story.json")
    (hit,) = told["hits"]
    thread = thread_of_hit(hit, NOW)
    assert thread is not None
    assert thread.uid == "hackernews:13133437"
    assert thread.readings == (Reading(NOW, 1, 0),)  # a 0 that is shown is 0
    assert thread.tags == ("ask_hn",)
    assert thread.passages[0].text.endswith("HN's / encoded")
    community.routes["/a/search_by_date"] = json_reply(told)
    community.routes["/v0/item/13133437.json"] = json_reply(None)
    config = HackerNewsConfig(
        endpoint=f"{community.url}/v0", search_endpoint=f"{community.url}/a", min_points=1
    )
    with community.http() as http:
        created = hit["created_at_i"]
        batches = list(HackerNews(config).collect(http, created - 5, created + 5, None))
    assert [t.id for batch in batches for t in batch.threads] == ["13133437"]


def test_a_removed_post_is_removed_and_its_text_not_kept(payloads: Path) -> None:
    thread, _ = thread_page(payloads, "removed_post_1lmjg3p")
    assert thread.state is ThreadState.REMOVED
    assert thread.passages == ()
    assert "[removed]" not in repr(thread)


def test_a_crosspost_names_the_thread_it_is_of(payloads: Path) -> None:
    thread, comments = thread_page(payloads, "crosspost_1lv53nn")
    assert thread.crosspost_of == "reddit/ChatGPT:1luudp3"
    assert thread.readings == (Reading(NOW, 220, 32),)
    assert comments[0].points == 111


def test_a_post_whose_author_left_still_stands(payloads: Path) -> None:
    thread, comments = thread_page(payloads, "deleted_author_1mce9tt")
    assert thread.state is ThreadState.LIVE
    assert thread.url == "https://huggingface.co/zai-org/GLM-4.5/discussions/1"
    assert (
        thread.passages[0].text == "Has anyone tested for same, is it trained on gemini outputs ?"
    )
    assert len(comments) == 6


def test_deleted_comments_and_more_are_not_quoted(payloads: Path) -> None:
    thread, comments = thread_page(payloads, "deleted_comments_and_more_1lmggiz")
    assert thread.url is None
    assert all(comment.text not in {"[deleted]", "[removed]", ""} for comment in comments)
    assert comments


def test_a_hidden_score_is_unknown_and_no_comments_are_0(payloads: Path) -> None:
    thread, comments = thread_page(payloads, "no_comments_1miqk3e")
    assert thread.readings == (Reading(NOW, None, 0),)
    assert comments == ()


def test_no_entity_and_no_name_is_left_in_a_recorded_page(payloads: Path) -> None:
    for path in sorted((payloads / "reddit_thread").glob("*.json")):
        thread, comments = thread_page(payloads, path.stem)
        texts = [passage.text for passage in (*thread.passages, *comments)]
        assert not any("&gt;" in text or "&amp;" in text or "&lt;" in text for text in texts)
        author = load(path)[0]["data"]["children"][0]["data"]["author"]
        kept = repr(thread).replace(thread.title, "").replace(thread.url or "-", "")
        assert author not in kept or author == "[deleted]"


def test_every_recorded_exchange_of_reddit_is_answered_with_its_meaning(
    payloads: Path, community: Community
) -> None:
    seen: Counter[int] = Counter()
    with community.http("reddit") as http:
        for path in sorted((payloads / "reddit_oauth_praw").glob("*.json")):
            for told in load(path)["interactions"]:
                answer = told["response"]
                status = answer["status"]["code"]
                headers = tuple(
                    (name, value[0])
                    for name, value in answer["headers"].items()
                    if name.lower() in {"content-type", "retry-after"} or "rate" in name.lower()
                )
                body = answer["body"]["string"].encode()
                community.routes["/replayed"] = Reply(body, status, headers)
                community.clock.now += 1000  # another run
                http.__post_init__()
                http.retries = 0
                seen[status] += 1
                if status >= 400:
                    with pytest.raises(SourceError, match=f"answered {status}"):
                        http.get_json(f"{community.url}/replayed")
                else:
                    _listings_go_through(http.get_json(f"{community.url}/replayed"))
    assert set(seen) == {200, 400, 401, 403, 404, 500}


def _listings_go_through(answer: Any) -> None:
    """Every submission becomes a thread, but advertisements; every comment is read or left out."""
    for listing in answer if isinstance(answer, list) else [answer]:
        if not isinstance(listing, dict) or listing.get("kind") != "Listing":
            continue
        for child in listing["data"]["children"]:
            if child["kind"] == "t3" and not child["data"].get("promoted"):
                thread = thread_of_post(child["data"], NOW)
                assert thread is not None
                assert thread.readings[0].points == child["data"]["score"]
        for said in comments_of_listing(listing, 1000):
            assert said.text
            assert said.link.startswith("https://www.reddit.com")


def test_the_recorded_block_page_is_named(payloads: Path, community: Community) -> None:
    (page,) = (payloads / "reddit_blocked").glob("*.html")
    community.routes["/r/LocalLLaMA/new/.rss"] = Reply(
        page.read_bytes(), 403, (("Content-Type", "text/html"),)
    )
    reader = RedditFeeds(RedditConfig(public_endpoint=community.url, subreddits=("LocalLLaMA",)))
    with (
        community.http("reddit") as http,
        pytest.raises(
            SourceError, match=r"403 \(bot wall: Reddit\): Blocked whoa there, pardner!.*feed_token"
        ),
    ):
        list(reader.collect(http, 0, NOW, None))


@pytest.mark.parametrize(
    ("name", "outcome"),
    [
        ("id_abc_s0", "error"),
        ("id_0000.0000", 0),
        ("id_0808.05394_s0", 0),
        ("id_0808.05394_1707", 1),
        ("id_1605.08386", 1),
        ("q_testing", 10),
    ],
)
def test_every_recorded_answer_of_arxiv_is_papers_or_an_error(
    payloads: Path, community: Community, name: str, outcome: int | str
) -> None:
    (path,) = (payloads / "arxiv").glob(f"{name}*.json")
    told = load(path)
    community.routes["/query"] = Reply(
        told["body"].encode(), told["status_code"], (("Content-Type", "application/atom+xml"),)
    )
    reader = Arxiv(ArxivConfig(endpoint=community.url, max_results=10))
    with community.http("arxiv", manners=reader.manners) as http:
        if outcome == "error":
            with pytest.raises(SourceError, match="incorrect id format for abc"):
                list(reader.collect(http, 0, 2**33, None))
            return
        batches = list(reader.collect(http, 0, 2**33, None))
    threads = [thread for batch in batches for thread in batch.threads]
    assert len(threads) == outcome
    assert sum(batch.skipped for batch in batches) == 0
    for thread in threads:
        assert thread.readings == ()
        assert thread.link.startswith("https://arxiv.org/abs/")
        assert thread.passages[0].kind is PassageKind.ABSTRACT


def test_every_recorded_answer_of_lobsters_is_read(payloads: Path, community: Community) -> None:
    stories = load(payloads / "lobsters" / "hottest.json")
    details = load(payloads / "lobsters" / "post_details_tdfoqh.json")

    def story(asked: Asked) -> Reply:
        short_id = asked.path.removeprefix("/s/").removesuffix(".json")
        return json_reply({**details, "short_id": short_id})

    community.routes["/newest.json"] = json_reply(stories)
    for one in stories:
        community.routes[f"/s/{one['short_id']}.json"] = story
    reader = Lobsters(LobstersConfig(endpoint=community.url, pages=1))
    with community.http("lobsters", manners=reader.manners) as http:
        batches = list(reader.collect(http, 0, 2**33, None))
    assert len(batches[0].threads) == len(stories) == 25
    assert sum(batch.skipped for batch in batches) == 0
    for thread, one in zip(batches[0].threads, stories, strict=True):
        assert thread.readings == (
            Reading(thread.readings[0].time, one["score"], one["comment_count"]),
        )
        assert thread.tags == tuple(one["tags"])
    text_post = thread_of_story(details, NOW, comments=100)
    assert text_post is not None
    assert text_post.url is None
    own = [one for one in details["comments"] if one["parent_comment"] is None]
    assert len(text_post.passages) == 1 + len(own)


def test_an_answer_of_the_right_form_about_something_else_gives_no_threads(
    payloads: Path, community: Community
) -> None:
    tags = load(payloads / "lobsters" / "tags.json")
    community.routes["/newest.json"] = json_reply(tags)
    reader = Lobsters(LobstersConfig(endpoint=community.url, pages=1))
    with community.http("lobsters") as http:
        (batch,) = reader.collect(http, 0, 2**33, None)
    assert batch.threads == ()
    assert batch.skipped == len(tags)
