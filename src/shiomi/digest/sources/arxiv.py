"""Read the new papers of some arXiv categories from the Atom API. If the API fails, read the daily
feed.

https://info.arxiv.org/help/api/user-manual.html allows one request every three seconds, one
connection, and at most 2,000 papers per answer. The API has three known faults. The first page may
be empty with status 200 although there are papers (arxiv-api group, "anomalously empty"). An error
may have the form of an <entry>. Status 429 may come although the stated rate is kept. In these
cases, one request reads the announcements of the day from https://rss.arxiv.org/atom/CATEGORIES.
Then the papers of other days are missing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime

import msgspec

from shiomi.digest.config import ArxivConfig
from shiomi.digest.errors import SourceError
from shiomi.digest.sources import items
from shiomi.digest.sources.answer import Answer, UnusableAnswerError
from shiomi.digest.sources.atom import ATOM, Element, child_text, read_feed
from shiomi.digest.sources.http import Http, UnreachableError
from shiomi.digest.sources.manners import Manners
from shiomi.digest.sources.plain_text import one_line
from shiomi.digest.sources.source import Batch
from shiomi.digest.thread import Passage, PassageKind, Thread

__all__ = ["Arxiv", "read_papers", "thread_of_announcement", "thread_of_entry"]

_SLICE = 100
_EMPTY_TRIES = 3  # an empty first page is accepted after this many attempts
_COMMUNITY = "arxiv"
_OPENSEARCH = "{http://a9.com/-/spec/opensearch/1.1/}"
_ABS = re.compile(r"https?://(?:[a-z.]+\.)?arxiv\.org/abs/(?P<id>\S+?)(?:v\d+)?", re.ASCII)
_OAI = re.compile(r"oai:arXiv\.org:(?P<id>\S+?)(?:v\d+)?", re.ASCII)
_ANNOUNCE_TYPE = "{http://arxiv.org/schemas/atom}announce_type"
_CATEGORY = re.compile(r"[a-z-]+(\.[A-Za-z-]+)?")


class _ArxivCursor(msgspec.Struct):
    """The number of papers read so far for the run's query."""

    start: int = 0


class Arxiv:
    """Papers submitted to the configured categories. arXiv shows no points and no comments."""

    name = "arxiv"
    communities = (_COMMUNITY,)
    manners = Manners(interval=3.0, attempts=5, limited=15.0)

    def __init__(self, config: ArxivConfig) -> None:
        for category in config.categories:
            if not _CATEGORY.fullmatch(category):
                raise SourceError(
                    f"arxiv: {category!r} is no category; write them as in "
                    'categories = ["cs.LG", "stat.ML"]'
                )
        self.config = config

    def collect(self, http: Http, since: int, until: int, cursor: str | None) -> Iterator[Batch]:
        """Yield the newest papers first, one page per batch. If the API gives none, yield the daily
        feed."""
        try:
            yield from self._query(http, since, until, cursor)
        except UnreachableError as error:
            try:
                threads, skipped = self._announced(http)
            except SourceError as second:
                raise SourceError(f"{error}; nor the daily feed: {second}") from second
            yield Batch(threads, "", skipped)
            raise SourceError(
                f"{error} (the {len(threads)} papers announced today were read from the daily feed "
                "instead)"
            ) from error

    def _announced(self, http: Http) -> tuple[tuple[Thread, ...], int]:
        """Return the papers announced today, without replacements of older ones."""
        if not self.config.categories:
            return (), 0
        url = f"{self.config.feed_endpoint}/{'+'.join(self.config.categories)}"
        entries = http.fetch(url, read_feed).findall(f"{ATOM}entry")
        threads, skipped = items.valid(
            thread_of_announcement(entry)
            for entry in entries
            if not child_text(entry, _ANNOUNCE_TYPE).startswith("replace")
        )
        return tuple({thread.id: thread for thread in threads}.values()), skipped

    def _query(self, http: Http, since: int, until: int, cursor: str | None) -> Iterator[Batch]:
        place = items.read_cursor(cursor, _ArxivCursor) or _ArxivCursor()
        most = self.config.max_results
        while self.config.categories and place.start < most:
            size = min(_SLICE, most - place.start)
            entries, total = self._slice(http, since, until, place.start, size)
            threads, skipped = items.valid(map(thread_of_entry, entries))
            place.start += size
            within = tuple(one for one in threads if since <= one.created < until)
            yield Batch(within, items.write_cursor(place), skipped)
            if place.start >= total or not entries:
                return

    def _slice(
        self, http: Http, since: int, until: int, start: int, size: int
    ) -> tuple[list[Element], int]:
        """Return the entries that begin at `start`, and the total number of papers."""
        tries = 0

        def believed(answer: Answer) -> tuple[list[Element], int]:
            nonlocal tries
            tries += 1
            entries, total = read_papers(answer)
            if not entries and (start < total or (start == 0 and tries < _EMPTY_TRIES)):
                raise UnusableAnswerError(f"an empty page ({total} papers stated)")
            return entries, total

        wanted = " OR ".join(f"cat:{category}" for category in self.config.categories)
        return http.fetch(
            f"{self.config.endpoint}/query",
            believed,
            params={
                "search_query": f"({wanted}) AND submittedDate:[{_minute(since)} TO "
                f"{_minute(until)}]",
                "sortBy": "submittedDate",
                "sortOrder": "descending",
                "start": start,
                "max_results": size,
            },
            allow=(400,),  # an error whose <entry> states the reason
        )


