"""Convert a Reddit post to a thread, both for imported files and for the API."""

from __future__ import annotations

import html
import re
from typing import Annotated
from urllib.parse import urlsplit

import msgspec

from shiomi.digest.thread import Passage, PassageKind, Reading, Thread, ThreadState

__all__ = [
    "RedditPost",
    "is_quotable",
    "is_subreddit",
    "points_at_itself",
    "post_link",
    "post_state",
    "thread_from_post",
    "without_users",
]

_SITE = "https://www.reddit.com"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.]{1,20}")  # r/reddit.com is also a subreddit
_ID = re.compile(r"[A-Za-z0-9]{1,16}")
_DISCUSSION = re.compile(r"/r/(\w+)/comments/(\w+)")
_PERMALINK = re.compile(r"/r/[\w%./-]+")
_GONE = frozenset({"[deleted]", "[removed]", ""})
_GONE_TITLE = "[deleted by user]"
_BY_AUTHOR = frozenset({"deleted", "author"})  # values of removed_by_category
_BOT = "I am a bot, and this action was performed automatically"
# A mention is not matched if an ASCII letter or digit is before it. Japanese characters may be
# before it, because Japanese has no spaces around names.
_MENTION = re.compile(
    r"(?:(?<![A-Za-z0-9_/])/?|(?<=reddit\.com/))u(?:ser)?/[A-Za-z0-9_-]{3,}", re.IGNORECASE
)


Count = Annotated[int, msgspec.Meta(ge=-(2**53), le=2**53)]
Moment = Annotated[float, msgspec.Meta(ge=0, lt=2**36)]  # unix seconds, to the year 4147


class _Parent(msgspec.Struct):
    id: str
    subreddit: str


class RedditPost(msgspec.Struct, kw_only=True):
    """The fields of a submission that are read. The author is left out; no user name is stored."""

    id: str
    title: str
    subreddit: str
    created_utc: Moment
    permalink: str | None = None
    url: str | None = None
    is_self: bool = False
    selftext: str | None = None
    selftext_html: str | None = None
    score: Count | None = None
    hide_score: bool = False
    num_comments: Count | None = None
    removed_by_category: str | None = None
    link_flair_text: str | None = None
    over_18: bool = False
    crosspost_parent: str | None = None  # "t3_1abc"
    crosspost_parent_list: list[_Parent] = []


def thread_from_post(
    post: RedditPost, time: int, *, title: str, own: str, url: str | None, exact: bool = True
) -> Thread:
    """Return the thread of a post. Its counts were read at `time`, or at `time` or before if
    `exact` is False.

    `title` is the title of the post on one line. `own` is its text as plain text. `url` is the
    address that it links to.
    """
    state = post_state(title, post.selftext, post.removed_by_category)
    link = post_link(post.subreddit, post.id, post.permalink)
    url = None if post.is_self or (url and points_at_itself(url, post.id)) else url or None
    points = None if post.hide_score else post.score
    known = points is not None or post.num_comments is not None
    flair = " ".join(html.unescape(post.link_flair_text or "").split())
    quotable = own and state is ThreadState.LIVE and is_quotable(post.selftext or own)
    return Thread(
        f"reddit/{post.subreddit}",
        post.id,
        "" if title == _GONE_TITLE else title,
        int(post.created_utc),
        link,
        url,
        tuple(filter(None, (flair, "nsfw" if post.over_18 else ""))),
        state,
        _crosspost(post),
        readings=(Reading(time, points, post.num_comments, exact),) if known else (),
        passages=(Passage(PassageKind.POST, own, link),) if quotable else (),
    )


def _crosspost(post: RedditPost) -> str | None:
    """Return the uid of the post's parent. It is read from the parent object, or from an address
    that contains the subreddit."""
    for parent in post.crosspost_parent_list[:1]:
        if _ID.fullmatch(parent.id) and is_subreddit(parent.subreddit):
            return f"reddit/{parent.subreddit}:{parent.id}"
    found = _DISCUSSION.search(post.url or "")
    if post.crosspost_parent and found and post.crosspost_parent == f"t3_{found[2]}":
        return f"reddit/{found[1]}:{found[2]}" if is_subreddit(found[1]) else None
    return None


def is_subreddit(name: str) -> bool:
    """Return whether `name` is a subreddit. A user's own page is not, because it would contain a
    user name."""
    return _NAME.fullmatch(name) is not None and not name.lower().startswith("u_")


def post_state(title: str, text: str | None, removed_by: str | None) -> ThreadState:
    """Return the state of a post, from its title, its own text and `removed_by_category`.

    `removed_by_category` takes precedence over the text, because a post that moderators removed may
    also have the text "[deleted]". If only the author is deleted, the post is not deleted.
    """
    text = (text or "").strip()
    if title == _GONE_TITLE or removed_by in _BY_AUTHOR:
        return ThreadState.DELETED
    if removed_by is not None or text == "[removed]":
        return ThreadState.REMOVED
    return ThreadState.DELETED if text == "[deleted]" else ThreadState.LIVE


def post_link(subreddit: str, post: str, permalink: str | None) -> str:
    """Return the address at which the post is read."""
    path = permalink or ""
    if not _PERMALINK.fullmatch(path):
        path = f"/r/{subreddit}/comments/{post}/"
    return _SITE + path


def points_at_itself(url: str, post: str) -> bool:
    """Return whether the post links to its own page."""
    try:
        return f"/comments/{post}" in urlsplit(url).path
    except ValueError:
        return False


def is_quotable(text: str) -> bool:
    """Return whether the text was written by a person and still exists."""
    return text.strip() not in _GONE and _BOT not in text


def without_users(text: str) -> str:
    """Return the text with every mention of a user replaced by "u/…", so that no user name is
    stored."""
    return _MENTION.sub("u/…", text)
