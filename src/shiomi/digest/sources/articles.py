"""Fetch the articles that the best threads link to. Only few pages are fetched, slowly, and each
page once.

`fetch_articles()` runs after collecting, because the best threads are not known earlier. It obeys a
site's robots.txt (RFC 9309), never requests a private address, and waits 30 days before it again
requests a page that had no article.
"""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from urllib.parse import urlsplit

import httpx2
import msgspec

from shiomi.digest.archive import Archive
from shiomi.digest.archive.one_line import one_line
from shiomi.digest.config import Config
from shiomi.digest.errors import SourceError
from shiomi.digest.sources.article import LONGEST, NoArticleError, check_extractor, read_article
from shiomi.digest.sources.collect import CollectReport, Progress, SourceReport, collect
from shiomi.digest.sources.http import Http, RefusedError, UnreachableError, new_client
from shiomi.digest.sources.items import read_cursor
from shiomi.digest.sources.manners import Manners
from shiomi.digest.sources.public_address import (
    PrivateAddressError,
    UnresolvedError,
    public_address,
    refuse_private,
)
from shiomi.digest.sources.robots import Robots, parse_robots
from shiomi.digest.sources.source import Batch
from shiomi.digest.thread import Passage, PassageKind, Thread, ThreadState

__all__ = ["TRIED", "Articles", "best_threads", "fetch_articles"]

TRIED = "articles: pages without one"  # name of the cursor that stores uid → unix seconds
_PATIENCE = 30 * 86400  # seconds before a page without an article is tried again
_MOST_TRIED = 5000

# Pages that only repeat the thread's own text or have no text.
_NO_ARTICLE = re.compile(
    r"https?://(?:[^/]*\.)?(?:arxiv\.org|reddit\.com|redd\.it|youtube\.com|youtu\.be|vimeo\.com"
    r"|twitter\.com|x\.com|imgur\.com|news\.ycombinator\.com|lobste\.rs|spotify\.com|tiktok\.com"
    r"|instagram\.com|facebook\.com|linkedin\.com)(?:[/?#:]|$)"
    r"|[^?#]*\.(?:pdf|png|jpe?g|gif|webp|svg|mp[34]|webm|mov|zip|gz|xz|exe|dmg|iso|epub|ps)(?:[?#]|$)",
    re.IGNORECASE,
)

# If an answer has one of these error statuses, its body is read to find the name of the bot wall.
# Http does not retry any of them.
_NO_ROBOTS = tuple(status for status in range(400, 500) if status not in (408, 425, 429))
_WALLS = (*_NO_ROBOTS, 999)

Vet = Callable[[str], None]


def best_threads(threads: Iterable[Thread], most: int) -> list[Thread]:
    """Return at most `most` threads whose articles are worth fetching, best first.

    Threads are ordered within their own community, by points, then by comments. So the number of
    threads from a community depends on its size. Left out are text posts, threads that are not
    live, threads that already have an article, and addresses that are known to have no article. If
    several threads have the same address, only the best of them is returned.
    """
    communities: dict[str, list[Thread]] = {}
    for thread in threads:
        if _wanted(thread):
            communities.setdefault(thread.community, []).append(thread)
    placed: list[tuple[float, str, Thread]] = []
    for members in communities.values():
        members.sort(key=_engagement)
        size = len(members)
        placed += [((n + 0.5) / size, one.uid, one) for n, one in enumerate(members)]
    best: dict[str, Thread] = {}
    for _, _, thread in sorted(placed, key=lambda item: (item[0], item[1])):
        if thread.url:
            best.setdefault(thread.url, thread)
    return list(best.values())[: max(0, most)]


def _wanted(thread: Thread) -> bool:
    return (
        thread.url is not None
        and thread.state is ThreadState.LIVE
        and not _NO_ARTICLE.match(thread.url)
        and all(one.kind is not PassageKind.ARTICLE for one in thread.passages)
    )


def _engagement(thread: Thread) -> tuple[int, int, str]:
    """Return an ascending sort key: the best thread first, unknown counts last."""
    reading = thread.reading
    points = reading.points if reading and reading.points is not None else -1
    comments = reading.comments if reading and reading.comments is not None else -1
    return (-points, -comments, thread.uid)