def read_papers(answer: Answer) -> tuple[list[Element], int]:
    """Return the entries of an answer, and the total number of papers that it states.

    Raises SourceError with arXiv's message if the answer is an error, even with status 200.
    """
    feed = read_feed(answer)
    entries = feed.findall(f"{ATOM}entry")
    for entry in entries:
        if "/api/errors" in child_text(entry, f"{ATOM}id"):
            reason = one_line(child_text(entry, f"{ATOM}summary"))[:200]
            raise SourceError(
                f"arxiv: the query was refused: {reason}; check the categories in shiomi.toml"
            )
    if answer.status != 200:
        raise SourceError(f"arxiv: answered {answer.status}; look for a newer version of shiomi")
    stated = child_text(feed, f"{_OPENSEARCH}totalResults")
    total = int(stated) if stated.isascii() and stated.isdigit() and len(stated) < 12 else 0
    return entries, max(total, len(entries))


def thread_of_entry(entry: Element) -> Thread | None:
    """Convert a paper to a thread, or return None if the entry is not a paper.

    The id of the thread does not contain the version of the paper.
    """
    return _paper(entry, _ABS, child_text(entry, f"{ATOM}summary"))


def thread_of_announcement(entry: Element) -> Thread | None:
    """Convert a paper of the daily feed to a thread, or return None for a damaged entry."""
    return _paper(entry, _OAI, child_text(entry, f"{ATOM}summary").partition("Abstract:")[2])


def _paper(entry: Element, ids: re.Pattern[str], abstract: str) -> Thread | None:
    found = ids.fullmatch(child_text(entry, f"{ATOM}id"))
    title = one_line(child_text(entry, f"{ATOM}title"))
    created = items.unix_time(child_text(entry, f"{ATOM}published"))
    if found is None or not items.is_id(found["id"]) or not title or created is None:
        return None
    link = f"https://arxiv.org/abs/{found['id']}"
    abstract = one_line(abstract)
    categories = [one_line(each.get("term", "")) for each in entry.findall(f"{ATOM}category")]
    return Thread(
        _COMMUNITY, found["id"], title, created, link, link,
        tuple(dict.fromkeys(filter(None, categories))),
        passages=(Passage(PassageKind.ABSTRACT, abstract, link),) if abstract else (),
    )  # fmt: skip


def _minute(moment: int) -> str:
    """Format a time for the API's date filters: YYYYMMDDHHMM, in UTC."""
    return datetime.fromtimestamp(moment, UTC).strftime("%Y%m%d%H%M")
