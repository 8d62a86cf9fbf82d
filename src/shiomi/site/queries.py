"""The queries of the site, the API and the MCP server.

They only read. They return data, not text.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime, time
from functools import lru_cache, partial
from zoneinfo import ZoneInfo

from shiomi.digest.archive import Archive
from shiomi.digest.archive.digests import DigestStore
from shiomi.digest.archive.outcomes import FeedState, OutcomeStore
from shiomi.digest.archive.status import CommunityStatus, SourceStatus
from shiomi.digest.document import Digest, Subject, Trend
from shiomi.digest.linking import Linker, reasons
from shiomi.digest.linking.stories import story_of
from shiomi.digest.story import Link, LinkKind, Story
from shiomi.digest.thread import Thread
from shiomi.site.errors import BadRequestError
from shiomi.site.finding import StoryHit, find_stories

__all__ = [
    "PAGE",
    "SearchPage",
    "SearchRequest",
    "SourcesPage",
    "StoryPage",
    "StoryTie",
    "SubjectWeek",
    "TrendWeek",
    "newest_digests",
    "parse_search",
    "read_digest",
    "search",
    "sources",
    "story",
    "subject_weeks",
    "trend_weeks",
]

PAGE = 20  # hits of a search on one page
MOST_PAGES = 50
LONGEST_QUERY = 500  # characters
MOST_TIES = 20  # number of ties of a story that are explained
WEEKS = 12  # number of the newest digests whose trends and watches are shown

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


@dataclass(frozen=True, slots=True)
class SearchRequest:
    """The fields of a search."""

    q: str = ""
    community: str | None = None
    since: str | None = None  # an ISO day; finds threads created on it or later
    until: str | None = None  # an ISO day; finds threads created before it
    points: int | None = None  # finds threads that had this many points at any time
    page: int = 1


@dataclass(frozen=True, slots=True)
class SearchPage:
    """One page of a search."""

    request: SearchRequest
    hits: tuple[StoryHit, ...]
    more: bool  # whether there is a next page
    # translated terms, such as ("脆弱性", "vulnerability"); the translation was also searched for
    translated: tuple[tuple[str, str], ...] = ()
    digests: tuple[str, ...] = ()  # last days of the digests that contain one of these stories


@dataclass(frozen=True, slots=True)
class ThreadTitles:
    """The earlier titles of one thread, oldest first, each with the time it was first seen."""

    uid: str
    titles: tuple[tuple[int, str], ...]


@dataclass(frozen=True, slots=True)
class StoryTie:
    """The strongest tie between a thread and an earlier thread of the same story."""

    link: Link
    reasons: tuple[tuple[str, str], ...] = ()  # for a judged tie: (group of features, detail)


@dataclass(frozen=True, slots=True)
class StoryPage:
    """A story with its related threads, earlier titles and digests."""

    story: Story
    related: tuple[Thread, ...]
    earlier_titles: tuple[ThreadTitles, ...]
    digests: tuple[str, ...]  # last days of the digests that contain this story, newest first
    ties: tuple[StoryTie, ...] = ()  # the ties that make the threads one story


@dataclass(frozen=True, slots=True)
class SubjectWeek:
    """A watched subject in one digest."""

    last: str  # date of the digest
    subject: Subject
    # number of threads of each community, largest number first
    communities: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class TrendWeek:
    """The trends of one digest."""

    last: str
    trends: tuple[Trend, ...]


@dataclass(frozen=True, slots=True)
class SourcesPage:
    """How fresh the archive is, and which sources failed."""

    communities: tuple[CommunityStatus, ...]
    sources: tuple[SourceStatus, ...]
    feeds: tuple[FeedState, ...]


def parse_search(values: dict[str, str]) -> SearchRequest:
    """Read a search from the fields of a query string. An empty field counts as not set.

    Raises BadRequestError. The error names the field, the value and the allowed values.
    """
    given = {key: value.strip() for key, value in values.items() if value.strip()}
    q = given.get("q", "")
    if len(q) > LONGEST_QUERY:
        raise BadRequestError(
            f"q has {len(q)} characters; at most {LONGEST_QUERY} are allowed",
            "query", count=len(q), most=LONGEST_QUERY,
        )  # fmt: skip
    return SearchRequest(
        q=q,
        community=given.get("community"),
        since=_day("since", given.get("since")),
        until=_day("until", given.get("until")),
        points=_number("points", given.get("points"), 0, 1_000_000),
        page=_number("page", given.get("page"), 1, MOST_PAGES) or 1,
    )


def search(archive: Archive, request: SearchRequest, zone: str, language: str) -> SearchPage:
    """Find stories, best first. Japanese terms of the glossary also find English threads."""
    if not request.q:
        return SearchPage(request, (), more=False)
    chosen = partial(
        archive.search,
        since=_midnight(request.since, zone),
        until=_midnight(request.until, zone),
        community=request.community,
        min_points=request.points,
    )
    hits, pairs = find_stories(archive, request.q, limit=request.page * PAGE + 1, search=chosen)
    start = (request.page - 1) * PAGE
    shown = hits[start : start + PAGE]
    digests = DigestStore(archive, language).telling(
        thread.uid for hit in shown for thread in (hit.thread, *hit.elsewhere)
    )
    return SearchPage(
        request,
        tuple(shown),
        more=len(hits) > start + PAGE and request.page < MOST_PAGES,
        translated=pairs,
        digests=tuple(digests),
    )


def story(archive: Archive, uid: str, language: str) -> StoryPage | None:
    """Return the story of the thread `uid`, or None if the archive has no such thread."""
    found = story_of(archive, uid)
    if found is None:
        return None
    related = archive.get_many(found.related)
    earlier = []
    for thread in found.threads:
        titles = [(first, title) for first, title in archive.titles(thread.uid)
                  if title != thread.title]  # fmt: skip
        if titles:
            earlier.append(ThreadTitles(thread.uid, tuple(titles)))
    return StoryPage(
        found,
        tuple(sorted(related.values(), key=lambda one: (one.created, one.uid))),
        tuple(earlier),
        tuple(DigestStore(archive, language).telling(thread.uid for thread in found.threads)),
        story_ties(found),
    )


def story_ties(story: Story) -> tuple[StoryTie, ...]:
    """Return for each thread except the first its strongest tie to an earlier thread, in order of
    time."""
    threads = {one.uid: one for one in story.threads}
    order = {uid: place for place, uid in enumerate(threads)}
    strongest: dict[int, Link] = {}
    for link in sorted(story.links, key=lambda one: (-one.score, one.kind, one.a)):
        if link.kind.merges and link.a in order and link.b in order:
            strongest.setdefault(max(order[link.a], order[link.b]), link)
    ties = []
    for _, link in sorted(strongest.items())[:MOST_TIES]:
        judged = link.kind is LinkKind.SAME_STORY
        ties.append(StoryTie(link, _reasons(threads[link.a], threads[link.b]) if judged else ()))
    return tuple(ties)


@lru_cache(maxsize=1)
def _linker() -> Linker:
    return Linker.load()


def _reasons(a: Thread, b: Thread) -> tuple[tuple[str, str], ...]:
    """Return the groups of features that are reasons for one story. The strongest comes first, and
    each has a detail."""
    hours = str(round(abs(a.created - b.created) / 3600))
    return tuple(
        (one.group, hours if one.group == "time" else one.text.rpartition(": ")[2])
        for one in reasons(_linker(), a, b)
        if one.odds > 0
    )


def read_digest(archive: Archive, last: str, language: str) -> Digest | None:
    """Return the complete digest whose week ends on the day `last`, or None."""
    store = DigestStore(archive, language)
    document = store.document(last) if is_day(last) else None
    return None if document is None else store.read(last, document)


def newest_digests(archive: Archive, language: str, limit: int = WEEKS) -> list[Digest]:
    """Return the newest digests, newest first."""
    store = DigestStore(archive, language)
    return [store.read(last, document) for last, document in store.documents(limit)]


def subject_weeks(
    archive: Archive, language: str, name: str | None = None
) -> dict[str, list[SubjectWeek]]:
    """Return the weeks of each watched subject, newest first. If `name` is given, return only the
    weeks of this subject."""
    found: dict[str, list[SubjectWeek]] = {}
    for digest in newest_digests(archive, language):
        for subject in digest.subjects:
            if name is None or subject.name == name:
                counted = Counter(thread.community for thread in subject.threads).most_common()
                week = SubjectWeek(digest.week.last.isoformat(), subject, tuple(counted))
                found.setdefault(subject.name, []).append(week)
    return found


def trend_weeks(archive: Archive, language: str) -> list[TrendWeek]:
    """Return the trends of the newest digests, newest first."""
    return [
        TrendWeek(digest.week.last.isoformat(), digest.trends)
        for digest in newest_digests(archive, language)
        if digest.trends
    ]


def sources(archive: Archive) -> SourcesPage:
    """Return the freshness and the failures of each community."""
    status = archive.status()
    return SourcesPage(status.communities, status.sources, tuple(OutcomeStore(archive).states()))


def is_day(text: str) -> bool:
    """Return whether the text is a calendar day such as 2020-12-13."""
    if not _DAY.fullmatch(text):
        return False
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _day(name: str, text: str | None) -> str | None:
    if text is not None and not is_day(text):
        raise BadRequestError(
            f"{name} must be a day like 2020-12-13, got {text[:40]!r}", "day",
            name=name, value=repr(text[:40]),
        )  # fmt: skip
    return text


def _number(name: str, text: str | None, least: int, most: int) -> int | None:
    if text is None:
        return None
    if not re.fullmatch(r"[0-9]{1,9}", text) or not least <= int(text) <= most:
        raise BadRequestError(
            f"{name} must be a number from {least} to {most}, got {text[:40]!r}", "number",
            name=name, least=least, most=most, value=repr(text[:40]),
        )  # fmt: skip
    return int(text)


def _midnight(day: str | None, zone: str) -> int | None:
    if day is None:
        return None
    return int(datetime.combine(date.fromisoformat(day), time(), ZoneInfo(zone)).timestamp())
