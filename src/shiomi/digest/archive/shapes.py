"""The shapes of lines that can be imported. A shape states the fields of a line, and how the line
becomes a thread."""

from __future__ import annotations

import dataclasses
import html
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec

from shiomi.digest.archive.adding import SeenThread
from shiomi.digest.archive.reddit_markdown import plain_markdown
from shiomi.digest.archive.reddit_post import (
    RedditPost,
    is_quotable,
    is_subreddit,
    thread_from_post,
)
from shiomi.digest.thread import Passage, PassageKind, Reading, Thread, ThreadState

__all__ = ["SHAPES", "Shape", "ThreadLine", "shape_of"]

Moment = Annotated[int, msgspec.Meta(ge=0, lt=2**36)]  # unix seconds, to the year 4147
Count = Annotated[int, msgspec.Meta(ge=-(2**53), le=2**53)]
# Characters that are not shown: controls, direction marks, surrogates, private use.
_UNSHOWN = (
    r"\s\x00-\x1f\x7f-\xa0\xad\u0600-\u0605\u061c\u180e\u200b-\u200f\u2028-\u202f\u205f-\u206f"
    r"\ud800-\uf8ff\ufeff\ufff0-\ufffb\ufffe\uffff\U000e0000-\U0010ffff"
)
# The name of a community, without ":"
Name = Annotated[str, msgspec.Meta(pattern=rf"^[^:{_UNSHOWN}]{{1,200}}\Z")]
Id = Annotated[str, msgspec.Meta(pattern=rf"^[^{_UNSHOWN}]{{1,200}}\Z")]


@dataclass(frozen=True, slots=True)
class Shape:
    """One kind of row. `found` takes a row and the latest time at which the file's counts were
    read."""

    name: str
    what: str
    row: type[msgspec.Struct]
    found: Callable[[Any, int], SeenThread]

    @property
    def columns(self) -> frozenset[str]:
        """The columns a row of this shape must have."""
        return frozenset(field.name for field in msgspec.structs.fields(self.row) if field.required)


def shape_of(columns: frozenset[str]) -> Shape | None:
    """Return the shape whose columns are all present. If there are several, return the shape with
    the most columns."""
    fitting = [shape for shape in SHAPES if shape.columns <= columns]
    return max(fitting, key=lambda shape: len(shape.columns), default=None)


class ThreadLine(msgspec.Struct):
    """Shiomi's own shape: a Thread as JSON, optionally with more facts from the archive."""

    community: Name
    id: Id
    title: str
    created: Moment
    link: str
    url: str | None = None
    tags: tuple[str, ...] = ()
    state: ThreadState = ThreadState.LIVE
    crosspost_of: str | None = None
    readings: tuple[Reading, ...] = ()
    passages: tuple[Passage, ...] = ()
    seen: Moment | None = None  # by default the time of the last reading, else the time of creation
    titles: tuple[tuple[Moment, Moment, str], ...] = ()  # (first seen, last seen, title)
    dated: Moment | None = None  # time when created, link and state were seen, if it is not `seen`


def _own(row: ThreadLine, _read_at: int) -> SeenThread:
    readings = tuple(sorted(row.readings, key=lambda reading: (reading.time, reading.exact)))
    for reading in readings:
        if not 0 <= reading.time < 2**36:
            raise ValueError(f"reading.time is {reading.time}; it must be unix seconds")
    counts = [count for reading in readings for count in (reading.points, reading.comments)]
    counts += [passage.points for passage in row.passages]
    if any(count is not None and abs(count) > 2**53 for count in counts):
        raise ValueError("points or comments beyond 2**53 are no count")
    seen = row.seen
    if seen is None:
        seen = max([row.created, *(reading.time for reading in readings)])
    thread = Thread(
        row.community,
        row.id,
        "" if any(row.title == title for _, _, title in row.titles) else row.title,
        row.created,
        row.link,
        row.url,
        row.tags,
        row.state,
        row.crosspost_of,
        readings,
        row.passages,
    )
    return SeenThread(thread, seen, seen if row.dated is None else row.dated, row.titles)


class _RedditComment(msgspec.Struct):
    id: Id
    body: str
    score: Count | None = None
    parent_id: str = "t3_"  # begins with "t3_" if the comment answers the post itself


class _RedditPost(RedditPost, kw_only=True):
    id: Id
    subreddit: Name
    permalink: str
    top_comments: tuple[_RedditComment, ...] = ()


def _reddit_post(row: _RedditPost, read_at: int) -> SeenThread:
    if not is_subreddit(row.subreddit):
        raise ValueError("it is in no subreddit, or on the page of a user")
    title = " ".join(html.unescape(row.title).split())
    if not title:
        raise ValueError("it has no title")
    seen = max(read_at, int(row.created_utc))
    own = plain_markdown(row.selftext or "")
    url = html.unescape(row.url) if row.url else None
    thread = thread_from_post(row, seen, title=title, own=own, url=url, exact=False)
    passages = (*thread.passages, *_reddit_comments(row, thread.link))
    return SeenThread(dataclasses.replace(thread, passages=passages), seen, seen)


def _reddit_comments(row: _RedditPost, link: str) -> Iterator[Passage]:
    """Yield the comments on the post itself that still exist, without their authors."""
    for comment in row.top_comments:
        said = plain_markdown(comment.body) if is_quotable(comment.body) else ""
        if said and comment.parent_id.startswith("t3_"):
            at = f"{link.rstrip('/')}/{comment.id}/"
            yield Passage(PassageKind.COMMENT, said, at, comment.score)


SHAPES = (
    Shape("threads", "threads, as `shiomi export` writes them", ThreadLine, _own),
    Shape("reddit posts", "posts with comments, as Reddit's API names them", _RedditPost,
          _reddit_post),
)  # fmt: skip
