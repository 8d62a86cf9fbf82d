"""The shapes of files that can be imported: their columns, and the facts in their rows."""

from __future__ import annotations

import dataclasses
import datetime
import html
import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec

from shiomi.digest.archive.reddit_markdown import plain_markdown
from shiomi.digest.archive.reddit_post import (
    RedditPost,
    is_quotable,
    is_subreddit,
    thread_from_post,
)
from shiomi.digest.thread import Passage, PassageKind, Reading, Thread, ThreadState

__all__ = ["SHAPES", "Found", "Shape", "ThreadLine", "shape_of"]

Moment = Annotated[int, msgspec.Meta(ge=0, lt=2**36)]  # unix seconds, to the year 4147
Count = Annotated[int, msgspec.Meta(ge=-(2**53), le=2**53)]
Place = Annotated[int, msgspec.Meta(ge=1, lt=2**31)]  # on a front page; 1 is the top
# Of a character that is not shown: controls, marks of direction, surrogates, private ones.
_UNSHOWN = (
    r"\s\x00-\x1f\x7f-\xa0\xad\u0600-\u0605\u061c\u180e\u200b-\u200f\u2028-\u202f\u205f-\u206f"
    r"\ud800-\uf8ff\ufeff\ufff0-\ufffb\ufffe\uffff\U000e0000-\U0010ffff"
)
# Of a community, without ":"
Name = Annotated[str, msgspec.Meta(pattern=rf"^[^:{_UNSHOWN}]{{1,200}}\Z")]
Id = Annotated[str, msgspec.Meta(pattern=rf"^[^{_UNSHOWN}]{{1,200}}\Z")]

_HACKER_NEWS = "hackernews"


@dataclass(frozen=True, slots=True)
class Found:
    """The facts about one thread in one row."""

    community: str
    id: str
    seen: int  # unix seconds
    thread: Thread | None = None  # None: the row has too few fields for a thread
    dated: int | None = None  # see Writer.add
    titles: tuple[tuple[int, int, str], ...] = ()  # (first seen, last seen, title)
    url: str | None = None
    readings: tuple[Reading, ...] = ()  # in addition to the thread's own
    place: tuple[int, int] | None = None  # (time, place on the front page)


@dataclass(frozen=True, slots=True)
class Shape:
    """One kind of row. `found` takes a row and the latest time at which the file's counts were
    read."""

    name: str
    what: str
    row: type[msgspec.Struct]
    found: Callable[[Any, int], Found]

    @property
    def columns(self) -> frozenset[str]:
        """The columns a row of this shape must have."""
        return frozenset(field.name for field in msgspec.structs.fields(self.row) if field.required)


def shape_of(columns: frozenset[str]) -> Shape | None:
    """The shape whose columns are all present; of several the one with most columns."""
    fitting = [shape for shape in SHAPES if shape.columns <= columns]
    return max(fitting, key=lambda shape: len(shape.columns), default=None)


class ThreadLine(msgspec.Struct):
    """Our own shape: a Thread as JSON, with optional further facts of the archive."""

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
    seen: Moment | None = None  # absent: when it was last read, or else created
    titles: tuple[tuple[Moment, Moment, str], ...] = ()  # (first seen, last seen, title)
    dated: Moment | None = None  # when created, link and state were seen, where not at `seen`


def _own(row: ThreadLine, _read_at: int) -> Found:
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
    return Found(row.community, row.id, seen, thread, row.dated, row.titles)


class _TableThread(msgspec.Struct):
    uid: str
    community: str
    t: Moment
    title: str
    score: float | None
    comments: float | None
    url: str | None = None
    tags: str | None = None


class _BenchThread(msgspec.Struct):
    uid: str
    c: str
    t: Moment
    title: str
    url: str | None = None
    p: float | None = None
    n: float | None = None


def _table_thread(row: _TableThread, read_at: int) -> Found:
    tags = tuple(filter(None, (row.tags or "").split(",")))
    return _data_set_thread(
        row.community, row.uid, row.t, row.title, row.url, tags, row.score, row.comments, read_at
    )


def _bench_thread(row: _BenchThread, read_at: int) -> Found:
    return _data_set_thread(row.c, row.uid, row.t, row.title, row.url, (), row.p, row.n, read_at)


def _data_set_thread(
    stated: str,
    uid: str,
    created: int,
    title: str,
    url: str | None,
    tags: tuple[str, ...],
    points: float | None,
    comments: float | None,
    read_at: int,
) -> Found:
    community = _community(stated)
    name = uid.partition(":")[2]
    if len(name.split()) != 1 or not name.isprintable() or len(name) > 200:
        raise ValueError(f"uid {uid[:200]!r} is not of the form community:id")
    url = url or None
    score, replies = _count(points), _count(comments)
    if community.startswith("reddit/"):  # Reddit's API escapes & < > in titles and addresses
        title, url = html.unescape(title), html.unescape(url) if url else None
        # Reddit shows 0 for every score of 0 or less: no number
        score = None if score is not None and score <= 0 else score
    seen = max(read_at, created)  # a count cannot be older than its thread
    known = score is not None or replies is not None
    thread = Thread(
        community,
        name,
        " ".join(title.split()),
        created,
        _link(community, name),
        url,
        tags,
        readings=(Reading(seen, score, replies, exact=False),) if known else (),
    )
    return Found(community, name, seen, thread)


