"""Hacker News: Algolia's search finds the stories, and the Firebase API gives their data.

Firebase: https://github.com/HackerNews/API. Algolia: https://hn.algolia.com/api; it returns at most
1,000 hits per query over all pages (algolia/hn-search#230), so a time window with more hits is
halved until each part has fewer. Its index can stop for a day. Then Algolia returns status 200 with
no hits or only old hits (algolia/hn-search#248). So an answer without a new story is compared with
the front page.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import msgspec

from shiomi.digest.config import HackerNewsConfig
from shiomi.digest.errors import SourceError
from shiomi.digest.sources import items
from shiomi.digest.sources.answer import ChangedApiError
from shiomi.digest.sources.http import Http
from shiomi.digest.sources.manners import Manners
from shiomi.digest.sources.plain_text import one_line, plain_text
from shiomi.digest.sources.source import Batch
from shiomi.digest.thread import Passage, PassageKind, Reading, Thread, ThreadState

__all__ = ["HackerNews", "thread_of_hit", "thread_of_item"]

_DAY = 86400
_MOST_HITS = 1000
_BEST = 20  # stories of a day whose item and comments are read from Firebase
_FRONT = 100  # stories of each front-page list that are read if the search fails
_LISTED = 500
_BATCH = 10
_COMMUNITY = "hackernews"
_QUIET = 6 * 3600  # seconds; if the newest hit is older than this, the search is checked
_CHECKED = 30  # number of front-page stories with which the search is compared
_PAGE = "https://news.ycombinator.com/item?id="


class _Hit(msgspec.Struct):
    """A search result of Algolia."""

    id: str = msgspec.field(name="objectID")
    created: items.Moment = msgspec.field(name="created_at_i")
    title: str
    url: str | None = None
    text: str | None = msgspec.field(name="story_text", default=None)
    points: items.Count | None = None
    comments: items.Count | None = msgspec.field(name="num_comments", default=None)
    tags: list[str] = msgspec.field(name="_tags", default_factory=list)


class _StoryItem(msgspec.Struct):
    """A Firebase item. A deleted item has no title and no score. A missing count means that the
    count is unknown."""

    id: items.Count
    time: items.Moment
    type: str = "story"
    title: str = ""
    url: str | None = None
    text: str | None = None
    score: items.Count | None = None
    descendants: items.Count | None = None
    kids: list[items.Count] = []
    dead: bool = False
    deleted: bool = False


class _SearchCursor(msgspec.Struct, omit_defaults=True):
    """The position of a run. All stories created at `before` or later were found."""

    before: int
    best: list[str] = []  # ids of stories that will be read with their comments
    listed: list[str] = []  # ids of stories that will be read without their comments
    stale: bool = False  # new stories were missing in the search


class HackerNews:
    """Stories of Hacker News with at least `min_points` points."""

    name = "hackernews"
    communities = (_COMMUNITY,)
    # Firebase states no limit; Algolia allows 10,000 requests an hour
    manners = Manners(interval=0.05)

    def __init__(self, config: HackerNewsConfig) -> None:
        self.config = config

    def collect(self, http: Http, since: int, until: int, cursor: str | None) -> Iterator[Batch]:
        """Yield the stories of the newest day first. For each day, yield all stories, then the best
        ones with comments."""
        place = items.read_cursor(cursor, _SearchCursor) or _SearchCursor(until)
        failed: SourceError | None = None
        while True:
            if failed is None:
                try:
                    yield from self._read(http, place)
                # Continue the search, because stories without comments are useful too.
                except SourceError as error:
                    failed = error
            if place.before <= since:
                break
            start = max(since, place.before - _DAY)
            try:
                hits = self._search(http, start, place.before)
            except SourceError as error:
                try:
                    yield from self._read_front_page(http, since, until, failed)
                except SourceError as second:
                    raise SourceError(f"{error}; nor the front-page lists: {second}") from second
                raise SourceError(
                    f"{error} (the front-page lists were read instead; older stories are missing)"
                ) from error
            if place.before == until and self._is_stale(http, hits, start, until):
                yield from self._read_front_page(http, since, until, failed, stale=True)
                place.stale = True
            threads, skipped = _threads(hits, http.now())
            ranked = sorted(threads, key=lambda thread: (-items.shown_points(thread), thread.id))
            place.before = start
            place.best = [thread.id for thread in ranked[:_BEST]]
            yield Batch(tuple(threads), items.write_cursor(place), skipped)
        if place.stale and failed is None:
            failed = SourceError(
                f"{self.name}: the search index stands still: it lacks stories of the front page; "
                "the front-page lists were read instead, other young stories are missing"
            )
        if failed is not None:
            yield Batch((), "")  # the next run tries again
            raise failed

    def _is_stale(self, http: Http, hits: Sequence[Any], start: int, until: int) -> bool:
        """Return whether the search lacks stories of [start, until) that are on the front page.

        The front page is read only if the newest hit is older than six hours.
        """
        found = {thread.id: thread for thread in _threads(hits, until)[0]}
        if any(thread.created >= until - _QUIET for thread in found.values()):
            return False
        listed = http.get_json(f"{self.config.endpoint}/topstories.json")
        front = [str(one) for one in listed if isinstance(one, int)] if listed else []
        for story in front[:_CHECKED]:
            if story in found:
                continue
            thread = thread_of_item(
                http.get_json(f"{self.config.endpoint}/item/{story}.json"), until
            )
            if (
                thread is not None
                and thread.state is ThreadState.LIVE
                and start <= thread.created < until - 3600
                and items.shown_points(thread) >= self.config.min_points
            ):
                return True
        return False

    def _search(self, http: Http, start: int, end: int) -> list[Any]:
        """Return all hits created in [start, end)."""
        hits: list[Any] = []
        page, pages = 0, 1
        while page < pages:
            answer = http.get_json(
                f"{self.config.search_endpoint}/search_by_date",
                params={
                    "tags": "story",
                    "numericFilters": f"created_at_i>={start},created_at_i<{end},"
                    f"points>={self.config.min_points}",
                    "hitsPerPage": _MOST_HITS,
                    "page": page,
                },
            )
            found = answer.get("hits") if isinstance(answer, dict) else None
            if not isinstance(found, list):
                raise ChangedApiError(f"{self.name}: {self.config.search_endpoint}", "hits")
            hits += found
            total, pages = (answer.get(key) for key in ("nbHits", "nbPages"))
            pages = min(pages, _MOST_HITS) if isinstance(pages, int) and found else 0
            crowded = len(hits) >= _MOST_HITS or (isinstance(total, int) and total >= _MOST_HITS)
            if crowded and end - start > 1:
                middle = (start + end) // 2
                return self._search(http, middle, end) + self._search(http, start, middle)
            page += 1
        return hits

    def _read(self, http: Http, place: _SearchCursor) -> Iterator[Batch]:
        """Read the stories that `place` names from Firebase, a few at a time."""
        for ids, comments in ((place.best, self.config.comments), (place.listed, 0)):
            while ids:
                threads, skipped = self._items(http, ids[:_BATCH], comments)
                del ids[:_BATCH]
                yield Batch(threads, items.write_cursor(place), skipped)

    def _items(
        self, http: Http, ids: Sequence[str], comments: int
    ) -> tuple[tuple[Thread, ...], int]:
        threads, skipped = [], 0
        for story in ids:
            raw = http.get_json(f"{self.config.endpoint}/item/{story}.json")
            item = items.read_item(raw, _StoryItem)
            thread = thread_of_item(raw, http.now())
            if item is None or thread is None:
                # null means that the item does not exist, or does not exist yet
                skipped += raw is not None
            elif (
                thread.state is ThreadState.LIVE
                and items.shown_points(thread) >= self.config.min_points
            ):
                said = self._comments(http, item.kids, comments)
                threads.append(replace(thread, passages=(*thread.passages, *said)))
            else:
                threads.append(thread)
        return tuple(threads), skipped

    def _comments(self, http: Http, kids: Sequence[int], most: int) -> tuple[Passage, ...]:
        """Return the first `most` top-level comments that still exist; `kids` is in ranked
        order."""
        passages: list[Passage] = []
        for kid in kids[: 2 * most]:
            if len(passages) == most:
                break
            item = items.read_item(
                http.get_json(f"{self.config.endpoint}/item/{kid}.json"), _StoryItem
            )
            if item is None or item.dead or item.deleted:
                continue
            if text := plain_text(item.text or ""):
                passages.append(Passage(PassageKind.COMMENT, text, f"{_PAGE}{item.id}"))
        return tuple(passages)

    def _read_front_page(
        self, http: Http, since: int, until: int, failed: SourceError | None, *, stale: bool = False
    ) -> Iterator[Batch]:
        """Read the stories of the front page and of its recent ranking. The search is not used."""
        if failed is not None:
            raise failed
        ids: dict[str, None] = {}
        for listing in ("topstories", "beststories"):
            found = http.get_json(f"{self.config.endpoint}/{listing}.json")
            if isinstance(found, list):
                ids.update((str(one), None) for one in found if isinstance(one, int))
        names = list(ids)
        place = _SearchCursor(since, names[:_FRONT], names[_FRONT:_LISTED])
        for batch in self._read(http, place):
            within = tuple(
                thread
                for thread in batch.threads
                if since <= thread.created < until
                and (
                    thread.state is not ThreadState.LIVE
                    or items.shown_points(thread) >= self.config.min_points
                )
            )
            cursor = items.write_cursor(_SearchCursor(until, stale=True)) if stale else ""
            yield Batch(within, cursor, batch.skipped)  # the next run searches again


def thread_of_hit(raw: Any, time: int) -> Thread | None:
    """Convert a search result of Algolia that was read at `time` to a thread, or return None if it
    is not a story."""
    hit = items.read_item(raw, _Hit)
    if hit is None or not (hit.id.isascii() and hit.id.isdigit()) or not one_line(hit.title):
        return None
    kind = next((tag for tag in hit.tags if tag in {"job", "poll"}), "story")
    return _thread(
        int(hit.id), hit.title, int(hit.created), hit.url, hit.text, kind,
        readings=items.readings_of(time, hit.points, hit.comments),
    )  # fmt: skip


def thread_of_item(raw: Any, time: int) -> Thread | None:
    """Convert a Firebase item that was read at `time` to a thread.

    Return None for null, for comments and for damaged items.

    A deleted story has no title, so the title of its thread is empty.
    """
    item = items.read_item(raw, _StoryItem)
    if item is None or item.id <= 0 or item.type not in {"story", "job", "poll"}:
        return None
    state = ThreadState.LIVE
    if item.deleted:
        state = ThreadState.DELETED
    elif item.dead:
        state = ThreadState.DEAD
    elif not one_line(item.title):
        return None
    return _thread(
        item.id, item.title, int(item.time), item.url, item.text, item.type, state,
        readings=items.readings_of(time, item.score, item.descendants),
    )  # fmt: skip


def _thread(
    number: int,
    title: str,
    created: int,
    url: str | None,
    text: str | None,
    kind: str,
    state: ThreadState = ThreadState.LIVE,
    *,
    readings: tuple[Reading, ...],
) -> Thread:
    link = f"{_PAGE}{number}"
    title = one_line(title)
    own = plain_text(text or "")
    tags = [kind] if kind != "story" else []
    tags += [f"{word}_hn" for word in ("ask", "show", "launch", "tell") if
             title.lower().startswith(f"{word} hn:")]  # fmt: skip
    return Thread(
        _COMMUNITY, str(number), title, created, link, items.web_url(url), tuple(tags), state,
        readings=readings,
        passages=items.post_passages(own, link),
    )  # fmt: skip


def _threads(hits: Sequence[Any], time: int) -> tuple[list[Thread], int]:
    """Return the hits as threads, each story once, and the number of invalid hits."""
    threads, skipped = items.valid(thread_of_hit(hit, time) for hit in hits)
    return list({thread.id: thread for thread in threads}.values()), skipped
