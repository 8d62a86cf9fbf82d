"""What Reddit means by a post's fields: the same for a post imported and for one collected."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from shiomi.digest.thread import ThreadState

__all__ = [
    "is_quotable",
    "is_subreddit",
    "points_at_itself",
    "post_link",
    "post_state",
    "post_title",
    "without_users",
]

_SITE = "https://www.reddit.com"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.]{1,20}")  # r/reddit.com is one too
_PERMALINK = re.compile(r"/r/[\w%./-]+")
_GONE = frozenset({"[deleted]", "[removed]", ""})
_GONE_TITLE = "[deleted by user]"
_BY_AUTHOR = frozenset({"deleted", "author"})  # values of removed_by_category
_BOT = "I am a bot, and this action was performed automatically"
# ASCII on both sides: Japanese writes no space about a name.
_MENTION = re.compile(
    r"(?:(?<![A-Za-z0-9_/])/?|(?<=reddit\.com/))u(?:ser)?/[A-Za-z0-9_-]{3,}", re.IGNORECASE
)


def is_subreddit(name: str) -> bool:
    """Whether it is a subreddit and not a user's own page, whose name is the user's."""
    return _NAME.fullmatch(name) is not None and not name.lower().startswith("u_")


def post_state(title: str, text: str | None, removed_by: str | None) -> ThreadState:
    """The state by the post's title, its own text and `removed_by_category`.

    What is stated goes before what the text shows: moderators also take posts down that then read
    "[deleted]". An author who left does not delete a post: its text, title or mark does.
    """
    text = (text or "").strip()
    if title == _GONE_TITLE or removed_by in _BY_AUTHOR:
        return ThreadState.DELETED
    if removed_by is not None or text == "[removed]":
        return ThreadState.REMOVED
    return ThreadState.DELETED if text == "[deleted]" else ThreadState.LIVE


def post_title(title: str) -> str:
    """The title, "" where Reddit shows none any more."""
    return "" if title == _GONE_TITLE else title


def post_link(subreddit: str, post: str, permalink: str | None) -> str:
    """Where the post is read."""
    path = permalink or ""
    if not _PERMALINK.fullmatch(path):
        path = f"/r/{subreddit}/comments/{post}/"
    return _SITE + path


def points_at_itself(url: str, post: str) -> bool:
    """Whether the address of the post is that of its own page."""
    try:
        return f"/comments/{post}" in urlsplit(url).path
    except ValueError:
        return False


def is_quotable(text: str) -> bool:
    """Whether it is what somebody wrote: not gone, and not said by a bot."""
    return text.strip() not in _GONE and _BOT not in text


def without_users(text: str) -> str:
    """The text with every mention of a user as "u/…": no user name is stored."""
    return _MENTION.sub("u/…", text)