class _Retitled(msgspec.Struct):
    id: int
    final: str
    titles: list[str]
    url: str | None = None


def _retitled(row: _Retitled, read_at: int) -> Found:
    # when each title was seen is not known: those before the last count as seen a second earlier
    final = " ".join(row.final.split())
    earlier = {" ".join(title.split()) for title in row.titles} - {final}
    titles = ((read_at, read_at, final), *((read_at - 1, read_at - 1, t) for t in sorted(earlier)))
    return Found(_HACKER_NEWS, str(row.id), read_at, titles=titles, url=row.url or None)


class _DailyTop(msgspec.Struct):
    id: int
    date: datetime.date
    title: str
    score: Count
    url: str | None = None


def _daily_top(row: _DailyTop, _read_at: int) -> Found:
    midnight = datetime.datetime.combine(row.date, datetime.time(), datetime.UTC)
    day = int(midnight.timestamp())
    if day < 0:
        raise ValueError(f"date {row.date} is before 1970")
    name = str(row.id)
    link = _link(_HACKER_NEWS, name)
    seen = day + 86399
    thread = Thread(
        _HACKER_NEWS,
        name,
        " ".join(row.title.split()),
        day,  # only the day is known
        link,
        None if row.url == link else row.url or None,
        readings=(Reading(seen, row.score, None, exact=False),),
    )
    return Found(_HACKER_NEWS, name, seen, thread, dated=0)


class _FrontPageCounts(msgspec.Struct):
    t: Moment
    id: int
    rank: Place
    points: float | None
    comments: float | None


def _front_page_counts(row: _FrontPageCounts, _read_at: int) -> Found:
    reading = Reading(row.t, _count(row.points), _count(row.comments))
    return Found(_HACKER_NEWS, str(row.id), row.t, readings=(reading,), place=(row.t, row.rank))


class _FrontPagePlaces(msgspec.Struct):
    id: int
    rank: Place
    read_time: datetime.datetime


def _front_page_places(row: _FrontPagePlaces, _read_at: int) -> Found:
    moment = row.read_time
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=datetime.UTC)
    time = int(moment.timestamp())
    if time < 0:
        raise ValueError(f"read_time {row.read_time} is before 1970")
    return Found(_HACKER_NEWS, str(row.id), time, place=(time, row.rank))


class _RedditComment(msgspec.Struct):
    id: Id
    body: str
    score: Count | None = None


class _RedditPost(RedditPost, kw_only=True):
    id: Id
    subreddit: Name
    permalink: str
    top_comments: tuple[_RedditComment, ...] = ()


def _reddit_post(row: _RedditPost, read_at: int) -> Found:
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
    return Found(thread.community, row.id, seen, dataclasses.replace(thread, passages=passages))


def _reddit_comments(row: _RedditPost, link: str) -> Iterator[Passage]:
    """The comments that are not gone; who wrote them is not read."""
    for comment in row.top_comments:
        said = plain_markdown(comment.body) if is_quotable(comment.body) else ""
        if said:
            at = f"{link.rstrip('/')}/{comment.id}/"
            yield Passage(PassageKind.COMMENT, said, at, comment.score)


def _community(stated: str) -> str:
    """Our name of a community: "hn" is hackernews, "r/X" is reddit/X."""
    known = {"hn": _HACKER_NEWS, "lo": "lobsters"}.get(stated, stated)
    if re.fullmatch(r"r/\w+", known):
        known = f"reddit/{known[2:]}"
    if known in {_HACKER_NEWS, "lobsters", "arxiv"} or re.fullmatch(r"reddit/\w+", known):
        return known
    raise ValueError(f"community {stated!r} is not known")


def _link(community: str, name: str) -> str:
    family, _, part = community.partition("/")
    if family == "reddit":
        return f"https://www.reddit.com/r/{part}/comments/{name}/"
    start = {
        _HACKER_NEWS: "https://news.ycombinator.com/item?id=",
        "lobsters": "https://lobste.rs/s/",
        "arxiv": "https://arxiv.org/abs/",
    }[family]
    return start + name


def _count(number: float | None) -> int | None:
    """A count as tables hold it: whole numbers as floats, unknown as NaN."""
    if number is None or not math.isfinite(number):
        return None
    if abs(number) > 2**53:
        raise ValueError(f"{number} is no count")
    return int(number)


SHAPES = (
    Shape("threads", "threads, as `shiomi` writes them (JSON)", ThreadLine, _own),
    Shape("thread table", "threads of several communities", _TableThread, _table_thread),
    Shape("link benchmark", "threads of a linking benchmark", _BenchThread, _bench_thread),
    Shape("title history", "titles a Hacker News story had", _Retitled, _retitled),
    Shape("daily top", "the top of Hacker News by day", _DailyTop, _daily_top),
    Shape(
        "front page", "readings of the Hacker News front page", _FrontPageCounts, _front_page_counts
    ),
    Shape(
        "front page places", "places on it, without counts", _FrontPagePlaces, _front_page_places
    ),
    Shape(
        "reddit posts", "posts with comments, as Reddit's API names them", _RedditPost, _reddit_post
    ),
)
