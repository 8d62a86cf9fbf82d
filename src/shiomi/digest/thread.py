"""A thread: one discussion in one community, and the readings of its counts over time."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

__all__ = [
    "Passage",
    "PassageKind",
    "Place",
    "Reading",
    "Thread",
    "ThreadState",
    "community_label",
]


class ThreadState(StrEnum):
    """The community's current state of the thread."""

    LIVE = "live"
    DEAD = "dead"  # Hacker News: killed by flags or moderators
    DELETED = "deleted"  # deleted by its author
    REMOVED = "removed"  # removed by moderators


class PassageKind(StrEnum):
    """The kind of text from which a passage is taken."""

    POST = "post"  # the thread's own text
    COMMENT = "comment"
    ARTICLE = "article"  # the page that the thread links to
    ABSTRACT = "abstract"  # the abstract of a paper


@dataclass(frozen=True, slots=True)
class Reading:
    """The points and comments of a thread, as its community showed them at one moment.

    None means that the community did not show the count. The count is then unknown, not 0.
    """

    time: int  # unix seconds, UTC
    points: int | None
    comments: int | None
    exact: bool = True  # False: read at `time` or earlier (the data set states only its date)


@dataclass(frozen=True, slots=True)
class Place:
    """A thread's rank in its community's list of the best threads at one moment."""

    time: int  # unix seconds, UTC
    rank: int  # 1 is the top


@dataclass(frozen=True, slots=True)
class Passage:
    """A text of a thread that may be quoted, and its page. It has no user name."""

    kind: PassageKind
    text: str  # plain text: no markup, no entities
    link: str
    points: int | None = None  # the points of a comment, if the community shows them


@dataclass(frozen=True, slots=True)
class Thread:
    """One discussion in one community. Its identity is (community, id); all else may change."""

    community: str  # "hackernews", "lobsters", "arxiv", "reddit/LocalLLaMA"
    id: str  # the community's own id
    title: str  # plain text
    created: int  # unix seconds, UTC
    link: str  # the discussion page
    url: str | None = None  # the linked page; None for a text post
    tags: tuple[str, ...] = ()
    state: ThreadState = ThreadState.LIVE
    crosspost_of: str | None = None  # uid of the thread it was crossposted from
    readings: tuple[Reading, ...] = ()  # by time, oldest first
    passages: tuple[Passage, ...] = ()
    place: Place | None = None  # the best place in which the thread was seen; None: not known

    @property
    def uid(self) -> str:
        """The identity as one string: "hackernews:45944441", "reddit/LocalLLaMA:1oximzj"."""
        return f"{self.community}:{self.id}"

    @property
    def reading(self) -> Reading | None:
        """The newest reading, or None if the counts were never read."""
        return self.readings[-1] if self.readings else None


_LABELS = {
    "hackernews": "Hacker News",
    "lobsters": "Lobsters",
    "arxiv": "arXiv",
    "zenn": "Zenn",
    "qiita": "Qiita",
    "hatena": "はてなブックマーク",
    "dev": "DEV",
    "huggingface-papers": "Hugging Face Papers",
    "github-releases": "GitHub",
    "mastodon-tag": "Mastodon",
    "bluesky-tag": "Bluesky",
}


def community_label(community: str) -> str:
    """Return the usual name of a community: "Hacker News", "Reddit (r/LocalLLaMA)"."""
    family, _, part = community.partition("/")
    if family == "reddit":
        return f"Reddit (r/{part})"
    label = _LABELS.get(family)
    if label is None:
        return community
    tag = "#" if family.endswith("-tag") else ""
    return f"{label} ({tag}{part})" if part else label
