"""A post of Reddit is understood alike, whether it is imported from a file or collected."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from shiomi.digest.archive import Archive
from shiomi.digest.archive.importing import import_file
from shiomi.digest.archive.reddit_post import without_users
from shiomi.digest.sources.reddit import comments_of_listing, thread_of_post
from shiomi.digest.thread import Thread, ThreadState

POST: dict[str, Any] = {
    "id": "1abc", "title": "A &lt;title&gt;", "subreddit": "LocalLLaMA",
    "permalink": "/r/LocalLLaMA/comments/1abc/a_title/", "created_utc": 1_780_000_000.0,
    "score": 7, "num_comments": 2, "is_self": True, "selftext": "Its **own** text by u/some_body.",
    "url": "https://www.reddit.com/r/LocalLLaMA/comments/1abc/a_title/",
    "link_flair_text": "News", "over_18": False,
}  # fmt: skip


def collected(post: dict[str, Any]) -> Thread | None:
    clean = {**post, "title": post["title"].replace("&lt;", "<").replace("&gt;", ">")}
    return thread_of_post(clean, 1_790_000_000)  # asked for with raw_json=1


def imported(post: dict[str, Any], folder: Path) -> Thread | None:
    path = folder / "posts.jsonl"
    path.write_bytes(msgspec.json.encode(post))
    with Archive.open(":memory:") as archive:
        import_file(archive, path, format="reddit posts", read_at=1_790_000_000)
        return archive.thread(f"reddit/{post['subreddit']}:{post['id']}")


@pytest.mark.parametrize(
    ("fields", "state"),
    [
        ({}, ThreadState.LIVE),
        ({"selftext": "[deleted]"}, ThreadState.DELETED),
        ({"selftext": " [removed]\n"}, ThreadState.REMOVED),
        ({"selftext": "[deleted]", "removed_by_category": "moderator"}, ThreadState.REMOVED),
        ({"selftext": "[removed]", "removed_by_category": "author"}, ThreadState.DELETED),
        ({"title": "[deleted by user]"}, ThreadState.DELETED),
        ({"title": "[deleted by user]", "removed_by_category": "moderator"}, ThreadState.DELETED),
        ({"removed_by_category": "automod_filtered"}, ThreadState.REMOVED),
        ({"is_self": False}, ThreadState.LIVE),  # an address that is its own page
        ({"is_self": False, "url": "https://example.org/a"}, ThreadState.LIVE),
        ({"permalink": "https://evil.example/"}, ThreadState.LIVE),
        ({"score": 3, "hide_score": True}, ThreadState.LIVE),
        ({"over_18": True, "link_flair_text": None}, ThreadState.LIVE),
        ({"selftext": "I am a bot, and this action was performed automatically."}, "live"),
        ({"title": ""}, None),
        ({"subreddit": "u_somebody"}, None),
        ({"subreddit": "no/subreddit"}, None),
    ],
)
def test_a_post_imported_is_the_post_collected(
    tmp_path: Path, fields: dict[str, Any], state: ThreadState | None
) -> None:
    post = POST | fields
    one, other = collected(post), imported(post, tmp_path)
    if one is None or other is None or state is None:
        assert (one, other, state) == (None, None, None)
        return
    assert one.state == other.state == state
    assert (one.title, one.link, one.url, one.tags) == (
        other.title, other.link, other.url, other.tags
    )  # fmt: skip
    assert one.passages == other.passages
    counts = [[(r.points, r.comments) for r in thread.readings] for thread in (one, other)]
    assert counts[0] == counts[1]


def test_comments_read_alike(tmp_path: Path) -> None:
    bodies = ["[deleted]", "*Thanks* /u/some_body", "I am a bot, and this action was performed"
              " automatically.", "[removed]"]  # fmt: skip
    listed = [{"kind": "t1", "data": {"id": f"c{n}", "body": b}} for n, b in enumerate(bodies)]
    one = comments_of_listing({"data": {"children": listed}}, 9)
    rows = [{"id": f"c{n}", "body": body} for n, body in enumerate(bodies)]
    other = imported(POST | {"selftext": "", "top_comments": rows}, tmp_path)
    assert other is not None
    assert [p.text for p in one] == [p.text for p in other.passages] == ["Thanks u/…"]


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("u/some_body, /u/other-one and /user/third_1.", "u/…, u/… and u/…."),
        ("さんu/some_bodyさん", "さんu/…さん"),
        ("https://www.reddit.com/user/some_body/", "https://www.reddit.com/u/…/"),
        ("https://old.reddit.com/u/some_body", "https://old.reddit.com/u/…"),
        ("https://example.org/u/some and a/u/b", "https://example.org/u/some and a/u/b"),
        ("a menu/list, u/ab", "a menu/list, u/ab"),
        ("u/…", "u/…"),
    ],
)
def test_mentions_of_users_are_masked_and_addresses_kept(text: str, masked: str) -> None:
    assert without_users(text) == masked