@dataclass(slots=True)
class Articles:
    """A source that fetches the articles of known threads; see source.Source."""

    threads: tuple[Thread, ...]
    vet: Vet = refuse_private
    tried: list[str] = field(default_factory=list)  # uids of threads whose page has no article
    # uid of a thread → the reason why its page has no article
    reasons: dict[str, str] = field(default_factory=dict)
    _robots: dict[str, Robots | None] = field(default_factory=dict)  # None: the site allows nothing
    _reading_robots: bool = False

    communities: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The name in messages and in the archive's cursors."""
        return "articles"

    @property
    def manners(self) -> Manners:
        """One retry, five seconds between two requests to a site, and a limit on the size of a
        page."""
        return Manners(interval=5.0, attempts=2, retries=5, failures=2, seconds=30.0, bytes=LONGEST)

    def collect(self, http: Http, since: int, until: int, cursor: str | None) -> Iterator[Batch]:
        """Yield one batch per page, also for pages without an article. Ignores `since` and
        `until`."""
        _ = since, until
        http.vet = partial(self._vet, http)  # called before every request, including every redirect
        if self.vet is refuse_private:
            http.pin(public_address)
        done = read_cursor(cursor, _Done) or _Done()
        for thread in self.threads:
            if thread.uid in done.uids or thread.url is None:
                continue
            done.uids.append(thread.uid)
            passages: tuple[Passage, ...] = ()
            try:
                passages = self._article(http, thread.url)
            except (
                UnreachableError,
                UnresolvedError,
            ) as error:  # the connection failed: the next run tries again
                self.reasons[thread.uid] = one_line(str(error))
            except (NoArticleError, PrivateAddressError, RefusedError) as error:
                self.reasons[thread.uid] = one_line(str(error))
                self.tried.append(thread.uid)
            threads = (replace(thread, passages=passages, readings=()),) if passages else ()
            yield Batch(threads, msgspec.json.encode(done).decode(), skipped=int(not passages))

    def _article(self, http: Http, url: str) -> tuple[Passage, ...]:
        answer = http.get(url, headers={"Accept": "text/html, */*;q=0.1"}, allow=_WALLS)
        return read_article(answer.body, url, answer.status, answer.headers)

    def _vet(self, http: Http, url: str) -> None:
        """Raise an error if an address is private, or if the site forbids fetching it."""
        self.vet(url)
        if self._reading_robots:
            return
        robots = self._robots_of(http, url)
        if robots is None or not robots.allows(url):
            raise NoArticleError(f"{url[:200]}: robots.txt of the site asks not to be fetched")

    def _robots_of(self, http: Http, url: str) -> Robots | None:
        """Return the rules of a site. By RFC 9309, section 2.3.1, everything is allowed if there is
        no robots.txt, and nothing is allowed if there is no answer. "Ask later" (429 and similar)
        does not count as an answer."""
        origin = _origin(url)
        if origin not in self._robots:
            self._reading_robots = True
            try:
                answer = http.get(f"{origin}/robots.txt", allow=_NO_ROBOTS)
            except RefusedError:
                self._robots[origin] = None
            else:
                text = answer.text() if answer.status < 300 else ""
                self._robots[origin] = parse_robots(text, "shiomi")
            finally:
                self._reading_robots = False
        return self._robots[origin]


class _Done(msgspec.Struct):
    uids: list[str] = []


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


def fetch_articles(
    archive: Archive,
    config: Config,
    *,
    clock: Callable[[], float] = time.time,
    rng: random.Random | None = None,
    sleep: Callable[[float], object] | None = None,
    client: Callable[[], httpx2.Client] = new_client,
    progress: Progress = lambda *_: None,
    vet: Vet = refuse_private,
) -> tuple[CollectReport, dict[str, str]]:
    """Fetch the articles of the best threads of the last days, and archive their paragraphs.

    Returns the report of the run, and the reason for each thread whose page has no article. Does
    nothing if [sources.articles] is not enabled. If trafilatura is missing, no request is sent, and
    the report names what to install. A known article is never fetched again. A page without an
    article is requested again after 30 days. `vet` raises PrivateAddressError for an address that
    must not be requested. Replace it only to allow addresses of your own network.
    """
    if not config.sources.articles.enabled:
        return CollectReport(()), {}
    try:
        check_extractor()
    except SourceError as error:
        return CollectReport((SourceReport("articles", error=str(error)),)), {}
    now = int(clock())
    tried = {
        uid: when
        for uid, when in (read_cursor(archive.cursor(TRIED), dict[str, int]) or {}).items()
        if now - when < _PATIENCE
    }
    young = archive.threads(max(0, now - config.collect.days * 86400), now + 1)
    candidates = (thread for thread in young if thread.uid not in tried)
    source = Articles(tuple(best_threads(candidates, config.sources.articles.most)), vet)
    try:
        report = collect(
            archive, config, clock=clock, rng=rng, sleep=sleep, client=client, progress=progress,
            sources={source.name: lambda: source},
        )  # fmt: skip
    finally:
        tried.update((uid, now) for uid in source.tried)
        newest = sorted(tried.items(), key=lambda item: (-item[1], item[0]))[:_MOST_TRIED]
        with archive.transaction():
            archive.set_cursor(TRIED, msgspec.json.encode(dict(newest)).decode())
    return report, dict(source.reasons)
